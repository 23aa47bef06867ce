// SPDX-License-Identifier: Apache-2.0
//
// SQLite files made for the reader of pages (agent/journal/pages.h), in several shapes, and what is
// compared: each row as a hash, as SQL gives it and as the pages give it.
//
// Threading: one thread. Memory: pages_tear_down removes the folder. Time: none. Errors: a failed step fails
// the test.
#ifndef TW_PAGES_RIG_H
#define TW_PAGES_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "agent/journal/pages.h"

enum { PAGES_ROWS = 600, PAGES_SMALL = 60, PAGES_SHAPES = 7 };

struct pages_place {
    char folder[64];
    char path[96];
    char wal[128];
};

// What was seen of each row, as a hash; 0: nothing. `plain` by rowid, `keyed` by the number in its key.
struct pages_rows {
    uint64_t plain[PAGES_ROWS];
    uint64_t keyed[PAGES_ROWS];
};

struct pages_seen {
    struct pages_rows any;  // the last copy
    struct pages_rows live; // of rows not marked stale
    uint32_t page[PAGES_ROWS];
    size_t stale, twice;
    bool stale_after_live;
    bool live_came;
    struct tw_pages_report report;
};

struct pages_shape {
    unsigned page_bytes;
    bool wal;
    bool vacuum;
    size_t most; // bytes of the largest blob
};

extern const struct pages_shape pages_shapes[PAGES_SHAPES];

// TILLWIRE_TEST_SEED, else a fixed one; printed.
uint64_t pages_seed(void);
uint64_t pages_random(uint64_t *state);

// Makes and removes the folder of a test.
int pages_set_up(void **state);
int pages_tear_down(void **state);
void pages_remove(const struct pages_place *place); // the files

// A file of `shape` with rows of all sizes, some deleted and some written again. The connection stays open.
sqlite3 *pages_make_file(const struct pages_place *place, const struct pages_shape *shape, uint64_t seed);
void pages_run_sql(sqlite3 *db, const char *sql);
bool pages_ask_sql(sqlite3 *db, struct pages_rows *out); // false: it cannot be read

uint64_t pages_hash_row(const struct tw_page_row *row, size_t from);
tw_pages_row_fn pages_on_row; // ctx: struct pages_seen
void pages_scan(const struct pages_place *place, unsigned page_bytes, struct pages_seen *seen);
// The rows that are not stale are those of `sql`, each once, and nothing was bad.
void pages_expect_all(const struct pages_seen *seen, const struct pages_rows *sql);

uint8_t *pages_load(const char *path, size_t *len); // freed by the caller
void pages_store(const char *path, const uint8_t *bytes, size_t len);

#endif
