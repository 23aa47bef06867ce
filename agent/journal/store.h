// SPDX-License-Identifier: Apache-2.0
//
// The journal without its thread: one database, one caller, one transaction at a time. A group of
// operations shares a transaction. One that fails before it has written anything leaves the others alone;
// one that fails halfway, which is rare, breaks the group, and each can be tried alone. What it remembers in
// memory always agrees with what is committed. tw_journal runs it on the writer thread; a simulator can run
// it without.
//
// Threading: belongs to one thread. Memory: its own. Time: from the clock given at open.
// Errors: an operation's error is its own; a failed commit undoes the whole group.
#ifndef TW_STORE_H
#define TW_STORE_H

#include "agent/journal/batch.h"
#include "agent/journal/outbox.h"
#include "tillwire/journal.h"

#define TW_STORE_CACHE_KIB 256
// Small pages, since a commit writes whole ones: what one event changes is a row at the end of `events`, its
// key at the end of `sales`, and a mark.
#define TW_STORE_PAGE_BYTES 1024
// An acknowledgement is made durable with a later commit, but at most this late.
#define TW_STORE_SAVE_MS     10000
#define TW_STORE_SAVE_EVENTS 256 // or when this many wait for it
#define TW_STORE_BUSY        4   // or when a group has this many batches, where it costs next to nothing

struct tw_store;

// See tw_journal_open; on_commit and ctx of the options are not used here.
int TW_MUST_CHECK tw_store_open(const struct tw_journal_options *options, struct tw_store **out,
                                struct tw_error_text *err);
// Whether the file is whole (PRAGMA quick_check): TW_ERR_DAMAGED.
int TW_MUST_CHECK tw_store_check(struct tw_store *store, struct tw_error_text *err);
// Brings the WAL into the file and empties it.
int TW_MUST_CHECK tw_store_settle(struct tw_store *store);
// Makes acknowledgements durable and brings the WAL into the file. NULL is allowed.
void tw_store_close(struct tw_store *store);
// Closes without a word to the disk, for one that is damaged.
void tw_store_abandon(struct tw_store *store);

int TW_MUST_CHECK tw_store_begin(struct tw_store *store);
// Whether an operation failed halfway: the group cannot be committed any more.
bool tw_store_is_broken(const struct tw_store *store);
// After a failure nothing of the group is stored.
int TW_MUST_CHECK tw_store_commit(struct tw_store *store);

// Within a group. Writes a batch that passed tw_batch_check. The result counts once the group is committed.
void tw_store_batch(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result);

// Outside of a group, memory only: a restart may not know of it, and sends again what the centre has.
// One that is of another life of this journal (it lies beyond what was committed, or `head` (NULL: not told)
// is not the hash of event `through`) opens a new epoch, in a group of its own.
int TW_MUST_CHECK tw_store_acknowledge(struct tw_store *store, const char *epoch, uint64_t through,
                                       const uint8_t *head);
// When acknowledgements have to be made durable, monotonic; 0: now; INT64_MAX: there are none. A group, even
// an empty one, that is committed at that time or later does it.
int64_t tw_store_due_ms(const struct tw_store *store);

// Within a group: see tw_journal_reject, tw_journal_refuse. `gap` is the batch (to be freed by the caller) of
// the capture.gap that was written for it, or NULL when nothing was to do, or when it was such a capture.gap
// itself.
int TW_MUST_CHECK tw_store_reject(struct tw_store *store, const char *epoch, uint64_t sequence,
                                  const char *reason, bool refused, struct tw_batch **gap);
// Within a group: see tw_journal_resync; `gap` likewise.
int TW_MUST_CHECK tw_store_resync(struct tw_store *store, uint64_t from, enum tw_resync *out,
                                  struct tw_batch **gap);
// Within a group: see tw_journal_retry.
int TW_MUST_CHECK tw_store_retry(struct tw_store *store, uint64_t number, uint64_t *count);

// The others outside of a group. `out` is NULL when there is no row to send.
int TW_MUST_CHECK tw_store_read(struct tw_store *store, uint64_t from, size_t max_rows, struct tw_rows **out);
int TW_MUST_CHECK tw_store_letters(struct tw_store *store, uint64_t after, size_t max,
                                   tw_dead_letter_fn *letter, void *ctx);
int TW_MUST_CHECK tw_store_tap(struct tw_store *store, const char *device, struct tw_journal_tap *out);
int TW_MUST_CHECK tw_store_lane(struct tw_store *store, const char *workstation, struct tw_buf *out);

// For when nothing is to do: gives memory back, and brings the WAL into the file when it has grown or
// `thorough` asks for it; gives free pages back to the disk; strikes off keys that nothing needs.
int TW_MUST_CHECK tw_store_rest(struct tw_store *store, bool thorough);

const struct tw_outbox_state *tw_store_state(const struct tw_store *store);
// Fills what the store knows of the statistics.
void tw_store_stats(const struct tw_store *store, struct tw_journal_stats *out);

#endif
