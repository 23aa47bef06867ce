// SPDX-License-Identifier: Apache-2.0
//
// Magnetic stripe data in text (ISO/IEC 7813): track 1 is %B, number, ^, name, ^, expiry and more,
// ?; track 2 is ;, number, =, expiry and more, ?. Readers and tills drop the sentinels, and chips
// give track 2 with a D for the =. Part of the payment guard.
//
// Threading: pure. Memory: no allocation. Time: linear in the text. Errors: none.
#ifndef TW_DECODE_TRACK_H
#define TW_DECODE_TRACK_H

#include <stddef.h>

#include "tillwire/guard.h"

// Finds track data and, when `out` (the same text) is not NULL, replaces all of it with '*'.
// Returns how many there are. Without sentinels the number must be an issuer's and pass Luhn.
size_t tw_track_sweep(const struct tw_guard *guard, const char *text, size_t len, char *out);

#endif
