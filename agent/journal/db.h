// SPDX-License-Identifier: Apache-2.0
//
// One SQLite database file as this house uses it: one process (a lock says so in words), one
// thread at a time, WAL, a small page cache, a checked `user_version`, and prepared statements
// addressed by number (see embed_sql.py). Binding errors stick to the statement and come out of its
// step, so that a caller checks once.
//
// Threading: a database belongs to one thread at a time. Memory: bound text and blobs are borrowed
// until the statement is stepped to its end or reset; results are borrowed until the next step.
// Time: none. Errors: SQLite's result codes as enum tw_err; tw_db_message has SQLite's own words.
#ifndef TW_DB_H
#define TW_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

struct tw_db;
struct tw_stmt;

struct tw_db_options {
    const char *what;       // what it is to a person: "the journal"
    const char *path;       // its folder exists
    const char *const *sql; // tw_NAME_sql; outlives the database
    size_t sql_count;
    const char *const *make; // tw_NAME_make: makes a new file of `version`
    int version;             // PRAGMA user_version
    unsigned cache_kib;      // page cache, at most
    unsigned page_bytes;     // of a new file; 0: SQLite's default
    bool durable;            // every commit is synced (synchronous=FULL); else only checkpoints (NORMAL)
};

// Opens or makes (mode 0600) the file. TW_ERR_AGAIN: another process has it. TW_ERR_VERSION: made by a
// newer version; neither the file nor its WAL was changed. TW_ERR_DAMAGED: not a database, or
// not one of ours. TW_ERR_IO, TW_ERR_FULL, TW_ERR_NOMEM. The text names the file and the remedy.
int TW_MUST_CHECK tw_db_open(const struct tw_db_options *options, struct tw_db **out,
                             struct tw_error_text *err);
// Ends open statements, checkpoints and closes. NULL is allowed.
void tw_db_close(struct tw_db *db);
// From now on closing leaves file and WAL as they are.
void tw_db_keep_wal(struct tw_db *db);

// Runs one statement given as text, for the few that are no part of the table.
int TW_MUST_CHECK tw_db_exec(struct tw_db *db, const char *sql);
// SQLite's words about the last failure; borrowed until the next call.
const char *tw_db_message(const struct tw_db *db);

// One write transaction (BEGIN IMMEDIATE). A commit that fails has rolled back.
int TW_MUST_CHECK tw_db_begin(struct tw_db *db);
int TW_MUST_CHECK tw_db_commit(struct tw_db *db);
void tw_db_rollback(struct tw_db *db);
// Rows written so far: the same number twice means that nothing was written in between. -1: no transaction is
// open, as after an error upon which SQLite gave it up.
int64_t tw_db_written(const struct tw_db *db);

// Brings the WAL into the database file; `truncate` also empties the WAL file.
// It stays with the connection that writes: before SQLite 3.51.3 a second one that checkpoints meanwhile can
// damage the file (https://sqlite.org/wal.html#walresetbug).
int TW_MUST_CHECK tw_db_checkpoint(struct tw_db *db, bool truncate);
// Gives statements, clean pages and free memory back: for when nothing is to do, between statements.
void tw_db_release(struct tw_db *db);

// Statement number `index`, reset and with nothing bound; never NULL (one that cannot be prepared
// fails at its step). Valid until the database is closed.
struct tw_stmt *tw_db_sql(struct tw_db *db, int index);
// The same one as it stands, for its next row.
struct tw_stmt *tw_db_running(struct tw_db *db, int index);

// Parameters count from 1. A slice of no bytes is an empty text or blob, not NULL.
void tw_stmt_int(struct tw_stmt *stmt, int at, int64_t value);
void tw_stmt_text(struct tw_stmt *stmt, int at, struct tw_slice text);
void tw_stmt_blob(struct tw_stmt *stmt, int at, struct tw_slice bytes);

// 1: a row is there; 0: the end (the statement is reset); negative: an error (reset as well).
int TW_MUST_CHECK tw_stmt_step(struct tw_stmt *stmt);
// Steps a statement that gives no rows, or whose rows do not matter, to its end.
int TW_MUST_CHECK tw_stmt_run(struct tw_stmt *stmt);
// Ends a statement before its last row.
void tw_stmt_end(struct tw_stmt *stmt);

// Columns of the row, counted from 0.
int64_t tw_stmt_get_int(const struct tw_stmt *stmt, int column);
struct tw_slice tw_stmt_get(const struct tw_stmt *stmt, int column); // text or blob
// Copies a blob of exactly `len` bytes; TW_ERR_DAMAGED when it has another length.
int TW_MUST_CHECK tw_stmt_get_fixed(const struct tw_stmt *stmt, int column, void *out, size_t len);

#endif
