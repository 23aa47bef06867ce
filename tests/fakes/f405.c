// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/f405.h"

#include <string.h>

#include "firmware/port/arm/cpu.h"
#include "tests/fakes/f405_parts.h"
#include "tests/fakes/trapped.h"

enum { LOOKS = 3 }; // until something is ready

struct tw_host_cpu tw_host_cpu;

void f405_change(uint32_t at, uint32_t clear, uint32_t set)
{
    trapped_set(at, (trapped_get(at) & ~clear) | set);
}

bool f405_has(uint32_t at, uint32_t bits)
{
    return (trapped_get(at) & bits) == bits;
}

void f405_object(struct f405 *chip, const char *what)
{
    chip->wrong = chip->wrong == NULL ? what : chip->wrong;
}

// ---- clock gates: without its clock a peripheral takes and gives nothing (7.3.10 to 7.3.14)

struct gate {
    uint32_t at, len, enable, bit;
};
static const struct gate gates[] = {
    {F405_GPIOA, 0x400, F405_RCC_AHB1ENR, 0},    {F405_GPIOB, 0x400, F405_RCC_AHB1ENR, 1},
    {F405_GPIOC, 0x400, F405_RCC_AHB1ENR, 2},    {F405_RNG_CR, 0x400, F405_RCC_AHB2ENR, 6},
    {F405_TIM2_CR1, 0x400, F405_RCC_APB1ENR, 0}, {F405_TIM5_CR1, 0x400, F405_RCC_APB1ENR, 3},
    {F405_USART2, 0x400, F405_RCC_APB1ENR, 17},  {F405_USART3, 0x400, F405_RCC_APB1ENR, 18},
    {F405_PWR_CR, 0x400, F405_RCC_APB1ENR, 28},  {F405_USART1, 0x400, F405_RCC_APB2ENR, 4},
    {F405_USART6, 0x400, F405_RCC_APB2ENR, 5},   {0x40013800, 0x400, F405_RCC_APB2ENR, 14},
};

static void check_gate(struct f405 *chip, uint32_t at)
{
    for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        const struct gate *gate = &gates[i];
        if (at >= gate->at && at - gate->at < gate->len && !f405_has(gate->enable, 1u << gate->bit)) {
            f405_object(chip, "a peripheral without its clock (7.3)");
        }
    }
}

// ---- clocks

enum {
    HSE_ON = 1 << 16,
    HSE_READY = 1 << 17,
    PLL_ON = 1 << 24,
    PLL_READY = 1 << 25,
    SWITCH = 3,
    TO_PLL = 2,
    FROM_HSE = 1 << 22,
    SCALE_1 = 1 << 14,
};

static void look_at_clocks(struct f405 *chip)
{
    if (f405_has(F405_RCC_CR, HSE_ON) && !chip->no_crystal && ++chip->hse_looks >= LOOKS) {
        f405_change(F405_RCC_CR, 0, HSE_READY);
    }
    bool fed = !f405_has(F405_RCC_PLLCFGR, FROM_HSE) || f405_has(F405_RCC_CR, HSE_READY);
    if (f405_has(F405_RCC_CR, PLL_ON) && fed && !chip->no_pll && ++chip->pll_looks >= LOOKS) {
        f405_change(F405_RCC_CR, 0, PLL_READY);
    }
}

static void store_clock_control(uint32_t value)
{
    uint32_t ready = trapped_get(F405_RCC_CR) & (HSE_READY | PLL_READY);
    trapped_set(F405_RCC_CR, (value & ~(uint32_t)(HSE_READY | PLL_READY)) | ready);
}

static void store_pll(struct f405 *chip, uint32_t value)
{
    if (f405_has(F405_RCC_CR, PLL_ON)) {
        f405_object(chip, "RCC_PLLCFGR while the PLL runs (7.3.2)");
    }
    trapped_set(F405_RCC_PLLCFGR, value);
}

uint32_t f405_hz(void)
{
    uint32_t pll = trapped_get(F405_RCC_PLLCFGR);
    uint32_t in = (pll & FROM_HSE) != 0 ? 8000000 : 16000000;
    uint32_t vco = in / (pll & 0x3f) * (pll >> 6 & 0x1ff);
    return (trapped_get(F405_RCC_CFGR) >> 2 & SWITCH) == TO_PLL ? vco / (2 * ((pll >> 16 & 3) + 1))
                                                                : 16000000;
}

uint32_t f405_apb_hz(unsigned bus)
{
    uint32_t by = trapped_get(F405_RCC_CFGR) >> (bus == 1 ? 10 : 13) & 7;
    return by < 4 ? f405_hz() : f405_hz() >> (by - 3);
}

static void store_clock_switch(struct f405 *chip, uint32_t value)
{
    uint32_t to = chip->no_switch ? 0 : value & SWITCH;
    trapped_set(F405_RCC_CFGR, (value & ~0xcu) | to << 2);
    if (to != TO_PLL) {
        return;
    }
    if (!f405_has(F405_RCC_CR, PLL_READY)) {
        f405_object(chip, "a PLL that is not ready (7.3.3)");
    }
    if ((trapped_get(F405_FLASH_ACR) & 7) < (f405_hz() - 1) / 30000000) {
        f405_object(chip, "too few wait states (3.5.1, table 10)");
    }
    if (f405_hz() > 144000000 && !f405_has(F405_PWR_CR, SCALE_1)) {
        f405_object(chip, "too fast for this voltage scale (5.4.1)");
    }
    if (f405_apb_hz(1) > 42000000 || f405_apb_hz(2) > 84000000) {
        f405_object(chip, "a bus that is too fast (7.2)");
    }
}

// ---- time and watchdog

static void look_at_time(struct f405 *chip)
{
    if (f405_has(F405_TIM2_CR1, 1)) {
        chip->now_us += chip->us_a_look;
        chip->tim2 += chip->us_a_look;
    }
    trapped_set(F405_TIM2_CNT, chip->tim2);
}

static void store_watchdog(struct f405 *chip, uint32_t at, uint32_t value)
{
    if (at != F405_IWDG_KR) {
        if (!chip->watchdog_open) {
            f405_object(chip, "a register of the watchdog that is locked (21.3.2)");
            return;
        }
        trapped_set(at, value);
        trapped_set(F405_IWDG_SR, 3);
        return;
    }
    chip->watchdog_open = value == 0x5555;
    if (value == 0xaaaa) {
        uint64_t unfed_us = chip->now_us - chip->fed_us;
        chip->longest_unfed_us = unfed_us > chip->longest_unfed_us ? unfed_us : chip->longest_unfed_us;
        chip->fed_us = chip->now_us;
        chip->feeds++;
    }
}

static void look_at_watchdog(struct f405 *chip)
{
    if (!chip->watchdog_busy && ++chip->watchdog_looks >= LOOKS) {
        trapped_set(F405_IWDG_SR, 0);
    }
}

// ---- random numbers

enum { RNG_ON = 1 << 2, RNG_READY = 1, RNG_BAD_SEED = 1 << 2 };

// They need the PLL's 48 MHz (24.3).
static void look_at_chance(struct f405 *chip)
{
    bool runs = f405_has(F405_RNG_CR, RNG_ON) && f405_has(F405_RCC_CR, PLL_READY);
    if (runs && ++chip->rng_looks % LOOKS == 0) {
        f405_change(F405_RNG_SR, 0, chip->bad_chance ? RNG_BAD_SEED : RNG_READY);
    }
}

static void take_chance(struct f405 *chip)
{
    if (!f405_has(F405_RNG_SR, RNG_READY)) {
        f405_object(chip, "a random number that is not ready (24.3.1)");
    }
    chip->random++;
    trapped_set(F405_RNG_DR, chip->random * 0x01010101u);
    f405_change(F405_RNG_SR, RNG_READY, 0);
}

// ---- serial lines

static const uint32_t usarts[F405_USARTS] = {F405_USART1, F405_USART2, F405_USART3, F405_USART6};

// 30.6.1: what came, and what was wrong with it, is over when SR and then DR was read.
static void look_at_usart(const struct f405 *chip, uint32_t at, bool writes)
{
    enum { RECEIVED = 0x2f, COMPLETE = 1 << 6 };
    for (unsigned i = 0; i < F405_USARTS; i++) {
        if (at == usarts[i] + F405_DR && !writes) {
            f405_change(usarts[i] + F405_SR, RECEIVED, 0);
        }
        if (at == usarts[i] + F405_SR) {
            f405_change(at, COMPLETE, chip->now_us >= chip->sending_until_us[i] ? COMPLETE : 0);
        }
    }
}

// ---- all of it

static void touch(void *user, uint32_t at, bool writes)
{
    struct f405 *chip = user;
    check_gate(chip, at);
    look_at_usart(chip, at, writes);
    f405_flash_look(chip, at);
    switch (at) {
    case F405_TIM2_CNT:
        look_at_time(chip);
        break;
    case F405_RCC_CR:
        look_at_clocks(chip);
        break;
    case F405_IWDG_SR:
        look_at_watchdog(chip);
        break;
    case F405_RNG_SR:
        look_at_chance(chip);
        break;
    case F405_RNG_DR:
        take_chance(chip);
        break;
    default:
        break;
    }
}

static void note(struct f405 *chip, uint32_t at, uint32_t value, unsigned width)
{
    if (chip->count < F405_MOST_STORES) {
        chip->stores[chip->count++] =
            (struct f405_store){at, value, width, tw_host_cpu.primask != 0, chip->now_us};
    }
}

// Registers of which a bit that is written as 1 does something, and is not kept.
static bool store_bits(struct f405 *chip, uint32_t at, uint32_t value)
{
    switch (at) {
    case F405_GPIOA + F405_BSRR:
    case F405_GPIOB + F405_BSRR:
    case F405_GPIOC + F405_BSRR:
        f405_change(at - F405_BSRR + F405_ODR, value >> 16, value & 0xffff);
        return true;
    case F405_EXTI + F405_PR:
        f405_change(at, value, 0);
        return true;
    case F405_TIM2_EGR: // 18.4.6: begins anew, and takes over what was set
        chip->tim2 = (value & 1) != 0 ? 0 : chip->tim2;
        chip->tim2_prescaler = (value & 1) != 0 ? trapped_get(F405_TIM2_PSC) : chip->tim2_prescaler;
        return true;
    case F405_TIM5_EGR:
        chip->tim5_top = (value & 1) != 0 ? trapped_get(F405_TIM5_ARR) : chip->tim5_top;
        return true;
    default:
        return false;
    }
}

static void store(void *user, uint32_t at, uint32_t value, unsigned width)
{
    struct f405 *chip = user;
    note(chip, at, value, width);
    if (store_bits(chip, at, value) || f405_flash_store(chip, at, value, width)) {
        return;
    }
    switch (at) {
    case F405_RCC_CR:
        store_clock_control(value);
        break;
    case F405_RCC_PLLCFGR:
        store_pll(chip, value);
        break;
    case F405_RCC_CFGR:
        store_clock_switch(chip, value);
        break;
    case F405_IWDG_KR:
    case F405_IWDG_PR:
    case F405_IWDG_RLR:
        store_watchdog(chip, at, value);
        break;
    default:
        trapped_set(at, value);
        break;
    }
}

// ---- the interface

struct page {
    uint32_t at, len;
    enum trapped_kind kind;
};
static const struct page pages[] = {
    {F405_FLASH_MEMORY, F405_FLASH_BYTES, TRAPPED_STORES},
    {0x1fff7000, 0x1000, TRAPPED_NOT},
    {F405_NOISE, 0x4000, TRAPPED_NOT},
    {0x40000000, 0x1000, TRAPPED_ALL}, // TIM2, TIM5
    {0x40003000, 0x1000, TRAPPED_ALL}, // IWDG
    {0x40004000, 0x1000, TRAPPED_ALL}, // USART2, USART3
    {0x40007000, 0x1000, TRAPPED_ALL}, // PWR
    {0x40011000, 0x1000, TRAPPED_ALL}, // USART1, USART6
    {0x40013000, 0x1000, TRAPPED_ALL}, // SYSCFG, EXTI
    {0x40020000, 0x1000, TRAPPED_ALL}, // GPIO
    {0x40023000, 0x1000, TRAPPED_ALL}, // RCC, FLASH
    {0x50060000, 0x1000, TRAPPED_ALL}, // RNG
};

static bool map_all(void)
{
    static enum { UNTRIED, MAPPED, REFUSED } done;
    if (done == UNTRIED) {
        done = MAPPED;
        for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
            done = trapped_map(pages[i].at, pages[i].len, pages[i].kind) ? done : REFUSED;
        }
    }
    return done == MAPPED;
}

// Of those registers that are not 0 then.
static void set_reset_values(void)
{
    static const uint32_t values[][2] = {
        {F405_GPIOA + F405_MODER, 0xa8000000},
        {F405_GPIOA + F405_PUPDR, 0x64000000},
        {F405_GPIOB + F405_MODER, 0x00000280},
        {F405_GPIOB + F405_PUPDR, 0x00000100},
        {F405_RCC_CR, 0x83},
        {F405_RCC_PLLCFGR, 0x24003010},
        {F405_PWR_CR, SCALE_1},
        {F405_FLASH_CR, 0x80000000},
        {F405_IWDG_RLR, 0xfff},
        {F405_TIM2_ARR, 0xffffffff},
        {F405_USART1 + F405_SR, 0xc0},
        {F405_USART2 + F405_SR, 0xc0},
        {F405_USART3 + F405_SR, 0xc0},
        {F405_USART6 + F405_SR, 0xc0},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        trapped_set(values[i][0], values[i][1]);
    }
}

bool f405_start(struct f405 *chip)
{
    if (!map_all()) {
        return false;
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        memset(trapped_memory(pages[i].at), 0, pages[i].len);
    }
    memset(trapped_memory(F405_FLASH_MEMORY), 0xff, F405_FLASH_BYTES);
    set_reset_values();
    memset(chip, 0, sizeof *chip);
    memset(&tw_host_cpu, 0, sizeof tw_host_cpu);
    tw_host_cpu.idcode = 0x10076413;
    chip->us_a_look = 1;
    chip->erase_us = 1000;
    chip->write_us = 16;
    trapped_watch(&(struct trapped_model){touch, store, chip});
    return true;
}

void f405_forget(struct f405 *chip)
{
    chip->count = 0;
}

size_t f405_find(const struct f405 *chip, size_t from, uint32_t at)
{
    while (from < chip->count && chip->stores[from].at != at) {
        from++;
    }
    return from;
}

size_t f405_stores_to(const struct f405 *chip, uint32_t at)
{
    size_t found = 0;
    for (size_t i = 0; i < chip->count; i++) {
        found += chip->stores[i].at == at;
    }
    return found;
}
