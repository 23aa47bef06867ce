// SPDX-License-Identifier: Apache-2.0
//
// Inside of tw_schema_set: the keywords, one row each, and the walk that applies them. A keyword
// is two functions: is its own form one that is implemented (when a schema loads), and does a
// value hold to it. schema_values.c has the keywords about one value, schema_rules.c those that
// lead to other schemas. One more keyword is one more row and its two functions.
//
// Threading: a walk belongs to one thread; the set it reads is immutable once loaded. Memory: all
// pointers are borrowed. Time: see schema.h. Errors: as schema.h says.
#ifndef TW_SCHEMA_RULES_H
#define TW_SCHEMA_RULES_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <pcre2.h>

#include "tillwire/err.h"

struct tw_schema_set {
    json_t *targets;    // what a $ref can name (`$id`, or `$id`#/$defs/NAME) -> schema
    json_t *patterns;   // pattern -> its index in `codes`
    pcre2_code **codes; // owned
    size_t code_count;
    pcre2_match_context *limits;
};

// A step into a document. The chain up to the root, which has no key of its own, is the pointer.
struct tw_schema_place {
    const struct tw_schema_place *up;
    const char *key; // NULL for an element of an array
    size_t index;
};

// A walk over a schema while it loads, or over a schema and a value while it is checked.
struct tw_schema_walk {
    const struct tw_schema_set *set;
    const char *what; // begins the error text: the file, or the schema's id
    int depth;
    struct tw_error_text *err;     // NULL while an `if` is tried
    struct tw_schema_set *loading; // loading only: the set, to put patterns into
    const char *id;                // loading only: the file's `$id`
    pcre2_match_data *match;       // checking only
};

// One use of a keyword in a schema.
struct tw_schema_use {
    const struct tw_schema_keyword *keyword;
    json_t *schema; // the object it stands in
    json_t *rule;   // what stands behind it
};

struct tw_schema_keyword {
    const char *name;
    int (*load)(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                const struct tw_schema_use *use);
    // NULL where there is nothing to check; never called for a value the keyword says nothing about.
    int (*check)(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                 const struct tw_schema_use *use, json_t *value);
};

// The keywords about one value; ends with a row without a name.
extern const struct tw_schema_keyword tw_schema_value_keywords[];

// Are all keywords in `schema` and below implemented? Compiles patterns into walk->loading.
int TW_MUST_CHECK tw_schema_rules_load(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                                       json_t *schema);

// Does `value` hold to `schema`?
int TW_MUST_CHECK tw_schema_rules_check(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                                        json_t *schema, json_t *value);

// Writes `WHAT at "POINTER": …` into walk->err and returns `code`.
__attribute__((format(printf, 4, 5))) int tw_schema_fail(const struct tw_schema_walk *walk,
                                                         const struct tw_schema_place *at, int code,
                                                         const char *format, ...);

// 0 where `good`; else TW_ERR_INVALID saying that the keyword `must` be something else.
int TW_MUST_CHECK tw_schema_form(const struct tw_schema_walk *walk, const struct tw_schema_place *at,
                                 const struct tw_schema_use *use, bool good, const char *must);

#endif
