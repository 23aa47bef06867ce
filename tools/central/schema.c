// SPDX-License-Identifier: Apache-2.0
#include "tools/central/schema.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/central/schema_rules.h"

#define DIALECT     "https://json-schema.org/draft/2020-12/schema"
#define MATCH_LIMIT 100000 // the contract's patterns need a few steps per character

static int set_new(struct tw_schema_set **out)
{
    struct tw_schema_set *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return TW_ERR_NOMEM;
    }
    set->targets = json_object();
    set->patterns = json_object();
    set->limits = pcre2_match_context_create(NULL);
    if (set->targets == NULL || set->patterns == NULL || set->limits == NULL) {
        tw_schema_free(set);
        return TW_ERR_NOMEM;
    }
    (void)pcre2_set_match_limit(set->limits, MATCH_LIMIT);
    *out = set;
    return TW_OK;
}

void tw_schema_free(struct tw_schema_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->code_count; i++) {
        pcre2_code_free(set->codes[i]);
    }
    free(set->codes);
    pcre2_match_context_free(set->limits);
    json_decref(set->patterns);
    json_decref(set->targets);
    free(set);
}

// ---- loading

// Enters a schema under its id and its $defs under id#/$defs/NAME. The set takes references.
static int set_enter(struct tw_schema_set *set, const char *id, json_t *schema)
{
    const char *name;
    json_t *definition;
    int bad = json_object_set(set->targets, id, schema);
    json_object_foreach(json_object_get(schema, "$defs"), name, definition)
    {
        char target[256];
        int len = snprintf(target, sizeof target, "%s#/$defs/%s", id, name);
        bad |= len >= (int)sizeof target || json_object_set(set->targets, target, definition) != 0;
    }
    return bad ? TW_ERR_NOMEM : TW_OK;
}

static int file_enter(struct tw_schema_set *set, const char *path, json_t *schema, struct tw_error_text *err)
{
    const char *id = json_string_value(json_object_get(schema, "$id"));
    const char *dialect = json_string_value(json_object_get(schema, "$schema"));
    if (id == NULL || strchr(id, '#') != NULL || strlen(id) > 128) {
        return tw_fail(err, TW_ERR_INVALID, "loading schema %.200s: it needs a string $id without '#'", path);
    }
    if (dialect == NULL || strcmp(dialect, DIALECT) != 0) {
        return tw_fail(err, TW_ERR_INVALID, "loading schema %.200s: its $schema must be %s", path, DIALECT);
    }
    if (tw_schema_knows(set, id)) {
        return tw_fail(err, TW_ERR_EXISTS, "loading schema %.200s: another file has its $id %s", path, id);
    }
    return set_enter(set, id, schema);
}

static int file_read(struct tw_schema_set *set, const char *directory, const char *name,
                     struct tw_error_text *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
        return tw_fail(err, TW_ERR_TOO_LARGE, "loading schemas: the path of %.100s is too long", name);
    }
    json_error_t why;
    json_t *schema = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (schema == NULL) {
        return tw_fail(err, TW_ERR_INVALID, "loading schema %.200s: line %d, column %d: %s", path, why.line,
                       why.column, why.text);
    }
    int rc = file_enter(set, path, schema, err);
    json_decref(schema);
    return rc;
}

// Second pass, once every $ref has its target: are all keywords implemented?
static int set_verify(struct tw_schema_set *set, struct tw_error_text *err)
{
    const struct tw_schema_place root = {0};
    const char *id;
    json_t *schema;
    json_object_foreach(set->targets, id, schema)
    {
        char what[160];
        (void)snprintf(what, sizeof what, "loading schema %.128s", id);
        struct tw_schema_walk walk = {.set = set, .what = what, .err = err, .loading = set, .id = id};
        int rc = strchr(id, '#') != NULL ? TW_OK : tw_schema_rules_load(&walk, &root, schema);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int is_schema_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static int directory_read(struct tw_schema_set *set, const char *path, struct tw_error_text *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_schema_file, alphasort);
    if (count < 0) {
        return tw_fail(err, TW_ERR_IO, "loading schemas from %.200s: %s", path, strerror(errno));
    }
    int rc = count > 0 ? TW_OK
                       : tw_fail(err, TW_ERR_NOT_FOUND, "loading schemas from %.200s: no *.json there", path);
    for (int i = 0; i < count; i++) {
        rc = rc == TW_OK ? file_read(set, path, entries[i]->d_name, err) : rc;
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int tw_schema_load_dir(const char *path, struct tw_schema_set **out, struct tw_error_text *err)
{
    struct tw_schema_set *set = NULL;
    int rc = set_new(&set);
    if (rc == TW_OK) {
        rc = directory_read(set, path, err);
    }
    if (rc == TW_OK) {
        rc = set_verify(set, err);
    }
    if (rc == TW_ERR_NOMEM) {
        (void)tw_fail(err, rc, "loading schemas from %.200s: out of memory", path);
    }
    if (rc != TW_OK) {
        tw_schema_free(set);
        return rc;
    }
    *out = set;
    return TW_OK;
}

// ---- checking

bool tw_schema_knows(const struct tw_schema_set *set, const char *id)
{
    return json_object_get(set->targets, id) != NULL;
}

static int check_at(const struct tw_schema_set *set, const struct tw_schema_place *at, const char *id,
                    json_t *value, struct tw_error_text *err)
{
    json_t *schema = json_object_get(set->targets, id);
    if (schema == NULL) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "checking JSON: there is no schema %.200s", id);
    }
    struct tw_schema_walk walk = {.set = set, .what = id, .err = err};
    walk.match = pcre2_match_data_create(1, NULL);
    if (walk.match == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "checking JSON with %.200s: out of memory", id);
    }
    int rc = tw_schema_rules_check(&walk, at, schema, value);
    pcre2_match_data_free(walk.match);
    return rc;
}

int tw_schema_check(const struct tw_schema_set *set, const char *id, json_t *value, struct tw_error_text *err)
{
    const struct tw_schema_place root = {0};
    return check_at(set, &root, id, value, err);
}

int tw_schema_check_event(const struct tw_schema_set *set, json_t *event, bool *known,
                          struct tw_error_text *err)
{
    const struct tw_schema_place root = {0};
    const struct tw_schema_place data = {&root, "data", 0};
    int rc = check_at(set, &root, TW_SCHEMA_ENVELOPE, event, err);
    if (rc != TW_OK) {
        return rc;
    }
    const char *id = json_string_value(json_object_get(event, "dataschema"));
    bool have = tw_schema_knows(set, id);
    if (have) {
        rc = check_at(set, &data, id, json_object_get(event, "data"), err);
    }
    if (rc == TW_OK) {
        *known = have;
    }
    return rc;
}
