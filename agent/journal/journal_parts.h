// SPDX-License-Identifier: Apache-2.0
//
// What the files of the journal share: journal.c (the writer thread, opening and closing), post.c (what other
// threads ask of it), owed.c, stats.c.
#ifndef TW_JOURNAL_PARTS_H
#define TW_JOURNAL_PARTS_H

#include "agent/journal/mailbox.h"
#include "agent/journal/rescue.h"

struct tw_journal {
    struct tw_journal_options options; // with these two as strings, to open anew
    char *path, *source;
    struct tw_store *store; // of the writer thread once that runs; NULL: being repaired
    struct tw_rescue rescue;
    int64_t repair_ms;       // not before; CLOCK_MONOTONIC
    int64_t repair_wait_ms;  // after the next one
    uint64_t damaged_before; // files set aside when the damage was found
    struct tw_mailbox mailbox;
    pthread_mutex_t
        pack_mutex; // of the next two: whoever submits makes events small, beside the writer thread
    struct tw_squeeze *squeeze;
    struct tw_buf pack_text;
    pthread_t thread;
    struct tw_read_request read; // of the writer thread: waits for rows
    char read_epoch[37];         // of the rows given last
    uint64_t linger_us;          // before the next group is taken
    struct tw_op *owed;          // rejections that could not be written yet
    int64_t save_not_before_ms;  // after a commit that failed, CLOCK_MONOTONIC
    int64_t rest_ms;             // when to rest, CLOCK_MONOTONIC; 0: not before there was work
    bool is_damaged;
    bool rested; // a little, since there was work
    pthread_mutex_t stats_mutex;
    struct tw_journal_stats stats;
};

// ---- owed.c: rejections that could not be written yet; of the writer thread ----

// A rejection that could not be written holds acknowledgements back: they would pass over its row, and
// nothing would be left to tell of it. A refusal does not: its row goes out again.
bool tw_owed_holds_back(const struct tw_journal *journal, const struct tw_op *acknowledgement);
// Keeps a rejection, which is taken, until it can be written.
void tw_owed_keep(struct tw_journal *journal, struct tw_op *rejection);
// `ops`, behind the rejections that are owed when an acknowledgement among them waits for those.
struct tw_op *tw_owed_before(struct tw_journal *journal, struct tw_op *ops);

// ---- stats.c: what tw_journal_stats tells, kept by the writer thread ----

// What the store tells. With the mutex held, or before there is a second thread.
void tw_stats_of_queue(struct tw_journal *journal);
// After a commit of the operations up to `end`.
void tw_stats_of_commit(struct tw_journal *journal, int rc, uint64_t took_us, const struct tw_op *ops,
                        const struct tw_op *end);
void tw_stats_of_error(struct tw_journal *journal, int rc);

#endif
