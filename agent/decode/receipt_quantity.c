// SPDX-License-Identifier: Apache-2.0
//
// Quantities: `2 @ 1.19`, `2 x 4,17`, `1,29 x 2`, `0,652 kg x 2,99 EUR/kg`, `3 St. à 0,99`,
// `2 KPL 6,95 €/KPL`, columns `2 NAME 1.59 3.18` and `NAME 2 1.59 3.18`, and a bare `2 x NAME`.
#include <strings.h>

#include "agent/decode/receipt.h"

static bool is_space(char c)
{
    return c == ' ';
}

static struct tw_slice trimmed(const char *text, size_t begin, size_t end)
{
    while (begin < end && is_space(text[begin])) {
        begin++;
    }
    while (end > begin && is_space(text[end - 1])) {
        end--;
    }
    return tw_slice_make(text + begin, end - begin);
}

static const char *const units[] = {
    "kg",     "g",     "gr",   "lb",    "lbs",  "oz",    "l",      "lt",  "ltr", "liter", "litre", "litres",
    "liters", "m",     "st",   "stk",   "stck", "stück", "stueck", "pcs", "pc",  "ea",    "each",  "net",
    "kpl",    "ks",    "szt",  "kos",   "kom",  "un",    "und",    "ud",  "uds", "pz",    "pza",   "pce",
    "pces",   "τεμ",   "τμχ",  "λ",     "λτ",   "κιλα",  "κιλά",   "db",  "tk",  "gab",   "vnt",   "buc",
    "adet",   "stuks", "stuk", "styck", "dkg",  "100g",  "litra",  "lit", "gal", "ml",    "cl",
};

// Length of a unit word at the start of `text`, with its dot, or 0.
static size_t unit_len(struct tw_slice text)
{
    size_t best = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t len = strlen(units[i]);
        bool first = text.len > 0 && (text.ptr[0] | 0x20) == ((uint8_t)units[i][0] | 0x20);
        bool here = first && text.len >= len && strncasecmp((const char *)text.ptr, units[i], len) == 0;
        uint8_t next = here && text.len > len ? text.ptr[len] : ' ';
        bool ends =
            !((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next >= 0x80) || next == 0xc3;
        if (here && ends && len > best) {
            best = len;
        }
    }
    return best > 0 && text.len > best && text.ptr[best] == '.' ? best + 1 : best;
}

// Length of a times sign at the start of `text`: x * @ × à á; `a` only after a unit.
static size_t times_len(struct tw_slice text, bool after_unit)
{
    static const char *const signs[] = {"x", "X", "*", "@", "×", "Χ",   "χ",
                                        "х", "Х", "à", "á", "À", "per", "per."};
    for (size_t i = sizeof signs / sizeof signs[0]; i > 0; i--) {
        size_t len = strlen(signs[i - 1]);
        if (text.len >= len && memcmp(text.ptr, signs[i - 1], len) == 0) {
            return len;
        }
    }
    return after_unit && text.len == 1 && (text.ptr[0] == 'a' || text.ptr[0] == 'A') ? 1 : 0;
}

static struct tw_slice skip(struct tw_slice text, size_t len)
{
    text.ptr += len;
    text.len -= len;
    while (text.len > 0 && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    return text;
}

// How what stands between two numbers joins them.
enum join { JOIN_NOT = 0, JOIN_TIMES, JOIN_UNIT };

static enum join join_of(struct tw_slice between)
{
    size_t unit = unit_len(between);
    struct tw_slice rest = skip(between, unit);
    size_t more = unit > 0 ? unit_len(rest) : 0; // "kg NET @"
    rest = skip(rest, more);
    size_t times = times_len(rest, unit > 0);
    rest = skip(rest, times);
    rest = skip(rest, tw_currency_at(rest, 0));
    if (rest.len > 0) {
        return JOIN_NOT;
    }
    return times > 0 ? JOIN_TIMES : unit > 0 ? JOIN_UNIT : JOIN_NOT;
}

// What may stand behind a unit price: nothing, `/kg`, `EUR/kg`, `per lb`, `each`, a bracket.
static size_t price_tail(const struct tw_receipt_line *line, size_t from)
{
    struct tw_slice rest = trimmed(line->text, from, line->len);
    struct tw_slice at = skip(rest, tw_currency_at(rest, 0));
    bool slash = at.len > 0 && at.ptr[0] == '/';
    at = slash ? skip(at, 1) : at;
    size_t unit = slash && at.len > 1 && at.ptr[0] == '1' && unit_len(skip(at, 1)) > 0 ? 1 : 0;
    at = skip(at, unit);
    at = skip(at, unit_len(at));
    at = at.len > 0 && at.ptr[0] == ')' ? skip(at, 1) : at;
    return (size_t)(at.ptr - (const uint8_t *)line->text);
}

static bool is_quantity(const struct tw_number *number)
{
    bool count = number->kind == TW_NUMBER_COUNT && number->value < 10000 && number->value > -10000;
    bool weight = number->kind == TW_NUMBER_DECIMAL || number->kind == TW_NUMBER_MONEY;
    return number->value != 0 && !number->has_currency && (count || weight);
}

static bool is_price(const struct tw_number *number)
{
    return number->kind == TW_NUMBER_MONEY || (number->kind == TW_NUMBER_DECIMAL && number->decimals >= 3);
}

static void set_quantity(struct tw_receipt_line *line, const struct tw_number *quantity,
                         const struct tw_number *unit)
{
    line->has_quantity = true;
    line->quantity = *quantity;
    line->has_unit = unit != NULL && unit->kind == TW_NUMBER_MONEY;
    line->unit_minor = line->has_unit ? unit->value : 0;
    line->unit = unit != NULL ? *unit : (struct tw_number){0};
}

bool tw_receipt_product(const struct tw_number *quantity, int64_t unit_minor, int64_t amount_minor)
{
    int64_t product = tw_number_times(quantity, unit_minor);
    int64_t whole = quantity->decimals == 0 ? (quantity->value < 0 ? -quantity->value : quantity->value) : 2;
    int64_t amount = amount_minor < 0 ? -amount_minor : amount_minor;
    int64_t off = (product < 0 ? -product : product) - amount;
    int64_t most = whole == 1 ? 0 : (whole + 1) / 2; // half a minor unit for each piece
    return off <= most && -off <= most && (off < 0 ? -off : off) <= amount / 10;
}

int tw_receipt_fit(const struct tw_receipt_line *line, int64_t amount_minor)
{
    int64_t amount = amount_minor < 0 ? -amount_minor : amount_minor;
    int64_t product = tw_number_times(&line->quantity, line->unit_minor);
    bool exact = line->has_unit && (product < 0 ? -product : product) == amount;
    return exact ? 2 : tw_receipt_fits(line, amount_minor) ? 1 : 0;
}

bool tw_receipt_fits(const struct tw_receipt_line *line, int64_t amount_minor)
{
    if (!line->has_quantity || line->has_unit) {
        return line->has_quantity && tw_receipt_product(&line->quantity, line->unit_minor, amount_minor);
    }
    int64_t product = tw_number_times(&line->quantity, line->unit.value);
    for (int d = line->unit.decimals; d > 2; d--) {
        product /= 10;
    }
    int64_t off = product - (amount_minor < 0 ? -amount_minor : amount_minor);
    return line->unit.decimals > 2 && off >= -1 && off <= 1;
}

// `QTY [unit] x PRICE[/unit]` or `PRICE x QTY` at numbers i and i + 1. Gives where it ends, or 0.
static size_t expression_at(struct tw_receipt_line *line, size_t i)
{
    const struct tw_number *a = &line->numbers[i];
    const struct tw_number *b = &line->numbers[i + 1];
    enum join join = join_of(trimmed(line->text, a->end, b->begin));
    if (join == JOIN_NOT) {
        return 0;
    }
    size_t tail = price_tail(line, b->end);
    bool per = memchr(line->text + b->end, '/', tail - b->end) != NULL;
    if (is_quantity(a) && is_price(b) && (join == JOIN_TIMES || per)) {
        set_quantity(line, a, b);
        return tail;
    }
    if (join == JOIN_TIMES && a->kind == TW_NUMBER_MONEY && b->kind == TW_NUMBER_COUNT && is_quantity(b)) {
        set_quantity(line, b, a);
        return b->end;
    }
    return 0;
}

// Part of a name that looks like a quantity: nothing separates it from the name, no currency is
// on it, and what it makes is not the amount.
static bool is_size(const struct tw_receipt_line *line, size_t i)
{
    const struct tw_number *first = &line->numbers[i];
    return line->amount > (int)i + 1 && first->begin > 1 && line->text[first->begin - 2] != ' ' &&
           !line->numbers[i + 1].has_currency && line->has_unit &&
           !tw_receipt_fits(line, tw_receipt_amount(line));
}

// `1.24 lb @ 1 lb /0.58`: what one unit costs. Gives where it ends, or 0.
static size_t price_of_one(struct tw_receipt_line *line, size_t i)
{
    const struct tw_number *a = &line->numbers[i];
    const struct tw_number *one = a + 1;
    const struct tw_number *price = a + 2;
    if (i + 2 >= line->number_count || one->kind != TW_NUMBER_COUNT || one->value != 1 ||
        price->kind != TW_NUMBER_MONEY || !is_quantity(a) ||
        join_of(trimmed(line->text, a->end, one->begin)) != JOIN_TIMES) {
        return 0;
    }
    struct tw_slice between = trimmed(line->text, one->end, price->begin);
    struct tw_slice rest = skip(between, unit_len(between));
    bool per = unit_len(between) > 0 && rest.len == 1 && rest.ptr[0] == '/';
    if (per) {
        set_quantity(line, a, price);
    }
    return per ? price->end : 0;
}

static bool find_expression(struct tw_receipt_line *line, size_t *begin, size_t *end)
{
    for (size_t i = 0; i + 1 < line->number_count; i++) {
        const struct tw_number *price = &line->numbers[i + 1];
        bool column = line->amount == (int)i + 1 && line->numbers[i].begin > 0 &&
                      memcmp(line->text + price->begin - 2, "  ", 2) == 0;
        size_t stop = column ? 0 : price_of_one(line, i);
        stop =
            column || stop > 0 ? stop : expression_at(line, i); // `NAME 2x  0,50`: the column is the amount
        if (stop == 0) {
            continue;
        }
        if (is_size(line, i)) { // `COLA 6X0,33  2,75`: litres, not a price
            line->has_quantity = false;
            line->has_unit = false;
            continue;
        }
        if (line->amount >= 0 && line->amount <= (int)i + 1) {
            line->amount = -1; // what ends the line is the unit price
        }
        *begin = line->numbers[i].begin;
        *begin -= *begin > 0 && line->text[*begin - 1] == '(' ? 1 : 0;
        *end = stop;
        return true;
    }
    return false;
}

static bool gap_before(const struct tw_receipt_line *line, size_t at)
{
    return at == 0 || (at >= 2 && line->text[at - 1] == ' ' && line->text[at - 2] == ' ');
}

// Columns `NAME  QTY  PRICE  AMOUNT`, `NAME  PRICE  QTY  AMOUNT`, `NAME  QTY  AMOUNT`.
static bool find_columns(struct tw_receipt_line *line, size_t *begin)
{
    if (line->amount < 1) {
        return false;
    }
    const struct tw_number *amount = &line->numbers[line->amount];
    const struct tw_number *last = &line->numbers[line->amount - 1];
    const struct tw_number *before = line->amount >= 2 ? &line->numbers[line->amount - 2] : NULL;
    if (before != NULL && before->begin > 0) {
        bool forward = is_quantity(before) && last->kind == TW_NUMBER_MONEY &&
                       before->kind != TW_NUMBER_MONEY &&
                       tw_receipt_product(before, last->value, amount->value);
        bool backward = is_quantity(last) && before->kind == TW_NUMBER_MONEY &&
                        last->kind != TW_NUMBER_MONEY &&
                        tw_receipt_product(last, before->value, amount->value);
        if (forward || backward) {
            set_quantity(line, forward ? before : last, forward ? last : before);
            *begin = before->begin;
            return true;
        }
    }
    bool alone = last->kind == TW_NUMBER_COUNT && last->value > 0 && last->value < 1000 && last->begin > 0 &&
                 gap_before(line, last->begin) && gap_before(line, amount->begin);
    if (alone) {
        set_quantity(line, last, NULL);
        *begin = last->begin;
    }
    return alone;
}

// Leading `2 x NAME`, `0,524 KG NAME`, `2 NAME` (where a product or the other lines bear it out).
// Gives where the name begins.
static size_t find_leading(struct tw_receipt_line *line, bool counts_lead, size_t *begin)
{
    const struct tw_number *first = &line->numbers[0];
    if (line->number_count == 0 || first->begin > 0 || first->end >= line->len || !is_quantity(first) ||
        line->amount == 0) {
        return 0;
    }
    const struct tw_number *unit = line->amount >= 2 ? &line->numbers[line->amount - 1] : NULL;
    unit = unit != NULL && unit->kind == TW_NUMBER_MONEY ? unit : NULL;
    bool product = unit != NULL && tw_receipt_product(first, unit->value, tw_receipt_amount(line));
    struct tw_slice rest = trimmed(line->text, first->end, line->len);
    size_t sign = times_len(rest, false);
    sign = sign > 0 && rest.len > sign && rest.ptr[sign] == ' ' ? sign : 0;
    size_t word = sign == 0 && first->kind != TW_NUMBER_COUNT ? unit_len(rest) : 0;
    word = word == 0 && sign == 0 && product ? unit_len(rest) : word;
    bool column =
        line->text[first->end] == ' ' && (product || (counts_lead && first->kind == TW_NUMBER_COUNT));
    if (sign == 0 && word == 0 && !column) {
        return 0;
    }
    if (product) {
        *begin = unit->begin;
    }
    set_quantity(line, first, product ? unit : NULL);
    return (size_t)(skip(rest, sign + word).ptr - (const uint8_t *)line->text);
}

// True when nothing but figures, tax marks and currencies stands in [from, to).
static bool only_figures(const struct tw_receipt_line *line, size_t from, size_t to)
{
    size_t letters = 0;
    for (size_t at = from; at < to; at++) {
        size_t currency = tw_currency_at(tw_slice_make(line->text, to), at);
        if (currency > 0) {
            at += currency - 1;
            continue;
        }
        char c = line->text[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80;
        letters = letter ? letters + 1 : 0;
        if (letters > 1 ||
            (letter && at + 1 < to && line->text[at + 1] != ' ' && line->text[at + 1] != '%')) {
            return false;
        }
    }
    return true;
}

static bool ends_in_leaders(const char *text, size_t begin, size_t end)
{
    return end - begin >= 2 && strchr(".:=_", text[end - 1]) != NULL && text[end - 1] == text[end - 2];
}

static size_t trim_label(const char *text, size_t begin, size_t end)
{
    for (;;) {
        size_t was = end;
        while (end > begin && (is_space(text[end - 1]) || text[end - 1] == ':' || text[end - 1] == '=')) {
            end--;
        }
        for (size_t len = 1; len <= 5 && len < end - begin; len++) {
            size_t at = end - len;
            if (tw_currency_at(tw_slice_make(text, end), at) == len &&
                (text[at - 1] == ' ' || text[at - 1] == ':')) {
                end = at;
                break;
            }
        }
        while (ends_in_leaders(text, begin, end)) {
            while (end > begin + 1 && text[end - 1] == text[end - 2]) {
                end--;
            }
            end--;
        }
        if (end == was) {
            return end;
        }
    }
}

// The label ends where the columns begin: at the first gap behind which only figures stand.
static void set_label(struct tw_receipt_line *line, size_t begin, size_t end)
{
    if (line->amount >= 0 && end > line->numbers[line->amount].begin) {
        end = line->numbers[line->amount].begin;
    }
    for (size_t at = begin; at + 1 < end; at++) {
        if (line->text[at] == ' ' && line->text[at + 1] == ' ' && only_figures(line, at, end)) {
            end = at;
            break;
        }
    }
    end = end < begin ? begin : trim_label(line->text, begin, end);
    bool times = line->has_quantity && end >= begin + 3 && line->text[end - 2] == ' ' &&
                 strchr(line->has_unit ? "xX*@" : "@", line->text[end - 1]) != NULL;
    end = times ? end - 2 : end; // `NAME x 2 @ 6.50`
    bool each = line->has_quantity && end >= begin + 4 && memcmp(line->text + end - 3, " à", 3) == 0;
    end = each ? end - 3 : end;
    size_t code = strlen(line->gtin);
    if (code > 0 && end > begin + code + 1 && line->text[end - code - 1] == ' ' &&
        memcmp(line->text + end - code, line->gtin, code) == 0) {
        end -= code + 1; // `NAME 4006381333931`
    }
    line->label = trimmed(line->text, begin, end);
}

// An article number in front is not part of the name.
static size_t skip_code(const struct tw_receipt_line *line, size_t begin)
{
    for (size_t i = 0; i < line->number_count; i++) {
        const struct tw_number *number = &line->numbers[i];
        size_t digits = (size_t)(number->end - number->digits);
        bool taken = (line->gtin[0] != 0 && strncmp(line->text + number->digits, line->gtin, digits) == 0) ||
                     (line->sku[0] != 0 && strncmp(line->text + number->digits, line->sku, digits) == 0);
        if (number->begin == begin && number->kind == TW_NUMBER_COUNT && digits >= 4 && taken) {
            struct tw_slice rest = trimmed(line->text, number->end, line->len);
            return (size_t)(rest.ptr - (const uint8_t *)line->text);
        }
    }
    return begin;
}

void tw_receipt_quantity(struct tw_receipt_line *line, bool counts_lead)
{
    size_t begin = 0;
    size_t end = line->len;
    size_t expression_end = 0;
    size_t expression = line->len;
    if (find_expression(line, &expression, &expression_end)) {
        end = expression;
        struct tw_slice rest = line->amount >= 0
                                   ? trimmed(line->text, expression_end, line->numbers[line->amount].begin)
                                   : trimmed(line->text, expression_end, line->len);
        if (expression == 0 && rest.len > 0) { // `2 x 1,29 NAME  2,58`
            begin = (size_t)(rest.ptr - (const uint8_t *)line->text);
            end = line->len;
        }
        line->quantity_only = expression == 0 && rest.len == 0;
    } else {
        size_t name = find_leading(line, counts_lead, &end);
        begin = name;
        line->quantity_leads = name > 0;
        if (name == 0) {
            (void)find_columns(line, &end);
        }
    }
    set_label(line, skip_code(line, begin), end);
}
