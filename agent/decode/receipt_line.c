// SPDX-License-Identifier: Apache-2.0
//
// The first stage: a line of paper becomes text without frames, numbers, an amount, an article
// number and a set of what it may be.
#include <strings.h>

#include "agent/decode/receipt.h"

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

// Box drawing (U+2500 to U+259F), no-break spaces, bars and control characters are gaps on paper.
static size_t gap_at(const char *text, size_t len, size_t at)
{
    const uint8_t *p = (const uint8_t *)text + at;
    if (p[0] <= ' ' || p[0] == '|' || p[0] == 0x7f) {
        return 1;
    }
    if (at + 2 < len && p[0] == 0xe2 && (p[1] >= 0x94 && p[1] <= 0x96)) {
        return 3;
    }
    if (at + 2 < len && p[0] == 0xe2 && p[1] == 0x80 && p[2] == 0xaf) {
        return 3;
    }
    return at + 1 < len && p[0] == 0xc2 && p[1] == 0xa0 ? 2 : 0;
}

// Copies `in` with gaps of one space as one and of more as two; tells the indent in columns.
static size_t unframe(const char *in, size_t len, char *out, unsigned *indent)
{
    size_t used = 0;
    unsigned gap = 0;
    *indent = 0;
    for (size_t at = 0; at < len;) {
        size_t step = gap_at(in, len, at);
        if (step > 0) {
            gap++;
            at += step;
            continue;
        }
        if (used == 0) {
            *indent = gap;
        } else if (gap > 0) {
            memset(out + used, ' ', gap > 1 ? 2 : 1);
            used += gap > 1 ? 2 : 1;
        }
        gap = 0;
        out[used++] = in[at++];
    }
    out[used] = 0;
    return used;
}

static size_t character_len(const char *at)
{
    uint8_t c = (uint8_t)*at;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

// True when `text` up to `end` is four or more single characters with a space between: a spaced-out word.
static bool is_spaced_out(const char *text, const char *end)
{
    unsigned count = 0;
    while (text < end) {
        if ((uint8_t)*text < 'A') {
            return false;
        }
        text += character_len(text);
        count++;
        if (text < end && *text++ != ' ') {
            return false;
        }
    }
    return count >= 4;
}

// `T O T A L  E U R` is TOTAL EUR: single spaces go where a stretch between gaps is spaced out.
static size_t make_plain(const char *text, char *out)
{
    size_t used = 0;
    text += strspn(text, "*#=-.:><~+_\"'!/ ");
    while (*text != 0) {
        const char *gap = strstr(text, "  ");
        const char *end = gap != NULL ? gap : text + strlen(text);
        bool spaced = is_spaced_out(text, end);
        if (used > 0) {
            out[used++] = ' ';
        }
        for (; text < end; text++) {
            if (*text != ' ' || !spaced) {
                out[used++] = *text;
            }
        }
        text += strspn(text, " ");
    }
    out[used] = 0;
    return used;
}

static int load_text(struct tw_receipt_line *line, const struct tw_page_line *from)
{
    char *block = malloc(2 * (from->len + 1));
    if (block == NULL) {
        return TW_ERR_NOMEM;
    }
    line->text = block;
    line->len = unframe(from->text, from->len, block, &line->indent);
    char *plain = block + from->len + 1;
    line->plain = tw_slice_make(plain, make_plain(block, plain));
    line->big = from->wide;
    line->is_rule = true;
    for (size_t i = 0; i < line->len; i++) {
        line->is_rule = line->is_rule && !is_word((uint8_t)block[i]);
    }
    return TW_OK;
}

// The amount that ends the line; behind it only marks, single figures and rates may stand.
static int last_amount(const struct tw_receipt_line *line)
{
    for (size_t i = line->number_count; i > 0; i--) {
        const struct tw_number *number = &line->numbers[i - 1];
        if (number->kind == TW_NUMBER_MONEY) {
            return tw_amount_is_last(tw_receipt_text(line), number->end) ? (int)i - 1 : -1;
        }
        bool mark =
            number->kind == TW_NUMBER_PERCENT || (number->kind == TW_NUMBER_COUNT && number->value < 10);
        if (!mark) {
            return -1;
        }
    }
    return -1;
}

// A summary line may go on behind its amount: `Total CHF 12.30 inkl. MWST`.
static int any_amount(const struct tw_receipt_line *line)
{
    const uint64_t summary = TW_IS_BIT(TW_IS_TOTAL) | TW_IS_BIT(TW_IS_SUBTOTAL) | TW_IS_BIT(TW_IS_TAX) |
                             TW_IS_BIT(TW_IS_CASH) | TW_IS_BIT(TW_IS_CARD) | TW_IS_BIT(TW_IS_CHANGE);
    for (size_t i = line->number_count; i > 0 && (line->is & summary) != 0; i--) {
        if (line->numbers[i - 1].kind == TW_NUMBER_MONEY) {
            return (int)i - 1;
        }
    }
    return -1;
}

// GS1 General Specifications, section 7.9: weights 3 and 1 from the right.
static bool is_gtin(const char *digits, size_t len)
{
    if (len != 8 && (len < 12 || len > 14)) {
        return false;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(digits[len - 1 - i] - '0');
        sum += i % 2 == 1 ? 3 * digit : digit;
    }
    return sum % 10 == 0 && strspn(digits, "0") < len;
}

// Words that stand before an article number of the shop's own, and before a GTIN.
static bool names_sku(const char *text, size_t len)
{
    static const char *const names[] = {"art",   "plu",     "sku",  "item", "ref",
                                        "artnr", "artikel", "code", "cod",  "réf"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (len >= n && strncasecmp(text, names[i], n) == 0 && !is_word((uint8_t)text[n])) {
            return true;
        }
    }
    return false;
}

static bool names_gtin(const char *text, size_t len)
{
    return len == 0 || (len >= 3 && (strncasecmp(text, "ean", 3) == 0 || strncasecmp(text, "upc", 3) == 0)) ||
           (len >= 4 && strncasecmp(text, "gtin", 4) == 0) ||
           (len >= 7 && strncasecmp(text, "barcode", 7) == 0);
}

static void take_code(struct tw_receipt_line *line, const struct tw_number *number, bool gtin_allowed,
                      bool sku_allowed)
{
    const char *digits = line->text + number->digits;
    size_t len = 0;
    while (digits[len] >= '0' && digits[len] <= '9') {
        len++;
    }
    if (gtin_allowed && is_gtin(digits, len)) {
        memcpy(line->gtin, digits, len);
        line->gtin[len] = 0;
    } else if (sku_allowed && len < sizeof line->sku) {
        memcpy(line->sku, digits, len);
        line->sku[len] = 0;
    }
}

// A line with an article number and nothing else: `   2000009374544`, `EAN 4006381333931`, `PLU 4011`.
static void find_code_only(struct tw_receipt_line *line)
{
    if (line->number_count != 1 || line->numbers[0].kind != TW_NUMBER_COUNT) {
        return;
    }
    const struct tw_number *number = &line->numbers[0];
    size_t before = number->begin;
    while (before > 0 && !is_word((uint8_t)line->text[before - 1])) {
        before--;
    }
    if (line->len - number->end > 2 || before > 12) {
        return;
    }
    bool gtin = names_gtin(line->text, before);
    bool sku = names_sku(line->text, before);
    size_t digits = (size_t)(number->end - number->digits);
    if (digits < (sku ? 2 : 8)) {
        return;
    }
    take_code(line, number, gtin || sku, sku);
    line->code_only = line->gtin[0] != 0 || line->sku[0] != 0;
}

// A name with its GTIN in front, whose amount stands on the next line.
static void find_code_of_name(struct tw_receipt_line *line)
{
    const struct tw_number *first = &line->numbers[0];
    bool leads = line->amount < 0 && line->number_count > 0 && !line->code_only && first->begin == 0 &&
                 first->kind == TW_NUMBER_COUNT;
    if (leads) {
        take_code(line, first, true, false);
    }
}

// An article number inside an article's line: in front of its name, or in a column of its own.
static void find_code_inside(struct tw_receipt_line *line)
{
    find_code_of_name(line);
    for (size_t i = 0; i < line->number_count && line->amount >= 0 && (int)i < line->amount; i++) {
        const struct tw_number *number = &line->numbers[i];
        size_t digits = (size_t)(number->end - number->digits);
        bool first = number->begin == 0;
        bool gap = first && strncmp(line->text + number->end, "  ", 2) == 0;
        if (number->kind != TW_NUMBER_COUNT || digits < (gap ? 4 : 5) || digits > 14) {
            continue;
        }
        bool column = number->begin >= 2 && memcmp(line->text + number->begin - 2, "  ", 2) == 0;
        if (first || column || digits >= 12) {
            take_code(line, number, digits >= 8, first || column);
        }
    }
}

// --- what a line may be: asked only where the answer can matter ---

#define BITS3(a, b, c) (TW_IS_BIT(a) | TW_IS_BIT(b) | TW_IS_BIT(c))

// Words about the whole paper.
static const uint64_t paper_bits = BITS3(TW_IS_RETURN, TW_IS_VOID, TW_IS_COPY) |
                                   BITS3(TW_IS_TRAINING, TW_IS_REPORT, TW_IS_SLIP) | TW_IS_BIT(TW_IS_ORDER) |
                                   TW_IS_BIT(TW_IS_RECEIPT);
static const uint64_t amount_bits = TW_IS_AMOUNTS | TW_IS_BIT(TW_IS_TAX_TOTAL) | TW_IS_BIT(TW_IS_BRAND);
static const uint64_t inherited_bits =
    BITS3(TW_IS_DEPOSIT, TW_IS_FEE, TW_IS_DISCOUNT) | TW_IS_BIT(TW_IS_COUPON);

// What a paper is stands at its head or foot: of a long one the middle is not asked. One without
// any amount is no sale, and only its head is.
#define END_LINES 150

// No heading is longer, in bytes, on the widest paper.
#define HEADING_MAX 128

static void ask(struct tw_receipt_line *line, struct tw_matcher *matcher, uint64_t want)
{
    line->is |= line->is_rule ? 0 : tw_matcher_classify(matcher, line->plain, want);
}

static bool is_at_end(const struct tw_receipt *receipt, size_t i)
{
    return i < END_LINES || i + END_LINES >= receipt->count;
}

static bool has_money(const struct tw_receipt_line *line)
{
    for (size_t i = 0; i < line->number_count; i++) {
        if (line->numbers[i].kind == TW_NUMBER_MONEY) {
            return true;
        }
    }
    return false;
}

// Finds the numbers of every line; true when one is an amount.
static bool load_numbers(struct tw_receipt *receipt)
{
    bool money = false;
    for (size_t i = 0; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        line->number_count =
            tw_number_find(tw_receipt_text(line), receipt->decimal, line->numbers, TW_NUMBERS_MAX);
        line->amount = -1;
        line->tax_rate = -1;
        money = money || has_money(line);
    }
    return money;
}

static void load_line(struct tw_receipt_line *line, struct tw_matcher *matcher, bool at_end)
{
    bool money = has_money(line);
    uint64_t want = at_end ? paper_bits : TW_IS_BIT(TW_IS_VOID);
    ask(line, matcher, money ? want | amount_bits : want);
    if (money) {
        line->amount = last_amount(line);
        line->amount = line->amount < 0 ? any_amount(line) : line->amount;
    }
    find_code_only(line);
    find_code_inside(line);
}

// Of lines without an amount: what the roles of the others depend on.
static void ask_texts(struct tw_receipt *receipt, struct tw_matcher *matcher)
{
    const uint64_t always = BITS3(TW_IS_TAX_TABLE, TW_IS_HEADING, TW_IS_VOID_LINE);
    for (size_t i = 0; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        const struct tw_receipt_line *below = line + 1; // the line behind the last has no amount
        bool names = i + 1 < receipt->count && below->amount >= 0 && below->quantity_only;
        uint64_t want = line->plain.len <= HEADING_MAX ? always : TW_IS_BIT(TW_IS_VOID_LINE);
        if (line->amount < 0) {
            ask(line, matcher, names ? want | inherited_bits : want);
        }
    }
}

void tw_receipt_ask(struct tw_receipt *receipt, struct tw_matcher *matcher)
{
    for (size_t i = 0; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        uint64_t text = is_at_end(receipt, i)
                            ? TW_IS_ALL
                            : TW_IS_BIT(TW_IS_COUPON_CODE) | TW_IS_BIT(TW_IS_RECEIPT_NUMBER);
        ask(line, matcher, line->amount < 0 ? text : TW_IS_BIT(TW_IS_MEMBER));
    }
}

// `PFAND` above `6 x 0,25  1,50`: the amount's line is what the name above it says.
static void inherit_names(struct tw_receipt *receipt)
{
    for (size_t i = 1; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        const struct tw_receipt_line *above = &receipt->lines[i - 1];
        bool nameless = line->amount >= 0 && line->quantity_only;
        if (nameless && above->amount < 0 && !above->is_rule && !above->code_only && !above->quantity_only) {
            line->is |= above->is & inherited_bits;
        }
    }
}

static char vote_decimal(const struct tw_receipt *receipt)
{
    int votes = 0;
    for (size_t i = 0; i < receipt->count; i++) {
        votes += tw_decimal_vote(tw_receipt_text(&receipt->lines[i]));
    }
    return votes > 0 ? ',' : '.';
}

// True when the receipt's articles begin with their count: column headings say so, or every
// amount that follows from `count * price` does.
static bool counts_lead(const struct tw_receipt *receipt)
{
    size_t with = 0;
    size_t without = 0;
    const uint64_t other = TW_IS_BIT(TW_IS_VOID_LINE) - 1;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        if (line->amount >= 0 && tw_receipt_is(line, TW_IS_TOTAL)) {
            break;
        }
        if (line->amount < 0 || (line->is & other) != 0 || line->code_only) {
            continue;
        }
        const struct tw_number *first = &line->numbers[0];
        bool counts = first->kind == TW_NUMBER_COUNT || first->kind == TW_NUMBER_DECIMAL;
        bool leads = first->begin == 0 && counts && first->value > 0 && first->value < 1000 &&
                     line->amount > 0 && (line->text[first->end] == ' ' || first->kind == TW_NUMBER_DECIMAL);
        with += leads;
        without += !leads;
    }
    return with > 0 && without == 0;
}

int tw_receipt_load(struct tw_receipt *receipt, struct tw_matcher *matcher, const struct tw_page_line *lines,
                    size_t count)
{
    receipt->lines = calloc(count + 1, sizeof *receipt->lines);
    if (receipt->lines == NULL) {
        return TW_ERR_NOMEM;
    }
    for (; receipt->count < count; receipt->count++) {
        int rc = load_text(&receipt->lines[receipt->count], &lines[receipt->count]);
        if (rc != TW_OK) {
            return rc;
        }
    }
    char decimal = tw_matcher_decimal(matcher);
    receipt->decimal = decimal != 0 ? decimal : vote_decimal(receipt);
    receipt->total = count;
    bool money = load_numbers(receipt);
    for (size_t i = 0; i < count && (money || i < END_LINES); i++) {
        load_line(&receipt->lines[i], matcher, is_at_end(receipt, i));
    }
    if (money) {
        bool lead = counts_lead(receipt);
        for (size_t i = 0; i < count; i++) {
            tw_receipt_quantity(&receipt->lines[i], lead);
        }
        ask_texts(receipt, matcher);
        inherit_names(receipt);
    }
    return TW_OK;
}

void tw_receipt_clear(struct tw_receipt *receipt)
{
    for (size_t i = 0; i <= receipt->count && receipt->lines != NULL; i++) {
        free(receipt->lines[i].text);
    }
    free(receipt->lines);
    *receipt = (struct tw_receipt){0};
}
