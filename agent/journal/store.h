// SPDX-License-Identifier: Apache-2.0
//
// The journal without its thread: one database, one caller, one transaction at a time. A group of
// operations shares a transaction; each stands in a savepoint of its own, so that one that fails
// leaves nothing behind and the others go on. What it remembers in memory always agrees with
// what is committed. tw_journal runs it on the writer thread; a simulator can run it without.
//
// Threading: belongs to one thread. Memory: its own. Time: from the clock given at open.
// Errors: an operation's error is its own; a failed commit undoes the whole group.
#ifndef TW_STORE_H
#define TW_STORE_H

#include "agent/journal/batch.h"
#include "agent/journal/outbox.h"
#include "tillwire/journal.h"

#define TW_STORE_CACHE_KIB 256

struct tw_store;

// See tw_journal_open; on_commit and ctx of the options are not used here.
int TW_MUST_CHECK tw_store_open(const struct tw_journal_options *options, struct tw_store **out,
                                struct tw_error_text *err);
// Also brings the WAL into the file. NULL is allowed.
void tw_store_close(struct tw_store *store);

int TW_MUST_CHECK tw_store_begin(struct tw_store *store);
// After a failure nothing of the group is stored.
int TW_MUST_CHECK tw_store_commit(struct tw_store *store);

// Writes a batch that passed tw_batch_check. The result counts once the group is committed.
void tw_store_batch(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result);

// Whether the acknowledgement is of another life of this journal, so that it opens a new epoch: it lies
// beyond what was committed before this group, or `head` (NULL: not told) is not the hash of event
// `through`. Such a one belongs into a group of its own, since it renumbers.
bool tw_store_is_foreign(struct tw_store *store, const char *epoch, uint64_t through, const uint8_t *head);
int TW_MUST_CHECK tw_store_acknowledge(struct tw_store *store, const char *epoch, uint64_t through,
                                       const uint8_t *head);

// The event goes to the dead letters; `gap` is the batch (to be freed by the caller) of the capture.gap
// that was written for it, or NULL when nothing was to do, or when it was such a capture.gap itself.
int TW_MUST_CHECK tw_store_reject(struct tw_store *store, const char *epoch, uint64_t sequence,
                                  const char *reason, struct tw_batch **gap);

// Outside of a group. `out` is NULL when there is no row to send.
int TW_MUST_CHECK tw_store_read(struct tw_store *store, uint64_t from, size_t max_rows, struct tw_rows **out);
int TW_MUST_CHECK tw_store_tap(struct tw_store *store, const char *device, struct tw_journal_tap *out);
int TW_MUST_CHECK tw_store_lane(struct tw_store *store, const char *workstation, struct tw_buf *out);
int TW_MUST_CHECK tw_store_checkpoint(struct tw_store *store);
const struct tw_outbox_state *tw_store_state(const struct tw_store *store);

#endif
