// SPDX-License-Identifier: Apache-2.0
//
// The body of POST /v1/sales (include/contract/schema/sale-request.json).
#include "agent/decode/doc.h"
#include "tillwire/sale_json.h"

struct request {
    const struct tw_scan_rules *rules;
    struct tw_guard guard;
    struct tw_sale *sale;
    struct tw_error_text *err;
    char *field; // where the JSON Pointer of a mistake goes
    size_t field_size;
};

// Where a value stands: `/lines/3/amount`, `/card`.
struct place {
    const char *list; // NULL at the top
    size_t index;
    const char *key;
};

static int refuse(const struct request *r, const struct place *at, int code, const char *what)
{
    char pointer[80];
    if (at->list == NULL) {
        (void)snprintf(pointer, sizeof pointer, "%s%s", at->key != NULL ? "/" : "",
                       at->key != NULL ? at->key : "");
    } else if (at->key == NULL) {
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu", at->list, at->index);
    } else {
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu/%s", at->list, at->index, at->key);
    }
    if (r->field != NULL && r->field_size > 0) {
        (void)snprintf(r->field, r->field_size, "%s", pointer);
    }
    return tw_fail(r->err, code, "reading a sale: %s %s", pointer[0] != 0 ? pointer : "the body", what);
}

static int invalid(const struct request *r, const struct place *at, const char *what)
{
    return refuse(r, at, TW_ERR_INVALID, what);
}

// --- values ---

// NULL: absent, or null.
static const struct tw_doc_node *value_of(const struct tw_doc_node *object, const char *key)
{
    const struct tw_doc_node *value = tw_doc_get(object, key);
    return value != NULL && value->kind != TW_DOC_NULL ? value : NULL;
}

static int read_money(const struct request *r, const struct tw_doc_node *object, struct place at,
                      bool required, struct tw_money *out)
{
    const struct tw_doc_node *value = value_of(object, at.key);
    int64_t minor = 0;
    if (value == NULL) {
        return required ? invalid(r, &at, "is missing; send an integer in minor units") : TW_OK;
    }
    if (!tw_doc_int(value, &minor) || minor > TW_MONEY_MAX || minor < -TW_MONEY_MAX) {
        return invalid(r, &at, "is not an integer in minor units between -99999999999 and 99999999999");
    }
    *out = (struct tw_money){true, minor};
    return TW_OK;
}

enum exact { MAY_BE_MASKED = 0, MUST_BE_EXACT };

// A text of at most `most` bytes, through the payment guard: free text is masked, what must be
// exact is refused.
static int read_text(const struct request *r, const struct tw_doc_node *object, struct place at, size_t most,
                     enum exact exact, const char **out)
{
    const struct tw_doc_node *value = value_of(object, at.key);
    if (value == NULL) {
        return TW_OK;
    }
    size_t len = value->size;
    if (value->kind != TW_DOC_TEXT || len > most || (len == 0 && exact == MUST_BE_EXACT)) {
        return invalid(r, &at,
                       exact == MUST_BE_EXACT ? "is not a text of the allowed length"
                                              : "is not a text, or is too long");
    }
    struct tw_slice text = tw_slice_make(value->text, len);
    if (exact == MUST_BE_EXACT && tw_guard_hits(&r->guard, text)) {
        return refuse(r, &at, TW_ERR_REFUSED, "looks like a payment card number; it must never be sent here");
    }
    char *kept = tw_sale_room(r->sale, len);
    if (kept == NULL) {
        return TW_ERR_NOMEM;
    }
    memcpy(kept, text.ptr, len);
    if (exact == MAY_BE_MASKED) {
        (void)tw_guard_mask(&r->guard, kept, len);
    }
    *out = kept;
    return TW_OK;
}

// The index of a text among `names`, which end with NULL.
static int read_name(const struct request *r, const struct tw_doc_node *object, struct place at,
                     const char *(*name)(int), int count, int *out)
{
    const char *text = tw_doc_text(tw_doc_get(object, at.key));
    for (int i = 0; text != NULL && i < count; i++) {
        if (strcmp(text, name(i)) == 0) {
            *out = i;
            return TW_OK;
        }
    }
    return invalid(r, &at, "is missing or not one of the names of the schema");
}

static const char *kind_name(int i)
{
    return tw_sale_kind_name((enum tw_sale_kind)i);
}

static const char *line_kind_name(int i)
{
    return tw_line_kind_name((enum tw_line_kind)i);
}

static const char *tender_name(int i)
{
    return tw_tender_type_name((enum tw_tender_type)i);
}

// True when `text` follows `form`: '0' a digit, '?' stands for the rest of an RFC 3339 time, others
// themselves.
static bool follows(const char *text, const char *form)
{
    for (; *form != 0 && *form != '?'; form++, text++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*form == '0' ? !digit : *text != *form) {
            return false;
        }
    }
    return *form == '?' || *text == 0;
}

static int two(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static bool is_day(const char *text)
{
    return follows(text, "0000-00-00?") && two(text + 5) >= 1 && two(text + 5) <= 12 && two(text + 8) >= 1 &&
           two(text + 8) <= 31;
}

// RFC 3339 with offset, section 5.6.
static bool is_time(const char *text)
{
    if (!is_day(text) || !follows(text + 10, "T00:00:00?") || two(text + 11) > 23 || two(text + 14) > 59 ||
        two(text + 17) > 59) {
        return false;
    }
    const char *at = text + 19;
    if (*at == '.') {
        size_t len = strspn(at + 1, "0123456789");
        if (len == 0 || len > 9) {
            return false;
        }
        at += 1 + len;
    }
    if (strcmp(at, "Z") == 0) {
        return true;
    }
    bool offset = (*at == '+' || *at == '-') && follows(at + 1, "00:00");
    return offset && two(at + 1) <= 23 && two(at + 4) <= 59;
}

static bool is_decimal(const char *text)
{
    text += *text == '-';
    size_t whole = strspn(text, "0123456789");
    text += whole;
    size_t fraction = *text == '.' ? strspn(text + 1, "0123456789") : 0;
    bool fits = whole >= 1 && whole <= 12 && (*text == 0 || (fraction >= 1 && fraction <= 6));
    return fits && (*text == 0 || text[1 + fraction] == 0);
}

static bool is_name(const char *text, const char *more, size_t most)
{
    size_t len = 0;
    for (; text[len] != 0; len++) {
        char c = text[len];
        bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && strchr(more, c) == NULL) {
            return false;
        }
    }
    return len >= 1 && len <= most;
}

static bool is_gtin(const char *text)
{
    size_t len = strlen(text);
    return strspn(text, "0123456789") == len && (len == 8 || (len >= 12 && len <= 14));
}

// --- lists ---

static const struct tw_doc_node *list_of(const struct request *r, const struct tw_doc_node *body,
                                         const char *key, bool required, size_t most, int *rc)
{
    const struct tw_doc_node *list = value_of(body, key);
    struct place at = {.key = key};
    if (list == NULL) {
        *rc = required ? invalid(r, &at, "is missing; send a list") : TW_OK;
        return NULL;
    }
    if (list->kind != TW_DOC_ARRAY || list->size > most) {
        *rc = invalid(r, &at, "is not a list, or has too many entries");
        return NULL;
    }
    return list;
}

static int read_flag(const struct request *r, const struct tw_doc_node *object, struct place at, bool *out)
{
    const struct tw_doc_node *value = value_of(object, at.key);
    if (value != NULL && value->kind != TW_DOC_TRUE && value->kind != TW_DOC_FALSE) {
        return invalid(r, &at, "is not true or false");
    }
    *out = value != NULL ? tw_doc_is_true(value) : *out;
    return TW_OK;
}

static int read_line_numbers(const struct request *r, const struct tw_doc_node *entry, size_t i,
                             struct tw_sale_line *line)
{
    struct tw_money amount = {0};
    struct tw_money applies = {0};
    int rc = read_money(r, entry, (struct place){"lines", i, "amount"}, true, &amount);
    rc = rc == TW_OK
             ? read_money(r, entry, (struct place){"lines", i, "unit_price"}, false, &line->unit_price)
             : rc;
    rc = rc == TW_OK ? read_money(r, entry, (struct place){"lines", i, "applies_to"}, false, &applies) : rc;
    rc = rc == TW_OK ? read_flag(r, entry, (struct place){"lines", i, "voided"}, &line->voided) : rc;
    if (rc == TW_OK && applies.has && (applies.minor < 1 || applies.minor > TW_SALE_MAX_LINES)) {
        return invalid(r, &(struct place){"lines", i, "applies_to"}, "is not the number of a line");
    }
    line->amount_minor = amount.minor;
    line->applies_to = (int)applies.minor;
    return rc;
}

static int read_line(struct request *r, const struct tw_doc_node *entry, size_t i)
{
    struct tw_sale_line line = {0};
    int kind = 0;
    int rc =
        read_name(r, entry, (struct place){"lines", i, "kind"}, line_kind_name, TW_LINE_GIFT_CARD + 1, &kind);
    line.kind = (enum tw_line_kind)kind;
    rc = rc == TW_OK ? read_line_numbers(r, entry, i, &line) : rc;
    rc = rc == TW_OK ? read_text(r, entry, (struct place){"lines", i, "gtin"}, 14, MUST_BE_EXACT, &line.gtin)
                     : rc;
    rc = rc == TW_OK ? read_text(r, entry, (struct place){"lines", i, "sku"}, 64, MUST_BE_EXACT, &line.sku)
                     : rc;
    rc = rc == TW_OK ? read_text(r, entry, (struct place){"lines", i, "description"}, 1024, MAY_BE_MASKED,
                                 &line.description)
                     : rc;
    rc = rc == TW_OK
             ? read_text(r, entry, (struct place){"lines", i, "quantity"}, 20, MUST_BE_EXACT, &line.quantity)
             : rc;
    if (rc == TW_OK && line.gtin != NULL && !is_gtin(line.gtin)) {
        rc = invalid(r, &(struct place){"lines", i, "gtin"}, "is not 8, 12, 13 or 14 digits");
    }
    if (rc == TW_OK && line.quantity != NULL && !is_decimal(line.quantity)) {
        rc = invalid(r, &(struct place){"lines", i, "quantity"},
                     "is not a decimal number as text, such as \"2\" or \"0.652\"");
    }
    struct tw_sale_line *kept = rc == TW_OK ? tw_sale_add_line(r->sale) : NULL;
    if (kept != NULL) {
        *kept = line;
    }
    return rc == TW_OK && kept == NULL ? TW_ERR_NOMEM : rc;
}

static int read_tender(struct request *r, const struct tw_doc_node *entry, size_t i)
{
    struct tw_sale_tender tender = {0};
    struct tw_money amount = {0};
    const char *last4 = NULL;
    int type = 0;
    int rc =
        read_name(r, entry, (struct place){"tenders", i, "type"}, tender_name, TW_TENDER_OTHER + 1, &type);
    tender.type = (enum tw_tender_type)type;
    rc = rc == TW_OK ? read_money(r, entry, (struct place){"tenders", i, "amount"}, true, &amount) : rc;
    rc = rc == TW_OK
             ? read_text(r, entry, (struct place){"tenders", i, "brand"}, 32, MUST_BE_EXACT, &tender.brand)
             : rc;
    rc = rc == TW_OK ? read_text(r, entry, (struct place){"tenders", i, "last4"}, 19, MUST_BE_EXACT, &last4)
                     : rc;
    bool card = tender.type == TW_TENDER_CARD;
    if (rc == TW_OK && last4 != NULL && (!card || strlen(last4) != 4 || strspn(last4, "0123456789") != 4)) {
        rc = invalid(r, &(struct place){"tenders", i, "last4"},
                     "is not the last four digits of a card tender");
    }
    if (rc == TW_OK && tender.brand != NULL && !card) {
        rc = invalid(r, &(struct place){"tenders", i, "brand"}, "belongs to card tenders only");
    }
    struct tw_sale_tender *kept = rc == TW_OK ? tw_sale_add_tender(r->sale) : NULL;
    if (kept != NULL) {
        tender.amount_minor = amount.minor;
        memcpy(tender.last4, last4 != NULL ? last4 : "", last4 != NULL ? 5 : 1);
        *kept = tender;
    }
    return rc == TW_OK && kept == NULL ? TW_ERR_NOMEM : rc;
}

static int read_coupon(struct request *r, const struct tw_doc_node *entry, size_t i)
{
    struct tw_sale_coupon coupon = {0};
    int rc = read_text(r, entry, (struct place){"coupons", i, "code"}, 128, MUST_BE_EXACT, &coupon.code);
    rc = rc == TW_OK
             ? read_text(r, entry, (struct place){"coupons", i, "scheme"}, 32, MUST_BE_EXACT, &coupon.scheme)
             : rc;
    if (rc == TW_OK && coupon.code == NULL) {
        rc = invalid(r, &(struct place){"coupons", i, "code"}, "is missing");
    }
    if (rc == TW_OK && (coupon.scheme == NULL || !is_name(coupon.scheme, "_.-", 32))) {
        rc = invalid(r, &(struct place){"coupons", i, "scheme"},
                     "is missing or not a name, such as gs1 or store");
    }
    struct tw_sale_coupon *kept = rc == TW_OK ? tw_sale_add_coupon(r->sale) : NULL;
    if (kept != NULL) {
        *kept = coupon;
    }
    return rc == TW_OK && kept == NULL ? TW_ERR_NOMEM : rc;
}

typedef int read_entry(struct request *r, const struct tw_doc_node *entry, size_t i);

static int read_list(struct request *r, const struct tw_doc_node *body, const char *key, bool required,
                     size_t most, read_entry *read)
{
    int rc = TW_OK;
    const struct tw_doc_node *list = list_of(r, body, key, required, most, &rc);
    if (list == NULL) {
        return rc;
    }
    const struct tw_doc_node *entry = list + 1;
    for (size_t i = 0; rc == TW_OK && i < list->size; i++, entry += entry->span) {
        rc = entry->kind == TW_DOC_OBJECT ? read(r, entry, i)
                                          : invalid(r, &(struct place){key, i, NULL}, "is not an object");
    }
    return rc;
}

// --- the whole ---

static int read_amounts(struct request *r, const struct tw_doc_node *body)
{
    struct tw_sale *sale = r->sale;
    struct tw_money discount = {0}; // follows from the lines; only its form is checked
    int rc = read_money(r, body, (struct place){.key = "total"}, true, &sale->total);
    rc = rc == TW_OK ? read_money(r, body, (struct place){.key = "subtotal"}, false, &sale->subtotal) : rc;
    rc = rc == TW_OK ? read_money(r, body, (struct place){.key = "discount"}, false, &discount) : rc;
    rc = rc == TW_OK ? read_money(r, body, (struct place){.key = "tax"}, false, &sale->tax) : rc;
    rc = rc == TW_OK ? read_money(r, body, (struct place){.key = "rounding"}, false, &sale->rounding) : rc;
    rc = rc == TW_OK ? read_money(r, body, (struct place){.key = "change"}, false, &sale->change) : rc;
    rc = rc == TW_OK ? read_flag(r, body, (struct place){.key = "tax_included"}, &sale->tax_included) : rc;
    if (rc == TW_OK && sale->kind == TW_RETURN && sale->total.minor > 0) {
        rc = invalid(r, &(struct place){.key = "total"},
                     "is positive, but the amounts of a return are negative");
    }
    return rc;
}

static int read_texts(struct request *r, const struct tw_doc_node *body)
{
    struct tw_sale *sale = r->sale;
    int rc = read_text(r, body, (struct place){.key = "workstation"}, 32, MUST_BE_EXACT, &sale->workstation);
    rc = rc == TW_OK ? read_text(r, body, (struct place){.key = "business_day"}, 10, MUST_BE_EXACT,
                                 &sale->business_day)
                     : rc;
    rc = rc == TW_OK ? read_text(r, body, (struct place){.key = "receipt_number"}, 64, MUST_BE_EXACT,
                                 &sale->receipt_number)
                     : rc;
    rc = rc == TW_OK ? read_text(r, body, (struct place){.key = "printed_time"}, 40, MUST_BE_EXACT,
                                 &sale->printed_time)
                     : rc;
    rc = rc == TW_OK
             ? read_text(r, body, (struct place){.key = "operator"}, 64, MUST_BE_EXACT, &sale->operator_id)
             : rc;
    if (rc == TW_OK && sale->workstation != NULL && !is_name(sale->workstation, "_", 32)) {
        rc = invalid(r, &(struct place){.key = "workstation"}, "is not letters, digits and _ only");
    }
    if (rc == TW_OK && sale->business_day != NULL &&
        (!is_day(sale->business_day) || strlen(sale->business_day) != 10)) {
        rc = invalid(r, &(struct place){.key = "business_day"}, "is not a day such as 2026-11-22");
    }
    if (rc == TW_OK && sale->printed_time != NULL && !is_time(sale->printed_time)) {
        rc = invalid(r, &(struct place){.key = "printed_time"},
                     "is not a time with offset such as 2026-11-22T10:15:00+01:00");
    }
    return rc;
}

// The card is personal: it is read as a scan is, and refused where it may be a payment card.
static int read_card(struct request *r, const struct tw_doc_node *body)
{
    const struct tw_doc_node *value = value_of(body, "card");
    struct place at = {.key = "card"};
    if (value == NULL) {
        return TW_OK;
    }
    if (value->kind != TW_DOC_TEXT || value->size == 0 || value->size > 128) {
        return invalid(r, &at, "is not a text of the allowed length");
    }
    struct tw_scan scan = {.kind = TW_SCAN_OTHER};
    struct tw_slice text = tw_slice_make(value->text, value->size);
    if (r->rules != NULL) {
        tw_scan_read(r->rules, text, &scan);
    }
    int rc = TW_OK;
    if (scan.kind == TW_SCAN_LOYALTY) {
        r->sale->card = tw_sale_text(r->sale, tw_slice_of(scan.card));
        r->sale->card_scheme = tw_sale_text(r->sale, tw_slice_of(scan.scheme));
        rc = r->sale->card != NULL && r->sale->card_scheme != NULL ? TW_OK : TW_ERR_NOMEM;
    } else if (scan.kind == TW_SCAN_REFUSED || tw_guard_hits(&r->guard, text)) {
        rc = refuse(r, &at, TW_ERR_REFUSED, "looks like a payment card number; it must never be sent here");
    } else {
        rc = invalid(
            r, &at,
            "is no card of the configured loyalty schemes (loyalty.cards); leave it out or configure it");
    }
    explicit_bzero(scan.card, sizeof scan.card);
    return rc;
}

static int read_body(struct request *r, const struct tw_doc_node *body)
{
    if (body->kind != TW_DOC_OBJECT) {
        return invalid(r, &(struct place){0}, "is not a JSON object");
    }
    int kind = 0;
    int rc = read_name(r, body, (struct place){.key = "kind"}, kind_name, TW_VOID + 1, &kind);
    r->sale->kind = (enum tw_sale_kind)kind;
    rc = rc == TW_OK ? read_amounts(r, body) : rc;
    rc = rc == TW_OK ? read_list(r, body, "lines", true, TW_SALE_MAX_LINES, read_line) : rc;
    rc = rc == TW_OK ? read_list(r, body, "tenders", true, TW_SALE_MAX_TENDERS, read_tender) : rc;
    rc = rc == TW_OK ? read_list(r, body, "coupons", false, TW_SALE_MAX_COUPONS, read_coupon) : rc;
    rc = rc == TW_OK ? read_texts(r, body) : rc;
    return rc == TW_OK ? read_card(r, body) : rc;
}

static int read_sale(struct request *r, struct tw_slice text, struct tw_doc *doc)
{
    const struct tw_doc_node *body = NULL;
    int rc = tw_doc_read(doc, text, &body, r->err);
    return rc == TW_OK ? read_body(r, body) : rc;
}

int tw_sale_from_request(struct tw_slice body, const struct tw_scan_rules *rules, struct tw_sale **out,
                         struct tw_error_text *err, char *field, size_t field_size)
{
    if (field != NULL && field_size > 0) {
        field[0] = 0;
    }
    struct request request = {.rules = rules,
                              .guard = tw_scan_guard(rules),
                              .sale = tw_sale_new(),
                              .err = err,
                              .field = field,
                              .field_size = field_size};
    struct tw_doc *doc = NULL;
    int rc = request.sale != NULL ? tw_doc_new(&doc) : TW_ERR_NOMEM;
    rc = rc == TW_OK ? read_sale(&request, body, doc) : rc;
    tw_doc_free(doc);
    if (rc != TW_OK) {
        tw_sale_free(request.sale);
        return rc == TW_ERR_NOMEM ? tw_fail(err, rc, "reading a sale: out of memory") : rc;
    }
    tw_sale_reconcile(request.sale);
    *out = request.sale;
    return TW_OK;
}
