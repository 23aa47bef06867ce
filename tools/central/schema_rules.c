// SPDX-License-Identifier: Apache-2.0
#include "tools/central/schema_rules.h"

#include <string.h>

#include "tools/central/schema.h"

#define POINTER_BYTES 256

typedef struct tw_schema_walk walk_t;
typedef const struct tw_schema_place place_t;
typedef const struct tw_schema_use use_t;
typedef const struct tw_schema_rule rule_t;
typedef const struct tw_doc_node value_t;

// ---- errors

static size_t pointer_put(char *out, size_t used, const char *text)
{
    int len = snprintf(out + used, POINTER_BYTES - used, "%s", text);
    size_t end = used + (len > 0 ? (size_t)len : 0);
    return end < POINTER_BYTES ? end : POINTER_BYTES - 1;
}

static size_t pointer_write(place_t *at, char out[POINTER_BYTES])
{
    if (at->up == NULL) {
        return pointer_put(out, 0, "");
    }
    size_t used = pointer_put(out, pointer_write(at->up, out), "/");
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%zu", at->index);
    return pointer_put(out, used, at->key != NULL ? at->key : digits);
}

int tw_schema_fail(const struct tw_schema_walk *walk, place_t *at, int code, const char *format, ...)
{
    if (walk->err == NULL) {
        return code;
    }
    char rule[240];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(rule, sizeof rule, format, args);
    va_end(args);
    char pointer[POINTER_BYTES];
    (void)pointer_write(at, pointer);
    return tw_fail(walk->err, code, "%.120s at \"%s\": %s", walk->what, pointer, rule);
}

int tw_schema_form(const struct tw_schema_walk *walk, place_t *at, use_t *use, bool good, const char *must)
{
    return good
               ? TW_OK
               : tw_schema_fail(walk, at, TW_ERR_INVALID, "keyword \"%s\" must %s", use->keyword->name, must);
}

// ---- objects and arrays

static int load_one(walk_t *walk, place_t *at, json_t *schema, const struct tw_schema_node **out)
{
    struct tw_schema_node *node = tw_schema_alloc(walk->loading, 1, sizeof *node);
    int rc = node != NULL ? tw_schema_rules_load(walk, at, schema, node) : TW_ERR_NOMEM;
    if (rc == TW_OK) {
        *out = node;
    }
    return rc;
}

static int load_key(walk_t *walk, const char *name, struct tw_schema_member *out)
{
    const char *kept = tw_schema_text(walk->loading, name);
    if (kept == NULL) {
        return TW_ERR_NOMEM;
    }
    out->key = tw_doc_key_of(kept);
    return TW_OK;
}

static struct tw_schema_member *members_new(walk_t *walk, size_t count, struct tw_schema_rule *out)
{
    out->members = tw_schema_alloc(walk->loading, count, sizeof *out->members);
    out->count = out->members != NULL ? count : 0;
    return out->members;
}

static int load_properties(walk_t *walk, place_t *at, use_t *use)
{
    const char *key;
    json_t *schema;
    int rc = tw_schema_form(walk, at, use, json_is_object(use->rule), "be an object");
    struct tw_schema_member *member =
        rc == TW_OK ? members_new(walk, json_object_size(use->rule), use->out) : NULL;
    rc = rc == TW_OK && member == NULL ? TW_ERR_NOMEM : rc;
    json_object_foreach(use->rule, key, schema)
    {
        rc = rc == TW_OK ? load_key(walk, key, member) : rc;
        rc = rc == TW_OK ? load_one(walk, &(place_t){at, key, 0}, schema, &member->node) : rc;
        if (rc != TW_OK) {
            return rc;
        }
        member++;
    }
    return rc;
}

static int check_properties(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    value_t *last = NULL;
    int rc = TW_OK;
    for (size_t i = 0; i < rule->count && rc == TW_OK; i++) {
        const struct tw_schema_member *property = &rule->members[i];
        value_t *member = tw_doc_find(value, &property->key, last);
        if (member != NULL) {
            last = member;
            rc = tw_schema_rules_check(walk, &(place_t){at, property->key.text, 0}, property->node, member);
        }
    }
    return rc;
}

// false: the names beside it in `properties`.
static int load_additional(walk_t *walk, place_t *at, use_t *use)
{
    const char *key;
    json_t *schema;
    json_t *properties = json_object_get(use->schema, "properties");
    int rc = tw_schema_form(walk, at, use, json_is_boolean(use->rule), "be true or false");
    if (rc != TW_OK || json_is_true(use->rule)) {
        return rc;
    }
    struct tw_schema_member *member = members_new(walk, json_object_size(properties), use->out);
    if (member == NULL) {
        return TW_ERR_NOMEM;
    }
    json_object_foreach(properties, key, schema)
    {
        rc = rc == TW_OK ? load_key(walk, key, member++) : rc;
    }
    return rc;
}

// The name of a member nobody knows could be personal: only a plain word is shown.
static const char *key_shown(const char *key)
{
    size_t plain = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    return plain > 0 && plain <= 32 && key[plain] == '\0' ? key : "?";
}

static bool is_listed(rule_t *rule, const struct tw_doc_key *key)
{
    size_t i = 0;
    while (i < rule->count && !tw_doc_same_key(&rule->members[i].key, key)) {
        i++;
    }
    return i < rule->count;
}

static int check_additional(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    if (rule->members == NULL || value->kind != TW_DOC_OBJECT) {
        return TW_OK;
    }
    value_t *member = value + 1;
    for (uint32_t i = 0; i < value->size; i++, member += member->span) {
        if (!is_listed(rule, &member->key)) {
            return tw_schema_fail(walk, &(place_t){at, key_shown(member->key.text), 0}, TW_ERR_INVALID,
                                  "additionalProperties: must not be there");
        }
    }
    return TW_OK;
}

static int load_required(walk_t *walk, place_t *at, use_t *use)
{
    size_t index;
    json_t *name;
    bool good = json_is_array(use->rule);
    json_array_foreach(use->rule, index, name)
    {
        good = good && json_is_string(name);
    }
    int rc = tw_schema_form(walk, at, use, good, "list names");
    if (rc == TW_OK && members_new(walk, json_array_size(use->rule), use->out) == NULL) {
        return TW_ERR_NOMEM;
    }
    json_array_foreach(use->rule, index, name)
    {
        rc = rc == TW_OK ? load_key(walk, json_string_value(name), &use->out->members[index]) : rc;
    }
    return rc;
}

static int check_required(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    value_t *last = NULL;
    for (size_t i = 0; i < rule->count && value->kind == TW_DOC_OBJECT; i++) {
        const struct tw_doc_key *key = &rule->members[i].key;
        last = tw_doc_find(value, key, last);
        if (last == NULL) {
            return tw_schema_fail(walk, &(place_t){at, key->text, 0}, TW_ERR_INVALID,
                                  "required: must be there");
        }
    }
    return TW_OK;
}

// A list of `count` schemas, none of them there yet.
static const struct tw_schema_node **nodes_new(walk_t *walk, size_t count, struct tw_schema_rule *out)
{
    out->nodes = tw_schema_alloc(walk->loading, count, sizeof *out->nodes);
    out->count = out->nodes != NULL ? count : 0;
    return out->nodes;
}

static int load_items(walk_t *walk, place_t *at, use_t *use)
{
    return nodes_new(walk, 1, use->out) != NULL ? load_one(walk, at, use->rule, use->out->nodes)
                                                : TW_ERR_NOMEM;
}

static int check_items(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    if (value->kind != TW_DOC_ARRAY) {
        return TW_OK;
    }
    value_t *element = value + 1;
    int rc = TW_OK;
    for (uint32_t i = 0; i < value->size && rc == TW_OK; i++, element += element->span) {
        rc = tw_schema_rules_check(walk, &(place_t){at, NULL, i}, rule->nodes[0], element);
    }
    return rc;
}

// ---- schemas made of schemas

static int load_all_of(walk_t *walk, place_t *at, use_t *use)
{
    size_t index;
    json_t *schema;
    int rc = tw_schema_form(walk, at, use, json_array_size(use->rule) > 0, "be a list of schemas");
    if (rc == TW_OK && nodes_new(walk, json_array_size(use->rule), use->out) == NULL) {
        return TW_ERR_NOMEM;
    }
    json_array_foreach(use->rule, index, schema)
    {
        rc = rc == TW_OK ? load_one(walk, &(place_t){at, NULL, index}, schema, &use->out->nodes[index]) : rc;
    }
    return rc;
}

static int check_all_of(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    int rc = TW_OK;
    for (size_t i = 0; i < rule->count && rc == TW_OK; i++) {
        rc = tw_schema_rules_check(walk, at, rule->nodes[i], value);
    }
    return rc;
}

// `at` is the place of "if"; its branches stand beside it.
static int load_if(walk_t *walk, place_t *at, use_t *use)
{
    static const char *const branches[] = {"then", "else"};
    const struct tw_schema_node **nodes = nodes_new(walk, 3, use->out);
    int rc = nodes != NULL ? load_one(walk, at, use->rule, &nodes[0]) : TW_ERR_NOMEM;
    for (size_t i = 0; i < 2 && rc == TW_OK; i++) {
        json_t *branch = json_object_get(use->schema, branches[i]);
        rc = branch != NULL ? load_one(walk, &(place_t){at->up, branches[i], 0}, branch, &nodes[i + 1])
                            : TW_OK;
    }
    return rc;
}

static int load_branch(walk_t *walk, place_t *at, use_t *use)
{
    return tw_schema_form(walk, at, use, json_object_get(use->schema, "if") != NULL, "stand beside \"if\"");
}

static int check_if(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    struct tw_schema_walk trial = *walk;
    trial.err = NULL;
    int rc = tw_schema_rules_check(&trial, at, rule->nodes[0], value);
    if (rc != TW_OK && rc != TW_ERR_INVALID) {
        return tw_schema_fail(walk, at, rc, "if: could not be decided (%s)", tw_err_name(rc));
    }
    const struct tw_schema_node *branch = rule->nodes[rc == TW_OK ? 1 : 2];
    return branch == NULL ? TW_OK : tw_schema_rules_check(walk, at, branch, value);
}

static int load_ref(walk_t *walk, place_t *at, use_t *use)
{
    char absolute[256];
    const char *ref = json_is_string(use->rule) ? json_string_value(use->rule) : "";
    int len = snprintf(absolute, sizeof absolute, "%s%s", ref[0] == '#' ? walk->id : "", ref);
    const struct tw_schema_target *target =
        len < (int)sizeof absolute ? tw_schema_target(walk->set, absolute) : NULL;
    if (target == NULL) {
        return tw_schema_fail(walk, at, TW_ERR_NOT_FOUND, "keyword \"$ref\" leads to no schema of the set");
    }
    if (nodes_new(walk, 1, use->out) == NULL) {
        return TW_ERR_NOMEM;
    }
    use->out->nodes[0] = target->node; // filled when its own turn comes
    return TW_OK;
}

static int check_ref(walk_t *walk, place_t *at, rule_t *rule, value_t *value)
{
    return tw_schema_rules_check(walk, at, rule->nodes[0], value);
}

// ---- names and texts

static int load_text(walk_t *walk, place_t *at, use_t *use)
{
    return tw_schema_form(walk, at, use, json_is_string(use->rule), "be a string");
}

// `at` is the keyword's own place, so the root is two steps up.
static int load_root_text(walk_t *walk, place_t *at, use_t *use)
{
    int rc = tw_schema_form(walk, at, use, at->up->up == NULL, "stand at the root only");
    return rc != TW_OK ? rc : load_text(walk, at, use);
}

static int load_defs(walk_t *walk, place_t *at, use_t *use)
{
    const char *name;
    json_t *schema;
    int rc = tw_schema_form(walk, at, use, at->up->up == NULL, "stand at the root only");
    rc = rc == TW_OK ? tw_schema_form(walk, at, use, json_is_object(use->rule), "be an object") : rc;
    json_object_foreach(use->rule, name, schema)
    {
        char id[256]; // as set_enter made it
        (void)snprintf(id, sizeof id, "%s#/$defs/%s", walk->id, name);
        const struct tw_schema_target *target = tw_schema_target(walk->set, id);
        rc = rc == TW_OK && target == NULL ? TW_ERR_NOT_FOUND : rc;
        rc = rc == TW_OK ? tw_schema_rules_load(walk, &(place_t){at, name, 0}, schema, target->node) : rc;
    }
    return rc;
}

static const struct tw_schema_keyword keywords[] = {
    {"$schema", load_root_text, NULL},
    {"$id", load_root_text, NULL},
    {"$defs", load_defs, NULL},
    {"title", load_text, NULL},
    {"description", load_text, NULL},
    {"$ref", load_ref, check_ref},
    {"properties", load_properties, check_properties},
    {"required", load_required, check_required},
    {"additionalProperties", load_additional, check_additional},
    {"items", load_items, check_items},
    {"allOf", load_all_of, check_all_of},
    {"if", load_if, check_if},
    {"then", load_branch, NULL},
    {"else", load_branch, NULL},
    {NULL, NULL, NULL},
};

// ---- the walk

static const struct tw_schema_keyword *keyword_find(const char *name)
{
    const struct tw_schema_keyword *const tables[] = {tw_schema_value_keywords, keywords};
    for (size_t i = 0; i < 2; i++) {
        for (const struct tw_schema_keyword *row = tables[i]; row->name != NULL; row++) {
            if (strcmp(row->name, name) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

static int enter(walk_t *walk, place_t *at)
{
    if (walk->depth >= TW_SCHEMA_MAX_DEPTH) {
        return tw_schema_fail(walk, at, TW_ERR_TOO_LARGE, "nested deeper than %d schemas",
                              TW_SCHEMA_MAX_DEPTH);
    }
    walk->depth++;
    return TW_OK;
}

// Keywords that check nothing leave no rule behind.
static int load_keyword(walk_t *walk, place_t *at, json_t *schema, json_t *rule, struct tw_schema_node *out)
{
    struct tw_schema_rule *made = &out->rules[out->count];
    struct tw_schema_use use = {keyword_find(at->key), schema, rule, made};
    if (use.keyword == NULL) {
        return tw_schema_fail(walk, at, TW_ERR_INVALID, "keyword \"%s\" is not implemented", at->key);
    }
    int rc = use.keyword->load(walk, at, &use);
    if (rc == TW_OK && use.keyword->check != NULL) {
        made->keyword = use.keyword;
        out->count++;
    }
    return rc;
}

int tw_schema_rules_load(struct tw_schema_walk *walk, place_t *at, json_t *schema, struct tw_schema_node *out)
{
    if (!json_is_object(schema)) {
        out->kind = json_is_true(schema) ? TW_SCHEMA_TRUE : TW_SCHEMA_FALSE;
        return json_is_boolean(schema)
                   ? TW_OK
                   : tw_schema_fail(walk, at, TW_ERR_INVALID, "a schema must be an object, true or false");
    }
    const char *name;
    json_t *rule;
    int rc = enter(walk, at);
    if (rc != TW_OK) {
        return rc;
    }
    out->kind = TW_SCHEMA_RULES;
    out->rules = tw_schema_alloc(walk->loading, json_object_size(schema), sizeof *out->rules);
    rc = out->rules != NULL ? TW_OK : TW_ERR_NOMEM;
    json_object_foreach(schema, name, rule)
    {
        rc = rc == TW_OK ? load_keyword(walk, &(place_t){at, name, 0}, schema, rule, out) : rc;
    }
    walk->depth--;
    return rc;
}

int tw_schema_rules_check(struct tw_schema_walk *walk, place_t *at, const struct tw_schema_node *schema,
                          const struct tw_doc_node *value)
{
    if (schema->kind != TW_SCHEMA_RULES) {
        return schema->kind == TW_SCHEMA_TRUE
                   ? TW_OK
                   : tw_schema_fail(walk, at, TW_ERR_INVALID, "false: must not be there");
    }
    int rc = enter(walk, at);
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_schema_rule *rule = schema->rules;
    for (size_t i = 0; i < schema->count && rc == TW_OK; i++, rule++) {
        rc = rule->keyword->check(walk, at, rule, value);
    }
    walk->depth--;
    return rc;
}
