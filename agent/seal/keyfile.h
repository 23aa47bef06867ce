// SPDX-License-Identifier: Apache-2.0
//
// Key files: where they are, who may read them, and the digits in them. What was read is wiped.
//
// Threading: no shared state. Memory: the caller's. Time: none.
// Errors: one sentence each, which begins with "loading the" and `what` is loaded, such as "journal key".
#ifndef TW_KEYFILE_H
#define TW_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/err.h"

#define TW_KEY_BYTES 32

// The file that `where` stands for: itself, or for "credential:NAME" the one systemd hands to the service
// (systemd.exec(5), Credentials). TW_ERR_NOT_FOUND: there is no credentials directory; TW_ERR_INVALID: longer
// than `size`.
int TW_MUST_CHECK tw_keyfile_path(const char *what, const char *where, char *path, size_t size,
                                  struct tw_error_text *err);

// Reads the file's first size - 1 bytes and a NUL into `text`, which the caller wipes. TW_ERR_IO;
// TW_ERR_REFUSED: everybody may read it.
int TW_MUST_CHECK tw_keyfile_read(const char *what, const char *path, char *text, size_t size, size_t *len,
                                  struct tw_error_text *err);

// Makes the file with `text`, mode 0600, whole and durable or not at all. TW_ERR_EXISTS; TW_ERR_IO.
int TW_MUST_CHECK tw_keyfile_make(const char *what, const char *path, const char *text,
                                  struct tw_error_text *err);

// Reads 64 hexadecimal digits; false when there are fewer.
bool tw_keyfile_digits(const char *text, size_t len, uint8_t key[TW_KEY_BYTES]);

#endif
