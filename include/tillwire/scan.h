// SPDX-License-Identifier: Apache-2.0
//
// What a scanner reads: is it a loyalty card of this tenant, something to be refused (a payment
// card), or anything else? The rules come from `loyalty.cards` of the configuration. The canonical
// form of a card is its characters as encoded, without AIM identifier (ISO/IEC 15424) and without
// control characters around it.
//
// Threading: rules are immutable once made and may be shared. Memory: the caller's. Time: regular
// expressions run under PCRE2 limits. Errors: TW_ERR_INVALID names pattern and position.
#ifndef TW_SCAN_H
#define TW_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"
#include "tillwire/guard.h"

#define TW_CARD_MAX 64 // characters of an identifier, without the NUL

struct tw_card_rule { // one entry of loyalty.cards
    const char *scheme;
    const char *pattern; // PCRE2
    const char *check;   // "luhn", "gtin" (GS1 mod 10) or NULL
};

struct tw_scan_rules;

int TW_MUST_CHECK tw_scan_rules_new(const struct tw_card_rule *cards, size_t count,
                                    struct tw_scan_rules **out, struct tw_error_text *err);
void tw_scan_rules_free(struct tw_scan_rules *rules);

enum tw_scan_kind { TW_SCAN_OTHER = 0, TW_SCAN_LOYALTY, TW_SCAN_REFUSED };

struct tw_scan {
    enum tw_scan_kind kind;
    char card[TW_CARD_MAX + 1]; // canonical, when LOYALTY; personal
    const char *scheme;         // borrowed from the rules, when LOYALTY
};

// Reads one scan as it came from the scanner (without its terminator). Never fails: what is not
// understood is OTHER.
void tw_scan_read(const struct tw_scan_rules *rules, struct tw_slice raw, struct tw_scan *out);

// The guard that exempts these rules' cards. `rules` must outlive it; NULL gives one without exemptions.
struct tw_guard tw_scan_guard(const struct tw_scan_rules *rules);

#endif
