// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/poslog_sale.h"

#include <string.h>

#include "agent/decode/poslog_value.h"

#define FIELD_MAX 64

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(tw_poslog_local(text), words[i]) == 0) {
            return true;
        }
    }
    return false;
}
#define IS_ONE_OF(text, words) is_one_of(text, words, sizeof(words) / sizeof(words)[0])

static int unparsed(struct tw_poslog_verdict *out, const char *reason, const char *what, uint32_t node)
{
    out->kind = TW_POSLOG_UNPARSED;
    out->reason = reason;
    out->what = what;
    out->node = node;
    return TW_OK;
}

// ---- arithmetic ----

static int64_t sum_of_lines(const struct tw_sale *sale, bool articles_only)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sale->line_count; i++) {
        const struct tw_sale_line *line = &sale->lines[i];
        bool counts = !line->voided && !(articles_only && line->kind == TW_LINE_DISCOUNT);
        sum += counts ? line->amount_minor : 0;
    }
    return sum;
}

static int64_t given(const struct tw_sale *sale)
{
    int64_t sum = -sale->change.minor;
    for (size_t i = 0; i < sale->tender_count; i++) {
        sum += sale->tenders[i].amount_minor;
    }
    return sum;
}

static bool lines_make(const struct tw_sale *sale, int64_t total)
{
    int64_t net = sum_of_lines(sale, false) + sale->rounding.minor;
    return net == total || net + sale->tax.minor == total;
}

// Adds what was taken off each article to its amount, or (`sign` -1) takes it away again.
static void gross_up(struct tw_sale *sale, int sign)
{
    for (size_t i = 0; i < sale->line_count; i++) {
        const struct tw_sale_line *line = &sale->lines[i];
        if (line->kind == TW_LINE_DISCOUNT && line->applies_to > 0) {
            sale->lines[line->applies_to - 1].amount_minor -= sign * line->amount_minor;
        }
    }
}

static void turn_discounts(struct tw_sale *sale)
{
    for (size_t i = 0; i < sale->line_count; i++) {
        struct tw_sale_line *line = &sale->lines[i];
        if (line->kind == TW_LINE_DISCOUNT && line->applies_to == 0) {
            line->amount_minor = -line->amount_minor;
        }
    }
}

// The standard leaves open whether ExtendedAmount is before or after what was taken off; and some write what
// is taken off a return with the sign of a sale.
static void settle_discounts(struct tw_sale *sale)
{
    if (lines_make(sale, sale->total.minor)) {
        return;
    }
    gross_up(sale, 1);
    if (lines_make(sale, sale->total.minor)) {
        return;
    }
    gross_up(sale, -1);
    turn_discounts(sale);
    if (sale->kind != TW_RETURN || !lines_make(sale, sale->total.minor)) {
        turn_discounts(sale);
    }
}

// Of a return all amounts are negative; the standard writes them positive, and the element's name says it.
static void settle_signs(struct tw_sale *sale)
{
    if (sum_of_lines(sale, true) >= 0 && sale->total.minor >= 0) {
        return;
    }
    sale->kind = sale->kind == TW_SALE ? TW_RETURN : sale->kind;
    bool turn_tenders = given(sale) > 0;
    sale->total.minor = sale->total.minor > 0 ? -sale->total.minor : sale->total.minor;
    sale->tax.minor = sale->tax.minor > 0 ? -sale->tax.minor : sale->tax.minor;
    for (size_t i = 0; turn_tenders && i < sale->tender_count; i++) {
        sale->tenders[i].amount_minor = -sale->tenders[i].amount_minor;
    }
    if (turn_tenders && sale->change.has) {
        sale->change.minor = -sale->change.minor;
    }
}

// ---- totals ----

// The total of that type (with any prefix); false: none.
static bool find_total(struct tw_poslog_reading *reading, uint32_t body, const char *type, int64_t *minor)
{
    const struct tw_poslog_tree *tree = reading->tree;
    uint32_t node = tw_poslog_child(tree, body, "Total");
    for (; node != TW_POSLOG_NONE; node = tw_poslog_again(tree, node)) {
        const char *its = tw_poslog_value(tree, node, "TotalType");
        const char *text = tw_poslog_text(tree, node);
        if (its == NULL || text == NULL || strcmp(tw_poslog_local(its), type) != 0) {
            continue;
        }
        if (tw_poslog_money(text, reading->decimals, minor)) {
            return true;
        }
        reading->bad = reading->bad != TW_POSLOG_NONE ? reading->bad : node;
    }
    return false;
}

static void read_totals(struct tw_poslog_reading *reading, uint32_t body)
{
    static const char *const names[] = {"TransactionGrandAmount", "TransactionTotalAmount",
                                        "TransactionNetAmount", "TransactionGrossAmount"};
    struct tw_sale *sale = reading->sale;
    int64_t minor = 0;
    if (find_total(reading, body, "TransactionTaxAmount", &minor)) {
        sale->tax = (struct tw_money){true, minor};
    } else {
        sale->tax = reading->line_tax.has ? reading->line_tax : reading->item_tax;
    }
    if (find_total(reading, body, "TransactionSubtotal", &minor)) {
        sale->subtotal = (struct tw_money){true, minor};
    }
    for (size_t i = 0; !sale->total.has && i < sizeof names / sizeof names[0]; i++) {
        // Only the first is what was to be paid; another one where it is what was paid.
        bool found = find_total(reading, body, names[i], &minor);
        if (found && (i == 0 || (sale->tender_count > 0 && minor == given(sale)))) {
            sale->total = (struct tw_money){true, minor};
        }
    }
    if (!sale->total.has && sale->tender_count > 0 && lines_make(sale, given(sale))) {
        sale->total = (struct tw_money){true, given(sale)};
    }
}

// ---- heads ----

// A text that must be exact: nothing where it may be a card number, is too long or has control characters.
static const char *keep_exact(struct tw_poslog_reading *reading, const char *text)
{
    bool good =
        text != NULL && strlen(text) <= FIELD_MAX && !tw_guard_hits(&reading->guard, tw_slice_of(text));
    for (const char *at = text; good && *at != '\0'; at++) {
        good = (unsigned char)*at >= ' ' && *at != 0x7f;
    }
    return good ? tw_poslog_keep(reading, text) : NULL;
}

static const char *first_of(const struct tw_poslog_tree *tree, uint32_t one, uint32_t other, const char *name)
{
    const char *text = tw_poslog_value(tree, one, name);
    return text != NULL ? text : tw_poslog_value(tree, other, name);
}

// A POSLogDateTime says by its type what it is the time of. That of the message is another one whenever the
// sale is exported again, and nothing that was printed.
static const char *transaction_time(const struct tw_poslog_tree *tree)
{
    uint32_t node = tw_poslog_child(tree, 1, "POSLogDateTime");
    for (; node != TW_POSLOG_NONE; node = tw_poslog_again(tree, node)) {
        const char *type = tw_poslog_value(tree, node, "TypeCode");
        if (type != NULL && strcmp(type, "Transaction") == 0) {
            return tw_poslog_text(tree, node);
        }
    }
    return NULL;
}

static void read_time(struct tw_poslog_reading *reading, uint32_t body)
{
    const struct tw_poslog_tree *tree = reading->tree;
    const char *const texts[] = {first_of(tree, body, 1, "ReceiptDateTime"),
                                 first_of(tree, body, 1, "EndDateTime"),
                                 first_of(tree, body, 1, "BeginDateTime"), transaction_time(tree)};
    struct tw_sale *sale = reading->sale;
    char day[11];
    char time[26];
    for (size_t i = 0; sale->printed_time == NULL && i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] != NULL && tw_poslog_time(texts[i], time)) {
            sale->printed_time = tw_poslog_keep(reading, time);
        }
    }
    const char *business_day = tw_poslog_value(reading->tree, 1, "BusinessDayDate");
    if (business_day != NULL && tw_poslog_day(business_day, day)) {
        sale->business_day = tw_poslog_keep(reading, day);
    }
}

static void read_head(struct tw_poslog_reading *reading, uint32_t body)
{
    const struct tw_poslog_tree *tree = reading->tree;
    struct tw_sale *sale = reading->sale;
    sale->store = keep_exact(reading, tw_poslog_value(tree, 1, "RetailStoreID"));
    sale->workstation = keep_exact(reading, tw_poslog_value(tree, 1, "WorkstationID"));
    sale->operator_id = keep_exact(reading, tw_poslog_value(tree, 1, "OperatorID"));
    sale->receipt_number = keep_exact(reading, first_of(tree, body, 1, "ReceiptNumber"));
    if (sale->receipt_number == NULL) {
        sale->receipt_number = keep_exact(reading, tw_poslog_value(tree, 1, "SequenceNumber"));
    }
    read_time(reading, body);
}

// ---- who ----

static bool take_card(struct tw_poslog_reading *reading, const char *text)
{
    struct tw_sale *sale = reading->sale;
    struct tw_scan scan;
    tw_scan_read(reading->rules, tw_slice_of(text), &scan);
    bool known = scan.kind == TW_SCAN_LOYALTY;
    if (known) {
        sale->card = tw_sale_text(sale, tw_slice_of(scan.card));
        sale->card_scheme = tw_sale_text(sale, tw_slice_of(scan.scheme));
        reading->rc = sale->card == NULL || sale->card_scheme == NULL ? TW_ERR_NOMEM : reading->rc;
    }
    explicit_bzero(&scan, sizeof scan);
    return known;
}

// The member's number: whatever stands where tills put it and is a card of this tenant. Some put it where
// payment cards belong, some fill it up with zeros. Everything else that stands there is forgotten (P6).
static void find_member(struct tw_poslog_reading *reading)
{
    static const char *const names[] = {"LoyaltyID",         "LoyaltyAccountID", "LoyaltyCardID",
                                        "LoyaltyCardNumber", "MembershipID",     "CustomerID",
                                        "CustomerNumber",    "CardID",           "PrimaryAccountNumber",
                                        "CardNumber",        "AccountNumber",    "LoyaltyNumber"};
    const struct tw_poslog_tree *tree = reading->tree;
    for (uint32_t node = 1; reading->rules != NULL && node <= tree->count; node++) {
        const char *text = tw_poslog_text(tree, node);
        const char *name = tw_poslog_name(tree, node);
        if (text != NULL && IS_ONE_OF(name + (name[0] == '@'), names) &&
            (take_card(reading, text) || (text[0] == '0' && take_card(reading, text + strspn(text, "0"))))) {
            return;
        }
    }
}

// ---- the whole ----

static size_t count_lines(const struct tw_poslog_tree *tree, uint32_t body)
{
    size_t count = 0;
    uint32_t item = tw_poslog_child(tree, body, "LineItem");
    for (; item != TW_POSLOG_NONE; item = tw_poslog_again(tree, item)) {
        count++;
    }
    return count;
}

static bool tells_rewards_one_by_one(const struct tw_poslog_tree *tree, uint32_t body)
{
    uint32_t item = tw_poslog_child(tree, body, "LineItem");
    for (; item != TW_POSLOG_NONE; item = tw_poslog_again(tree, item)) {
        if (tw_poslog_flag(tree, tw_poslog_child(tree, item, "LoyaltyReward"), "detailedData")) {
            return true;
        }
    }
    return false;
}

// Cancelled before it was paid, voided afterwards, or a transaction that voids another.
static bool is_void(const struct tw_poslog_tree *tree, uint32_t body)
{
    static const char *const voided[] = {"Voided", "PostVoided", "PostVoid", "Void", "Cancelled", "Canceled"};
    const char *link = tw_poslog_value(tree, tw_poslog_child(tree, body, "TransactionLink"), "ReasonCode");
    return tw_poslog_flag(tree, 1, "CancelFlag") || tw_poslog_flag(tree, 1, "VoidFlag") ||
           tw_poslog_flag(tree, body, "CancelFlag") || tw_poslog_flag(tree, body, "VoidFlag") ||
           IS_ONE_OF(first_of(tree, body, 1, "TransactionStatus"), voided) || IS_ONE_OF(link, voided);
}

// Whether it is a sale at all, complete and in earnest.
static bool is_sale(const struct tw_poslog_tree *tree, uint32_t body)
{
    static const char *const open[] = {"Suspended", "SuspendedDeleted", "SuspendedRetrieved",
                                       "InProcess", "Totaled",          "Failed"};
    return body != TW_POSLOG_NONE && !tw_poslog_flag(tree, 1, "TrainingModeFlag") &&
           !tw_poslog_flag(tree, body, "TrainingModeFlag") &&
           !IS_ONE_OF(first_of(tree, body, 1, "TransactionStatus"), open);
}

static const char *currency_of(const struct tw_poslog_tree *tree, uint32_t body)
{
    const char *currency = first_of(tree, 1, body, "CurrencyCode");
    return currency != NULL ? currency
                            : tw_poslog_value(tree, tw_poslog_child(tree, body, "Total"), "Currency");
}

// Each amount is within TW_MONEY_MAX; sums of them may not be.
static bool is_too_much(const struct tw_sale *sale)
{
    const int64_t sums[] = {sale->tax.minor, sale->change.minor, sale->rounding.minor,
                            tw_sale_discount_minor(sale)};
    bool too_much = false;
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        too_much = too_much || sums[i] > TW_MONEY_MAX || sums[i] < -TW_MONEY_MAX;
    }
    for (size_t i = 0; i < sale->line_count; i++) {
        int64_t minor = sale->lines[i].amount_minor;
        too_much = too_much || minor > TW_MONEY_MAX || minor < -TW_MONEY_MAX;
    }
    return too_much;
}

static int build(struct tw_poslog_reading *reading, uint32_t body, struct tw_poslog_verdict *out)
{
    const struct tw_poslog_tree *tree = reading->tree;
    struct tw_sale *sale = reading->sale;
    sale->kind = is_void(tree, body) ? TW_VOID : TW_SALE;
    read_head(reading, body);
    uint32_t item = tw_poslog_child(tree, body, "LineItem");
    for (; item != TW_POSLOG_NONE && reading->rc == TW_OK; item = tw_poslog_again(tree, item)) {
        tw_poslog_line(reading, item);
    }
    read_totals(reading, body);
    if (reading->rc == TW_ERR_TOO_LARGE) {
        return unparsed(out, "too_long", "has more lines or tenders than a sale may have", 1);
    }
    if (reading->bad != TW_POSLOG_NONE) {
        return unparsed(out, "malformed", "holds an amount that is no number of this currency", reading->bad);
    }
    if (sale->line_count + sale->tender_count == 0 && sale->total.minor == 0) {
        out->kind = TW_POSLOG_OTHER; // opened and closed again
        return reading->rc;
    }
    if (!sale->total.has) {
        return unparsed(out, "no_total", "has no total", body);
    }
    settle_signs(sale);
    settle_discounts(sale);
    if (is_too_much(sale)) {
        return unparsed(out, "malformed", "holds sums beyond what a sale may have", body);
    }
    find_member(reading);
    tw_sale_reconcile(sale);
    out->kind = TW_POSLOG_SALE;
    return reading->rc;
}

int tw_poslog_judge(const struct tw_poslog_tree *tree, const struct tw_poslog_options *with,
                    struct tw_poslog_verdict *out)
{
    *out = (struct tw_poslog_verdict){.kind = TW_POSLOG_OTHER};
    uint32_t body = tw_poslog_child(tree, 1, "RetailTransaction");
    out->lines = count_lines(tree, body);
    if (!is_sale(tree, body)) {
        return TW_OK;
    }
    const char *currency = currency_of(tree, body);
    if (currency != NULL && strcmp(currency, with->currency) != 0) {
        return unparsed(out, "currency", "is in another currency than the terminal's", 1);
    }
    struct tw_poslog_reading reading = {.tree = tree,
                                        .rules = with->rules,
                                        .guard = tw_scan_guard(with->rules),
                                        .decimals = tw_poslog_decimals(with->currency),
                                        .sale = tw_sale_new(),
                                        .given_out_whole = tells_rewards_one_by_one(tree, body)};
    int rc = reading.sale != NULL ? build(&reading, body, out) : TW_ERR_NOMEM;
    if (rc != TW_OK || out->kind != TW_POSLOG_SALE) {
        tw_sale_free(reading.sale);
    } else {
        out->sale = reading.sale;
    }
    return rc;
}
