// SPDX-License-Identifier: Apache-2.0
//
// A device as the agent sees it: a name from the configuration, a transport (hal/io) and a driver
// (hal/drivers/CLASS). hal/core runs its life: open, reopen with jittered back-off, feed, tick.
// It owns no thread and no event loop: the agent asks for its descriptor and the time of its next
// deadline, and calls it when either is due. The rules a driver obeys are in hal/README.md.
//
// Threading: one thread (the agent's loop). Memory: a device owns its transport and driver; the
// configuration strings are copied. Time: monotonic milliseconds come in as arguments.
// Errors: opening never fails for good; a lost device is "down" and tried again.
#ifndef TW_DEVICE_H
#define TW_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

struct tw_device_config {    // one entry of `devices:`; NULL or 0 where not given
    const char *name;        // [A-Za-z0-9_-]{1,32}
    const char *class_name;  // "tap", "scanner"
    const char *transport;   // "serial", "tcp", "unix", "hidraw", "evdev"
    const char *port;        // serial, hidraw, evdev: a path, by-id links allowed
    unsigned baud;           // serial
    unsigned bits;           // serial: 5 to 8, default 8
    unsigned stop;           // serial: 1 or 2, default 1
    const char *parity;      // serial: "none", "even", "odd", "mark", "space"
    const char *flow;        // serial: "none", "rtscts", "xonxoff"
    const char *usb;         // hidraw, evdev: vendor and product, "VVVV:PPPP" in hex
    const char *usb_serial;  // hidraw, evdev: serial number, where several are alike
    const char *layout;      // evdev: the keys' layout, "us", "uk", "de", "fr"; default "us"
    const char *prefix;      // scanner: what stands before each code, and is no part of it
    const char *suffix;      // scanner: what ends each code
    const char *code_id;     // serial scanner: whose one-letter identifiers are in front of codes
    const char *listen;      // tap over tcp: where tillwire-relay accepts the till, "host:port"
    const char *forward;     // and the printer it forwards to
    const char *path;        // unix: the socket to connect to (set by the agent for relays)
    const char *connect;     // tcp scanner: "host:port"
    const char *profile;     // tap: receipt profile, default "generic"
    const char *workstation; // default: the terminal
    uint32_t buffer_bytes;   // relay: copy kept in memory until acknowledged, default 4 MiB
};

// What devices tell the agent. Called on the device's thread, from tw_device_ready and _tick. All
// functions must be given. Bytes and texts are borrowed for the call; tw_device_acknowledge may be
// called from inside, tw_device_free may not.
struct tw_device_sink {
    void *ctx;
    // One complete scan, without terminator.
    void (*scan)(void *ctx, const char *device, struct tw_slice code);
    // The tap said HELLO, once for every new line and every new boot; [first, next) is what it still
    // holds. Return the offset to start from: the committed position, 0 for a boot not seen before.
    // Everything from there on is told again, so a half page kept from an earlier line is void.
    // Damage on a line is mended below: it is never told here.
    uint64_t (*tap_hello)(void *ctx, const char *device, const uint8_t boot[16], uint64_t first,
                          uint64_t next);
    // Printer bytes [offset, offset + len), contiguous from the start offset.
    void (*tap_bytes)(void *ctx, const char *device, uint64_t offset, uint64_t time_us,
                      struct tw_slice bytes);
    // The till's connection opened or closed (enum tw_link_mark) at `offset`.
    void (*tap_mark)(void *ctx, const char *device, uint64_t offset, int mark);
    // Bytes [from, to) were given up by the tap before they were acknowledged.
    void (*tap_lost)(void *ctx, const char *device, uint64_t from, uint64_t to);
    // Up or down; `why` is one sentence for a person when down.
    void (*state)(void *ctx, const char *device, bool up, const char *why);
};

struct tw_device;

struct tw_device_status {
    const char *name;
    const char *class_name;
    bool up;
    const char *why;      // last error, NULL when up
    int64_t last_byte_ms; // monotonic; -1: never
    uint64_t bytes;       // received
    uint64_t errors;      // frames or scans refused
    unsigned reopens;
};

// Finds the driver for class and transport in the registry and makes the device; opens nothing
// yet. TW_ERR_NOT_FOUND when no driver serves that class, with the classes that exist in `err`.
int TW_MUST_CHECK tw_device_new(const struct tw_device_config *config, const struct tw_device_sink *sink,
                                uint32_t jitter_seed, struct tw_device **out, struct tw_error_text *err);
void tw_device_free(struct tw_device *device);

// The descriptor to wait on, -1 while down; and for what (POLLIN, POLLOUT). Both may change after
// every call below.
int tw_device_fd(const struct tw_device *device);
short tw_device_events(const struct tw_device *device);

// The descriptor is ready: reads until nothing is left or 64 KiB were read, feeds the driver.
void tw_device_ready(struct tw_device *device, short revents, int64_t monotonic_ms);

// Time passed: opens, reopens, sends what is due. Call at tw_device_deadline.
void tw_device_tick(struct tw_device *device, int64_t monotonic_ms);
int64_t tw_device_deadline(const struct tw_device *device); // monotonic ms; INT64_MAX: none

// Tap only: everything before `offset` is durable. Sent to the tap at once if it can be.
void tw_device_acknowledge(struct tw_device *device, uint64_t offset, int64_t monotonic_ms);

// Closes and opens the device anew, as after a loss: a tap says HELLO again and is asked from where.
void tw_device_restart(struct tw_device *device, int64_t monotonic_ms);

// Something was plugged in (tw_hotplug): a device that is down and has a node is tried at its next
// deadline, which is now; the back-off starts over.
void tw_device_hurry(struct tw_device *device, int64_t monotonic_ms);

void tw_device_status(const struct tw_device *device, struct tw_device_status *out);

#endif
