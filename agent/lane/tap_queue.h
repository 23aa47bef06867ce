// SPDX-License-Identifier: Apache-2.0
//
// A tap's batches on their way to the journal, oldest first: how the flow's QUEUE, REPLACE, SETTLE and DROP
// are carried out. Each batch knows the place after which its bytes are accounted for. Of a sale that is
// dropped and will be read again, who its customer was is kept with that place: whoever was scanned since
// belongs to later papers, and however many wait, each has its own customer on every reading (P3). A scan of
// the tap's own scanner is a batch among the papers; when it is told again it identifies nobody a second
// time.
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
    struct tw_identity taken;   // by its sale
    int64_t read_ms;            // when it was read for the first time, wall clock
    int64_t paid_ms;            // when it was printed, as far as the tap's clock tells that
    bool is_sale;               // also where it is too large to be told as one
    bool is_scan, is_again;     // a loyalty card; which was told before
    struct tw_identity scanned; // whose it is
    const char *counted;        // "sale", "unparsed" or NULL
    struct tw_journal_result result;
    struct tw_post post;
    struct tw_tap_flight *next;
};

struct tw_tap_queue {
    struct tw_lane *lane;
    const char *name;        // of the tap
    const char *workstation; // it stands at
    struct tw_tap_flight *first, *last;
    struct tw_tap_flight *again; // dropped sales, in the order of their papers, without batches
    struct tw_drift drift[2];    // store, workstation
    uint8_t scan_boot[16];       // of the tap, whose scans up to
    uint64_t scan_number;        // this one have identified whom they could
    int64_t card_at_ms;          // when the last of them was made, wall clock
    uint64_t card_us;            // likewise by the tap's clock; 0: it identifies nobody any more
    uint64_t last_us;            // by the tap's clock, of what came last; 0: nothing yet
};

// A loyalty card from the tap's scanner.
struct tw_tap_card {
    const struct tw_lane_reading *reading;
    uint64_t time_us; // of the scan, by the tap's clock
    int64_t age_ms;
    bool is_fresh; // whoever it belongs to is there now
};

// Makes the batch a QUEUE action asks for; `fact` is that of QUEUE_FACT, else NULL.
int TW_MUST_CHECK tw_tap_queue_add(struct tw_tap_queue *queue, const struct tw_tap_flow_action *action,
                                   const struct tw_reader_fact *fact);
// Makes the batch of QUEUE_SCAN. The card identifies who comes next, and a display greets who is there.
int TW_MUST_CHECK tw_tap_queue_add_scan(struct tw_tap_queue *queue, const struct tw_tap_flow_action *action,
                                        const struct tw_tap_card *card);
// Too long ago by the tap's clock: whom its last card identified is gone, unless somebody else came since.
void tw_tap_queue_forget_card(struct tw_tap_queue *queue);
// The first, a sale larger than an event may be, is told of in words; it was its customer's.
int TW_MUST_CHECK tw_tap_queue_replace_first(struct tw_tap_queue *queue);
// The batch of one that is submitted now: with the tap's place and who stands at the workstation. It is kept
// only upon the one `ahead` of it (NULL: whatever was before is durable).
struct tw_batch *tw_tap_queue_take(struct tw_tap_queue *queue, struct tw_tap_flight *flight,
                                   const struct tw_tap_flight *ahead);
// The first is durable, and gone from the queue.
void tw_tap_queue_settle_first(struct tw_tap_queue *queue);
// Forgets all but the oldest `keep`, newest first: they are read again. What is remembered of them
// is gone once their place is passed, whether they came or were lost.
void tw_tap_queue_drop(struct tw_tap_queue *queue, size_t keep);
// Frees what is left.
void tw_tap_queue_clear(struct tw_tap_queue *queue);

#endif
