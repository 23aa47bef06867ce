// SPDX-License-Identifier: Apache-2.0
//
// The small messages between a terminal and its centre: `ack` and `reject` are read, `state` is
// written (include/contract/names.md, Topics).
//
// Threading: pure. Memory: a word owns its texts until tw_word_free. Time: none.
// Errors: what is not of the contract's form is no word of the centre.
#ifndef TW_WORD_H
#define TW_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/journal.h"
#include "tillwire/json.h"

struct tw_word {
    tw_json *value;
    const char *epoch;
    const char *reason; // of a reject, else ""
    uint64_t number;    // through, or the sequence rejected
    bool has_head;
    uint8_t head[32]; // of an ack that tells it: the hash of event `number`
    bool has_session;
    uint64_t session; // of an ack that tells it: whose state it follows; 0: nobody's
};

// False: not of the form; there is nothing to free.
bool tw_word_read(struct tw_slice payload, bool is_ack, struct tw_word *out);
void tw_word_free(struct tw_word *word);

#define TW_WORD_STATE_BYTES 352
// The state of a terminal that is online, in `session`.
void tw_word_state(const struct tw_journal_stats *stats, uint64_t session, char out[TW_WORD_STATE_BYTES]);

// 64 hex digits; false for anything else.
bool tw_word_hash(const char *hex, uint8_t out[32]);

#endif
