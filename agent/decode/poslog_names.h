// SPDX-License-Identifier: Apache-2.0
//
// The different names of elements and attributes that a file has used. expat keeps each of them to the end of
// the file, so a file that makes up new ones grows without bound: this says when it is to be ended. A till's
// whole vocabulary is a few hundred.
//
// Threading: one thread. Memory: bounded; wiped when it is freed, for a name may be anything (P6). Time:
// none. Errors: TW_ERR_TOO_LARGE, TW_ERR_NOMEM.
#ifndef TW_DECODE_POSLOG_NAMES_H
#define TW_DECODE_POSLOG_NAMES_H

#include "tillwire/bytes.h"
#include "tillwire/err.h"

enum {
    TW_POSLOG_NAMES = 4096,
    TW_POSLOG_NAMES_BYTES = 128 * 1024, // of all of them
};

struct tw_poslog_names {
    uint32_t slots[2 * TW_POSLOG_NAMES]; // where each begins in `chars`, and one; 0: free
    struct tw_buf chars;                 // each with its NUL
    size_t count;
};

// Adds the name as it stands in the file, with its prefix. TW_ERR_TOO_LARGE: too many, or too long.
int TW_MUST_CHECK tw_poslog_names_add(struct tw_poslog_names *names, const char *name);
void tw_poslog_names_free(struct tw_poslog_names *names);

#endif
