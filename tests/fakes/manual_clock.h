// SPDX-License-Identifier: Apache-2.0
//
// A clock that stands still until the test moves it.
//
// Threading: fields may be changed from any thread. Memory: the owner's. Time: as set. Errors: none.
#ifndef TW_MANUAL_CLOCK_H
#define TW_MANUAL_CLOCK_H

#include <stdatomic.h>
#include <string.h>

#include "tillwire/clock.h"

struct manual_clock {
    struct tw_clock clock; // first: a tw_clock * is a manual_clock *
    _Atomic int64_t wall_ms, monotonic_ms;
    _Atomic int trust;
};

static inline int64_t manual_clock_wall(const struct tw_clock *clock)
{
    return ((const struct manual_clock *)(const void *)clock)->wall_ms;
}

static inline int64_t manual_clock_monotonic(const struct tw_clock *clock)
{
    return ((const struct manual_clock *)(const void *)clock)->monotonic_ms;
}

static inline enum tw_clock_trust manual_clock_trust(const struct tw_clock *clock)
{
    return (enum tw_clock_trust)((const struct manual_clock *)(const void *)clock)->trust;
}

static inline void manual_clock_init(struct manual_clock *manual, int64_t wall_ms)
{
    manual->clock = (struct tw_clock){.wall_ms = manual_clock_wall,
                                      .monotonic_ms = manual_clock_monotonic,
                                      .trust = manual_clock_trust,
                                      .boot = "0b7a6f0e-5f43-4a6e-9d0e-3f6a0a9f2b11"};
    manual->wall_ms = wall_ms;
    manual->monotonic_ms = 5000;
    manual->trust = TW_CLOCK_OK;
}

#endif
