// SPDX-License-Identifier: Apache-2.0
//
// What a centre's database holds, counted from its rows, with every hash chain computed again.
// Opens the file for reading only and may run beside the service.
//
// Threading: one thread. Memory: a page cache. Time: none. Errors: the text names the file.
#ifndef TW_CENTRAL_REPORT_H
#define TW_CENTRAL_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "tillwire/err.h"

// Prints the report. `well` is whether there is no gap, no broken chain, nothing rejected or unreadable.
int TW_MUST_CHECK tw_report(const char *database, bool json, FILE *out, bool *well,
                            struct tw_error_text *err);

#endif
