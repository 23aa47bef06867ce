// SPDX-License-Identifier: Apache-2.0
//
// A sale as JSON: the event data in the contract's order, the body of POST /v1/sales with every
// mistake named by its place and never quoted (P6, P8), and two witnesses of one sale (P3).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tillwire/sale_json.h"

static const struct tw_sale_witness printer = {"printer", "receipt", "00ff"};

static struct tw_sale *sample(void)
{
    struct tw_sale *sale = tw_sale_new();
    assert_non_null(sale);
    *tw_sale_add_line(sale) = (struct tw_sale_line){.kind = TW_LINE_ITEM,
                                                    .gtin = "4006381333931",
                                                    .description = "STABILO BOSS",
                                                    .quantity = "2",
                                                    .unit_price = {true, 129},
                                                    .amount_minor = 258};
    *tw_sale_add_line(sale) = (struct tw_sale_line){
        .kind = TW_LINE_DISCOUNT, .description = "CARD SAVINGS", .amount_minor = -44, .applies_to = 1};
    *tw_sale_add_tender(sale) = (struct tw_sale_tender){.type = TW_TENDER_CASH, .amount_minor = 500};
    *tw_sale_add_coupon(sale) = (struct tw_sale_coupon){"10000085477", "gs1"};
    sale->receipt_number = "001234";
    sale->operator_id = "17";
    sale->subtotal = (struct tw_money){true, 258};
    sale->tax = (struct tw_money){true, 34};
    sale->total = (struct tw_money){true, 214};
    sale->change = (struct tw_money){true, 286};
    tw_sale_reconcile(sale);
    return sale;
}

static struct tw_sale_context context_of(const char *pseudonym)
{
    return (struct tw_sale_context){.transaction_id = "0042/07/2026-11-22/001234",
                                    .store = "0042",
                                    .workstation = "07",
                                    .business_day = "2026-11-22",
                                    .printed_time = "2026-11-22T10:15:00+01:00",
                                    .currency = "EUR",
                                    .customer_scheme = pseudonym != NULL ? "club" : NULL,
                                    .customer_pseudonym = pseudonym,
                                    .witnesses = &printer,
                                    .witness_count = 1};
}

static struct tw_buf dump(const struct tw_sale *sale, const struct tw_sale_context *context)
{
    tw_json *json = NULL;
    struct tw_buf out = {0};
    assert_int_equal(tw_sale_to_json(sale, context, &json), TW_OK);
    tw_json_dump(json, &out);
    tw_json_free(json);
    assert_int_equal(tw_buf_status(&out), TW_OK);
    return out;
}

static void keys_are_the_contracts(void **state)
{
    (void)state;
    struct tw_sale *sale = sample();
    struct tw_sale_context context = context_of("v1:9f");
    struct tw_buf out = dump(sale, &context);
    assert_string_equal((const char *)out.ptr,
                        "{\"transaction_id\":\"0042/07/2026-11-22/"
                        "001234\",\"kind\":\"sale\",\"store\":\"0042\",\"workstation\":\"07\","
                        "\"business_day\":\"2026-11-22\",\"receipt_number\":\"001234\",\"printed_time\":"
                        "\"2026-11-22T10:15:00+01:00\","
                        "\"operator\":\"17\",\"currency\":\"EUR\",\"lines\":[{\"n\":1,\"kind\":\"item\","
                        "\"gtin\":\"4006381333931\",\"sku\":null,"
                        "\"description\":\"STABILO "
                        "BOSS\",\"quantity\":\"2\",\"unit_price\":129,\"amount\":258,\"voided\":false},"
                        "{\"n\":2,\"kind\":\"discount\",\"description\":\"CARD "
                        "SAVINGS\",\"amount\":-44,\"applies_to\":1}],\"subtotal\":258,"
                        "\"discount\":-44,\"tax\":34,\"tax_included\":true,\"rounding\":null,\"total\":214,"
                        "\"tenders\":[{\"type\":\"cash\",\"amount\":500}],\"change\":286,"
                        "\"customer\":{\"scheme\":\"club\",\"pseudonym\":\"v1:9f\",\"consent\":null},"
                        "\"coupons\":[{\"code\":\"10000085477\",\"scheme\":\"gs1\"}],\"corrects\":null,"
                        "\"witnesses\":[{\"device\":\"printer\",\"via\":\"receipt\",\"sha256\":\"00ff\"}],"
                        "\"reconciled\":true}");
    tw_buf_free(&out);
    tw_sale_free(sale);
}

static void absent_is_null_and_texts_are_cut(void **state)
{
    (void)state;
    struct tw_sale *sale = tw_sale_new();
    struct tw_buf longer = {0};
    for (int i = 0; i < 300; i++) {
        tw_buf_add_text(&longer, "é");
    }
    tw_sale_add_line(sale)->description = (const char *)longer.ptr;
    *tw_sale_add_line(sale) =
        (struct tw_sale_line){.kind = TW_LINE_DISCOUNT, .voided = true, .description = "bad \xff byte"};
    *tw_sale_add_tender(sale) =
        (struct tw_sale_tender){.type = TW_TENDER_MOBILE, .brand = "VISA", .last4 = "1234"};
    *tw_sale_add_tender(sale) =
        (struct tw_sale_tender){.type = TW_TENDER_CARD, .brand = "VISA", .last4 = "1234"};
    struct tw_sale_context context = context_of(NULL);
    context.printed_time = NULL;
    tw_json *json = NULL;
    assert_int_equal(tw_sale_to_json(sale, &context, &json), TW_OK);
    const char *const nulls[] = {"receipt_number", "printed_time", "operator", "subtotal", "tax",
                                 "tax_included",   "rounding",     "change",   "customer", "corrects"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        struct tw_buf value = {0};
        tw_json_dump(tw_json_get(json, nulls[i]), &value);
        assert_string_equal((const char *)value.ptr, "null");
        tw_buf_free(&value);
    }
    const tw_json *lines = tw_json_get(json, "lines");
    assert_int_equal(strlen(tw_json_text(tw_json_get(tw_json_at(lines, 0), "description"))), 512);
    assert_string_equal(tw_json_text(tw_json_get(tw_json_at(lines, 1), "description")), "bad \ufffd byte");
    assert_true(tw_json_is_true(tw_json_get(tw_json_at(lines, 1), "voided")));
    const tw_json *tenders = tw_json_get(json, "tenders");
    assert_null(tw_json_get(tw_json_at(tenders, 0), "brand"));
    assert_string_equal(tw_json_text(tw_json_get(tw_json_at(tenders, 1), "last4")), "1234");
    tw_json_free(json);
    tw_buf_free(&longer);
    tw_sale_free(sale);
}

// --- the request ---

static const struct tw_card_rule club = {"club", "^6009200\\d{9}$", "luhn"};

static int set_up(void **state)
{
    struct tw_scan_rules *rules = NULL;
    int rc = tw_scan_rules_new(&club, 1, &rules, NULL);
    *state = rules;
    return rc;
}

static int tear_down(void **state)
{
    tw_scan_rules_free(*state);
    return 0;
}

static const char *const full_request =
    "{\"kind\":\"sale\",\"total\":214,\"lines\":[{\"kind\":\"item\",\"gtin\":\"4006381333931\","
    "\"description\":\"PEN 4111111111111111\","
    "\"quantity\":\"2\",\"unit_price\":129,\"amount\":258},{\"kind\":\"discount\",\"amount\":-44,\"applies_"
    "to\":1}],"
    "\"tenders\":[{\"type\":\"card\",\"amount\":214,\"brand\":\"VISA\",\"last4\":\"4270\"}],\"receipt_"
    "number\":\"001234\","
    "\"printed_time\":\"2026-11-22T10:15:00+01:00\",\"business_day\":\"2026-11-22\",\"operator\":\"17\","
    "\"workstation\":\"07\","
    "\"subtotal\":258,\"discount\":-44,\"tax\":34,\"tax_included\":false,\"rounding\":0,\"change\":null,"
    "\"card\":\"6009200000041016\",\"coupons\":[{\"code\":\"10000085477\",\"scheme\":\"gs1\"}],\"unknown\":{"
    "\"key\":1}}";

static void a_request_is_read(void **state)
{
    struct tw_sale *sale = NULL;
    struct tw_error_text err = {""};
    char field[80];
    assert_int_equal(
        tw_sale_from_request(tw_slice_of(full_request), *state, &sale, &err, field, sizeof field), TW_OK);
    assert_int_equal(sale->line_count, 2);
    assert_string_equal(sale->lines[0].description, "PEN ************1111");
    assert_int_equal(sale->lines[0].unit_price.minor, 129);
    assert_int_equal(sale->lines[1].applies_to, 1);
    assert_string_equal(sale->tenders[0].last4, "4270");
    assert_string_equal(sale->receipt_number, "001234");
    assert_string_equal(sale->printed_time, "2026-11-22T10:15:00+01:00");
    assert_string_equal(sale->card, "6009200000041016");
    assert_string_equal(sale->card_scheme, "club");
    assert_string_equal(sale->coupons[0].code, "10000085477");
    assert_true(sale->rounding.has);
    assert_false(sale->change.has);
    assert_true(sale->tax_included); // the arithmetic, not the label
    assert_true(sale->reconciled);
    tw_sale_free(sale);
}

#define SALE(rest) "{\"kind\":\"sale\",\"total\":1,\"lines\":[],\"tenders\":[]" rest "}"
#define LINE(rest)                                                                                           \
    "{\"kind\":\"sale\",\"total\":1,\"lines\":[{\"kind\":\"item\",\"amount\":1}," rest "],\"tenders\":[]}"
#define PAID(rest) "{\"kind\":\"sale\",\"total\":1,\"lines\":[],\"tenders\":[" rest "]}"

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *body, *field;
        int code;
    } table[] = {
        {"", "", TW_ERR_INVALID},
        {"{", "", TW_ERR_INVALID},
        {"[]", "", TW_ERR_INVALID},
        {"{}", "/kind", TW_ERR_INVALID},
        {"{\"kind\":\"sold\"}", "/kind", TW_ERR_INVALID},
        {"{\"kind\":\"sale\"}", "/total", TW_ERR_INVALID},
        {"{\"kind\":\"sale\",\"total\":1.5}", "/total", TW_ERR_INVALID},
        {"{\"kind\":\"sale\",\"total\":\"1\"}", "/total", TW_ERR_INVALID},
        {"{\"kind\":\"sale\",\"total\":100000000000}", "/total", TW_ERR_INVALID},
        {"{\"kind\":\"return\",\"total\":1}", "/total", TW_ERR_INVALID},
        {"{\"kind\":\"sale\",\"total\":1}", "/lines", TW_ERR_INVALID},
        {"{\"kind\":\"sale\",\"total\":1,\"lines\":{}}", "/lines", TW_ERR_INVALID},
        {"{\"kind\":\"sale\",\"total\":1,\"lines\":[]}", "/tenders", TW_ERR_INVALID},
        {LINE("7"), "/lines/1", TW_ERR_INVALID},
        {LINE("{\"amount\":1}"), "/lines/1/kind", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\"}"), "/lines/1/amount", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\",\"amount\":1,\"gtin\":\"123\"}"), "/lines/1/gtin", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\",\"amount\":1,\"quantity\":\"1,5\"}"), "/lines/1/quantity", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\",\"amount\":1,\"quantity\":2}"), "/lines/1/quantity", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\",\"amount\":1,\"voided\":1}"), "/lines/1/voided", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\",\"amount\":1,\"applies_to\":0}"), "/lines/1/applies_to", TW_ERR_INVALID},
        {LINE("{\"kind\":\"item\",\"amount\":1,\"sku\":\"4111111111111111\"}"), "/lines/1/sku",
         TW_ERR_REFUSED},
        {PAID("{\"type\":\"coin\",\"amount\":1}"), "/tenders/0/type", TW_ERR_INVALID},
        {PAID("{\"type\":\"cash\"}"), "/tenders/0/amount", TW_ERR_INVALID},
        {PAID("{\"type\":\"cash\",\"amount\":1,\"brand\":\"VISA\"}"), "/tenders/0/brand", TW_ERR_INVALID},
        {PAID("{\"type\":\"card\",\"amount\":1,\"last4\":\"12345\"}"), "/tenders/0/last4", TW_ERR_INVALID},
        {PAID("{\"type\":\"card\",\"amount\":1,\"last4\":\"4111111111111111\"}"), "/tenders/0/last4",
         TW_ERR_REFUSED},
        {SALE(",\"workstation\":\"a/b\""), "/workstation", TW_ERR_INVALID},
        {SALE(",\"business_day\":\"22.11.2026\""), "/business_day", TW_ERR_INVALID},
        {SALE(",\"business_day\":\"2026-13-22\""), "/business_day", TW_ERR_INVALID},
        {SALE(",\"printed_time\":\"2026-11-22T10:15:00\""), "/printed_time", TW_ERR_INVALID},
        {SALE(",\"printed_time\":\"2026-11-22T25:15:00Z\""), "/printed_time", TW_ERR_INVALID},
        {SALE(",\"receipt_number\":\"4111111111111111\""), "/receipt_number", TW_ERR_REFUSED},
        {SALE(",\"receipt_number\":\"4111 1111 1111 1111\""), "/receipt_number", TW_ERR_REFUSED},
        {SALE(",\"receipt_number\":\"\""), "/receipt_number", TW_ERR_INVALID},
        {SALE(",\"tax_included\":\"yes\""), "/tax_included", TW_ERR_INVALID},
        {SALE(",\"coupons\":[{\"scheme\":\"gs1\"}]"), "/coupons/0/code", TW_ERR_INVALID},
        {SALE(",\"coupons\":[{\"code\":\"A\",\"scheme\":\"a b\"}]"), "/coupons/0/scheme", TW_ERR_INVALID},
        {SALE(",\"card\":\"4111111111111111\""), "/card", TW_ERR_REFUSED},
        {SALE(",\"card\":\"HELLO\""), "/card", TW_ERR_INVALID},
        {SALE(",\"card\":7"), "/card", TW_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tw_sale *sale = NULL;
        struct tw_error_text err = {""};
        char field[80] = "?";
        int rc = tw_sale_from_request(tw_slice_of(table[i].body), *state, &sale, &err, field, sizeof field);
        if (rc != table[i].code || strcmp(field, table[i].field) != 0) {
            print_error("%s\n  - %s %s\n  + %s %s\n", table[i].body, tw_err_name(table[i].code),
                        table[i].field, tw_err_name(rc), field);
        }
        assert_int_equal(rc, table[i].code);
        assert_string_equal(field, table[i].field);
        assert_null(sale);
        assert_true(strlen(err.text) > 10);
        assert_null(strstr(err.text, "4111"));
        assert_null(strstr(err.text, "HELLO"));
    }
}

// Every prefix and every byte turned of a good body is read or refused, and nothing else.
static void damage_is_refused(void **state)
{
    size_t len = strlen(full_request);
    for (size_t i = 0; i < len; i++) {
        struct tw_sale *sale = NULL;
        char *body = strdup(full_request);
        assert_int_not_equal(tw_sale_from_request(tw_slice_make(body, i), *state, &sale, NULL, NULL, 0),
                             TW_OK);
        body[i] = (char)(body[i] ^ 0x15);
        if (tw_sale_from_request(tw_slice_make(body, len), *state, &sale, NULL, NULL, 0) == TW_OK) {
            tw_sale_free(sale);
        }
        free(body);
    }
}

// --- two witnesses ---

typedef void change_fn(struct tw_sale *sale, struct tw_sale_context *context);

static const struct tw_sale_witness export_witness = {"export", "poslog", "11ee"};

static void nothing(struct tw_sale *sale, struct tw_sale_context *context)
{
    (void)sale;
    (void)context;
}

static void shorter(struct tw_sale *sale, struct tw_sale_context *context)
{
    context->customer_scheme = NULL;
    sale->operator_id = NULL;
    sale->subtotal.has = false;
    sale->lines[0].gtin = NULL;
    sale->lines[0].description = "STABILO";
    sale->tenders[0].type = TW_TENDER_OTHER;
    sale->coupon_count = 0;
    sale->rounding.has = true; // 0, where nothing was printed
}

static void other_total(struct tw_sale *sale, struct tw_sale_context *context)
{
    (void)context;
    sale->lines[0].amount_minor = 300;
    sale->total.minor = 256;
    sale->change.minor = 244;
}

static void other_member(struct tw_sale *sale, struct tw_sale_context *context)
{
    (void)sale;
    context->customer_pseudonym = "v1:aa";
}

static void with_sku(struct tw_sale *sale, struct tw_sale_context *context)
{
    (void)context;
    sale->lines[0].sku = "4711";
}

static void with_coupon(struct tw_sale *sale, struct tw_sale_context *context)
{
    (void)context;
    *tw_sale_add_coupon(sale) = (struct tw_sale_coupon){"SPRING", "store"};
}

static void voucher_instead(struct tw_sale *sale, struct tw_sale_context *context)
{
    (void)context;
    sale->tenders[0].type = TW_TENDER_VOUCHER;
}

// Merges the sample with a changed one; the merged text (freed by the caller) when CHANGED.
static char *merge_with(change_fn *change)
{
    struct tw_sale *old = sample();
    struct tw_sale *new = sample();
    struct tw_sale_context old_context = context_of("v1:9f");
    struct tw_sale_context new_context = context_of("v1:9f");
    new_context.witnesses = &export_witness;
    change(new, &new_context);
    struct tw_buf a = dump(old, &old_context);
    struct tw_buf b = dump(new, &new_context);
    struct tw_buf merged = {0};
    enum tw_merge outcome = TW_MERGE_AGREE;
    assert_int_equal(tw_sale_merge(tw_buf_slice(&a), tw_buf_slice(&b), "old-id", &merged, &outcome), TW_OK);
    char *text = outcome == TW_MERGE_CHANGED ? strdup((const char *)merged.ptr) : NULL;
    assert_int_equal(merged.len > 0, outcome == TW_MERGE_CHANGED);
    tw_buf_free(&a);
    tw_buf_free(&b);
    tw_buf_free(&merged);
    tw_sale_free(old);
    tw_sale_free(new);
    return text;
}

static void witnesses_agree_or_correct(void **state)
{
    (void)state;
    static const struct {
        change_fn *change;
        const char *says; // NULL: they agree
    } table[] = {
        {nothing, NULL},
        {shorter, NULL},
        {other_total, "\"total\":256"},
        {other_total, "\"reconciled\":true"},
        {other_total, "\"change\":244"},
        {other_member, "\"pseudonym\":\"v1:aa\""},
        {with_sku, "\"sku\":\"4711\""},
        {with_coupon,
         "{\"code\":\"10000085477\",\"scheme\":\"gs1\"},{\"code\":\"SPRING\",\"scheme\":\"store\"}"},
        {voucher_instead, "{\"type\":\"voucher\",\"amount\":500}"},
        {voucher_instead, "\"corrects\":\"old-id\""},
        {voucher_instead,
         "\"sha256\":\"00ff\"},{\"device\":\"export\",\"via\":\"poslog\",\"sha256\":\"11ee\"}"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *merged = merge_with(table[i].change);
        if (table[i].says == NULL) {
            assert_null(merged);
        } else {
            assert_non_null(merged);
            if (strstr(merged, table[i].says) == NULL) {
                print_error("%s is not in %s\n", table[i].says, merged);
            }
            assert_non_null(strstr(merged, table[i].says));
        }
        free(merged);
    }
}

static void a_later_receipt_adds(void **state)
{
    (void)state;
    const char *const old =
        "{\"kind\":\"sale\",\"total\":1,\"tax\":null,\"lines\":[{\"n\":1,\"kind\":\"item\",\"gtin\":null,"
        "\"amount\":1}],"
        "\"tenders\":[],\"customer\":null,\"coupons\":[],\"witnesses\":[],\"reconciled\":false}";
    const char *const new =
        "{\"kind\":\"sale\",\"total\":1,\"tax\":null,\"lines\":[{\"n\":1,\"kind\":\"item\",\"gtin\":"
        "\"96385074\","
        "\"amount\":1}],\"tenders\":[{\"type\":\"cash\",\"amount\":1}],\"customer\":null,\"coupons\":[],"
        "\"witnesses\":[],\"reconciled\":true}";
    struct tw_buf merged = {0};
    enum tw_merge outcome = TW_MERGE_AGREE;
    assert_int_equal(tw_sale_merge(tw_slice_of(old), tw_slice_of(new), "a", &merged, &outcome), TW_OK);
    assert_int_equal(outcome, TW_MERGE_CHANGED);
    assert_non_null(strstr((const char *)merged.ptr, "96385074"));
    assert_non_null(strstr((const char *)merged.ptr, "\"reconciled\":true"));
    tw_buf_clear(&merged);
    assert_int_equal(tw_sale_merge(tw_slice_of(new), tw_slice_of(old), "a", &merged, &outcome), TW_OK);
    assert_int_equal(outcome, TW_MERGE_AGREE);
    assert_int_equal(tw_sale_merge(tw_slice_of("[]"), tw_slice_of(old), "a", &merged, &outcome),
                     TW_ERR_INVALID);
    assert_int_equal(tw_sale_merge(tw_slice_of(old), tw_slice_of("{"), "a", &merged, &outcome),
                     TW_ERR_INVALID);
    tw_buf_free(&merged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_the_contracts), cmocka_unit_test(absent_is_null_and_texts_are_cut),
        cmocka_unit_test(a_request_is_read),      cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(damage_is_refused),      cmocka_unit_test(witnesses_agree_or_correct),
        cmocka_unit_test(a_later_receipt_adds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
