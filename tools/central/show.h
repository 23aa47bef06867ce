// SPDX-License-Identifier: Apache-2.0
//
// What the centre prints: for a person one line for each sale, for a program each event as one line
// of JSON.
//
// Threading: pure. Memory: the caller's buffer. Time: none. Errors: through the buffer.
#ifndef TW_CENTRAL_SHOW_H
#define TW_CENTRAL_SHOW_H

#include "tillwire/bytes.h"
#include "tools/central/intake.h"

// {"source","epoch","sequence","id","type","subject","time","data"} and a newline; `payload` is what the
// event was judged from.
void tw_show_json(const struct tw_judgement *event, const char *source, struct tw_slice payload,
                  struct tw_buf *out);

// Sales and what could not be captured; nothing for the rest. `tier` of the customer, may be empty.
void tw_show_line(const struct tw_judgement *event, const char *source, const char *tier, struct tw_buf *out);

#endif
