// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/journal/db.h"

enum { SQL_PUT, SQL_GET, SQL_ALL, SQL_WRONG, SQL_COUNT };

static const char *const sql[SQL_COUNT] = {
    [SQL_PUT] = "INSERT INTO things (n, name, bytes) VALUES (?1, ?2, ?3)",
    [SQL_GET] = "SELECT name, bytes FROM things WHERE n = ?1",
    [SQL_ALL] = "SELECT n FROM things ORDER BY n",
    [SQL_WRONG] = "SELECT nothing FROM nowhere",
};
static const char *const make[] = {
    "CREATE TABLE things (n INTEGER PRIMARY KEY, name TEXT, bytes BLOB) STRICT", NULL};

struct place {
    char folder[64];
    char path[96];
};

static struct tw_db_options options_of(const struct place *place)
{
    return (struct tw_db_options){.what = "the test file",
                                  .path = place->path,
                                  .sql = sql,
                                  .sql_count = SQL_COUNT,
                                  .make = make,
                                  .version = 3,
                                  .cache_kib = 64,
                                  .durable = true};
}

static int try_open(const struct place *place, struct tw_db **db, struct tw_error_text *err)
{
    const struct tw_db_options options = options_of(place);
    return tw_db_open(&options, db, err);
}

static struct tw_db *open_fine(const struct place *place)
{
    struct tw_db *db = NULL;
    struct tw_error_text err = {""};
    if (try_open(place, &db, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    return db;
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/tillwire-db-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/test.db", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    static const char *const endings[] = {"", "-lock", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", place->path, endings[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static int put(struct tw_db *db, int64_t n, const char *name)
{
    struct tw_stmt *stmt = tw_db_sql(db, SQL_PUT);
    tw_stmt_int(stmt, 1, n);
    tw_stmt_text(stmt, 2, tw_slice_of(name));
    tw_stmt_blob(stmt, 3, tw_slice_make(NULL, 0));
    return tw_stmt_run(stmt);
}

static int count(struct tw_db *db)
{
    struct tw_stmt *stmt = tw_db_sql(db, SQL_ALL);
    int rows = 0;
    while (tw_stmt_step(stmt) == 1) {
        rows++;
    }
    return rows;
}

static int64_t query(const char *path, const char *text)
{
    sqlite3 *raw = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(path, &raw, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(raw, text, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(raw);
    return value;
}

static void new_file_is_set_up(void **state)
{
    struct place *place = *state;
    struct tw_db *db = open_fine(place);
    assert_int_equal(put(db, 1, "one"), TW_OK);
    struct stat info;
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    char wal[128];
    (void)snprintf(wal, sizeof wal, "%s-wal", place->path);
    assert_int_equal(stat(wal, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(query(place->path, "PRAGMA user_version"), 3);
    assert_int_equal(query(place->path, "PRAGMA auto_vacuum"), 2);
    tw_db_close(db);
    assert_int_equal(stat(wal, &info), -1);
    db = open_fine(place);
    assert_int_equal(count(db), 1);
    tw_db_close(db);
}

static void values_come_back(void **state)
{
    struct tw_db *db = open_fine(*state);
    struct tw_stmt *stmt = tw_db_sql(db, SQL_PUT);
    tw_stmt_int(stmt, 1, -7);
    tw_stmt_text(stmt, 2, tw_slice_make("a\0b", 3));
    tw_stmt_blob(stmt, 3, tw_slice_make("\xff\x00", 2));
    assert_int_equal(tw_stmt_run(stmt), TW_OK);
    stmt = tw_db_sql(db, SQL_GET);
    tw_stmt_int(stmt, 1, -7);
    assert_int_equal(tw_stmt_step(stmt), 1);
    assert_int_equal(tw_stmt_get(stmt, 0).len, 3);
    uint8_t bytes[3];
    assert_int_equal(tw_stmt_get_fixed(stmt, 1, bytes, 3), TW_ERR_DAMAGED);
    assert_int_equal(tw_stmt_get_fixed(stmt, 1, bytes, 2), TW_OK);
    assert_int_equal(bytes[0], 0xff);
    assert_int_equal(tw_stmt_step(stmt), 0);
    assert_int_equal(put(db, -7, "again"), TW_ERR_EXISTS);
    assert_int_equal(tw_stmt_run(tw_db_sql(db, SQL_WRONG)), TW_ERR_DAMAGED);
    stmt = tw_db_sql(db, SQL_GET);
    tw_stmt_int(stmt, 2, 1); // there is no second parameter
    assert_int_equal(tw_stmt_step(stmt), TW_ERR_INVALID);
    tw_db_close(db);
}

static void it_is_known_whether_something_was_written(void **state)
{
    struct tw_db *db = open_fine(*state);
    assert_int_equal(tw_db_written(db), -1);
    assert_int_equal(tw_db_begin(db), TW_OK);
    int64_t before = tw_db_written(db);
    assert_int_equal(put(db, 1, "one"), TW_OK);
    int64_t after = tw_db_written(db);
    assert_true(before >= 0 && after != before);
    assert_int_equal(put(db, 1, "again"), TW_ERR_EXISTS);
    assert_int_equal(tw_db_written(db), after);
    assert_int_equal(put(db, 2, "two"), TW_OK);
    assert_int_equal(tw_db_commit(db), TW_OK);
    assert_int_equal(tw_db_written(db), -1);
    assert_int_equal(count(db), 2);
    assert_int_equal(tw_db_begin(db), TW_OK);
    assert_int_equal(put(db, 9, "never"), TW_OK);
    tw_db_rollback(db);
    assert_int_equal(count(db), 2);
    assert_int_equal(tw_db_checkpoint(db, true), TW_OK);
    tw_db_close(db);
}

static void a_second_opener_is_told(void **state)
{
    struct place *place = *state;
    struct tw_db *db = open_fine(place);
    struct tw_db *other = NULL;
    struct tw_error_text err = {""};
    assert_int_equal(try_open(place, &other, &err), TW_ERR_AGAIN);
    assert_null(other);
    assert_non_null(strstr(err.text, "in use by another process"));
    assert_non_null(strstr(err.text, place->path));
    tw_db_close(db);
    db = open_fine(place);
    tw_db_close(db);
}

static void what_cannot_be_opened_is_explained(void **state)
{
    struct place *place = *state;
    struct tw_db *db = NULL;
    struct tw_error_text err = {""};
    FILE *file = fopen(place->path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++) {
        (void)fputc(i % 251, file);
    }
    (void)fclose(file);
    assert_int_equal(try_open(place, &db, &err), TW_ERR_DAMAGED);
    assert_non_null(strstr(err.text, place->path));
    assert_non_null(strstr(err.text, "move it away"));
    assert_int_equal(unlink(place->path), 0);

    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(place->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "CREATE TABLE other (a)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(raw);
    assert_int_equal(try_open(place, &db, &err), TW_ERR_DAMAGED);
    assert_non_null(strstr(err.text, "something else"));

    struct place nowhere = {.path = "/nonexistent-folder/test.db"};
    assert_int_equal(try_open(&nowhere, &db, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent-folder/test.db"));
    assert_null(db);
}

static void *look_for_a_while(void *ctx)
{
    sqlite3 *raw = ctx;
    (void)usleep(300000);
    (void)sqlite3_close(raw);
    return NULL;
}

// Somebody looks into the file with a tool of their own while the agent starts: it waits.
static void a_visitor_is_waited_for(void **state)
{
    const struct place *place = *state;
    tw_db_close(open_fine(place));
    sqlite3 *raw = NULL;
    pthread_t visitor;
    assert_int_equal(sqlite3_open(place->path, &raw), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(raw, "PRAGMA locking_mode=EXCLUSIVE; SELECT count(*) FROM things", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(pthread_create(&visitor, NULL, look_for_a_while, raw), 0);
    tw_db_close(open_fine(place));
    assert_int_equal(pthread_join(visitor, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_file_is_set_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_known_whether_something_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_opener_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_visitor_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_explained, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
