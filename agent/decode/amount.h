// SPDX-License-Identifier: Apache-2.0
//
// Numbers as tills print them: `1.234,56`, `1,234.56`, `1 234,56`, `-0,44`, `0.44-`, `(0.44)`,
// `$ 14.25`, `12,00 €`, `12,-`, `6.00%`, `0,652`. What a separator means is decided once per
// receipt, by vote, because `1.234` alone can be read two ways.
//
// Threading: pure. Memory: none allocated; results point into the text by offset. Time: linear.
// Errors: none; what is not a number is skipped.
#ifndef TW_AMOUNT_H
#define TW_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"

enum tw_number_kind {
    TW_NUMBER_COUNT,   // digits only: `value` is the number itself
    TW_NUMBER_MONEY,   // two decimals: `value` is in minor units
    TW_NUMBER_DECIMAL, // one, three or more decimals (a weight, a price in tenths of a cent)
    TW_NUMBER_PERCENT, // `value` is per cent times 100
    TW_NUMBER_OTHER,   // dates, times, telephone and article numbers, words with digits
};

struct tw_number {
    enum tw_number_kind kind;
    uint16_t begin, end; // bytes of the line, with sign, brackets and what is attached
    uint16_t digits;     // where the first digit stands
    uint8_t decimals;    // of MONEY and DECIMAL
    bool has_currency;   // a currency sign is attached or next to it
    int64_t value;       // as said at the kind; DECIMAL: all digits without the separator
};

#define TW_NUMBERS_MAX 12

// Finds the numbers of one line, at most `max`. `decimal` is '.' or ','.
size_t tw_number_find(struct tw_slice line, char decimal, struct tw_number *out, size_t max);

// '.' or ',': which of the two stands before two digits at the end of a number in this line more
// often, as votes: positive for ',', negative for '.'. 0 when the line does not tell.
int tw_decimal_vote(struct tw_slice line);

// The number as decimal text with '.' ("0.652", "2") into `out`; 2 decimals of MONEY are kept as
// printed. Returns the length, 0 when it does not fit.
size_t tw_number_text(const struct tw_number *number, char *out, size_t size);

// quantity * unit in minor units, rounded half away from zero. `quantity` as a found number.
int64_t tw_number_times(const struct tw_number *quantity, int64_t unit_minor);

// True when all that follows `from` in the line are marks tills put behind an amount: tax letters
// and figures, stars, currency names.
bool tw_amount_is_last(struct tw_slice line, size_t from);

// Length of a currency sign or name (`€`, `EUR`, `kr`, `zł` …) at `at`, or 0. A name must end there.
size_t tw_currency_at(struct tw_slice line, size_t at);

#endif
