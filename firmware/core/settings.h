// SPDX-License-Identifier: Apache-2.0
//
// How the board's serial lines are set: what the agent last sent (CONFIG), kept in the boot log and
// taken over again at each start. Settings that make no sense, or that the hardware cannot do, change
// nothing.
//
// Threading: main loop only. Memory: the caller's. Time: keeping may take as long as an append to the
// boot log. Errors: TW_ERR_INVALID, TW_ERR_IO.
#ifndef TW_SETTINGS_H
#define TW_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/boot.h"
#include "tillwire/tap_info.h"

struct tw_settings_port {
    // Sets the lines, between two bytes. False: the hardware cannot do one of them, and all are as they were.
    bool (*apply)(void *port, const struct tw_link_settings *settings);
    void *port;
};

struct tw_settings {
    struct tw_settings_port port;
    struct tw_boot_log *log;
    struct tw_link_settings now;
};

// Baud 0 or TW_SETTINGS_LEAST_BAUD to TW_SETTINGS_MOST_BAUD, 7 or 8 bits, and so on; or no line at all.
#define TW_SETTINGS_LEAST_BAUD 1200u
#define TW_SETTINGS_MOST_BAUD  921600u
bool tw_settings_good(const struct tw_link_settings *settings);

// Takes over what was kept, or else `factory`.
void tw_settings_open(struct tw_settings *settings, struct tw_boot_log *log,
                      const struct tw_settings_port *port, const struct tw_link_settings *factory);

// Takes over and keeps; a line of which nothing is said (bits 0) stays as it is. TW_ERR_INVALID: it makes no
// sense or cannot be done, nothing changed; TW_ERR_IO: it counts until the next start only.
int tw_settings_take(struct tw_settings *settings, const struct tw_link_settings *wanted);

#endif
