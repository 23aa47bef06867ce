// SPDX-License-Identifier: Apache-2.0
//
// Two witnesses of one sale. A receipt cuts names and leaves numbers out, an export does not know
// what was printed: what one of them does not say contradicts nothing.
#include <jansson.h>

#include "tillwire/sale_json.h"

#define WITNESSES_MAX 16

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

static const json_t *get(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

// Takes `key` over where the new data has it and the old one has not or, with `wins`, says otherwise.
static bool take(json_t *merged, const json_t *from, const char *key, bool wins)
{
    json_t *value = json_object_get(from, key);
    const json_t *old = get(merged, key);
    if (is_absent(value) || (!is_absent(old) && (!wins || json_equal(old, value)))) {
        return false;
    }
    return json_object_set(merged, key, value) == 0;
}

// --- lines ---

static bool is_live(const json_t *line)
{
    return !json_is_true(get(line, "voided"));
}

static json_int_t amount_of(const json_t *line)
{
    return json_integer_value(get(line, "amount"));
}

// The nth line that was not voided, or NULL.
static json_t *live_line(const json_t *lines, size_t n)
{
    for (size_t i = 0; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);
        if (is_live(line) && n-- == 0) {
            return line;
        }
    }
    return NULL;
}

static bool same_amounts(const json_t *a, const json_t *b)
{
    for (size_t n = 0;; n++) {
        const json_t *one = live_line(a, n);
        const json_t *other = live_line(b, n);
        if (one == NULL || other == NULL) {
            return one == other;
        }
        if (amount_of(one) != amount_of(other)) {
            return false;
        }
    }
}

static bool merge_line(json_t *line, const json_t *from)
{
    bool changed = take(line, from, "gtin", true);
    changed = take(line, from, "sku", false) || changed;
    changed = take(line, from, "unit_price", false) || changed;
    (void)take(line, from, "description", false);
    return changed;
}

static bool merge_lines(json_t *merged, const json_t *from)
{
    json_t *old = json_object_get(merged, "lines");
    json_t *new = json_object_get(from, "lines");
    if (json_array_size(new) == 0) {
        return false;
    }
    if (!same_amounts(old, new)) {
        return json_object_set(merged, "lines", new) == 0;
    }
    bool changed = false;
    for (size_t n = 0; live_line(new, n) != NULL; n++) {
        changed = merge_line(live_line(old, n), live_line(new, n)) || changed;
    }
    return changed;
}

// --- tenders, customer, coupons, witnesses ---

static bool same_text(const json_t *a, const json_t *b)
{
    return json_is_string(a) && json_is_string(b) && strcmp(json_string_value(a), json_string_value(b)) == 0;
}

static bool is_other(const json_t *tender)
{
    const char *type = json_string_value(get(tender, "type"));
    return type == NULL || strcmp(type, "other") == 0;
}

// True when the two lists of tenders say the same; "other" says less than a type.
static bool same_tenders(const json_t *a, const json_t *b)
{
    bool same = json_array_size(a) == json_array_size(b);
    for (size_t i = 0; same && i < json_array_size(a); i++) {
        const json_t *one = json_array_get(a, i);
        const json_t *other = json_array_get(b, i);
        same = amount_of(one) == amount_of(other) &&
               (is_other(other) || same_text(get(one, "type"), get(other, "type")));
    }
    return same;
}

static bool merge_tenders(json_t *merged, const json_t *from)
{
    json_t *old = json_object_get(merged, "tenders");
    json_t *new = json_object_get(from, "tenders");
    if (json_array_size(new) == 0) {
        return false;
    }
    if (!same_tenders(old, new)) {
        return json_object_set(merged, "tenders", new) == 0;
    }
    bool changed = false;
    for (size_t i = 0; i < json_array_size(new); i++) {
        bool card = json_array_size(old) > i && !is_other(json_array_get(new, i));
        changed = (card && take(json_array_get(old, i), json_array_get(new, i), "brand", false)) || changed;
        changed = (card && take(json_array_get(old, i), json_array_get(new, i), "last4", false)) || changed;
    }
    return changed;
}

static bool merge_customer(json_t *merged, const json_t *from)
{
    const json_t *old = get(merged, "customer");
    const json_t *new = get(from, "customer");
    bool same = !is_absent(old) && !is_absent(new) && same_text(get(old, "scheme"), get(new, "scheme")) &&
                same_text(get(old, "pseudonym"), get(new, "pseudonym"));
    return !same && take(merged, from, "customer", true);
}

// Appends what the new list has and the old has not, by `key`.
static bool unite(json_t *merged, const json_t *from, const char *list, const char *key, size_t most)
{
    json_t *old = json_object_get(merged, list);
    const json_t *new = get(from, list);
    bool changed = false;
    for (size_t i = 0; i < json_array_size(new); i++) {
        json_t *entry = json_array_get(new, i);
        bool known = false;
        for (size_t k = 0; k < json_array_size(old); k++) {
            known = known || same_text(get(json_array_get(old, k), key), get(entry, key));
        }
        changed = (!known && json_array_size(old) < most && json_array_append(old, entry) == 0) || changed;
    }
    return changed;
}

// --- the whole ---

static json_int_t integer(const json_t *object, const char *key)
{
    return json_integer_value(get(object, key));
}

// The same arithmetic as tw_sale_reconcile, on the merged data.
static int reconcile(json_t *data)
{
    json_int_t net = integer(data, "rounding");
    json_int_t discount = 0;
    for (size_t n = 0; live_line(get(data, "lines"), n) != NULL; n++) {
        const json_t *line = live_line(get(data, "lines"), n);
        const char *kind = json_string_value(get(line, "kind"));
        net += amount_of(line);
        discount += kind != NULL && strcmp(kind, "discount") == 0 ? amount_of(line) : 0;
    }
    json_int_t given = -integer(data, "change");
    for (size_t i = 0; i < json_array_size(get(data, "tenders")); i++) {
        given += amount_of(json_array_get(get(data, "tenders"), i));
    }
    json_int_t total = integer(data, "total");
    json_int_t tax = integer(data, "tax");
    bool closes = net == total || net + tax == total;
    int bad = json_object_set_new(data, "reconciled", json_boolean(closes && given == total));
    if (closes && tax != 0) {
        bad |= json_object_set_new(data, "tax_included", json_boolean(net == total));
    }
    if (discount != 0 || !is_absent(get(data, "discount"))) {
        bad |= json_object_set_new(data, "discount", json_integer(discount));
    }
    return bad == 0 ? TW_OK : TW_ERR_NOMEM;
}

// Works the new data into `merged`, a copy of the old. True when it added or contradicted something.
static bool work_in(json_t *merged, const json_t *new)
{
    static const char *const wins[] = {"kind", "tax", "rounding", "total", "change"};
    static const char *const adds[] = {"receipt_number", "printed_time", "operator", "subtotal",
                                       "tax_included"};
    bool changed = false;
    for (size_t i = 0; i < sizeof wins / sizeof wins[0]; i++) {
        bool zero = is_absent(get(merged, wins[i])) && json_is_integer(get(new, wins[i])) &&
                    integer(new, wins[i]) == 0;
        changed = (!zero && take(merged, new, wins[i], true)) || changed; // not printed and zero say the same
    }
    for (size_t i = 0; i < sizeof adds / sizeof adds[0]; i++) {
        changed = take(merged, new, adds[i], false) || changed;
    }
    changed = merge_lines(merged, new) || changed;
    changed = merge_tenders(merged, new) || changed;
    changed = merge_customer(merged, new) || changed;
    return unite(merged, new, "coupons", "code", TW_SALE_MAX_COUPONS) || changed;
}

// ---- whether it is the same sale ----

// What is known from a POSLog and from nothing else has its witness; else NULL.
static const json_t *only_poslog(const json_t *data)
{
    const json_t *witnesses = get(data, "witnesses");
    const json_t *witness = json_array_get(witnesses, 0);
    const char *via = json_string_value(get(witness, "via"));
    return json_array_size(witnesses) == 1 && via != NULL && strcmp(via, "poslog") == 0 ? witness : NULL;
}

static bool differs(const json_t *one, const json_t *other, const char *key)
{
    return !is_absent(get(one, key)) && !is_absent(get(other, key)) &&
           !same_text(get(one, key), get(other, key));
}

static bool is_another(const json_t *old, const json_t *new)
{
    const json_t *one = only_poslog(old);
    const json_t *other = only_poslog(new);
    return one != NULL && other != NULL && !same_text(get(one, "sha256"), get(other, "sha256")) &&
           (differs(old, new, "printed_time") || differs(old, new, "operator"));
}

static int finish(json_t *merged, const json_t *new, const char *old_id, struct tw_buf *out)
{
    (void)unite(merged, new, "witnesses", "sha256", WITNESSES_MAX);
    int bad = json_object_set_new(merged, "corrects", json_string(old_id));
    int rc = bad == 0 ? reconcile(merged) : TW_ERR_NOMEM;
    if (rc == TW_OK) {
        tw_json_dump(merged, out);
        rc = tw_buf_status(out);
    }
    return rc;
}

int tw_sale_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                  struct tw_buf *merged, enum tw_merge *out)
{
    tw_json *old = NULL;
    tw_json *new = NULL;
    int rc = tw_json_parse(old_data, &old, NULL);
    rc = rc == TW_OK ? tw_json_parse(new_data, &new, NULL) : rc;
    rc = rc == TW_OK && (!json_is_object(old) || !json_is_object(new)) ? TW_ERR_INVALID : rc;
    bool another = rc == TW_OK && is_another(old, new);
    bool changed = rc == TW_OK && !another && work_in(old, new);
    if (changed) {
        rc = finish(old, new, old_id, merged);
    }
    tw_json_free(old);
    tw_json_free(new);
    if (rc == TW_OK) {
        *out = another ? TW_MERGE_ANOTHER : changed ? TW_MERGE_CHANGED : TW_MERGE_AGREE;
    }
    return rc;
}
