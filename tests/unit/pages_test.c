// SPDX-License-Identifier: Apache-2.0
//
// Files made with SQLite, read without it, give exactly the rows that SQL gives.
#include "tests/fakes/pages_rig.h"

static void a_whole_file_gives_what_sql_gives(void **state)
{
    const struct pages_place *place = *state;
    uint64_t seed = pages_seed();
    for (size_t i = 0; i < PAGES_SHAPES; i++) {
        sqlite3 *db = pages_make_file(place, &pages_shapes[i], seed + 2 * i);
        struct pages_rows sql;
        struct pages_seen seen;
        assert_true(pages_ask_sql(db, &sql));
        pages_scan(place, 8192, &seen);
        pages_expect_all(&seen, &sql);
        assert_int_equal(seen.report.wal.used > 0, pages_shapes[i].wal);
        assert_int_equal(seen.report.wal.unused, 0);
        (void)sqlite3_close(db);
    }
}

// Payloads of every length around those at which a cell overflows, and at which its last page is full.
static void every_length_is_read(void **state)
{
    const struct pages_place *place = *state;
    struct pages_seen seen;
    struct pages_rows sql;
    for (unsigned page = 512; page <= 2048; page *= 2) {
        sqlite3 *db = NULL;
        char text[512];
        const unsigned key = (page - 12) * 64 / 255 - 23;
        pages_remove(place);
        assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
        (void)snprintf(text, sizeof text, "PRAGMA page_size=%u", page);
        pages_run_sql(db, text);
        pages_run_sql(db, "CREATE TABLE plain (n INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB);"
                          "CREATE TABLE keyed (key TEXT PRIMARY KEY, n INTEGER, seen INTEGER) WITHOUT ROWID");
        (void)snprintf(text, sizeof text,
                       "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 599) "
                       "INSERT INTO plain SELECT n, n, NULL, 't', randomblob(n %% 4 * (%u - 4) + %u - n / 4) "
                       "FROM c",
                       page, page + 20);
        pages_run_sql(db, text);
        (void)snprintf(
            text, sizeof text,
            "INSERT INTO keyed SELECT printf('k:%%04d%%.*c', n, n %% 4 * (%u - 4) + %u - n / 4, 'x'), "
            "n, n FROM plain",
            page, key + 20 > 150 ? key + 20 : 150);
        pages_run_sql(db, text);
        assert_true(pages_ask_sql(db, &sql));
        pages_scan(place, 0, &seen);
        pages_expect_all(&seen, &sql);
        (void)sqlite3_close(db);
    }
}

// A WAL that began anew still has the frames of the time before behind its own.
static void a_wal_that_began_anew_is_read(void **state)
{
    const struct pages_place *place = *state;
    struct pages_seen seen;
    struct pages_rows sql;
    sqlite3 *db = pages_make_file(place, &pages_shapes[2], 31);
    pages_run_sql(db, "PRAGMA wal_checkpoint(RESTART); DELETE FROM plain WHERE n > 500");
    assert_true(pages_ask_sql(db, &sql));
    size_t len = 0;
    free(pages_load(place->wal, &len));
    pages_scan(place, 0, &seen);
    pages_expect_all(&seen, &sql);
    assert_true(seen.report.wal.used > 0 && seen.report.wal.used * 1048 + 32 < len);
    assert_int_equal(seen.report.wal.unused, 0);
    (void)sqlite3_close(db);
}

struct again {
    struct tw_page_place places[8 * PAGES_ROWS];
    uint64_t hashes[8 * PAGES_ROWS];
    size_t count;
};

static int on_place(void *ctx, const struct tw_page_row *row)
{
    struct again *again = ctx;
    assert_true(again->count < 8 * PAGES_ROWS);
    again->places[again->count] = row->place;
    again->hashes[again->count++] = pages_hash_row(row, 0) ^ (uint64_t)row->rowid ^ row->index;
    return TW_OK;
}

// Backwards, so that every page comes after another one.
static void a_row_can_be_read_again(void **state)
{
    static struct again again;
    sqlite3 *db = pages_make_file(*state, &pages_shapes[1], 77);
    struct tw_pages *pages = NULL;
    struct tw_pages_report report;
    again.count = 0;
    assert_int_equal(tw_pages_open(((struct pages_place *)*state)->path, 512, &pages), TW_OK);
    assert_int_equal(tw_pages_walk(pages, on_place, &again, &report), TW_OK);
    assert_true(again.count > PAGES_ROWS);
    struct tw_page_row row;
    for (size_t i = again.count; i-- > 0;) {
        assert_int_equal(tw_pages_get(pages, again.places[i], &row), TW_OK);
        assert_true(again.hashes[i] == (pages_hash_row(&row, 0) ^ (uint64_t)row.rowid ^ row.index));
        assert_memory_equal(&row.place, &again.places[i], sizeof row.place);
    }
    const struct tw_page_place wrong[] = {{0}, {.page = 2, .cell = 60000}, {.page = UINT32_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tw_pages_get(pages, wrong[i], &row), TW_ERR_DAMAGED);
    }
    tw_pages_close(pages);
    (void)sqlite3_close(db);
}

// Freed pages keep their rows; the older state of a page under the WAL does as well. Both are marked.
static void what_was_deleted_comes_marked_and_first(void **state)
{
    for (size_t i = 0; i < PAGES_SHAPES; i++) {
        sqlite3 *db = pages_make_file(*state, &pages_shapes[i], 99 + i);
        struct pages_rows before;
        struct pages_rows after;
        struct pages_seen seen;
        assert_true(pages_ask_sql(db, &before));
        pages_run_sql(db, "DELETE FROM plain WHERE n BETWEEN 100 AND 560");
        assert_true(pages_ask_sql(db, &after));
        pages_scan(*state, 0, &seen);
        pages_expect_all(&seen, &after);
        assert_true(seen.stale > 20);
        (void)sqlite3_close(db);
    }
}

static int stop(void *ctx, const struct tw_page_row *row)
{
    (void)row;
    return ++*(int *)ctx == 3 ? 42 : TW_OK;
}

static void the_callback_ends_the_scan(void **state)
{
    sqlite3 *db = pages_make_file(*state, &pages_shapes[4], 5);
    struct tw_pages_report report = {.rows = 12345};
    int count = 0;
    assert_int_equal(tw_pages_scan(((struct pages_place *)*state)->path, 0, stop, &count, &report), 42);
    assert_int_equal(count, 3);
    assert_int_equal(report.rows, 12345);
    (void)sqlite3_close(db);
}

static void too_large_and_too_wide_rows_are_passed_over(void **state)
{
    const struct pages_place *place = *state;
    sqlite3 *db = NULL;
    struct pages_seen seen;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    pages_run_sql(
        db, "CREATE TABLE plain (n INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB);"
            "CREATE TABLE wide (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q);"
            "INSERT INTO wide DEFAULT VALUES;"
            "INSERT INTO plain (n, b) VALUES (1, zeroblob(1048560)), (2, zeroblob(1048576)), (3, NULL)");
    pages_scan(place, 0, &seen);
    assert_true(seen.live.plain[1] != 0);
    assert_true(seen.live.plain[2] == 0);
    assert_true(seen.live.plain[3] != 0);
    assert_int_equal(seen.report.bad_rows, 2);
    (void)sqlite3_close(db);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pages_set_up, pages_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_whole_file_gives_what_sql_gives),
        T(every_length_is_read),
        T(a_wal_that_began_anew_is_read),
        T(a_row_can_be_read_again),
        T(what_was_deleted_comes_marked_and_first),
        T(the_callback_ends_the_scan),
        T(too_large_and_too_wide_rows_are_passed_over),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
