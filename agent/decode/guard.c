// SPDX-License-Identifier: Apache-2.0
//
// Whole texts: one lane, read line by line. What is decided, and how, is in guard_chain.c.
#include "tillwire/guard.h"

#include "agent/decode/guard_lane.h"

size_t tw_guard_mask(const struct tw_guard *guard, char *text, size_t len)
{
    struct tw_guard_lane lane;
    tw_guard_lane_init(&lane, TW_GUARD_READ_LINES, guard, text);
    while (tw_guard_lane_step(&lane, tw_slice_make(text, len), true) != TW_GUARD_LANE_WAIT) {
    }
    return lane.chain.hits;
}

bool tw_guard_hits(const struct tw_guard *guard, struct tw_slice text)
{
    struct tw_guard_lane lane;
    tw_guard_lane_init(&lane, TW_GUARD_READ_LINES, guard, NULL);
    while (lane.chain.hits == 0 && tw_guard_lane_step(&lane, text, true) != TW_GUARD_LANE_WAIT) {
    }
    return lane.chain.hits > 0;
}
