// SPDX-License-Identifier: Apache-2.0
//
// One entry of `devices:` in the configuration, as the agent checked it: what a device is and how it is
// reached.
//
// Threading: any. Memory: the strings are the configuration's; a device copies them (hal/core/settings.c).
// Time: none. Errors: none.
#ifndef TW_DEVICE_CONFIG_H
#define TW_DEVICE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/err.h"
#include "tillwire/tap_info.h"

struct tw_io; // a transport, hal/io/io.h

struct tw_device_config {   // one entry of `devices:`; NULL or 0 where not given
    const char *name;       // [A-Za-z0-9_-]{1,32}
    const char *class_name; // "tap", "scanner", "stripe", "display", "poslog"
    const char *transport;  // "serial", "tcp", "unix", "hidraw", "evdev", "directory"
    const char *port;       // serial, hidraw, evdev: a path, by-id links allowed
    unsigned baud;          // serial
    unsigned bits;          // serial: 5 to 8, default 8
    unsigned stop;          // serial: 1 or 2, default 1
    const char *parity;     // serial: "none", "even", "odd", "mark", "space"
    const char *flow;       // serial: "none", "rtscts", "xonxoff"
    const char *usb;        // hidraw, evdev, serial: vendor and product, "VVVV:PPPP" in hex
    const char *usb_serial; // hidraw, evdev, serial: serial number, where several are alike
    const char *layout;     // evdev: the keys' layout, "us", "uk", "de", "fr"; default "us"
    const char *prefix;     // scanner: what stands before each code, and is no part of it
    const char *suffix;     // scanner: what ends each code
    const char *code_id;    // serial scanner: whose one-letter identifiers are in front of codes
    const char *listen;     // tap over tcp: where tillwire-relay accepts the till, "host:port"
    const char *forward;    // and the printer it forwards to
    struct tw_link_line till, printer, scanner; // tap that is a board: its lines; bits 0: as the board has it
    const char *path; // directory: the folder; unix: the socket to connect to (set by the agent for relays)
    const char *connect;     // tcp scanner: "host:port"
    const char *profile;     // tap: receipt profile, default "generic"
    const char *workstation; // default: the terminal
    const char *protocol;    // display: "escpos", "cd5220"; default "escpos"
    bool greeting;           // display: members are greeted
    const char *text;        // display: the greeting, default "Welcome!"
    const char *points;      // display: the word before a member's points, default "Points"
    uint32_t buffer_bytes;   // relay: copy kept in memory until acknowledged, default 4 MiB
    uint32_t rescan_s;       // directory: how often it is looked at, default 10
    uint32_t silence_s;      // a device that always talks: stale after so long without a byte; 0: never
    // Opens where the bytes come from, instead of hal/io's `transport`: a recording, faults on purpose. The
    // driver stays that of class and transport. NULL, always so from a file: as configured.
    int (*open)(void *ctx, struct tw_io **out, struct tw_error_text *err);
    void *open_ctx;
};

#endif
