// SPDX-License-Identifier: Apache-2.0
//
// What the disk and SQLite can do, without us: one run, one JSON object.
//
//   disk_bench sync [--dir DIR] [--seconds S]              fdatasync(2) after each 4 KiB written over
//   disk_bench rows [--dir DIR] [--seconds S] [--rows N]   WAL, synchronous=FULL: transactions of N rows
//                                                          of 600 bytes
//
// "per_s" counts syncs or rows, the times are those of one sync or one transaction.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/journal/db.h"
#include "tools/bench/figures.h"

enum { BLOCK_BYTES = 4096, BLOCKS = 1024, MOST = 4000000 };

struct run {
    char folder[256], path[300];
    int64_t ns; // how long
    unsigned long rows;
    struct bench_took took;
};

static void finish(struct run *run, int64_t began_ns, double each)
{
    double seconds = (double)(bench_now_ns() - began_ns) / 1e9;
    (void)printf("{\"count\":%zu,", run->took.count);
    bench_took_print(&run->took, (double)run->took.count * each / seconds);
    (void)printf("}\n");
}

static void run_sync(struct run *run)
{
    char block[BLOCK_BYTES];
    memset(block, 'x', sizeof block);
    int fd = open(run->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    for (off_t i = 0; i < BLOCKS; i++) {
        if (pwrite(fd, block, sizeof block, i * BLOCK_BYTES) != BLOCK_BYTES) {
            bench_stop(run->path, "cannot be written");
        }
    }
    (void)fsync(fd);
    int64_t began = bench_now_ns();
    for (int64_t now = began; now - began < run->ns && run->took.count < MOST;) {
        off_t at = (off_t)(run->took.count % BLOCKS) * BLOCK_BYTES;
        if (pwrite(fd, block, sizeof block, at) != BLOCK_BYTES || fdatasync(fd) != 0) {
            bench_stop(run->path, "cannot be synced");
        }
        int64_t then = now;
        now = bench_now_ns();
        bench_took_add(&run->took, now - then);
    }
    finish(run, began, 1);
    (void)close(fd);
}

static struct tw_db *open_bare(const struct run *run)
{
    static const char *const sql[] = {"INSERT INTO rows (data) VALUES (?1)"};
    static const char *const make[] = {"CREATE TABLE rows (n INTEGER PRIMARY KEY, data BLOB NOT NULL)", NULL};
    const struct tw_db_options options = {.what = "the bare database",
                                          .path = run->path,
                                          .sql = sql,
                                          .sql_count = 1,
                                          .make = make,
                                          .version = 1,
                                          .cache_kib = 2000, // SQLite's own default
                                          .durable = true};
    struct tw_db *db = NULL;
    bench_must("open", tw_db_open(&options, &db, NULL));
    return db;
}

static void write_rows(struct run *run, struct tw_db *db, struct tw_slice data)
{
    bool many = run->rows > 1; // one row is its own transaction
    if (many) {
        bench_must("begin", tw_db_begin(db));
    }
    for (unsigned long i = 0; i < run->rows; i++) {
        struct tw_stmt *stmt = tw_db_sql(db, 0);
        tw_stmt_blob(stmt, 1, data);
        bench_must("insert", tw_stmt_run(stmt));
    }
    if (many) {
        bench_must("commit", tw_db_commit(db));
    }
}

static void run_rows(struct run *run)
{
    char data[BENCH_EVENT_BYTES];
    memset(data, 'x', sizeof data);
    struct tw_db *db = open_bare(run);
    int64_t began = bench_now_ns();
    for (int64_t now = began; now - began < run->ns && run->took.count < MOST;) {
        write_rows(run, db, tw_slice_make(data, sizeof data));
        int64_t then = now;
        now = bench_now_ns();
        bench_took_add(&run->took, now - then);
    }
    finish(run, began, (double)run->rows);
    tw_db_close(db);
}

static void clean(const struct run *run)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[320];
        (void)snprintf(path, sizeof path, "%s%s", run->path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(run->folder);
}

int main(int argc, char **argv)
{
    struct run run = {.ns = (int64_t)(strtod(bench_option(argc, argv, "--seconds", "1"), NULL) * 1e9),
                      .rows = bench_number(argc, argv, "--rows", 1)};
    const char *what = argc > 1 ? argv[1] : "";
    bool sync = strcmp(what, "sync") == 0;
    (void)snprintf(run.folder, sizeof run.folder, "%s/disk-bench-XXXXXX",
                   bench_option(argc, argv, "--dir", "/var/tmp"));
    if ((!sync && strcmp(what, "rows") != 0) || run.rows == 0 || mkdtemp(run.folder) == NULL) {
        (void)fprintf(stderr, "usage: disk_bench sync|rows [--dir DIR] [--seconds S] [--rows N]\n");
        return 2;
    }
    (void)snprintf(run.path, sizeof run.path, "%s/bench.db", run.folder);
    bench_took_new(&run.took, MOST / 10);
    if (sync) {
        run_sync(&run);
    } else {
        run_rows(&run);
    }
    bench_took_free(&run.took);
    clean(&run);
    return 0;
}
