// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/speed.h"

#include <stdbool.h>
#include <string.h>

enum {
    LONGEST_BITS = 10,   // break and silence are longer, and say nothing
    LEAST_SINGLES = 8,   // a start bit, or a stop bit, between others happens in any text
    MISFITS_IN = 16,     // one pulse in so many may be noise
    MEAN_IN = 20,        // the average single bit is off by one in so many at most
    MOST_PULSES = 4096,  // then all before counts half
    LEAST_BIT = 10 * 16, // sixteenths of a tick: below, a tick is more than the tolerance
};

// Two that follow each other differ by a quarter at least, which is more than twice the tolerance.
static const uint32_t rates[TW_SPEED_RATES] = {
    1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 460800, 921600,
};

void tw_speed_init(struct tw_speed *speed, uint32_t ticks_per_second)
{
    (void)memset(speed, 0, sizeof *speed);
    for (unsigned i = 0; i < TW_SPEED_RATES; i++) {
        speed->bit[i] = (uint32_t)(((uint64_t)ticks_per_second * 16 + rates[i] / 2) / rates[i]);
    }
}

static void fade(struct tw_speed *speed)
{
    speed->pulses /= 2;
    for (unsigned i = 0; i < TW_SPEED_RATES; i++) {
        speed->excess[i] /= 2;
        speed->singles[i] /= 2;
        speed->fits[i] /= 2;
        speed->misfits[i] /= 2;
    }
}

// An edge may be late by an eighth of a bit (level shifters are slower one way than the other), the
// whole by 2 % (the clocks of both sides: a UART stands no more over ten bits).
static void judge(struct tw_speed *speed, unsigned rate, uint32_t width)
{
    uint32_t bit = speed->bit[rate];
    uint32_t bits = (width + bit / 2) / bit;
    uint32_t whole = bits * bit;
    uint32_t off = width > whole ? width - whole : whole - width;
    if (bits == 0 || off > bit / 8 + whole / 50) {
        speed->misfits[rate]++;
        return;
    }
    speed->fits[rate]++;
    if (bits == 1) {
        speed->singles[rate]++;
        speed->excess[rate] += (int32_t)width - (int32_t)bit;
    }
}

void tw_speed_pulse(struct tw_speed *speed, uint32_t ticks)
{
    // Longer than the longest at 1200 baud: silence; also keeps the sixteenths within 32 bits.
    if (ticks > speed->bit[0] / 16 * LONGEST_BITS) {
        return;
    }
    uint32_t width = ticks * 16;
    for (unsigned i = 0; i < TW_SPEED_RATES; i++) {
        if (width <= speed->bit[i] * LONGEST_BITS) {
            judge(speed, i, width);
        }
    }
    speed->pulses++;
    if (speed->pulses == MOST_PULSES) {
        fade(speed);
    }
}

static bool is_it(const struct tw_speed *speed, unsigned rate)
{
    uint32_t judged = (uint32_t)speed->fits[rate] + speed->misfits[rate];
    if (judged < TW_SPEED_PULSES || speed->misfits[rate] > judged / MISFITS_IN ||
        speed->singles[rate] < LEAST_SINGLES) {
        return false;
    }
    int32_t mean = speed->excess[rate] / (int32_t)speed->singles[rate];
    uint32_t off = (uint32_t)(mean < 0 ? -mean : mean);
    return off <= speed->bit[rate] / MEAN_IN && speed->bit[rate] >= LEAST_BIT;
}

uint32_t tw_speed_found(const struct tw_speed *speed)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < TW_SPEED_RATES && found == 0; i++) {
        found = is_it(speed, i) ? rates[i] : 0;
    }
    return found;
}
