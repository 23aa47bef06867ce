// SPDX-License-Identifier: Apache-2.0
//
// Which line is what. Labels propose; arithmetic decides: every line that may be the total is
// tried, with each way to take discounts that are printed without a sign, and the reading whose
// lines and tenders close best is kept.
#include "agent/decode/receipt.h"

// How discounts without a sign are taken.
// WITH_REPEATS takes a line that repeats the sum so far as a subtotal whatever it is called;
// AS_ARTICLES also takes what a label calls a repetition ("SAVE", "BODY") as sold.
enum unsigned_discounts { AS_PRINTED = 0, AS_NEGATIVE, AS_INFO, AS_ARTICLES, WITH_REPEATS, UNSIGNED_WAYS };

struct trial {
    size_t total; // index of the line tried as the total
    enum unsigned_discounts way;
    int64_t lines, rounding, tenders, change;
    int64_t tips; // printed behind the total, and paid with it
    size_t items, tender_count;
    bool lines_close, tenders_close;
    int score;
};

static bool is_any(const struct tw_receipt_line *line, uint64_t set)
{
    return (line->is & set) != 0;
}

#define BITS3(a, b, c) (TW_IS_BIT(a) | TW_IS_BIT(b) | TW_IS_BIT(c))

static const uint64_t info_bits = BITS3(TW_IS_IGNORE, TW_IS_SAVED, TW_IS_POINTS);
static const uint64_t discount_bits = BITS3(TW_IS_DISCOUNT, TW_IS_SALE_DISCOUNT, TW_IS_COUPON);

// --- before the total ---

static enum tw_role discount_role(struct tw_receipt_line *line, const struct trial *trial, int64_t total)
{
    int64_t amount = tw_receipt_amount(line);
    if (amount < 0 || total < 0) {
        return TW_ROLE_DISCOUNT;
    }
    line->flip = trial->way == AS_NEGATIVE;
    switch (trial->way) {
    case AS_NEGATIVE:
        return TW_ROLE_DISCOUNT;
    case AS_INFO:
        return TW_ROLE_INFO;
    default:
        return TW_ROLE_ITEM;
    }
}

// A total or net line before the chosen total repeats the lines so far, or is an article that is
// called so ("TOTAL CEREAL").
static enum tw_role early_total(const struct tw_receipt_line *line, const struct trial *trial,
                                const struct tw_receipt *receipt)
{
    int64_t amount = tw_receipt_amount(line);
    bool first = trial->items == 0 && trial->way != AS_ARTICLES;
    bool repeats = amount == trial->lines || amount == trial->lines + receipt->tax_minor || first;
    return repeats || tw_receipt_is(line, TW_IS_NET) ? TW_ROLE_INFO : TW_ROLE_ITEM;
}

// `LATTE 3.50` and further down `LATTE -3.50`: the article again, not a discount on it.
static bool takes_back(const struct tw_receipt *receipt, size_t at)
{
    const struct tw_receipt_line *line = &receipt->lines[at];
    for (size_t i = 0; i < at && tw_receipt_amount(line) < 0 && line->label.len > 0; i++) {
        const struct tw_receipt_line *other = &receipt->lines[i];
        if (other->amount >= 0 && tw_receipt_amount(other) == -tw_receipt_amount(line) &&
            other->label.len == line->label.len &&
            memcmp(other->label.ptr, line->label.ptr, line->label.len) == 0) {
            return true;
        }
    }
    return false;
}

static enum tw_role article_role(const struct tw_receipt *receipt, const struct tw_receipt_line *line,
                                 int64_t total)
{
    if (tw_receipt_is(line, TW_IS_GIFT_CARD) && tw_receipt_amount(line) > 0) {
        return TW_ROLE_GIFT_CARD;
    }
    if (tw_receipt_is(line, TW_IS_DEPOSIT)) {
        return TW_ROLE_DEPOSIT;
    }
    if (tw_receipt_is(line, TW_IS_FEE)) {
        return TW_ROLE_FEE;
    }
    bool article = line->gtin[0] != 0 || line->has_quantity || tw_receipt_is(line, TW_IS_RETURN_LINE);
    article = article || tw_receipt_amount(line) >= 0 || total < 0;
    return article || takes_back(receipt, (size_t)(line - receipt->lines)) ? TW_ROLE_ITEM : TW_ROLE_DISCOUNT;
}

// A line that only says "STORNO" makes the next one a void line.
static bool follows_void(const struct tw_receipt *receipt, size_t i)
{
    while (i > 0 && receipt->lines[i - 1].is_rule) {
        i--;
    }
    const struct tw_receipt_line *above = i > 0 ? &receipt->lines[i - 1] : NULL;
    return above != NULL && above->amount < 0 &&
           is_any(above, TW_IS_BIT(TW_IS_VOID) | TW_IS_BIT(TW_IS_VOID_LINE));
}

static enum tw_role role_before(struct tw_receipt *receipt, const struct trial *trial, size_t i)
{
    struct tw_receipt_line *line = &receipt->lines[i];
    int64_t total = tw_receipt_amount(&receipt->lines[trial->total]);
    bool negative = tw_receipt_amount(line) < 0;
    if (trial->way == WITH_REPEATS && trial->items > 1 && tw_receipt_amount(line) == trial->lines) {
        return TW_ROLE_SUBTOTAL;
    }
    if (is_any(line, info_bits)) {
        return trial->way == AS_ARTICLES ? article_role(receipt, line, total) : TW_ROLE_INFO;
    }
    if (tw_receipt_is(line, TW_IS_VOID_LINE) || (negative && trial->items > 0 && follows_void(receipt, i))) {
        return TW_ROLE_VOID;
    }
    if (line->is_tax_row && trial->items > 0) {
        return TW_ROLE_TAX;
    }
    if (tw_receipt_is(line, TW_IS_SUBTOTAL)) {
        return TW_ROLE_SUBTOTAL;
    }
    bool less = negative && total >= 0 && is_any(line, discount_bits);
    if (!less && (tw_receipt_is(line, TW_IS_NET) || tw_receipt_is(line, TW_IS_TOTAL))) {
        return early_total(line, trial, receipt);
    }
    if (tw_receipt_is(line, TW_IS_ROUNDING)) {
        return TW_ROLE_ROUNDING;
    }
    if (tw_receipt_is(line, TW_IS_DEPOSIT) && !tw_receipt_is(line, TW_IS_SALE_DISCOUNT)) {
        return TW_ROLE_DEPOSIT;
    }
    if (is_any(line, discount_bits) && !(negative && total >= 0 && tw_receipt_is(line, TW_IS_RETURN_LINE))) {
        bool item_of_return = negative && total < 0;
        return item_of_return ? article_role(receipt, line, total) : discount_role(line, trial, total);
    }
    return article_role(receipt, line, total);
}

// A void line printed without its sign still takes back.
static int64_t counted(const struct tw_receipt_line *line, enum tw_role role, int64_t total)
{
    int64_t amount = tw_receipt_amount(line);
    bool turn = line->flip || (role == TW_ROLE_VOID && amount > 0 && total >= 0);
    return turn ? -amount : amount;
}

static void try_before(struct tw_receipt *receipt, struct trial *trial)
{
    int64_t total = tw_receipt_amount(&receipt->lines[trial->total]);
    for (size_t i = 0; i < trial->total; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        line->flip = false;
        line->role = line->amount < 0 ? TW_ROLE_TEXT : role_before(receipt, trial, i);
        int64_t amount = line->amount < 0 ? 0 : counted(line, line->role, total);
        switch (line->role) {
        case TW_ROLE_ITEM:
        case TW_ROLE_DISCOUNT:
        case TW_ROLE_DEPOSIT:
        case TW_ROLE_FEE:
        case TW_ROLE_GIFT_CARD:
        case TW_ROLE_VOID:
            line->flip = line->flip || (line->role == TW_ROLE_VOID && amount != tw_receipt_amount(line));
            trial->lines += amount;
            trial->items += line->role != TW_ROLE_DISCOUNT && line->role != TW_ROLE_VOID;
            break;
        case TW_ROLE_ROUNDING:
            trial->rounding += amount;
            break;
        default:
            break;
        }
    }
}

// --- from the total on ---

static const uint64_t tender_bits = BITS3(TW_IS_CASH, TW_IS_CARD, TW_IS_VOUCHER) |
                                    BITS3(TW_IS_GIFT_CARD, TW_IS_MOBILE, TW_IS_POINTS_TENDER) |
                                    BITS3(TW_IS_TENDER, TW_IS_COUPON, TW_IS_BRAND);

static int64_t sign_of(int64_t value)
{
    return value < 0 ? -1 : 1;
}

// True when what was given already covers the total, so that a further line only repeats it.
static bool is_settled(const struct trial *trial, int64_t total)
{
    int64_t given = trial->tenders * sign_of(total);
    return trial->tender_count > 0 && given >= (total + trial->rounding) * sign_of(total);
}

static enum tw_role role_after(const struct tw_receipt_line *line, const struct trial *trial, int64_t total)
{
    if (line->is_tax_row) {
        return TW_ROLE_TAX;
    }
    if (is_any(line, info_bits) && !tw_receipt_is(line, TW_IS_POINTS_TENDER)) {
        return TW_ROLE_INFO;
    }
    if (tw_receipt_is(line, TW_IS_ROUNDING)) {
        return TW_ROLE_ROUNDING;
    }
    if (tw_receipt_is(line, TW_IS_CHANGE)) {
        return TW_ROLE_CHANGE;
    }
    if (is_settled(trial, total)) {
        return TW_ROLE_INFO;
    }
    if (is_any(line, BITS3(TW_IS_NET, TW_IS_SUBTOTAL, TW_IS_TOTAL)) &&
        !is_any(line, tender_bits & ~TW_IS_BIT(TW_IS_TENDER))) {
        return TW_ROLE_INFO;
    }
    if (is_any(line, tender_bits)) {
        return TW_ROLE_TENDER;
    }
    bool tip = tw_receipt_is(line, TW_IS_FEE) && trial->tender_count == 0 && tw_receipt_amount(line) > 0;
    return tip && total > 0 ? TW_ROLE_FEE : TW_ROLE_UNKNOWN;
}

static void try_after(struct tw_receipt *receipt, struct trial *trial)
{
    int64_t total = tw_receipt_amount(&receipt->lines[trial->total]);
    for (size_t i = trial->total + 1; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        line->flip = false;
        line->role = line->amount < 0 ? TW_ROLE_TEXT : role_after(line, trial, total);
        int64_t amount = tw_receipt_amount(line);
        if (line->role == TW_ROLE_TENDER) {
            line->flip = (total < 0) != (amount < 0); // `Gift card  -50.00` pays, whatever its sign
            trial->tenders += line->flip ? -amount : amount;
            trial->tender_count++;
        } else if (line->role == TW_ROLE_CHANGE) {
            trial->change = amount < 0 ? -amount : amount;
        } else if (line->role == TW_ROLE_ROUNDING) {
            trial->rounding += amount;
        } else if (line->role == TW_ROLE_FEE) {
            trial->tips += amount;
        }
    }
}

// `TOTAL 23.68`, `Tip 4.00`, `VISA 27.68`: a tip behind the total counts where it was paid.
static void settle_tips(struct tw_receipt *receipt, struct trial *trial)
{
    int64_t total = tw_receipt_amount(&receipt->lines[trial->total]);
    if (trial->tips == 0 || trial->tenders - trial->change == total + trial->tips) {
        return;
    }
    trial->tips = 0;
    for (size_t i = trial->total + 1; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        line->role = line->role == TW_ROLE_FEE ? TW_ROLE_UNKNOWN : line->role;
    }
}

// What a return gives back may be printed as change.
static void change_of_return(struct tw_receipt *receipt, struct trial *trial)
{
    int64_t total = tw_receipt_amount(&receipt->lines[trial->total]);
    for (size_t i = trial->total + 1; i < receipt->count && total < 0 && trial->tender_count == 0; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        if (line->role == TW_ROLE_CHANGE && trial->change == -total) {
            line->role = TW_ROLE_TENDER;
            line->flip = tw_receipt_amount(line) > 0;
            trial->tenders = total;
            trial->tender_count = 1;
            trial->change = 0;
        }
    }
}

// --- what the labels do not know: the arithmetic may ---

#define UNKNOWN_MAX 12

static size_t find_unknown(struct tw_receipt *receipt, const struct trial *trial,
                           struct tw_receipt_line **out)
{
    size_t count = 0;
    for (size_t i = trial->total + 1; i < receipt->count && count < UNKNOWN_MAX; i++) {
        if (receipt->lines[i].role == TW_ROLE_UNKNOWN) {
            out[count++] = &receipt->lines[i];
        }
    }
    return count;
}

// An amount behind the total that no label explains is a tender when it settles the total exactly,
// alone, with a second one, or with the change that follows it.
static void try_unknown(struct tw_receipt *receipt, struct trial *trial)
{
    struct tw_receipt_line *line[UNKNOWN_MAX];
    size_t count = find_unknown(receipt, trial, line);
    int64_t total = tw_receipt_amount(&receipt->lines[trial->total]);
    int64_t open = total - trial->tenders + trial->change;
    for (size_t i = 0; i < count; i++) {
        if (tw_receipt_amount(line[i]) == open) {
            line[i]->role = TW_ROLE_TENDER;
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            int64_t first = tw_receipt_amount(line[i]);
            int64_t second = tw_receipt_amount(line[k]);
            bool change = trial->change == 0 && first * sign_of(total) > 0 &&
                          first - (second < 0 ? -second : second) == open;
            if (change || first + second == open) {
                line[i]->role = TW_ROLE_TENDER;
                line[k]->role = change ? TW_ROLE_CHANGE : TW_ROLE_TENDER;
                return;
            }
        }
    }
}

static void sum_tenders(const struct tw_receipt *receipt, struct trial *trial)
{
    trial->tenders = 0;
    trial->tender_count = 0;
    trial->change = 0;
    for (size_t i = trial->total + 1; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        int64_t amount = tw_receipt_amount(line);
        if (line->role == TW_ROLE_TENDER) {
            trial->tenders += line->flip ? -amount : amount;
            trial->tender_count++;
        } else if (line->role == TW_ROLE_CHANGE) {
            trial->change = amount < 0 ? -amount : amount;
        }
    }
}

static void judge(const struct tw_receipt *receipt, struct trial *trial)
{
    const struct tw_receipt_line *line = &receipt->lines[trial->total];
    int64_t total = tw_receipt_amount(line);
    int64_t net = trial->lines + trial->rounding;
    int64_t settled = trial->tenders - trial->change - trial->tips;
    trial->lines_close = trial->items > 0 && (net == total || net + receipt->tax_minor == total ||
                                              (trial->rounding != 0 && trial->lines == total));
    trial->tenders_close = trial->tender_count > 0 ? settled == total || (trial->rounding != 0 &&
                                                                          settled == total + trial->rounding)
                                                   : total == 0;
    trial->score = (trial->lines_close ? 8 : 0) + (trial->tenders_close ? 8 : 0);
    trial->score += (tw_receipt_is(line, TW_IS_TOTAL) ? 4 : 0) + (line->big ? 1 : 0);
    trial->score -= is_any(line, info_bits | TW_IS_BIT(TW_IS_SUBTOTAL) | TW_IS_BIT(TW_IS_NET)) ? 3 : 0;
    trial->score += trial->tender_count > 0 ? 2 : 0;
    trial->score -= (int)trial->way;
    bool exact = net == total || net + receipt->tax_minor == total;
    trial->score += exact && settled == total ? 2 : 0;
}

static struct trial try_total(struct tw_receipt *receipt, size_t at, enum unsigned_discounts way)
{
    struct trial trial = {.total = at, .way = way};
    try_before(receipt, &trial);
    receipt->lines[at].role = TW_ROLE_TOTAL;
    receipt->lines[at].flip = false;
    try_after(receipt, &trial);
    settle_tips(receipt, &trial);
    change_of_return(receipt, &trial);
    if (trial.tenders - trial.change - trial.tips != tw_receipt_amount(&receipt->lines[at])) {
        try_unknown(receipt, &trial);
        sum_tenders(receipt, &trial);
    }
    judge(receipt, &trial);
    return trial;
}

// Without a label only a line that repeats the sum of all before it may be the total.
static bool may_be_total(const struct tw_receipt_line *line, bool labelled, int64_t sum_before, int64_t tax)
{
    if (line->amount < 0 || line->is_tax_row || line->quantity_only) {
        return false;
    }
    int64_t amount = tw_receipt_amount(line);
    bool repeats = line->label.len > 0 && amount != 0 && (amount == sum_before || amount == sum_before + tax);
    return labelled ? tw_receipt_is(line, TW_IS_TOTAL) : repeats;
}

// Without a label for the total the rest must leave no doubt: two articles at least, everything
// closes, and change is given or a label says how it was paid.
static bool is_beyond_doubt(const struct tw_receipt *receipt, const struct trial *trial)
{
    bool told = trial->change != 0;
    for (size_t i = trial->total + 1; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        told = told || (line->role == TW_ROLE_TENDER && is_any(line, tender_bits));
    }
    return told && trial->items >= 2 && trial->lines_close && trial->tenders_close && trial->tender_count > 0;
}

// How many lines may be tried as the total. A receipt has a handful; of a long page of anything
// only so many are tried that the work stays bounded.
static size_t tries_max(const struct tw_receipt *receipt)
{
    size_t most = 24000 / (receipt->count + 1);
    return most > 64 ? 64 : most < 12 ? 12 : most;
}

static bool try_all(struct tw_receipt *receipt, bool labelled, struct trial *best)
{
    bool found = false;
    size_t tries = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < receipt->count && tries < tries_max(receipt); i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        int64_t before = sum;
        sum += is_any(line, info_bits) || line->is_tax_row ? 0 : tw_receipt_amount(line);
        if (!may_be_total(line, labelled, before, receipt->tax_minor)) {
            continue;
        }
        tries++;
        for (enum unsigned_discounts way = AS_PRINTED; way < UNSIGNED_WAYS; way++) {
            struct trial trial = try_total(receipt, i, way);
            bool sure = labelled || is_beyond_doubt(receipt, &trial);
            if (sure && (!found || trial.score > best->score)) {
                *best = trial;
                found = true;
            }
        }
    }
    return found;
}

void tw_receipt_roles(struct tw_receipt *receipt)
{
    struct trial best = {0};
    if (!try_all(receipt, true, &best) && !try_all(receipt, false, &best)) {
        for (size_t i = 0; i < receipt->count; i++) {
            struct tw_receipt_line *line = &receipt->lines[i];
            line->role = line->amount < 0 ? TW_ROLE_TEXT : TW_ROLE_UNKNOWN;
        }
        receipt->total = receipt->count;
        return;
    }
    best = try_total(receipt, best.total, best.way);
    receipt->total = best.total;
    receipt->lines_close = best.lines_close;
    receipt->tenders_close = best.tenders_close;
}
