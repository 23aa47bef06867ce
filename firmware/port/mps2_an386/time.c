// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/board.h"
#include "firmware/port/arm/cpu.h"
#include "firmware/port/mps2_an386/registers.h"

enum { TICKS_PER_US = TW_CLOCK_HZ / 1000000 };

static struct {
    uint32_t last;  // of the timer, which counts down
    uint32_t ticks; // less than a microsecond
    uint64_t now_us;
} time = {.last = UINT32_MAX};

// It runs through in 171 s; the main loop asks much more often.
uint64_t tw_board_now_us(void)
{
    uint32_t state = tw_cpu_lock();
    uint32_t value = TW_TIMER0->value;
    uint64_t ticks = (uint64_t)(time.last - value) + time.ticks;
    time.last = value;
    time.ticks = (uint32_t)(ticks % TICKS_PER_US);
    time.now_us += ticks / TICKS_PER_US;
    uint64_t now_us = time.now_us;
    tw_cpu_unlock(state);
    return now_us;
}

void tw_board_feed_watchdog(void)
{
    TW_WATCHDOG->intclr = 1;
}
