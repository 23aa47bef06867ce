// SPDX-License-Identifier: Apache-2.0
//
// The line items of a transaction. Names are those of the POSLog schema (ARTS / NRF, version 2.2 and 6.0);
// what NCR's tills write beside them is marked.
#include <string.h>

#include "agent/decode/poslog_sale.h"
#include "agent/decode/poslog_value.h"

#define SKU_MAX 64

// ---- values ----

bool tw_poslog_amount(struct tw_poslog_reading *reading, uint32_t node, const char *name, int64_t *minor)
{
    uint32_t child = tw_poslog_child(reading->tree, node, name);
    const char *text = tw_poslog_text(reading->tree, child);
    if (text == NULL) {
        return false;
    }
    if (!tw_poslog_money(text, reading->decimals, minor)) {
        reading->bad = reading->bad != TW_POSLOG_NONE ? reading->bad : child;
        return false;
    }
    return true;
}

const char *tw_poslog_keep(struct tw_poslog_reading *reading, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t len = strlen(text);
    char *kept = tw_sale_room(reading->sale, len);
    if (kept == NULL) {
        reading->rc = TW_ERR_NOMEM;
        return NULL;
    }
    memcpy(kept, text, len);
    (void)tw_guard_mask(&reading->guard, kept, len);
    return kept;
}

static int64_t without_sign(int64_t minor)
{
    return minor < 0 ? -minor : minor;
}

static void add_to(struct tw_money *sum, int64_t minor)
{
    sum->has = true;
    sum->minor += minor;
}

static struct tw_sale_line *add_line(struct tw_poslog_reading *reading, enum tw_line_kind kind,
                                     int64_t amount)
{
    struct tw_sale_line *line = tw_sale_add_line(reading->sale);
    if (line == NULL) {
        reading->rc = reading->sale->line_count >= TW_SALE_MAX_LINES ? TW_ERR_TOO_LARGE : TW_ERR_NOMEM;
        return NULL;
    }
    line->kind = kind;
    line->amount_minor = amount;
    return line;
}

// ---- articles ----

static enum tw_line_kind kind_of(const struct tw_poslog_tree *tree, uint32_t article)
{
    static const struct {
        const char *type;
        enum tw_line_kind kind;
    } kinds[] = {{"Deposit", TW_LINE_DEPOSIT},
                 {"ItemDeposit", TW_LINE_DEPOSIT},
                 {"Fee", TW_LINE_FEE},
                 {"Service", TW_LINE_FEE},
                 {"GiftCard", TW_LINE_GIFT_CARD},
                 {"GiftCertificate", TW_LINE_GIFT_CARD},
                 {"StoredValue", TW_LINE_GIFT_CARD},
                 {"GiftCertificateNumber", TW_LINE_GIFT_CARD}};
    const char *type = tw_poslog_value(tree, article, "ItemType");
    for (size_t i = 0; type != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(tw_poslog_local(type), kinds[i].type) == 0) {
            return kinds[i].kind;
        }
    }
    return TW_LINE_ITEM;
}

static void name_article(struct tw_poslog_reading *reading, uint32_t article, struct tw_sale_line *line)
{
    const struct tw_poslog_tree *tree = reading->tree;
    const char *scanned = tw_poslog_text(
        tree, tw_poslog_child(tree, tw_poslog_child(tree, article, "POSIdentity"), "POSItemID"));
    const char *own = tw_poslog_value(tree, article, "ItemID");
    const char *const codes[] = {scanned, tw_poslog_value(tree, article, "GTIN"), own};
    char gtin[15];
    for (size_t i = 0; line->gtin == NULL && i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != NULL && tw_poslog_gtin(codes[i], gtin)) {
            line->gtin = tw_poslog_keep(reading, gtin);
        }
    }
    own = own != NULL ? own : scanned;
    if (own != NULL && strlen(own) <= SKU_MAX && !tw_poslog_gtin(own, gtin)) {
        line->sku = tw_poslog_keep(reading, own);
    }
    line->description = tw_poslog_keep(reading, tw_poslog_value(tree, article, "Description"));
}

static void price_article(struct tw_poslog_reading *reading, uint32_t article, struct tw_sale_line *line)
{
    const struct tw_poslog_tree *tree = reading->tree;
    char quantity[22];
    const char *text = tw_poslog_value(tree, article, "Quantity");
    line->quantity =
        tw_poslog_keep(reading, text != NULL && tw_poslog_quantity(text, quantity) ? quantity : "1");
    // The regular price is the one that discounts of their own lines are taken from.
    const char *const prices[] = {tw_poslog_value(tree, article, "RegularSalesUnitPrice"),
                                  tw_poslog_value(tree, article, "ActualSalesUnitPrice"),
                                  tw_poslog_value(tree, article, "UnitListPrice")};
    for (size_t i = 0; !line->unit_price.has && i < sizeof prices / sizeof prices[0]; i++) {
        line->unit_price.has =
            prices[i] != NULL && tw_poslog_money(prices[i], reading->decimals, &line->unit_price.minor);
    }
}

// What takes something off the article (or adds to it), each a line of its own.
static void modify_article(struct tw_poslog_reading *reading, uint32_t article, int applies_to,
                           bool is_return)
{
    static const char *const names[] = {"RetailPriceModifier", "Discount"};
    const struct tw_poslog_tree *tree = reading->tree;
    int64_t minor = 0;
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t node = tw_poslog_child(tree, article, names[i]);
        for (; node != TW_POSLOG_NONE; node = tw_poslog_again(tree, node)) {
            if (tw_poslog_flag(tree, node, "VoidFlag") ||
                !tw_poslog_amount(reading, node, "Amount", &minor) || minor == 0) {
                continue;
            }
            const char *action = tw_poslog_value(tree, tw_poslog_child(tree, node, "Amount"), "Action");
            bool adds = (action != NULL && strcmp(action, "Add") == 0) != is_return;
            struct tw_sale_line *line =
                add_line(reading, TW_LINE_DISCOUNT, adds ? without_sign(minor) : -without_sign(minor));
            if (line != NULL) {
                line->applies_to = applies_to;
                line->description = tw_poslog_keep(reading, tw_poslog_value(tree, node, "Description"));
            }
            any = true;
        }
    }
    if (!any && tw_poslog_amount(reading, article, "ExtendedDiscountAmount", &minor) && minor != 0) {
        struct tw_sale_line *line =
            add_line(reading, TW_LINE_DISCOUNT, is_return ? without_sign(minor) : -without_sign(minor));
        if (line != NULL) {
            line->applies_to = applies_to;
        }
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

// What was taken off a line goes with it.
static void void_discounts(struct tw_sale *sale, int applies_to)
{
    for (size_t i = (size_t)applies_to; i < sale->line_count; i++) {
        struct tw_sale_line *line = &sale->lines[i];
        line->voided = line->voided || (line->kind == TW_LINE_DISCOUNT && line->applies_to == applies_to);
    }
}

// A void line that counts backwards takes back the last one like it that still counts, and is then nothing
// itself (NCR). Otherwise it is a line that does not count.
static bool takes_back(struct tw_sale *sale)
{
    struct tw_sale_line *back = &sale->lines[sale->line_count - 1];
    for (size_t i = sale->line_count - 1; back->amount_minor < 0 && i > 0; i--) {
        struct tw_sale_line *line = &sale->lines[i - 1];
        if (!line->voided && line->kind == back->kind && line->amount_minor == -back->amount_minor &&
            same_text(line->gtin, back->gtin) && same_text(line->sku, back->sku)) {
            line->voided = true;
            sale->line_count--;
            void_discounts(sale, (int)i);
            return true;
        }
    }
    return false;
}

static void read_article(struct tw_poslog_reading *reading, uint32_t article, bool is_return, bool voided)
{
    const struct tw_poslog_tree *tree = reading->tree;
    int64_t minor = 0;
    if (!tw_poslog_amount(reading, article, "ExtendedAmount", &minor) &&
        !tw_poslog_amount(reading, article, "Amount", &minor)) {
        return; // a line without an amount is nothing that was paid for
    }
    struct tw_sale_line *line = add_line(reading, kind_of(tree, article), minor);
    if (line == NULL) {
        return;
    }
    name_article(reading, article, line);
    price_article(reading, article, line);
    bool backwards = line->quantity != NULL && line->quantity[0] == '-'; // a return, said as a sale of -1
    if ((is_return || backwards) && line->amount_minor > 0) {
        line->amount_minor = -line->amount_minor;
    }
    if (voided && !is_return && takes_back(reading->sale)) {
        return;
    }
    line->voided = voided && (is_return || line->amount_minor >= 0);
    if (!line->voided) {
        modify_article(reading, article, (int)reading->sale->line_count, is_return || backwards);
    }
    const uint32_t tax = tw_poslog_child(tree, article, "Tax");
    for (uint32_t node = tax; node != TW_POSLOG_NONE && !voided; node = tw_poslog_again(tree, node)) {
        if (tw_poslog_amount(reading, node, "Amount", &minor)) {
            add_to(&reading->item_tax, minor);
        }
    }
}

// ---- what is taken off the whole ----

static void read_discount(struct tw_poslog_reading *reading, uint32_t node)
{
    int64_t minor = 0;
    if (tw_poslog_amount(reading, node, "Amount", &minor) && minor != 0) {
        struct tw_sale_line *line = add_line(reading, TW_LINE_DISCOUNT, -without_sign(minor));
        if (line != NULL) {
            line->description = tw_poslog_keep(reading, tw_poslog_value(reading->tree, node, "Description"));
        }
    }
}

// The standard's reward has an Amount. NCR's has a category, of which only Monetary is money (others are
// points and messages), and may be told twice: article by article, and summed up.
static void read_reward(struct tw_poslog_reading *reading, uint32_t node)
{
    const struct tw_poslog_tree *tree = reading->tree;
    const char *category = tw_poslog_value(tree, node, "RewardCategory");
    int64_t minor = 0;
    if (category == NULL) {
        read_discount(reading, node);
        return;
    }
    bool sum =
        tw_poslog_flag(tree, node, "summarizedActivity") && !tw_poslog_flag(tree, node, "detailedData");
    if (strcmp(category, "Monetary") != 0 || (sum && reading->given_out_whole) ||
        !tw_poslog_amount(reading, node, "ExtendedRewardAmount", &minor) || minor == 0) {
        return;
    }
    (void)add_line(reading, TW_LINE_DISCOUNT, -without_sign(minor));
}

// ---- tenders ----

static enum tw_tender_type tender_type(const char *type)
{
    static const struct {
        const char *begins;
        enum tw_tender_type type;
    } types[] = {{"Cash", TW_TENDER_CASH},
                 {"ForeignCurrency", TW_TENDER_CASH},
                 {"Credit", TW_TENDER_CARD},
                 {"Debit", TW_TENDER_CARD},
                 {"Card", TW_TENDER_CARD},
                 {"Gift", TW_TENDER_GIFT_CARD},
                 {"StoredValue", TW_TENDER_GIFT_CARD},
                 {"Voucher", TW_TENDER_VOUCHER},
                 {"Coupon", TW_TENDER_VOUCHER},
                 {"ManufacturerCoupon", TW_TENDER_VOUCHER},
                 {"StoreCredit", TW_TENDER_VOUCHER},
                 {"Mobile", TW_TENDER_MOBILE},
                 {"DigitalWallet", TW_TENDER_MOBILE},
                 {"Loyalty", TW_TENDER_POINTS},
                 {"Points", TW_TENDER_POINTS}};
    for (size_t i = 0; type != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strncmp(tw_poslog_local(type), types[i].begins, strlen(types[i].begins)) == 0) {
            return types[i].type;
        }
    }
    return TW_TENDER_OTHER;
}

// Brand and the last four digits, and nothing else of a card (P6).
static void read_card(struct tw_poslog_reading *reading, uint32_t node, struct tw_sale_tender *tender)
{
    const struct tw_poslog_tree *tree = reading->tree;
    uint32_t card = tw_poslog_child(tree, node, "CreditDebit");
    const char *brand = tw_poslog_value(tree, card, "CreditDescription");
    brand = brand != NULL ? brand : tw_poslog_value(tree, card, "CardBrand");
    const char *type = tw_poslog_value(tree, card, "CardType");
    if (brand == NULL && type != NULL && strcmp(type, "Credit") != 0 && strcmp(type, "Debit") != 0) {
        brand = type;
    }
    tender->brand = tw_poslog_keep(reading, brand);
    const char *number = tw_poslog_value(tree, card, "PrimaryAccountNumber");
    number = number != NULL ? number : tw_poslog_value(tree, node, "PrimaryAccountNumber");
    size_t len = number != NULL ? strlen(number) : 0;
    if (len >= 12 && len <= 19 && strspn(number + len - 4, "0123456789") == 4) {
        memcpy(tender->last4, number + len - 4, 4);
    }
}

static void add_tender(struct tw_poslog_reading *reading, uint32_t node, int64_t minor, bool voided)
{
    struct tw_sale *sale = reading->sale;
    enum tw_tender_type type = tender_type(tw_poslog_value(reading->tree, node, "TenderType"));
    for (size_t i = sale->tender_count; voided && minor < 0 && i > 0; i--) { // takes one back, as articles do
        if (sale->tenders[i - 1].type == type && sale->tenders[i - 1].amount_minor == -minor) {
            memmove(&sale->tenders[i - 1], &sale->tenders[i],
                    (sale->tender_count - i) * sizeof sale->tenders[0]);
            sale->tender_count--;
            return;
        }
    }
    if (voided) {
        return;
    }
    struct tw_sale_tender *tender = tw_sale_add_tender(sale);
    if (tender == NULL) {
        reading->rc = sale->tender_count >= TW_SALE_MAX_TENDERS ? TW_ERR_TOO_LARGE : TW_ERR_NOMEM;
        return;
    }
    tender->type = type;
    tender->amount_minor = minor;
    if (type == TW_TENDER_CARD) {
        read_card(reading, node, tender);
    }
}

static void read_tender(struct tw_poslog_reading *reading, uint32_t node, bool voided)
{
    const struct tw_poslog_tree *tree = reading->tree;
    int64_t minor = 0;
    int64_t change = 0;
    bool gives_change = false;
    bool has_amount = tw_poslog_amount(reading, node, "Amount", &minor);
    uint32_t back = tw_poslog_child(tree, node, "TenderChange");
    for (; back != TW_POSLOG_NONE; back = tw_poslog_again(tree, back)) {
        int64_t part = 0;
        gives_change = tw_poslog_amount(reading, back, "Amount", &part) || gives_change;
        change += without_sign(part);
    }
    if (gives_change && !voided) {
        add_to(&reading->sale->change, change);
    }
    const char *code = tw_poslog_value(tree, node, "TypeCode");
    if (code != NULL && strcmp(code, "Refund") == 0) {
        minor = -without_sign(minor);
    }
    if (has_amount && !(gives_change && minor <= 0)) { // else it is nothing but the change (NCR)
        add_tender(reading, node, minor, voided);
    }
}

static void read_rounding(struct tw_poslog_reading *reading, uint32_t node)
{
    const char *direction = tw_poslog_value(reading->tree, node, "RoundingDirection");
    const char *text = tw_poslog_text(reading->tree, node);
    int64_t minor = 0;
    bool known = text != NULL ? tw_poslog_money(text, reading->decimals, &minor)
                              : tw_poslog_amount(reading, node, "Amount", &minor);
    if (known) {
        bool down = direction != NULL && strcmp(direction, "Down") == 0;
        add_to(&reading->sale->rounding, down ? -without_sign(minor) : minor);
    }
}

// ---- a line ----

void tw_poslog_line(struct tw_poslog_reading *reading, uint32_t item)
{
    const struct tw_poslog_tree *tree = reading->tree;
    bool voided = tw_poslog_flag(tree, item, "VoidFlag") || tw_poslog_flag(tree, item, "CancelFlag");
    for (uint32_t node = tree->nodes[item - 1].child; node != TW_POSLOG_NONE;
         node = tree->nodes[node - 1].next) {
        const char *name = tw_poslog_name(tree, node);
        bool off = voided || tw_poslog_flag(tree, node, "VoidFlag");
        int64_t minor = 0;
        if (strcmp(name, "Sale") == 0 || strcmp(name, "Return") == 0) {
            read_article(reading, node, name[0] == 'R', off);
        } else if (strcmp(name, "Tender") == 0) {
            read_tender(reading, node, off);
        } else if (strcmp(name, "Tax") == 0 && !off && tw_poslog_amount(reading, node, "Amount", &minor)) {
            add_to(&reading->line_tax, minor);
        } else if ((strcmp(name, "Discount") == 0 || strcmp(name, "RetailPriceModifier") == 0) && !off) {
            read_discount(reading, node);
        } else if (strcmp(name, "LoyaltyReward") == 0 && !off) {
            read_reward(reading, node);
        } else if (strcmp(name, "Rounding") == 0 && !off) {
            read_rounding(reading, node);
        }
    }
}
