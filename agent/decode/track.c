// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/track.h"

#include <string.h>

#include "agent/decode/gs1.h"
#include "agent/decode/issuer.h"

#define NUMBER_MIN 12
#define TRACK_MAX  107 // characters of the longest track (ISO/IEC 7813, track 3)
#define EXPIRY     4   // digits after the separator of track 2, at least

struct stripe {
    const char *text;
    size_t len;
    size_t start; // of the number
    size_t split; // of ^, = or D
    char digits[TW_PAN_MAX + 1];
    size_t count;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Gathers the number before `split`, backwards; track 1 may hold it in groups (ISO/IEC 7813).
static bool find_number(struct stripe *s, bool grouped)
{
    char reversed[TW_PAN_MAX + 1];
    size_t at = s->split;
    s->count = 0;
    while (at > 0 && s->count < TW_PAN_MAX) {
        char c = s->text[at - 1];
        bool gap = grouped && c == ' ' && s->count > 0;
        if (!is_digit(c) && !gap) {
            break;
        }
        at--;
        if (!gap) {
            reversed[s->count++] = c;
            s->start = at;
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        s->digits[i] = reversed[s->count - 1 - i];
    }
    s->digits[s->count] = '\0';
    return s->count >= NUMBER_MIN;
}

static bool is_payment(const struct tw_guard *guard, const struct stripe *s, bool sentinel)
{
    if (guard->exempt != NULL && guard->exempt(guard->ctx, s->digits)) {
        return false;
    }
    return sentinel || (tw_issuer_knows(s->digits, s->count, false) && tw_luhn_valid(s->digits, s->count));
}

// End of a track 1 that is split at `split`: the sentinel, the line's end or the longest length.
static size_t track1_end(const struct stripe *s)
{
    size_t end = s->split;
    while (end < s->len && end - s->start < TRACK_MAX && strchr("?\r\n", s->text[end]) == NULL) {
        end++;
    }
    return end;
}

static size_t track2_end(const struct stripe *s)
{
    size_t end = s->split + 1;
    while (end < s->len && (is_digit(s->text[end]) || s->text[end] == '=')) {
        end++;
    }
    return end;
}

// Whether track data is split at `s->split`; then `*end` is its end.
static bool find_track(const struct tw_guard *guard, struct stripe *s, size_t *end)
{
    char split = s->text[s->split];
    if (split == '^') {
        if (!find_number(s, true)) {
            return false;
        }
        bool sentinel = s->start > 0 && (s->text[s->start - 1] == 'B' || s->text[s->start - 1] == 'b');
        *end = track1_end(s);
        return is_payment(guard, s, sentinel);
    }
    if ((split != '=' && split != 'D' && split != 'd') || !find_number(s, false)) {
        return false;
    }
    *end = track2_end(s);
    bool sentinel = s->start > 0 && s->text[s->start - 1] == ';' && split == '=';
    return *end - s->split > EXPIRY && is_payment(guard, s, sentinel);
}

size_t tw_track_sweep(const struct tw_guard *guard, const char *text, size_t len, char *out)
{
    size_t hits = 0;
    struct stripe s = {.text = text, .len = len};
    for (size_t at = NUMBER_MIN; at < len; at++) {
        size_t end = at;
        s.split = at;
        if (!find_track(guard, &s, &end)) {
            continue;
        }
        hits++;
        if (out != NULL) {
            memset(out + s.start, '*', end - s.start);
        }
        at = end > at ? end - 1 : at;
    }
    return hits;
}
