// SPDX-License-Identifier: Apache-2.0
//
// What the two files of a tap's flow share: tap_flow.c decides about the stream and the batches, and has the
// table; tap_flow_scan.c about the scans between the bytes.
//
// Threading, Memory, Time, Errors: as agent/lane/tap_flow.h.
#ifndef TW_AGENT_LANE_TAP_FLOW_PARTS_H
#define TW_AGENT_LANE_TAP_FLOW_PARTS_H

#include "agent/lane/tap_flow.h"

#define TW_TAP_FLOW_NEVER INT64_MAX

// What goes on once the reader has given out what it holds.
enum tw_tap_flow_reason { NOTHING = 0, PAUSED, CLOSED, MET, GIVEN_UP };

struct tw_tap_flow {
    enum tw_tap_flow_state state;
    struct tw_tap_place accounted; // every byte before belongs to a fact
    struct tw_tap_place queued;    // every byte before is in a batch
    struct tw_tap_place committed; // every byte before is durable

    uint8_t boot[16];           // of the tap, as it last said
    uint64_t fed;               // every byte before was given to the reader
    uint64_t heard;             // the boot is known to have this many bytes
    uint64_t heard_scan;        // likewise the newest scan of it that is to be kept
    bool owes_gap;              // something of an earlier boot is lost, and that is not durable yet
    struct tw_tap_place before; // where the queue ended when the boot was met

    size_t count;  // batches queued, those at the journal included
    size_t group;  // of them the oldest: they were submitted together, and are not durable yet
    size_t flying; // of these the journal has not answered yet
    bool alone;    // the next is submitted alone, to find out whether it can be kept at all

    enum tw_tap_flow_reason reading_out;
    struct tw_tap_place met;     // of the HELLO that waits for it
    uint64_t met_end;            // likewise, 0: the tap held nothing
    uint64_t lost_from, lost_to; // of the LOST that does

    int64_t idle_at, retry_at;
    int64_t retry_ms; // after the next failure
};

typedef void tw_tap_flow_handler(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                                 struct tw_tap_flow_actions *out);

// Appends an action.
struct tw_tap_flow_action *tw_tap_flow_add(struct tw_tap_flow_actions *out,
                                           enum tw_tap_flow_action_kind kind);
// Appends a batch that accounts for everything so far.
struct tw_tap_flow_action *tw_tap_flow_queue(struct tw_tap_flow *flow, enum tw_tap_flow_action_kind kind,
                                             struct tw_tap_flow_actions *out);

// ---- tap_flow_scan.c ----

tw_tap_flow_handler tw_tap_flow_scan, tw_tap_flow_scans_lost;

#endif
