// SPDX-License-Identifier: Apache-2.0
//
// Check digits, against numbers from GS1's and ISO's own examples and by changing each digit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/decode/gs1.h"

static void test_gtins(void **state)
{
    (void)state;
    static const char *const good[] = {"4006381333931", "96385074", "036000291452", "10614141000415",
                                       "0000000000000"};
    static const char *const bad[] = {
        "4006381333932", "400638133393", "40063813339", "400638133393x", "", "1", "123456789012345"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tw_gs1_gtin_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tw_gs1_gtin_valid(bad[i], strlen(bad[i])));
    }
}

static void test_canonical(void **state)
{
    (void)state;
    char out[TW_GTIN_DIGITS + 1] = "untouched";
    assert_int_equal(tw_gs1_gtin_canonical("4006381333932", 13, out), TW_ERR_INVALID);
    assert_string_equal(out, "untouched");
    assert_int_equal(tw_gs1_gtin_canonical("96385074", 8, out), TW_OK);
    assert_string_equal(out, "00000096385074");
    assert_int_equal(tw_gs1_gtin_canonical("10614141000415", 14, out), TW_OK);
    assert_string_equal(out, "10614141000415");
}

static void test_luhn(void **state)
{
    (void)state;
    assert_true(tw_luhn_valid("79927398713", 11));
    assert_true(tw_luhn_valid("4111111111111111", 16));
    assert_true(tw_luhn_valid("378282246310005", 15));
    assert_false(tw_luhn_valid("79927398710", 11));
    assert_false(tw_luhn_valid("7992 398713", 11));
    assert_false(tw_luhn_valid("0", 1));
}

static void test_any_wrong_digit_is_found(void **state)
{
    (void)state;
    char gtin[] = "4006381333931";
    char card[] = "4111111111111111";
    for (size_t i = 0; i < 13; i++) {
        for (char digit = '0'; digit <= '9'; digit++) {
            char was = gtin[i];
            gtin[i] = digit;
            assert_int_equal(tw_gs1_gtin_valid(gtin, 13), digit == was);
            gtin[i] = was;
            was = card[i];
            card[i] = digit;
            assert_int_equal(tw_luhn_valid(card, 16), digit == was);
            card[i] = was;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gtins),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_luhn),
        cmocka_unit_test(test_any_wrong_digit_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
