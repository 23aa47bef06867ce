// SPDX-License-Identifier: Apache-2.0
//
// Damaged files, read without SQLite, give every row of every page that was not touched (P9); of a WAL
// counts what SQLite itself would count.
#include "tests/fakes/pages_rig.h"

#include <unistd.h>

enum { FILE_HEADER = 100 };

static bool is_small(const struct pages_rows *sql, const struct pages_seen *whole, size_t n)
{
    return sql->plain[n] != 0 && n % 10 != 0 && n % 3 != 0 && n % 31 != 5 && whole->page[n] != 0;
}

// Rows that stand whole in pages that were not touched are all there, and none is another than before.
static void expect_untouched(const struct pages_seen *seen, const struct pages_seen *whole,
                             const struct pages_rows *sql, const bool *touched)
{
    size_t expected = 0;
    for (size_t n = 1; n < PAGES_ROWS; n++) {
        if (is_small(sql, whole, n) && !touched[whole->page[n]]) {
            assert_true(seen->any.plain[n] == sql->plain[n]);
            expected++;
        }
    }
    assert_true(expected > 0);
}

enum damage { FLIP, ZERO_PAGES, NOISE_PAGES, CUT, ZERO_HEADER, DAMAGES };

static size_t hurt(enum damage damage, uint8_t *bytes, size_t len, size_t page, bool *touched,
                   uint64_t *random)
{
    size_t pages = len / page;
    if (damage == CUT) {
        len = len / 2 + pages_random(random) % (len / 2);
        for (size_t i = len / page + 1; i <= pages; i++) {
            touched[i] = true;
        }
        return len;
    }
    if (damage == ZERO_HEADER) {
        memset(bytes, 0, FILE_HEADER);
        touched[1] = true;
        return len;
    }
    for (size_t i = 0; i < (damage == FLIP ? 40 : 5); i++) {
        size_t at = pages_random(random) % len;
        touched[at / page + 1] = true;
        uint8_t *start = bytes + at / page * page;
        if (damage == FLIP) {
            bytes[at] ^= (uint8_t)(1u << pages_random(random) % 8);
        } else if (damage == ZERO_PAGES) {
            memset(start, 0, page);
        } else {
            for (size_t k = 0; k < page; k++) {
                start[k] = (uint8_t)(pages_random(random) >> 11);
            }
        }
    }
    return len;
}

static void damage_costs_no_row_of_another_page(void **state)
{
    const struct pages_place *place = *state;
    uint64_t random = pages_seed();
    static struct pages_seen whole;
    static struct pages_seen seen;
    static bool touched[1 << 16];
    for (size_t i = 0; i < PAGES_SHAPES; i++) {
        struct pages_rows sql;
        sqlite3 *db = pages_make_file(place, &pages_shapes[i], 1000 + i);
        assert_true(pages_ask_sql(db, &sql));
        pages_run_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        (void)sqlite3_close(db);
        pages_scan(place, 0, &whole);
        pages_expect_all(&whole, &sql);
        size_t len = 0;
        uint8_t *bytes = pages_load(place->path, &len);
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        for (int round = 0; round < 8 * DAMAGES; round++) {
            memcpy(copy, bytes, len);
            memset(touched, 0, sizeof touched);
            size_t left =
                hurt((enum damage)(round % DAMAGES), copy, len, pages_shapes[i].page_bytes, touched, &random);
            pages_store(place->path, copy, left);
            pages_scan(place, pages_shapes[i].page_bytes, &seen);
            expect_untouched(&seen, &whole, &sql, touched);
            for (size_t n = 0; round % DAMAGES == CUT && n < PAGES_ROWS; n++) { // nothing is made up
                assert_true(seen.live.plain[n] == 0 || seen.live.plain[n] == sql.plain[n]);
            }
        }
        free(copy);
        free(bytes);
    }
}

static void put_big_endian(uint8_t *to, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

// A chain of overflow pages that goes round gives no row, however often it could be gone through.
static void a_chain_that_goes_round_is_bad(void **state)
{
    const struct pages_place *place = *state;
    sqlite3 *db = NULL;
    struct pages_seen seen;
    size_t len = 0;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    pages_run_sql(db, "PRAGMA page_size=512;"
                      "CREATE TABLE plain (n INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB);"
                      "INSERT INTO plain (n, b) VALUES (1, zeroblob(20000)), (2, zeroblob(9))");
    (void)sqlite3_close(db);
    uint8_t *bytes = pages_load(place->path, &len);
    for (uint32_t page = 3; page <= len / 512; page++) {
        put_big_endian(bytes + (size_t)(page - 1) * 512, page > 5 ? page - 2 : page + 1);
    }
    pages_store(place->path, bytes, len);
    free(bytes);
    pages_scan(place, 0, &seen);
    assert_true(seen.live.plain[1] == 0 && seen.live.plain[2] != 0);
    assert_int_equal(seen.report.bad_rows, 1);
}

static void a_damaged_free_list_hides_nothing(void **state)
{
    const struct pages_place *place = *state;
    static const uint32_t counts[] = {UINT32_MAX, 127, 126, 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct pages_rows sql;
        struct pages_seen seen;
        size_t len = 0;
        sqlite3 *db = pages_make_file(place, &pages_shapes[0], 50 + i);
        pages_run_sql(db, "DELETE FROM plain WHERE n BETWEEN 100 AND 560");
        assert_true(pages_ask_sql(db, &sql));
        (void)sqlite3_close(db);
        uint8_t *bytes = pages_load(place->path, &len);
        const uint8_t *head = bytes + 32;
        size_t trunk = ((size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]) - 1;
        assert_true(trunk < len / 512);
        put_big_endian(bytes + trunk * 512 + 4, counts[i]);
        for (uint32_t k = 0; k < 126; k++) { // all that stands in the file, and more
            put_big_endian(bytes + trunk * 512 + 8 + (size_t)k * 4, k * 40);
        }
        pages_store(place->path, bytes, len);
        free(bytes);
        pages_scan(place, 0, &seen);
        for (size_t n = 1; n < PAGES_ROWS; n++) {
            assert_true(sql.plain[n] == 0 || seen.any.plain[n] != 0);
        }
    }
}

// SQLite's own recovery says what of a WAL counts; wherever it is cut or changed, the scan says the same.
static void of_a_damaged_wal_counts_what_sqlite_counts(void **state)
{
    const struct pages_place *place = *state;
    uint64_t random = pages_seed();
    static struct pages_seen seen;
    size_t compared = 0;
    for (size_t i = 0; i < PAGES_SHAPES; i++) {
        if (!pages_shapes[i].wal) {
            continue;
        }
        (void)sqlite3_close(pages_make_file(place, &pages_shapes[i], 2000 + i));
        size_t db_len = 0;
        size_t wal_len = 0;
        uint8_t *db_bytes = pages_load(place->path, &db_len);
        uint8_t *wal_bytes = pages_load(place->wal, &wal_len);
        for (int round = 0; round < 12; round++) {
            size_t at = pages_random(&random) % wal_len;
            bool cut = round % 2 == 0;
            wal_bytes[at] ^= cut ? 0 : 0x10;
            pages_store(place->path, db_bytes, db_len);
            pages_store(place->wal, wal_bytes, cut ? at : wal_len);
            wal_bytes[at] ^= cut ? 0 : 0x10;
            pages_scan(place, 0, &seen);
            assert_true(cut || seen.report.wal.unused > 0);
            sqlite3 *db = NULL;
            struct pages_rows sql;
            assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
            assert_true(pages_ask_sql(db, &sql));
            (void)sqlite3_close(db);
            assert_memory_equal(&seen.live, &sql, sizeof sql);
            compared++;
            pages_remove(place);
        }
        free(db_bytes);
        free(wal_bytes);
    }
    assert_true(compared >= 40);
}

// The sums of a WAL may be of words in the other order; SQLite writes those on other machines.
static void a_big_endian_wal_is_read(void **state)
{
    const struct pages_place *place = *state;
    struct pages_rows sql;
    struct pages_seen seen;
    sqlite3 *db = pages_make_file(place, &pages_shapes[2], 11);
    assert_true(pages_ask_sql(db, &sql));
    (void)sqlite3_close(db);
    size_t len = 0;
    uint8_t *wal = pages_load(place->wal, &len);
    uint32_t sum[2] = {0};
    size_t frame = 24 + (size_t)pages_shapes[2].page_bytes;
    wal[3] = 0x83;
    for (size_t at = 0; at < len; at += at == 0 ? 32 : frame) {
        const size_t parts[][2] = {{at, at == 0 ? 24 : 8}, {at + 24, at == 0 ? 0 : frame - 24}};
        for (size_t p = 0; p < 2; p++) {
            for (size_t k = parts[p][0]; k < parts[p][0] + parts[p][1]; k += 8) {
                for (size_t w = 0; w < 2; w++) {
                    const uint8_t *word = wal + k + 4 * w;
                    sum[w] += ((uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 |
                               word[3]) +
                              sum[1 - w];
                }
            }
        }
        for (size_t k = 0; k < 8; k++) {
            wal[at + (at == 0 ? 24 : 16) + k] = (uint8_t)(sum[k / 4] >> (24 - 8 * (k % 4)));
        }
    }
    pages_store(place->wal, wal, len);
    free(wal);
    pages_scan(place, 0, &seen);
    pages_expect_all(&seen, &sql);
}

// A WAL of another file must not hide what the file itself has; only rows that go on in another page may
// be lost between the two.
static void a_foreign_wal_hides_nothing(void **state)
{
    const struct pages_place *place = *state;
    struct pages_rows sql;
    struct pages_seen seen;
    size_t len = 0;
    for (size_t other = 1; other <= 2; other++) { // of the same page size, and of another
        (void)sqlite3_close(pages_make_file(place, &pages_shapes[other], 3));
        uint8_t *wal = pages_load(place->wal, &len);
        sqlite3 *db = pages_make_file(place, &pages_shapes[0], 4);
        assert_true(pages_ask_sql(db, &sql));
        (void)sqlite3_close(db);
        pages_store(place->wal, wal, len);
        free(wal);
        pages_scan(place, 0, &seen);
        for (size_t n = 1; n < PAGES_ROWS; n++) {
            assert_true(other == 1 || seen.live.plain[n] == sql.plain[n]);
            assert_true(sql.plain[n] == 0 || n % 10 == 0 || n % 3 == 0 || n % 31 == 5 ||
                        seen.any.plain[n] != 0);
        }
        assert_int_equal(seen.report.wal.used > 0, other == 1);
        assert_true(other == 1 || seen.report.wal.unused > 0);
    }
}

static void what_is_no_database_gives_nothing(void **state)
{
    const struct pages_place *place = *state;
    uint64_t random = pages_seed();
    struct pages_seen seen;
    struct tw_pages_report report;
    assert_int_equal(tw_pages_scan(place->path, 4096, pages_on_row, &seen, &report), TW_ERR_NOT_FOUND);
    assert_int_equal(tw_pages_scan(place->folder, 4096, pages_on_row, &seen, &report), TW_ERR_IO);
    pages_store(place->path, (const uint8_t *)"", 0);
    assert_int_equal(tw_pages_scan(place->path, 4095, pages_on_row, &seen, &report), TW_ERR_INVALID);
    pages_scan(place, 4096, &seen);
    assert_int_equal(seen.report.pages, 0);
    static uint8_t noise[1 << 18];
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof noise; i++) {
            noise[i] = (uint8_t)(pages_random(&random) >> 7);
        }
        noise[0] = 0x0d;
        pages_store(place->path, noise, sizeof noise - (size_t)round);
        pages_store(place->wal, noise, sizeof noise);
        pages_scan(place, 512, &seen);
        assert_true(seen.report.leaves > 0);
    }
}

// The file is gone, its WAL is there: everything since the last checkpoint.
static void a_wal_alone_is_read(void **state)
{
    const struct pages_place *place = *state;
    struct pages_rows sql;
    struct pages_seen seen;
    sqlite3 *db = pages_make_file(place, &pages_shapes[5], 8);
    assert_true(pages_ask_sql(db, &sql));
    (void)sqlite3_close(db);
    assert_int_equal(unlink(place->path), 0);
    pages_scan(place, 512, &seen);
    size_t found = 0;
    for (size_t n = PAGES_ROWS / 2 + 100; n < PAGES_ROWS; n++) {
        found += sql.plain[n] != 0;
        assert_true(seen.live.plain[n] == sql.plain[n]);
    }
    assert_true(found > 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pages_set_up, pages_tear_down)
    const struct CMUnitTest tests[] = {
        T(damage_costs_no_row_of_another_page),
        T(a_chain_that_goes_round_is_bad),
        T(a_damaged_free_list_hides_nothing),
        T(of_a_damaged_wal_counts_what_sqlite_counts),
        T(a_big_endian_wal_is_read),
        T(a_foreign_wal_hides_nothing),
        T(what_is_no_database_gives_nothing),
        T(a_wal_alone_is_read),
    };
    return cmocka_run_group_tests_name("pages_damage", tests, NULL, NULL);
}
