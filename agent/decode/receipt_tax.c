// SPDX-License-Identifier: Apache-2.0
//
// Taxes: a line (`TAX 6.00%  1.03`, `MwSt 6% enth. 0,29`, `A: 20% MwSt von 12,36 = 2,06`), a table
// (`A 19,00%  8,57  1,63  10,20`), and lines that sum others up, which must not count twice.
#include "agent/decode/receipt.h"

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

static bool is_near(int64_t a, int64_t b, int64_t by)
{
    return magnitude(a - b) <= by;
}

// True when `tax` is what `rate` makes of `other`, taken as net or as gross.
static bool fits_rate(int64_t tax, int64_t other, int rate)
{
    tax = magnitude(tax);
    other = magnitude(other);
    return is_near(tax * 10000, other * rate, 10000) ||
           is_near(tax * (10000 + rate), other * rate, 10000 + rate);
}

struct amounts {
    int64_t value[TW_NUMBERS_MAX];
    size_t count;
    int rate; // per cent times 100, or -1
};

static struct amounts amounts_of(const struct tw_receipt_line *line)
{
    struct amounts amounts = {.rate = -1};
    for (size_t i = 0; i < line->number_count; i++) {
        const struct tw_number *number = &line->numbers[i];
        if (number->kind == TW_NUMBER_MONEY) {
            amounts.value[amounts.count++] = number->value;
        } else if (number->kind == TW_NUMBER_PERCENT && amounts.rate < 0 && number->value <= 10000) {
            amounts.rate = (int)number->value;
        }
    }
    return amounts;
}

// The tax among the amounts of a row with a rate: the one the rate makes of another. A zero rate
// gives zero.
static bool tax_by_rate(const struct amounts *a, int64_t *tax)
{
    for (size_t t = 0; t < a->count; t++) {
        for (size_t o = 0; o < a->count; o++) {
            if (t != o && magnitude(a->value[t]) <= magnitude(a->value[o]) &&
                fits_rate(a->value[t], a->value[o], a->rate)) {
                *tax = a->value[t];
                return true;
            }
        }
    }
    return false;
}

// Net, tax and gross in any order: two of them make the third; the smallest is the tax.
static bool tax_by_sum(const struct amounts *a, int64_t *tax)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < a->count; j++) {
            for (size_t k = 0; k < a->count; k++) {
                if (i != j && j != k && i != k && a->value[i] + a->value[j] == a->value[k]) {
                    *tax = magnitude(a->value[i]) < magnitude(a->value[j]) ? a->value[i] : a->value[j];
                    return true;
                }
            }
        }
    }
    return false;
}

static int64_t smallest(const struct amounts *a)
{
    int64_t least = a->value[0];
    for (size_t i = 1; i < a->count; i++) {
        least = magnitude(a->value[i]) < magnitude(least) ? a->value[i] : least;
    }
    return least;
}

// `A=19,0% 0,56 NETTO 2,94`, `B 7,00% 1,40 21,40`: the tax letter and then the rate.
static bool begins_with_letter(const struct tw_receipt_line *line)
{
    const char *text = line->text;
    return line->len > 3 && text[0] >= 'A' && text[0] <= 'Z' && strchr(" =:", text[1]) != NULL &&
           line->number_count > 0 && line->numbers[0].kind == TW_NUMBER_PERCENT &&
           line->numbers[0].begin <= 3;
}

// Reads one line as a tax row. Inside a table the arithmetic must bear it out; outside the label does.
static bool read_row(struct tw_receipt_line *line, bool in_table)
{
    struct amounts amounts = amounts_of(line);
    bool labelled = tw_receipt_is(line, TW_IS_TAX);
    int64_t tax = 0;
    bool lettered = amounts.rate >= 0 && begins_with_letter(line) && tax_by_rate(&amounts, &tax);
    if (amounts.count == 0 || (!in_table && !labelled && !lettered)) {
        return false;
    }
    bool sure = (amounts.rate >= 0 && tax_by_rate(&amounts, &tax)) || tax_by_sum(&amounts, &tax);
    if (!sure) {
        bool single = amounts.count == 1 && (labelled || amounts.rate >= 0);
        if (!single && !labelled) {
            return false;
        }
        tax = single ? amounts.value[0] : smallest(&amounts);
    }
    line->is_tax_row = true;
    line->tax_minor = tax;
    line->tax_rate = amounts.rate;
    line->is_tax_total = tw_receipt_is(line, TW_IS_TAX_TOTAL) || tw_receipt_is(line, TW_IS_TOTAL);
    return true;
}

// Marks every tax row. A table begins with its heading and ends with the first line that is no row.
static void mark_rows(struct tw_receipt *receipt)
{
    const uint64_t elsewhere =
        TW_IS_BIT(TW_IS_NET) | TW_IS_BIT(TW_IS_IGNORE) | TW_IS_BIT(TW_IS_SAVED) | TW_IS_BIT(TW_IS_POINTS);
    bool in_table = false;
    for (size_t i = 0; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        bool heading =
            tw_receipt_is(line, TW_IS_TAX_TABLE) && !tw_receipt_is(line, TW_IS_HEADING) && line->amount < 0;
        if (heading) {
            in_table = true;
        } else if (line->is_rule) {
            continue;
        } else if (!in_table && (line->is & elsewhere) != 0) {
            continue;
        } else if (!read_row(line, in_table)) {
            in_table = false;
        }
    }
}

// The rows of one kind summed up, a rate and tax that repeat counted once.
struct sum {
    int64_t minor;
    size_t count;
};

// More taxes than any receipt has: beyond them repetitions are not looked for.
#define TAXES_MAX 32

struct taxes {
    size_t at[TAXES_MAX]; // lines
    size_t count;
};

// The same tax again further down; two in a row are two taxes (CGST and SGST).
static bool repeats(const struct tw_receipt *receipt, const struct taxes *taxes, size_t at)
{
    const struct tw_receipt_line *line = &receipt->lines[at];
    for (size_t i = 0; i < taxes->count && taxes->at[i] + 1 < at; i++) {
        const struct tw_receipt_line *other = &receipt->lines[taxes->at[i]];
        if (other->tax_rate == line->tax_rate && other->tax_minor == line->tax_minor && line->tax_rate >= 0) {
            return true;
        }
    }
    return false;
}

static struct sum sum_rows(const struct tw_receipt *receipt, bool with_rate)
{
    struct sum sum = {0};
    struct taxes taxes = {.count = 0};
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (!line->is_tax_row || line->is_tax_total || (line->tax_rate >= 0) != with_rate) {
            continue;
        }
        if (!repeats(receipt, &taxes, i)) {
            sum.minor += line->tax_minor;
            sum.count++;
        }
        if (taxes.count < TAXES_MAX) {
            taxes.at[taxes.count++] = i;
        }
    }
    return sum;
}

// Lines without a rate: the last may sum the others up, or all say the same.
static int64_t plain_sum(const struct tw_receipt *receipt, const struct sum *plain)
{
    int64_t last = 0;
    bool same = true;
    const struct tw_receipt_line *first = NULL;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (line->is_tax_row && !line->is_tax_total && line->tax_rate < 0) {
            first = first == NULL ? line : first;
            last = line->tax_minor;
            same = same && last == first->tax_minor && line->label.len == first->label.len &&
                   memcmp(line->label.ptr, first->label.ptr, first->label.len) == 0;
        }
    }
    bool sums_up = plain->count > 1 && plain->minor - last == last && plain->count != 2;
    return (plain->count > 1 && same) || sums_up ? last : plain->minor;
}

static const struct tw_receipt_line *total_row(const struct tw_receipt *receipt)
{
    const struct tw_receipt_line *found = NULL;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        found = line->is_tax_row && line->is_tax_total ? line : found;
    }
    return found;
}

void tw_receipt_taxes(struct tw_receipt *receipt)
{
    mark_rows(receipt);
    struct sum rated = sum_rows(receipt, true);
    struct sum plain = sum_rows(receipt, false);
    const struct tw_receipt_line *total = total_row(receipt);
    receipt->has_tax = rated.count + plain.count > 0 || total != NULL;
    int64_t unrated = plain_sum(receipt, &plain);
    bool again = rated.count > 0 && is_near(unrated, rated.minor, 2);
    int64_t sum = rated.minor + (again ? 0 : unrated);
    if (total != NULL && (rated.count + plain.count == 0 || total->tax_minor != sum)) {
        sum = total->tax_minor;
    }
    receipt->tax_minor = sum;
}
