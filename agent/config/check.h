// SPDX-License-Identifier: Apache-2.0
//
// Checks a merged configuration for what the YAML schema cannot say, and words the errors: each
// names file and line of the value at fault.
//
// Threading: one thread at a time. Memory: borrows what it is given. Time: none.
// Errors: TW_ERR_INVALID, TW_ERR_TOO_LARGE, through `err` of the memory.
#ifndef TW_CONFIG_CHECK_H
#define TW_CONFIG_CHECK_H

#include <stddef.h>

#include "agent/config/file.h"
#include "tillwire/config.h"

// What a configuration owns: the files as read, and the strings and tables made from them.
struct tw_config_memory {
    struct tw_file *files;
    size_t file_count;
    void **blocks;
    size_t block_count;
    struct tw_error_text *err; // where the load under way reports to
};

// "FILE:LINE" of the last file that has `key` with `value` (NULL: any); the first file's name when
// there is none. Returns `out`.
const char *tw_config_place(const struct tw_config_memory *memory, const char *key, const char *value,
                            char out[512]);

// Reports `value` of `key` as wrong, with place and remedy; returns TW_ERR_INVALID.
int tw_config_bad_value(const struct tw_config_memory *memory, const char *key, const char *value,
                        const char *remedy);

// Checks required keys, forms and combinations.
int TW_MUST_CHECK tw_config_check(const struct tw_config_memory *memory, const struct tw_config *config);

#endif
