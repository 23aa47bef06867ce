// SPDX-License-Identifier: Apache-2.0
//
// A SQLite database file as numbered pages, without SQLite: those of the file itself and, where a page has
// one, its newest copy in the committed part of the WAL. Only the WAL's own checksums decide what of it
// counts, as SQLite's recovery has it (https://sqlite.org/fileformat2.html section 4). Nothing is written,
// and every page of any file is an answer: what is not there or cannot be read is zeros.
//
// Threading: one thread. Memory: eight bytes a frame of the WAL, a bit a page (at most 4 MiB).
// Time: none. Errors: TW_ERR_NOT_FOUND, TW_ERR_IO, TW_ERR_INVALID, TW_ERR_NOMEM.
#ifndef TW_PAGE_FILE_H
#define TW_PAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/err.h"

struct tw_page_file;

enum tw_page_view {
    TW_PAGE_VIEW_FILE = 0, // as the file alone has it
    TW_PAGE_VIEW_LIVE,     // with the WAL over it
};

// Opens `path` and "PATH-wal" to read. One of the two may be missing (TW_ERR_NOT_FOUND: both are).
// The page size is what the file's header says where that can be true, else what a WAL with a sound header
// says, else `page_bytes` (TW_ERR_INVALID when that is no power of two from 512 to 65536). A WAL of another
// page size than the file's is of another file and is not used. Reserved bytes at the end of pages (header
// offset 20) are taken to be none: this house makes no such files, and a flipped bit there costs nothing.
int TW_MUST_CHECK tw_page_file_open(const char *path, unsigned page_bytes, struct tw_page_file **out);
// The same with open files, -1 where there is none. Takes them, also on failure.
int TW_MUST_CHECK tw_page_file_new(int db_fd, int wal_fd, unsigned page_bytes, struct tw_page_file **out);
void tw_page_file_close(struct tw_page_file *file); // NULL is allowed

unsigned tw_page_file_page_bytes(const struct tw_page_file *file);
uint32_t tw_page_file_pages(const struct tw_page_file *file); // the highest number; pages count from 1

// The WAL has a copy of the page.
bool tw_page_file_is_logged(const struct tw_page_file *file, uint32_t page);
// The page is not part of the database as it was last committed: it is on the list of free pages, or lies
// behind the end that the WAL's last commit names. False where nothing says so.
bool tw_page_file_is_free(const struct tw_page_file *file, uint32_t page);

// Reads one page into out[page_bytes]; what cannot be read is zeros. Returns the bytes before that.
size_t tw_page_file_read(const struct tw_page_file *file, enum tw_page_view view, uint32_t page,
                         uint8_t *out);

struct tw_page_file_wal {
    uint64_t used; // frames up to the last commit that is whole
    uint64_t
        unused; // frames that stand behind that with the same salts, or all where the header is not sound
    uint64_t commits; // of these, the ones that say they end a transaction
    bool sound;       // the header, and it is of this file
};
struct tw_page_file_wal tw_page_file_wal(const struct tw_page_file *file);

#endif
