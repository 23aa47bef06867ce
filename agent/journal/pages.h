// SPDX-License-Identifier: Apache-2.0
//
// Reads rows straight from the pages of a SQLite database file and the committed part of its WAL, without
// SQLite, for a file that SQLite will not read any more: every page that looks like a leaf of a table, or a
// page of a WITHOUT ROWID table or index, gives the rows that can be read from it; what cannot be is passed
// over and counted. Nothing is written. Which table a row is of is not known: its shape has to tell.
// Format: https://sqlite.org/fileformat2.html (sections 1.3 header, 1.6 b-tree pages, 2.1 record, 4 WAL).
// A row that comes is not a row that is true: who asked knows by its MAC.
//
// Order: rows known to be of an older state come first, marked `stale` (pages on the list of free pages,
// and what the file has of a page where the WAL has a newer copy), then all others; each part ascending by
// page, then by cell. The same row may come several times: of its copies, the last is the one to believe.
//
// Threading: one thread. Memory: eight bytes a frame of the WAL, a bit a page (at most 4 MiB), two pages, one
// row. Time: none. Errors: TW_ERR_NOT_FOUND, TW_ERR_IO, TW_ERR_INVALID, TW_ERR_NOMEM, or the callback's.
#ifndef TW_PAGES_H
#define TW_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/journal/page_file.h"
#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_PAGES_COLUMNS       16              // of a row; one with more is passed over
#define TW_PAGES_MAX_ROW_BYTES (1024u * 1024u) // likewise

struct tw_page_value {
    enum { TW_PAGE_NULL, TW_PAGE_INT, TW_PAGE_REAL, TW_PAGE_BLOB, TW_PAGE_TEXT } kind;
    int64_t integer;
    struct tw_slice bytes; // of a blob or text, and the eight bytes of a real; borrowed
};

// Where a row stands, to read it again with tw_pages_get.
struct tw_page_place {
    uint32_t page;
    uint16_t cell;
    bool stale;    // of an older state, as far as that is known
    bool replaced; // the WAL has a newer copy of the page; this is the file's
};

struct tw_page_row {
    struct tw_page_place place;
    bool index;    // of a WITHOUT ROWID table or an index: no rowid
    int64_t rowid; // 0 with `index`. The column that is its alias is TW_PAGE_NULL in `values`
    size_t count;
    struct tw_page_value values[TW_PAGES_COLUMNS];
};
typedef int tw_pages_row_fn(void *ctx, const struct tw_page_row *row); // not TW_OK: ends the scan

struct tw_pages_report {
    uint64_t pages;  // of the file and the WAL, each once
    uint64_t leaves; // pages that rows were looked for in, their older copies too
    uint64_t rows;
    uint64_t bad_pages; // not stale, claim to be a leaf and are not whole; the cells that are were given
    uint64_t bad_rows;  // cells that cannot be read, in pages not stale (there chains may lead anywhere)
    struct tw_page_file_wal wal;
};

struct tw_pages;

// As tw_page_file_open.
int TW_MUST_CHECK tw_pages_open(const char *path, unsigned page_bytes, struct tw_pages **out);
// Takes the file, also on failure.
int TW_MUST_CHECK tw_pages_new(struct tw_page_file *file, struct tw_pages **out);
void tw_pages_close(struct tw_pages *pages); // NULL is allowed

// Gives every row. `row` borrows it for the call and must not call back into `pages`. On an error `out` is
// left alone; a page or row that cannot be read is none.
int TW_MUST_CHECK tw_pages_walk(struct tw_pages *pages, tw_pages_row_fn *row, void *ctx,
                                struct tw_pages_report *out);
// Reads one row again. Its bytes are good until the next call. TW_ERR_DAMAGED: no row can be read there.
int TW_MUST_CHECK tw_pages_get(struct tw_pages *pages, struct tw_page_place place, struct tw_page_row *out);

// Open, walk, close.
int TW_MUST_CHECK tw_pages_scan(const char *path, unsigned page_bytes, tw_pages_row_fn *row, void *ctx,
                                struct tw_pages_report *out);

#endif
