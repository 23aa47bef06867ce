// SPDX-License-Identifier: Apache-2.0
//
// What the payment guard decides on: a chain of digits, in groups, with what stood between them,
// no matter what bytes they came from. A candidate's digits are masked as soon as nothing that
// follows can change the verdict. The text (guard.c) and the stream (guard_stream.c) both fill
// chains through a lane (guard_lane.h), so that there is one decision.
//
// Threading: one thread at a time. Memory: no allocation; at most TW_GUARD_CHAIN_DIGITS digits that span
// TW_GUARD_CHAIN_SPAN bytes are undecided. Time: linear in the digits. Errors: none.
#ifndef TW_DECODE_GUARD_CHAIN_H
#define TW_DECODE_GUARD_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/guard.h"

#define TW_GUARD_CHAIN_DIGITS  128
#define TW_GUARD_CHAIN_SPAN    1024 // bytes from a candidate's first digit to its last, at most
#define TW_GUARD_CHAIN_HISTORY 8    // bytes before a chain that the verdict looks at

// What stands between two groups of digits; 0 is nothing (a style command, perhaps).
#define TW_GUARD_GAP_THERE  0x100u
#define TW_GUARD_GAP_SINGLE 0x200u // one character
#define TW_GUARD_GAP_WHITE  0x400u // blanks, line ends and positions only
#define TW_GUARD_GAP_CLASS  0x0FFu // which character, when single

struct tw_guard_chain {
    const struct tw_guard *guard;
    char *out;     // as long as the text: '*' is written where it is masked; NULL: only count
    size_t hits;   // candidates found since tw_guard_chain_init
    size_t marked; // end of what was masked
    size_t first;  // digits first to count - 1 are undecided; none when count is 0
    size_t count;
    size_t skip; // no candidate begins before this digit
    bool cut;    // the first run of digits had more, which are decided
    char digits[TW_GUARD_CHAIN_DIGITS];
    uint16_t gap[TW_GUARD_CHAIN_DIGITS]; // what stands before the digit, TW_GUARD_GAP_…
    size_t pos[TW_GUARD_CHAIN_DIGITS];   // where it is in the text
};

void tw_guard_chain_init(struct tw_guard_chain *chain, const struct tw_guard *guard, char *out);

// Adds `len` digits from text + pos; `gap` is what stands between them and the digit before.
void tw_guard_chain_add(struct tw_guard_chain *chain, const char *text, size_t pos, size_t len, unsigned gap);

// What follows cannot belong to it: decides the rest and forgets it.
void tw_guard_chain_end(struct tw_guard_chain *chain, const char *text);

// Masks the bytes from `from` to before `to`.
void tw_guard_chain_mask(struct tw_guard_chain *chain, size_t from, size_t to);

// The text begins `by` bytes later.
void tw_guard_chain_shift(struct tw_guard_chain *chain, size_t by);

// True for what the tenant calls a loyalty number.
bool tw_guard_chain_exempts(const struct tw_guard *guard, const char *digits, size_t len);

#endif
