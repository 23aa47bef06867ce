// SPDX-License-Identifier: Apache-2.0
//
// What a customer display shows of the member who was identified at its workstation: a greeting and the
// points, until the sale is closed and for TW_GREETING_MS at most. Never a name or a number; nobody whom the
// terminal does not know as a member; and no points that are older than a day, since two lines have no room
// to say how old they are (P10). Pure: asking and showing is displays.c.
//
// Threading: pure functions on the caller's memory. Memory: none of its own; who was greeted is wiped.
// Time: wall clock and monotonic milliseconds, passed in. Errors: none.
#ifndef TW_AGENT_LANE_GREETING_H
#define TW_AGENT_LANE_GREETING_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/device.h"
#include "tillwire/member.h"

#define TW_GREETING_MS     (20 * 1000)
#define TW_GREETING_AGE_MS ((int64_t)24 * 60 * 60 * 1000)

enum { TW_GREETING_COLUMNS = 20, TW_GREETING_BYTES = 4 * TW_GREETING_COLUMNS + 1 };

struct tw_greeting {
    char pseudonym[TW_PSEUDONYM_LEN + 1]; // who is meant; empty: nobody
    bool shown;
};

struct tw_greeting_lines {
    char upper[TW_GREETING_BYTES], lower[TW_GREETING_BYTES]; // UTF-8
};

// Somebody was identified. True when what is shown has to go at once: it is somebody else's.
bool tw_greeting_begin(struct tw_greeting *greeting, const char *pseudonym);

enum tw_greeting_change { TW_GREETING_STAYS, TW_GREETING_SHOW, TW_GREETING_CLEAR };

// What the terminal knows of a member came. It is the one who is meant: `out` is to be shown; or who is not
// known is forgotten, with what is shown of them.
enum tw_greeting_change tw_greeting_answer(struct tw_greeting *greeting,
                                           const struct tw_device_config *config,
                                           const struct tw_member *member, int64_t wall_ms,
                                           struct tw_greeting_lines *out);

// The sale was closed, or it was shown long enough. True when what is shown has to go.
bool tw_greeting_end(struct tw_greeting *greeting);

#endif
