// SPDX-License-Identifier: Apache-2.0
//
// What the fuzz targets share: the engine's entry, a promise that ends the run when it is broken, and bytes
// as a text or as a file for parsers that want one.
//
// Threading: one thread. Memory: as each function says. Time: none. Errors: abort(), which the engine
// reports.
#ifndef TW_FUZZ_TARGET_H
#define TW_FUZZ_TARGET_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(bool holds)
{
    if (!holds) {
        abort();
    }
}

// A copy with a NUL behind it, at its exact size so that a reader beyond it is caught; to be freed.
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}

#define FUZZ_PATH_BYTES 32

// A file without a name that holds the bytes, readable by its owner only; the descriptor is the caller's to
// close. `path`, where it is not NULL, gets a way to open it.
static inline int fuzz_file(const void *data, size_t size, char path[FUZZ_PATH_BYTES])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_require(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size);
    if (path != NULL) {
        (void)snprintf(path, FUZZ_PATH_BYTES, "/proc/self/fd/%d", fd);
    }
    return fd;
}

#endif
