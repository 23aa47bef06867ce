// SPDX-License-Identifier: Apache-2.0
//
// Which numbers payment networks issue: the ranges of issuer identification numbers (ISO/IEC
// 7812-1) with the lengths of card numbers in use there. To add a network, add its lines to the
// table in issuer.c.
//
// Threading: pure functions. Memory: no allocation. Time: none. Errors: none.
#ifndef TW_DECODE_ISSUER_H
#define TW_DECODE_ISSUER_H

#include <stdbool.h>
#include <stddef.h>

#define TW_PAN_MIN 13
#define TW_PAN_MAX 19

// True when `len` ASCII digits begin with an issuer's range and have a length it uses. `inside`
// asks it of a part of a longer number, where only the lengths that are common count.
bool tw_issuer_knows(const char *digits, size_t len, bool inside);

#endif
