// SPDX-License-Identifier: Apache-2.0
//
// What a scanner read, by the rules of a configuration: a loyalty card is one of theirs and no payment card,
// and a GTIN is the same number in every length it can be written in.
#include "agent/decode/gs1.h"
#include "tests/fuzz/target.h"
#include "tillwire/scan.h"

// Made once: rules are immutable.
static const struct tw_scan_rules *rules(void)
{
    static const struct tw_card_rule cards[] = {
        {.scheme = "club", .pattern = "^600920\\d{10}$", .check = "luhn"},
        {.scheme = "club", .pattern = "^29\\d{11}$", .check = "gtin"},
        {.scheme = "staff", .pattern = "^(S|T+)[A-Z0-9]{2,8}$"},
    };
    static struct tw_scan_rules *made;
    fuzz_require(made != NULL || tw_scan_rules_new(cards, 3, &made, NULL) == TW_OK);
    return made;
}

static void check_card(const struct tw_scan *scan)
{
    struct tw_guard guard = tw_scan_guard(rules());
    fuzz_require(scan->scheme != NULL && scan->card[0] != '\0');
    fuzz_require(!tw_guard_hits(&guard, tw_slice_of(scan->card)));
}

static void check_gtin(const uint8_t *data, size_t size)
{
    const char *digits = (const char *)data;
    char gtin[TW_GTIN_DIGITS + 1] = "";
    char again[TW_GTIN_DIGITS + 1] = "";
    if (tw_gs1_gtin_canonical(digits, size, gtin) == TW_OK) {
        fuzz_require(tw_gs1_gtin_valid(digits, size) && strlen(gtin) == TW_GTIN_DIGITS);
        fuzz_require(tw_gs1_gtin_canonical(gtin, TW_GTIN_DIGITS, again) == TW_OK && strcmp(gtin, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_scan scan = {.kind = TW_SCAN_OTHER};
    tw_scan_read(rules(), tw_slice_make(data, size), &scan);
    if (scan.kind == TW_SCAN_LOYALTY) {
        check_card(&scan);
    }
    check_gtin(data, size);
    return 0;
}
