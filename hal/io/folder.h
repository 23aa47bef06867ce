// SPDX-License-Identifier: Apache-2.0
//
// The files of a folder that wait to be read, as a list: which are settled, and which is the oldest. A file
// is settled when whoever wrote it closed it, or when two looks found it unchanged; until then it may be half
// a file.
//
// Threading: one thread. Memory: the TW_FOLDER_FILES oldest files are known at a time, the rest when those
// are gone. Time: that of the looks is passed in, milliseconds. Errors: TW_ERR_NOMEM; a file that is not
// known is seen at the next look.
#ifndef TW_HAL_FOLDER_H
#define TW_HAL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "tillwire/err.h"

enum {
    TW_FOLDER_FILES = 4096,
    TW_FOLDER_QUIET_MS = 10 * 60 * 1000, // nobody writes to a file that was unchanged for so long
};

struct tw_folder_file {
    struct stat seen;
    unsigned look;    // the last that saw it
    int64_t since_ms; // it was first seen so, -1: not known; a file that is changed is a new one in this and
                      // what follows
    int64_t not_before_ms;
    bool settled;
    bool closed; // by who wrote it
    bool told;   // that it cannot be read, or not moved
    char name[];
};

struct tw_folder {
    struct tw_folder_file *files[TW_FOLDER_FILES]; // by name
    size_t count;
    struct tw_folder_file *youngest; // of as many as there may be; NULL: not known
    size_t waiting;                  // files of the last look, also those that are not known
    unsigned look;
    int64_t now_ms; // of the last look; -1: it had none
};

void tw_folder_clear(struct tw_folder *folder);

// Whether a name is one that is read: "*.xml" in any case, no dot in front.
bool tw_folder_wants(const char *name);
// The same file with the same content, as far as a look can tell.
bool tw_folder_same(const struct stat *one, const struct stat *other);

// NULL: it is not known.
struct tw_folder_file *tw_folder_find(const struct tw_folder *folder, const char *name);
// Whether something was told of a file that is known, and still holds.
bool tw_folder_has_told(const struct tw_folder *folder);

// A look at the folder begins; each file it finds; it ends: what it did not find is forgotten.
void tw_folder_begin(struct tw_folder *folder, int64_t now_ms);
int TW_MUST_CHECK tw_folder_see(struct tw_folder *folder, const char *name, const struct stat *stat);
void tw_folder_end(struct tw_folder *folder);
// Whoever wrote it closed it.
int TW_MUST_CHECK tw_folder_closed(struct tw_folder *folder, const char *name, const struct stat *stat);

// The oldest settled file, by name where two are of the same time; NULL: none.
struct tw_folder_file *tw_folder_next(const struct tw_folder *folder);
void tw_folder_forget(struct tw_folder *folder, const char *name);
// As it was `read` it could not be done with: it is not looked at again before a look found it unchanged. One
// that was written anew meanwhile, and closed, stays settled.
void tw_folder_unsettle(struct tw_folder *folder, const char *name, const struct stat *read);
// Likewise, and unless it is changed not before that time.
void tw_folder_put_off(struct tw_folder *folder, const char *name, const struct stat *read,
                       int64_t not_before_ms);
// Whether it is certain that nobody goes on writing to it: it was seen closed, or is unchanged for
// TW_FOLDER_QUIET_MS.
bool tw_folder_is_final(const struct tw_folder *folder, const struct tw_folder_file *file);

#endif
