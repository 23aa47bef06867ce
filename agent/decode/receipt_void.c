// SPDX-License-Identifier: Apache-2.0
//
// What a void line takes back. In order of preference: the next line, where a till prints the void
// first and then what it takes back; an earlier line of that name and exactly the opposite amount;
// an earlier article whose amount less its discounts is the opposite.
#include <strings.h>

#include "agent/decode/receipt.h"

#define NONE SIZE_MAX

// Names are cut by column widths: one may be the beginning of the other.
static bool same_name(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return false;
    }
    size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    bool cut = len >= 8 || strlen(a) == strlen(b);
    return cut && strncasecmp(a, b, len) == 0;
}

static bool can_be_voided(const struct tw_sale_line *line)
{
    return !line->voided && line->kind != TW_LINE_DISCOUNT;
}

// What was taken off each line (by its number) by discounts of its own.
static void sum_discounts(const struct tw_sale *sale, int64_t less[TW_SALE_MAX_LINES + 1])
{
    memset(less, 0, (TW_SALE_MAX_LINES + 1) * sizeof *less);
    for (size_t i = 0; i < sale->line_count; i++) {
        const struct tw_sale_line *line = &sale->lines[i];
        less[line->applies_to] += line->kind == TW_LINE_DISCOUNT && !line->voided ? line->amount_minor : 0;
    }
}

// The nearest earlier line that fits by name (or any name) and by amount (gross or net).
static size_t find_earlier(const struct tw_sale *sale, size_t at, const char *name, bool net)
{
    int64_t less[TW_SALE_MAX_LINES + 1];
    if (net) {
        sum_discounts(sale, less);
    }
    for (size_t n = at; n > 0; n--) {
        const struct tw_sale_line *line = &sale->lines[n - 1];
        int64_t amount = line->amount_minor + (net ? less[n] : 0);
        bool named = name[0] == 0 || same_name(line->description, name);
        if (can_be_voided(line) && named && amount == -sale->lines[at].amount_minor) {
            return n - 1;
        }
    }
    return NONE;
}

static size_t find_next(const struct tw_sale *sale, size_t at, const char *name)
{
    const struct tw_sale_line *next = at + 1 < sale->line_count ? &sale->lines[at + 1] : NULL;
    bool fits = next != NULL && can_be_voided(next) && next->amount_minor == -sale->lines[at].amount_minor &&
                same_name(next->description, name);
    return fits ? at + 1 : NONE;
}

static void void_with_discounts(struct tw_sale *sale, size_t n)
{
    for (size_t i = 0; i < sale->line_count; i++) {
        struct tw_sale_line *line = &sale->lines[i];
        line->voided =
            line->voided || i == n || (line->kind == TW_LINE_DISCOUNT && line->applies_to == (int)n + 1);
    }
}

void tw_receipt_void(struct tw_sale *sale, size_t void_line, const char *description)
{
    size_t found = find_next(sale, void_line, description);
    bool net = false;
    if (found == NONE) {
        found = find_earlier(sale, void_line, description, false);
    }
    if (found == NONE) {
        found = find_earlier(sale, void_line, description, true);
        net = found != NONE;
    }
    if (found == NONE) {
        return; // it stays as a line with a negative amount, which the arithmetic needs
    }
    sale->lines[void_line].voided = true;
    sale->lines[found].voided = true;
    if (net) {
        void_with_discounts(sale, found);
    }
}
