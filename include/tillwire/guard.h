// SPDX-License-Identifier: Apache-2.0
//
// The payment guard (P6): finds what may be a payment card number or track data and masks it before
// the bytes are kept anywhere. A candidate is 13 to 19 digits, alone or in groups, that pass Luhn
// (ISO/IEC 7812-1 Annex B) and begin with an issuer's range (agent/decode/issuer_ranges.c); tracks
// 1, 2 and 3 (ISO/IEC 7813, 4909) are masked whole. A GTIN-13 or -14 with its check digit (GS1
// General Specifications 7.9), configured loyalty numbers and GSRNs (AI 8018, 8017) are exempt.
//
// Two ways in: a text, line by line, in place (tw_guard_mask); and a stream of bytes in any pieces
// (tw_guard_stream), which also sees through line ends and the commands of ESC/POS.
// Only the ASCII digits are digits. Not seen: full-width and other digits, packed digits (BCD, CODE128's set
// C), key codes of evdev, numbers in hex, base64 or JSON escapes. Put the guard before any such
// encoding.
//
// Threading: a guard is immutable after it is made and may be shared; a stream belongs to one
// thread at a time. Memory: the caller's text is changed in place; a stream has one fixed piece of
// memory, wiped when it is given back. Time: linear in the bytes. Errors: none once made.
#ifndef TW_GUARD_H
#define TW_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

// Says whether the digits (no separators, NUL-terminated) are a configured loyalty number.
typedef bool tw_guard_exempt_fn(void *ctx, const char *digits);

struct tw_guard {
    tw_guard_exempt_fn *exempt; // may be NULL
    void *ctx;
};

// Masks in place: every digit of a candidate but its last four becomes '*'. Returns how many
// candidates were masked.
size_t tw_guard_mask(const struct tw_guard *guard, char *text, size_t len);

// True when tw_guard_mask would mask something; the text is not changed.
bool tw_guard_hits(const struct tw_guard *guard, struct tw_slice text);

// A filter in front of whatever keeps bytes: the same bytes come out, in the same order and
// number, so that offsets stay; those to be masked are '*'. What could still become part of a
// candidate is held back, and nothing else.
struct tw_guard_stream;

// At most so many bytes are held back: a candidate spans at most 1,024 bytes with all that stands
// between its digits, and what may join the next digit to it 64.
#define TW_GUARD_HOLD_MAX 1152

// Takes what comes out, in pieces of any size, within tw_guard_stream_feed and _flush. The bytes
// are the stream's, valid during the call.
typedef void tw_guard_sink_fn(void *ctx, struct tw_slice bytes);

// Makes a stream. `guard` is borrowed and must outlive it. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_guard_stream_new(const struct tw_guard *guard, tw_guard_sink_fn *sink, void *ctx,
                                      struct tw_guard_stream **out);

// Takes the next bytes, in pieces of any size: what comes out does not depend on how they are cut.
void tw_guard_stream_feed(struct tw_guard_stream *stream, struct tw_slice bytes);

// Nothing will follow: gives out all that is held, and begins anew. At the end, and at a pause long
// enough that a number cannot go on after it (a second is: no device and no printer stops within
// one for so long). A number that is cut by a flush is not found.
void tw_guard_stream_flush(struct tw_guard_stream *stream);

// How many bytes went in and did not come out yet.
size_t tw_guard_stream_held(const struct tw_guard_stream *stream);

// How many bytes were masked since it was made.
uint64_t tw_guard_stream_masked(const struct tw_guard_stream *stream);

// Wipes and frees it; NULL does nothing. What is held is not given out: flush first.
void tw_guard_stream_free(struct tw_guard_stream *stream);

#endif
