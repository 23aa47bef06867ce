// SPDX-License-Identifier: Apache-2.0
//
// Reads bytes in one way (enum tw_guard_reading) and puts the digits into a chain; masks track data,
// which ends by itself. It goes in steps and stops where the bytes to come would matter, so that
// it does the same no matter how the bytes are cut.
//
// Threading: one thread at a time. Memory: no allocation. Time: linear in the bytes. Errors: none.
#ifndef TW_DECODE_GUARD_LANE_H
#define TW_DECODE_GUARD_LANE_H

#include "agent/decode/guard_chain.h"
#include "agent/decode/guard_gap.h"

enum tw_guard_lane_track { TW_GUARD_LANE_NO_TRACK = 0, TW_GUARD_LANE_TRACK_1, TW_GUARD_LANE_TRACK_2 };

struct tw_guard_lane {
    enum tw_guard_reading reading;
    enum tw_guard_lane_track track; // of which the bytes at `at` are
    size_t left;                    // characters that track 1 may still have
    size_t at;                      // everything before was read
    unsigned gap;                   // what stands before the digit at `at`
    bool alone;                     // stop with TW_GUARD_LANE_DOUBT where reading plainly would differ
    struct tw_guard_chain chain;
};

enum tw_guard_lane_step { TW_GUARD_LANE_ON = 0, TW_GUARD_LANE_WAIT, TW_GUARD_LANE_DOUBT };

void tw_guard_lane_init(struct tw_guard_lane *lane, enum tw_guard_reading reading,
                        const struct tw_guard *guard, char *out);

// Reads on. `last`: no more bytes will come; then WAIT means that all is read and decided.
enum tw_guard_lane_step tw_guard_lane_step(struct tw_guard_lane *lane, struct tw_slice text, bool last);

// True where nothing is under way.
static inline bool tw_guard_lane_idle(const struct tw_guard_lane *lane)
{
    return lane->chain.count == 0 && lane->track == TW_GUARD_LANE_NO_TRACK;
}

// Everything before is settled.
static inline size_t tw_guard_lane_settled(const struct tw_guard_lane *lane)
{
    return lane->chain.count > 0 ? lane->chain.pos[lane->chain.first] : lane->at;
}

#endif
