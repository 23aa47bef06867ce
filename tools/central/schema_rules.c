// SPDX-License-Identifier: Apache-2.0
#include "tools/central/schema_rules.h"

#include <string.h>

#include "tools/central/schema.h"

#define POINTER_BYTES 256

typedef struct tw_schema_walk walk_t;
typedef const struct tw_schema_place place_t;
typedef const struct tw_schema_use use_t;

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

static int load_schema_map(walk_t *walk, place_t *at, use_t *use)
{
    const char *key;
    json_t *schema;
    int rc = tw_schema_form(walk, at, use, json_is_object(use->rule), "be an object");
    json_object_foreach(use->rule, key, schema)
    {
        if (rc == TW_OK) {
            rc = tw_schema_rules_load(walk, &(place_t){at, key, 0}, schema);
        }
    }
    return rc;
}

static int check_properties(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    const char *key;
    json_t *schema;
    int rc = TW_OK;
    json_object_foreach(use->rule, key, schema)
    {
        json_t *member = json_object_get(value, key);
        if (rc == TW_OK && member != NULL) {
            rc = tw_schema_rules_check(walk, &(place_t){at, key, 0}, schema, member);
        }
    }
    return rc;
}

static int load_additional(walk_t *walk, place_t *at, use_t *use)
{
    return tw_schema_form(walk, at, use, json_is_boolean(use->rule), "be true or false");
}

// The name of a member nobody knows could be personal: only a plain word is shown.
static const char *key_shown(const char *key)
{
    size_t plain = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    return plain > 0 && plain <= 32 && key[plain] == '\0' ? key : "?";
}

static int check_additional(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    const char *key;
    json_t *member;
    json_t *properties = json_object_get(use->schema, "properties");
    json_object_foreach(value, key, member)
    {
        if (json_is_false(use->rule) && json_object_get(properties, key) == NULL) {
            return tw_schema_fail(walk, &(place_t){at, key_shown(key), 0}, TW_ERR_INVALID,
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
    return tw_schema_form(walk, at, use, good, "list names");
}

static int check_required(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    size_t index;
    json_t *name;
    json_array_foreach(use->rule, index, name)
    {
        if (json_is_object(value) && json_object_get(value, json_string_value(name)) == NULL) {
            return tw_schema_fail(walk, &(place_t){at, json_string_value(name), 0}, TW_ERR_INVALID,
                                  "required: must be there");
        }
    }
    return TW_OK;
}

static int load_subschema(walk_t *walk, place_t *at, use_t *use)
{
    return tw_schema_rules_load(walk, at, use->rule);
}

static int check_items(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    size_t index;
    json_t *element;
    int rc = TW_OK;
    json_array_foreach(value, index, element)
    {
        if (rc == TW_OK) {
            rc = tw_schema_rules_check(walk, &(place_t){at, NULL, index}, use->rule, element);
        }
    }
    return rc;
}

// ---- schemas made of schemas

static int load_all_of(walk_t *walk, place_t *at, use_t *use)
{
    size_t index;
    json_t *schema;
    int rc = tw_schema_form(walk, at, use, json_array_size(use->rule) > 0, "be a list of schemas");
    json_array_foreach(use->rule, index, schema)
    {
        if (rc == TW_OK) {
            rc = tw_schema_rules_load(walk, &(place_t){at, NULL, index}, schema);
        }
    }
    return rc;
}

static int check_all_of(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    size_t index;
    json_t *schema;
    int rc = TW_OK;
    json_array_foreach(use->rule, index, schema)
    {
        if (rc == TW_OK) {
            rc = tw_schema_rules_check(walk, at, schema, value);
        }
    }
    return rc;
}

static int load_branch(walk_t *walk, place_t *at, use_t *use)
{
    int rc = tw_schema_form(walk, at, use, json_object_get(use->schema, "if") != NULL, "stand beside \"if\"");
    return rc != TW_OK ? rc : tw_schema_rules_load(walk, at, use->rule);
}

static int check_if(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    struct tw_schema_walk trial = *walk;
    trial.err = NULL;
    int rc = tw_schema_rules_check(&trial, at, use->rule, value);
    if (rc != TW_OK && rc != TW_ERR_INVALID) {
        return tw_schema_fail(walk, at, rc, "if: could not be decided (%s)", tw_err_name(rc));
    }
    json_t *branch = json_object_get(use->schema, rc == TW_OK ? "then" : "else");
    return branch == NULL ? TW_OK : tw_schema_rules_check(walk, at, branch, value);
}

// Local references are made absolute while loading, so that checking needs no base.
static int load_ref(walk_t *walk, place_t *at, use_t *use)
{
    char absolute[256];
    const char *ref = json_is_string(use->rule) ? json_string_value(use->rule) : "";
    int len = snprintf(absolute, sizeof absolute, "%s%s", ref[0] == '#' ? walk->id : "", ref);
    if (len >= (int)sizeof absolute || json_object_get(walk->set->targets, absolute) == NULL) {
        return tw_schema_fail(walk, at, TW_ERR_NOT_FOUND, "keyword \"$ref\" leads to no schema of the set");
    }
    return json_string_set(use->rule, absolute) == 0 ? TW_OK : TW_ERR_NOMEM;
}

static int check_ref(walk_t *walk, place_t *at, use_t *use, json_t *value)
{
    json_t *target = json_object_get(walk->set->targets, json_string_value(use->rule));
    return tw_schema_rules_check(walk, at, target, value);
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
    int rc = tw_schema_form(walk, at, use, at->up->up == NULL, "stand at the root only");
    return rc != TW_OK ? rc : load_schema_map(walk, at, use);
}

static const struct tw_schema_keyword keywords[] = {
    {"$schema", load_root_text, NULL},
    {"$id", load_root_text, NULL},
    {"$defs", load_defs, NULL},
    {"title", load_text, NULL},
    {"description", load_text, NULL},
    {"$ref", load_ref, check_ref},
    {"properties", load_schema_map, check_properties},
    {"required", load_required, check_required},
    {"additionalProperties", load_additional, check_additional},
    {"items", load_subschema, check_items},
    {"allOf", load_all_of, check_all_of},
    {"if", load_subschema, check_if},
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
            if (row->name[0] == name[0] && strcmp(row->name, name) == 0) { // half the time of a check
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

static int load_keyword(walk_t *walk, place_t *at, json_t *schema, json_t *rule)
{
    struct tw_schema_use use = {keyword_find(at->key), schema, rule};
    return use.keyword != NULL
               ? use.keyword->load(walk, at, &use)
               : tw_schema_fail(walk, at, TW_ERR_INVALID, "keyword \"%s\" is not implemented", at->key);
}

int tw_schema_rules_load(struct tw_schema_walk *walk, place_t *at, json_t *schema)
{
    if (!json_is_object(schema)) {
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
    json_object_foreach(schema, name, rule)
    {
        if (rc == TW_OK) {
            rc = load_keyword(walk, &(place_t){at, name, 0}, schema, rule);
        }
    }
    walk->depth--;
    return rc;
}

int tw_schema_rules_check(struct tw_schema_walk *walk, place_t *at, json_t *schema, json_t *value)
{
    if (json_is_boolean(schema)) {
        return json_is_true(schema) ? TW_OK
                                    : tw_schema_fail(walk, at, TW_ERR_INVALID, "false: must not be there");
    }
    const char *name;
    json_t *rule;
    int rc = enter(walk, at);
    if (rc != TW_OK) {
        return rc;
    }
    json_object_foreach(schema, name, rule)
    {
        struct tw_schema_use use = {keyword_find(name), schema, rule};
        if (rc == TW_OK && use.keyword->check != NULL) {
            rc = use.keyword->check(walk, at, &use, value);
        }
    }
    walk->depth--;
    return rc;
}
