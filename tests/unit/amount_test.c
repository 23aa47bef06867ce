// SPDX-License-Identifier: Apache-2.0
//
// Numbers as tills print them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/amount.h"

static const char *kind_name(enum tw_number_kind kind)
{
    static const char *const names[] = {"count", "money", "decimal", "percent", "other"};
    return names[kind];
}

// One line as "kind:value kind:value", "!" behind the amount that ends it.
static void describe(const char *text, char decimal, char *out, size_t size)
{
    struct tw_number numbers[TW_NUMBERS_MAX];
    struct tw_slice line = tw_slice_of(text);
    size_t count = tw_number_find(line, decimal, numbers, TW_NUMBERS_MAX);
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < count; i++) {
        bool last = numbers[i].kind == TW_NUMBER_MONEY && tw_amount_is_last(line, numbers[i].end);
        assert_true(numbers[i].begin < numbers[i].end && numbers[i].end <= line.len);
        char value[24] = "";
        if (numbers[i].kind != TW_NUMBER_OTHER) {
            (void)snprintf(value, sizeof value, ":%lld%s", (long long)numbers[i].value, last ? "!" : "");
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s%s", i > 0 ? " " : "",
                                 kind_name(numbers[i].kind), value);
    }
}

static void numbers_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char decimal;
        const char *want;
    } table[] = {
        {"MILK  1.29", '.', "money:129!"},
        {"MILK  1,29", ',', "money:129!"},
        {"MILK  1,29", '.', "other"},
        {"TV  1.299,00", ',', "money:129900!"},
        {"TV  1,299.00", '.', "money:129900!"},
        {"TV  1 299,00", ',', "money:129900!"},
        {"TV  1 299 000,00", ',', "money:129900000!"},
        {"TV  1'299.00", '.', "money:129900!"},
        {"TV  1\u00a0299,00", ',', "money:129900!"},
        {"TV  1299,00", ',', "money:129900!"},
        {"SAVE  -0,44", ',', "money:-44!"},
        {"SAVE  −0,44", ',', "money:-44!"},
        {"SAVE  0.44-", '.', "money:-44!"},
        {"SAVE  29.99-C", '.', "money:-2999!"},
        {"SAVE  (0.44)", '.', "money:-44!"},
        {"SAVE  0.44 CR", '.', "money:-44!"},
        {"SAVE  -.44", '.', "money:-44!"},
        {"SAVE  -$5.00", '.', "money:-500!"},
        {"SAVE  $-5.00", '.', "money:-500!"},
        {"SAVE  -€ 5,00", ',', "money:-500!"},
        {"SAVE  - 5,00", ',', "money:-500!"},
        {"Total  $ 14.25", '.', "money:1425!"},
        {"Total  12,00 €", ',', "money:1200!"},
        {"Total EUR 5,00", ',', "money:500!"},
        {"Total  12,-", ',', "money:1200!"},
        {"Total CHF 12.-", '.', "money:1200!"},
        {"MILK  1,29 B", ',', "money:129!"},
        {"MILK  1,29 B1", ',', "money:129!"},
        {"MILK  1,29 2", ',', "money:129! count:2"},
        {"MILK  1,29A", ',', "money:129!"},
        {"MILK  1,29 A *", ',', "money:129!"},
        {"MILK  1,29 13%", ',', "money:129! percent:1300"},
        {"MILK  1,29 kr", ',', "money:129!"},
        {"MILK  1,29 per piece", ',', "money:129"},
        {"2 x 4,17", ',', "count:2 money:417!"},
        {"2x4,17", ',', "count:2 money:417!"},
        {"0,652 kg x 2,99 EUR/kg", ',', "decimal:652 money:299"},
        {"41,37 Liter x 1,659 EUR/L", ',', "money:4137 decimal:1659"},
        {"MwSt 6% enth.  0,29", ',', "percent:600 money:29!"},
        {"TAX 8.250 %  0.82", '.', "percent:825 money:82!"},
        {"A= 19,0%  1,63", ',', "percent:1900 money:163!"},
        {"29.05.2017 18:39", ',', "other other"},
        {"29.05.2017 18:39", '.', "other other"},
        {"2017-11-14 17:51", '.', "other other"},
        {"Tel 555-0100", '.', "other"},
        {"COLA 1,5L  2,50", ',', "decimal:15 money:250!"},
        {"COLA 500ML  2,50", ',', "other money:250!"},
        {"VISA ****4270  12.30", '.', "count:4270 money:1230!"},
        {"2000009374544", '.', "count:2000009374544"},
        {"T07-000345", '.', ""},
        {"99999999999999.99", '.', "other"},
        {"123456789012345678901234567890", '.', "other"},
        {"", '.', ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char got[256];
        describe(table[i].text, table[i].decimal, got, sizeof got);
        if (strcmp(got, table[i].want) != 0) {
            print_error("\"%s\" with '%c'\n  - %s\n  + %s\n", table[i].text, table[i].decimal, table[i].want,
                        got);
        }
        assert_string_equal(got, table[i].want);
    }
}

static void decimal_sign_is_voted(void **state)
{
    (void)state;
    assert_true(tw_decimal_vote(tw_slice_of("MILK  1,29")) > 0);
    assert_true(tw_decimal_vote(tw_slice_of("MILK  1.29")) < 0);
    assert_true(tw_decimal_vote(tw_slice_of("TV  1.299,00")) > 0);
    assert_true(tw_decimal_vote(tw_slice_of("TV  1,299.00")) < 0);
    assert_int_equal(tw_decimal_vote(tw_slice_of("29.05.2017 18:39")), 0);
    assert_int_equal(tw_decimal_vote(tw_slice_of("MILK")), 0);
}

static void quantities_multiply(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t unit, want;
        const char *as_text;
    } table[] = {
        {"2", 417, 834, "2"},      {"0,652", 299, 195, "0.652"}, {"0,500", 3, 2, "0.500"},
        {"-1", 3995, -3995, "-1"}, {"1,24", 59, 73, "1.24"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tw_number number;
        char text[32];
        assert_int_equal(tw_number_find(tw_slice_of(table[i].text), ',', &number, 1), 1);
        assert_int_equal(tw_number_times(&number, table[i].unit), table[i].want);
        assert_true(tw_number_text(&number, text, sizeof text) > 0);
        assert_string_equal(text, table[i].as_text);
        assert_int_equal(tw_number_text(&number, text, 1), 0);
    }
}

// P8: any bytes, also half characters, leave numbers inside the line.
static void noise_stays_inside(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789.,-+ ()%€$xX'EURkr\xc2\xe2\x80\xff";
    uint32_t seed = 20261122u;
    for (int round = 0; round < 20000; round++) {
        char line[40];
        size_t len = 0;
        for (; len < sizeof line - 1; len++) {
            seed = seed * 1664525u + 1013904223u;
            line[len] = alphabet[(seed >> 8) % (sizeof alphabet - 1)];
        }
        line[len] = 0;
        char out[1024];
        describe(line, round % 2 == 0 ? '.' : ',', out, sizeof out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_found),
        cmocka_unit_test(decimal_sign_is_voted),
        cmocka_unit_test(quantities_multiply),
        cmocka_unit_test(noise_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
