// SPDX-License-Identifier: Apache-2.0
//
// The serial lines of a tap that is a board: `till`, `printer` and `scanner` of its entry in `devices`.
//
// Threading: one thread at a time. Memory: borrows what it is given. Time: none.
// Errors: TW_ERR_INVALID with place and remedy, through `err` of the memory.
#ifndef TW_CONFIG_LINES_H
#define TW_CONFIG_LINES_H

#include "agent/config/check.h"

// Takes what this file says of the lines over what an earlier one said. What neither says is 8 bits, no
// parity, 1 stop bit, no flow control, and a speed the board finds by itself.
int TW_MUST_CHECK tw_config_merge_lines(const struct tw_config_memory *memory, struct tw_device_config *into,
                                        const struct tw_file_device *from);

// Only boards have lines of their own.
int TW_MUST_CHECK tw_config_check_lines(const struct tw_config_memory *memory,
                                        const struct tw_device_config *device);

#endif
