// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct tw_stmt {
    struct tw_db *db;
    sqlite3_stmt *raw;
    int error; // the first failed bind or the failed prepare; 0: none
};

enum { OPEN_WAIT_MS = 5000, VERSION_MAX = 255 }; // there will be no more versions; a flipped bit makes them
enum { RUN_BEGIN, RUN_COMMIT, RUN_ROLLBACK, RUN_COUNT };

static const char *const control_sql[RUN_COUNT] = {
    [RUN_BEGIN] = "BEGIN IMMEDIATE",
    [RUN_COMMIT] = "COMMIT",
    [RUN_ROLLBACK] = "ROLLBACK",
};

struct tw_db {
    sqlite3 *raw;
    int lock_fd;
    const char *const *sql;
    size_t sql_count;
    struct tw_stmt *stmts; // sql_count, then RUN_COUNT
};

// SQLite's primary result codes (https://sqlite.org/rescode.html) in the house's words.
static int err_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return TW_OK;
    case SQLITE_NOMEM:
        return TW_ERR_NOMEM;
    case SQLITE_FULL:
        return TW_ERR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return TW_ERR_DAMAGED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TW_ERR_AGAIN;
    case SQLITE_TOOBIG:
        return TW_ERR_TOO_LARGE;
    case SQLITE_CONSTRAINT:
        return TW_ERR_EXISTS;
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
    case SQLITE_MISMATCH:
        return TW_ERR_INVALID;
    }
    return TW_ERR_IO;
}

int tw_db_exec(struct tw_db *db, const char *sql)
{
    return err_of(sqlite3_exec(db->raw, sql, NULL, NULL, NULL));
}

const char *tw_db_message(const struct tw_db *db)
{
    return sqlite3_errmsg(db->raw);
}

// ---- statements ----

static struct tw_stmt *stmt_ready(struct tw_db *db, size_t index, const char *sql)
{
    struct tw_stmt *stmt = &db->stmts[index];
    stmt->error = TW_OK;
    if (stmt->raw == NULL) {
        stmt->db = db;
        int rc = sqlite3_prepare_v3(db->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->raw, NULL);
        // The statements fit the tables this house makes: where one does not, the schema is damaged.
        stmt->error = (rc & 0xff) == SQLITE_ERROR ? TW_ERR_DAMAGED : err_of(rc);
    } else {
        (void)sqlite3_reset(stmt->raw);
        (void)sqlite3_clear_bindings(stmt->raw);
    }
    return stmt;
}

struct tw_stmt *tw_db_sql(struct tw_db *db, int index)
{
    return stmt_ready(db, (size_t)index, db->sql[index]);
}

struct tw_stmt *tw_db_running(struct tw_db *db, int index)
{
    return &db->stmts[index];
}

static int control(struct tw_db *db, int which)
{
    return tw_stmt_run(stmt_ready(db, db->sql_count + (size_t)which, control_sql[which]));
}

static void note(struct tw_stmt *stmt, int rc)
{
    if (stmt->error == TW_OK) {
        stmt->error = err_of(rc);
    }
}

void tw_stmt_int(struct tw_stmt *stmt, int at, int64_t value)
{
    if (stmt->error == TW_OK) {
        note(stmt, sqlite3_bind_int64(stmt->raw, at, value));
    }
}

void tw_stmt_text(struct tw_stmt *stmt, int at, struct tw_slice text)
{
    if (stmt->error == TW_OK) {
        const char *ptr = text.len > 0 ? (const char *)text.ptr : "";
        note(stmt, sqlite3_bind_text64(stmt->raw, at, ptr, text.len, SQLITE_STATIC, SQLITE_UTF8));
    }
}

void tw_stmt_blob(struct tw_stmt *stmt, int at, struct tw_slice bytes)
{
    if (stmt->error == TW_OK) {
        const void *ptr = bytes.len > 0 ? (const void *)bytes.ptr : "";
        note(stmt, sqlite3_bind_blob64(stmt->raw, at, ptr, bytes.len, SQLITE_STATIC));
    }
}

int tw_stmt_step(struct tw_stmt *stmt)
{
    if (stmt->error != TW_OK) {
        return stmt->error;
    }
    int rc = sqlite3_step(stmt->raw);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    (void)sqlite3_reset(stmt->raw);
    return err_of(rc);
}

int tw_stmt_run(struct tw_stmt *stmt)
{
    int rc = tw_stmt_step(stmt);
    while (rc > 0) {
        rc = tw_stmt_step(stmt);
    }
    return rc;
}

void tw_stmt_end(struct tw_stmt *stmt)
{
    if (stmt->raw != NULL) {
        (void)sqlite3_reset(stmt->raw);
    }
}

int64_t tw_stmt_get_int(const struct tw_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->raw, column);
}

struct tw_slice tw_stmt_get(const struct tw_stmt *stmt, int column)
{
    const void *ptr = sqlite3_column_blob(stmt->raw, column);
    return tw_slice_make(ptr, ptr == NULL ? 0 : (size_t)sqlite3_column_bytes(stmt->raw, column));
}

int tw_stmt_get_fixed(const struct tw_stmt *stmt, int column, void *out, size_t len)
{
    struct tw_slice bytes = tw_stmt_get(stmt, column);
    if (bytes.ptr == NULL || bytes.len != len) {
        return TW_ERR_DAMAGED;
    }
    memcpy(out, bytes.ptr, len);
    return TW_OK;
}

// ---- transactions ----

int tw_db_begin(struct tw_db *db)
{
    tw_db_rollback(db); // one that could not be undone for want of memory
    // Prepared before anything needs it: when memory is out it can still be run.
    int rc = stmt_ready(db, db->sql_count + RUN_ROLLBACK, control_sql[RUN_ROLLBACK])->error;
    rc = rc == TW_OK ? control(db, RUN_BEGIN) : rc;
    if (rc != TW_OK) {
        tw_db_rollback(db);
    }
    return rc;
}

int tw_db_commit(struct tw_db *db)
{
    int rc = control(db, RUN_COMMIT);
    if (rc != TW_OK) {
        tw_db_rollback(db);
    }
    return rc;
}

void tw_db_rollback(struct tw_db *db)
{
    if (sqlite3_get_autocommit(db->raw) == 0) {
        (void)control(db, RUN_ROLLBACK);
    }
}

// https://sqlite.org/c3ref/total_changes.html, get_autocommit.html
int64_t tw_db_written(const struct tw_db *db)
{
    return sqlite3_get_autocommit(db->raw) == 0 ? sqlite3_total_changes64(db->raw) : -1;
}

int tw_db_checkpoint(struct tw_db *db, bool truncate)
{
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    return err_of(sqlite3_wal_checkpoint_v2(db->raw, NULL, mode, NULL, NULL));
}

void tw_db_release(struct tw_db *db)
{
    for (size_t i = 0; i < db->sql_count + RUN_COUNT; i++) { // they are prepared again when they are needed
        (void)sqlite3_finalize(db->stmts[i].raw);
        db->stmts[i].raw = NULL;
    }
    (void)sqlite3_db_release_memory(db->raw);
}

// ---- opening ----

static int fail_open(const struct tw_db_options *options, int code, struct tw_error_text *err,
                     const char *why, const char *remedy)
{
    return tw_fail(err, code, "opening %s %s: %s; %s", options->what, options->path, why, remedy);
}

static int fail_sqlite(const struct tw_db_options *options, struct tw_db *db, int code,
                       struct tw_error_text *err)
{
    const char *remedy = "check the disk and the permissions of the folder";
    if (code == TW_ERR_DAMAGED) {
        remedy =
            "the file is damaged or not a database: move it away together with its -wal and -shm files, keep "
            "them for recovery, and start again";
    } else if (code == TW_ERR_FULL) {
        remedy = "make room on the disk";
    }
    return fail_open(options, code, err, tw_db_message(db), remedy);
}

// flock(2), apart from SQLite's own locks, so that a second process is told in words. The lock file
// stays: removing it would let two processes hold "the" lock on different files.
static int take_lock(struct tw_db *db, const struct tw_db_options *options, struct tw_error_text *err)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s-lock", options->path) >= sizeof path) {
        return fail_open(options, TW_ERR_INVALID, err, "the path is too long", "choose a shorter one");
    }
    db->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0) {
        return fail_open(options, TW_ERR_IO, err, strerror(errno),
                         "check that its folder exists and can be written");
    }
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return fail_open(options, TW_ERR_AGAIN, err, "it is in use by another process",
                         "stop the other process or choose another folder");
    }
    return TW_OK;
}

// A new file gets mode 0600 (its WAL takes the mode from it) and its name is made durable.
static int make_file(const struct tw_db_options *options, struct tw_error_text *err)
{
    int fd = open(options->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? TW_OK
                               : fail_open(options, TW_ERR_IO, err, strerror(errno),
                                           "check that its folder exists and can be written");
    }
    (void)close(fd);
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", options->path);
    int folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = folder >= 0 && fsync(folder) == 0 ? TW_OK : TW_ERR_IO;
    if (folder >= 0) {
        (void)close(folder);
    }
    return rc == TW_OK ? TW_OK
                       : fail_open(options, rc, err, "its folder cannot be synced to disk", "check the disk");
}

static int query_int(struct tw_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->raw, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            *out = sqlite3_column_int64(stmt, 0);
        }
    }
    int final = sqlite3_finalize(stmt);
    return err_of(rc == SQLITE_ROW ? final : rc);
}

// Until the version is known, closing must not checkpoint: a newer file stays as it is, WAL included.
static int check_version(struct tw_db *db, const struct tw_db_options *options, bool *is_new,
                         struct tw_error_text *err)
{
    (void)sqlite3_db_config(db->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int64_t version = 0;
    int64_t tables = 0;
    int rc = query_int(db, "PRAGMA user_version", &version);
    if (rc == TW_OK) {
        rc = query_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (rc != TW_OK) {
        return fail_sqlite(options, db, rc, err);
    }
    if (version > VERSION_MAX) {
        return fail_open(options, TW_ERR_DAMAGED, err, "its version makes no sense", "move it away");
    }
    if (version > options->version) {
        return tw_fail(
            err, TW_ERR_VERSION,
            "opening %s %s: it was written by a newer version (format %lld, this one knows %d) and was "
            "left untouched; install the newer version again, or move the file away",
            options->what, options->path, (long long)version, options->version);
    }
    if (version > 0 && version < options->version) {
        return fail_open(options, TW_ERR_VERSION, err, "it has an older format that was never released",
                         "it was left untouched; move it away");
    }
    if (version == 0 && tables != 0) {
        return fail_open(options, TW_ERR_DAMAGED, err, "it is a database of something else",
                         "move it away or choose another folder");
    }
    *is_new = version == 0;
    (void)sqlite3_db_config(db->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return TW_OK;
}

// https://sqlite.org/pragma.html. secure_delete=FAST: zeroes what costs no further write (Debian builds with
// ON, which rewrites every freed page). auto_vacuum must come before the first page is written.
static int set_up(struct tw_db *db, const struct tw_db_options *options, bool is_new)
{
    char cache[64];
    char pages[64] = "PRAGMA page_size"; // asks, changes nothing
    (void)snprintf(cache, sizeof cache, "PRAGMA cache_size=-%u", options->cache_kib);
    if (options->page_bytes > 0) {
        (void)snprintf(pages, sizeof pages, "PRAGMA page_size=%u", options->page_bytes);
    }
    const char *const pragmas[] = {
        pages,
        is_new ? "PRAGMA auto_vacuum=INCREMENTAL"
               : "PRAGMA auto_vacuum", // each setting writes the first page
        "PRAGMA journal_mode=WAL",
        options->durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
        "PRAGMA journal_size_limit=4194304",
        "PRAGMA wal_autocheckpoint=1000",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA mmap_size=0",
        "PRAGMA secure_delete=FAST",
        "PRAGMA cell_size_check=ON",
        cache,
    };
    // Statements are prepared once, so that the slots for small allocations would mostly lie idle.
    (void)sqlite3_db_config(db->raw, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    (void)sqlite3_db_config(db->raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas && rc == TW_OK; i++) {
        rc = tw_db_exec(db, pragmas[i]);
    }
    return rc;
}

// All of it in one transaction: the file is there with its version, or it is still empty.
static int make_tables(struct tw_db *db, const struct tw_db_options *options)
{
    int rc = tw_db_begin(db);
    for (const char *const *sql = options->make; *sql != NULL && rc == TW_OK; sql++) {
        rc = tw_db_exec(db, *sql);
    }
    if (rc == TW_OK) {
        char version[64];
        (void)snprintf(version, sizeof version, "PRAGMA user_version=%d", options->version);
        rc = tw_db_exec(db, version);
    }
    if (rc == TW_OK) {
        rc = tw_db_commit(db);
    } else {
        tw_db_rollback(db);
    }
    return rc;
}

// Before the process' first connection; later it is misuse and changes nothing
// (https://sqlite.org/c3ref/config.html). Pages come one by one instead of 20 at once (88 KiB), allocations
// are not counted, a connection has one thread.
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
}

static int open_raw(struct tw_db *db, const struct tw_db_options *options, struct tw_error_text *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    configure_library();
    int rc = sqlite3_open_v2(options->path, &db->raw, flags, NULL);
    if (rc != SQLITE_OK) {
        return db->raw != NULL ? fail_sqlite(options, db, err_of(rc), err)
                               : fail_open(options, TW_ERR_NOMEM, err, "out of memory", "free some");
    }
    // Whoever only looks at the file (a backup, a shell) is waited for: after a crash the WAL is recovered
    // under an exclusive lock. Later nobody can stand in the way of a writer, and nothing waits.
    (void)sqlite3_busy_timeout(db->raw, OPEN_WAIT_MS);
    bool is_new = false;
    int code = check_version(db, options, &is_new, err);
    if (code != TW_OK) {
        return code;
    }
    code = set_up(db, options, is_new);
    if (code == TW_OK && is_new) {
        code = make_tables(db, options);
    }
    (void)sqlite3_busy_timeout(db->raw, 0);
    return code == TW_OK ? TW_OK : fail_sqlite(options, db, code, err);
}

int tw_db_open(const struct tw_db_options *options, struct tw_db **out, struct tw_error_text *err)
{
    struct tw_db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return fail_open(options, TW_ERR_NOMEM, err, "out of memory", "free some");
    }
    db->lock_fd = -1;
    db->sql = options->sql;
    db->sql_count = options->sql_count;
    db->stmts = calloc(db->sql_count + RUN_COUNT, sizeof *db->stmts);
    int rc = db->stmts != NULL ? take_lock(db, options, err)
                               : fail_open(options, TW_ERR_NOMEM, err, "out of memory", "free some");
    if (rc == TW_OK) {
        rc = make_file(options, err);
    }
    if (rc == TW_OK) {
        rc = open_raw(db, options, err);
    }
    if (rc != TW_OK) {
        tw_db_close(db);
        return rc;
    }
    *out = db;
    return TW_OK;
}

void tw_db_keep_wal(struct tw_db *db)
{
    (void)sqlite3_db_config(db->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void tw_db_close(struct tw_db *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; db->stmts != NULL && i < db->sql_count + RUN_COUNT; i++) {
        (void)sqlite3_finalize(db->stmts[i].raw);
    }
    (void)sqlite3_close(db->raw);
    if (db->lock_fd >= 0) {
        (void)close(db->lock_fd);
    }
    free(db->stmts);
    free(db);
}
