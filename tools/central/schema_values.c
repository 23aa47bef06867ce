// SPDX-License-Identifier: Apache-2.0
#include "tools/central/schema_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tw_schema_walk walk_t;
typedef const struct tw_schema_place place_t;
typedef const struct tw_schema_use use_t;
typedef const struct tw_schema_rule rule_t;
typedef const struct tw_doc_node value_t;

// ---- type

enum { TYPE_OBJECT, TYPE_ARRAY, TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN, TYPE_NULL, TYPE_COUNT };

static const char *const type_names[TYPE_COUNT] = {"object", "array",   "string", "integer",
                                                   "number", "boolean", "null"};

static bool is_integral(double real)
{
    return !(trunc(real) < real || trunc(real) > real);
}

static int type_of(value_t *value)
{
    static const int types[] = {
        [TW_DOC_NULL] = TYPE_NULL,       [TW_DOC_FALSE] = TYPE_BOOLEAN, [TW_DOC_TRUE] = TYPE_BOOLEAN,
        [TW_DOC_INTEGER] = TYPE_INTEGER, [TW_DOC_REAL] = TYPE_NUMBER,   [TW_DOC_TEXT] = TYPE_STRING,
        [TW_DOC_ARRAY] = TYPE_ARRAY,     [TW_DOC_OBJECT] = TYPE_OBJECT,
    };
    return value->kind == TW_DOC_REAL && is_integral(value->real) ? TYPE_INTEGER : types[value->kind];
}

// The bit of a type's name; an integer is a number, too. 0: there is no such type.
static unsigned type_bits(const json_t *name)
{
    for (unsigned i = 0; json_is_string(name) && i < TYPE_COUNT; i++) {
        if (strcmp(json_string_value(name), type_names[i]) == 0) {
            return 1U << i | (i == TYPE_NUMBER ? 1U << TYPE_INTEGER : 0);
        }
    }
    return 0;
}

static int load_type(walk_t *walk, place_t *at, use_t *use)
{
    size_t index;
    json_t *name;
    bool one = !json_is_array(use->rule);
    const json_t *first = one ? use->rule : json_array_get(use->rule, 0);
    unsigned mask = type_bits(first);
    bool good = mask != 0;
    json_array_foreach(use->rule, index, name)
    {
        good = good && type_bits(name) != 0;
        mask |= type_bits(name);
    }
    int rc = tw_schema_form(walk, at, use, good, "name types of JSON Schema");
    if (rc == TW_OK) {
        use->out->count = one ? 1 : 2;
        use->out->types.mask = mask;
        use->out->types.first = tw_schema_text(walk->loading, json_string_value(first));
        rc = use->out->types.first != NULL ? TW_OK : TW_ERR_NOMEM;
    }
    return rc;
}

static int check_type(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    int type = type_of(value);
    if ((rule->types.mask >> type & 1) != 0) {
        return TW_OK;
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "type: must be %s%s, is %s", rule->types.first,
                          rule->count == 1 ? "" : " or another listed type", type_names[type]);
}

// ---- const and enum. Numbers are left out: 1 and 1.0 are equal in JSON Schema and would have to be here.

static bool is_constant(const json_t *value)
{
    return json_is_string(value) || json_is_boolean(value) || json_is_null(value);
}

static int load_constant(walk_t *walk, const json_t *value, struct tw_schema_constant *out)
{
    out->kind = json_is_string(value)  ? TW_DOC_TEXT
                : json_is_true(value)  ? TW_DOC_TRUE
                : json_is_false(value) ? TW_DOC_FALSE
                                       : TW_DOC_NULL;
    if (out->kind == TW_DOC_TEXT) {
        out->text = tw_slice_of(tw_schema_text(walk->loading, json_string_value(value)));
    }
    return out->kind != TW_DOC_TEXT || out->text.ptr != NULL ? TW_OK : TW_ERR_NOMEM;
}

static bool is_equal(const struct tw_schema_constant *constant, value_t *value)
{
    return constant->kind == value->kind &&
           (value->kind != TW_DOC_TEXT ||
            (constant->text.len == value->size && memcmp(constant->text.ptr, value->text, value->size) == 0));
}

static int load_const(walk_t *walk, place_t *at, use_t *use)
{
    int rc = tw_schema_form(walk, at, use, is_constant(use->rule), "be a string, a boolean or null");
    if (rc == TW_OK) {
        use->out->constants = tw_schema_alloc(walk->loading, 1, sizeof *use->out->constants);
        rc = use->out->constants != NULL ? load_constant(walk, use->rule, use->out->constants) : TW_ERR_NOMEM;
    }
    return rc;
}

static int check_const(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    const struct tw_schema_constant *constant = rule->constants;
    if (is_equal(constant, value)) {
        return TW_OK;
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "const: must be %s",
                          constant->kind == TW_DOC_TEXT    ? (const char *)constant->text.ptr
                          : constant->kind == TW_DOC_TRUE  ? "true"
                          : constant->kind == TW_DOC_FALSE ? "false"
                                                           : "null");
}

static int load_enum(walk_t *walk, place_t *at, use_t *use)
{
    size_t index;
    json_t *value;
    bool good = json_array_size(use->rule) > 0;
    json_array_foreach(use->rule, index, value)
    {
        good = good && is_constant(value);
    }
    int rc = tw_schema_form(walk, at, use, good, "list strings, booleans or null");
    if (rc != TW_OK) {
        return rc;
    }
    use->out->count = json_array_size(use->rule);
    use->out->constants = tw_schema_alloc(walk->loading, use->out->count, sizeof *use->out->constants);
    rc = use->out->constants != NULL ? TW_OK : TW_ERR_NOMEM;
    json_array_foreach(use->rule, index, value)
    {
        rc = rc == TW_OK ? load_constant(walk, value, &use->out->constants[index]) : rc;
    }
    return rc;
}

static int check_enum(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (is_equal(&rule->constants[i], value)) {
            return TW_OK;
        }
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "enum: must be one of the %zu listed values",
                          rule->count);
}

// ---- pattern

// Regular expressions are ECMA-262's in JSON Schema and PCRE2's here. What the two read alike is
// let in: no bare dot (they differ in line ends), after a backslash only punctuation or xHH, and
// no POSIX classes.
static bool pattern_portable(const char *pattern)
{
    bool in_class = false;
    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c == '\\') {
            c++;
            if (*c == '\0' || strchr("./\\^$*+?()[]{}|-x", *c) == NULL) {
                return false;
            }
        } else if (*c == '[' || *c == ']') {
            if (in_class == (*c == '[')) {
                return false;
            }
            in_class = !in_class;
        } else if (*c == '.' && !in_class) {
            return false;
        }
    }
    return true;
}

static int pattern_keep(walk_t *walk, const char *text, pcre2_code *code, struct tw_schema_rule *out)
{
    struct tw_schema_set *set = walk->loading;
    struct tw_schema_pattern *pattern = tw_schema_alloc(set, 1, sizeof *pattern);
    const char *kept = tw_schema_text(set, text);
    if (pattern == NULL || kept == NULL) {
        return TW_ERR_NOMEM;
    }
    *pattern = (struct tw_schema_pattern){set->patterns, kept, code};
    set->patterns = pattern;
    out->pattern = pattern;
    return TW_OK;
}

// The same text is compiled once.
static bool pattern_known(const struct tw_schema_set *set, const char *text, struct tw_schema_rule *out)
{
    const struct tw_schema_pattern *pattern = set->patterns;
    while (pattern != NULL && strcmp(pattern->text, text) != 0) {
        pattern = pattern->next;
    }
    out->pattern = pattern;
    return pattern != NULL;
}

static int load_pattern(walk_t *walk, place_t *at, use_t *use)
{
    const char *pattern = json_string_value(use->rule);
    if (pattern == NULL || !pattern_portable(pattern)) {
        return tw_schema_form(walk, at, use, false, "be an expression ECMA-262 and PCRE2 read alike");
    }
    if (pattern_known(walk->set, pattern, use->out)) {
        return TW_OK;
    }
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
    if (compiled == NULL) {
        return tw_schema_fail(walk, at, TW_ERR_INVALID,
                              "keyword \"pattern\" fails at character %zu (PCRE2 error %d)", (size_t)offset,
                              code);
    }
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); // where that may not be, it is interpreted
    int rc = pattern_keep(walk, pattern, compiled, use->out);
    if (rc != TW_OK) {
        pcre2_code_free(compiled);
    }
    return rc;
}

// What the compiled code cannot decide within its limits is left to the interpreter. Texts of a document
// are UTF-8: that is not checked again.
static int match(const walk_t *walk, const pcre2_code *code, value_t *value)
{
    PCRE2_SPTR text = (PCRE2_SPTR)value->text;
    int rc = pcre2_match(code, text, value->size, 0, PCRE2_NO_UTF_CHECK, walk->match, walk->set->limits);
    return rc >= 0 || rc == PCRE2_ERROR_NOMATCH
               ? rc
               : pcre2_match(code, text, value->size, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, walk->match,
                             walk->set->limits);
}

static int check_pattern(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    int rc = value->kind == TW_DOC_TEXT ? match(walk, rule->pattern->code, value) : 0;
    return rc >= 0 ? TW_OK
                   : tw_schema_fail(walk, at, TW_ERR_INVALID, "pattern: %s %s",
                                    rc == PCRE2_ERROR_NOMATCH ? "must match" : "undecided within limits:",
                                    rule->pattern->text);
}

// ---- format. Only what `pattern` cannot say, the length of months, is left to it.

static int load_format(walk_t *walk, place_t *at, use_t *use)
{
    const char *name = json_string_value(use->rule);
    bool known = name != NULL && (strcmp(name, "date") == 0 || strcmp(name, "date-time") == 0);
    int rc = tw_schema_form(walk, at, use, known && json_object_get(use->schema, "pattern") != NULL,
                            "be date or date-time and stand beside a pattern");
    if (rc == TW_OK) {
        use->out->text = tw_schema_text(walk->loading, name);
        rc = use->out->text != NULL ? TW_OK : TW_ERR_NOMEM;
    }
    return rc;
}

// Takes `count` digits, and `then` behind them unless that is NUL.
static bool take_digits(const char **text, int count, char then, int *out)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (**text < '0' || **text > '9') {
            return false;
        }
        number = number * 10 + (*(*text)++ - '0');
    }
    *out = number;
    return then == '\0' || *(*text)++ == then;
}

// RFC 3339, section 5.7: the day must exist in its month.
static int check_format(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (value->kind != TW_DOC_TEXT) {
        return TW_OK;
    }
    int year = 0;
    int month = 0;
    int day = 0;
    const char *text = value->text; // "2026-11-22", perhaps with a time behind it
    bool whole = take_digits(&text, 4, '-', &year) && take_digits(&text, 2, '-', &month) &&
                 take_digits(&text, 2, '\0', &day);
    if (whole && month >= 1 && month <= 12 && day >= 1) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (day <= days[month - 1] + (month == 2 && leap ? 1 : 0)) {
            return TW_OK;
        }
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "format: must be a %s that exists", rule->text);
}

// ---- limits

// Doubles are exact enough: the contract's limits are below 2^53, and rounding keeps the order.
static int load_limit(walk_t *walk, place_t *at, use_t *use)
{
    use->out->limit = (double)json_integer_value(use->rule);
    return tw_schema_form(walk, at, use, json_is_integer(use->rule), "be an integer");
}

static int check_limit(walk_t *walk, place_t *at, rule_t *rule, double measure)
{
    const char *name = rule->keyword->name;
    bool lower = name[1] == 'i'; // min…, not max…
    if (lower ? measure >= rule->limit : measure <= rule->limit) {
        return TW_OK;
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "%s: must be at %s %.0f", name, lower ? "least" : "most",
                          rule->limit);
}

// JSON Schema counts characters (code points), not bytes.
static int check_length(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    return value->kind == TW_DOC_TEXT ? check_limit(walk, at, rule, (double)value->chars) : TW_OK;
}

static int check_count(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    return value->kind == TW_DOC_ARRAY ? check_limit(walk, at, rule, (double)value->size) : TW_OK;
}

static int check_number(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    switch (value->kind) {
    case TW_DOC_INTEGER:
        return check_limit(walk, at, rule, (double)value->integer);
    case TW_DOC_REAL:
        return check_limit(walk, at, rule, value->real);
    default:
        return TW_OK;
    }
}

const struct tw_schema_keyword tw_schema_value_keywords[] = {
    {"type", load_type, check_type},         {"const", load_const, check_const},
    {"enum", load_enum, check_enum},         {"pattern", load_pattern, check_pattern},
    {"format", load_format, check_format},   {"minLength", load_limit, check_length},
    {"maxLength", load_limit, check_length}, {"minItems", load_limit, check_count},
    {"maxItems", load_limit, check_count},   {"minimum", load_limit, check_number},
    {"maximum", load_limit, check_number},   {NULL, NULL, NULL},
};
