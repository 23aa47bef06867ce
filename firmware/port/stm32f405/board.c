// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/board.h"

#include <string.h>

#include "firmware/port/arm/cpu.h"
#include "firmware/port/stm32f405/clock.h"
#include "firmware/port/stm32f405/registers.h"

const uint32_t tw_board_id = TW_LINK_BOARD_STM32F405;

// ---- clocks

// A timer's clock is twice its bus's, unless that is not divided (RM0090 7.2, figure 16).
struct clock {
    uint32_t hz;
    uint32_t bus_hz;
    uint32_t timer_hz;
};
static struct clock clock;

enum {
    CRYSTAL_MHZ = 8,
    READY_POLLS = 100000, // some 50 ms at 16 MHz; crystals start within 2 ms (DS8626 5.3.8)
    HSI_HZ = 16000000,
    FULL_HZ = 168000000,
};

// No wait is endless: without its crystal the board works on, on the internal oscillator (16 MHz, 1 %).
static bool await(tw_register *at, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < READY_POLLS; i++) {
        if ((*at & mask) == value) {
            return true;
        }
    }
    return false;
}

// 8 MHz / 8 * 336 / 2 = 168 MHz; / 7 = 48 MHz for the random numbers. Five wait states at 2.7 to 3.6 V
// (RM0090 3.5.1, table 10). A loader that was here before has done it already.
static bool run_fast(void)
{
    if ((TW_RCC->cfgr & TW_RCC_CFGR_SWS) == TW_RCC_CFGR_SWS_PLL) {
        return true;
    }
    TW_RCC->apb1enr |= TW_RCC_APB1ENR_PWR;
    TW_PWR->cr |= TW_PWR_CR_VOS;
    TW_RCC->cr |= TW_RCC_CR_HSEON;
    if (!await(&TW_RCC->cr, TW_RCC_CR_HSERDY, TW_RCC_CR_HSERDY)) {
        return false;
    }
    TW_RCC->pllcfgr = TW_RCC_PLLCFGR_M(CRYSTAL_MHZ) | TW_RCC_PLLCFGR_N(336) | TW_RCC_PLLCFGR_P_2 |
                      TW_RCC_PLLCFGR_HSE | TW_RCC_PLLCFGR_Q(7);
    TW_RCC->cr |= TW_RCC_CR_PLLON;
    if (!await(&TW_RCC->cr, TW_RCC_CR_PLLRDY, TW_RCC_CR_PLLRDY)) {
        return false;
    }
    TW_FLASH->acr = TW_FLASH_ACR_PREFETCH | TW_FLASH_ACR_ICACHE | TW_FLASH_ACR_DCACHE | 5u;
    if (!await(&TW_FLASH->acr, TW_FLASH_ACR_LATENCY, 5)) {
        return false;
    }
    TW_RCC->cfgr = TW_RCC_CFGR_APB1_BY_4 | TW_RCC_CFGR_APB2_BY_4 | TW_RCC_CFGR_SW_PLL;
    return await(&TW_RCC->cfgr, TW_RCC_CFGR_SWS, TW_RCC_CFGR_SWS_PLL);
}

// QEMU's chip has no clock that ever becomes ready and no identity; its timers count nanoseconds.
static bool is_emulated(void)
{
    return TW_DBGMCU_IDCODE == 0;
}

// Both buses run at a quarter: 42 MHz divide to 1200 baud within 16 bits, and to 921600 within 1 %.
static void start_clocks(void)
{
    if (run_fast()) {
        clock = (struct clock){.hz = FULL_HZ, .bus_hz = FULL_HZ / 4, .timer_hz = FULL_HZ / 2};
        return;
    }
    TW_RCC->cfgr = 0;
    clock = (struct clock){.hz = HSI_HZ, .bus_hz = HSI_HZ, .timer_hz = HSI_HZ};
    if (is_emulated()) {
        clock.hz = FULL_HZ;
        clock.timer_hz = 1000000000;
    }
}

uint32_t tw_clock_processor_hz(void)
{
    return clock.hz;
}

uint32_t tw_clock_bus_hz(void)
{
    return clock.bus_hz;
}

uint32_t tw_clock_timer_hz(void)
{
    return clock.timer_hz;
}

// 32 kHz / 128, so 10 s; 6.8 to 18.8 s with the oscillator's 17 to 47 kHz (DS8626 5.3.9).
static void start_watchdog(void)
{
    TW_IWDG->kr = TW_IWDG_KR_START;
    TW_IWDG->kr = TW_IWDG_KR_UNLOCK;
    TW_IWDG->pr = TW_IWDG_PR_BY_128;
    TW_IWDG->rlr = 2500;
    (void)await(&TW_IWDG->sr, TW_IWDG_SR_UPDATES, 0);
    TW_IWDG->kr = TW_IWDG_KR_FEED;
}

// ---- the rest

void tw_board_start(void)
{
    start_clocks();
    tw_time_start();
    start_watchdog();
}

_Noreturn void tw_board_restart(void)
{
    tw_cpu_reset();
}

_Noreturn void tw_board_jump(const uint32_t *vectors)
{
    tw_cpu_jump(vectors);
}

uint32_t tw_board_lock(void)
{
    return tw_cpu_lock();
}

void tw_board_unlock(uint32_t state)
{
    tw_cpu_unlock(state);
}

// Only where the chip is the one whose manual names the place.
void tw_board_serial(uint8_t serial[12])
{
    (void)memset(serial, 0, 12);
    uint32_t device = TW_DBGMCU_IDCODE & TW_DEVICE_MASK;
    if (device != TW_DEVICE_F405 && device != TW_DEVICE_REV_A) {
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        tw_link_put(&serial[4 * i], TW_UNIQUE_ID[i], 4);
    }
}

// The first number after enabling is not used (RM0090 24.3.1).
static bool random_words(uint32_t words[4])
{
    TW_RCC->ahb2enr |= TW_RCC_AHB2ENR_RNG;
    (void)TW_RCC->ahb2enr; // the clock takes two cycles to arrive (ES0182, delay after an RCC clock enabling)
    TW_RNG->cr = TW_RNG_CR_ENABLE;
    for (unsigned i = 0; i < 5; i++) {
        if (!await(&TW_RNG->sr, TW_RNG_SR_READY | TW_RNG_SR_TROUBLE, TW_RNG_SR_READY)) {
            return false;
        }
        uint32_t word = TW_RNG->dr;
        if (i > 0) {
            words[i - 1] = word;
        }
    }
    return true;
}

// What memory holds after power-on, behind the 64 KiB that are used, differs from time to time.
static void memory_noise(uint32_t words[4])
{
    enum { NOISE_BYTES = 4096 };
    const uint8_t *noise = (const uint8_t *)0x20010000u;
    for (unsigned i = 0; i < 4; i++) {
        words[i] = tw_link_crc32(i, &noise[i * NOISE_BYTES], NOISE_BYTES);
    }
}

void tw_board_entropy(uint8_t bytes[16])
{
    uint32_t words[4];
    if (!random_words(words)) {
        memory_noise(words);
    }
    for (unsigned i = 0; i < 4; i++) {
        tw_link_put(&bytes[4 * i], words[i], 4);
    }
}
