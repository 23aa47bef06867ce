// SPDX-License-Identifier: Apache-2.0
//
// What the files of the store share: store.c (groups and what is written in them), store_life.c (opening,
// reading, resting, closing), positions.c (where a restarted agent goes on).
#ifndef TW_STORE_PARTS_H
#define TW_STORE_PARTS_H

#include "agent/journal/keys.h"
#include "agent/journal/marks.h"
#include "agent/journal/room.h"
#include "agent/journal/store.h"

#define TW_STORE_COUNT_EVERY 4096 // rows after which the size of the queue is stored again

struct tw_store {
    const struct tw_clock *clock;
    tw_journal_merge_fn *merge;
    char *source, *path;
    struct tw_db *db;
    struct tw_recorder recorder;
    struct tw_seals seals;
    struct tw_table table;
    struct tw_marks marks;
    struct tw_outbox *outbox;
    struct tw_keys keys;
    struct tw_requests_range keys_before; // as they were before the running group
    struct tw_room room, room_before;     // as it was before the running group
    struct tw_outbox_state committed;     // outside of a group: the current one
    int broken;                           // why the running group cannot be committed any more; 0: it can
    unsigned batches;                     // in the running group
    unsigned commits;                     // since the WAL was last brought into the file
    int64_t unsaved_since_ms;             // monotonic: the oldest acknowledgement that is not durable
};

// Appends the capture.gap of `gap`, which stays the caller's. NULL is TW_ERR_NOMEM.
int TW_MUST_CHECK tw_store_write_gap(struct tw_store *store, struct tw_batch *gap);

// TW_ERR_AGAIN: the batch goes upon another position than the one that is stored.
int TW_MUST_CHECK tw_positions_check(struct tw_store *store, const struct tw_batch *batch);
// The batch's tap position and, `with_lane`, what the lane remembers.
int TW_MUST_CHECK tw_positions_write(struct tw_store *store, const struct tw_batch *batch, bool with_lane);

#endif
