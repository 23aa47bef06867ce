// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/track.h"

#include <string.h>

#include "agent/decode/gs1.h"
#include "agent/decode/issuer_ranges.h"

#define NUMBER_MIN 12
#define NUMBER_MAX (TW_PAN_MAX + 2) // with the format of track 3

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

// Gathers the number, backwards; track 1 may hold it in groups (ISO/IEC 7813).
static void find_number(const struct tw_guard_chain *c, bool grouped, struct tw_track_number *number)
{
    size_t i = c->count - 1;
    while (i > c->first && c->count - i <= NUMBER_MAX) {
        bool gap = c->gap[i] != 0;
        if (gap && (!grouped || (c->gap[i] & TW_GUARD_GAP_WHITE) == 0)) {
            break;
        }
        i--;
    }
    // Of a longer run nobody knows where a number begins.
    if (c->count - i > NUMBER_MAX) {
        i = c->count - TW_PAN_MAX;
    }
    number->first = i;
    number->start = c->pos[i];
    number->count = c->count - i;
}

// %B or B before the number of track 1; ; before that of track 2; readers give + or # for track 3.
static bool has_sentinel(const char *text, size_t start, char split)
{
    if (start == 0) {
        return false;
    }
    char before = text[start - 1];
    if (split == '^') {
        return before == 'B' || before == 'b' || (is_letter(before) && start > 1 && text[start - 2] == '%');
    }
    return split == '=' && (before == ';' || before == '+' || before == '#');
}

// What is read before the number may be glued to it, as the format of track 3 is.
static bool holds_card(const char *digits, size_t count)
{
    for (size_t i = 0; i + TW_PAN_MIN <= count; i++) {
        if (tw_issuer_knows(digits + i, count - i, false) && tw_luhn_valid(digits + i, count - i)) {
            return true;
        }
    }
    return false;
}

bool tw_track_find(const struct tw_guard_chain *chain, const char *text, size_t split,
                   struct tw_track_number *number)
{
    find_number(chain, text[split] == '^', number);
    const char *digits = chain->digits + number->first;
    if (number->count < NUMBER_MIN || tw_guard_chain_exempts(chain->guard, digits, number->count)) {
        return false;
    }
    return has_sentinel(text, number->start, text[split]) || holds_card(digits, number->count);
}
