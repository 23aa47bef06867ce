// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/poslog_names.h"

#include <string.h>

#define SLOTS (2 * TW_POSLOG_NAMES)

// FNV-1a, 32 bits (draft-eastlake-fnv). Names that were made to collide cost time, within the bounds.
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    }
    return hash;
}

int tw_poslog_names_add(struct tw_poslog_names *names, const char *name)
{
    size_t len = strlen(name);
    size_t at = hash_of(name) % SLOTS;
    while (names->slots[at] != 0) {
        if (strcmp((const char *)names->chars.ptr + names->slots[at] - 1, name) == 0) {
            return TW_OK;
        }
        at = (at + 1) % SLOTS;
    }
    if (names->count >= TW_POSLOG_NAMES || names->chars.len + len + 1 > TW_POSLOG_NAMES_BYTES) {
        return TW_ERR_TOO_LARGE;
    }
    if (names->chars.cap == 0) { // at once, so that no copy of a name is left behind
        (void)tw_buf_reserve(&names->chars, TW_POSLOG_NAMES_BYTES);
    }
    names->slots[at] = (uint32_t)names->chars.len + 1;
    tw_buf_add(&names->chars, name, len + 1);
    names->count++;
    return tw_buf_status(&names->chars);
}

void tw_poslog_names_free(struct tw_poslog_names *names)
{
    if (names->chars.len > 0) {
        explicit_bzero(names->chars.ptr, names->chars.len);
    }
    tw_buf_free(&names->chars);
}
