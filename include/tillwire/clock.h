// SPDX-License-Identifier: Apache-2.0
//
// Time as an argument: whoever needs the time is given a `tw_clock`, so that tests and the
// simulator decide what time it is. Wall time is UTC milliseconds since 1970-01-01; monotonic
// time never steps back within a boot; `boot` names the boot (P12).
//
// Threading: a clock may be read from any thread. Memory: the owner outlives its readers.
// Time: this is it. Errors: none.
#ifndef TW_CLOCK_H
#define TW_CLOCK_H

#include <stdint.h>

// Wall time before this is not believed: the first second of the year this release was made in,
// 2026-01-01T00:00:00Z.
#define TW_RELEASE_WALL_MS INT64_C(1767225600000)

// How far wall time can be believed; the `clock` attribute of an event.
enum tw_clock_trust {
    TW_CLOCK_OK = 0,         // the kernel says it is synchronised (adjtimex(2), STA_UNSYNC clear)
    TW_CLOCK_UNSYNCHRONISED, // plausible, but nobody vouches for it
    TW_CLOCK_SUSPECT,        // before this release was made, or it stepped back
};

struct tw_clock {
    int64_t (*wall_ms)(const struct tw_clock *clock);
    int64_t (*monotonic_ms)(const struct tw_clock *clock);
    enum tw_clock_trust (*trust)(const struct tw_clock *clock);
    char boot[37]; // boot id as UUID text (Linux: /proc/sys/kernel/random/boot_id)
};

#endif
