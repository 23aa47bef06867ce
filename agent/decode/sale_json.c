// SPDX-License-Identifier: Apache-2.0
#include "tillwire/sale_json.h"

#include <jansson.h>

#include "agent/decode/utf8.h"

// Limits of include/contract/schema/sale.json, in characters.
#define FIELD_MAX       64
#define DESCRIPTION_MAX 256
#define BRAND_MAX       32
#define CODE_MAX        128

// A JSON string of at most `most` characters, null for NULL and "". Bytes that are not UTF-8 become U+FFFD.
static json_t *text_of(const char *text, size_t most)
{
    struct tw_slice rest = tw_slice_of(text);
    struct tw_buf clean = {0};
    for (size_t i = 0; i < most && rest.len > 0; i++) {
        uint32_t code = TW_UTF8_REPLACEMENT;
        size_t len = tw_utf8_decode(rest, &code);
        char character[TW_UTF8_MAX];
        tw_buf_add(&clean, character, tw_utf8_encode(code, character));
        len = len == 0 ? 1 : len;
        rest.ptr += len;
        rest.len -= len;
    }
    json_t *value = clean.failed    ? NULL
                    : clean.len > 0 ? json_stringn((const char *)clean.ptr, clean.len)
                                    : json_null();
    tw_buf_free(&clean);
    return value;
}

static json_t *money_of(struct tw_money money)
{
    return money.has ? json_integer(money.minor) : json_null();
}

static json_t *line_of(const struct tw_sale_line *line, size_t n)
{
    bool discount = line->kind == TW_LINE_DISCOUNT;
    json_t *out = json_pack("{s:I, s:s}", "n", (json_int_t)n, "kind", tw_line_kind_name(line->kind));
    int bad = out == NULL ? -1 : 0;
    if (!discount) {
        bad |= json_object_set_new(out, "gtin", text_of(line->gtin, 14));
        bad |= json_object_set_new(out, "sku", text_of(line->sku, FIELD_MAX));
    }
    bad |= json_object_set_new(out, "description", text_of(line->description, DESCRIPTION_MAX));
    if (!discount) {
        bad |= json_object_set_new(out, "quantity", text_of(line->quantity, 20));
        bad |= json_object_set_new(out, "unit_price", money_of(line->unit_price));
    }
    bad |= json_object_set_new(out, "amount", json_integer(line->amount_minor));
    if (!discount || line->voided) {
        bad |= json_object_set_new(out, "voided", json_boolean(line->voided));
    }
    if (line->applies_to > 0) {
        bad |= json_object_set_new(out, "applies_to", json_integer(line->applies_to));
    }
    if (bad != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *lines_of(const struct tw_sale *sale)
{
    json_t *out = json_array();
    for (size_t i = 0; i < sale->line_count; i++) {
        if (json_array_append_new(out, line_of(&sale->lines[i], i + 1)) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

// A card tender carries brand and last digits where they were printed, and never more.
static json_t *tender_of(const struct tw_sale_tender *tender)
{
    json_t *out = json_pack("{s:s, s:I}", "type", tw_tender_type_name(tender->type), "amount",
                            (json_int_t)tender->amount_minor);
    int bad = out == NULL ? -1 : 0;
    bool card = tender->type == TW_TENDER_CARD;
    if (card && tender->brand != NULL && tender->brand[0] != 0) {
        bad |= json_object_set_new(out, "brand", text_of(tender->brand, BRAND_MAX));
    }
    if (card && tender->last4[0] != 0) {
        bad |= json_object_set_new(out, "last4", json_string(tender->last4));
    }
    if (bad != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *tenders_of(const struct tw_sale *sale)
{
    json_t *out = json_array();
    for (size_t i = 0; i < sale->tender_count; i++) {
        if (json_array_append_new(out, tender_of(&sale->tenders[i])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *coupons_of(const struct tw_sale *sale)
{
    json_t *out = json_array();
    for (size_t i = 0; i < sale->coupon_count; i++) {
        const struct tw_sale_coupon *coupon = &sale->coupons[i];
        json_t *one =
            json_pack("{s:o, s:s}", "code", text_of(coupon->code, CODE_MAX), "scheme", coupon->scheme);
        if (json_array_append_new(out, one) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *witnesses_of(const struct tw_sale_context *context)
{
    json_t *out = json_array();
    for (size_t i = 0; i < context->witness_count; i++) {
        const struct tw_sale_witness *witness = &context->witnesses[i];
        json_t *one = json_pack("{s:s, s:s, s:s}", "device", witness->device, "via", witness->via, "sha256",
                                witness->sha256);
        if (json_array_append_new(out, one) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *customer_of(const struct tw_sale_context *context)
{
    if (context->customer_scheme == NULL || context->customer_pseudonym == NULL) {
        return json_null();
    }
    return json_pack("{s:s, s:s, s:n}", "scheme", context->customer_scheme, "pseudonym",
                     context->customer_pseudonym, "consent");
}

static json_t *discount_of(const struct tw_sale *sale)
{
    for (size_t i = 0; i < sale->line_count; i++) {
        if (sale->lines[i].kind == TW_LINE_DISCOUNT) {
            return json_integer(tw_sale_discount_minor(sale));
        }
    }
    return json_null();
}

int tw_sale_to_json(const struct tw_sale *sale, const struct tw_sale_context *context, tw_json **out)
{
    const struct {
        const char *key;
        json_t *value;
    } members[] = {
        {"transaction_id", json_string(context->transaction_id)},
        {"kind", json_string(tw_sale_kind_name(sale->kind))},
        {"store", json_string(context->store)},
        {"workstation", json_string(context->workstation)},
        {"business_day", text_of(context->business_day, 10)},
        {"receipt_number", text_of(sale->receipt_number, FIELD_MAX)},
        {"printed_time", text_of(context->printed_time, 40)},
        {"operator", text_of(sale->operator_id, FIELD_MAX)},
        {"currency", json_string(context->currency)},
        {"lines", lines_of(sale)},
        {"subtotal", money_of(sale->subtotal)},
        {"discount", discount_of(sale)},
        {"tax", money_of(sale->tax)},
        {"tax_included", sale->tax.has ? json_boolean(sale->tax_included) : json_null()},
        {"rounding", money_of(sale->rounding)},
        {"total", json_integer(sale->total.minor)},
        {"tenders", tenders_of(sale)},
        {"change", money_of(sale->change)},
        {"customer", customer_of(context)},
        {"coupons", coupons_of(sale)},
        {"corrects", text_of(context->corrects, FIELD_MAX)},
        {"witnesses", witnesses_of(context)},
        {"reconciled", json_boolean(sale->reconciled)},
    };
    json_t *object = json_object();
    int bad = object == NULL ? -1 : 0;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        bad |= json_object_set_new(object, members[i].key,
                                   members[i].value); // takes the value even when it fails
    }
    if (bad != 0) {
        json_decref(object);
        return TW_ERR_NOMEM;
    }
    *out = object;
    return TW_OK;
}
