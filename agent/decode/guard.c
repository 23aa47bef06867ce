// SPDX-License-Identifier: Apache-2.0
//
// How it decides:
//   - A number alone, 13 to 19 digits: Luhn and an issuer's range and length.
//   - A longer run of digits: any part of it that is so, of the lengths in common use; and of a
//     run of 14 to 19 digits its beginning and its end (a card number with something glued on).
//   - Groups: one and the same byte between all of them, and groups as people write cards (none
//     above six digits, none of one digit but the last; or all of one digit; or two halves). Groups
//     of four (or 4-6-5, 4-6-4) may stand further apart, and with different separators.
//   - What the tenant calls a loyalty card, a GTIN-13 standing alone, and a GSRN are not looked at.
#include "tillwire/guard.h"

#include <stdint.h>
#include <string.h>

#include "agent/decode/gs1.h"
#include "agent/decode/issuer.h"
#include "agent/decode/track.h"

#define EXEMPT_MAX 64 // digits of a loyalty number, as TW_CARD_MAX
#define APART_MAX  3  // bytes between groups of four
#define SPAN_MAX   64 // bytes a candidate may span: 19 digits, 18 separators of two bytes

struct sweep {
    const struct tw_guard *guard;
    const char *text;
    char *out; // the same text, or NULL to look only
    size_t len;
    size_t run_start, run_end; // the run of digits that holds the present position
    size_t skip_until;         // no candidate begins before
    uint64_t pending;          // bit k: mask the byte k after the present position
    size_t hits;
};

// The digits from one position on, as far as they may belong together.
struct candidate {
    char digits[TW_PAN_MAX + 1];
    size_t count;
    uint8_t groups[TW_PAN_MAX];
    size_t group_count;
    bool uniform; // the same single separator between all groups
    bool single;  // every separator is one character
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_exempt(const struct tw_guard *guard, const char *digits, size_t len)
{
    char number[EXEMPT_MAX + 1];
    if (guard->exempt == NULL || len > EXEMPT_MAX) {
        return false;
    }
    memcpy(number, digits, len);
    number[len] = '\0';
    return guard->exempt(guard->ctx, number);
}

// A GSRN is told by its application identifier: 8018 (or 8017) in brackets or joined to it.
static bool is_gsrn(const struct sweep *s, size_t start, size_t len)
{
    const char *at = s->text + start;
    bool joined = len == 22 && (memcmp(at, "8018", 4) == 0 || memcmp(at, "8017", 4) == 0);
    bool bracketed =
        len == 18 && start >= 6 && (memcmp(at - 6, "(8018)", 6) == 0 || memcmp(at - 6, "(8017)", 6) == 0);
    return (joined || bracketed) && tw_gs1_check_valid(at + len - 18, 18);
}

// A GTIN with its application identifier 01 in an element string is passed over; the rest of the
// run is looked at.
static size_t gtin_element(const char *at, size_t len)
{
    bool is = len >= 16 && at[0] == '0' && at[1] == '1' && tw_gs1_gtin_valid(at + 2, TW_GTIN_DIGITS);
    return is ? 16 : 0;
}

static void enter_run(struct sweep *s, size_t at)
{
    s->run_start = at;
    s->run_end = at;
    while (s->run_end < s->len && is_digit(s->text[s->run_end])) {
        s->run_end++;
    }
    size_t len = s->run_end - at;
    bool passes = len == 13 && tw_gs1_gtin_valid(s->text + at, len);
    passes = passes || is_gsrn(s, at, len);
    passes = passes || (len >= TW_PAN_MIN && is_exempt(s->guard, s->text + at, len));
    size_t until = passes ? s->run_end : at + gtin_element(s->text + at, len);
    s->skip_until = until > s->skip_until ? until : s->skip_until;
}

// Length of the separator at `at`: up to APART_MAX bytes that are neither digit nor letter, before
// a digit; 0 when there is none. NUL and line ends separate lines, not groups.
static size_t separator(const struct sweep *s, size_t at)
{
    size_t len = 0;
    while (at + len < s->len && len <= APART_MAX) {
        char c = s->text[at + len];
        if (is_digit(c)) {
            return len;
        }
        if (is_letter(c) || c == '\0' || c == '\n' || c == '\r') {
            return 0;
        }
        len++;
    }
    return 0;
}

// U+00A0, two bytes, counts as one character.
static bool is_single(const char *at, size_t len)
{
    return len == 1 || (len == 2 && memcmp(at, "\xC2\xA0", 2) == 0);
}

static bool card_shape(const struct candidate *c)
{
    const uint8_t *g = c->groups;
    size_t n = c->group_count;
    bool amex = n == 3 && g[0] == 4 && g[1] == 6 && (g[2] == 5 || g[2] == 4);
    bool fours = n >= 4 && g[n - 1] <= 4;
    for (size_t i = 0; i + 1 < n; i++) {
        fours = fours && g[i] == 4;
    }
    return amex || fours;
}

static bool plausible_groups(const struct candidate *c)
{
    size_t n = c->group_count;
    if (card_shape(c)) {
        return true;
    }
    if (!c->uniform || !c->single) {
        return false;
    }
    if (n == 2) {
        return c->groups[0] >= 4 && c->groups[1] >= 4 && c->count >= 15 && c->count % 2 == 0;
    }
    bool ones = true;
    bool words = true;
    for (size_t i = 0; i < n; i++) {
        ones = ones && c->groups[i] == 1;
        words = words && c->groups[i] <= 6 && (c->groups[i] >= 2 || i + 1 == n);
    }
    return ones || words;
}

// Whether the candidate, which ends before `end`, is a card number.
static bool is_card(const struct sweep *s, const struct candidate *c, size_t at, size_t end)
{
    bool from_start = at == s->run_start;
    bool to_end = end == s->len || !is_digit(s->text[end]);
    bool whole = from_start && to_end;
    if (c->group_count > 1) {
        if (!whole || !plausible_groups(c)) {
            return false;
        }
    } else if (!whole && s->run_end - s->run_start <= TW_PAN_MAX && !from_start && !to_end) {
        return false;
    }
    return tw_issuer_knows(c->digits, c->count, !whole) && tw_luhn_valid(c->digits, c->count);
}

static void mark(struct sweep *s, size_t at, size_t end)
{
    size_t kept = 0;
    for (size_t i = end; i-- > at;) {
        bool digit = is_digit(s->text[i]);
        if (digit && kept >= 4) {
            s->pending |= UINT64_C(1) << (i - at);
        }
        kept += digit ? 1 : 0;
    }
    s->hits++;
}

static void judge(struct sweep *s, const struct candidate *c, size_t at, size_t end)
{
    if (c->count < TW_PAN_MIN || end - at > SPAN_MAX || !is_card(s, c, at, end)) {
        return;
    }
    if (is_exempt(s->guard, c->digits, c->count) && at == s->run_start) {
        s->skip_until = end;
    } else {
        mark(s, at, end);
    }
}

// Takes the separator after a group into account; returns its length, 0 when the candidate ends.
static size_t join(const struct sweep *s, struct candidate *c, size_t at, size_t *first)
{
    size_t len = separator(s, at);
    if (len == 0) {
        return 0;
    }
    c->single = c->single && is_single(s->text + at, len);
    c->uniform = c->uniform && (*first == 0 || s->text[at] == s->text[*first]);
    *first = *first == 0 ? at : *first;
    c->groups[c->group_count++] = 0;
    return len;
}

static void look_from(struct sweep *s, size_t at)
{
    struct candidate c = {.group_count = 1, .uniform = true, .single = true};
    size_t first = 0; // where the first separator is
    size_t i = at;
    while (i < s->len && c.count < TW_PAN_MAX && s->skip_until <= at) {
        if (!is_digit(s->text[i])) {
            size_t len = at == s->run_start ? join(s, &c, i, &first) : 0;
            if (len == 0) {
                return;
            }
            i += len;
        }
        c.digits[c.count++] = s->text[i++];
        c.groups[c.group_count - 1]++;
        judge(s, &c, at, i);
    }
}

static void step(struct sweep *s, size_t at)
{
    if (is_digit(s->text[at])) {
        if (at >= s->run_end) {
            enter_run(s, at);
        }
        if (at >= s->skip_until) {
            look_from(s, at);
        }
    }
    if ((s->pending & 1) != 0 && s->out != NULL) {
        s->out[at] = '*';
    }
    s->pending >>= 1;
}

static size_t sweep_numbers(const struct tw_guard *guard, const char *text, size_t len, char *out)
{
    struct sweep s = {.guard = guard, .text = text, .out = out, .len = len};
    for (size_t at = 0; at < len && (out != NULL || s.hits == 0); at++) {
        step(&s, at);
    }
    return s.hits;
}

size_t tw_guard_mask(const struct tw_guard *guard, char *text, size_t len)
{
    size_t tracks = tw_track_sweep(guard, text, len, text);
    return tracks + sweep_numbers(guard, text, len, text);
}

bool tw_guard_hits(const struct tw_guard *guard, struct tw_slice text)
{
    const char *bytes = (const char *)text.ptr;
    return tw_track_sweep(guard, bytes, text.len, NULL) > 0 ||
           sweep_numbers(guard, bytes, text.len, NULL) > 0;
}
