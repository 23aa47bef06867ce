// SPDX-License-Identifier: Apache-2.0
#include "tillwire/scan.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "agent/decode/gs1.h"

// A pattern over 64 characters that needs more than this is a mistake, and does not match.
#define MATCH_STEPS 20000
#define MATCH_DEPTH 200
#define HEAP_KIB    256

struct rule {
    char *scheme;
    pcre2_code *pattern;
    enum { NO_CHECK, LUHN, GTIN } check;
    bool begins[10][10]; // whether what matches can begin with these two digits
};

struct tw_scan_rules {
    struct rule *rules;
    size_t count;
    pcre2_match_context *limits;
};

void tw_scan_rules_free(struct tw_scan_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->count; i++) {
        free(rules->rules[i].scheme);
        pcre2_code_free(rules->rules[i].pattern);
    }
    pcre2_match_context_free(rules->limits);
    free(rules->rules);
    free(rules);
}

// Most numbers that are looked at are nobody's card, and trying an expression costs much more than to see so.
// What the first two digits rule out is asked of PCRE2 once: a partial match of just those,
// PCRE2_PARTIAL_HARD, is anything but "no match" where more could follow (pcre2partial(3)). It goes not with
// PCRE2_ENDANCHORED, hence a code of its own; without one, everything is left open.
static void find_beginnings(const struct tw_card_rule *card, pcre2_match_context *limits, struct rule *out)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *open = pcre2_compile((PCRE2_SPTR)card->pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_ANCHORED | PCRE2_NEVER_UTF, &code, &at, NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    for (unsigned i = 0; i < 100; i++) {
        const uint8_t head[2] = {(uint8_t)('0' + i / 10), (uint8_t)('0' + i % 10)};
        out->begins[i / 10][i % 10] =
            open == NULL || match == NULL ||
            pcre2_match(open, head, sizeof head, 0, PCRE2_PARTIAL_HARD, match, limits) != PCRE2_ERROR_NOMATCH;
    }
    pcre2_match_data_free(match);
    pcre2_code_free(open);
}

static int compile(const struct tw_card_rule *card, pcre2_match_context *limits, struct rule *out,
                   struct tw_error_text *err)
{
    if (card->check != NULL && strcmp(card->check, "luhn") != 0 && strcmp(card->check, "gtin") != 0) {
        return tw_fail(err, TW_ERR_INVALID,
                       "loyalty card \"%s\": check \"%s\" is not known; use luhn or gtin", card->scheme,
                       card->check);
    }
    out->check = card->check == NULL ? NO_CHECK : strcmp(card->check, "luhn") == 0 ? LUHN : GTIN;
    int code = 0;
    PCRE2_SIZE at = 0;
    out->pattern = pcre2_compile((PCRE2_SPTR)card->pattern, PCRE2_ZERO_TERMINATED,
                                 PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_UTF, &code, &at, NULL);
    if (out->pattern == NULL) {
        PCRE2_UCHAR why[120] = "";
        (void)pcre2_get_error_message(code, why, sizeof why);
        return tw_fail(err, TW_ERR_INVALID,
                       "loyalty card \"%s\": pattern \"%s\" has an error at character %zu: %s; correct it",
                       card->scheme, card->pattern, (size_t)at + 1, (const char *)why);
    }
    find_beginnings(card, limits, out);
    out->scheme = strdup(card->scheme);
    return out->scheme != NULL ? TW_OK : TW_ERR_NOMEM;
}

int tw_scan_rules_new(const struct tw_card_rule *cards, size_t count, struct tw_scan_rules **out,
                      struct tw_error_text *err)
{
    struct tw_scan_rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "reading the loyalty cards: out of memory");
    }
    rules->rules = calloc(count > 0 ? count : 1, sizeof *rules->rules);
    rules->limits = pcre2_match_context_create(NULL);
    int rc = rules->rules == NULL || rules->limits == NULL ? TW_ERR_NOMEM : TW_OK;
    if (rc == TW_OK) {
        (void)pcre2_set_match_limit(rules->limits, MATCH_STEPS);
        (void)pcre2_set_depth_limit(rules->limits, MATCH_DEPTH);
        (void)pcre2_set_heap_limit(rules->limits, HEAP_KIB);
    } else {
        (void)tw_fail(err, rc, "reading the loyalty cards: out of memory");
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rules->count++;
        rc = compile(&cards[i], rules->limits, &rules->rules[i], err);
    }
    if (rc != TW_OK) {
        tw_scan_rules_free(rules);
        return rc;
    }
    *out = rules;
    return TW_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool can_begin(const struct rule *rule, const char *text, size_t len)
{
    return len < 2 || !is_digit(text[0]) || !is_digit(text[1]) || rule->begins[text[0] - '0'][text[1] - '0'];
}

static bool matches(const struct tw_scan_rules *rules, const struct rule *rule, const char *text, size_t len)
{
    if (!can_begin(rule, text, len) || (rule->check == LUHN && !tw_luhn_valid(text, len)) ||
        (rule->check == GTIN && !tw_gs1_check_valid(text, len))) {
        return false;
    }
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (match == NULL) {
        return false;
    }
    int found = pcre2_match(rule->pattern, (PCRE2_SPTR)text, len, 0, 0, match, rules->limits);
    pcre2_match_data_free(match);
    return found >= 0;
}

static const struct rule *find_rule(const struct tw_scan_rules *rules, const char *text, size_t len)
{
    if (rules == NULL || len == 0 || len > TW_CARD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < rules->count; i++) {
        if (matches(rules, &rules->rules[i], text, len)) {
            return &rules->rules[i];
        }
    }
    return NULL;
}

// Without what scanners wrap around a code: STX, ETX, CR, LF, TAB, NUL and the AIM identifier, ]
// with a letter and a modifier (ISO/IEC 15424).
static struct tw_slice strip(struct tw_slice raw)
{
    while (raw.len > 0 && raw.ptr[0] < 0x20) {
        raw.ptr++;
        raw.len--;
    }
    while (raw.len > 0 && raw.ptr[raw.len - 1] < 0x20) {
        raw.len--;
    }
    bool aim = raw.len > 3 && raw.ptr[0] == ']' && ((raw.ptr[1] | 0x20) >= 'a' && (raw.ptr[1] | 0x20) <= 'z');
    if (aim) {
        raw.ptr += 3;
        raw.len -= 3;
    }
    return raw;
}

static bool is_exempt(void *ctx, const char *digits)
{
    return find_rule(ctx, digits, strlen(digits)) != NULL;
}

struct tw_guard tw_scan_guard(const struct tw_scan_rules *rules)
{
    // The guard's context is not const for the sake of other exemptions; the rules never change.
    union {
        const struct tw_scan_rules *in;
        void *out;
    } ctx = {.in = rules};
    return (struct tw_guard){.exempt = rules != NULL ? is_exempt : NULL, .ctx = ctx.out};
}

void tw_scan_read(const struct tw_scan_rules *rules, struct tw_slice raw, struct tw_scan *out)
{
    *out = (struct tw_scan){.kind = TW_SCAN_OTHER};
    struct tw_slice code = strip(raw);
    const struct rule *rule = find_rule(rules, (const char *)code.ptr, code.len);
    if (rule != NULL) {
        out->kind = TW_SCAN_LOYALTY;
        out->scheme = rule->scheme;
        memcpy(out->card, code.ptr, code.len);
        return;
    }
    struct tw_guard guard = tw_scan_guard(rules);
    if (tw_guard_hits(&guard, code)) {
        out->kind = TW_SCAN_REFUSED;
    }
}
