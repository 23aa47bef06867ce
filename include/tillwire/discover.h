// SPDX-License-Identifier: Apache-2.0
//
// What is plugged in that could be a device: USB serial ports, HID devices that say they are scanners
// or stripe readers, keyboards made by makers of scanners. It proposes; nothing is opened or asked, only
// sysfs and udev's links are read, so it works for any user and beside a running agent.
//
// Threading: one thread. Memory: what is told is borrowed for the call. Time: none. Errors:
// TW_ERR_NOT_FOUND where the system has no udev; TW_ERR_NOMEM.
#ifndef TW_DISCOVER_H
#define TW_DISCOVER_H

#include <stdbool.h>

#include "tillwire/err.h"

struct tw_found {
    const char *class_name; // "scanner", "stripe"; of a serial port it is a guess
    const char *transport;  // "serial", "hidraw", "evdev"
    const char *node;       // "/dev/ttyACM0"
    const char *port;       // serial: its link in /dev/serial/by-id, NULL where there is none
    char usb[10];           // "VVVV:PPPP"
    const char *serial;     // NULL: it has none
    const char *name;       // as its maker calls it, NULL: not at all
    bool readable;          // this user may open the node
    bool may_be_terminal;   // a serial port, not of a maker of scanners alone: perhaps a payment terminal's
};

typedef void tw_found_fn(void *ctx, const struct tw_found *found);

// Tells each of them, by transport and then by node.
int TW_MUST_CHECK tw_discover(tw_found_fn *fn, void *ctx, struct tw_error_text *err);

#endif
