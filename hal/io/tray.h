// SPDX-License-Identifier: Apache-2.0
//
// Where the files of a folder go when they were read: `done` or `failed` in it. Nothing that lies there is
// ever overwritten: a name that is taken gets the time and the number (inode) of the file behind it.
//
// Threading: one thread. Memory: none. Time: none; nothing waits but the disk. Errors: TW_ERR_AGAIN, the file
// is not the one that was read any more, and stays; TW_ERR_IO, this file cannot be moved, and stays;
// TW_ERR_CLOSED, the folders are not what they were when they were opened.
#ifndef TW_HAL_TRAY_H
#define TW_HAL_TRAY_H

#include <sys/stat.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

// Opens the subfolder, which is made where it is not there. TW_ERR_IO with one sentence.
int TW_MUST_CHECK tw_tray_open(int folder, const char *path, const char *name, int *out,
                               struct tw_error_text *err);

// Moves the file `name` of the folder there, if it is still as `read` says. `why` (empty: none) is written
// beside it, to NAME.txt. TW_ERR_IO leaves its reason in errno.
int TW_MUST_CHECK tw_tray_put(int folder, const char *name, const struct stat *read, int tray,
                              struct tw_slice why);

#endif
