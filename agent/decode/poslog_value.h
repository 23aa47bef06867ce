// SPDX-License-Identifier: Apache-2.0
//
// The values of a POSLog as a sale has them: money, quantities, days, times, article numbers. The lexical
// forms are those of XML Schema part 2 (decimal 3.2.3, date 3.2.9, dateTime 3.2.7), read with some
// forgiveness.
//
// Threading: pure functions. Memory: no allocation. Time: none. Errors: false, and `out` untouched, for what
// is not of the form; nothing is guessed.
#ifndef TW_DECODE_POSLOG_VALUE_H
#define TW_DECODE_POSLOG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The decimals of a currency's minor unit (ISO 4217, column "minor unit"): 2 but for some.
unsigned tw_poslog_decimals(const char *currency);

// "12.50", "-0,5", "+3.0000" in minor units. False where it has more decimals than the currency that are not
// 0, or is beyond TW_MONEY_MAX.
bool tw_poslog_money(const char *text, unsigned decimals, int64_t *out);

// A decimal number as tillwire/sale.h has quantities: at most 12 digits and 6 decimals. Writes at most 22
// characters with the NUL.
bool tw_poslog_quantity(const char *text, char out[22]);

// "2017-10-01", with or without more behind it.
bool tw_poslog_day(const char *text, char out[11]);

// RFC 3339 without fraction, with the offset where there is one: "2017-10-01T02:02:54".
bool tw_poslog_time(const char *text, char out[26]);

// A GTIN with its check digit, 8, 12, 13 or 14 digits, without the zeros it is padded with to more. A price
// look-up code that is padded to 14 digits is none.
bool tw_poslog_gtin(const char *text, char out[15]);

#endif
