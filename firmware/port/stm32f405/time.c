// SPDX-License-Identifier: Apache-2.0
//
// Lies in RAM: used while the flash is busy.
#include <stddef.h>

#include "firmware/port/arm/board.h"
#include "firmware/port/arm/cpu.h"
#include "firmware/port/stm32f405/clock.h"
#include "firmware/port/stm32f405/registers.h"

static struct {
    uint32_t last; // of TIM2
    uint32_t laps; // of it, so that 64 bits are counted
    void (*work)(void);
} time;

void tw_time_start(void)
{
    TW_RCC->apb1enr |= TW_RCC_APB1ENR_TIM2;
    TW_TIM2->psc = tw_clock_timer_hz() / 1000000u - 1u;
    TW_TIM2->arr = UINT32_MAX;
    TW_TIM2->egr = TW_TIMER_EGR_UPDATE;
    TW_TIM2->cr1 = TW_TIMER_CR1_ENABLE;
}

uint64_t tw_board_now_us(void)
{
    uint32_t state = tw_cpu_lock();
    uint32_t count = TW_TIM2->cnt;
    if (count < time.last) {
        time.laps++;
    }
    time.last = count;
    uint64_t now_us = (uint64_t)time.laps << 32 | count;
    tw_cpu_unlock(state);
    return now_us;
}

void tw_board_feed_watchdog(void)
{
    TW_IWDG->kr = TW_IWDG_KR_FEED;
}

void tw_board_while_waiting(void (*work)(void))
{
    time.work = work;
}

void tw_time_wait(void)
{
    if (time.work != NULL) {
        time.work();
    }
}
