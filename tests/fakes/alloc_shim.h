// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out at a chosen allocation: of our own code (linked with --wrap for malloc, calloc,
// realloc and strdup) and of SQLite. Other libraries and the C library are left alone.
//
// Threading: one thread. Memory: none. Time: none. Errors: none.
#ifndef TW_ALLOC_SHIM_H
#define TW_ALLOC_SHIM_H

#include <stdbool.h>

// Before anything else uses SQLite.
void alloc_shim_install(void);
// Allocation number `at` from now (1: the next one) fails; with `lasting` all after it as well.
void alloc_shim_fail(unsigned long at, bool lasting);
// Memory is back. How many allocations failed.
unsigned long alloc_shim_stop(void);

#endif
