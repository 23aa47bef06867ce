// SPDX-License-Identifier: Apache-2.0
//
// Total, tax, rounding, change and tenders.
#include <ctype.h>

#include "agent/decode/receipt.h"

static const struct {
    enum tw_is is;
    enum tw_tender_type type;
} tender_types[] = {
    // The first that fits: a wallet names the card behind it, a voucher may be called a card.
    {TW_IS_MOBILE, TW_TENDER_MOBILE},       {TW_IS_POINTS_TENDER, TW_TENDER_POINTS},
    {TW_IS_GIFT_CARD, TW_TENDER_GIFT_CARD}, {TW_IS_CASH, TW_TENDER_CASH},
    {TW_IS_CARD, TW_TENDER_CARD},           {TW_IS_BRAND, TW_TENDER_CARD},
    {TW_IS_VOUCHER, TW_TENDER_VOUCHER},     {TW_IS_COUPON, TW_TENDER_VOUCHER},
};

static enum tw_tender_type type_of(const struct tw_receipt_line *line)
{
    char digits[8];
    for (size_t i = 0; i < sizeof tender_types / sizeof tender_types[0]; i++) {
        if (tw_receipt_is(line, tender_types[i].is)) {
            return tender_types[i].type;
        }
    }
    bool masked = tw_receipt_masked(line->text, digits, sizeof digits) == 4; // only cards are masked so
    return masked && !tw_receipt_is(line, TW_IS_MEMBER) ? TW_TENDER_CARD : TW_TENDER_OTHER;
}

static bool is_mask(char c)
{
    return c == '*' || c == 'x' || c == 'X' || c == '#';
}

static size_t digits_at(const char *text)
{
    size_t len = 0;
    while (isdigit((unsigned char)text[len])) {
        len++;
    }
    return len;
}

size_t tw_receipt_masked(const char *text, char *out, size_t size)
{
    unsigned masked = 0;
    for (; *text != 0; text++) {
        if (is_mask(*text) || (masked > 0 && (*text == ' ' || *text == '-'))) {
            masked += is_mask(*text);
            continue;
        }
        if (strncmp(text, "•", 3) == 0) {
            masked++;
            text += 2;
            continue;
        }
        size_t len = digits_at(text);
        if (len == 0 || masked < 2) {
            masked = 0;
            text += len > 1 ? len - 1 : 0;
            continue;
        }
        if (len >= 2 && len < size && !is_mask(text[len])) {
            memcpy(out, text, len);
            out[len] = 0;
            return len;
        }
        masked = 0;
        text += len - 1;
    }
    return 0;
}

static void take_last4(struct tw_sale_tender *tender, const struct tw_receipt_line *line)
{
    char digits[8];
    if (tender->type == TW_TENDER_CARD && tw_receipt_masked(line->text, digits, sizeof digits) == 4) {
        memcpy(tender->last4, digits, 5);
    }
}

static void take_brand(struct tw_sale *sale, struct tw_sale_tender *tender,
                       const struct tw_receipt_line *line, struct tw_matcher *matcher)
{
    struct tw_slice brand;
    if (tender->type == TW_TENDER_CARD && tender->brand == NULL && tw_receipt_is(line, TW_IS_BRAND) &&
        tw_matcher_value(matcher, TW_IS_BRAND, line->plain, &brand) && brand.len <= 32) {
        tender->brand = tw_sale_text(sale, brand);
    }
}

static int add_tender(struct tw_sale *sale, const struct tw_receipt_line *line, struct tw_matcher *matcher,
                      int64_t amount)
{
    if (sale->tender_count >= TW_SALE_MAX_TENDERS) {
        return TW_OK;
    }
    struct tw_sale_tender *tender = tw_sale_add_tender(sale);
    if (tender == NULL) {
        return TW_ERR_NOMEM;
    }
    tender->type = type_of(line);
    tender->amount_minor = amount;
    take_last4(tender, line);
    take_brand(sale, tender, line, matcher);
    return TW_OK;
}

// A line that only says how it was paid: a few words, or a masked card.
static bool names_tender(const struct tw_receipt_line *line)
{
    const uint64_t not_these = TW_IS_BIT(TW_IS_MEMBER) | TW_IS_BIT(TW_IS_OPERATOR) |
                               TW_IS_BIT(TW_IS_WORKSTATION) | TW_IS_BIT(TW_IS_TAX_TABLE) |
                               TW_IS_BIT(TW_IS_HEADING) | TW_IS_BIT(TW_IS_RECEIPT_NUMBER);
    char digits[8];
    unsigned words = 1;
    for (size_t i = 0; i < line->plain.len; i++) {
        words += line->plain.ptr[i] == ' ';
    }
    bool brief = words <= 3 || tw_receipt_masked(line->text, digits, sizeof digits) > 0;
    return line->amount < 0 && !line->is_rule && (line->is & not_these) == 0 && brief &&
           type_of(line) != TW_TENDER_OTHER;
}

static const struct tw_receipt_line *find_named(const struct tw_receipt *receipt)
{
    for (size_t i = receipt->total + 1; i < receipt->count; i++) {
        if (names_tender(&receipt->lines[i])) {
            return &receipt->lines[i];
        }
    }
    return NULL;
}

// "TENDERED 20.00" does not say how. Another line may; and change is only given for cash.
static void type_untold(const struct tw_receipt *receipt, struct tw_sale *sale)
{
    struct tw_sale_tender *tender = sale->tender_count == 1 ? &sale->tenders[0] : NULL;
    if (tender == NULL || tender->type != TW_TENDER_OTHER) {
        return;
    }
    const struct tw_receipt_line *named = find_named(receipt);
    if (named != NULL) {
        tender->type = type_of(named);
        take_last4(tender, named);
    } else if (sale->change.has && sale->change.minor > 0) {
        tender->type = TW_TENDER_CASH;
    }
}

// The terminal's own slip below the total may be the only place for brand and last digits.
static void look_below(const struct tw_receipt *receipt, struct tw_sale *sale, struct tw_matcher *matcher)
{
    struct tw_sale_tender *card = NULL;
    for (size_t i = 0; i < sale->tender_count; i++) {
        if (sale->tenders[i].type == TW_TENDER_CARD) {
            if (card != NULL) {
                return; // two cards: which is meant cannot be told
            }
            card = &sale->tenders[i];
        }
    }
    for (size_t i = receipt->total + 1; i < receipt->count && card != NULL; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (line->role != TW_ROLE_TEXT || tw_receipt_is(line, TW_IS_MEMBER)) {
            continue;
        }
        if (card->last4[0] == 0) {
            take_last4(card, line);
        }
        bool accepted = line->plain.len > 40; // "We accept Visa, Mastercard and …"
        if (card->brand == NULL && !accepted && names_tender(line)) {
            take_brand(sale, card, line, matcher);
        }
    }
}

static int take_tenders(const struct tw_receipt *receipt, struct tw_matcher *matcher, struct tw_sale *sale)
{
    for (size_t i = receipt->total; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        int64_t amount = tw_receipt_amount(line);
        if (line->role == TW_ROLE_TENDER) {
            int rc = add_tender(sale, line, matcher, line->flip ? -amount : amount);
            if (rc != TW_OK) {
                return rc;
            }
        } else if (line->role == TW_ROLE_CHANGE) {
            sale->change = (struct tw_money){true, amount < 0 ? -amount : amount};
        }
    }
    const struct tw_receipt_line *named = sale->tender_count == 0 ? find_named(receipt) : NULL;
    if (named != NULL && sale->total.minor != 0) {
        return add_tender(sale, named, matcher, sale->total.minor);
    }
    return TW_OK;
}

static int64_t given_minor(const struct tw_sale *sale)
{
    int64_t sum = -sale->change.minor;
    for (size_t i = 0; i < sale->tender_count; i++) {
        sum += sale->tenders[i].amount_minor;
    }
    return sum;
}

static void take_rounding(const struct tw_receipt *receipt, struct tw_sale *sale)
{
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (line->role == TW_ROLE_ROUNDING) {
            sale->rounding = (struct tw_money){true, tw_receipt_amount(line)};
        }
    }
}

int tw_receipt_pay(const struct tw_receipt *receipt, struct tw_matcher *matcher, struct tw_sale *sale)
{
    sale->total = (struct tw_money){true, tw_receipt_amount(&receipt->lines[receipt->total])};
    for (size_t i = receipt->total + 1; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        sale->total.minor += line->role == TW_ROLE_FEE ? tw_receipt_amount(line) : 0; // a tip
    }
    sale->tax = (struct tw_money){receipt->has_tax, receipt->tax_minor};
    take_rounding(receipt, sale);
    int rc = take_tenders(receipt, matcher, sale);
    if (rc != TW_OK) {
        return rc;
    }
    type_untold(receipt, sale);
    look_below(receipt, sale, matcher);
    // A total printed before it was rounded: what was to be paid is the rounded one.
    if (sale->rounding.has && sale->tender_count > 0 &&
        given_minor(sale) == sale->total.minor + sale->rounding.minor) {
        sale->total.minor += sale->rounding.minor;
    }
    bool before = false;
    for (size_t i = 0; i < receipt->total; i++) {
        before = before || receipt->lines[i].role == TW_ROLE_TAX;
    }
    sale->tax_included = receipt->has_tax && !before; // a first guess; the arithmetic has the last word
    return TW_OK;
}
