// SPDX-License-Identifier: Apache-2.0
//
// What the centre keeps, in SQLite: per terminal and epoch how far it is settled (`through`), every
// payload as it came, and the stores' members. Events are applied strictly by sequence (P4): one
// that is ahead of through+1 is not kept at all, since the agent sends it again from there. A group of
// messages is one transaction; nothing may be acknowledged before its commit (P2).
//
// Threading: one thread. Memory: epochs stay in memory, 200 bytes each. Time: none.
// Errors: a failed write leaves memory ahead of the disk: the caller has to end the program.
#ifndef TW_CENTRAL_STORE_H
#define TW_CENTRAL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/journal/db.h"
#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_STORE_VERSION 1 // PRAGMA user_version

struct tw_centre_store;

struct tw_epoch {
    int64_t id, terminal;
    char source[100]; // "/TENANT/STORE/TERMINAL"
    char epoch[37];
    uint64_t through, seen;
    uint8_t head[32];
    uint64_t duplicates, ahead, broken;
    uint64_t session;       // the terminal's, as it last said; 0: it named none
    unsigned heard_on;      // on which connection it did (tw_answers_heard); not stored
    bool dirty;             // changed since the last commit
    unsigned fresh;         // events settled since
    struct tw_epoch *next;  // of the same bucket
    struct tw_epoch *other; // of the list of dirty ones
};

int TW_MUST_CHECK tw_centre_store_open(const char *path, struct tw_centre_store **out,
                                       struct tw_error_text *err);
void tw_centre_store_close(struct tw_centre_store *store);

// The database, for the members.
struct tw_db *tw_centre_store_db(struct tw_centre_store *store);

// The epoch of a source; with `make`, a new one begins at through 0. TW_ERR_NOT_FOUND.
int TW_MUST_CHECK tw_centre_store_epoch(struct tw_centre_store *store, const char *source, const char *epoch,
                                        bool make, struct tw_epoch **out);
// Puts it on the list of those the next commit writes and acknowledges.
void tw_centre_store_touch(struct tw_centre_store *store, struct tw_epoch *epoch);

enum tw_settled { TW_APPLIED = 0, TW_REPEAT = 1, TW_REJECTED = 2 };
struct tw_settling {
    enum tw_settled status;
    uint64_t sequence;
    const char *id, *type, *time, *reason; // NULL: unknown
    struct tw_slice payload;
};
// Settles through+1. A known id turns TW_APPLIED into TW_REPEAT.
int TW_MUST_CHECK tw_centre_store_settle(struct tw_centre_store *store, struct tw_epoch *epoch,
                                         struct tw_settling *settling);
// The terminal has nothing left up to `through`, which is not below the epoch's: what is between is missing
// for good. `head` is the hash of event `through`, which the next one follows.
int TW_MUST_CHECK tw_centre_store_skip(struct tw_centre_store *store, struct tw_epoch *epoch,
                                       uint64_t through, const uint8_t head[32]);

int TW_MUST_CHECK tw_centre_store_unreadable(struct tw_centre_store *store, const char *source,
                                             const char *reason, struct tw_slice payload);

// Of the epoch that settled most since the last commit: how many.
unsigned tw_centre_store_fresh(const struct tw_centre_store *store);
// Begins a group unless one is open.
int TW_MUST_CHECK tw_centre_store_begin(struct tw_centre_store *store);
// Commits the group, if one is open. `dirty` is the list of the epochs to acknowledge (by `other`).
int TW_MUST_CHECK tw_centre_store_commit(struct tw_centre_store *store, struct tw_epoch **dirty);

// Calls `each` for the newest TW_STORE_REJECTS rejects of an epoch with a sequence above `above`, in order.
// `above` may be days old, and what is far above it acknowledged since. A terminal never has more than
// TW_SEND_AHEAD (agent/journal/outbox.h) events that it may have sent and that are not acknowledged: those it
// may not have heard of are among the newest.
#define TW_STORE_REJECTS 1200
int TW_MUST_CHECK tw_centre_store_rejects(struct tw_centre_store *store, const struct tw_epoch *epoch,
                                          uint64_t above,
                                          void (*each)(void *ctx, uint64_t sequence, const char *reason),
                                          void *ctx);

#endif
