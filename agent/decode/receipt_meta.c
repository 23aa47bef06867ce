// SPDX-License-Identifier: Apache-2.0
//
// What identifies a receipt: its number, time, store, till, operator and member.
#include <ctype.h>

#include "agent/decode/receipt.h"

#define FIELD_MAX 64

// The value for `is` on the first line that has one, or NULL.
static const char *find_value(struct tw_receipt *receipt, struct tw_matcher *matcher, struct tw_sale *sale,
                              enum tw_is is, uint64_t not_on)
{
    for (size_t i = 0; i < receipt->count; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        struct tw_slice value;
        bool may = tw_receipt_is(line, is) && (line->is & (not_on | TW_IS_BIT(TW_IS_HEADING))) == 0 &&
                   line->amount < 0 && line->role != TW_ROLE_CODE;
        if (may && tw_matcher_value(matcher, is, tw_receipt_text(line), &value) && value.len > 0 &&
            value.len <= FIELD_MAX) {
            line->role = TW_ROLE_META;
            return tw_sale_text(sale, value);
        }
    }
    return NULL;
}

// --- the member ---

// True when `digits` (grouped by single spaces or not) at `text` is a loyalty card; sets it.
static bool try_card(const struct tw_scan_rules *rules, const char *text, size_t len, struct tw_sale *sale)
{
    struct tw_scan scan;
    tw_scan_read(rules, tw_slice_make(text, len), &scan);
    bool found = scan.kind == TW_SCAN_LOYALTY;
    if (found) {
        sale->card = tw_sale_text(sale, tw_slice_of(scan.card));
        sale->card_scheme = tw_sale_text(sale, tw_slice_of(scan.scheme));
    }
    explicit_bzero(scan.card, sizeof scan.card);
    return found;
}

static bool is_token(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

// Digits in groups: `6009 2000 0000 9310`.
static bool try_grouped(const struct tw_scan_rules *rules, const char *text, struct tw_sale *sale)
{
    char joined[TW_CARD_MAX + 1];
    size_t len = 0;
    for (; (isdigit((unsigned char)*text) || *text == ' ' || *text == '-') && len < TW_CARD_MAX; text++) {
        if (isdigit((unsigned char)*text)) {
            joined[len++] = *text;
        }
    }
    bool found = len >= 8 && try_card(rules, joined, len, sale);
    explicit_bzero(joined, sizeof joined);
    return found;
}

static bool find_card_in(const struct tw_scan_rules *rules, const struct tw_receipt_line *line,
                         struct tw_sale *sale)
{
    for (size_t at = 0; at < line->len;) {
        size_t len = 0;
        while (at + len < line->len && is_token(line->text[at + len])) {
            len++;
        }
        if (len >= 6 && len <= TW_CARD_MAX && try_card(rules, line->text + at, len, sale)) {
            return true;
        }
        if (isdigit((unsigned char)line->text[at]) && try_grouped(rules, line->text + at, sale)) {
            return true;
        }
        at += len > 0 ? len : 1;
    }
    return false;
}

// Lines that speak of a member first; then any line without an amount.
static bool find_card(struct tw_receipt *receipt, const struct tw_scan_rules *rules, struct tw_sale *sale)
{
    for (int pass = 0; pass < 2 && rules != NULL; pass++) {
        for (size_t i = 0; i < receipt->count; i++) {
            struct tw_receipt_line *line = &receipt->lines[i];
            bool speaks = tw_receipt_is(line, TW_IS_MEMBER);
            if (line->amount < 0 && speaks == (pass == 0) && find_card_in(rules, line, sale)) {
                line->role = TW_ROLE_META;
                return true;
            }
        }
    }
    return false;
}

static void find_tail(struct tw_receipt *receipt, struct tw_sale *sale)
{
    for (size_t i = 0; i < receipt->count && sale->card_tail == NULL; i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        char digits[12];
        if (line->amount < 0 && tw_receipt_is(line, TW_IS_MEMBER) &&
            tw_receipt_masked(line->text, digits, sizeof digits) > 0) {
            sale->card_tail = tw_sale_text(sale, tw_slice_of(digits));
            line->role = TW_ROLE_META;
        }
    }
}

int tw_receipt_meta(struct tw_receipt *receipt, struct tw_matcher *matcher, const struct tw_scan_rules *rules,
                    struct tw_sale *sale)
{
    const uint64_t other = TW_IS_BIT(TW_IS_NOT_NUMBER) | TW_IS_BIT(TW_IS_VOID);
    char time[20];
    sale->receipt_number = find_value(receipt, matcher, sale, TW_IS_RECEIPT_NUMBER, other);
    sale->store = find_value(receipt, matcher, sale, TW_IS_STORE, 0);
    sale->workstation = find_value(receipt, matcher, sale, TW_IS_WORKSTATION, 0);
    sale->operator_id = find_value(receipt, matcher, sale, TW_IS_OPERATOR, 0);
    if (tw_receipt_time(receipt, time)) {
        sale->printed_time = tw_sale_text(sale, tw_slice_of(time));
    }
    if (!find_card(receipt, rules, sale)) {
        find_tail(receipt, sale);
    }
    return TW_OK;
}
