// SPDX-License-Identifier: Apache-2.0
//
// Which keys sealed what lies in this file: each with its check value, so that a key that is missing, or
// another one under the same ID, is found at opening and not row by row. A key that nothing needs any more
// is struck off the list and may leave the key file.
//
// Threading: belongs to the thread of its database. Memory: none. Time: none.
// Errors: TW_ERR_MISMATCH with a sentence; the database's.
#ifndef TW_SEALS_H
#define TW_SEALS_H

#include <stdbool.h>

#include "agent/journal/db.h"
#include "tillwire/seal.h"

struct tw_seals {
    struct tw_db *db;       // borrowed
    struct tw_vault *vault; // borrowed
    unsigned noted;         // the key that is known to be in the list; 0: none
    unsigned oldest;        // lowest ID in the list; 0: empty
    unsigned odd;           // the key that tw_seals_check did not find as it was
    bool several;           // the list has more than one
};

// Compares the list with the vault, but for keys that nothing needs. `path` is for the sentence.
int TW_MUST_CHECK tw_seals_check(struct tw_seals *seals, const char *path, struct tw_error_text *err);

// The key to seal with now, put into the list in the caller's transaction.
int TW_MUST_CHECK tw_seals_use(struct tw_seals *seals, unsigned *key);
// The transaction was rolled back.
void tw_seals_forget(struct tw_seals *seals);

// Strikes off what neither events nor dead letters need; the marks must have been sealed anew before.
int TW_MUST_CHECK tw_seals_retire(struct tw_seals *seals);

#endif
