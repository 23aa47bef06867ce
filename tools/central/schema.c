// SPDX-License-Identifier: Apache-2.0
#include "tools/central/schema.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/central/schema_rules.h"

#define DIALECT     "https://json-schema.org/draft/2020-12/schema"
#define MATCH_LIMIT 100000 // the contract's patterns need a few steps per character

struct tw_schema_block {
    struct tw_schema_block *next;
    max_align_t bytes[];
};

void *tw_schema_alloc(struct tw_schema_set *set, size_t count, size_t size)
{
    struct tw_schema_block *block = calloc(1, sizeof *block + count * size); // both are small
    if (block == NULL) {
        return NULL;
    }
    block->next = set->blocks;
    set->blocks = block;
    return block->bytes;
}

const char *tw_schema_text(struct tw_schema_set *set, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tw_schema_alloc(set, bytes, 1);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

static int set_new(struct tw_schema_set **out)
{
    struct tw_schema_set *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return TW_ERR_NOMEM;
    }
    set->limits = pcre2_match_context_create(NULL);
    if (set->limits == NULL) {
        tw_schema_free(set);
        return TW_ERR_NOMEM;
    }
    (void)pcre2_set_match_limit(set->limits, MATCH_LIMIT);
    *out = set;
    return TW_OK;
}

static void drop_sources(struct tw_schema_set *set)
{
    for (size_t i = 0; i < set->target_count; i++) {
        json_decref(set->targets[i].source);
        set->targets[i].source = NULL;
    }
}

void tw_schema_free(struct tw_schema_set *set)
{
    if (set == NULL) {
        return;
    }
    for (const struct tw_schema_pattern *pattern = set->patterns; pattern != NULL; pattern = pattern->next) {
        pcre2_code_free(pattern->code);
    }
    pcre2_match_context_free(set->limits);
    drop_sources(set);
    free(set->targets);
    while (set->blocks != NULL) {
        struct tw_schema_block *block = set->blocks;
        set->blocks = block->next;
        free(block);
    }
    free(set);
}

// ---- targets

// Where `id` stands, or would have to stand.
static size_t target_place(const struct tw_schema_set *set, const char *id, bool *there)
{
    size_t low = 0;
    size_t high = set->target_count;
    *there = false;
    while (low < high && !*there) {
        size_t middle = (low + high) / 2;
        int order = strcmp(set->targets[middle].id, id);
        *there = order == 0;
        low = order < 0 ? middle + 1 : *there ? middle : low;
        high = order > 0 ? middle : high;
    }
    return low;
}

const struct tw_schema_target *tw_schema_target(const struct tw_schema_set *set, const char *id)
{
    bool there = false;
    size_t place = target_place(set, id, &there);
    return there ? &set->targets[place] : NULL;
}

static int target_enter(struct tw_schema_set *set, const char *id, json_t *source)
{
    bool there = false;
    size_t place = target_place(set, id, &there);
    struct tw_schema_target *grown = realloc(set->targets, (set->target_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return TW_ERR_NOMEM;
    }
    set->targets = grown;
    struct tw_schema_target made = {.id = tw_schema_text(set, id),
                                    .node = tw_schema_alloc(set, 1, sizeof *made.node)};
    if (made.id == NULL || made.node == NULL) {
        return TW_ERR_NOMEM;
    }
    made.source = json_incref(source);
    memmove(&grown[place + 1], &grown[place], (set->target_count - place) * sizeof *grown);
    grown[place] = made;
    set->target_count++;
    return TW_OK;
}

// ---- loading

// Enters a schema under its id and its $defs under id#/$defs/NAME.
static int set_enter(struct tw_schema_set *set, const char *id, json_t *schema)
{
    const char *name;
    json_t *definition;
    int rc = target_enter(set, id, schema);
    json_object_foreach(json_object_get(schema, "$defs"), name, definition)
    {
        char target[256];
        int len = snprintf(target, sizeof target, "%s#/$defs/%s", id, name);
        rc = rc == TW_OK && len >= (int)sizeof target ? TW_ERR_NOMEM : rc;
        rc = rc == TW_OK ? target_enter(set, target, definition) : rc;
    }
    return rc;
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
    for (size_t i = 0; i < set->target_count; i++) {
        const struct tw_schema_target *target = &set->targets[i];
        char what[160];
        (void)snprintf(what, sizeof what, "loading schema %.128s", target->id);
        struct tw_schema_walk walk = {.set = set, .what = what, .err = err, .loading = set, .id = target->id};
        int rc = strchr(target->id, '#') != NULL
                     ? TW_OK
                     : tw_schema_rules_load(&walk, &root, target->source, target->node);
        if (rc != TW_OK) {
            return rc;
        }
    }
    drop_sources(set);
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
    return tw_schema_target(set, id) != NULL;
}

static int check_at(struct tw_schema_walk *walk, const struct tw_schema_place *at, const char *id,
                    const struct tw_doc_node *value)
{
    const struct tw_schema_target *target = tw_schema_target(walk->set, id);
    if (target == NULL) {
        return tw_fail(walk->err, TW_ERR_NOT_FOUND, "checking JSON: there is no schema %.200s", id);
    }
    walk->what = target->id;
    return tw_schema_rules_check(walk, at, target->node, value);
}

static int walk_begin(struct tw_schema_walk *walk)
{
    walk->match = pcre2_match_data_create(1, NULL);
    return walk->match != NULL ? TW_OK : tw_fail(walk->err, TW_ERR_NOMEM, "checking JSON: out of memory");
}

int tw_schema_check(const struct tw_schema_set *set, const char *id, const struct tw_doc_node *value,
                    struct tw_error_text *err)
{
    const struct tw_schema_place root = {0};
    struct tw_schema_walk walk = {.set = set, .err = err};
    int rc = walk_begin(&walk);
    rc = rc == TW_OK ? check_at(&walk, &root, id, value) : rc;
    pcre2_match_data_free(walk.match);
    return rc;
}

int tw_schema_check_event(const struct tw_schema_set *set, const struct tw_doc_node *event, bool *known,
                          struct tw_error_text *err)
{
    const struct tw_schema_place root = {0};
    const struct tw_schema_place data = {&root, "data", 0};
    struct tw_schema_walk walk = {.set = set, .err = err};
    bool have = false;
    int rc = walk_begin(&walk);
    rc = rc == TW_OK ? check_at(&walk, &root, TW_SCHEMA_ENVELOPE, event) : rc;
    if (rc == TW_OK) {
        const char *id = tw_doc_text(tw_doc_get(event, "dataschema"));
        have = id != NULL && tw_schema_knows(set, id);
        rc = have ? check_at(&walk, &data, id, tw_doc_get(event, "data")) : TW_OK;
    }
    pcre2_match_data_free(walk.match);
    if (rc == TW_OK) {
        *known = have;
    }
    return rc;
}
