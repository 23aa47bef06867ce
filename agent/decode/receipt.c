// SPDX-License-Identifier: Apache-2.0
//
// The verdict: is this paper a sale, and of which kind?
#include <strings.h>

#include "agent/decode/receipt.h"

static bool has_line(const struct tw_receipt *receipt, uint64_t set)
{
    for (size_t i = 0; i < receipt->count; i++) {
        if ((receipt->lines[i].is & set) != 0) {
            return true;
        }
    }
    return false;
}

// A marker of the whole receipt stands alone on its line. `VOID` between articles is about a line.
static bool has_marker(const struct tw_receipt *receipt, enum tw_is is)
{
    bool article = false;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        bool inside = article && i < receipt->total && is == TW_IS_VOID;
        if (line->amount < 0 && tw_receipt_is(line, is) && !inside) {
            return true;
        }
        article = article || line->role == TW_ROLE_ITEM;
    }
    return false;
}

// Card terminals print slips with an amount and a total but no articles.
static bool is_card_slip(const struct tw_receipt *receipt)
{
    static const char *const words[] = {"amount",  "betrag",      "sale",    "purchase", "tip",   "base",
                                        "montant", "importe",     "importo", "bedrag",   "valor", "summa",
                                        "total",   "transaction", "beløb",   "kwota"};
    unsigned slip = 0;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        slip += tw_receipt_is(line, TW_IS_SLIP);
        bool word = line->role != TW_ROLE_ITEM;
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            word = word || (line->plain.len >= strlen(words[w]) &&
                            strncasecmp((const char *)line->plain.ptr, words[w], strlen(words[w])) == 0);
        }
        if (!word) {
            return false;
        }
    }
    return slip >= 2;
}

static void negate(struct tw_money *money)
{
    money->minor = -money->minor;
}

// A return whose paper shows plain amounts: the contract's are negative.
static void turn(struct tw_sale *sale)
{
    for (size_t i = 0; i < sale->line_count; i++) {
        sale->lines[i].amount_minor = -sale->lines[i].amount_minor;
    }
    for (size_t i = 0; i < sale->tender_count; i++) {
        sale->tenders[i].amount_minor = -sale->tenders[i].amount_minor;
    }
    negate(&sale->total);
    negate(&sale->subtotal);
    negate(&sale->tax);
    negate(&sale->rounding);
    negate(&sale->change);
}

static void decide_kind(const struct tw_receipt *receipt, struct tw_sale *sale)
{
    if (has_marker(receipt, TW_IS_VOID)) {
        sale->kind = TW_VOID;
    } else if (sale->total.minor < 0 || has_marker(receipt, TW_IS_RETURN)) {
        sale->kind = TW_RETURN;
        if (sale->total.minor > 0) {
            turn(sale);
        }
    }
}

// Some tills put the tax letter in front of the name: `A Semmel`, `(C) SARDINHAS`.
static size_t tax_letter(const char *text)
{
    bool bracket = text[0] == '(';
    char letter = text[bracket];
    size_t len = bracket ? 3 : 1;
    bool fits = letter >= 'A' && letter <= 'Z' && (!bracket || text[2] == ')') && text[len] == ' ' &&
                text[len + 1] != 0;
    return fits ? len + 1 : 0;
}

static bool tax_rows_begin_with(const struct tw_receipt *receipt, char letter)
{
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        const char *text = line->text + (line->len > 0 && line->text[0] == '(');
        if (line->is_tax_row && line->len > 2 && text[0] == letter && strchr(" :=)%", text[1]) != NULL) {
            return true;
        }
    }
    return false;
}

static void strip_tax_letters(const struct tw_receipt *receipt, struct tw_sale *sale)
{
    char letter = 0;
    for (size_t i = 0; i < sale->line_count; i++) {
        const struct tw_sale_line *line = &sale->lines[i];
        if (line->kind == TW_LINE_DISCOUNT || line->description == NULL) {
            continue;
        }
        if (tax_letter(line->description) == 0) {
            return;
        }
        letter = line->description[line->description[0] == '('];
    }
    for (size_t i = 0; i < sale->line_count && letter != 0 && tax_rows_begin_with(receipt, letter); i++) {
        struct tw_sale_line *line = &sale->lines[i];
        line->description =
            line->description != NULL ? line->description + tax_letter(line->description) : NULL;
    }
}

struct verdict {
    bool sale;
    enum tw_unparsed reason;
    const char *detail;
};

static bool has_priced_article(const struct tw_receipt *receipt)
{
    const uint64_t other = TW_IS_BIT(TW_IS_VOID_LINE) - 1;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (line->amount >= 0 && (line->is & other) == 0 && line->label.len > 0) {
            return true;
        }
    }
    return false;
}

static bool has_too_many(const struct tw_receipt *receipt)
{
    size_t lines = 0;
    for (size_t i = 0; i < receipt->total; i++) {
        enum tw_role role = receipt->lines[i].role;
        lines += role >= TW_ROLE_ITEM && role <= TW_ROLE_VOID;
    }
    return lines > TW_SALE_MAX_LINES;
}

static struct verdict not_sale(const char *detail)
{
    return (struct verdict){false, TW_UNPARSED_NOT_A_SALE, detail};
}

// What can be said before a sale is made.
static struct verdict judge_paper(const struct tw_receipt *receipt)
{
    if (has_line(receipt, TW_IS_BIT(TW_IS_TRAINING))) {
        return not_sale("it says it was printed in training mode");
    }
    if (has_line(receipt, TW_IS_BIT(TW_IS_REPORT))) {
        return not_sale("it is a till report or a drawer note");
    }
    if (receipt->total == receipt->count) {
        bool article =
            has_priced_article(receipt) && !has_line(receipt, TW_IS_BIT(TW_IS_ORDER) | TW_IS_BIT(TW_IS_SLIP));
        return article ? (struct verdict){false, TW_UNPARSED_NO_TOTAL,
                                          "there are amounts, but no line that is the total"}
                       : not_sale("there is no total and nothing that was sold");
    }
    if (is_card_slip(receipt)) {
        return not_sale("it is a card terminal's slip");
    }
    if (has_too_many(receipt)) {
        return (struct verdict){false, TW_UNPARSED_TOO_LONG, "it has more lines than a sale may have"};
    }
    return (struct verdict){.sale = true};
}

// What can be said of the sale that was made.
static struct verdict judge_sale(const struct tw_receipt *receipt, const struct tw_sale *sale)
{
    bool order = has_line(receipt, TW_IS_BIT(TW_IS_ORDER));
    if (sale->line_count == 0 && sale->kind != TW_VOID) {
        return not_sale("there is a total, but nothing that was sold");
    }
    bool paid = sale->tender_count > 0 || sale->total.minor == 0;
    if (!paid && order) {
        return not_sale("it is an order, an offer or an interim bill: nothing was paid");
    }
    if (!paid && sale->kind != TW_VOID && !has_line(receipt, TW_IS_BIT(TW_IS_RECEIPT))) {
        return not_sale("there is a total, but no payment, and it does not say that it is a receipt");
    }
    if (paid && order && !receipt->tenders_close && !sale->reconciled) {
        return not_sale("it is an order, an offer or an interim bill");
    }
    return (struct verdict){.sale = true};
}

static bool is_settled(const struct tw_sale *sale)
{
    int64_t given = -sale->change.minor;
    for (size_t i = 0; i < sale->tender_count; i++) {
        given += sale->tenders[i].amount_minor;
    }
    return sale->total.has && given == sale->total.minor;
}

static int make_sale(struct tw_receipt *receipt, struct tw_matcher *matcher,
                     const struct tw_scan_rules *rules, struct tw_sale *sale)
{
    tw_receipt_ask(receipt, matcher);
    int rc = tw_receipt_build(receipt, matcher, sale);
    rc = rc == TW_OK ? tw_receipt_pay(receipt, matcher, sale) : rc;
    if (rc == TW_OK) {
        decide_kind(receipt, sale);
        strip_tax_letters(receipt, sale);
        rc = tw_receipt_meta(receipt, matcher, rules, sale);
    }
    tw_sale_reconcile(sale);
    return rc;
}

static const char *role_name(const struct tw_receipt_line *line)
{
    static const char *const names[] = {"text",   "item",     "discount", "deposit",  "fee",   "gift_card",
                                        "void",   "subtotal", "tax",      "rounding", "total", "tender",
                                        "change", "info",     "unknown",  "quantity", "code",  "identity"};
    if (line->role == TW_ROLE_TEXT && line->quantity_only) {
        return names[TW_ROLE_QUANTITY];
    }
    return line->role == TW_ROLE_TEXT && line->code_only ? names[TW_ROLE_CODE] : names[line->role];
}

static void tell(const struct tw_receipt *receipt, tw_reader_line_fn *trace, void *ctx)
{
    for (size_t i = 0; i < receipt->count && trace != NULL; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        int64_t amount = line->role == TW_ROLE_TAX ? line->tax_minor : tw_receipt_amount(line);
        trace(ctx, line->text, role_name(line), amount, line->amount >= 0);
    }
}

static int read_sale(struct tw_receipt *receipt, struct tw_matcher *matcher,
                     const struct tw_scan_rules *rules, struct tw_receipt_result *out)
{
    struct verdict verdict = judge_paper(receipt);
    struct tw_sale *sale = NULL;
    if (verdict.sale) {
        sale = tw_sale_new();
        int rc = sale != NULL ? make_sale(receipt, matcher, rules, sale) : TW_ERR_NOMEM;
        if (rc != TW_OK) {
            tw_sale_free(sale);
            return rc;
        }
        verdict = judge_sale(receipt, sale);
    }
    if (!verdict.sale) {
        tw_sale_free(sale);
        sale = NULL;
    }
    out->sale = sale;
    out->reason = verdict.reason;
    out->detail = verdict.detail;
    out->copy = has_marker(receipt, TW_IS_COPY);
    out->complete = sale != NULL && (is_settled(sale) || sale->reconciled);
    return TW_OK;
}

int tw_receipt_read(struct tw_matcher *matcher, const struct tw_scan_rules *rules,
                    const struct tw_page_line *lines, size_t count, struct tw_receipt_result *out,
                    tw_reader_line_fn *trace, void *ctx)
{
    struct tw_receipt receipt = {0};
    int rc = tw_receipt_load(&receipt, matcher, lines, count);
    if (rc == TW_OK) {
        tw_receipt_taxes(&receipt);
        tw_receipt_roles(&receipt);
        rc = read_sale(&receipt, matcher, rules, out);
    }
    if (rc == TW_OK) {
        tell(&receipt, trace, ctx);
    }
    tw_receipt_clear(&receipt);
    return rc;
}
