// SPDX-License-Identifier: Apache-2.0
//
// Inside of tw_schema_set: the keywords, one row each, what a schema becomes when it loads (a node: its
// rules in their order, everything looked up once), and the walk that applies them. A keyword is
// two functions: is its own form one that is implemented, and does a value hold to the rule made of
// it. schema_values.c has the keywords about one value, schema_rules.c those that lead to other schemas.
// One more keyword is one more row and its two functions.
//
// Threading: a walk belongs to one thread; the set it reads is immutable once loaded. Memory: nodes, rules
// and their texts are the set's; other pointers are borrowed. Time: see schema.h. Errors: as schema.h says.
#ifndef TW_SCHEMA_RULES_H
#define TW_SCHEMA_RULES_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <pcre2.h>

#include "agent/decode/doc.h"
#include "tillwire/err.h"

// What a $ref can name: `$id`, or `$id`#/$defs/NAME.
struct tw_schema_target {
    const char *id;
    json_t *source; // while loading
    struct tw_schema_node *node;
};

struct tw_schema_pattern {
    struct tw_schema_pattern *next;
    const char *text;
    pcre2_code *code;
};

struct tw_schema_set {
    struct tw_schema_target *targets; // by `id`
    size_t target_count;
    struct tw_schema_pattern *patterns;
    pcre2_match_context *limits;
    struct tw_schema_block *blocks; // what tw_schema_alloc gave
};

// A schema.
struct tw_schema_node {
    enum { TW_SCHEMA_RULES, TW_SCHEMA_TRUE, TW_SCHEMA_FALSE } kind;
    size_t count;
    struct tw_schema_rule *rules;
};

struct tw_schema_member {
    struct tw_doc_key key;
    const struct tw_schema_node *node; // of `properties` only
};

struct tw_schema_constant {
    enum tw_doc_kind kind;
    struct tw_slice text;
};

// A keyword as it stands in one schema.
struct tw_schema_rule {
    const struct tw_schema_keyword *keyword;
    size_t count; // in the lists below
    union {
        const struct tw_schema_node **nodes; // of `if`: three, NULL where there is no branch
        struct tw_schema_member *members;    // NULL: additionalProperties is true
        struct tw_schema_constant *constants;
        const struct tw_schema_pattern *pattern;
        const char *text;
        double limit;
        struct {
            unsigned mask;
            const char *first;
        } types;
    };
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
    struct tw_schema_set *loading; // loading only: the set, to put things into
    const char *id;                // loading only: the file's `$id`
    pcre2_match_data *match;       // checking only
};

// One use of a keyword, while it loads.
struct tw_schema_use {
    const struct tw_schema_keyword *keyword;
    json_t *schema;             // the object it stands in
    json_t *rule;               // what stands behind it
    struct tw_schema_rule *out; // what it becomes
};

struct tw_schema_keyword {
    const char *name;
    int (*load)(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                const struct tw_schema_use *use);
    // NULL where there is nothing to check. A value the keyword says nothing about holds.
    int (*check)(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                 const struct tw_schema_rule *rule, const struct tw_doc_node *value);
};

// The keywords about one value; ends with a row without a name.
extern const struct tw_schema_keyword tw_schema_value_keywords[];

// Zeroed memory, and a copy of a text, that live as long as the set. NULL: out of memory.
void *tw_schema_alloc(struct tw_schema_set *set, size_t count, size_t size);
const char *tw_schema_text(struct tw_schema_set *set, const char *text);

// NULL: there is none.
const struct tw_schema_target *tw_schema_target(const struct tw_schema_set *set, const char *id);

// Makes the node of `schema` and of all below it. Compiles patterns into walk->loading.
int TW_MUST_CHECK tw_schema_rules_load(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                                       json_t *schema, struct tw_schema_node *out);

// Does `value` hold to the schema?
int TW_MUST_CHECK tw_schema_rules_check(struct tw_schema_walk *walk, const struct tw_schema_place *at,
                                        const struct tw_schema_node *schema, const struct tw_doc_node *value);

// Writes `WHAT at "POINTER": …` into walk->err and returns `code`.
__attribute__((format(printf, 4, 5))) int tw_schema_fail(const struct tw_schema_walk *walk,
                                                         const struct tw_schema_place *at, int code,
                                                         const char *format, ...);

// 0 where `good`; else TW_ERR_INVALID saying that the keyword `must` be something else.
int TW_MUST_CHECK tw_schema_form(const struct tw_schema_walk *walk, const struct tw_schema_place *at,
                                 const struct tw_schema_use *use, bool good, const char *must);

#endif
