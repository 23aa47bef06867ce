// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/pages_rig.h"

#include <unistd.h>

uint64_t pages_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint64_t pages_seed(void)
{
    const char *text = getenv("TILLWIRE_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20261122;
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed | 1;
}

int pages_set_up(void **state)
{
    struct pages_place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/tillwire-pages-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/t.db", place->folder);
    (void)snprintf(place->wal, sizeof place->wal, "%s-wal", place->path);
    *state = place;
    return 0;
}

void pages_remove(const struct pages_place *place)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", place->path, endings[i]);
        (void)unlink(path);
    }
}

int pages_tear_down(void **state)
{
    struct pages_place *place = *state;
    pages_remove(place);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

// ---- hashes ----

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * 1099511628211u; // FNV-1a
    }
    return hash;
}

static uint64_t mix_value(uint64_t hash, int kind, int64_t integer, struct tw_slice bytes)
{
    hash = mix(hash, &kind, sizeof kind);
    hash = mix(hash, &integer, sizeof integer);
    return mix(hash, bytes.ptr, bytes.len);
}

uint64_t pages_hash_row(const struct tw_page_row *row, size_t from)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = from; i < row->count; i++) {
        hash = mix_value(hash, (int)row->values[i].kind, row->values[i].integer, row->values[i].bytes);
    }
    return hash;
}

static uint64_t hash_column(uint64_t hash, sqlite3_stmt *stmt, int at)
{
    int kind = sqlite3_column_type(stmt, at);
    if (kind == SQLITE_INTEGER) {
        return mix_value(hash, TW_PAGE_INT, sqlite3_column_int64(stmt, at), (struct tw_slice){0});
    }
    if (kind == SQLITE_FLOAT) {
        double real = sqlite3_column_double(stmt, at);
        uint64_t bits = 0;
        uint8_t text[8];
        memcpy(&bits, &real, sizeof bits);
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (uint8_t)(bits >> (56 - 8 * i));
        }
        return mix_value(hash, TW_PAGE_REAL, 0, tw_slice_make(text, sizeof text));
    }
    if (kind == SQLITE_NULL) {
        return mix_value(hash, TW_PAGE_NULL, 0, (struct tw_slice){0});
    }
    const void *bytes = sqlite3_column_blob(stmt, at);
    return mix_value(hash, kind == SQLITE_BLOB ? TW_PAGE_BLOB : TW_PAGE_TEXT, 0,
                     tw_slice_make(bytes, (size_t)sqlite3_column_bytes(stmt, at)));
}

// ---- SQL ----

void pages_run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

static bool select_into(sqlite3 *db, const char *sql, uint64_t out[PAGES_ROWS])
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return false;
    }
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint64_t hash = 14695981039346656037u;
        for (int i = 1; i < sqlite3_column_count(stmt); i++) {
            hash = hash_column(hash, stmt, i);
        }
        out[sqlite3_column_int64(stmt, 0)] = hash;
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

bool pages_ask_sql(sqlite3 *db, struct pages_rows *out)
{
    *out = (struct pages_rows){0};
    return select_into(db, "SELECT n, i, r, t, b FROM plain", out->plain) &&
           select_into(db, "SELECT substr(key, 3), key, n, seen FROM keyed", out->keyed);
}

static void put_row(sqlite3 *db, uint64_t *random, int64_t n, size_t most)
{
    sqlite3_stmt *stmt = NULL;
    static uint8_t bytes[400000];
    const size_t len = pages_random(random) % (most + 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)pages_random(random);
    }
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO plain VALUES (?,?,?,?,?)", -1, &stmt, NULL),
        SQLITE_OK);
    (void)sqlite3_bind_int64(stmt, 1, n);
    if (n % 5 != 0) {
        (void)sqlite3_bind_int64(stmt, 2, (int64_t)pages_random(random) >> (pages_random(random) % 64));
    }
    (void)sqlite3_bind_double(stmt, 3, (double)n + 0.5);
    (void)sqlite3_bind_text(stmt, 4, "The quick brown fox", (int)(n % 20), SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 5, bytes, (int)len, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    (void)sqlite3_finalize(stmt);
    char sql[512];
    // Keys of different lengths make the tree of `keyed` deep, so that rows stand in its interior pages.
    (void)snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO keyed VALUES ('k:%04d%*s', %d, %d)", (int)n,
                   (int)(n % 90), "", (int)n % 3, (int)n);
    pages_run_sql(db, sql);
}

sqlite3 *pages_make_file(const struct pages_place *place, const struct pages_shape *shape, uint64_t seed)
{
    sqlite3 *db = NULL;
    uint64_t random = seed;
    char sql[256];
    pages_remove(place);
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)snprintf(
        sql, sizeof sql,
        "PRAGMA page_size=%u; PRAGMA auto_vacuum=%d; PRAGMA journal_mode=%s; PRAGMA synchronous=OFF;"
        "PRAGMA secure_delete=OFF; PRAGMA wal_autocheckpoint=0",
        shape->page_bytes, shape->vacuum ? 2 : 0, shape->wal ? "WAL" : "DELETE");
    pages_run_sql(db, sql);
    pages_run_sql(db,
                  "CREATE TABLE plain (n INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB);"
                  "CREATE TABLE keyed (key TEXT PRIMARY KEY, n INTEGER, seen INTEGER) WITHOUT ROWID; BEGIN");
    for (int64_t n = 1; n < PAGES_ROWS; n++) {
        put_row(db, &random, n, n % 10 == 0 ? shape->most * 12 : n % 3 == 0 ? shape->most : PAGES_SMALL);
        if (n % 97 == 0) {
            pages_run_sql(db, "COMMIT; BEGIN");
        }
        if (n == PAGES_ROWS / 2) {
            pages_run_sql(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE); BEGIN");
        }
    }
    pages_run_sql(db, "DELETE FROM plain WHERE n % 7 = 3; DELETE FROM keyed WHERE n = 1");
    for (int64_t n = 5; n < PAGES_ROWS; n += 31) {
        put_row(db, &random, n, shape->most * 2);
    }
    pages_run_sql(db, "COMMIT");
    return db;
}

// ---- the scan ----

static void note(struct pages_seen *seen, uint64_t *any, uint64_t *live, const struct tw_page_row *row,
                 size_t from)
{
    *any = pages_hash_row(row, from);
    if (row->place.stale) {
        seen->stale++;
        seen->stale_after_live = seen->stale_after_live || seen->live_came;
        return;
    }
    seen->live_came = true;
    seen->twice += *live != 0;
    *live = *any;
}

int pages_on_row(void *ctx, const struct tw_page_row *row)
{
    struct pages_seen *seen = ctx;
    if (!row->index && row->count == 5 && row->values[0].kind == TW_PAGE_NULL && row->rowid > 0 &&
        row->rowid < PAGES_ROWS) {
        note(seen, &seen->any.plain[row->rowid], &seen->live.plain[row->rowid], row, 1);
        seen->page[row->rowid] = row->place.stale ? seen->page[row->rowid] : row->place.page;
    } else if (row->index && row->count == 3 && row->values[0].kind == TW_PAGE_TEXT &&
               row->values[0].bytes.len >= 6) {
        char text[5] = "";
        memcpy(text, row->values[0].bytes.ptr + 2, 4);
        size_t n = (size_t)strtoul(text, NULL, 10) % PAGES_ROWS;
        note(seen, &seen->any.keyed[n], &seen->live.keyed[n], row, 0);
    }
    return TW_OK;
}

void pages_scan(const struct pages_place *place, unsigned page_bytes, struct pages_seen *seen)
{
    *seen = (struct pages_seen){0};
    assert_int_equal(tw_pages_scan(place->path, page_bytes, pages_on_row, seen, &seen->report), TW_OK);
    assert_false(seen->stale_after_live);
}

void pages_expect_all(const struct pages_seen *seen, const struct pages_rows *sql)
{
    assert_memory_equal(&seen->live, sql, sizeof *sql);
    assert_int_equal(seen->twice, 0);
    assert_int_equal(seen->report.bad_pages, 0);
    assert_int_equal(seen->report.bad_rows, 0);
}

// ---- files ----

uint8_t *pages_load(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    (void)fclose(file);
    return bytes;
}

void pages_store(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

const struct pages_shape pages_shapes[PAGES_SHAPES] = {
    {.page_bytes = 512, .most = 900},
    {.page_bytes = 512, .wal = true, .vacuum = true, .most = 900},
    {.page_bytes = 1024, .wal = true, .most = 2000},
    {.page_bytes = 2048, .vacuum = true, .most = 3000},
    {.page_bytes = 4096, .most = 6000},
    {.page_bytes = 4096, .wal = true, .vacuum = true, .most = 6000},
    {.page_bytes = 65536, .wal = true, .most = 30000},
};
