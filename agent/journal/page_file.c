// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/page_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// https://sqlite.org/fileformat2.html, sections 1.3 (database header), 1.5 (free list), 4.1 and 4.2 (WAL).
enum {
    PAGE_MIN = 512,
    PAGE_MAX = 65536,
    HEADER_BYTES = 100,
    HEADER_PAGE_SIZE = 16,
    HEADER_FRACTIONS = 21, // three bytes that are always 64, 32, 32
    HEADER_FREE_TRUNK = 32,
    WAL_HEADER_BYTES = 32,
    WAL_SUMMED_BYTES = 24,
    WAL_VERSION = 3007000,
    FRAME_HEADER_BYTES = 24,
    FRAME_SUMMED_BYTES = 8,
    FREE_MAX_PAGES = 1 << 25, // beyond it the free pages are not told apart
};
#define WAL_MAGIC 0x377f0682u // sums of little-endian words; one more: big-endian
#define LAST_PAGE 0xfffffffeu

struct frame {
    uint32_t page;
    uint32_t number; // from 0
};

struct tw_page_file {
    int db;
    int wal;
    unsigned page_bytes;
    uint32_t file_pages;  // of the database file, the last perhaps cut
    uint32_t last_page;   // of the file or the WAL
    uint32_t end_page;    // as the last commit in the WAL has it; 0: none
    struct frame *frames; // ascending by page, the newest of each
    size_t frame_count;
    struct tw_page_file_wal wal_report;
    uint8_t *free_bits; // NULL: none known
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static bool is_page_size(uint64_t bytes)
{
    return bytes >= PAGE_MIN && bytes <= PAGE_MAX && (bytes & (bytes - 1)) == 0;
}

// As much as can be had; a bad sector is the end.
static size_t read_at(int fd, uint64_t offset, uint8_t *out, size_t len)
{
    size_t have = 0;
    while (fd >= 0 && have < len) {
        ssize_t got = pread(fd, out + have, len - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        have += (size_t)got;
    }
    return have;
}

static uint64_t size_of(int fd)
{
    struct stat info;
    return fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

// ---- the WAL ----

struct wal_walk {
    struct tw_page_file *file;
    uint8_t salts[8];
    uint32_t sum[2]; // of all so far
    bool big_endian;
    size_t cap; // of file->frames
    uint8_t *buffer;
};

// Section 4.2: over pairs of words; `len` is a multiple of 8.
static void wal_sum(struct wal_walk *walk, const uint8_t *bytes, size_t len)
{
    uint32_t (*word)(const uint8_t *) = walk->big_endian ? be32 : le32;
    uint32_t first = walk->sum[0];
    uint32_t second = walk->sum[1];
    for (size_t i = 0; i < len; i += 8) {
        first += word(bytes + i) + second;
        second += word(bytes + i + 4) + first;
    }
    walk->sum[0] = first;
    walk->sum[1] = second;
}

// The page size the WAL's header says; 0 when the header is not whole.
static unsigned wal_begin(struct wal_walk *walk)
{
    uint8_t header[WAL_HEADER_BYTES];
    if (read_at(walk->file->wal, 0, header, sizeof header) != sizeof header) {
        return 0;
    }
    uint32_t magic = be32(header);
    walk->big_endian = magic == (WAL_MAGIC | 1u);
    wal_sum(walk, header, WAL_SUMMED_BYTES);
    bool sound = (magic | 1u) == (WAL_MAGIC | 1u) && be32(header + 4) == WAL_VERSION &&
                 is_page_size(be32(header + 8)) && be32(header + 24) == walk->sum[0] &&
                 be32(header + 28) == walk->sum[1];
    memcpy(walk->salts, header + 16, sizeof walk->salts);
    return sound ? be32(header + 8) : 0;
}

static uint64_t frame_at(const struct tw_page_file *file, uint64_t number)
{
    return WAL_HEADER_BYTES + number * (FRAME_HEADER_BYTES + (uint64_t)file->page_bytes);
}

static bool is_of_this_wal(const struct wal_walk *walk, const uint8_t *frame_header)
{
    return memcmp(frame_header + 8, walk->salts, sizeof walk->salts) == 0;
}

// Whether frame `number` is whole and follows on the one before.
static bool frame_is_whole(struct wal_walk *walk, uint64_t number)
{
    const struct tw_page_file *file = walk->file;
    size_t len = FRAME_HEADER_BYTES + (size_t)file->page_bytes;
    if (read_at(file->wal, frame_at(file, number), walk->buffer, len) != len ||
        !is_of_this_wal(walk, walk->buffer) || be32(walk->buffer) == 0 || be32(walk->buffer) > LAST_PAGE) {
        return false;
    }
    wal_sum(walk, walk->buffer, FRAME_SUMMED_BYTES);
    wal_sum(walk, walk->buffer + FRAME_HEADER_BYTES, file->page_bytes);
    return be32(walk->buffer + 16) == walk->sum[0] && be32(walk->buffer + 20) == walk->sum[1];
}

static int remember_frame(struct wal_walk *walk, uint32_t number)
{
    struct tw_page_file *file = walk->file;
    if (number == walk->cap) {
        size_t cap = walk->cap == 0 ? 256 : walk->cap * 2;
        struct frame *grown = realloc(file->frames, cap * sizeof *grown);
        if (grown == NULL) {
            return TW_ERR_NOMEM;
        }
        file->frames = grown;
        walk->cap = cap;
    }
    file->frames[number] = (struct frame){.page = be32(walk->buffer), .number = number};
    return TW_OK;
}

static int by_page(const void *left, const void *right)
{
    const struct frame *a = left;
    const struct frame *b = right;
    if (a->page != b->page) {
        return a->page < b->page ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

static void keep_newest(struct tw_page_file *file)
{
    if (file->frame_count == 0) {
        return;
    }
    qsort(file->frames, file->frame_count, sizeof *file->frames, by_page);
    size_t kept = 0;
    for (size_t i = 0; i < file->frame_count; i++) {
        if (kept > 0 && file->frames[kept - 1].page == file->frames[i].page) {
            kept--;
        }
        file->frames[kept++] = file->frames[i];
    }
    file->frame_count = kept;
}

// What stands behind the part that counts: a transaction that was not finished, or a damaged frame and all
// that came after it.
static void count_unused(struct wal_walk *walk)
{
    struct tw_page_file *file = walk->file;
    uint8_t header[FRAME_HEADER_BYTES];
    for (uint64_t n = file->wal_report.used;
         read_at(file->wal, frame_at(file, n), header, sizeof header) == sizeof header; n++) {
        bool ours = is_of_this_wal(walk, header);
        file->wal_report.unused += ours;
        file->wal_report.commits += ours && be32(header) != 0 && be32(header + 4) != 0;
    }
}

// Without a header the first two frames that agree say which salts count.
static void count_without_header(struct wal_walk *walk)
{
    static const uint8_t none[sizeof walk->salts];
    struct tw_page_file *file = walk->file;
    uint8_t header[FRAME_HEADER_BYTES];
    for (uint64_t n = 0; read_at(file->wal, frame_at(file, n), header, sizeof header) == sizeof header; n++) {
        if (is_of_this_wal(walk, header) && memcmp(walk->salts, none, sizeof none) != 0) {
            count_unused(walk);
            break;
        }
        memcpy(walk->salts, header + 8, sizeof walk->salts);
    }
    uint64_t frame = FRAME_HEADER_BYTES + (uint64_t)file->page_bytes;
    file->wal_report.unused = (size_of(file->wal) + frame - 1) / frame;
}

static int wal_frames(struct wal_walk *walk)
{
    struct tw_page_file *file = walk->file;
    walk->buffer = malloc(FRAME_HEADER_BYTES + (size_t)file->page_bytes);
    int rc = walk->buffer != NULL ? TW_OK : TW_ERR_NOMEM;
    for (uint32_t n = 0; rc == TW_OK && n < UINT32_MAX && frame_is_whole(walk, n); n++) {
        rc = remember_frame(walk, n);
        uint32_t end = be32(walk->buffer + 4);
        if (rc == TW_OK && end != 0) { // a commit
            file->frame_count = (size_t)n + 1;
            file->end_page = end;
        }
    }
    file->wal_report.used = file->frame_count;
    if (rc == TW_OK) {
        count_unused(walk);
        keep_newest(file);
    }
    free(walk->buffer);
    return rc;
}

// ---- the file ----

// 0 when the header cannot be true. Its first sixteen bytes are not asked for: they say nothing that is
// needed, and a header that lost them alone is still good.
static unsigned header_page_bytes(const struct tw_page_file *file)
{
    static const uint8_t fractions[] = {64, 32, 32};
    uint8_t header[HEADER_BYTES];
    if (read_at(file->db, 0, header, sizeof header) != sizeof header ||
        memcmp(header + HEADER_FRACTIONS, fractions, sizeof fractions) != 0) {
        return 0;
    }
    unsigned bytes = (unsigned)header[HEADER_PAGE_SIZE] << 8 | header[HEADER_PAGE_SIZE + 1];
    bytes = bytes == 1 ? PAGE_MAX : bytes;
    return is_page_size(bytes) ? bytes : 0;
}

static int find_pages(struct tw_page_file *file, unsigned page_bytes)
{
    struct wal_walk walk = {.file = file};
    unsigned said = header_page_bytes(file);
    unsigned logged = wal_begin(&walk);
    file->page_bytes = said != 0 ? said : logged != 0 ? logged : page_bytes;
    if (!is_page_size(file->page_bytes)) {
        return TW_ERR_INVALID;
    }
    uint64_t pages = (size_of(file->db) + file->page_bytes - 1) / file->page_bytes;
    file->file_pages = pages > LAST_PAGE ? LAST_PAGE : (uint32_t)pages;
    file->last_page = file->file_pages;
    if (logged != file->page_bytes) {
        count_without_header(&walk);
        return TW_OK;
    }
    file->wal_report.sound = true;
    int rc = wal_frames(&walk);
    if (rc == TW_OK && file->frame_count > 0 && file->frames[file->frame_count - 1].page > file->last_page) {
        file->last_page = file->frames[file->frame_count - 1].page;
    }
    return rc;
}

static bool mark_free(struct tw_page_file *file, uint32_t page)
{
    if (page == 0 || page > file->last_page || tw_page_file_is_free(file, page)) {
        return false;
    }
    file->free_bits[page / 8] |= (uint8_t)(1u << (page % 8));
    return true;
}

// Section 1.5. A damaged list marks too little or too much; a page that is marked is only believed last. A
// trunk that is on the list already ends the walk, so that it ends.
static int find_free(struct tw_page_file *file)
{
    uint8_t *buffer = malloc(file->page_bytes);
    file->free_bits = file->last_page < FREE_MAX_PAGES ? calloc(file->last_page / 8 + 1, 1) : NULL;
    if (buffer == NULL || (file->free_bits == NULL && file->last_page < FREE_MAX_PAGES)) {
        free(buffer);
        return TW_ERR_NOMEM;
    }
    (void)tw_page_file_read(file, TW_PAGE_VIEW_LIVE, 1, buffer);
    uint32_t trunk = file->free_bits != NULL ? be32(buffer + HEADER_FREE_TRUNK) : 0;
    while (mark_free(file, trunk)) {
        (void)tw_page_file_read(file, TW_PAGE_VIEW_LIVE, trunk, buffer);
        uint32_t count = be32(buffer + 4);
        if (count > file->page_bytes / 4 - 2) {
            break; // no trunk
        }
        for (uint32_t i = 0; i < count; i++) {
            (void)mark_free(file, be32(buffer + 8 + 4 * (size_t)i));
        }
        trunk = be32(buffer);
    }
    free(buffer);
    return TW_OK;
}

int tw_page_file_new(int db_fd, int wal_fd, unsigned page_bytes, struct tw_page_file **out)
{
    struct tw_page_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        (void)(db_fd >= 0 && close(db_fd));
        (void)(wal_fd >= 0 && close(wal_fd));
        return TW_ERR_NOMEM;
    }
    file->db = db_fd;
    file->wal = wal_fd;
    int rc = find_pages(file, page_bytes);
    if (rc == TW_OK) {
        rc = find_free(file);
    }
    if (rc != TW_OK) {
        tw_page_file_close(file);
        return rc;
    }
    *out = file;
    return TW_OK;
}

// -1 with errno where there is none. O_NONBLOCK: what stands there need not be a file.
static int open_to_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        (void)close(fd);
        errno = EINVAL;
        fd = -1;
    }
    return fd;
}

int tw_page_file_open(const char *path, unsigned page_bytes, struct tw_page_file **out)
{
    char wal_path[PATH_MAX];
    if ((size_t)snprintf(wal_path, sizeof wal_path, "%s-wal", path) >= sizeof wal_path) {
        return TW_ERR_INVALID;
    }
    int db = open_to_read(path);
    int db_errno = errno;
    int wal = open_to_read(wal_path);
    if (db < 0 && (wal < 0 || db_errno != ENOENT)) {
        if (wal >= 0) {
            (void)close(wal);
        }
        return db_errno == ENOENT ? TW_ERR_NOT_FOUND : TW_ERR_IO;
    }
    return tw_page_file_new(db, wal, page_bytes, out);
}

void tw_page_file_close(struct tw_page_file *file)
{
    if (file == NULL) {
        return;
    }
    if (file->db >= 0) {
        (void)close(file->db);
    }
    if (file->wal >= 0) {
        (void)close(file->wal);
    }
    free(file->frames);
    free(file->free_bits);
    free(file);
}

unsigned tw_page_file_page_bytes(const struct tw_page_file *file)
{
    return file->page_bytes;
}

uint32_t tw_page_file_pages(const struct tw_page_file *file)
{
    return file->last_page;
}

static const struct frame *frame_of(const struct tw_page_file *file, uint32_t page)
{
    size_t low = 0;
    size_t high = file->frame_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file->frames[middle].page < page) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < file->frame_count && file->frames[low].page == page ? &file->frames[low] : NULL;
}

bool tw_page_file_is_logged(const struct tw_page_file *file, uint32_t page)
{
    return frame_of(file, page) != NULL;
}

bool tw_page_file_is_free(const struct tw_page_file *file, uint32_t page)
{
    return (file->end_page != 0 && page > file->end_page) ||
           (file->free_bits != NULL && page <= file->last_page &&
            (file->free_bits[page / 8] & (1u << (page % 8))) != 0);
}

size_t tw_page_file_read(const struct tw_page_file *file, enum tw_page_view view, uint32_t page, uint8_t *out)
{
    const struct frame *frame = view == TW_PAGE_VIEW_LIVE ? frame_of(file, page) : NULL;
    size_t have = 0;
    if (frame != NULL) {
        have = read_at(file->wal, frame_at(file, frame->number) + FRAME_HEADER_BYTES, out, file->page_bytes);
    } else if (page >= 1 && page <= file->file_pages) {
        have = read_at(file->db, (page - 1) * (uint64_t)file->page_bytes, out, file->page_bytes);
    }
    memset(out + have, 0, file->page_bytes - have);
    return have;
}

struct tw_page_file_wal tw_page_file_wal(const struct tw_page_file *file)
{
    return file->wal_report;
}
