// SPDX-License-Identifier: Apache-2.0
//
// Numbers and foreign text as a person reads them in a terminal.
//
// Threading: pure functions. Memory: the caller's. Time: none. Errors: none.
#ifndef TW_TOOLS_CLI_TEXT_H
#define TW_TOOLS_CLI_TEXT_H

#include <stdint.h>

#include "tillwire/bytes.h"

#define TW_TEXT_MAX 32

// "42 s", "5 min", "3 h", "12 days"; "never" below 0.
void tw_text_age(int64_t seconds, char out[TW_TEXT_MAX]);
// "512 B", "1.5 KiB", "2.0 MiB".
void tw_text_bytes(int64_t bytes, char out[TW_TEXT_MAX]);
// 1234567 as "1 234 567".
void tw_text_count(int64_t count, char out[TW_TEXT_MAX]);
// "2026-11-22T09:15:00.123Z" as "11-22 10:15:00", where the terminal stands; "?" for what is no time or NULL.
void tw_text_time(const char *utc, char out[TW_TEXT_MAX]);
// Appends text that came from elsewhere: control characters, which could move the cursor or change
// colours, become '?'.
void tw_text_plain(struct tw_slice text, struct tw_buf *out);

#endif
