// SPDX-License-Identifier: Apache-2.0
//
// Magnetic stripe data (ISO/IEC 7813): track 1 is %B, number, ^, name, ^, expiry and more, ?;
// track 2 is ;, number, =, expiry and more, ?. Track 3 (ISO/IEC 4909) is ; or +, two digits of
// format, number, =, more, ?. Readers and tills drop the sentinels, and chips give track 2 with a
// D for the =. Part of the payment guard.
//
// Threading: one thread at a time. Memory: no allocation. Time: at most 21 digits are looked at. Errors:
// none.
#ifndef TW_DECODE_TRACK_H
#define TW_DECODE_TRACK_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/decode/guard_chain.h"

#define TW_TRACK_MAX    107 // characters of the longest track, track 3
#define TW_TRACK_EXPIRY 4   // digits after the separator of track 2 and 3, at least

struct tw_track_number {
    size_t first; // its first digit in the chain
    size_t start; // where it is in the text
    size_t count; // digits
};

// Whether the digits at the end of the chain are the number of track data that is split at
// text[split], the byte after them: ^ for track 1, else =, D or d. Without sentinels the number
// must be an issuer's and pass Luhn.
bool tw_track_find(const struct tw_guard_chain *chain, const char *text, size_t split,
                   struct tw_track_number *number);

#endif
