// SPDX-License-Identifier: Apache-2.0
//
// Which numbers payment networks issue: the ranges of issuer identification numbers (ISO/IEC
// 7812-1) with the lengths of card numbers in use there. Networks do not publish one list; the sources of
// each line stand at the table in issuer_ranges.c. To add a network, add its lines there with theirs.
//
// Threading: pure functions. Memory: no allocation. Time: none. Errors: none.
#ifndef TW_DECODE_ISSUER_RANGES_H
#define TW_DECODE_ISSUER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_PAN_MIN 13
#define TW_PAN_MAX 19

// Bit n - TW_PAN_MIN: numbers of n digits exist.
struct tw_issuer_lengths {
    uint8_t whole;  // of a number that stands for itself
    uint8_t inside; // of a part of a longer one, where only the lengths that are common count
};

static inline bool tw_issuer_has(uint8_t lengths, size_t len)
{
    return len >= TW_PAN_MIN && len <= TW_PAN_MAX && (lengths >> (len - TW_PAN_MIN) & 1) != 0;
}

// The lengths of numbers that begin with these six ASCII digits; of both none when nobody issues them.
struct tw_issuer_lengths tw_issuer_lengths(const char *digits);

// True when `len` ASCII digits (at least six) begin with an issuer's range and have a length it uses.
bool tw_issuer_knows(const char *digits, size_t len, bool inside);

#endif
