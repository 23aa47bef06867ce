// SPDX-License-Identifier: Apache-2.0
//
// One device that is unplugged and plugged in again at random moments, in virtual time, whatever its driver
// and transport: a kind says how it is plugged in and how it speaks, the rig plays and counts. Broken is: a
// scan that was complete before the plug was pulled and did not come, one that came twice, one made of two
// halves, a spin, a device that is not open again within 2 s, a descriptor that stays open.
//
// Threading: one thread. Memory: the caller's kind; the rig's own is freed. Time: virtual, but for waiting
// for bytes that are on their way in the kernel. Errors: cmocka assertions, with the round.
#ifndef TW_FAKE_REPLUG_RIG_H
#define TW_FAKE_REPLUG_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/device.h"

struct replug_kind {
    struct tw_device_config config;
    void *ctx;
    void (*plug)(void *ctx);
    void (*unplug)(void *ctx);
    // Sends a whole code, which is made of `digits`; or the beginning of one, which must come to nothing.
    void (*scan)(void *ctx, const char *digits, int64_t now_ms);
    void (*half)(void *ctx, int64_t now_ms);
    // Lets the far end work; whether it did anything. NULL: it has nothing to do.
    bool (*turn)(void *ctx, int64_t now_ms);
    // What was sent can be read after the plug was pulled (a socket), or comes when it is back (a tap).
    bool keeps;
    // A code is whole when nothing follows it: virtual time goes on while nothing is on its way.
    bool silence_ends;
    // The kernel tells that it is there again (udev); elsewhere it is looked for.
    bool hotplug;
};

// Plays `replugs` rounds; the device is made and freed here.
void replug_play(const struct replug_kind *kind, unsigned replugs);

// `--replugs N` among the program's arguments, or `otherwise`.
unsigned replug_count(int argc, char **argv, unsigned otherwise);

#endif
