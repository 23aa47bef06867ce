// SPDX-License-Identifier: Apache-2.0
//
// The journal: the one place where an accepted event is durable (P1). A batch of events, with the
// tap position they came from and the lane state they leave behind, is one transaction of SQLite
// in WAL mode with synchronous=FULL; batches that wait together share a commit. It numbers events
// (P4), remembers transaction keys and Idempotency-Keys for 7 days in the same commit (P3), keeps
// the hash chain, and gives rows up only when they are acknowledged (P2) or rejected.
//
// Threading: one writer thread owns the database; every function marked [any] may be called from
// any thread and only posts to it; callbacks run on the writer thread and must not block.
// Memory: batches and row sets change owner as said below. Time: from the clock given at open.
// Errors: a failed transaction reports its error to its callers and leaves nothing behind.
#ifndef TW_JOURNAL_H
#define TW_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/batch.h"
#include "tillwire/bytes.h"
#include "tillwire/clock.h"
#include "tillwire/err.h"
#include "tillwire/event.h"
#include "tillwire/seal.h"

#define TW_JOURNAL_KEY_DAYS 7
#define TW_JOURNAL_VERSION  3 // PRAGMA user_version; a higher one is left untouched (P9)

struct tw_journal;

// Compares the remembered data of a sale with a later witness's. Pure; runs on the writer thread.
// Returns 0 when it only agrees (also when it was seen before), 1 when `merged` holds the data of
// a correction, or a negative error.
typedef int tw_journal_merge_fn(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                                struct tw_buf *merged);

// Told of every committed event, on the writer thread; the row is valid during the call.
typedef void tw_journal_commit_fn(void *ctx, const struct tw_event_row *row);

struct tw_journal_options {
    const char *path;   // of journal.db; its folder exists
    const char *source; // "/TENANT/STORE/TERMINAL"
    const struct tw_clock *clock;
    struct tw_seal *seal;
    struct tw_vault *vault; // seals what is stored; outlives the journal
    tw_journal_merge_fn *merge;
    tw_journal_commit_fn *on_commit; // may be NULL
    void *ctx;
    uint64_t max_bytes;     // of the file; 0: no limit. Beyond it submissions fail with TW_ERR_FULL
    uint64_t reserve_bytes; // of the disk to leave free; likewise
};

// Opens or makes the file (mode 0600), checks it, and starts the writer thread. A damaged file is set aside
// and what can be saved of it is taken over (P9).
// path and source are copied; clock and seal outlive the journal. Each error comes with a sentence:
// TW_ERR_AGAIN another process has the file, TW_ERR_VERSION made by a newer version and left
// untouched, TW_ERR_MISMATCH holds undelivered events of another source (an empty one is taken over in
// a new epoch) or is sealed with a key that is not there, TW_ERR_IO, TW_ERR_FULL, TW_ERR_NOMEM.
int TW_MUST_CHECK tw_journal_open(const struct tw_journal_options *options, struct tw_journal **out,
                                  struct tw_error_text *err);
// Commits what was submitted, checkpoints, ends the thread; a read that waits is forgotten. NULL is allowed.
void tw_journal_close(struct tw_journal *journal);

// What a restarted agent must know again. Synchronous [any] but in a callback; errors of the disk.
struct tw_journal_tap {
    bool known;
    uint8_t boot[16];
    uint64_t offset;
    uint8_t state[32];
    size_t state_len;
};
int TW_MUST_CHECK tw_journal_tap(struct tw_journal *journal, const char *device, struct tw_journal_tap *out);
// Appends the lane's state as it was last stored (nothing if never).
int TW_MUST_CHECK tw_journal_lane(struct tw_journal *journal, const char *workstation, struct tw_buf *out);

// ---- writing ----
enum tw_outcome {
    TW_OUTCOME_NEW = 0,   // events were written
    TW_OUTCOME_REPEAT,    // known already: nothing written but positions; `id` is the first one's
    TW_OUTCOME_CORRECTED, // written as sale.corrected; `id` is the correction's
};
struct tw_journal_result {
    int error; // 0: durable
    enum tw_outcome outcome;
    uint8_t id[16];  // of the sale, or of the batch's first event
    bool by_request; // a repeat of a request with the same Idempotency-Key
    // Of a sale that was known: as it was seen first. Borrowed for the call; empty: not known any more.
    struct tw_slice subject;
};
typedef void tw_journal_done_fn(void *ctx, const struct tw_journal_result *result);

// Takes the batch (also on failure). `done` (may be NULL) runs once it is durable or has failed. [any]
// When this returns an error `done` does not run: TW_ERR_FULL (too much waits: 1024 batches or 8 MiB),
// TW_ERR_INVALID (rules above broken), TW_ERR_TOO_LARGE, TW_ERR_CLOSED, TW_ERR_NOMEM. Errors in the result:
// TW_ERR_TOO_LARGE (an event over TW_EVENT_MAX_BYTES), TW_ERR_MISMATCH, TW_ERR_AGAIN (tw_batch_tap_upon),
// the merge function's, the disk's.
int TW_MUST_CHECK tw_journal_submit(struct tw_journal *journal, struct tw_batch *batch,
                                    tw_journal_done_fn *done, void *ctx);

// Until the release, what is submitted waits for some company, unless other work comes. One holder. [any]
void tw_journal_hold(struct tw_journal *journal, bool held);

// ---- sending ----
struct tw_journal_payload {
    uint64_t sequence;
    const char *family;
    struct tw_slice bytes; // the published form
};
struct tw_rows { // owned by who receives it; freed with tw_rows_free
    char epoch[37];
    struct tw_journal_payload *rows;
    size_t count;
};
void tw_rows_free(struct tw_rows *rows);
typedef void tw_journal_rows_fn(void *ctx, struct tw_rows *rows);

// Asks for rows with sequence >= from, at most `max_rows` and about 256 KiB. The answer comes when
// there is at least one, even if that takes a day; a new request replaces one that still waits. The
// first answer of an epoch begins after what is acknowledged, whatever `from` says: when the epoch
// of an answer is new to the reader, its window starts over with that answer's first row. [any]
int TW_MUST_CHECK tw_journal_read(struct tw_journal *journal, uint64_t from, size_t max_rows,
                                  tw_journal_rows_fn *rows, void *ctx);
// All up to `through` are committed at the centre (or broker). Another epoch's is ignored; one that
// is ahead of the journal opens a new epoch, in which what is queued is numbered anew (P4);
// `done` (may be NULL) runs when the journal goes on from there, and not at all if it fails. Removing the
// rows waits for company, up to 10 s: an acknowledgement that a crash takes along only means a resend.
int TW_MUST_CHECK tw_journal_acknowledge(struct tw_journal *journal, const char *epoch, uint64_t through,
                                         void (*done)(void *ctx), void *ctx);
// The same, with the hash of event `through` as the centre knows it (NULL: not told). Where the journal
// has another one there, it is another life of the same disk: a new epoch as well.
int TW_MUST_CHECK tw_journal_acknowledge_hash(struct tw_journal *journal, const char *epoch, uint64_t through,
                                              const uint8_t head[32], void (*done)(void *ctx), void *ctx);
// The centre will never take this one: to the dead letters, with a capture.gap in the queue. `reason`
// is the centre's text. What is not queued any more, or of another epoch, is ignored. [any]
int TW_MUST_CHECK tw_journal_reject(struct tw_journal *journal, const char *epoch, uint64_t sequence,
                                    const char *reason);
// The broker will never take this one (a refusal that is about this event alone): to the dead letters with a
// capture.gap likewise, and since it never went out and the chain cannot pass it, a new epoch begins. [any]
int TW_MUST_CHECK tw_journal_refuse(struct tw_journal *journal, const char *epoch, uint64_t sequence,
                                    const char *reason);

// The centre wants everything from sequence `from` of the present epoch again. What is still queued is
// simply read again. What was acknowledged and removed cannot come back: then a capture.gap names it
// (`from` .. through) and a new epoch begins, so that the centre can go on. `out` tells which. Synchronous
// [any] but in a callback. TW_ERR_INVALID: `from` is 0 or ahead of the journal.
enum tw_resync { TW_RESYNC_READ = 0, TW_RESYNC_RENEWED };
int TW_MUST_CHECK tw_journal_resync(struct tw_journal *journal, uint64_t from, enum tw_resync *out);

// ---- dead letters ----
struct tw_dead_letter {
    uint64_t number;  // names it here
    char source[128]; // whose it is: where the terminal became another one, the earlier
    char epoch[37];   // where it stood
    uint64_t sequence;
    enum tw_event_type type;
    char id[37];
    int64_t time_ms, rejected_ms; // capture; when it came here
    char reason[513];
    struct tw_slice data; // borrowed for the call
};
typedef int tw_dead_letter_fn(void *ctx, const struct tw_dead_letter *letter); // not TW_OK: ends it
// Gives every dead letter with number > after, oldest first, at most `max`. Synchronous [any] but in a
// callback; `letter` runs on the writer thread and must not block.
int TW_MUST_CHECK tw_journal_dead_letters(struct tw_journal *journal, uint64_t after, size_t max,
                                          tw_dead_letter_fn *letter, void *ctx);
// Queues dead letter `number` (0: all) again as a new event, with a new id and sequence, and removes it
// there; those of an earlier source stay. `count` tells how many. Synchronous [any] but in a callback.
// TW_ERR_NOT_FOUND, TW_ERR_FULL, TW_ERR_MISMATCH: of an earlier source, or all there are.
int TW_MUST_CHECK tw_journal_retry(struct tw_journal *journal, uint64_t number, uint64_t *count);

struct tw_journal_stats {
    char epoch[37];
    uint64_t next_sequence;
    uint64_t through; // acknowledged
    uint8_t head[32]; // hash of event `through`; zeros at 0
    uint64_t queued_events, queued_bytes;
    int64_t oldest_ms; // wall clock of the oldest queued event; 0: none
    int64_t latest_ms; // latest wall clock the journal has seen; never steps back
    uint64_t dead_letters;
    uint64_t send_limit;        // rows up to here are frozen (P7)
    uint64_t dropped;           // events given up for room since the start, each a capture.gap in its place
    uint64_t salvaged, damaged; // events saved from a damaged file since the start; files set aside
    char set_aside[512];        // where the last of those lies; empty: none
    uint64_t file_bytes;        // of the database, without its WAL
    bool full;                  // submissions fail with TW_ERR_FULL
    unsigned seal_key;          // ID of the key that seals
    unsigned oldest_seal_key;   // lowest ID that something in the journal still needs
    uint64_t commits, events, repeats;
    int last_error;              // of the newest commit
    uint64_t commit_buckets[12]; // commits by duration, upper bounds TW_COMMIT_BOUNDS_US, last +Inf
    uint64_t commit_us_total;
};
#define TW_COMMIT_BOUNDS_US                                                                                  \
    {                                                                                                        \
        250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000                             \
    }
void tw_journal_stats(struct tw_journal *journal, struct tw_journal_stats *out); // [any], asks no disk

#endif
