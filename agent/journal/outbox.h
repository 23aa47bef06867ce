// SPDX-License-Identifier: Apache-2.0
//
// The queue of events in the database: whose it is (source), which life of it (epoch), contiguous
// sequence numbers (P4), and what leaves it: acknowledged rows are removed while the chain's head is
// kept, rejected rows are copied to the dead letters and stay as an unsent link of the chain until
// they are acknowledged past. Works inside the caller's transaction; after a rollback the caller
// puts back the state it copied before.
//
// Threading: belongs to the thread of its database. Memory: its own. Time: comes with the rows.
// Errors: the database's; TW_ERR_TOO_LARGE for an event over TW_EVENT_MAX_BYTES.
#ifndef TW_OUTBOX_H
#define TW_OUTBOX_H

#include "agent/journal/chain.h"
#include "agent/journal/db.h"
#include "tillwire/event.h"
#include "tillwire/seal.h"

struct tw_outbox;

// What changes with each transaction; a plain value, so that it can be put back.
struct tw_outbox_state {
    struct tw_chain_start start; // epoch, through, head
    uint64_t next;               // sequence of the next event
    uint64_t dead_rows;          // of those queued
    uint64_t live_bytes;         // of data in the rows that are not dead
    uint64_t counted_to;         // see sql/make_meta.sql
    uint64_t dead_letters;
    int64_t oldest_ms; // wall clock of the oldest row that is not dead; 0: none
};

// Reads or makes the identity. `fresh` tells that an empty journal of another source was taken over.
// TW_ERR_MISMATCH: events of another source are queued.
int TW_MUST_CHECK tw_outbox_open(struct tw_db *db, const char *path, const char *source, struct tw_seal *seal,
                                 struct tw_outbox **out, bool *fresh, struct tw_error_text *err);
void tw_outbox_free(struct tw_outbox *outbox);

// Borrowed; changes with every call below.
const struct tw_outbox_state *tw_outbox_state(const struct tw_outbox *outbox);
void tw_outbox_restore(struct tw_outbox *outbox, const struct tw_outbox_state *state);

// Writes an event; sets the row's id and sequence.
int TW_MUST_CHECK tw_outbox_append(struct tw_outbox *outbox, struct tw_event_row *row);

// The time that never steps back, not even over a restart with a clock that was lost: that of the ids.
int64_t tw_outbox_now(const struct tw_outbox *outbox, int64_t wall_ms);

// The hash of event `sequence`, which is queued or the last one removed.
int TW_MUST_CHECK tw_outbox_hash(struct tw_outbox *outbox, uint64_t sequence, uint8_t out[32]);

// Removes all up to `through`, which is below state->next. Lower than what was removed: nothing.
int TW_MUST_CHECK tw_outbox_acknowledge(struct tw_outbox *outbox, uint64_t through);

// A new epoch: what is queued is numbered from 1, keeps its ids, and loses the rejected.
int TW_MUST_CHECK tw_outbox_renew(struct tw_outbox *outbox);

// Copies a queued row to the dead letters. TW_ERR_NOT_FOUND when it is not queued or dead already.
// `type` is the row's.
int TW_MUST_CHECK tw_outbox_reject(struct tw_outbox *outbox, uint64_t sequence, const char *reason,
                                   int64_t at_ms, enum tw_event_type *type);

// Stores the size of the queue now and then (or now, with `force`), so that opening stays quick.
int TW_MUST_CHECK tw_outbox_count(struct tw_outbox *outbox, bool force);

// See tw_chain_read; `from` at or below what was acknowledged begins after it.
int TW_MUST_CHECK tw_outbox_read(struct tw_outbox *outbox, uint64_t from, size_t max_rows,
                                 struct tw_rows **out);

#endif
