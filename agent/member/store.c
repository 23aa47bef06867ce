// SPDX-License-Identifier: Apache-2.0
#include "agent/member/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "agent/journal/db.h"
#include "member_sql.h"

#define FORMAT    1 // PRAGMA user_version
#define CACHE_KIB 64

struct tw_member_store {
    struct tw_db *db;
    char *path;
    struct tw_member_state state;
};

static const struct tw_member_state empty_state;

static struct tw_slice key_slice(const uint8_t key[TW_MEMBER_KEY])
{
    return tw_slice_make(key, TW_MEMBER_KEY);
}

// ---- opening ----

static int read_state(struct tw_member_store *store)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_STATE_GET);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc == 0 ? TW_ERR_DAMAGED : rc;
    }
    store->state = (struct tw_member_state){
        .version = tw_stmt_get_int(stmt, 0),
        .members = tw_stmt_get_int(stmt, 1),
        .as_of_ms = tw_stmt_get_int(stmt, 2),
        .staged_version = tw_stmt_get_int(stmt, 3),
        .staged_base = tw_stmt_get_int(stmt, 4),
        .staged_pages = tw_stmt_get_int(stmt, 5),
    };
    tw_stmt_end(stmt);
    return TW_OK;
}

static int open_file(struct tw_member_store *store, struct tw_error_text *err)
{
    const struct tw_db_options options = {
        .what = "the members",
        .path = store->path,
        .sql = tw_member_sql,
        .sql_count = TW_MEMBER_SQL_COUNT,
        .make = tw_member_make,
        .version = FORMAT,
        .cache_kib = CACHE_KIB,
        .durable = false,
    };
    int rc = tw_db_open(&options, &store->db, err);
    if (rc != TW_OK) {
        return rc;
    }
    rc = read_state(store);
    if (rc != TW_OK) {
        tw_db_close(store->db);
        store->db = NULL;
        return tw_fail(err, rc, "reading %s: %s", store->path, tw_err_name(rc));
    }
    return TW_OK;
}

// The newest damaged file is kept, older ones are replaced.
static int set_aside(const char *path, struct tw_error_text *err)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char from[PATH_MAX], to[PATH_MAX];
        int from_len = snprintf(from, sizeof from, "%s%s", path, parts[i]);
        int to_len = snprintf(to, sizeof to, "%s.damaged%s", path, parts[i]);
        if (from_len >= (int)sizeof from || to_len >= (int)sizeof to) {
            return tw_fail(err, TW_ERR_INVALID, "%s is too long a path: use a shorter state_dir", path);
        }
        (void)remove(to);
        if (rename(from, to) != 0 && errno != ENOENT) {
            return tw_fail(err, TW_ERR_IO, "cannot move %s away: %s; check the permissions of its folder",
                           from, strerror(errno));
        }
    }
    return TW_OK;
}

int tw_member_store_renew(struct tw_member_store *store, struct tw_error_text *err)
{
    tw_db_close(store->db);
    store->db = NULL;
    store->state = empty_state;
    int rc = set_aside(store->path, err);
    return rc != TW_OK ? rc : open_file(store, err);
}

int tw_member_store_open(const char *path, struct tw_member_store **out, struct tw_error_text *err)
{
    struct tw_member_store *store = calloc(1, sizeof *store);
    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return tw_fail(err, TW_ERR_NOMEM, "opening %s: out of memory", path);
    }
    int rc = open_file(store, err);
    bool aside = rc == TW_ERR_DAMAGED || rc == TW_ERR_VERSION;
    if (aside) {
        rc = tw_member_store_renew(store, err);
    }
    if (rc != TW_OK) {
        tw_member_store_close(store);
        return rc;
    }
    err->text[0] = '\0';
    if (aside) {
        (void)tw_fail(err, TW_OK,
                      "%s could not be read and was moved to %s.damaged; the members are fetched again", path,
                      path);
    }
    *out = store;
    return TW_OK;
}

void tw_member_store_close(struct tw_member_store *store)
{
    if (store == NULL) {
        return;
    }
    tw_db_close(store->db);
    free(store->path);
    free(store);
}

const struct tw_member_state *tw_member_store_state(const struct tw_member_store *store)
{
    return &store->state;
}

// ---- writing ----

static int run(struct tw_member_store *store, enum tw_member_sql which)
{
    return tw_stmt_run(tw_db_sql(store->db, (int)which));
}

static int write_state(struct tw_member_store *store, const struct tw_member_state *state)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_STATE_PUT);
    tw_stmt_int(stmt, 1, state->version);
    tw_stmt_int(stmt, 2, state->members);
    tw_stmt_int(stmt, 3, state->as_of_ms);
    tw_stmt_int(stmt, 4, state->staged_version);
    tw_stmt_int(stmt, 5, state->staged_base);
    tw_stmt_int(stmt, 6, state->staged_pages);
    return tw_stmt_run(stmt);
}

static int count(struct tw_member_store *store, enum tw_member_sql which, int64_t *out)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, (int)which);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc == 0 ? TW_ERR_DAMAGED : rc;
    }
    *out = tw_stmt_get_int(stmt, 0);
    tw_stmt_end(stmt);
    return TW_OK;
}

static int clear_staged(struct tw_member_store *store)
{
    static const enum tw_member_sql clear[] = {
        TW_MEMBER_SQL_STAGED_CLEAR,
        TW_MEMBER_SQL_STAGED_GONE_CLEAR,
        TW_MEMBER_SQL_STAGED_PAGE_CLEAR,
    };
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof clear / sizeof clear[0] && rc == TW_OK; i++) {
        rc = run(store, clear[i]);
    }
    return rc;
}

static int stage_entry(struct tw_member_store *store, const struct tw_members_page *page, size_t index)
{
    struct tw_members_entry entry;
    int rc = tw_members_page_entry(page, index, &entry);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_STAGED_PUT);
    tw_stmt_blob(stmt, 1, key_slice(entry.key));
    tw_stmt_text(stmt, 2, entry.scheme);
    tw_stmt_text(stmt, 3, entry.tier);
    if (entry.has_points) {
        tw_stmt_int(stmt, 4, entry.points);
    }
    return tw_stmt_run(stmt);
}

static int stage_gone(struct tw_member_store *store, const struct tw_members_page *page, size_t index)
{
    uint8_t key[TW_MEMBER_KEY];
    int rc = tw_members_page_gone(page, index, key);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_STAGED_GONE_PUT);
    tw_stmt_blob(stmt, 1, key_slice(key));
    return tw_stmt_run(stmt);
}

static int stage(struct tw_member_store *store, const struct tw_members_page *page)
{
    int rc = TW_OK;
    for (size_t i = 0; i < page->member_count && rc == TW_OK; i++) {
        rc = stage_entry(store, page, i);
    }
    for (size_t i = 0; i < page->gone_count && rc == TW_OK; i++) {
        rc = stage_gone(store, page, i);
    }
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_STAGED_PAGE_PUT);
    tw_stmt_int(stmt, 1, page->page);
    return tw_stmt_run(stmt);
}

// A snapshot replaces all: the staged table takes the place of the old one, whatever their size.
static int finish_snapshot(struct tw_member_store *store, int64_t *members)
{
    int rc = tw_db_exec(store->db, "DROP TABLE member");
    if (rc == TW_OK) {
        rc = tw_db_exec(store->db, "ALTER TABLE staged RENAME TO member");
    }
    for (const char *const *make = tw_member_make; rc == TW_OK && *make != NULL; make++) {
        if (strncmp(*make, "CREATE TABLE staged (", 21) == 0) {
            rc = tw_db_exec(store->db, *make);
        }
    }
    return rc == TW_OK ? count(store, TW_MEMBER_SQL_MEMBER_COUNT, members) : rc;
}

// Who is in both lists is gone: leaving is never undone by an old line about points.
static int finish_delta(struct tw_member_store *store, int64_t *members)
{
    int64_t added = 0;
    int rc = count(store, TW_MEMBER_SQL_DELTA_NEW, &added);
    if (rc == TW_OK) {
        rc = run(store, TW_MEMBER_SQL_DELTA_APPLY);
    }
    int64_t removed = 0;
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_DELTA_REMOVE);
    while (rc == TW_OK) {
        int step = tw_stmt_step(stmt);
        if (step != 1) {
            rc = step;
            break;
        }
        removed++;
    }
    *members += added - removed;
    return rc;
}

static int finish(struct tw_member_store *store, struct tw_member_state *state, int64_t now_ms)
{
    int64_t pages = 0;
    int rc = count(store, TW_MEMBER_SQL_STAGED_PAGE_COUNT, &pages);
    if (rc != TW_OK || pages < state->staged_pages) {
        return rc;
    }
    rc = state->staged_base == 0 ? finish_snapshot(store, &state->members)
                                 : finish_delta(store, &state->members);
    if (rc == TW_OK) {
        rc = clear_staged(store);
    }
    *state = (struct tw_member_state){
        .version = state->staged_version, .members = state->members, .as_of_ms = now_ms};
    return rc;
}

static int take(struct tw_member_store *store, const struct tw_members_page *page, int64_t now_ms,
                struct tw_member_state *state)
{
    int rc = TW_OK;
    if (page->version != state->staged_version || page->base != state->staged_base ||
        page->pages != state->staged_pages) {
        rc = clear_staged(store);
        state->staged_version = page->version;
        state->staged_base = page->base;
        state->staged_pages = page->pages;
    }
    if (rc == TW_OK) {
        rc = stage(store, page);
    }
    if (rc == TW_OK) {
        rc = finish(store, state, now_ms);
    }
    return rc == TW_OK ? write_state(store, state) : rc;
}

int tw_member_store_take(struct tw_member_store *store, const struct tw_members_page *page, int64_t now_ms)
{
    if (page->version < store->state.staged_version) {
        return TW_OK;
    }
    struct tw_member_state state = store->state;
    int rc = tw_db_begin(store->db);
    if (rc != TW_OK) {
        return rc;
    }
    rc = take(store, page, now_ms, &state);
    if (rc != TW_OK) {
        tw_db_rollback(store->db);
        return rc;
    }
    rc = tw_db_commit(store->db);
    if (rc == TW_OK) {
        store->state = state;
    }
    tw_db_release(store->db); // the next page may be days away
    return rc;
}

int tw_member_store_refresh(struct tw_member_store *store, int64_t now_ms)
{
    struct tw_member_state state = store->state;
    state.as_of_ms = now_ms;
    int rc = write_state(store, &state);
    if (rc == TW_OK) {
        store->state = state;
    }
    return rc;
}

// ---- reading ----

static void copy(struct tw_slice from, char *to, size_t size)
{
    size_t len = from.len < size ? from.len : size - 1;
    if (len > 0) {
        memcpy(to, from.ptr, len);
    }
    to[len] = '\0';
}

int tw_member_store_get(struct tw_member_store *store, const uint8_t key[TW_MEMBER_KEY],
                        struct tw_member *out)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_MEMBER_SQL_MEMBER_GET);
    tw_stmt_blob(stmt, 1, key_slice(key));
    int rc = tw_stmt_step(stmt);
    if (rc < 0) {
        return rc;
    }
    out->as_of_ms = store->state.as_of_ms;
    out->found = rc == 1;
    if (rc == 1) {
        copy(tw_stmt_get(stmt, 0), out->scheme, sizeof out->scheme);
        copy(tw_stmt_get(stmt, 1), out->tier, sizeof out->tier);
        out->has_points = tw_stmt_get_int(stmt, 2) != 0;
        out->points = out->has_points ? tw_stmt_get_int(stmt, 3) : 0;
        tw_stmt_end(stmt);
    }
    return TW_OK;
}
