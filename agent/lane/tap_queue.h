// SPDX-License-Identifier: Apache-2.0
//
// A tap's batches on their way to the journal, oldest first: how the flow's QUEUE, REPLACE, SETTLE and DROP
// are carried out. Each batch knows the place after which its bytes are accounted for, and whose scan its
// sale took, so that a batch that is read again finds its customer again.
//
// Threading: the loop thread. Memory: the queue owns its batches. Time: from the lane's clock.
// Errors: TW_ERR_NOMEM, and those of tw_sale_event; the queue is unchanged then.
#ifndef TW_AGENT_LANE_TAP_QUEUE_H
#define TW_AGENT_LANE_TAP_QUEUE_H

#include "agent/lane/parts.h"
#include "agent/lane/tap_flow.h"

// What is told of a fact that cannot be kept as a sale.
struct tw_tap_summary {
    size_t lines, bytes;
    char sha256[65];
};

struct tw_tap_flight {
    struct tw_lane_tap *tap; // who submitted it
    struct tw_batch *batch;  // NULL once it is in the journal's hands
    struct tw_tap_place after;
    struct tw_tap_summary summary;
    struct tw_identity taken; // by its sale
    const char *counted;      // "sale", "unparsed" or NULL
    struct tw_journal_result result;
    struct tw_post post;
    struct tw_tap_flight *next;
};

struct tw_tap_queue {
    struct tw_lane *lane;
    const char *name;        // of the tap
    const char *workstation; // it stands at
    struct tw_tap_flight *first, *last;
    struct tw_drift drift[2]; // store, workstation
};

// Makes the batch a QUEUE action asks for; `fact` is that of QUEUE_FACT, else NULL.
int TW_MUST_CHECK tw_tap_queue_add(struct tw_tap_queue *queue, const struct tw_tap_flow_action *action,
                                   const struct tw_reader_fact *fact);
// The first, a sale larger than an event may be, is told of in words; it was its customer's.
int TW_MUST_CHECK tw_tap_queue_replace_first(struct tw_tap_queue *queue);
// The first is durable, and gone from the queue.
void tw_tap_queue_settle_first(struct tw_tap_queue *queue);
// Forgets all but the oldest `keep` (0 or 1), newest first: they are read again, and their customers are
// still those of the same paper.
void tw_tap_queue_drop(struct tw_tap_queue *queue, size_t keep);
// Frees what is left.
void tw_tap_queue_clear(struct tw_tap_queue *queue);

#endif
