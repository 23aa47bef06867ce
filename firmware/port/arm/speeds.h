// SPDX-License-Identifier: Apache-2.0
//
// How the ports are set: what the agent asked for (CONFIG), and, for a till whose speed is not told,
// finding it. Until it is found the board is a wire between till and printer (board.h), so that
// printing works from the first byte; the copy begins when the speed is known and the line pauses. Pulses
// tell the speed, not the form: if the first bytes show that the form is another one, the board is a wire
// again until the agent asks for something else.
//
// Threading: main loop. Memory: the caller's. Time: the pulses'. Errors: settings that the board cannot
// do leave all ports as they were.
#ifndef TW_ARM_SPEEDS_H
#define TW_ARM_SPEEDS_H

#include <stdbool.h>

#include "firmware/core/speed.h"
#include "tillwire/tap_info.h"

struct tw_speeds {
    struct tw_link_settings asked; // by the agent
    struct tw_link_settings set;   // on the ports; baud 0: not found yet
    struct tw_speed pulses;
    uint32_t bytes;  // of the till, when its speed was found
    uint32_t misses; // likewise
    bool wire;       // the board is one
    bool waits;      // to be one, until nothing is under way
    bool finding;
    bool proving; // the form, by the first bytes
    bool failed;  // it was another form
};

// tw_settings_port.apply; `port` is a struct tw_speeds, zeroed before the first time. False: the board cannot
// do one of the lines, nothing changed.
bool tw_speeds_apply(void *port, const struct tw_link_settings *settings);

// Looks at a few pulses; takes over the speed they show. `silent`: nothing is printed now, so that the wire
// may be joined.
void tw_speeds_look(struct tw_speeds *speeds, bool silent);

#endif
