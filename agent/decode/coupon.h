// SPDX-License-Identifier: Apache-2.0
//
// Coupons in GS1 element strings, told by their structure: long rows of digits that are no card numbers. AI
// 255 is the Global Coupon Number with its serial number (GS1 General Specifications, 3.5: N13 with a check
// digit and up to 12 digits); AI 8110 the North American coupon and AI 8112 the paperless one of a positive
// offer file (3.9; fields as in the Joint Industry Coupon Committee's "North American Coupon Application
// Guideline Using GS1 DataBar Expanded Symbols", R2.0 of 13 February 2015).
//
// Threading: pure functions. Memory: no allocation. Time: linear in the digits. Errors: what is not of the
// structure is simply not valid.
#ifndef TW_DECODE_COUPON_H
#define TW_DECODE_COUPON_H

#include <stdbool.h>
#include <stddef.h>

// True when `len` ASCII digits are, to the last one, the data behind application identifier "255", "8110" or
// "8112".
bool tw_coupon_valid(const char *identifier, const char *digits, size_t len);

#endif
