// SPDX-License-Identifier: Apache-2.0
//
// A sale: its arithmetic (what reconciles and what does not), its arena, its limits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tillwire/sale.h"

struct sums {
    int64_t item, discount, tax, rounding, total, tender, change;
    bool has_total;
    bool reconciled, tax_included;
};

static void check_sums(const struct sums *want)
{
    struct tw_sale *sale = tw_sale_new();
    assert_non_null(sale);
    tw_sale_add_line(sale)->amount_minor = want->item;
    struct tw_sale_line *voided = tw_sale_add_line(sale);
    voided->amount_minor = 12345;
    voided->voided = true;
    struct tw_sale_line *discount = tw_sale_add_line(sale);
    discount->kind = TW_LINE_DISCOUNT;
    discount->amount_minor = want->discount;
    sale->tax = (struct tw_money){want->tax != 0, want->tax};
    sale->rounding = (struct tw_money){want->rounding != 0, want->rounding};
    sale->total = (struct tw_money){want->has_total, want->total};
    sale->change = (struct tw_money){want->change != 0, want->change};
    tw_sale_add_tender(sale)->amount_minor = want->tender;
    tw_sale_reconcile(sale);
    assert_int_equal(sale->reconciled, want->reconciled);
    assert_int_equal(sale->tax_included, want->tax_included);
    assert_int_equal(tw_sale_discount_minor(sale), want->discount);
    tw_sale_free(sale);
}

static void arithmetic_decides(void **state)
{
    (void)state;
    static const struct sums table[] = {
        {258, -44, 34, 0, 214, 500, 286, true, true, true},   // tax is in the lines
        {258, -44, 34, 0, 248, 248, 0, true, true, false},    // tax is added
        {258, -44, 0, 0, 214, 214, 0, true, true, false},     // no tax on the paper
        {1001, 0, 0, -1, 1000, 1000, 0, true, true, false},   // cash rounding
        {-549, 30, -20, 0, -539, -539, 0, true, true, false}, // a return
        {258, -44, 34, 0, 215, 215, 0, true, false, false},   // lines do not close
        {258, -44, 34, 0, 214, 213, 0, true, false, true},    // tenders do not close
        {258, -44, 34, 0, 214, 214, 0, false, false, false},  // no total
        {0, 0, 0, 0, 0, 0, 0, true, true, false},             // nothing to pay
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_sums(&table[i]);
    }
}

static void strings_stay(void **state)
{
    (void)state;
    struct tw_sale *sale = tw_sale_new();
    const char *texts[600];
    for (size_t i = 0; i < 600; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "text number %zu of the arena", i);
        texts[i] = tw_sale_text(sale, tw_slice_make(text, (size_t)len));
        assert_non_null(texts[i]);
    }
    struct tw_buf big = {0};
    for (size_t i = 0; i < 20000; i++) {
        tw_buf_add(&big, "x", 1);
    }
    assert_int_equal(strlen(tw_sale_text(sale, tw_buf_slice(&big))), 20000);
    assert_string_equal(tw_sale_text(sale, tw_slice_make(NULL, 0)), "");
    for (size_t i = 0; i < 600; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "text number %zu of the arena", i);
        assert_string_equal(texts[i], text);
    }
    tw_buf_free(&big);
    tw_sale_free(sale);
    tw_sale_free(NULL);
}

static void limits_hold(void **state)
{
    (void)state;
    struct tw_sale *sale = tw_sale_new();
    for (size_t i = 0; i < TW_SALE_MAX_LINES; i++) {
        struct tw_sale_line *line = tw_sale_add_line(sale);
        assert_non_null(line);
        line->amount_minor = (int64_t)i;
    }
    assert_null(tw_sale_add_line(sale));
    assert_int_equal(sale->lines[TW_SALE_MAX_LINES - 1].amount_minor, TW_SALE_MAX_LINES - 1);
    for (size_t i = 0; i < TW_SALE_MAX_TENDERS; i++) {
        assert_non_null(tw_sale_add_tender(sale));
    }
    assert_null(tw_sale_add_tender(sale));
    for (size_t i = 0; i < TW_SALE_MAX_COUPONS; i++) {
        assert_non_null(tw_sale_add_coupon(sale));
    }
    assert_null(tw_sale_add_coupon(sale));
    tw_sale_free(sale);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_decides),
        cmocka_unit_test(strings_stay),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
