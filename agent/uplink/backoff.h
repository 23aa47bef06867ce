// SPDX-License-Identifier: Apache-2.0
//
// How long to wait before the next attempt: doubling from a minimum to a maximum, each wait drawn from
// the upper three quarters, so that the terminals of a chain do not come back in step.
//
// Threading: one thread. Memory: a plain value. Time: milliseconds. Errors: none.
#ifndef TW_BACKOFF_H
#define TW_BACKOFF_H

#include <stdint.h>

struct tw_backoff {
    int64_t min_ms, max_ms;
    uint64_t random; // any seed
    unsigned attempts;
};

// The next wait. Set `attempts` to 0 to start over.
int64_t tw_backoff_next(struct tw_backoff *backoff);
// The next wait is one of the longest.
void tw_backoff_exhaust(struct tw_backoff *backoff);
// Some time from 0 to `most_ms`, which is no wait of the series.
int64_t tw_backoff_draw(struct tw_backoff *backoff, int64_t most_ms);

#endif
