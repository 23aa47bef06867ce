// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/backoff.h"

// splitmix64 (Steele, Lea, Flood 2014): any seed will do, and jitter needs no more.
static uint64_t random_next(struct tw_backoff *backoff)
{
    backoff->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = backoff->random;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

int64_t tw_backoff_draw(struct tw_backoff *backoff, int64_t most_ms)
{
    return (int64_t)(random_next(backoff) % (uint64_t)(most_ms + 1));
}

void tw_backoff_exhaust(struct tw_backoff *backoff)
{
    while (backoff->attempts < 62 && backoff->min_ms << backoff->attempts < backoff->max_ms) {
        backoff->attempts++;
    }
}

int64_t tw_backoff_next(struct tw_backoff *backoff)
{
    int64_t base = backoff->min_ms;
    for (unsigned i = 0; i < backoff->attempts && base < backoff->max_ms; i++) {
        base *= 2;
    }
    base = base > backoff->max_ms ? backoff->max_ms : base;
    backoff->attempts++;
    return base / 4 + tw_backoff_draw(backoff, base - base / 4);
}
