// SPDX-License-Identifier: Apache-2.0
//
// The receipt reader against the truth: the shared retail receipts and our own tape, field by field,
// and other people's streams, of which no sale may be invented.
#include "tests/unit/reader_facts.h"
#include "tillwire/json.h"

static const char *data_folder(void)
{
    const char *set = getenv("TILLWIRE_DATA");
    return set != NULL ? set : TW_SOURCE_DIR "/../shared/data";
}

// --- comparing with a truth, each difference as a line ---

struct check {
    const char *name;
    size_t fields, wrong;
};

static void same_int(struct check *check, const char *what, int64_t want, int64_t got)
{
    check->fields++;
    if (want != got) {
        check->wrong++;
        print_error("%s %s\n  - %lld\n  + %lld\n", check->name, what, (long long)want, (long long)got);
    }
}

static void same_text(struct check *check, const char *what, const char *want, const char *got)
{
    check->fields++;
    want = want != NULL ? want : "(none)";
    got = got != NULL ? got : "(none)";
    if (strcmp(want, got) != 0) {
        check->wrong++;
        print_error("%s %s\n  - %s\n  + %s\n", check->name, what, want, got);
    }
}

static int64_t int_of(const tw_json *object, const char *key)
{
    int64_t value = 0;
    const tw_json *member = tw_json_get(object, key);
    return member != NULL && tw_json_int(member, &value) == TW_OK ? value : 0;
}

static const char *text_of(const tw_json *object, const char *key)
{
    return tw_json_text(tw_json_get(object, key));
}

static const struct fact *only_sale(struct check *check, const struct facts *facts)
{
    const struct fact *found = NULL;
    size_t sales = 0;
    for (size_t i = 0; i < facts->count; i++) {
        found = facts->list[i].sale != NULL ? &facts->list[i] : found;
        sales += facts->list[i].sale != NULL;
    }
    same_int(check, "number of sales", 1, (int64_t)sales);
    return sales == 1 ? found : NULL;
}

// The next line of the sale that was not voided and is a discount or not; *at walks on.
static const struct tw_sale_line *next_line(const struct tw_sale *sale, size_t *at, bool discount)
{
    while (*at < sale->line_count) {
        const struct tw_sale_line *line = &sale->lines[(*at)++];
        if (!line->voided && (line->kind == TW_LINE_DISCOUNT) == discount) {
            return line;
        }
    }
    return NULL;
}

static void check_retail_lines(struct check *check, const tw_json *truth, const struct tw_sale *sale)
{
    const tw_json *items = tw_json_get(truth, "items");
    size_t at = 0;
    size_t off = 0;
    bool by_line = int_of(truth, "layout") != 1;
    for (size_t i = 0; i < tw_json_size(items); i++) {
        const tw_json *item = tw_json_at(items, i);
        const struct tw_sale_line *line = next_line(sale, &at, false);
        char quantity[24];
        (void)snprintf(quantity, sizeof quantity, "%lld", (long long)int_of(item, "qty"));
        same_int(check, "line amount", int_of(item, "gross"), line != NULL ? line->amount_minor : INT64_MIN);
        same_text(check, "line quantity", quantity, line != NULL ? line->quantity : NULL);
        same_text(check, "line gtin", by_line ? NULL : text_of(item, "gtin"),
                  line != NULL ? line->gtin : NULL);
        const char *const kinds[] = {"loyalty_disc", "coupon"};
        for (size_t k = 0; by_line && k < 2; k++) {
            if (int_of(item, kinds[k]) != 0) {
                const struct tw_sale_line *less = next_line(sale, &off, true);
                same_int(check, kinds[k], -int_of(item, kinds[k]),
                         less != NULL ? less->amount_minor : INT64_MIN);
            }
        }
    }
    same_int(check, "lines beyond the truth", 0, next_line(sale, &at, false) != NULL);
    same_int(check, "discounts beyond the truth", 0, by_line && next_line(sale, &off, true) != NULL);
    same_int(check, "sum of discounts", -int_of(truth, "discount"), tw_sale_discount_minor(sale));
}

static void check_retail(struct check *check, const tw_json *truth, const struct facts *facts)
{
    const struct fact *fact = only_sale(check, facts);
    if (fact == NULL) {
        return;
    }
    const struct tw_sale *sale = fact->sale;
    const tw_json *tender = tw_json_get(truth, "tender");
    same_text(check, "kind", text_of(truth, "kind"), tw_sale_kind_name(sale->kind));
    same_int(check, "total", int_of(truth, "total"), sale->total.minor);
    same_int(check, "tax", int_of(truth, "tax"), sale->tax.minor);
    same_int(check, "change", int_of(truth, "change"), sale->change.minor);
    same_text(check, "receipt number", text_of(truth, "trans"), sale->receipt_number);
    same_text(check, "store", text_of(truth, "store"), sale->store);
    same_text(check, "register", text_of(truth, "register"), sale->workstation);
    same_int(check, "number of tenders", 1, (int64_t)sale->tender_count);
    if (sale->tender_count == 1) {
        same_text(check, "tender", text_of(tender, "type"), tw_tender_type_name(sale->tenders[0].type));
        same_int(check, "tender amount", int_of(tender, "amount"), sale->tenders[0].amount_minor);
    }
    bool masked = int_of(truth, "layout") == 0;
    const char *member = text_of(truth, "member");
    same_text(check, "member", masked ? NULL : member, sale->card);
    same_text(check, "member's tail", masked ? member + strlen(member) - 4 : NULL, sale->card_tail);
    same_int(check, "reconciled", true, sale->reconciled);
    check_retail_lines(check, truth, sale);
}

static void retail_receipts_say_the_truth(void **state)
{
    char path[512];
    struct tw_buf text = {0};
    (void)snprintf(path, sizeof path, "%s/escpos/retail/TRUTH.json", data_folder());
    if (!load(path, &text)) {
        print_message("skipped: no data\n");
        tw_buf_free(&text);
        skip();
    }
    tw_json *truth = NULL;
    assert_int_equal(tw_json_parse(tw_buf_slice(&text), &truth, NULL), TW_OK);
    struct check check = {0};
    for (size_t i = 0; i < tw_json_size(truth); i++) {
        const tw_json *one = tw_json_at(truth, i);
        struct tw_buf bytes = {0};
        struct facts facts = {0};
        (void)snprintf(path, sizeof path, "%s/escpos/retail/%s", data_folder(), text_of(one, "file"));
        assert_true(load(path, &bytes));
        check.name = text_of(one, "file");
        read_stream(*state, tw_buf_slice(&bytes), WHOLE, &facts);
        check_retail(&check, one, &facts);
        free_facts(&facts);
        tw_buf_free(&bytes);
    }
    print_message("retail: %zu receipts, %zu of %zu fields\n", tw_json_size(truth),
                  check.fields - check.wrong, check.fields);
    assert_int_equal(tw_json_size(truth), 48);
    assert_int_equal(check.wrong, 0);
    tw_json_free(truth);
    tw_buf_free(&text);
}

// --- our own tape ---

static void check_tape_line(struct check *check, const tw_json *want, const struct tw_sale_line *got)
{
    same_text(check, "line kind", text_of(want, "kind"), tw_line_kind_name(got->kind));
    same_text(check, "description", text_of(want, "description"), got->description);
    same_text(check, "gtin", text_of(want, "gtin"), got->gtin);
    same_int(check, "amount", int_of(want, "amount"), got->amount_minor);
    same_int(check, "voided", tw_json_is_true(tw_json_get(want, "voided")), got->voided);
    if (got->kind != TW_LINE_DISCOUNT) {
        same_text(check, "quantity", text_of(want, "quantity"), got->quantity);
        same_int(check, "unit price", int_of(want, "unit_price"), got->unit_price.minor);
    }
}

// The truth has no line for what only takes another back.
static bool takes_back(const struct tw_sale *sale, size_t i)
{
    const struct tw_sale_line *line = &sale->lines[i];
    return line->voided && line->amount_minor < 0 && sale->kind == TW_SALE;
}

static void check_tape_lines(struct check *check, const tw_json *truth, const struct tw_sale *sale)
{
    const tw_json *lines = tw_json_get(truth, "lines");
    size_t n = 0;
    for (size_t i = 0; i < sale->line_count; i++) {
        if (takes_back(sale, i)) {
            continue;
        }
        if (n < tw_json_size(lines)) {
            check_tape_line(check, tw_json_at(lines, n), &sale->lines[i]);
        }
        n++;
    }
    same_int(check, "number of lines", (int64_t)tw_json_size(lines), (int64_t)n);
}

static void check_tape_tenders(struct check *check, const tw_json *truth, const struct tw_sale *sale)
{
    const tw_json *tenders = tw_json_get(truth, "tenders");
    same_int(check, "number of tenders", (int64_t)tw_json_size(tenders), (int64_t)sale->tender_count);
    for (size_t i = 0; i < tw_json_size(tenders) && i < sale->tender_count; i++) {
        const tw_json *want = tw_json_at(tenders, i);
        const struct tw_sale_tender *got = &sale->tenders[i];
        same_text(check, "tender", text_of(want, "type"), tw_tender_type_name(got->type));
        same_int(check, "tender amount", int_of(want, "amount"), got->amount_minor);
        same_text(check, "brand", text_of(want, "brand"), got->brand);
        same_text(check, "last4", text_of(want, "last4"), got->last4[0] != 0 ? got->last4 : NULL);
    }
}

static void check_tape_member(struct check *check, const tw_json *truth, const struct tw_sale *sale)
{
    const char *card = text_of(truth, "card"); // what was printed or scanned
    if (sale->card != NULL) {
        same_text(check, "member", card, sale->card);
    } else if (sale->card_tail != NULL && card != NULL) {
        same_text(check, "member's tail", card + strlen(card) - 4, sale->card_tail);
    }
}

static void check_tape_sale(struct check *check, const tw_json *truth, const struct fact *fact)
{
    const struct tw_sale *sale = fact->sale;
    const char *time = text_of(truth, "printed_time");
    char printed[20] = "";
    (void)snprintf(printed, sizeof printed, "%.19s", time != NULL ? time : "");
    same_text(check, "kind", text_of(truth, "kind"), tw_sale_kind_name(sale->kind));
    same_text(check, "receipt number", text_of(truth, "receipt_number"), sale->receipt_number);
    same_text(check, "printed time", time != NULL ? printed : NULL, sale->printed_time);
    same_text(check, "operator", text_of(truth, "operator"), sale->operator_id);
    same_int(check, "subtotal", int_of(truth, "subtotal"), sale->subtotal.minor);
    same_int(check, "discount", int_of(truth, "discount"), tw_sale_discount_minor(sale));
    same_int(check, "tax", int_of(truth, "tax"), sale->tax.minor);
    same_int(check, "tax included", tw_json_is_true(tw_json_get(truth, "tax_included")),
             sale->tax.has && sale->tax_included);
    same_int(check, "rounding", int_of(truth, "rounding"), sale->rounding.minor);
    same_int(check, "total", int_of(truth, "total"), sale->total.minor);
    same_int(check, "change", int_of(truth, "change"), sale->change.minor);
    same_int(check, "reconciled", tw_json_is_true(tw_json_get(truth, "reconciled")), sale->reconciled);
    const tw_json *coupons = tw_json_get(truth, "coupons");
    same_int(check, "number of coupons", (int64_t)tw_json_size(coupons), (int64_t)sale->coupon_count);
    for (size_t i = 0; i < tw_json_size(coupons) && i < sale->coupon_count; i++) {
        same_text(check, "coupon", text_of(tw_json_at(coupons, i), "code"), sale->coupons[i].code);
        same_text(check, "coupon's scheme", text_of(tw_json_at(coupons, i), "scheme"),
                  sale->coupons[i].scheme);
    }
    check_tape_tenders(check, truth, sale);
    check_tape_member(check, truth, sale);
    check_tape_lines(check, truth, sale);
}

static void check_tape_step(struct check *check, const tw_json *truth, const struct facts *facts)
{
    const char *type = text_of(truth, "type");
    if (type == NULL) {
        for (size_t i = 0; i < facts->count; i++) {
            same_int(check, text_of(truth, "what"), 0, facts->list[i].sale != NULL);
        }
        return;
    }
    const struct fact *fact = only_sale(check, facts);
    if (fact != NULL) {
        same_int(check, "copy", strcmp(type, "repeat") == 0, fact->copy);
        check_tape_sale(check, truth, fact);
    }
}

static void our_tape_says_the_truth(void **state)
{
    struct tw_buf text = {0};
    assert_true(load(TW_SOURCE_DIR "/tools/sim/tape/tape.json", &text));
    tw_json *tape = NULL;
    assert_int_equal(tw_json_parse(tw_buf_slice(&text), &tape, NULL), TW_OK);
    const tw_json *steps = tw_json_get(tape, "steps");
    struct check check = {0};
    size_t receipts = 0;
    for (size_t i = 0; i < tw_json_size(steps); i++) {
        const tw_json *step = tw_json_at(steps, i);
        if (strcmp(text_of(step, "do"), "print") != 0) {
            continue;
        }
        char path[512];
        struct tw_buf bytes = {0};
        struct facts facts = {0};
        check.name = text_of(step, "file");
        (void)snprintf(path, sizeof path, "%s/tools/sim/tape/%s", TW_SOURCE_DIR, check.name);
        assert_true(load(path, &bytes));
        read_stream(*state, tw_buf_slice(&bytes), WHOLE, &facts);
        check_tape_step(&check, tw_json_get(step, "truth"), &facts);
        receipts++;
        free_facts(&facts);
        tw_buf_free(&bytes);
    }
    print_message("tape: %zu receipts, %zu of %zu fields\n", receipts, check.fields - check.wrong,
                  check.fields);
    assert_true(receipts >= 48);
    assert_int_equal(check.wrong, 0);
    tw_json_free(tape);
    tw_buf_free(&text);
}

// --- other people's streams ---

// What may be a sale among them, and its total; "" ends the list. All else is unparsed.
static const struct {
    const char *start;
    int64_t total;
    bool reconciled;
} others[] = {
    {"receipt.", 18580, true},          // receiptline's sample receipt, in three encodings
    {"receipt-with-logo", 1425, false}, // a sales invoice without a payment
};

static void check_other(struct check *check, const char *name, const struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        const struct tw_sale *sale = facts->list[i].sale;
        bool known = false;
        for (size_t k = 0; sale != NULL && k < sizeof others / sizeof others[0]; k++) {
            known =
                known || (strncmp(name, others[k].start, strlen(others[k].start)) == 0 &&
                          sale->total.minor == others[k].total && sale->reconciled == others[k].reconciled);
        }
        same_int(check, "invented sales", 0, sale != NULL && !known);
    }
}

static size_t read_folder(const struct fixture *fixture, const char *folder, struct check *check,
                          size_t *sales)
{
    char path[4096];
    size_t streams = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (strstr(entry->d_name, ".bin") == NULL) {
            continue;
        }
        struct tw_buf bytes = {0};
        struct facts facts = {0};
        assert_true(snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path);
        assert_true(load(path, &bytes));
        check->name = entry->d_name;
        read_stream(fixture, tw_buf_slice(&bytes), WHOLE, &facts);
        check_other(check, entry->d_name, &facts);
        for (size_t i = 0; i < facts.count; i++) {
            *sales += facts.list[i].sale != NULL;
        }
        streams++;
        free_facts(&facts);
        tw_buf_free(&bytes);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return streams;
}

static void no_sale_is_invented(void **state)
{
    static const char *const folders[] = {"receiptline-en", "escpos-php", "escpos-buffer",
                                          "esc-pos-preview-tools"};
    struct check check = {0};
    size_t streams = 0;
    size_t sales = 0;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char folder[512];
        (void)snprintf(folder, sizeof folder, "%s/escpos/%s", data_folder(), folders[i]);
        streams += read_folder(*state, folder, &check, &sales);
    }
    if (streams == 0) {
        print_message("skipped: no data\n");
        skip();
    }
    assert_int_equal(check.wrong, 0);
    assert_int_equal(sales, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retail_receipts_say_the_truth),
        cmocka_unit_test(our_tape_says_the_truth),
        cmocka_unit_test(no_sale_is_invented),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
