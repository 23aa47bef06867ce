// SPDX-License-Identifier: Apache-2.0
//
// The fault disk has teeth and no false ones: a database that does not sync is damaged or loses what it
// reported, one that does keeps all of it, under each kind of loss; the same seed is the same history.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fault_platter.h"
#include "tests/fakes/fault_vfs.h"

#define PATH "/store/test.db"

enum { SEEDS = 40, INSERTS = 80, LONGEST_STEPS = 300 };

static int run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

// The first value of the query as text; empty when it fails.
static const char *query(sqlite3 *db, const char *sql, char out[64])
{
    sqlite3_stmt *stmt = NULL;
    out[0] = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        (void)snprintf(out, 64, "%s", (const char *)sqlite3_column_text(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
    return out;
}

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(PATH, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
    return db;
}

static void close_db(sqlite3 *db)
{
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct fault_disk *new_disk(uint64_t seed, enum fault_loss loss)
{
    struct fault_disk *disk = fault_disk_new(seed);
    assert_non_null(disk);
    fault_disk_set_loss(disk, loss);
    return disk;
}

// ---- histories ----

// Inserts rows of zero to three pages until the power fails; how many were reported committed.
static int insert_until_cut(struct fault_disk *disk, const char *pragmas)
{
    sqlite3 *db = open_db();
    int reported = 0;
    for (int i = run(db, pragmas) == SQLITE_OK ? 0 : INSERTS; i < INSERTS && !fault_disk_is_dead(disk); i++) {
        char sql[160];
        (void)snprintf(sql, sizeof sql, "INSERT INTO t VALUES(%d, hex(randomblob(20)), randomblob(%d))",
                       i + 1, i * 337 % 9000);
        reported += run(db, sql) == SQLITE_OK;
    }
    close_db(db);
    return reported;
}

// A database with its table, safe on the platter, and then a history that ends with a power cut.
static int play(struct fault_disk *disk, const char *pragmas, uint64_t seed)
{
    sqlite3 *db = open_db();
    assert_int_equal(run(db, pragmas), SQLITE_OK);
    assert_int_equal(run(db, "CREATE TABLE t(n INTEGER PRIMARY KEY, k TEXT UNIQUE, b BLOB)"), SQLITE_OK);
    close_db(db);
    struct fault_image *image = fault_disk_image(disk);
    fault_disk_put_back(disk, image);
    fault_image_free(image);
    uint64_t random = seed;
    fault_disk_cut_at(disk, 1 + fault_random(&random, LONGEST_STEPS));
    int committed = insert_until_cut(disk, pragmas);
    fault_disk_restart(disk);
    return committed;
}

// Whether the database is whole and holds what was reported, at most one row more, and no hole.
static bool is_sound(int committed)
{
    char text[64];
    sqlite3 *db = open_db();
    bool sound = strcmp(query(db, "PRAGMA integrity_check", text), "ok") == 0;
    int rows = atoi(query(db, "SELECT count(*) FROM t", text));
    sound = sound && atoi(query(db, "SELECT coalesce(max(n), 0) FROM t", text)) == rows;
    close_db(db);
    return sound && rows >= committed && rows <= committed + 1;
}

static int count_unsound(const char *pragmas, enum fault_loss loss)
{
    int unsound = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fault_disk *disk = new_disk(seed, loss);
        int committed = play(disk, pragmas, seed);
        unsound += !is_sound(committed);
        fault_disk_free(disk);
    }
    return unsound;
}

#define REST "; PRAGMA wal_autocheckpoint=20; PRAGMA cache_size=8; PRAGMA locking_mode=NORMAL"

static void what_is_synced_survives_every_loss(void **state)
{
    (void)state;
    for (enum fault_loss loss = FAULT_LOSE_ALL; loss < FAULT_LOSSES; loss++) {
        assert_int_equal(count_unsound("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL" REST, loss), 0);
        assert_int_equal(count_unsound("PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA" REST, loss), 0);
    }
}

static void what_is_not_synced_is_lost_or_damaged(void **state)
{
    (void)state;
    static const char *const careless[] = {
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF" REST,
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL" REST,
        "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF" REST,
    };
    for (size_t i = 0; i < sizeof careless / sizeof careless[0]; i++) {
        for (enum fault_loss loss = FAULT_LOSE_ALL; loss < FAULT_LOSSES; loss++) {
            int unsound = count_unsound(careless[i], loss);
            print_message("%s, loss %d: %d of %d unsound\n", careless[i], loss, unsound, SEEDS);
            assert_true(loss == FAULT_LOSE_NONE ? unsound == 0 : unsound > 0);
        }
    }
}

static uint64_t digest(uint64_t seed, enum fault_loss loss)
{
    struct fault_disk *disk = new_disk(seed, loss);
    int committed = play(disk, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF" REST, seed);
    uint64_t hash = fault_disk_steps(disk) * 31 + fault_disk_written(disk) * 37 + (uint64_t)committed;
    sqlite3_file *file = calloc(1, (size_t)sqlite3_vfs_find(NULL)->szOsFile);
    assert_non_null(file);
    sqlite3_int64 size = 0;
    assert_int_equal(
        sqlite3_vfs_find(NULL)->xOpen(sqlite3_vfs_find(NULL), PATH, file, SQLITE_OPEN_MAIN_DB, NULL),
        SQLITE_OK);
    assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    for (sqlite3_int64 at = 0; at + 8 <= size; at += 8) {
        uint64_t part = 0;
        assert_int_equal(file->pMethods->xRead(file, &part, 8, at), SQLITE_OK);
        hash = (hash ^ part) * UINT64_C(0x100000001b3); // FNV-1a
    }
    (void)file->pMethods->xClose(file);
    free(file);
    fault_disk_free(disk);
    return hash;
}

static void one_seed_is_one_history(void **state)
{
    (void)state;
    for (enum fault_loss loss = FAULT_LOSE_ALL; loss < FAULT_LOSSES; loss++) {
        uint64_t first = digest(7, loss);
        assert_true(first == digest(7, loss));
        assert_true(first != digest(8, loss));
    }
}

// ---- a single file ----

enum { OLD = 0x11, NEW = 0x22, FILE_BYTES = 8 * FAULT_SECTOR_BYTES };

static struct fault_platter old_file(void)
{
    struct fault_platter platter = {.now = {.len = 0}};
    uint8_t bytes[FILE_BYTES];
    memset(bytes, OLD, sizeof bytes);
    assert_true(fault_platter_write(&platter, 0, bytes, sizeof bytes));
    assert_true(fault_platter_sync(&platter));
    return platter;
}

// Overwrites [at, at + len), loses and reads again; gives how many bytes are new.
static size_t overwrite(uint64_t seed, enum fault_loss loss, bool safe, size_t at, size_t len, bool *beside)
{
    struct fault_platter platter = old_file();
    uint8_t bytes[FILE_BYTES];
    memset(bytes, NEW, sizeof bytes);
    assert_true(fault_platter_write(&platter, at, bytes, len));
    assert_int_equal(platter.now.ptr[at], NEW);
    assert_true(fault_platter_lose(&platter, loss, safe, &seed));
    assert_true(fault_platter_reload(&platter));
    assert_int_equal(platter.now.len, FILE_BYTES);
    size_t written = 0;
    *beside = false;
    for (size_t i = 0; i < FILE_BYTES; i++) {
        bool inside = i >= at && i < at + len;
        written += inside && platter.now.ptr[i] == NEW;
        *beside = *beside || (!inside && platter.now.ptr[i] != OLD);
    }
    fault_platter_free(&platter);
    return written;
}

static void sectors_are_lost_as_a_whole(void **state)
{
    (void)state;
    bool beside = false;
    size_t some = 0;
    assert_int_equal(overwrite(1, FAULT_LOSE_ALL, true, 0, FILE_BYTES, &beside), 0);
    assert_int_equal(overwrite(1, FAULT_LOSE_NONE, true, 0, FILE_BYTES, &beside), FILE_BYTES);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        size_t written = overwrite(seed, FAULT_LOSE_SOME, true, 0, FILE_BYTES, &beside);
        assert_int_equal(written % FAULT_SECTOR_BYTES, 0);
        some += written > 0 && written < FILE_BYTES;
        assert_false(beside);
    }
    assert_true(some > SEEDS / 4);
}

static void a_torn_write_spares_what_is_beside_it_where_that_is_promised(void **state)
{
    (void)state;
    unsigned torn = 0;
    unsigned damaged = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool beside = false;
        torn += overwrite(seed, FAULT_TEAR, true, 0, FILE_BYTES, &beside) % FAULT_SECTOR_BYTES != 0;
        (void)overwrite(seed, FAULT_TEAR, true, 700, 24, &beside);
        assert_false(beside);
        (void)overwrite(seed, FAULT_TEAR, false, 700, 24, &beside);
        damaged += beside;
    }
    assert_true(torn > SEEDS / 2);
    assert_true(damaged > SEEDS / 2);
}

static void an_append_may_leave_the_old_length_zeros_or_itself(void **state)
{
    (void)state;
    unsigned shorter = 0;
    unsigned zeros = 0;
    unsigned there = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fault_platter platter = old_file();
        uint8_t bytes[FAULT_SECTOR_BYTES];
        memset(bytes, NEW, sizeof bytes);
        uint64_t random = seed;
        assert_true(fault_platter_write(&platter, FILE_BYTES, bytes, sizeof bytes));
        assert_true(fault_platter_lose(&platter, FAULT_LOSE_SOME, true, &random));
        assert_true(fault_platter_reload(&platter));
        bool longer = platter.now.len > FILE_BYTES;
        shorter += !longer;
        zeros += longer && platter.now.ptr[FILE_BYTES] == 0;
        there += longer && platter.now.ptr[FILE_BYTES] == NEW;
        fault_platter_free(&platter);
    }
    assert_true(shorter > 0 && zeros > 0 && there > 0);
    assert_int_equal(shorter + zeros + there, SEEDS);
}

static void a_lost_truncation_takes_along_what_came_later(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fault_platter platter = old_file();
        uint64_t random = seed;
        uint8_t byte = NEW;
        assert_true(fault_platter_truncate(&platter, 0));
        assert_true(fault_platter_write(&platter, 0, &byte, 1));
        assert_true(fault_platter_lose(&platter, FAULT_LOSE_SOME, true, &random));
        assert_true(fault_platter_reload(&platter));
        assert_true(platter.now.len <= 1 || (platter.now.len == FILE_BYTES && platter.now.ptr[0] == OLD));
        lost += platter.now.len == FILE_BYTES;
        fault_platter_free(&platter);
    }
    assert_true(lost > 0 && lost < SEEDS);
}

// ---- the disk ----

static void a_full_disk_says_so_and_goes_on_when_there_is_room(void **state)
{
    (void)state;
    struct fault_disk *disk = new_disk(1, FAULT_LOSE_SOME);
    sqlite3 *db = open_db();
    assert_int_equal(run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(b)"),
                     SQLITE_OK);
    uint64_t size = fault_disk_used(disk) + 20000;
    fault_disk_set_size(disk, size);
    assert_int_equal(run(db, "INSERT INTO t VALUES(randomblob(8000))"), SQLITE_OK);
    assert_int_equal(run(db, "INSERT INTO t VALUES(randomblob(30000))"), SQLITE_FULL);
    assert_true(fault_disk_used(disk) <= size);
    fault_disk_set_size(disk, 0);
    assert_int_equal(run(db, "INSERT INTO t VALUES(randomblob(30000))"), SQLITE_OK);
    close_db(db);
    fault_disk_restart(disk);
    db = open_db();
    char text[64];
    assert_string_equal(query(db, "SELECT sum(length(b)) FROM t", text), "38000");
    close_db(db);
    fault_disk_free(disk);
}

static void a_sync_or_a_read_that_fails_is_an_error(void **state)
{
    (void)state;
    struct fault_disk *disk = new_disk(1, FAULT_LOSE_ALL);
    sqlite3 *db = open_db();
    assert_int_equal(run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(n)"),
                     SQLITE_OK);
    fault_disk_fail_sync(disk, true);
    assert_int_equal(run(db, "INSERT INTO t VALUES(1)"), SQLITE_IOERR);
    fault_disk_fail_sync(disk, false);
    assert_int_equal(run(db, "INSERT INTO t VALUES(2)"), SQLITE_OK);
    close_db(db);
    fault_disk_restart(disk);
    db = open_db();
    char text[64];
    assert_string_equal(query(db, "SELECT group_concat(n) FROM t", text), "2");
    close_db(db);
    db = open_db();
    fault_disk_fail_read(disk, true);
    assert_string_equal(query(db, "SELECT n FROM t", text), "");
    fault_disk_fail_read(disk, false);
    assert_string_equal(query(db, "SELECT n FROM t", text), "2");
    close_db(db);
    fault_disk_free(disk);
}

static void after_the_cut_everything_fails_until_the_power_is_back(void **state)
{
    (void)state;
    struct fault_disk *disk = new_disk(1, FAULT_LOSE_ALL);
    sqlite3 *db = open_db();
    assert_int_equal(run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(n)"),
                     SQLITE_OK);
    uint64_t steps = fault_disk_steps(disk);
    fault_disk_cut_at(disk, 3);
    assert_int_equal(run(db, "INSERT INTO t VALUES(1)"), SQLITE_IOERR);
    assert_true(fault_disk_is_dead(disk));
    assert_int_equal(fault_disk_steps(disk), steps + 3);
    assert_int_not_equal(run(db, "INSERT INTO t VALUES(2)"), SQLITE_OK);
    char text[64];
    assert_string_equal(query(db, "SELECT count(*) FROM t WHERE n > 0", text), "");
    close_db(db);
    fault_disk_restart(disk);
    db = open_db();
    assert_string_equal(query(db, "SELECT count(*) FROM t", text), "0");
    close_db(db);
    fault_disk_free(disk);
}

// Two connections of one process: the WAL index and the locks are shared, and the last one out cleans up.
static void two_connections_keep_apart(void **state)
{
    (void)state;
    struct fault_disk *disk = new_disk(3, FAULT_LOSE_ALL);
    sqlite3 *a = open_db();
    assert_int_equal(run(a, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=5; CREATE TABLE t(n)"),
                     SQLITE_OK);
    sqlite3 *b = open_db();
    char text[64];
    for (int i = 1; i <= 50; i++) {
        char rows[16];
        (void)snprintf(rows, sizeof rows, "%d", 2 * i - 1);
        assert_int_equal(run(a, "BEGIN IMMEDIATE; INSERT INTO t VALUES(1)"), SQLITE_OK);
        assert_int_equal(run(b, "INSERT INTO t VALUES(2)"), SQLITE_BUSY);
        assert_int_equal(run(a, "COMMIT"), SQLITE_OK);
        assert_string_equal(query(b, "SELECT count(*) FROM t", text), rows);
        assert_int_equal(run(b, "INSERT INTO t VALUES(2)"), SQLITE_OK);
    }
    close_db(a);
    assert_int_equal(run(b, "INSERT INTO t VALUES(3)"), SQLITE_OK);
    close_db(b);
    a = open_db();
    assert_string_equal(query(a, "SELECT count(*) FROM t", text), "101");
    assert_string_equal(query(a, "PRAGMA integrity_check", text), "ok");
    close_db(a);
    fault_disk_free(disk);
}

// With a rollback journal: SHARED, RESERVED, PENDING and EXCLUSIVE stand in each other's way as they should.
static void two_connections_keep_apart_without_a_wal(void **state)
{
    (void)state;
    struct fault_disk *disk = new_disk(3, FAULT_LOSE_ALL);
    sqlite3 *a = open_db();
    sqlite3 *b = open_db();
    char text[64];
    assert_int_equal(run(a, "CREATE TABLE t(n); INSERT INTO t VALUES(0)"), SQLITE_OK);
    assert_int_equal(run(b, "BEGIN; SELECT * FROM t"), SQLITE_OK);
    assert_int_equal(run(a, "BEGIN; INSERT INTO t VALUES(1)"), SQLITE_OK);
    assert_int_equal(run(b, "INSERT INTO t VALUES(2)"), SQLITE_BUSY);
    assert_int_equal(run(a, "COMMIT"), SQLITE_BUSY); // b still reads
    assert_int_equal(run(b, "COMMIT"), SQLITE_OK);
    assert_int_equal(run(a, "COMMIT"), SQLITE_OK);
    assert_string_equal(query(b, "SELECT count(*) FROM t", text), "2");
    close_db(a);
    close_db(b);
    fault_disk_free(disk);
}

static void a_name_that_was_not_synced_may_be_gone_or_come_back(void **state)
{
    (void)state;
    unsigned back = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fault_disk *disk = new_disk(seed, FAULT_LOSE_SOME);
        sqlite3 *db = open_db();
        assert_int_equal(run(db, "CREATE TABLE t(n)"), SQLITE_OK);
        close_db(db);
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
        assert_int_equal(vfs->xDelete(vfs, PATH, 0), SQLITE_OK);
        fault_disk_restart(disk);
        int there = 0;
        assert_int_equal(vfs->xAccess(vfs, PATH, SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
        back += there != 0;
        if (there) {
            assert_int_equal(vfs->xDelete(vfs, PATH, 1), SQLITE_OK);
            fault_disk_restart(disk);
            assert_int_equal(vfs->xAccess(vfs, PATH, SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
            assert_false(there);
        }
        fault_disk_free(disk);
    }
    assert_true(back > 0 && back < SEEDS);
}

static void an_image_brings_everything_back(void **state)
{
    (void)state;
    struct fault_disk *disk = new_disk(1, FAULT_LOSE_ALL);
    sqlite3 *db = open_db();
    assert_int_equal(run(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(n); INSERT INTO t VALUES(1)"),
                     SQLITE_OK);
    close_db(db);
    struct fault_image *image = fault_disk_image(disk);
    uint64_t used = fault_disk_used(disk);
    db = open_db();
    assert_int_equal(run(db, "DELETE FROM t; INSERT INTO t VALUES(randomblob(50000))"), SQLITE_OK);
    close_db(db);
    fault_disk_put_back(disk, image);
    assert_true(fault_disk_used(disk) == used);
    fault_disk_restart(disk);
    db = open_db();
    char text[64];
    assert_string_equal(query(db, "SELECT n FROM t", text), "1");
    close_db(db);
    fault_image_free(image);
    fault_disk_free(disk);
}

static void what_a_write_skips_is_zeros(void **state)
{
    (void)state;
    struct fault_platter platter = {.log = {NULL, 0, 0}};
    assert_true(fault_platter_write(&platter, 0, "before", 6) && fault_platter_truncate(&platter, 0) &&
                fault_platter_write(&platter, 6, "!", 1) && fault_platter_sync(&platter));
    assert_memory_equal(platter.now.ptr, "\0\0\0\0\0\0!", 7);
    assert_memory_equal(platter.kept.ptr, "\0\0\0\0\0\0!", 7);
    fault_platter_free(&platter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_are_lost_as_a_whole),
        cmocka_unit_test(a_torn_write_spares_what_is_beside_it_where_that_is_promised),
        cmocka_unit_test(an_append_may_leave_the_old_length_zeros_or_itself),
        cmocka_unit_test(a_lost_truncation_takes_along_what_came_later),
        cmocka_unit_test(what_a_write_skips_is_zeros),
        cmocka_unit_test(what_is_synced_survives_every_loss),
        cmocka_unit_test(what_is_not_synced_is_lost_or_damaged),
        cmocka_unit_test(one_seed_is_one_history),
        cmocka_unit_test(a_full_disk_says_so_and_goes_on_when_there_is_room),
        cmocka_unit_test(a_sync_or_a_read_that_fails_is_an_error),
        cmocka_unit_test(after_the_cut_everything_fails_until_the_power_is_back),
        cmocka_unit_test(two_connections_keep_apart),
        cmocka_unit_test(two_connections_keep_apart_without_a_wal),
        cmocka_unit_test(a_name_that_was_not_synced_may_be_gone_or_come_back),
        cmocka_unit_test(an_image_brings_everything_back),
    };
    return cmocka_run_group_tests_name("fault_vfs", tests, NULL, NULL);
}
