// SPDX-License-Identifier: Apache-2.0
//
// The tap's memory: the ring of bytes [first, next) and the ring of records (marks and times) that
// belong to them. Inside firmware/core only; tap.h is the door.
//
// Threading: as tap.h. Memory: the caller's, given to tw_tap_init. Time: stored, never read from a
// clock. Errors: none; what has no room is given up and counted in lost_bytes.
#ifndef TW_TAP_RING_H
#define TW_TAP_RING_H

#include "firmware/core/tap.h"

// The frame on its way out is no more, sent or not: wiped.
void tw_tap_drop_frame(struct tw_tap *tap);

// Everything before `offset` is acknowledged: wiped, with its records. Records at `offset` stay.
void tw_tap_forget(struct tw_tap *tap, uint64_t offset);

// Index of the oldest record at or after `offset`.
uint64_t tw_tap_find_record(const struct tw_tap *tap, uint64_t offset);

// The next mark at the send position, or NULL; borrowed until the next call. Moves the send position
// of records past every time record on the way, and tw_tap_pass_mark past that mark.
const struct tw_tap_record *tw_tap_due_mark(struct tw_tap *tap);
void tw_tap_pass_mark(struct tw_tap *tap);

// At most `room` bytes from `offset` on that share one time and lie in one piece, borrowed until the
// next print. Needs first <= offset < next and room > 0; returns at least 1.
size_t tw_tap_piece(const struct tw_tap *tap, uint64_t offset, size_t room, const uint8_t **bytes);

// When the byte at the send position was printed.
uint64_t tw_tap_time_at_send(const struct tw_tap *tap);

#endif
