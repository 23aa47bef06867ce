// SPDX-License-Identifier: Apache-2.0
//
// The reader of SQLite's pages: four bytes (big-endian) with the length of a database file, the file, and
// its WAL. Every row lies where it says, and is the same when it is read again.
#include "agent/journal/pages.h"
#include "tests/fuzz/target.h"

enum { KEPT = 64 };

struct rows {
    struct tw_page_place places[KEPT];
    uint64_t hashes[KEPT];
    uint64_t count;
};

static uint64_t hash_row(const struct tw_page_row *row)
{
    uint64_t hash = (uint64_t)row->rowid ^ row->count;
    for (size_t i = 0; i < row->count; i++) {
        const struct tw_page_value *value = &row->values[i];
        hash = (hash ^ (uint64_t)value->kind ^ (uint64_t)value->integer) * 1099511628211u;
        for (size_t k = 0; k < value->bytes.len; k++) {
            hash = (hash ^ value->bytes.ptr[k]) * 1099511628211u;
        }
    }
    return hash;
}

static int on_row(void *ctx, const struct tw_page_row *row)
{
    struct rows *rows = ctx;
    uint64_t hash = hash_row(row);
    fuzz_require(row->count > 0 && row->count <= TW_PAGES_COLUMNS && (!row->index || row->rowid == 0));
    if (rows->count < KEPT) {
        rows->places[rows->count] = row->place;
        rows->hashes[rows->count] = hash;
    }
    rows->count++;
    return TW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) {
        return 0;
    }
    size_t len = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    len = len < size - 4 ? len : size - 4;
    const uint8_t *wal = data + 4 + len;
    size_t wal_len = size - 4 - len;
    struct tw_page_file *file = NULL;
    struct tw_pages *pages = NULL;
    int wal_fd = wal_len > 0 ? fuzz_file(wal, wal_len, NULL) : -1;
    fuzz_require(tw_page_file_new(fuzz_file(data + 4, len, NULL), wal_fd, 512, &file) == TW_OK);
    fuzz_require(tw_pages_new(file, &pages) == TW_OK);
    struct rows rows = {0};
    struct tw_pages_report report = {0};
    fuzz_require(tw_pages_walk(pages, on_row, &rows, &report) == TW_OK && report.rows == rows.count);
    struct tw_page_row row;
    for (size_t i = 0; i < KEPT && i < rows.count; i++) {
        fuzz_require(tw_pages_get(pages, rows.places[i], &row) == TW_OK && hash_row(&row) == rows.hashes[i]);
    }
    tw_pages_close(pages);
    return 0;
}
