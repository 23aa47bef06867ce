// SPDX-License-Identifier: Apache-2.0
//
// What a scan is: a card of the tenant, a payment card (P6), or something else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tillwire/scan.h"

static struct tw_scan_rules *make_rules(void)
{
    static const struct tw_card_rule cards[] = {
        {.scheme = "club", .pattern = "^6009200\\d{9}$", .check = "luhn"},
        {.scheme = "shop", .pattern = "29\\d{11}", .check = "gtin"},
        {.scheme = "app", .pattern = "APP-[A-Z0-9]{6}", .check = NULL},
    };
    struct tw_scan_rules *rules = NULL;
    struct tw_error_text err;
    assert_int_equal(tw_scan_rules_new(cards, 3, &rules, &err), TW_OK);
    return rules;
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum tw_scan_kind kind;
        const char *card, *scheme;
    } scans[] = {
        {"6009200000009310", TW_SCAN_LOYALTY, "6009200000009310", "club"},
        {"]C06009200000009310\r\n", TW_SCAN_LOYALTY, "6009200000009310", "club"},
        {"\x02]e06009200000009310\x03", TW_SCAN_LOYALTY, "6009200000009310", "club"},
        {"6009200000009311", TW_SCAN_OTHER, "", NULL},  // check digit
        {"x6009200000009310", TW_SCAN_OTHER, "", NULL}, // the whole code must match
        {"2912345678906", TW_SCAN_LOYALTY, "2912345678906", "shop"},
        {"2912345678907", TW_SCAN_OTHER, "", NULL},
        {"APP-12AB34", TW_SCAN_LOYALTY, "APP-12AB34", "app"},
        {"APP-12AB345", TW_SCAN_OTHER, "", NULL},
        {"4111111111111111", TW_SCAN_REFUSED, "", NULL},
        {"]Q34111 1111 1111 1111\n", TW_SCAN_REFUSED, "", NULL},
        {"%B4111111111111111^DOE/JOHN^3012101?", TW_SCAN_REFUSED, "", NULL},
        {";1234567890123456=3012101?", TW_SCAN_REFUSED, "", NULL},
        {"4006381333931", TW_SCAN_OTHER, "", NULL},
        {"]", TW_SCAN_OTHER, "", NULL},
        {"\r\n", TW_SCAN_OTHER, "", NULL},
        {"", TW_SCAN_OTHER, "", NULL},
    };
    struct tw_scan_rules *rules = make_rules();
    for (size_t i = 0; i < sizeof scans / sizeof scans[0]; i++) {
        struct tw_scan scan;
        tw_scan_read(rules, tw_slice_of(scans[i].raw), &scan);
        assert_int_equal(scan.kind, scans[i].kind);
        assert_string_equal(scan.card, scans[i].card);
        if (scans[i].scheme != NULL) {
            assert_string_equal(scan.scheme, scans[i].scheme);
        }
    }
    tw_scan_rules_free(rules);
}

// What the first two digits rule out is known beforehand: it must not rule out more than the pattern does.
static void test_patterns_of_any_form_are_tried(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *heads; // with which two digits a number of twelve matches
    } table[] = {
        {"^97\\d{10}$", "97"},
        {"(12|3[45]|0)\\d+", "00010203040506070809123435"},
        {"(?=50)\\d{12}", "50"},
        {"(?!0)[01]\\d{11}|77\\d+", "1011121314151617181977"},
        {"\\d*?64\\d{10}", "64"},
        {"(\\d)\\1\\d{10}", "00112233445566778899"},
        {"8(?:8|\\d{0}9)0{10}\\b", "8889"},
        {"(?<!5)6[01]0+$", "6061"},
        {"x\\d+", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct tw_card_rule rule = {.scheme = "s", .pattern = table[i].pattern};
        struct tw_scan_rules *rules = NULL;
        assert_int_equal(tw_scan_rules_new(&rule, 1, &rules, NULL), TW_OK);
        char matched[201] = "";
        for (unsigned head = 0; head < 100; head++) {
            char number[13];
            struct tw_scan scan;
            (void)snprintf(number, sizeof number, "%02u0000000000", head);
            tw_scan_read(rules, tw_slice_of(number), &scan);
            if (scan.kind == TW_SCAN_LOYALTY) {
                (void)strncat(matched, number, 2);
            }
        }
        assert_string_equal(matched, table[i].heads);
        tw_scan_rules_free(rules);
    }
}

static void test_a_code_that_is_too_long_is_other(void **state)
{
    (void)state;
    const struct tw_card_rule any = {.scheme = "any", .pattern = ".*", .check = NULL};
    struct tw_scan_rules *rules = NULL;
    assert_int_equal(tw_scan_rules_new(&any, 1, &rules, NULL), TW_OK);
    char raw[TW_CARD_MAX + 1];
    memset(raw, 'a', sizeof raw);
    struct tw_scan scan;
    tw_scan_read(rules, tw_slice_make(raw, TW_CARD_MAX), &scan);
    assert_int_equal(scan.kind, TW_SCAN_LOYALTY);
    tw_scan_read(rules, tw_slice_make(raw, TW_CARD_MAX + 1), &scan);
    assert_int_equal(scan.kind, TW_SCAN_OTHER);
    tw_scan_rules_free(rules);
}

static void test_without_rules(void **state)
{
    (void)state;
    struct tw_scan scan;
    tw_scan_read(NULL, tw_slice_of("6009200000009310"), &scan);
    assert_int_equal(scan.kind, TW_SCAN_REFUSED);
    tw_scan_read(NULL, tw_slice_of("hello"), &scan);
    assert_int_equal(scan.kind, TW_SCAN_OTHER);
}

// P8: the message names the pattern and the place.
static void test_p8_bad_rules_say_what_is_wrong(void **state)
{
    (void)state;
    struct tw_scan_rules *rules = NULL;
    struct tw_error_text err;
    const struct tw_card_rule open = {.scheme = "club", .pattern = "^60(\\d+$", .check = NULL};
    assert_int_equal(tw_scan_rules_new(&open, 1, &rules, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "\"^60(\\d+$\" has an error at character 9"));
    const struct tw_card_rule check = {.scheme = "club", .pattern = "1", .check = "crc"};
    assert_int_equal(tw_scan_rules_new(&check, 1, &rules, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "use luhn or gtin"));
    assert_null(rules);
}

static void test_a_costly_pattern_gives_up(void **state)
{
    (void)state;
    const struct tw_card_rule costly = {.scheme = "x", .pattern = "(a+)+b", .check = NULL};
    struct tw_scan_rules *rules = NULL;
    assert_int_equal(tw_scan_rules_new(&costly, 1, &rules, NULL), TW_OK);
    struct tw_scan scan;
    tw_scan_read(rules, tw_slice_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"), &scan);
    assert_int_equal(scan.kind, TW_SCAN_OTHER);
    tw_scan_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_patterns_of_any_form_are_tried),
        cmocka_unit_test(test_a_code_that_is_too_long_is_other),
        cmocka_unit_test(test_without_rules),
        cmocka_unit_test(test_p8_bad_rules_say_what_is_wrong),
        cmocka_unit_test(test_a_costly_pattern_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
