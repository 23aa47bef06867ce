// SPDX-License-Identifier: Apache-2.0
//
// As much of an STM32F405 as its port touches, for the port built for this machine: memory at the chip's
// addresses (tests/fakes/trapped.h) and what its hardware does about each access, by RM0090, whose sections
// are in brackets. Addresses and reset values are written down here once more, so that a mistake in
// firmware/port/stm32f405/registers.h shows.
//
// It does: clocks that become ready, wait states (3.5.1), clock gates (7.3), BSRR (8.4.7), EXTI_PR (12.3.6),
// TC (30.6.1), the watchdog's lock (21.4), random numbers (24.3), and the flash (3.6): keys, PSIZE,
// programming that only clears bits, sectors, BSY, errors, caches that hold what was. What the manual forbids
// ends in `wrong`.
//
// It cannot show: that the manual was read rightly, how long anything takes, levels, edges and bytes on a
// wire, interrupts that come by themselves, instructions, NVIC and DBGMCU (tests/fakes/f405_host), or a bus
// that stands still. Time goes on only while somebody reads TIM2.
//
// Threading: one thread. Memory: the caller's, and the chip's addresses for the life of the program. Time:
// made up. Errors: false from f405_start where the addresses are not to be had; the test is skipped then.
#ifndef TW_TEST_F405_H
#define TW_TEST_F405_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Tables 1 and 5.
enum {
    F405_FLASH_MEMORY = 0x08000000,
    F405_FLASH_BYTES = 0x100000,
    F405_NUMBER = 0x1fff7a10, // 39.1
    F405_NOISE = 0x20010000,  // RAM behind the tap's
    F405_TIM2_CR1 = 0x40000000,
    F405_TIM2_EGR = 0x40000014,
    F405_TIM2_CNT = 0x40000024,
    F405_TIM2_PSC = 0x40000028,
    F405_TIM2_ARR = 0x4000002c,
    F405_TIM5_CR1 = 0x40000c00,
    F405_TIM5_EGR = 0x40000c14,
    F405_TIM5_CNT = 0x40000c24,
    F405_TIM5_ARR = 0x40000c2c,
    F405_IWDG_KR = 0x40003000,
    F405_IWDG_PR = 0x40003004,
    F405_IWDG_RLR = 0x40003008,
    F405_IWDG_SR = 0x4000300c,
    F405_USART2 = 0x40004400,
    F405_USART3 = 0x40004800,
    F405_PWR_CR = 0x40007000,
    F405_USART1 = 0x40011000,
    F405_USART6 = 0x40011400,
    F405_EXTI = 0x40013c00,
    F405_GPIOA = 0x40020000,
    F405_GPIOB = 0x40020400,
    F405_GPIOC = 0x40020800,
    F405_RCC_CR = 0x40023800,
    F405_RCC_PLLCFGR = 0x40023804,
    F405_RCC_CFGR = 0x40023808,
    F405_RCC_AHB1ENR = 0x40023830,
    F405_RCC_AHB2ENR = 0x40023834,
    F405_RCC_APB1ENR = 0x40023840,
    F405_RCC_APB2ENR = 0x40023844,
    F405_FLASH_ACR = 0x40023c00,
    F405_FLASH_KEYR = 0x40023c04,
    F405_FLASH_SR = 0x40023c0c,
    F405_FLASH_CR = 0x40023c10,
    F405_RNG_CR = 0x50060800,
    F405_RNG_SR = 0x50060804,
    F405_RNG_DR = 0x50060808,
};

// Registers of one USART (30.6), GPIO (8.4) and EXTI (12.3), from its first.
enum { F405_SR = 0x00, F405_DR = 0x04, F405_BRR = 0x08, F405_CR1 = 0x0c, F405_CR2 = 0x10, F405_CR3 = 0x14 };
enum {
    F405_MODER = 0x00,
    F405_PUPDR = 0x0c,
    F405_IDR = 0x10,
    F405_ODR = 0x14,
    F405_BSRR = 0x18,
    F405_AFRL = 0x20,
    F405_AFRH = 0x24,
};
enum { F405_IMR = 0x00, F405_RTSR = 0x08, F405_FTSR = 0x0c, F405_PR = 0x14 };

enum { F405_USARTS = 4, F405_MOST_STORES = 4096 };

struct f405_store {
    uint32_t at, value;
    unsigned width;
    bool held; // interrupts were
    uint64_t us;
};

struct f405 {
    // set by the test; f405_start clears them
    uint32_t us_a_look; // time passes with each reading of TIM2
    bool no_crystal, no_pll, no_switch;
    bool bad_chance;                        // random numbers: an error of the seed
    bool watchdog_busy;                     // its registers never take their values
    uint64_t sending_until_us[F405_USARTS]; // USART1, 2, 3, 6: the last byte has left
    uint32_t erase_us, write_us;            // how long the flash is busy
    uint32_t fails_at, fails_with; // its operation of that number (from 1) ends with these bits of SR
    uint32_t sticks_at;            // address of a byte whose lowest bit is never cleared
    bool busy_for_ever;            // from its next operation on
    // what happened
    uint64_t now_us;
    const char *wrong;                 // what the manual forbids, first of all; NULL: nothing
    uint32_t operations, stalls;       // of the flash; stores to FLASH_CR while it was busy (3.6.1)
    bool stale;                        // caches may hold what the flash held before
    uint32_t feeds;                    // of the watchdog
    uint32_t tim2_prescaler, tim5_top; // as the timers have taken them over
    uint64_t fed_us, longest_unfed_us;
    size_t count; // of stores; those that find no room here are not kept
    struct f405_store stores[F405_MOST_STORES];
    // the model's own
    uint32_t tim2, hse_looks, pll_looks, rng_looks, random, watchdog_looks;
    unsigned keys;
    bool barred, erases, fails, watchdog_open;
    uint64_t busy_until_us;
};

// The chip after reset, its flash erased.
bool f405_start(struct f405 *chip);

// The frequency that the registers make of 8 MHz: the processor's, and APB1's and APB2's.
uint32_t f405_hz(void);
uint32_t f405_apb_hz(unsigned bus);

// Forgets the stores so far.
void f405_forget(struct f405 *chip);

// The first store at or after number `from` to that address; chip->count: none. And how many there are in
// all.
size_t f405_find(const struct f405 *chip, size_t from, uint32_t at);
size_t f405_stores_to(const struct f405 *chip, uint32_t at);

#endif
