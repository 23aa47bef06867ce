// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/profile.h"

#include "agent/decode/gate.h"
#include "agent/decode/pcre_limits.h"

enum side { OWN = 0, GENERIC, SIDES };

struct tw_profile {
    pcre2_code *codes[SIDES][TW_IS_COUNT];
    uint32_t pairs; // groups of the expression with most of them, and the whole match
    unsigned columns;
    char decimal;
};

// Lines repeat: from receipt to receipt, and when a piece of paper is read alone and joined to
// another. What they were is remembered by a hash of the text, never the text.
#define REMEMBERED 4096 // well over the lines of a page, so that most keep their place

struct remembered {
    uint64_t hash; // FNV-1a, 64 bits; 0: nothing here
    uint64_t asked, set;
};

struct tw_matcher {
    const struct tw_profile *profile;
    struct remembered remembered[REMEMBERED];
    struct tw_gate *gate; // for the generic rules
    uint64_t work;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

static const char *const is_names[TW_IS_COUNT] = {
    "ignore",         "saved",       "points",      "net",           "tax",       "change",      "rounding",
    "subtotal",       "total",       "cash",        "card",          "voucher",   "gift_card",   "mobile",
    "points_tender",  "tender",      "discount",    "sale_discount", "coupon",    "deposit",     "fee",
    "void_line",      "return_line", "return",      "void",          "copy",      "training",    "report",
    "slip",           "order",       "receipt",     "heading",       "tax_table", "tax_total",   "not_number",
    "receipt_number", "store",       "workstation", "operator",      "member",    "coupon_code", "brand",
};

const char *tw_is_name(enum tw_is is)
{
    return is_names[is];
}

static enum tw_is is_of_name(const char *name)
{
    for (unsigned is = 0; is < TW_IS_COUNT; is++) {
        if (strcmp(name, is_names[is]) == 0) {
            return (enum tw_is)is;
        }
    }
    return TW_IS_COUNT;
}

static pcre2_code *compile(struct tw_slice pattern, int *error, size_t *offset)
{
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C;
    return pcre2_compile(pattern.ptr, pattern.len, options, error, offset, NULL);
}

// Compiles one rule alone, only to say where it is wrong.
static int check_rule(const struct tw_profile_source *source, size_t index, enum tw_is *is,
                      struct tw_error_text *err)
{
    const struct tw_profile_rule *rule = &source->rules[index];
    *is = is_of_name(rule->is);
    if (*is == TW_IS_COUNT) {
        return tw_fail(
            err, TW_ERR_INVALID,
            "profile %s, rule %zu: \"%s\" is not something a line can be; see agent/decode/README.md",
            source->name, index + 1, rule->is);
    }
    int error = 0;
    size_t offset = 0;
    pcre2_code *code = compile(tw_slice_of(rule->match), &error, &offset);
    if (code == NULL) {
        char reason[160];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof reason);
        return tw_fail(err, TW_ERR_INVALID,
                       "profile %s, rule %zu (%s): %s at character %zu of the expression", source->name,
                       index + 1, rule->is, reason, offset + 1);
    }
    pcre2_code_free(code);
    return TW_OK;
}

// Joins the rules of each kind into one expression, so that a line is tried once per kind.
static int compile_side(struct tw_profile *profile, enum side side, const struct tw_profile_source *source,
                        struct tw_error_text *err)
{
    struct tw_buf joined[TW_IS_COUNT] = {0};
    int rc = TW_OK;
    for (size_t i = 0; i < source->rule_count && rc == TW_OK; i++) {
        enum tw_is is = TW_IS_COUNT;
        rc = check_rule(source, i, &is, err);
        if (rc == TW_OK) {
            tw_buf_printf(&joined[is], "%s(?:%s)", joined[is].len > 0 ? "|" : "", source->rules[i].match);
        }
    }
    for (unsigned is = 0; is < TW_IS_COUNT; is++) {
        int error = 0;
        size_t offset = 0;
        if (rc == TW_OK && joined[is].len > 0) {
            profile->codes[side][is] = compile(tw_buf_slice(&joined[is]), &error, &offset);
            rc = profile->codes[side][is] == NULL
                     ? tw_fail(err, TW_ERR_INVALID, "profile %s: the rules for %s do not fit together",
                               source->name, is_names[is])
                     : tw_buf_status(&joined[is]);
        }
        tw_buf_free(&joined[is]);
    }
    return rc;
}

static void count_pairs(struct tw_profile *profile)
{
    profile->pairs = 1;
    for (unsigned i = 0; i < SIDES * TW_IS_COUNT; i++) {
        const pcre2_code *code = profile->codes[i / TW_IS_COUNT][i % TW_IS_COUNT];
        uint32_t groups = 0;
        if (code != NULL && pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups) == 0) {
            profile->pairs = groups + 1 > profile->pairs ? groups + 1 : profile->pairs;
        }
    }
}

int tw_profile_compile(const struct tw_profile_source *source, struct tw_profile **out,
                       struct tw_error_text *err)
{
    struct tw_profile *profile = calloc(1, sizeof *profile);
    if (profile == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "compiling profile %s: out of memory", source->name);
    }
    profile->columns = source->columns;
    profile->decimal = source->decimal;
    const struct tw_profile_source *generic = tw_profile_generic();
    int rc = source != generic ? compile_side(profile, OWN, source, err) : TW_OK;
    rc = rc == TW_OK ? compile_side(profile, GENERIC, generic, err) : rc;
    if (rc != TW_OK) {
        tw_profile_free(profile);
        return rc;
    }
    count_pairs(profile);
    *out = profile;
    return TW_OK;
}

void tw_profile_free(struct tw_profile *profile)
{
    for (unsigned i = 0; profile != NULL && i < SIDES * TW_IS_COUNT; i++) {
        pcre2_code_free(profile->codes[i / TW_IS_COUNT][i % TW_IS_COUNT]);
    }
    free(profile);
}

char tw_matcher_decimal(const struct tw_matcher *matcher)
{
    return matcher->profile->decimal;
}

unsigned tw_profile_columns(const struct tw_profile *profile)
{
    return profile->columns;
}

int tw_matcher_new(const struct tw_profile *profile, struct tw_matcher **out)
{
    struct tw_matcher *matcher = calloc(1, sizeof *matcher);
    if (matcher == NULL) {
        return TW_ERR_NOMEM;
    }
    matcher->profile = profile;
    matcher->data = pcre2_match_data_create(profile->pairs, NULL);
    matcher->context = tw_pcre_limits();
    int rc = tw_gate_new(profile->codes[GENERIC], TW_IS_COUNT, &matcher->gate);
    if (rc != TW_OK || matcher->data == NULL || matcher->context == NULL) {
        tw_matcher_free(matcher);
        return TW_ERR_NOMEM;
    }
    *out = matcher;
    return TW_OK;
}

void tw_matcher_free(struct tw_matcher *matcher)
{
    if (matcher != NULL) {
        pcre2_match_data_free(matcher->data);
        pcre2_match_context_free(matcher->context);
        tw_gate_free(matcher->gate);
        free(matcher);
    }
}

static bool matches(struct tw_matcher *matcher, enum side side, enum tw_is is, struct tw_slice line)
{
    const pcre2_code *code = matcher->profile->codes[side][is];
    matcher->work += code != NULL;
    return code != NULL && pcre2_match(code, line.ptr, line.len, 0, 0, matcher->data, matcher->context) > 0;
}

// A user's rules may look behind in any way: they are tried in full.
static uint64_t classify_own(struct tw_matcher *matcher, struct tw_slice line, uint64_t want)
{
    uint64_t set = 0;
    for (unsigned is = 0; is < TW_IS_COUNT; is++) {
        bool wanted = (want & TW_IS_BIT(is)) != 0;
        set |= wanted && matches(matcher, OWN, (enum tw_is)is, line) ? TW_IS_BIT(is) : 0;
    }
    return set;
}

static uint64_t hash_of(struct tw_slice line)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < line.len; i++) {
        hash = (hash ^ line.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t classify(struct tw_matcher *matcher, struct tw_slice line, uint64_t want)
{
    uint64_t own = classify_own(matcher, line, want | TW_IS_AMOUNTS);
    if ((own & TW_IS_AMOUNTS) != 0) {
        return (own & want) | tw_gate_match(matcher->gate, line, want & ~TW_IS_AMOUNTS, &matcher->work);
    }
    return own | tw_gate_match(matcher->gate, line, want, &matcher->work);
}

uint64_t tw_matcher_classify(struct tw_matcher *matcher, struct tw_slice line, uint64_t want)
{
    uint64_t hash = hash_of(line);
    struct remembered *remembered = &matcher->remembered[hash % REMEMBERED];
    if (remembered->hash != hash || hash == 0) {
        *remembered = (struct remembered){.hash = hash};
    }
    uint64_t missing = want & ~remembered->asked;
    if (missing != 0) {
        remembered->set |= classify(matcher, line, missing);
        remembered->asked |= missing;
    }
    return remembered->set & want;
}

uint64_t tw_matcher_work(const struct tw_matcher *matcher)
{
    return matcher->work;
}

// The first group named `value` that took part in the last match.
static bool named_value(struct tw_matcher *matcher, const pcre2_code *code, struct tw_slice line,
                        struct tw_slice *out)
{
    PCRE2_SPTR first = NULL;
    PCRE2_SPTR last = NULL;
    int step = pcre2_substring_nametable_scan(code, (PCRE2_SPTR) "value", &first, &last);
    const size_t *at = pcre2_get_ovector_pointer(matcher->data);
    uint32_t pairs = pcre2_get_ovector_count(matcher->data);
    for (PCRE2_SPTR entry = first; step > 0 && entry <= last; entry += step) {
        uint32_t group = (uint32_t)(entry[0] << 8 | entry[1]);
        if (group < pairs && at[2 * group] != PCRE2_UNSET) {
            *out = tw_slice_make(line.ptr + at[2 * group], at[2 * group + 1] - at[2 * group]);
            return true;
        }
    }
    *out = tw_slice_make(line.ptr + at[0], at[1] - at[0]);
    return step <= 0;
}

bool tw_matcher_value(struct tw_matcher *matcher, enum tw_is is, struct tw_slice line, struct tw_slice *out)
{
    for (unsigned side = 0; side < SIDES; side++) {
        if (matches(matcher, (enum side)side, is, line) &&
            named_value(matcher, matcher->profile->codes[side][is], line, out)) {
            return true;
        }
    }
    return false;
}
