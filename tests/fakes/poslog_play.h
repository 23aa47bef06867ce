// SPDX-License-Identifier: Apache-2.0
//
// Reads a POSLog file in pieces and writes down what came out, one line a fact, to be compared as text.
//
// Threading: one thread. Memory: the caller frees `out`. Time: none. Errors: cmocka assertions.
#ifndef TW_FAKE_POSLOG_PLAY_H
#define TW_FAKE_POSLOG_PLAY_H

#include "tillwire/poslog.h"

struct poslog_play {
    struct tw_poslog_options options;
    struct tw_buf out;   // one line a fact
    struct tw_buf texts; // what would be hashed
    size_t sales, others, unparsed, masked;
    struct tw_sale *first; // the first sale; the player's
    struct tw_error_text err;
    int rc;
};

// Feeds `file` in pieces of 1 to `longest` bytes (0: whole), by `seed`, and finishes it.
void poslog_play(struct poslog_play *play, const struct tw_scan_rules *rules, const char *currency,
                 struct tw_slice file, size_t longest, uint32_t seed);
void poslog_play_free(struct poslog_play *play);

#endif
