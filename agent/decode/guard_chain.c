// SPDX-License-Identifier: Apache-2.0
//
// How it decides. A run is a row of digits with nothing between them; groups are runs that belong
// together.
//   - A run alone, 13 to 19 digits: Luhn and an issuer's range and length.
//   - A longer run: any part of it that is so, of the lengths in common use; and of a run of 14 to
//     19 digits its beginning and its end (a card number with something glued on).
//   - Groups: one and the same character between all of them, and groups as people write cards
//     (none above six digits, none of one digit but the last; or all of one digit; or two halves).
//     Groups of four (or 4-6-5, 4-6-4) may stand further apart, and with different separators.
//   - What the tenant calls a loyalty card, a GTIN-13 or -14 standing alone, a GSRN, and a coupon in a
//     GS1 element string are not looked at. Diners Club's 14 digits are: of real cards only these have the
//     length of a GTIN-14.
#include "agent/decode/guard_chain.h"

#include <string.h>

#include "agent/decode/coupon.h"
#include "agent/decode/gs1.h"
#include "agent/decode/issuer_ranges.h"

#define EXEMPT_MAX 64 // digits of a loyalty number, as TW_CARD_MAX
// Digits of a very long run that are kept: the number of a track 3 (track.c).
#define TAIL 21
// A run is decided when so many digits were read from its beginning on: no number is longer, and
// one more shows where it ends.
#define ENOUGH (TAIL + 2)

// The digits from one position on, as far as they may belong together.
struct groups {
    uint8_t len[TW_PAN_MAX];
    size_t count;
    unsigned first; // the first gap
    bool uniform;   // the same gap between all of them
    bool single;    // every gap is one character
    bool white;     // every gap is white
};

void tw_guard_chain_init(struct tw_guard_chain *chain, const struct tw_guard *guard, char *out)
{
    chain->guard = guard;
    chain->out = out;
    chain->hits = 0;
    chain->marked = 0;
    chain->first = 0;
    chain->count = 0;
    chain->skip = 0;
    chain->cut = false;
}

bool tw_guard_chain_exempts(const struct tw_guard *guard, const char *digits, size_t len)
{
    char number[EXEMPT_MAX + 1];
    if (guard->exempt == NULL || len > EXEMPT_MAX) {
        return false;
    }
    memcpy(number, digits, len);
    number[len] = '\0';
    bool exempt = guard->exempt(guard->ctx, number);
    explicit_bzero(number, sizeof number);
    return exempt;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_gsrn_identifier(const char *at)
{
    return memcmp(at, "8018", 4) == 0 || memcmp(at, "8017", 4) == 0;
}

// Whether 8018 or 8017 stands before `pos`, in brackets or not: (8018)4…, 8018 4….
static bool after_gsrn_identifier(const char *text, size_t pos)
{
    size_t end = pos;
    while (end > 0 && pos - end < 2 && !is_digit(text[end - 1]) && !is_letter(text[end - 1])) {
        end--;
    }
    return end < pos && end >= 4 && is_gsrn_identifier(text + end - 4) &&
           (end == 4 || !is_digit(text[end - 5]));
}

// The short names of the same in a GS1 Digital Link: /gsrn/4…, /gsrnp/4….
static bool after_gsrn_name(const char *text, size_t pos)
{
    return (pos >= 5 && memcmp(text + pos - 5, "gsrn/", 5) == 0) ||
           (pos >= 6 && memcmp(text + pos - 6, "gsrnp/", 6) == 0);
}

// A GSRN is told by its application identifier (GS1 General Specifications, 3.9.9), joined to it
// or before it.
static bool is_gsrn(const struct tw_guard_chain *c, const char *text, size_t a, size_t b)
{
    const char *digits = c->digits + a;
    bool joined = b - a == 22 && is_gsrn_identifier(digits);
    size_t pos = c->pos[a];
    bool apart = b - a == 18 && (after_gsrn_identifier(text, pos) || after_gsrn_name(text, pos));
    return (joined || apart) && tw_gs1_check_valid(c->digits + b - 18, 18);
}

// An application identifier in brackets before `pos`, as it is printed below a symbol: (255)5….
static bool after_brackets(const char *text, size_t pos, const char *identifier, size_t len)
{
    return pos >= len + 2 && text[pos - 1] == ')' && memcmp(text + pos - 1 - len, identifier, len) == 0 &&
           text[pos - 2 - len] == '(';
}

// The symbology identifier of an element string before `pos` (ISO/IEC 15424): GS1-128, DataBar, DataMatrix,
// QR code.
static bool after_element_symbology(const char *text, size_t pos)
{
    static const char *const symbologies[] = {"]C1", "]e0", "]d2", "]Q3"};
    for (size_t i = 0; i < sizeof symbologies / sizeof symbologies[0]; i++) {
        if (pos >= 3 && memcmp(text + pos - 3, symbologies[i], 3) == 0) {
            return true;
        }
    }
    return false;
}

// A coupon is told by its application identifier and its structure. That of a GCN is little more than a
// check digit: there the symbology, or the brackets, must say that it is an identifier at all.
static bool is_coupon(const struct tw_guard_chain *c, const char *text, size_t a, size_t b)
{
    static const char *const identifiers[] = {"255", "8110", "8112"};
    const char *digits = c->digits + a;
    size_t pos = c->pos[a];
    for (size_t i = 0; i < sizeof identifiers / sizeof identifiers[0]; i++) {
        size_t len = strlen(identifiers[i]);
        bool joined =
            memcmp(digits, identifiers[i], len) == 0 && (len > 3 || after_element_symbology(text, pos));
        size_t from = joined ? a + len : a;
        if ((joined || after_brackets(text, pos, identifiers[i], len)) &&
            tw_coupon_valid(identifiers[i], c->digits + from, b - from)) {
            return true;
        }
    }
    return false;
}

static bool passes(const struct tw_guard_chain *c, const char *text, size_t a, size_t b)
{
    const char *digits = c->digits + a;
    size_t len = b - a;
    if (len < TW_PAN_MIN) {
        return false;
    }
    bool gtin = (len == 13 || (len == 14 && digits[0] != '3')) && tw_gs1_gtin_valid(digits, len);
    return gtin || is_gsrn(c, text, a, b) || is_coupon(c, text, a, b) ||
           tw_guard_chain_exempts(c->guard, digits, len);
}

// A GTIN with its application identifier 01 in an element string is passed over; the rest of the
// run is looked at.
static size_t gtin_element(const char *at, size_t len)
{
    bool is = len >= 16 && at[0] == '0' && at[1] == '1' && tw_gs1_gtin_valid(at + 2, TW_GTIN_DIGITS);
    return is ? 16 : 0;
}

static bool card_shape(const struct groups *g)
{
    size_t n = g->count;
    bool amex = n == 3 && g->len[0] == 4 && g->len[1] == 6 && (g->len[2] == 5 || g->len[2] == 4);
    bool fours = n >= 4 && g->len[n - 1] <= 4;
    for (size_t i = 0; i + 1 < n; i++) {
        fours = fours && g->len[i] == 4;
    }
    return amex || fours;
}

static bool plausible(const struct groups *g, size_t digits)
{
    size_t n = g->count;
    if (card_shape(g)) {
        return true;
    }
    bool same = g->uniform && g->single;
    if (n == 2) {
        return same && g->len[0] >= 4 && g->len[1] >= 4 && digits >= 15 && digits % 2 == 0;
    }
    bool ones = same || g->white;
    bool words = same;
    for (size_t i = 0; i < n; i++) {
        ones = ones && g->len[i] == 1;
        words = words && g->len[i] <= 6 && (g->len[i] >= 2 || i + 1 == n);
    }
    return ones || words;
}

void tw_guard_chain_mask(struct tw_guard_chain *chain, size_t from, size_t to)
{
    if (chain->out != NULL) {
        memset(chain->out + from, '*', to - from);
    }
    chain->marked = to > chain->marked ? to : chain->marked;
}

// All but the last four digits.
static void mark(struct tw_guard_chain *c, size_t a, size_t b)
{
    for (size_t i = a; i + 4 < b; i++) {
        tw_guard_chain_mask(c, c->pos[i], c->pos[i] + 1);
    }
    c->hits++;
}

static bool is_card(const struct tw_guard_chain *c, size_t a, size_t b)
{
    return c->pos[b - 1] - c->pos[a] < TW_GUARD_CHAIN_SPAN && tw_luhn_valid(c->digits + a, b - a);
}

static void join(struct groups *g, unsigned gap)
{
    if (g->count == 1) {
        g->first = gap;
    }
    g->uniform = g->uniform && gap == g->first;
    g->single = g->single && (gap & TW_GUARD_GAP_SINGLE) != 0;
    g->white = g->white && (gap & TW_GUARD_GAP_WHITE) != 0;
    g->len[g->count++] = 0;
}

// Candidates that begin where a run begins, and may go on in the next ones.
static void look_from_start(struct tw_guard_chain *c, size_t a)
{
    if (c->count - a < TW_PAN_MIN) {
        return;
    }
    struct tw_issuer_lengths lengths = tw_issuer_lengths(c->digits + a);
    struct groups g = {.count = 1, .uniform = true, .single = true, .white = true};
    size_t last = c->count - a < TW_PAN_MAX ? c->count : a + TW_PAN_MAX;
    for (size_t i = a; i < last && lengths.whole != 0; i++) {
        if (i > a && c->gap[i] != 0) {
            join(&g, c->gap[i]);
        }
        g.len[g.count - 1]++;
        size_t digits = i + 1 - a;
        bool ends = i + 1 == c->count || c->gap[i + 1] != 0;
        bool fits = tw_issuer_has(ends ? lengths.whole : lengths.inside, digits);
        if (!fits || (g.count > 1 && (!ends || !plausible(&g, digits))) || !is_card(c, a, i + 1)) {
            continue;
        }
        if (tw_guard_chain_exempts(c->guard, c->digits + a, digits)) {
            c->skip = i + 1;
            return;
        }
        mark(c, a, i + 1);
    }
}

// Candidates within a run: up to its end, or anywhere in a long one.
static void look_inside(struct tw_guard_chain *c, size_t a, size_t end, bool long_run)
{
    if (end - a < TW_PAN_MIN) {
        return;
    }
    struct tw_issuer_lengths lengths = tw_issuer_lengths(c->digits + a);
    for (size_t len = TW_PAN_MIN; len <= TW_PAN_MAX && a + len <= end && lengths.inside != 0; len++) {
        bool fits = tw_issuer_has(lengths.inside, len) && (long_run || a + len == end);
        if (fits && is_card(c, a, a + len)) {
            mark(c, a, a + len);
        }
    }
}

// ISO/IEC 15424: ], a letter and a modifier stand before a scanned number; the modifier may be a digit.
static size_t aim_modifier(const char *text, size_t pos)
{
    return pos >= 2 && is_letter(text[pos - 1]) && text[pos - 2] == ']' ? 1 : 0;
}

// The parts of a run that begin at `from` or after; `number` is where it begins without the AIM modifier.
static void look_at_run(struct tw_guard_chain *c, size_t a, size_t number, size_t from, size_t b)
{
    bool long_run = c->cut || b - a > TW_PAN_MAX;
    for (size_t i = from; i < b; i++) {
        if (i < c->skip) {
            continue;
        }
        if (!c->cut && (i == a || i == number)) {
            look_from_start(c, i);
        } else if (b - i < TW_PAN_MIN) {
            return;
        } else {
            look_inside(c, i, b, long_run);
        }
    }
}

// A run that is there to its end.
static void decide_run(struct tw_guard_chain *c, const char *text, size_t a, size_t b)
{
    if (c->cut) {
        look_at_run(c, a, a, a, b);
        return;
    }
    size_t number = a + aim_modifier(text, c->pos[a]);
    if (passes(c, text, a, b) || (number > a && passes(c, text, number, b))) {
        return;
    }
    size_t element = gtin_element(c->digits + number, b - number);
    look_at_run(c, a, number, element > 0 ? number + element : a, b);
}

// A run that is still growing and too long, or too far apart, for an exemption.
static void decide_part(struct tw_guard_chain *c, size_t b)
{
    while (c->first < b && (b - c->first > TAIL || c->pos[b - 1] - c->pos[c->first] >= TW_GUARD_CHAIN_SPAN)) {
        if (c->first >= c->skip) {
            look_inside(c, c->first, b, true);
        }
        c->first++;
        c->cut = true;
    }
}

static size_t run_end(const struct tw_guard_chain *c)
{
    size_t b = c->first + 1;
    while (b < c->count && c->gap[b] == 0) {
        b++;
    }
    return b;
}

// Decides what can be decided, from the beginning.
static void settle(struct tw_guard_chain *c, const char *text, bool ended)
{
    while (c->first < c->count) {
        size_t b = run_end(c);
        bool far = c->pos[c->count - 1] - c->pos[c->first] >= TW_GUARD_CHAIN_SPAN;
        if (b == c->count && !ended) {
            if (far || b - c->first > EXEMPT_MAX + 1) {
                decide_part(c, b);
            }
            return;
        }
        if (!ended && !far && c->count - c->first < ENOUGH) {
            return;
        }
        decide_run(c, text, c->first, b);
        c->first = b;
        c->cut = false;
    }
}

static void compact(struct tw_guard_chain *c)
{
    size_t by = c->first;
    size_t left = c->count - by;
    memmove(c->digits, c->digits + by, left);
    memmove(c->gap, c->gap + by, left * sizeof c->gap[0]);
    memmove(c->pos, c->pos + by, left * sizeof c->pos[0]);
    c->skip = c->skip > by ? c->skip - by : 0;
    c->count = left;
    c->first = 0;
}

// One by one: what is decided, and when, must not depend on how many of a run came at once.
static void add_digit(struct tw_guard_chain *c, const char *text, size_t pos, unsigned gap)
{
    if (c->count == TW_GUARD_CHAIN_DIGITS) {
        settle(c, text, false);
        compact(c);
    }
    size_t i = c->count++;
    c->digits[i] = text[pos];
    c->gap[i] = (uint16_t)gap;
    c->pos[i] = pos;
    bool far = pos - c->pos[c->first] >= TW_GUARD_CHAIN_SPAN;
    if (far || (gap != 0 && i - c->first >= ENOUGH)) {
        settle(c, text, false);
    }
}

void tw_guard_chain_add(struct tw_guard_chain *chain, const char *text, size_t pos, size_t len, unsigned gap)
{
    for (size_t i = 0; i < len; i++) {
        add_digit(chain, text, pos + i, i == 0 ? gap : 0);
    }
}

void tw_guard_chain_end(struct tw_guard_chain *chain, const char *text)
{
    if (chain->count - chain->first >= TW_PAN_MIN) {
        settle(chain, text, true);
    }
    chain->first = 0;
    chain->count = 0;
    chain->skip = 0;
    chain->cut = false;
}

void tw_guard_chain_shift(struct tw_guard_chain *chain, size_t by)
{
    for (size_t i = chain->first; i < chain->count; i++) {
        chain->pos[i] -= by;
    }
    chain->marked = chain->marked > by ? chain->marked - by : 0;
}
