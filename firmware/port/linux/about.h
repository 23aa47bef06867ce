// SPDX-License-Identifier: Apache-2.0
//
// What the relay says of itself to the agent (INFO), and what a board does and the relay does not: its
// lines are set by the configuration file (CONFIG changes nothing), and a new version comes as a
// package (UPDATE_ is refused). It has no scanner.
//
// Threading: the relay's. Memory: the caller's. Time: monotonic microseconds come in. Errors: none.
#ifndef TW_RELAY_ABOUT_H
#define TW_RELAY_ABOUT_H

#include "firmware/core/tap.h"
#include "firmware/port/linux/line.h"
#include "firmware/port/linux/serial.h"

struct tw_about {
    uint64_t start_us;
    struct tw_link_line line; // of both serial ports; zeros: there are none
};

// Has `tap` say so from now on; `about` must not move.
void tw_about_init(struct tw_about *about, struct tw_tap *tap, uint64_t start_us);

// The serial ports, where there are any.
void tw_about_line(struct tw_about *about, const struct tw_serial_form *form, enum tw_line_flow flow);

#endif
