// SPDX-License-Identifier: Apache-2.0
//
// Check digits of numbers made of decimal digits: GS1's modulo 10 (GS1 General Specifications,
// 7.9) for GTIN, GSRN and the like, and Luhn's (ISO/IEC 7812-1, Annex B) for cards.
//
// Threading: pure functions. Memory: no allocation. Time: none. Errors: anything that is not all
// ASCII digits is simply not valid.
#ifndef TW_DECODE_GS1_H
#define TW_DECODE_GS1_H

#include <stdbool.h>
#include <stddef.h>

#include "tillwire/err.h"

#define TW_GTIN_DIGITS 14

// True when the last of `len` digits is the GS1 check digit of those before it. Any length from 2.
bool tw_gs1_check_valid(const char *digits, size_t len);

// True for a GTIN-8, -12, -13 or -14 with its check digit.
bool tw_gs1_gtin_valid(const char *digits, size_t len);

// The same GTIN as 14 digits, zeros in front (GS1 General Specifications, 3.3.2), and a NUL.
// TW_ERR_INVALID when it is none.
int TW_MUST_CHECK tw_gs1_gtin_canonical(const char *digits, size_t len, char out[TW_GTIN_DIGITS + 1]);

// True when `len` digits, from 2, pass Luhn.
bool tw_luhn_valid(const char *digits, size_t len);

#endif
