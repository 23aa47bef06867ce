// SPDX-License-Identifier: Apache-2.0
//
// A route: how bytes get from the till to the printer and back. session.h is the one over TCP,
// line.h the one between two serial ports. The relay's loop waits for what a route is interested in
// and lets it work; a route forwards first and tells the tap afterwards.
//
// Threading: one thread. Memory: a route is the first member of its own struct, which the relay
// holds. Time: monotonic microseconds come in. Errors: none to the caller; a route logs and goes on.
#ifndef TW_RELAY_ROUTE_H
#define TW_RELAY_ROUTE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a route waits for, in this order: whatever announces a change (a listener, modem lines), the
// till, the printer.
enum { TW_ROUTE_DOOR, TW_ROUTE_TILL, TW_ROUTE_PRINTER, TW_ROUTE_ENTRIES };

struct tw_route;

struct tw_route_ops {
    void (*interest)(const struct tw_route *route, struct pollfd entries[TW_ROUTE_ENTRIES]);
    // Moves what can be moved.
    void (*work)(struct tw_route *route, const struct pollfd entries[TW_ROUTE_ENTRIES], uint64_t now_us);
    // Time passed; `deadline_us` is when to call it next, UINT64_MAX: no need.
    void (*tick)(struct tw_route *route, uint64_t now_us);
    uint64_t (*deadline_us)(const struct tw_route *route);
    // Takes nothing new from any till, as far as a till can be told.
    void (*shut)(struct tw_route *route);
    // Whether everything the till has sent so far is with the printer.
    bool (*is_forwarded)(const struct tw_route *route);
    // Ends it in order; may be called twice.
    void (*end)(struct tw_route *route, uint64_t now_us);
};

struct tw_route {
    const struct tw_route_ops *ops;
};

// Bytes on their way in one direction: bytes[at, len) are still to be written.
enum { TW_PUMP_BYTES = 16 * 1024 };

struct tw_pump {
    size_t at, len;
    uint8_t bytes[TW_PUMP_BYTES];
};

static inline size_t tw_pump_held(const struct tw_pump *pump)
{
    return pump->len - pump->at;
}

#endif
