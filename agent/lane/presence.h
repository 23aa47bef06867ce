// SPDX-License-Identifier: Apache-2.0
//
// When the centre is told that a device came (device.attached) or went (device.lost): at once when it
// comes, after TW_PRESENCE_SETTLE_MS when it stays away, and of a contact that flaps at most one pair in
// TW_PRESENCE_PAIR_MS, with a count of what was left out. So a bad plug fills no journal and wears no flash.
//
// Threading: pure functions. Memory: the caller's struct. Time: monotonic milliseconds come in.
// Errors: none.
#ifndef TW_LANE_PRESENCE_H
#define TW_LANE_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TW_PRESENCE_START_MS = 30000, // a device that never came since the start is lost
    TW_PRESENCE_SETTLE_MS = 2000, // away for less is nothing to tell
    TW_PRESENCE_PAIR_MS = 60000,  // from one device.lost to the next
    TW_PRESENCE_AGAIN_MS = 60000, // what could not be kept is told again
};

enum tw_presence_news { TW_PRESENCE_NONE, TW_PRESENCE_ATTACHED, TW_PRESENCE_LOST };

struct tw_presence {
    enum tw_presence_news kept; // last, and durable: what is told goes on from here
    bool telling;               // something was taken and is on its way
    bool here;
    int64_t changed_ms; // when it last came or went
    int64_t again_ms;   // nothing is told before
    int64_t next_lost_ms;
    unsigned losses; // since something was told
};

// Not here yet.
void tw_presence_init(struct tw_presence *presence, int64_t now_ms);
// It is here now, or is not.
void tw_presence_note(struct tw_presence *presence, bool here, int64_t now_ms);
// When there is something to tell; INT64_MAX: nothing, or not before what was taken is kept or returned.
int64_t tw_presence_due(const struct tw_presence *presence);
// What is to be told now. `left_out` (untouched when nothing is): how often it went since the last telling,
// without that being told.
enum tw_presence_news tw_presence_take(struct tw_presence *presence, int64_t now_ms, unsigned *left_out);
// What was taken is durable.
void tw_presence_keep(struct tw_presence *presence, enum tw_presence_news news);
// What was taken could not be kept.
void tw_presence_return(struct tw_presence *presence, enum tw_presence_news news, unsigned left_out,
                        int64_t now_ms);

#endif
