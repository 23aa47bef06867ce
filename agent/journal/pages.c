// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/pages.h"

// https://sqlite.org/fileformat2.html section 1.6: the first byte of a page of a b-tree, and its header.
enum {
    PAGE_INDEX_INTERIOR = 0x02, // its cells are rows as well, unlike those of a table's interior page
    PAGE_INDEX_LEAF = 0x0a,
    PAGE_TABLE_LEAF = 0x0d,
    FILE_HEADER_BYTES = 100, // before page 1's
    LEAF_HEADER_BYTES = 8,
    INTERIOR_HEADER_BYTES = 12,
    CHILD_BYTES = 4,
    NEXT_BYTES = 4, // of an overflow page
    VARINT_MAX = 9,
    CELL_MIN = 6, // a cell of four bytes and its pointer
};

struct leaf {
    uint32_t page; // 0: none
    enum tw_page_view view;
    size_t have; // bytes of it that could be read
    uint8_t type;
    size_t pointers; // where the cell pointers begin
    size_t cells;
    bool whole;
};

struct tw_pages {
    struct tw_page_file *file;
    size_t page_bytes;
    struct leaf leaf;
    uint8_t *bytes;      // of the leaf
    uint8_t *spill;      // an overflow page
    struct tw_buf whole; // a payload put together
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static uint32_t be16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
    return be16(at) << 16 | be16(at + 2);
}

static size_t left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

// Section 1.6: seven bits a byte, high first, the ninth byte whole.
static bool varint(struct cursor *cursor, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < VARINT_MAX && cursor->at < cursor->end; i++) {
        uint8_t byte = *cursor->at++;
        if (i == VARINT_MAX - 1) {
            *out = value << 8 | byte;
            return true;
        }
        value = value << 7 | (byte & 0x7fu);
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

// ---- records, section 2.1 ----

static int64_t big_endian_signed(const uint8_t *at, size_t len)
{
    uint64_t value = len > 0 && (at[0] & 0x80u) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | at[i];
    }
    return (int64_t)value;
}

// The value of a serial type from the record's body. False: no such type, or the body is too short.
static bool value_of(uint64_t serial, struct cursor *body, struct tw_page_value *out)
{
    static const uint8_t int_bytes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    struct tw_page_value value = {.kind = TW_PAGE_NULL};
    if (serial == 10 || serial == 11) {
        return false; // SQLite's own, never in a file
    }
    uint64_t len = serial >= 12 ? (serial - 12) / 2 : int_bytes[serial];
    if (len > left(body)) {
        return false;
    }
    const struct tw_slice bytes = tw_slice_make(body->at, (size_t)len);
    if (serial >= 12) {
        value.kind = serial % 2 == 0 ? TW_PAGE_BLOB : TW_PAGE_TEXT;
        value.bytes = bytes;
    } else if (serial == 7) {
        value.kind = TW_PAGE_REAL;
        value.bytes = bytes;
    } else if (serial >= 8) {
        value.kind = TW_PAGE_INT;
        value.integer = (int64_t)serial - 8;
    } else if (serial > 0) {
        value.kind = TW_PAGE_INT;
        value.integer = big_endian_signed(bytes.ptr, bytes.len);
    }
    body->at += len;
    *out = value;
    return true;
}

// A record fills its payload to the last byte: what does not is none.
static bool decode(struct tw_slice payload, struct tw_page_row *row)
{
    struct cursor head = {payload.ptr, payload.ptr + payload.len};
    uint64_t head_bytes = 0;
    if (!varint(&head, &head_bytes) || head_bytes > payload.len ||
        (size_t)(head.at - payload.ptr) > head_bytes) {
        return false;
    }
    struct cursor body = {payload.ptr + head_bytes, payload.ptr + payload.len};
    head.end = body.at;
    row->count = 0;
    while (head.at < head.end) {
        uint64_t serial = 0;
        if (row->count == TW_PAGES_COLUMNS || !varint(&head, &serial) ||
            !value_of(serial, &body, &row->values[row->count])) {
            return false;
        }
        row->count++;
    }
    return row->count > 0 && body.at == body.end;
}

// ---- cells, section 1.6 ----

// How much of a payload stands in the cell itself; the rest is in overflow pages.
static size_t local_bytes(const struct tw_pages *pages, uint64_t payload)
{
    const size_t usable = pages->page_bytes;
    size_t most = pages->leaf.type == PAGE_TABLE_LEAF ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    if (payload <= most) {
        return (size_t)payload;
    }
    size_t least = (usable - 12) * 32 / 255 - 23;
    size_t fitting = least + ((size_t)payload - least) % (usable - NEXT_BYTES);
    return fitting <= most ? fitting : least;
}

// Appends the rest of a payload. 1: done; 0: the chain is broken or goes round; or an error.
static int follow(struct tw_pages *pages, uint32_t page, size_t payload)
{
    uint32_t mark = 0; // a page of the chain, set anew at every power of two of steps (Brent)
    for (uint64_t step = 1; pages->whole.len < payload; step++) {
        if (page == 0 || page > tw_page_file_pages(pages->file) || page == mark) {
            return 0;
        }
        mark = (step & (step - 1)) == 0 ? page : mark;
        size_t have = tw_page_file_read(pages->file, pages->leaf.view, page, pages->spill);
        size_t take = payload - pages->whole.len;
        take = take < pages->page_bytes - NEXT_BYTES ? take : pages->page_bytes - NEXT_BYTES;
        if (have < NEXT_BYTES + take) {
            return 0;
        }
        tw_buf_add(&pages->whole, pages->spill + NEXT_BYTES, take);
        if (tw_buf_status(&pages->whole) != TW_OK) {
            return TW_ERR_NOMEM;
        }
        page = be32(pages->spill);
    }
    return 1;
}

// The payload at the cursor. 1, 0 or an error as follow.
static int payload_of(struct tw_pages *pages, struct cursor cell, uint64_t bytes, struct tw_slice *out)
{
    if (bytes > TW_PAGES_MAX_ROW_BYTES) {
        return 0;
    }
    size_t local = local_bytes(pages, bytes);
    if (local > left(&cell)) {
        return 0;
    }
    if (local == bytes) {
        *out = tw_slice_make(cell.at, local);
        return 1;
    }
    if (left(&cell) - local < NEXT_BYTES) {
        return 0;
    }
    tw_buf_clear(&pages->whole);
    tw_buf_add(&pages->whole, cell.at, local);
    int rc = tw_buf_status(&pages->whole);
    rc = rc == TW_OK ? follow(pages, be32(cell.at + local), (size_t)bytes) : rc;
    *out = tw_buf_slice(&pages->whole);
    return rc;
}

// Reads cell `index` of the leaf. 1, 0 or an error as follow.
static int read_cell(struct tw_pages *pages, size_t index, struct tw_page_row *row)
{
    const struct leaf *leaf = &pages->leaf;
    size_t pointer = leaf->pointers + 2 * index;
    if (pointer + 2 > leaf->have) {
        return 0;
    }
    size_t offset = be16(pages->bytes + pointer);
    struct cursor cell = {pages->bytes + offset, pages->bytes + leaf->have};
    if (offset < leaf->pointers + 2 || offset >= leaf->have) {
        return 0;
    }
    if (leaf->type == PAGE_INDEX_INTERIOR) {
        if (left(&cell) < CHILD_BYTES) {
            return 0;
        }
        cell.at += CHILD_BYTES;
    }
    uint64_t bytes = 0;
    uint64_t rowid = 0;
    if (!varint(&cell, &bytes) || (leaf->type == PAGE_TABLE_LEAF && !varint(&cell, &rowid))) {
        return 0;
    }
    struct tw_slice payload = {0};
    int rc = payload_of(pages, cell, bytes, &payload);
    if (rc != 1 || !decode(payload, row)) {
        return rc < 0 ? rc : 0;
    }
    row->index = leaf->type != PAGE_TABLE_LEAF;
    row->rowid = (int64_t)rowid;
    return 1;
}

// ---- pages ----

// A page that is not whole may claim any number of cells: no more than can be there are looked at.
static void read_header(struct tw_pages *pages, size_t offset)
{
    struct leaf *leaf = &pages->leaf;
    const uint8_t *header = pages->bytes + offset;
    leaf->pointers = offset + (leaf->type == PAGE_INDEX_INTERIOR ? INTERIOR_HEADER_BYTES : LEAF_HEADER_BYTES);
    size_t claimed = be16(header + 3);
    size_t content = be16(header + 5);
    content = content == 0 ? 65536 : content;
    size_t possible = (pages->page_bytes - leaf->pointers) / CELL_MIN;
    leaf->cells = claimed < possible ? claimed : possible;
    leaf->whole = leaf->have == pages->page_bytes && claimed <= possible && content <= pages->page_bytes &&
                  content >= leaf->pointers + 2 * claimed;
}

// Makes `page` the one that cells are read from. False: it holds no rows.
static bool load(struct tw_pages *pages, enum tw_page_view view, uint32_t page)
{
    struct leaf *leaf = &pages->leaf;
    if (leaf->page == page && leaf->view == view) {
        return true;
    }
    *leaf = (struct leaf){.view = view};
    leaf->have = tw_page_file_read(pages->file, view, page, pages->bytes);
    size_t offset = page == 1 ? FILE_HEADER_BYTES : 0;
    leaf->type = pages->bytes[offset];
    if (leaf->type != PAGE_TABLE_LEAF && leaf->type != PAGE_INDEX_LEAF && leaf->type != PAGE_INDEX_INTERIOR) {
        return false;
    }
    leaf->page = page;
    read_header(pages, offset);
    return true;
}

struct walk {
    struct tw_pages *pages;
    tw_pages_row_fn *row;
    void *ctx;
    struct tw_pages_report report;
};

static enum tw_page_view view_of(struct tw_page_place place)
{
    return place.replaced ? TW_PAGE_VIEW_FILE : TW_PAGE_VIEW_LIVE;
}

static int give_page(struct walk *walk, struct tw_page_place place)
{
    struct tw_pages *pages = walk->pages;
    if (!load(pages, view_of(place), place.page)) {
        return TW_OK;
    }
    walk->report.leaves++;
    walk->report.bad_pages += !place.stale && !pages->leaf.whole;
    struct tw_page_row row;
    for (size_t i = 0; i < pages->leaf.cells; i++) {
        int rc = read_cell(pages, i, &row);
        if (rc < 0) {
            return rc;
        }
        walk->report.rows += rc == 1;
        walk->report.bad_rows += rc == 0 && !place.stale;
        row.place = place;
        row.place.cell = (uint16_t)i;
        rc = rc == 1 ? walk->row(walk->ctx, &row) : TW_OK;
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int give_stale(struct walk *walk)
{
    const struct tw_page_file *file = walk->pages->file;
    int rc = TW_OK;
    for (uint32_t page = 1; page <= tw_page_file_pages(file) && rc == TW_OK; page++) {
        struct tw_page_place place = {.page = page, .stale = true};
        if (tw_page_file_is_logged(file, page)) {
            place.replaced = true;
            rc = give_page(walk, place);
        }
        if (rc == TW_OK && tw_page_file_is_free(file, page)) {
            place.replaced = false;
            rc = give_page(walk, place);
        }
    }
    return rc;
}

static int give_live(struct walk *walk)
{
    const struct tw_page_file *file = walk->pages->file;
    int rc = TW_OK;
    for (uint32_t page = 1; page <= tw_page_file_pages(file) && rc == TW_OK; page++) {
        if (!tw_page_file_is_free(file, page)) {
            rc = give_page(walk, (struct tw_page_place){.page = page});
        }
    }
    return rc;
}

int tw_pages_walk(struct tw_pages *pages, tw_pages_row_fn *row, void *ctx, struct tw_pages_report *out)
{
    struct walk walk = {.pages = pages, .row = row, .ctx = ctx};
    int rc = give_stale(&walk);
    rc = rc == TW_OK ? give_live(&walk) : rc;
    if (rc == TW_OK) {
        walk.report.pages = tw_page_file_pages(pages->file);
        walk.report.wal = tw_page_file_wal(pages->file);
        *out = walk.report;
    }
    return rc;
}

int tw_pages_get(struct tw_pages *pages, struct tw_page_place place, struct tw_page_row *out)
{
    struct tw_page_row row;
    bool there = load(pages, view_of(place), place.page) && place.cell < pages->leaf.cells;
    int rc = there ? read_cell(pages, place.cell, &row) : 0;
    if (rc == 1) {
        row.place = place;
        *out = row;
        return TW_OK;
    }
    return rc < 0 ? rc : TW_ERR_DAMAGED;
}

int tw_pages_new(struct tw_page_file *file, struct tw_pages **out)
{
    struct tw_pages *pages = calloc(1, sizeof *pages);
    if (pages == NULL) {
        tw_page_file_close(file);
        return TW_ERR_NOMEM;
    }
    pages->file = file;
    pages->page_bytes = tw_page_file_page_bytes(file);
    pages->bytes = malloc(pages->page_bytes);
    pages->spill = malloc(pages->page_bytes);
    if (pages->bytes == NULL || pages->spill == NULL) {
        tw_pages_close(pages);
        return TW_ERR_NOMEM;
    }
    *out = pages;
    return TW_OK;
}

int tw_pages_open(const char *path, unsigned page_bytes, struct tw_pages **out)
{
    struct tw_page_file *file = NULL;
    int rc = tw_page_file_open(path, page_bytes, &file);
    return rc == TW_OK ? tw_pages_new(file, out) : rc;
}

void tw_pages_close(struct tw_pages *pages)
{
    if (pages == NULL) {
        return;
    }
    tw_page_file_close(pages->file);
    tw_buf_free(&pages->whole);
    free(pages->bytes);
    free(pages->spill);
    free(pages);
}

int tw_pages_scan(const char *path, unsigned page_bytes, tw_pages_row_fn *row, void *ctx,
                  struct tw_pages_report *out)
{
    struct tw_pages *pages = NULL;
    int rc = tw_pages_open(path, page_bytes, &pages);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_pages_walk(pages, row, ctx, out);
    tw_pages_close(pages);
    return rc;
}
