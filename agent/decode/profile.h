// SPDX-License-Identifier: Apache-2.0
//
// A compiled receipt profile: for each thing a line can be, one expression made of the profile's
// rules and, behind them, those of the generic profile, so that a shop's profile only says what is
// different. A matcher is the scratch memory one reading needs.
//
// Threading: a profile is immutable and may be shared; a matcher belongs to one thread at a time.
// Memory: tw_profile_free, tw_matcher_free. Time: PCRE2 match and depth limits bound each match.
// Errors: compile errors name profile, rule and position; a match over its limits is no match.
#ifndef TW_PROFILE_H
#define TW_PROFILE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "tillwire/reader.h"

// What a line may be. The names in a profile are those of tw_is_name.
enum tw_is {
    TW_IS_IGNORE = 0, // amounts on it mean nothing here
    TW_IS_SAVED,      // what the customer saved: a repetition
    TW_IS_POINTS,
    TW_IS_NET, // total without tax
    TW_IS_TAX,
    TW_IS_CHANGE,
    TW_IS_ROUNDING,
    TW_IS_SUBTOTAL,
    TW_IS_TOTAL,
    TW_IS_CASH,
    TW_IS_CARD,
    TW_IS_VOUCHER,
    TW_IS_GIFT_CARD,
    TW_IS_MOBILE,
    TW_IS_POINTS_TENDER,
    TW_IS_TENDER, // paid, but the line does not say how
    TW_IS_DISCOUNT,
    TW_IS_SALE_DISCOUNT, // on the whole sale
    TW_IS_COUPON,
    TW_IS_DEPOSIT,
    TW_IS_FEE,
    TW_IS_VOID_LINE,
    TW_IS_RETURN_LINE,
    TW_IS_RETURN, // from here on: markers of the whole receipt
    TW_IS_VOID,
    TW_IS_COPY,
    TW_IS_TRAINING,
    TW_IS_REPORT,
    TW_IS_SLIP,
    TW_IS_ORDER,
    TW_IS_RECEIPT,
    TW_IS_HEADING,    // column headings
    TW_IS_TAX_TABLE,  // heading of a tax table
    TW_IS_TAX_TOTAL,  // a tax line that sums others up
    TW_IS_NOT_NUMBER, // a line whose receipt number is another receipt's
    TW_IS_RECEIPT_NUMBER,
    TW_IS_STORE,
    TW_IS_WORKSTATION,
    TW_IS_OPERATOR,
    TW_IS_MEMBER,
    TW_IS_COUPON_CODE,
    TW_IS_BRAND,
    TW_IS_COUNT,
};

static_assert(TW_IS_COUNT <= 64, "a set of what a line may be is one uint64_t");

#define TW_IS_BIT(is) (UINT64_C(1) << (is))

#define TW_IS_ALL     (TW_IS_BIT(TW_IS_COUNT) - 1)
#define TW_IS_AMOUNTS (TW_IS_BIT(TW_IS_RETURN) - 1) // the kinds that carry an amount

const char *tw_is_name(enum tw_is is); // "total", …

struct tw_matcher;

int TW_MUST_CHECK tw_matcher_new(const struct tw_profile *profile, struct tw_matcher **out);
void tw_matcher_free(struct tw_matcher *matcher);

unsigned tw_profile_columns(const struct tw_profile *profile); // 0: the printer's default
char tw_matcher_decimal(const struct tw_matcher *matcher);     // '.', ',', or 0: by vote

// All that `line` is, of what is in `want`, as a set of TW_IS_BIT. What the profile's own rules say
// of the kinds that carry an amount replaces what the generic ones would say.
uint64_t tw_matcher_classify(struct tw_matcher *matcher, struct tw_slice line, uint64_t want);

// How many matches of an expression have been tried so far: a measure of work that no clock disturbs.
uint64_t tw_matcher_work(const struct tw_matcher *matcher);

// The group `value` of the expression for `is` where it matches in `line`, else the whole match;
// false when it does not match. Points into `line`.
bool tw_matcher_value(struct tw_matcher *matcher, enum tw_is is, struct tw_slice line, struct tw_slice *out);

#endif
