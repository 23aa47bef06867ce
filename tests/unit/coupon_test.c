// SPDX-License-Identifier: Apache-2.0
//
// Coupons in GS1 element strings: what is of the structure, and that every shorter and longer row of digits
// is not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/decode/coupon.h"

static bool is_valid(const char *identifier, const char *digits)
{
    return tw_coupon_valid(identifier, digits, strlen(digits));
}

static void whole_coupons_are_valid(void **state)
{
    (void)state;
    assert_true(is_valid("255", "5412345678908"));             // a GCN
    assert_true(is_valid("255", "5412345678908123456789012")); // with the longest serial number
    // Company 0614141, offer 654321, 2.50 off one of family 120.
    assert_true(is_valid("8110", "1061414165432132501101203140131")); // until 31 January 2014
    assert_true(is_valid("8110", "10614141654321325011012031401315"   // serial number 123456
                                 "0123456"));
    assert_true(is_valid("8110", "1061414165432132501101201013085093140131")); // and three of family 850
    assert_true(is_valid("8110", "106141416543213250110120"
                                 "610614141"
                                 "95001")); // of one retailer
    assert_true(is_valid("8112", "010614141654321"
                                 "0123456"));
    assert_true(is_valid("8112", "16012345678901654321"
                                 "9123456789012345"));
}

static void other_rows_of_digits_are_not(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "7061414165432132501101203140131",        // a company prefix of 13 digits
        "1061414165432162501101203140131",        // a value of six digits
        "1061414165432132501151203140131",        // a unit there is not
        "1061414165432132501101203141331",        // month 13
        "10614141654321325011012041401313140131", // the start before the expiry
        "1061414165432132501101207140131",        // a field there is not
        "10614141654321325011012093000",          // a way to save there is not
        "106141416543213250110120314013",         // cut
        "10614141654321325011012031401311",       // and more
        "106141416543213250110120314013a",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(is_valid("8110", others[i]));
    }
    assert_false(is_valid("255", "5412345678909"));
    assert_false(is_valid("255", "54123456789081234567890123"));
    assert_false(is_valid("8112", "2106141416543210123456"));
    assert_false(is_valid("8112", "01061414165432101234567"));
    assert_false(is_valid("01", "5412345678908"));
}

static void every_cut_is_another_thing(void **state)
{
    (void)state;
    static const char whole[] = "1061414165432132501101203140131";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        // Without the last field it is a coupon that does not expire.
        assert_int_equal(tw_coupon_valid("8110", whole, len), len == sizeof whole - 1 - 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_coupons_are_valid),
        cmocka_unit_test(other_rows_of_digits_are_not),
        cmocka_unit_test(every_cut_is_another_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
