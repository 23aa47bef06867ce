// SPDX-License-Identifier: Apache-2.0
//
// How the ports are set: what the agent asked for (CONFIG), and, for a till whose speed is not told,
// finding it. Until it is found the board is a wire between till and printer (board.h), so that
// printing works from the first byte; the copy begins when the speed is known and the line pauses.
//
// Threading: main loop. Memory: the caller's. Time: the pulses'. Errors: settings that the board cannot
// do leave a port as it was.
#ifndef TW_ARM_SPEEDS_H
#define TW_ARM_SPEEDS_H

#include <stdbool.h>

#include "firmware/core/speed.h"
#include "tillwire/tap_info.h"

struct tw_speeds {
    struct tw_link_settings asked; // by the agent
    struct tw_link_settings set;   // on the ports; baud 0: not found yet
    struct tw_speed pulses;
    bool finding;
};

// tw_settings_port.apply; `port` is a struct tw_speeds, zeroed before the first time.
void tw_speeds_apply(void *port, struct tw_link_settings *settings);

// Looks at a few pulses; takes over the speed they show.
void tw_speeds_look(struct tw_speeds *speeds);

#endif
