// SPDX-License-Identifier: Apache-2.0
//
// The sale: articles with what stands above and below them (name, quantity, article number),
// discounts with what they belong to, coupons.
#include <ctype.h>

#include "agent/decode/receipt.h"

#define NONE SIZE_MAX

struct builder {
    struct tw_receipt *receipt;
    struct tw_matcher *matcher;
    struct tw_sale *sale;
    size_t name_above;     // a line of text that may name the next article, or NONE
    size_t quantity_above; // a quantity line that has found no article yet, or NONE
    size_t code_above;
    size_t article;  // the last article in sale->lines, or NONE
    unsigned indent; // how far its name stands in
    bool direct;     // nothing but its own lines stood between it and here
    bool subtotal_seen;
    bool between;    // discounts stand between articles on this receipt
    size_t trailing; // discounts after the last article
};

static bool has_letter(struct tw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80) {
            return true;
        }
    }
    return false;
}

// Text in single spaces, at most 256 bytes cut at a character (the schema's limit).
static const char *keep_text(struct tw_sale *sale, struct tw_slice text)
{
    char out[257];
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < sizeof out - 1; i++) {
        bool again = text.ptr[i] == ' ' && len > 0 && out[len - 1] == ' ';
        if (!again) {
            out[len++] = (char)text.ptr[i];
        }
    }
    while (len >= sizeof out - 4 && ((uint8_t)out[len - 1] & 0xc0) == 0x80) {
        len--;
    }
    return len > 0 ? tw_sale_text(sale, tw_slice_make(out, len)) : NULL;
}

static const char *keep_number(struct tw_sale *sale, const struct tw_number *number)
{
    char out[32];
    size_t len = tw_number_text(number, out, sizeof out);
    return len > 0 ? tw_sale_text(sale, tw_slice_make(out, len)) : NULL;
}

static int64_t amount_of(const struct tw_receipt_line *line)
{
    return line->flip ? -tw_receipt_amount(line) : tw_receipt_amount(line);
}

static bool is_article(const struct tw_receipt_line *line)
{
    return line->role == TW_ROLE_ITEM || line->role == TW_ROLE_DEPOSIT || line->role == TW_ROLE_FEE ||
           line->role == TW_ROLE_GIFT_CARD;
}

// --- what stands around an article ---

static void take_quantity(struct builder *b, struct tw_sale_line *line, const struct tw_receipt_line *from)
{
    line->quantity = keep_number(b->sale, &from->quantity);
    line->unit_price = (struct tw_money){from->has_unit, from->unit_minor};
}

static void take_codes(struct builder *b, struct tw_sale_line *line, const struct tw_receipt_line *from)
{
    if (from->gtin[0] != 0 && line->gtin == NULL) {
        line->gtin = tw_sale_text(b->sale, tw_slice_of(from->gtin));
    }
    if (from->sku[0] != 0 && line->sku == NULL) {
        line->sku = tw_sale_text(b->sale, tw_slice_of(from->sku));
    }
}

static bool has_no_quantity(const struct tw_sale_line *line)
{
    return line->quantity != NULL && strcmp(line->quantity, "1") == 0 && !line->unit_price.has;
}

static size_t next_article(const struct tw_receipt *receipt, size_t i)
{
    do {
        i++;
    } while (i < receipt->total && !is_article(&receipt->lines[i]));
    return i;
}

// A quantity line of its own: belongs below or above, as the arithmetic and the vote say.
static void on_quantity(struct builder *b, size_t i)
{
    const struct tw_receipt_line *line = &b->receipt->lines[i];
    struct tw_sale_line *last = b->article != NONE && b->direct ? &b->sale->lines[b->article] : NULL;
    int fits_last = last != NULL && has_no_quantity(last) ? tw_receipt_fit(line, last->amount_minor) : 0;
    size_t next = next_article(b->receipt, i);
    int fits_next =
        next < b->receipt->total ? tw_receipt_fit(line, tw_receipt_amount(&b->receipt->lines[next])) : 0;
    bool below = fits_last > fits_next || (fits_last == fits_next && !b->receipt->quantity_first);
    if (fits_last > 0 && below) {
        take_quantity(b, last, line);
    } else {
        b->quantity_above = i;
    }
}

// A quantity that stood above and did not fit the next article belongs to the one before it.
static void settle_quantity(struct builder *b, struct tw_sale_line *line)
{
    const struct tw_receipt_line *above = &b->receipt->lines[b->quantity_above];
    struct tw_sale_line *last = b->article != NONE ? &b->sale->lines[b->article] : NULL;
    if (line != NULL && has_no_quantity(line) && tw_receipt_fits(above, line->amount_minor)) {
        take_quantity(b, line, above);
    } else if (last != NULL && has_no_quantity(last) && tw_receipt_fits(above, last->amount_minor)) {
        take_quantity(b, last, above);
    }
    b->quantity_above = NONE;
}

static void on_code(struct builder *b, size_t i)
{
    if (b->article != NONE && b->direct && !b->receipt->code_first) {
        take_codes(b, &b->sale->lines[b->article], &b->receipt->lines[i]);
    } else {
        b->code_above = i;
    }
}

static const char *name_of(struct builder *b, const struct tw_receipt_line *line)
{
    if (has_letter(line->label)) {
        return keep_text(b->sale, line->label);
    }
    if (b->name_above != NONE) {
        const struct tw_receipt_line *above = &b->receipt->lines[b->name_above];
        return keep_text(b->sale, above->label.len > 0 ? above->label : tw_receipt_text(above));
    }
    return keep_text(b->sale, line->label);
}

static enum tw_line_kind kind_of(enum tw_role role)
{
    switch (role) {
    case TW_ROLE_DISCOUNT:
        return TW_LINE_DISCOUNT;
    case TW_ROLE_DEPOSIT:
        return TW_LINE_DEPOSIT;
    case TW_ROLE_FEE:
        return TW_LINE_FEE;
    case TW_ROLE_GIFT_CARD:
        return TW_LINE_GIFT_CARD;
    default:
        return TW_LINE_ITEM;
    }
}

static struct tw_sale_line *add_line(struct builder *b, size_t i)
{
    struct tw_sale_line *line = tw_sale_add_line(b->sale);
    if (line != NULL) {
        line->kind = kind_of(b->receipt->lines[i].role);
        line->amount_minor = amount_of(&b->receipt->lines[i]);
    }
    return line;
}

static int on_article(struct builder *b, size_t i)
{
    const struct tw_receipt_line *from = &b->receipt->lines[i];
    struct tw_sale_line *line = add_line(b, i);
    if (line == NULL) {
        return TW_ERR_NOMEM;
    }
    line->quantity = tw_sale_text(b->sale, tw_slice_of("1"));
    bool own_name = has_letter(from->label);
    line->description = name_of(b, from);
    if (from->has_quantity) {
        take_quantity(b, line, from);
    }
    if (b->quantity_above != NONE) {
        settle_quantity(b, line);
    } else if (b->name_above != NONE && b->receipt->lines[b->name_above].has_quantity &&
               !from->has_quantity &&
               tw_receipt_fits(&b->receipt->lines[b->name_above], line->amount_minor)) {
        take_quantity(b, line, &b->receipt->lines[b->name_above]);
    }
    take_codes(b, line, from);
    if (b->name_above != NONE && !own_name) {
        take_codes(b, line, &b->receipt->lines[b->name_above]);
    }
    if (b->code_above != NONE) {
        take_codes(b, line, &b->receipt->lines[b->code_above]);
    }
    b->article = b->sale->line_count - 1;
    b->indent = own_name || b->name_above == NONE ? from->indent : b->receipt->lines[b->name_above].indent;
    b->direct = true;
    b->name_above = NONE;
    b->code_above = NONE;
    return TW_OK;
}

// --- discounts and coupons ---

// A discount belongs to the article it is indented under or directly follows; one that stands with
// others below the last article, or says so, or comes after the subtotal, is on the whole sale.
static int owner_of(const struct builder *b, const struct tw_receipt_line *line)
{
    if (b->subtotal_seen || b->article == NONE || tw_receipt_is(line, TW_IS_SALE_DISCOUNT)) {
        return 0;
    }
    int owner = (int)b->article + 1;
    if (line->indent > b->indent) {
        return owner;
    }
    int64_t most = b->sale->lines[b->article].amount_minor;
    int64_t amount = amount_of(line);
    bool exceeds = (amount < 0 ? -amount : amount) > (most < 0 ? -most : most);
    bool summary = !b->between && b->trailing > 1;
    return line->indent < b->indent || exceeds || summary || !b->direct ? 0 : owner;
}

static int add_coupon(struct builder *b, struct tw_slice code)
{
    bool digits = code.len >= 11;
    for (size_t i = 0; i < code.len; i++) {
        digits = digits && code.ptr[i] >= '0' && code.ptr[i] <= '9';
    }
    struct tw_sale_coupon *coupon =
        b->sale->coupon_count < TW_SALE_MAX_COUPONS ? tw_sale_add_coupon(b->sale) : NULL;
    if (coupon == NULL) {
        return b->sale->coupon_count < TW_SALE_MAX_COUPONS ? TW_ERR_NOMEM : TW_OK;
    }
    coupon->code = tw_sale_text(b->sale, code);
    coupon->scheme = tw_sale_text(b->sale, tw_slice_of(digits ? "gs1" : "store"));
    return coupon->code != NULL && coupon->scheme != NULL ? TW_OK : TW_ERR_NOMEM;
}

// `COUPON WELCOME10`: a last word of letters and figures.
static struct tw_slice coupon_word(struct tw_slice label)
{
    size_t begin = label.len;
    bool figure = label.len > 0 && isdigit(label.ptr[label.len - 1]);
    while (begin > 0 && (isupper(label.ptr[begin - 1]) || isdigit(label.ptr[begin - 1]))) {
        begin--;
    }
    bool word = figure && label.len - begin >= 6 && begin > 0 && label.ptr[begin - 1] == ' ' &&
                isupper(label.ptr[begin]);
    return tw_slice_make(label.ptr + begin, word ? label.len - begin : 0);
}

// The code of a coupon stands in its own line or in the next one.
static int take_coupon(struct builder *b, size_t i)
{
    const struct tw_receipt_line *line = &b->receipt->lines[i];
    for (size_t n = 0; n < line->number_count && tw_receipt_is(line, TW_IS_COUPON); n++) {
        const struct tw_number *number = &line->numbers[n];
        if (number->kind == TW_NUMBER_COUNT && number->end - number->digits >= 8) {
            return add_coupon(
                b, tw_slice_make(line->text + number->digits, (size_t)(number->end - number->digits)));
        }
    }
    struct tw_receipt_line *next = &b->receipt->lines[i + 1];
    struct tw_slice code = coupon_word(line->label);
    if (tw_receipt_is(line, TW_IS_COUPON) && code.len > 0) {
        return add_coupon(b, code);
    }
    if (i + 1 < b->receipt->total && next->amount < 0 && !next->quantity_only &&
        tw_receipt_is(next, TW_IS_COUPON_CODE) &&
        tw_matcher_value(b->matcher, TW_IS_COUPON_CODE, tw_receipt_text(next), &code)) {
        next->role = TW_ROLE_CODE;
        return add_coupon(b, code);
    }
    return TW_OK;
}

static int on_discount(struct builder *b, size_t i)
{
    const struct tw_receipt_line *from = &b->receipt->lines[i];
    int owner = owner_of(b, from);
    struct tw_sale_line *line = add_line(b, i);
    if (line == NULL) {
        return TW_ERR_NOMEM;
    }
    line->description = name_of(b, from);
    line->applies_to = owner;
    return take_coupon(b, i);
}

// --- the walk ---

// Votes: do quantity and article number lines stand above or below their article?
static void vote(struct tw_receipt *receipt)
{
    int above = 0;
    size_t first_article = NONE;
    size_t last = NONE;
    for (size_t i = 0; i < receipt->total; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (is_article(line)) {
            first_article = first_article == NONE ? i : first_article;
            last = i;
        } else if (line->quantity_only && line->amount < 0) {
            size_t next = next_article(receipt, i);
            int fits_next =
                next < receipt->total ? tw_receipt_fit(line, tw_receipt_amount(&receipt->lines[next])) : 0;
            int fits_last = last != NONE ? tw_receipt_fit(line, tw_receipt_amount(&receipt->lines[last])) : 0;
            above += fits_next - fits_last;
        } else if (line->code_only && first_article == NONE && i + 3 >= receipt->total) {
            receipt->code_first = true;
        }
    }
    receipt->quantity_first = above > 0;
    if (first_article != NONE && first_article > 0) {
        size_t at = first_article - 1;
        at -= at > 0 && receipt->lines[at].quantity_only ? 1 : 0;
        receipt->code_first = receipt->lines[at].code_only;
    }
}

static void look_at_discounts(struct builder *b)
{
    size_t pending = 0;
    bool article = false;
    for (size_t i = 0; i < b->receipt->total; i++) {
        const struct tw_receipt_line *line = &b->receipt->lines[i];
        if (line->role == TW_ROLE_SUBTOTAL) {
            break;
        }
        if (line->role == TW_ROLE_ITEM) {
            b->between = b->between || (article && pending > 0);
            article = true;
            pending = 0;
        }
        pending += line->role == TW_ROLE_DISCOUNT;
    }
    b->trailing = pending;
}

static bool may_be_name(const struct tw_receipt_line *line)
{
    const uint64_t other = TW_IS_BIT(TW_IS_HEADING) | TW_IS_BIT(TW_IS_TAX_TABLE) |
                           TW_IS_BIT(TW_IS_RECEIPT_NUMBER) | TW_IS_BIT(TW_IS_COUPON_CODE) |
                           TW_IS_BIT(TW_IS_VOID);
    return !line->is_rule && (line->is & other) == 0 && has_letter(tw_receipt_text(line));
}

static void on_text(struct builder *b, size_t i)
{
    const struct tw_receipt_line *line = &b->receipt->lines[i];
    if (line->is_rule) {
        b->direct = b->direct && line->len == 0;
    } else if (line->quantity_only) {
        on_quantity(b, i);
    } else if (line->code_only) {
        on_code(b, i);
    } else {
        b->name_above = may_be_name(line) ? i : NONE;
    }
}

static int on_line(struct builder *b, size_t i)
{
    const struct tw_receipt_line *line = &b->receipt->lines[i];
    switch (line->role) {
    case TW_ROLE_ITEM:
    case TW_ROLE_DEPOSIT:
    case TW_ROLE_FEE:
    case TW_ROLE_GIFT_CARD:
    case TW_ROLE_VOID:
        return on_article(b, i);
    case TW_ROLE_DISCOUNT:
        return on_discount(b, i);
    case TW_ROLE_SUBTOTAL:
    case TW_ROLE_INFO:
        b->subtotal_seen =
            b->subtotal_seen || line->role == TW_ROLE_SUBTOTAL || tw_receipt_is(line, TW_IS_TOTAL);
        b->sale->subtotal = line->role == TW_ROLE_SUBTOTAL ? (struct tw_money){true, tw_receipt_amount(line)}
                                                           : b->sale->subtotal;
        return TW_OK;
    case TW_ROLE_TEXT:
        on_text(b, i);
        return TW_OK;
    default:
        return TW_OK;
    }
}

// The name a void line gives, without the word that makes it one.
static struct tw_slice voided_name(struct builder *b, const struct tw_receipt_line *line)
{
    struct tw_slice name = line->label;
    struct tw_slice word;
    if (tw_matcher_value(b->matcher, TW_IS_VOID_LINE, name, &word) && word.ptr == name.ptr) {
        name.ptr += word.len;
        name.len -= word.len;
    }
    while (name.len > 0 && strchr(" :-*#", name.ptr[0]) != NULL) {
        name.ptr++;
        name.len--;
    }
    return name;
}

static int resolve_voids(struct builder *b, const size_t *from)
{
    for (size_t n = 0; n < b->sale->line_count; n++) {
        const struct tw_receipt_line *line = &b->receipt->lines[from[n]];
        if (line->role == TW_ROLE_VOID) {
            const char *name = keep_text(b->sale, voided_name(b, line));
            tw_receipt_void(b->sale, n, name != NULL ? name : "");
        }
    }
    return TW_OK;
}

int tw_receipt_build(struct tw_receipt *receipt, struct tw_matcher *matcher, struct tw_sale *sale)
{
    struct builder b = {.receipt = receipt,
                        .matcher = matcher,
                        .sale = sale,
                        .name_above = NONE,
                        .quantity_above = NONE,
                        .code_above = NONE,
                        .article = NONE};
    vote(receipt);
    look_at_discounts(&b);
    size_t *from = calloc(receipt->total + 1, sizeof *from);
    int rc = from != NULL ? TW_OK : TW_ERR_NOMEM;
    for (size_t i = 0; i < receipt->total && rc == TW_OK; i++) {
        size_t before = sale->line_count;
        rc = on_line(&b, i);
        from[before] = sale->line_count > before ? i : from[before];
    }
    if (rc == TW_OK && b.quantity_above != NONE) {
        settle_quantity(&b, NULL);
    }
    rc = rc == TW_OK ? resolve_voids(&b, from) : rc;
    free(from);
    b.name_above = NONE;
    if (b.code_above != NONE && b.article != NONE && b.direct && rc == TW_OK) { // below the last article
        take_codes(&b, &sale->lines[b.article], &receipt->lines[b.code_above]);
    }
    b.code_above = NONE;
    for (size_t i = receipt->total + 1; i < receipt->count && rc == TW_OK; i++) {
        rc = receipt->lines[i].role == TW_ROLE_FEE ? on_article(&b, i) : TW_OK;
    }
    return rc;
}
