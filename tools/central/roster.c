// SPDX-License-Identifier: Apache-2.0
#include "tools/central/roster.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "central_sql.h"
#include "tillwire/json.h"

#define PAGE_BYTES     (60 * 1024) // of members; a page with its frame is at most 64 KiB
#define FILE_MAX_BYTES (256L * 1024 * 1024)
#define STORES_MAX     10000

struct touched {
    char name[33];
    uint64_t before; // version
    bool changed;
};

struct loading {
    struct tw_db *db;
    struct tw_seal *seal;
    struct touched *stores;
    size_t count;
    struct tw_error_text *err;
};

// ---- versions ----

int tw_roster_version(struct tw_db *db, const char *store, uint64_t *out)
{
    struct tw_stmt *stmt = tw_db_sql(db, TW_CENTRAL_SQL_MEMBER_VERSION_GET);
    tw_stmt_text(stmt, 1, tw_slice_of(store));
    int rc = tw_stmt_step(stmt);
    if (rc >= 0) {
        *out = rc == 1 ? (uint64_t)tw_stmt_get_int(stmt, 0) : 0;
        tw_stmt_end(stmt);
    }
    return rc < 0 ? rc : TW_OK;
}

static int touch(struct loading *loading, const char *name, struct touched **out)
{
    for (size_t i = loading->count; i > 0; i--) { // mostly the last one again
        if (strcmp(loading->stores[i - 1].name, name) == 0) {
            *out = &loading->stores[i - 1];
            return TW_OK;
        }
    }
    if (loading->count == STORES_MAX) {
        return tw_fail(loading->err, TW_ERR_TOO_LARGE, "more than %d stores", STORES_MAX);
    }
    struct touched *touched = &loading->stores[loading->count];
    (void)snprintf(touched->name, sizeof touched->name, "%s", name);
    int rc = tw_roster_version(loading->db, name, &touched->before);
    if (rc == TW_OK) {
        loading->count++;
        *out = touched;
    }
    return rc;
}

// ---- reading ----

static int pseudonym_of(struct loading *loading, const tw_json *member, const char *scheme, char *out)
{
    const char *card = tw_json_text(tw_json_get(member, "card"));
    const char *given = tw_json_text(tw_json_get(member, "pseudonym"));
    if (given != NULL && strlen(given) <= TW_PSEUDONYM_LEN) {
        (void)snprintf(out, TW_PSEUDONYM_LEN + 1, "%s", given);
        return TW_OK;
    }
    if (card == NULL) {
        return tw_fail(loading->err, TW_ERR_INVALID, "a member has neither card nor pseudonym");
    }
    int rc = tw_seal_pseudonym(loading->seal, scheme, card, out);
    return rc == TW_ERR_NOT_FOUND
               ? tw_fail(loading->err, rc,
                         "members are named by card: give the tenant's key with --pseudonym-key")
               : rc;
}

static int put_member(struct loading *loading, struct touched *store, const tw_json *member)
{
    char pseudonym[TW_PSEUDONYM_LEN + 1];
    const char *scheme = tw_json_text(tw_json_get(member, "scheme"));
    const char *tier = tw_json_text(tw_json_get(member, "tier"));
    int64_t points = 0;
    if (scheme == NULL || strlen(scheme) > 32) {
        return tw_fail(loading->err, TW_ERR_INVALID, "a member has no scheme of 1 to 32 characters");
    }
    int rc = pseudonym_of(loading, member, scheme, pseudonym);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(loading->db, TW_CENTRAL_SQL_MEMBER_LISTED);
    tw_stmt_text(stmt, 1, tw_slice_of(store->name));
    tw_stmt_text(stmt, 2, tw_slice_of(pseudonym));
    rc = tw_stmt_run(stmt);
    if (rc != TW_OK) {
        return rc;
    }
    stmt = tw_db_sql(loading->db, TW_CENTRAL_SQL_MEMBER_PUT);
    tw_stmt_text(stmt, 1, tw_slice_of(store->name));
    tw_stmt_text(stmt, 2, tw_slice_of(pseudonym));
    tw_stmt_text(stmt, 3, tw_slice_of(scheme));
    if (tier != NULL) {
        tw_stmt_text(stmt, 4, tw_slice_of(tier));
    }
    if (tw_json_int(tw_json_get(member, "points"), &points) == TW_OK) {
        tw_stmt_int(stmt, 5, points);
    }
    tw_stmt_int(stmt, 6, (int64_t)store->before + 1);
    rc = tw_stmt_step(stmt);
    store->changed = store->changed || rc == 1;
    return rc == 1 ? tw_stmt_run(stmt) : rc;
}

// {"store":…,"members":[…]}, or a single member that names its store.
static int take_object(struct loading *loading, const tw_json *value)
{
    const char *name = tw_json_text(tw_json_get(value, "store"));
    const tw_json *list = tw_json_get(value, "members");
    struct touched *store = NULL;
    if (name == NULL || strlen(name) == 0 || strlen(name) > 32) {
        return tw_fail(loading->err, TW_ERR_INVALID, "an object has no \"store\" of 1 to 32 characters");
    }
    int rc = touch(loading, name, &store);
    if (rc == TW_OK && list == NULL) {
        return put_member(loading, store, value);
    }
    for (size_t i = 0; i < tw_json_size(list) && rc == TW_OK; i++) {
        rc = put_member(loading, store, tw_json_at(list, i));
    }
    return rc;
}

static int take_value(struct loading *loading, tw_json *value)
{
    size_t count = tw_json_size(value);
    int rc = count == 0 ? take_object(loading, value) : TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = take_object(loading, tw_json_at(value, i));
    }
    tw_json_free(value);
    return rc;
}

static int take_lines(struct loading *loading, struct tw_slice text)
{
    const char *at = (const char *)text.ptr;
    const char *end = at + text.len;
    int rc = TW_OK;
    for (unsigned line = 1; at < end && rc == TW_OK; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        if (strspn(at, " \t\r") < (size_t)(stop - at)) {
            tw_json *value = NULL;
            struct tw_error_text why = {""};
            rc = tw_json_parse(tw_slice_make(at, (size_t)(stop - at)), &value, &why);
            rc = rc == TW_OK ? take_value(loading, value)
                             : tw_fail(loading->err, rc, "line %u: %s", line, why.text);
        }
        at = stop + 1;
    }
    return rc;
}

static int read_file(const char *path, struct tw_buf *out, struct tw_error_text *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return tw_fail(err, TW_ERR_IO, "cannot be read: %s", strerror(errno));
    }
    char part[65536];
    size_t got = fread(part, 1, sizeof part, file);
    while (got > 0 && out->len < FILE_MAX_BYTES) {
        tw_buf_add(out, part, got);
        got = fread(part, 1, sizeof part, file);
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || got > 0) {
        return tw_fail(err, TW_ERR_IO, failed ? "cannot be read" : "is too large");
    }
    return tw_buf_status(out);
}

// ---- storing ----

static int finish_store(struct loading *loading, struct touched *store)
{
    struct tw_stmt *stmt = tw_db_sql(loading->db, TW_CENTRAL_SQL_MEMBER_GONE);
    tw_stmt_text(stmt, 1, tw_slice_of(store->name));
    tw_stmt_int(stmt, 2, (int64_t)store->before + 1);
    int rc = tw_stmt_step(stmt);
    store->changed = store->changed || rc == 1;
    rc = rc == 1 ? tw_stmt_run(stmt) : rc;
    if (rc == TW_OK && store->changed) {
        stmt = tw_db_sql(loading->db, TW_CENTRAL_SQL_MEMBER_VERSION_PUT);
        tw_stmt_text(stmt, 1, tw_slice_of(store->name));
        tw_stmt_int(stmt, 2, (int64_t)store->before + 1);
        rc = tw_stmt_run(stmt);
    }
    return rc;
}

static int take_text(struct loading *loading, struct tw_slice text)
{
    tw_json *whole = NULL;
    int rc = tw_db_exec(loading->db, "DELETE FROM temp.listed");
    if (rc == TW_OK) {
        rc = tw_json_parse(text, &whole, NULL) == TW_OK ? take_value(loading, whole)
                                                        : take_lines(loading, text);
    }
    for (size_t i = 0; i < loading->count && rc == TW_OK; i++) {
        rc = finish_store(loading, &loading->stores[i]);
    }
    return rc;
}

static int load_text(struct loading *loading, struct tw_slice text)
{
    int rc = tw_db_begin(loading->db);
    if (rc != TW_OK) {
        return rc;
    }
    rc = take_text(loading, text);
    if (rc != TW_OK) {
        tw_db_rollback(loading->db);
        return rc;
    }
    return tw_db_commit(loading->db);
}

int tw_roster_load(struct tw_db *db, struct tw_seal *seal, const char *path, tw_store_changed_fn *changed,
                   void *ctx, struct tw_error_text *err)
{
    struct tw_error_text why = {""};
    struct tw_buf text = {0};
    struct loading loading = {.db = db, .seal = seal, .err = &why};
    loading.stores = calloc(STORES_MAX, sizeof *loading.stores);
    int rc = loading.stores != NULL ? read_file(path, &text, &why) : TW_ERR_NOMEM;
    if (rc == TW_OK) {
        rc = load_text(&loading, tw_buf_slice(&text));
    }
    for (size_t i = 0; i < loading.count && rc == TW_OK; i++) {
        if (loading.stores[i].changed) {
            changed(ctx, loading.stores[i].name, loading.stores[i].before);
        }
    }
    tw_buf_free(&text);
    free(loading.stores);
    return rc == TW_OK ? TW_OK
                       : tw_fail(err, rc, "members file %s: %s; nothing of it was taken", path,
                                 why.text[0] != '\0' ? why.text : tw_err_name(rc));
}

// ---- pages ----

struct page {
    struct tw_buf members, gone;
};

struct pages {
    struct page *list;
    size_t count;
};

static struct page *page_with_room(struct pages *pages)
{
    if (pages->count > 0) {
        struct page *last = &pages->list[pages->count - 1];
        if (last->members.len + last->gone.len < PAGE_BYTES - 512) { // a member is at most 340 bytes
            return last;
        }
    }
    struct page *grown = realloc(pages->list, (pages->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    pages->list = grown;
    grown[pages->count] = (struct page){0};
    return &grown[pages->count++];
}

static int add_row(struct pages *pages, const struct tw_stmt *stmt)
{
    struct page *page = page_with_room(pages);
    if (page == NULL) {
        return TW_ERR_NOMEM;
    }
    struct tw_slice tier = tw_stmt_get(stmt, 2), points = tw_stmt_get(stmt, 3);
    bool gone = tw_stmt_get_int(stmt, 4) != 0;
    struct tw_buf *out = gone ? &page->gone : &page->members;
    tw_buf_add_text(out, out->len > 0 ? "," : "");
    tw_buf_add_text(out, gone ? "" : "{\"pseudonym\":");
    tw_json_dump_text(tw_stmt_get(stmt, 0), out);
    if (!gone) {
        tw_buf_add_text(out, ",\"scheme\":");
        tw_json_dump_text(tw_stmt_get(stmt, 1), out);
        tw_buf_add_text(out, ",\"tier\":");
        if (tier.ptr == NULL) {
            tw_buf_add_text(out, "null");
        } else {
            tw_json_dump_text(tier, out);
        }
        tw_buf_add_text(out, ",\"points\":");
        if (points.ptr == NULL) {
            tw_buf_add_text(out, "null}");
        } else {
            tw_buf_printf(out, "%" PRId64 "}", tw_stmt_get_int(stmt, 3));
        }
    }
    return tw_buf_status(out);
}

static int collect(struct tw_db *db, const char *store, uint64_t base, struct pages *pages)
{
    struct tw_stmt *stmt = tw_db_sql(db, base == 0 ? TW_CENTRAL_SQL_MEMBER_ALL : TW_CENTRAL_SQL_MEMBER_SINCE);
    tw_stmt_text(stmt, 1, tw_slice_of(store));
    if (base > 0) {
        tw_stmt_int(stmt, 2, (int64_t)base);
    }
    int rc = tw_stmt_step(stmt);
    while (rc == 1) {
        rc = add_row(pages, stmt);
        rc = rc == TW_OK ? tw_stmt_step(stmt) : rc;
    }
    tw_stmt_end(stmt);
    return rc == TW_OK && pages->count == 0 && page_with_room(pages) == NULL ? TW_ERR_NOMEM : rc;
}

static int emit(const struct pages *pages, uint64_t version, uint64_t base, tw_roster_page_fn *page,
                void *ctx)
{
    struct tw_buf text = {0};
    int rc = TW_OK;
    for (size_t i = 0; i < pages->count && rc == TW_OK; i++) {
        tw_buf_clear(&text);
        tw_buf_printf(
            &text, "{\"version\":%" PRIu64 ",\"base\":%" PRIu64 ",\"page\":%zu,\"pages\":%zu,\"members\":[",
            version, base, i + 1, pages->count);
        tw_buf_add(&text, pages->list[i].members.ptr, pages->list[i].members.len);
        tw_buf_add_text(&text, "],\"gone\":[");
        tw_buf_add(&text, pages->list[i].gone.ptr, pages->list[i].gone.len);
        tw_buf_add_text(&text, "]}");
        rc = tw_buf_status(&text);
        if (rc == TW_OK) {
            page(ctx, tw_buf_slice(&text));
        }
    }
    tw_buf_free(&text);
    return rc;
}

int tw_roster_pages(struct tw_db *db, const char *store, uint64_t since, tw_roster_page_fn *page, void *ctx)
{
    uint64_t version = 0;
    struct pages pages = {0};
    int rc = tw_roster_version(db, store, &version);
    uint64_t base = since > version ? 0 : since;
    rc = rc == TW_OK ? collect(db, store, base, &pages) : rc;
    rc = rc == TW_OK ? emit(&pages, version, base, page, ctx) : rc;
    for (size_t i = 0; i < pages.count; i++) {
        tw_buf_free(&pages.list[i].members);
        tw_buf_free(&pages.list[i].gone);
    }
    free(pages.list);
    return rc;
}

void tw_roster_tier(struct tw_db *db, const char *store, const char *pseudonym, char *out, size_t size)
{
    struct tw_stmt *stmt = tw_db_sql(db, TW_CENTRAL_SQL_MEMBER_TIER);
    tw_stmt_text(stmt, 1, tw_slice_of(store));
    tw_stmt_text(stmt, 2, tw_slice_of(pseudonym));
    out[0] = '\0';
    if (tw_stmt_step(stmt) == 1) {
        struct tw_slice tier = tw_stmt_get(stmt, 0);
        (void)snprintf(out, size, "%.*s", (int)tier.len, tier.len > 0 ? (const char *)tier.ptr : "");
    }
    tw_stmt_end(stmt);
}
