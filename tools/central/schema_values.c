// SPDX-License-Identifier: Apache-2.0
#include "tools/central/schema_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tw_schema_walk walk_t;
typedef const struct tw_schema_place place_t;
typedef const struct tw_schema_use use_t;

// ---- type

static bool type_known(const json_t *name)
{
    static const char *const names[] = {"object", "array", "string", "integer", "number", "boolean", "null"};
    for (size_t i = 0; json_is_string(name) && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(json_string_value(name), names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_integral(const json_t *value)
{
    double real = json_real_value(value);
    return json_is_integer(value) || (json_is_real(value) && !(trunc(real) < real || trunc(real) > real));
}

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_NULL:
        return "null";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    default:
        return is_integral(value) ? "integer" : "number";
    }
}

static bool type_holds(const json_t *name, const json_t *value)
{
    const char *wanted = json_string_value(name);
    return strcmp(wanted, type_of(value)) == 0 || (strcmp(wanted, "number") == 0 && json_is_number(value));
}

static int load_type(walk_t *walk, place_t *at, use_t *use)
{
    size_t index;
    json_t *name;
    bool good = json_is_array(use->rule) ? json_array_size(use->rule) > 0 : type_known(use->rule);
    json_array_foreach(use->rule, index, name)
    {
        good = good && type_known(name);
    }
    return tw_schema_form(walk, at, use, good, "name types of JSON Schema");
}

static int check_type(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    size_t index;
    json_t *name;
    bool one = json_is_string(use->rule);
    bool holds = one && type_holds(use->rule, value);
    json_array_foreach(use->rule, index, name)
    {
        holds = holds || type_holds(name, value);
    }
    if (holds) {
        return TW_OK;
    }
    const char *first = json_string_value(one ? use->rule : json_array_get(use->rule, 0));
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "type: must be %s%s, is %s", first,
                          one ? "" : " or another listed type", type_of(value));
}

// ---- const and enum. Numbers are left out: 1 and 1.0 are equal in JSON Schema and not in jansson.

static bool is_constant(const json_t *value)
{
    return json_is_string(value) || json_is_boolean(value) || json_is_null(value);
}

static int load_const(walk_t *walk, place_t *at, use_t *use)
{
    return tw_schema_form(walk, at, use, is_constant(use->rule), "be a string, a boolean or null");
}

static int check_const(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    if (json_equal(use->rule, value)) {
        return TW_OK;
    }
    const char *text = json_string_value(use->rule);
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "const: must be %s",
                          text != NULL               ? text
                          : json_is_true(use->rule)  ? "true"
                          : json_is_false(use->rule) ? "false"
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
    return tw_schema_form(walk, at, use, good, "list strings, booleans or null");
}

static int check_enum(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    size_t index;
    json_t *allowed;
    json_array_foreach(use->rule, index, allowed)
    {
        if (json_equal(allowed, value)) {
            return TW_OK;
        }
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "enum: must be one of the %zu listed values", index);
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

static int pattern_keep(struct tw_schema_set *set, const char *pattern, pcre2_code *code)
{
    pcre2_code **grown = realloc(set->codes, (set->code_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return TW_ERR_NOMEM;
    }
    set->codes = grown;
    if (json_object_set_new(set->patterns, pattern, json_integer((json_int_t)set->code_count)) != 0) {
        return TW_ERR_NOMEM;
    }
    set->codes[set->code_count++] = code;
    return TW_OK;
}

static int load_pattern(walk_t *walk, place_t *at, use_t *use)
{
    const char *pattern = json_string_value(use->rule);
    if (pattern == NULL || !pattern_portable(pattern)) {
        return tw_schema_form(walk, at, use, false, "be an expression ECMA-262 and PCRE2 read alike");
    }
    if (json_object_get(walk->set->patterns, pattern) != NULL) {
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
    int rc = pattern_keep(walk->loading, pattern, compiled);
    if (rc != TW_OK) {
        pcre2_code_free(compiled);
    }
    return rc;
}

static int check_pattern(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    if (!json_is_string(value)) {
        return TW_OK;
    }
    const char *pattern = json_string_value(use->rule);
    json_int_t index = json_integer_value(json_object_get(walk->set->patterns, pattern));
    int rc = pcre2_match(walk->set->codes[index], (PCRE2_SPTR)json_string_value(value),
                         json_string_length(value), 0, 0, walk->match, walk->set->limits);
    return rc >= 0 ? TW_OK
                   : tw_schema_fail(
                         walk, at, TW_ERR_INVALID, "pattern: %s %s",
                         rc == PCRE2_ERROR_NOMATCH ? "must match" : "undecided within limits:", pattern);
}

// ---- format. Only what `pattern` cannot say, the length of months, is left to it.

static int load_format(walk_t *walk, place_t *at, use_t *use)
{
    const char *name = json_string_value(use->rule);
    bool known = name != NULL && (strcmp(name, "date") == 0 || strcmp(name, "date-time") == 0);
    return tw_schema_form(walk, at, use, known && json_object_get(use->schema, "pattern") != NULL,
                          "be date or date-time and stand beside a pattern");
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
static int check_format(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!json_is_string(value)) {
        return TW_OK;
    }
    int year = 0;
    int month = 0;
    int day = 0;
    const char *text = json_string_value(value); // "2026-11-22", perhaps with a time behind it
    bool whole = take_digits(&text, 4, '-', &year) && take_digits(&text, 2, '-', &month) &&
                 take_digits(&text, 2, '\0', &day);
    if (whole && month >= 1 && month <= 12 && day >= 1) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (day <= days[month - 1] + (month == 2 && leap ? 1 : 0)) {
            return TW_OK;
        }
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "format: must be a %s that exists",
                          json_string_value(use->rule));
}

// ---- limits

static int load_limit(walk_t *walk, place_t *at, use_t *use)
{
    return tw_schema_form(walk, at, use, json_is_integer(use->rule), "be an integer");
}

// JSON Schema counts characters (code points), not bytes.
static double text_length(const json_t *text)
{
    const char *bytes = json_string_value(text);
    size_t count = 0;
    for (size_t i = 0; i < json_string_length(text); i++) {
        count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    }
    return (double)count;
}

// Doubles are exact enough: the contract's limits are below 2^53, and rounding keeps the order.
static int check_limit(walk_t *walk, place_t *at, use_t *use, double measure)
{
    const char *name = use->keyword->name;
    bool lower = strncmp(name, "min", 3) == 0;
    double limit = (double)json_integer_value(use->rule);
    if (lower ? measure >= limit : measure <= limit) {
        return TW_OK;
    }
    return tw_schema_fail(walk, at, TW_ERR_INVALID, "%s: must be at %s %.0f", name, lower ? "least" : "most",
                          limit);
}

static int check_length(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    return json_is_string(value) ? check_limit(walk, at, use, text_length(value)) : TW_OK;
}

static int check_count(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    return json_is_array(value) ? check_limit(walk, at, use, (double)json_array_size(value)) : TW_OK;
}

static int check_number(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    return json_is_number(value) ? check_limit(walk, at, use, json_number_value(value)) : TW_OK;
}

const struct tw_schema_keyword tw_schema_value_keywords[] = {
    {"type", load_type, check_type},         {"const", load_const, check_const},
    {"enum", load_enum, check_enum},         {"pattern", load_pattern, check_pattern},
    {"format", load_format, check_format},   {"minLength", load_limit, check_length},
    {"maxLength", load_limit, check_length}, {"minItems", load_limit, check_count},
    {"maxItems", load_limit, check_count},   {"minimum", load_limit, check_number},
    {"maximum", load_limit, check_number},   {NULL, NULL, NULL},
};
