// SPDX-License-Identifier: Apache-2.0
//
// Written at once, without a tree of values in between: a sale is the event that comes most often.
#include "tillwire/sale_json.h"

#include "agent/decode/utf8.h"

// Limits of include/contract/schema/sale.json, in characters.
#define FIELD_MAX       64
#define DESCRIPTION_MAX 256
#define BRAND_MAX       32
#define CODE_MAX        128

// What most sales have room in.
#define USUAL_BYTES 1000

// The start of `text` that has at most `most` characters; a byte that belongs to none counts as one.
static struct tw_slice cut(struct tw_slice text, size_t most)
{
    size_t len = 0;
    for (size_t i = 0; text.len > most && i < most && len < text.len; i++) {
        uint32_t code = 0;
        size_t one = tw_utf8_decode(tw_slice_make(text.ptr + len, text.len - len), &code);
        len += one > 0 ? one : 1;
    }
    return tw_slice_make(text.ptr, text.len > most ? len : text.len);
}

// ---- members; `key` brings its comma, quotes and colon along

// null for NULL and "". Bytes that are not UTF-8 become U+FFFD.
static void add_text(struct tw_buf *out, const char *key, const char *text, size_t most)
{
    tw_buf_add_text(out, key);
    if (text == NULL || text[0] == '\0') {
        tw_buf_add_text(out, "null");
    } else {
        tw_json_dump_text(cut(tw_slice_of(text), most), out);
    }
}

// A text that is always there.
static void add_known(struct tw_buf *out, const char *key, const char *text)
{
    tw_buf_add_text(out, key);
    tw_json_dump_text(tw_slice_of(text), out);
    out->failed = out->failed || text == NULL;
}

static void add_number(struct tw_buf *out, const char *key, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    tw_buf_add_text(out, key);
    tw_buf_add(out, "-", number < 0 ? 1 : 0);
    tw_buf_add(out, digits + at, sizeof digits - at);
}

static void add_money(struct tw_buf *out, const char *key, struct tw_money money)
{
    if (money.has) {
        add_number(out, key, money.minor);
    } else {
        add_text(out, key, NULL, 0);
    }
}

static void add_flag(struct tw_buf *out, const char *key, bool flag)
{
    tw_buf_add_text(out, key);
    tw_buf_add_text(out, flag ? "true" : "false");
}

// ---- lists

static void add_line(struct tw_buf *out, const struct tw_sale_line *line, size_t n)
{
    bool discount = line->kind == TW_LINE_DISCOUNT;
    add_number(out, n == 1 ? "{\"n\":" : ",{\"n\":", (int64_t)n);
    add_known(out, ",\"kind\":", tw_line_kind_name(line->kind));
    if (!discount) {
        add_text(out, ",\"gtin\":", line->gtin, 14);
        add_text(out, ",\"sku\":", line->sku, FIELD_MAX);
    }
    add_text(out, ",\"description\":", line->description, DESCRIPTION_MAX);
    if (!discount) {
        add_text(out, ",\"quantity\":", line->quantity, 20);
        add_money(out, ",\"unit_price\":", line->unit_price);
    }
    add_number(out, ",\"amount\":", line->amount_minor);
    if (!discount || line->voided) {
        add_flag(out, ",\"voided\":", line->voided);
    }
    if (line->applies_to > 0) {
        add_number(out, ",\"applies_to\":", line->applies_to);
    }
    tw_buf_add_text(out, "}");
}

static void add_lines(struct tw_buf *out, const struct tw_sale *sale)
{
    tw_buf_add_text(out, ",\"lines\":[");
    for (size_t i = 0; i < sale->line_count; i++) {
        add_line(out, &sale->lines[i], i + 1);
    }
    tw_buf_add_text(out, "]");
}

// A card tender carries brand and last digits where they were printed, and never more.
static void add_tenders(struct tw_buf *out, const struct tw_sale *sale)
{
    tw_buf_add_text(out, ",\"tenders\":[");
    for (size_t i = 0; i < sale->tender_count; i++) {
        const struct tw_sale_tender *tender = &sale->tenders[i];
        bool card = tender->type == TW_TENDER_CARD;
        add_known(out, i == 0 ? "{\"type\":" : ",{\"type\":", tw_tender_type_name(tender->type));
        add_number(out, ",\"amount\":", tender->amount_minor);
        if (card && tender->brand != NULL && tender->brand[0] != 0) {
            add_text(out, ",\"brand\":", tender->brand, BRAND_MAX);
        }
        if (card && tender->last4[0] != 0) {
            add_known(out, ",\"last4\":", tender->last4);
        }
        tw_buf_add_text(out, "}");
    }
    tw_buf_add_text(out, "]");
}

static void add_customer(struct tw_buf *out, const struct tw_sale_context *context)
{
    if (context->customer_scheme == NULL || context->customer_pseudonym == NULL) {
        add_text(out, ",\"customer\":", NULL, 0);
        return;
    }
    add_known(out, ",\"customer\":{\"scheme\":", context->customer_scheme);
    add_known(out, ",\"pseudonym\":", context->customer_pseudonym);
    tw_buf_add_text(out, ",\"consent\":null}");
}

static void add_coupons(struct tw_buf *out, const struct tw_sale *sale)
{
    tw_buf_add_text(out, ",\"coupons\":[");
    for (size_t i = 0; i < sale->coupon_count; i++) {
        add_text(out, i == 0 ? "{\"code\":" : ",{\"code\":", sale->coupons[i].code, CODE_MAX);
        add_known(out, ",\"scheme\":", sale->coupons[i].scheme);
        tw_buf_add_text(out, "}");
    }
    tw_buf_add_text(out, "]");
}

static void add_witnesses(struct tw_buf *out, const struct tw_sale_context *context)
{
    tw_buf_add_text(out, ",\"witnesses\":[");
    for (size_t i = 0; i < context->witness_count; i++) {
        const struct tw_sale_witness *witness = &context->witnesses[i];
        add_known(out, i == 0 ? "{\"device\":" : ",{\"device\":", witness->device);
        add_known(out, ",\"via\":", witness->via);
        add_known(out, ",\"sha256\":", witness->sha256);
        tw_buf_add_text(out, "}");
    }
    tw_buf_add_text(out, "]");
}

// ---- the whole

static struct tw_money discount_of(const struct tw_sale *sale)
{
    for (size_t i = 0; i < sale->line_count; i++) {
        if (sale->lines[i].kind == TW_LINE_DISCOUNT) {
            return (struct tw_money){true, tw_sale_discount_minor(sale)};
        }
    }
    return (struct tw_money){0};
}

static void add_amounts(struct tw_buf *out, const struct tw_sale *sale)
{
    add_money(out, ",\"subtotal\":", sale->subtotal);
    add_money(out, ",\"discount\":", discount_of(sale));
    add_money(out, ",\"tax\":", sale->tax);
    if (sale->tax.has) {
        add_flag(out, ",\"tax_included\":", sale->tax_included);
    } else {
        add_text(out, ",\"tax_included\":", NULL, 0);
    }
    add_money(out, ",\"rounding\":", sale->rounding);
    add_number(out, ",\"total\":", sale->total.minor);
}

void tw_sale_write(const struct tw_sale *sale, const struct tw_sale_context *context, struct tw_buf *out)
{
    (void)tw_buf_reserve(out, USUAL_BYTES);
    add_known(out, "{\"transaction_id\":", context->transaction_id);
    add_known(out, ",\"kind\":", tw_sale_kind_name(sale->kind));
    add_known(out, ",\"store\":", context->store);
    add_known(out, ",\"workstation\":", context->workstation);
    add_text(out, ",\"business_day\":", context->business_day, 10);
    add_text(out, ",\"receipt_number\":", sale->receipt_number, FIELD_MAX);
    add_text(out, ",\"printed_time\":", context->printed_time, 40);
    add_text(out, ",\"operator\":", sale->operator_id, FIELD_MAX);
    add_known(out, ",\"currency\":", context->currency);
    add_lines(out, sale);
    add_amounts(out, sale);
    add_tenders(out, sale);
    add_money(out, ",\"change\":", sale->change);
    add_customer(out, context);
    add_coupons(out, sale);
    add_text(out, ",\"corrects\":", context->corrects, FIELD_MAX);
    add_witnesses(out, context);
    add_flag(out, ",\"reconciled\":", sale->reconciled);
    tw_buf_add_text(out, "}");
}

int tw_sale_to_json(const struct tw_sale *sale, const struct tw_sale_context *context, tw_json **out)
{
    struct tw_buf text = {0};
    tw_sale_write(sale, context, &text);
    int rc = tw_buf_status(&text);
    rc = rc == TW_OK ? tw_json_parse(tw_buf_slice(&text), out, NULL) : rc;
    tw_buf_free(&text);
    return rc;
}
