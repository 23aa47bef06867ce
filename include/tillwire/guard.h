// SPDX-License-Identifier: Apache-2.0
//
// The payment guard (P6): finds what may be a payment card number or track data in text and masks
// it before the text is kept anywhere. A candidate is 13 to 19 digits, alone or grouped by single
// spaces, dashes or other one-byte separators, that pass Luhn (ISO/IEC 7812-1 Annex B) and begin
// with an issuer range; a 13-digit group with a valid GTIN check digit is a GTIN (GS1 General
// Specifications 7.9). Configured loyalty numbers and GSRNs (18 digits, AI 8018/8017, valid check
// digit) are exempt. Track 1/2 forms (ISO/IEC 7813) are masked whole.
//
// Threading: a guard is immutable after it is made and may be shared. Memory: the caller's text is
// changed in place, its length stays. Time: linear in the text. Errors: none once made.
#ifndef TW_GUARD_H
#define TW_GUARD_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
