// SPDX-License-Identifier: Apache-2.0
//
// How the STM32F405 port starts its clocks, watchdog and random numbers, from the sources that are flashed,
// against a model of the chip at the chip's own addresses (tests/fakes/f405.h). What the registers come to is
// worked out by the rules of RM0090 7; that a crystal oscillates and a PLL locks cannot be shown here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/port/arm/board.h"
#include "firmware/port/arm/cpu.h"
#include "firmware/port/stm32f405/clock.h"
#include "tests/fakes/f405.h"
#include "tests/fakes/trapped.h"

static struct f405 chip;

static void prepare(void)
{
    if (!f405_start(&chip)) {
        print_message("skipped: the chip's addresses are taken here\n");
        skip();
    }
}

static void assert_right(void)
{
    if (chip.wrong != NULL) {
        fail_msg("%s", chip.wrong);
    }
    assert_int_equal(tw_host_cpu.primask, 0);
}

// ---- clocks

// 7.3.2: 8 MHz / M * N / P, and / Q for what needs 48 MHz; 7.2: a timer counts twice its bus's clock, if that
// is divided.
static void the_registers_come_to_168_mhz(void **state)
{
    (void)state;
    prepare();
    tw_board_start();
    assert_int_equal(f405_hz(), 168000000);
    assert_int_equal(f405_apb_hz(1), 42000000);
    assert_int_equal(f405_apb_hz(2), 42000000);
    uint32_t pll = trapped_get(F405_RCC_PLLCFGR);
    assert_int_equal(8000000 / (pll & 0x3f), 1000000); // 1 to 2 MHz go in
    assert_int_equal(1000000 * (pll >> 6 & 0x1ff) / (pll >> 24 & 0xf), 48000000);
    assert_int_equal(trapped_get(F405_FLASH_ACR), 0x705);
    assert_int_equal(tw_clock_processor_hz(), 168000000);
    assert_int_equal(tw_clock_bus_hz(), 42000000);
    assert_int_equal(tw_clock_timer_hz(), 84000000);
    assert_int_equal(chip.tim2_prescaler, 83); // 84 MHz / 84: microseconds
    assert_int_equal(trapped_get(F405_TIM2_ARR), UINT32_MAX);
    assert_right();
}

static void what_the_loader_did_is_not_done_again(void **state)
{
    (void)state;
    prepare();
    tw_board_start();
    f405_forget(&chip);
    tw_board_start();
    assert_int_equal(f405_stores_to(&chip, F405_RCC_CR), 0);
    assert_int_equal(f405_stores_to(&chip, F405_RCC_PLLCFGR), 0);
    assert_int_equal(f405_stores_to(&chip, F405_RCC_CFGR), 0);
    assert_int_equal(tw_clock_bus_hz(), 42000000);
    assert_right();
}

static void assert_slow(void)
{
    tw_board_start();
    assert_int_equal(f405_hz(), 16000000);
    assert_int_equal(trapped_get(F405_RCC_CFGR), 0);
    assert_int_equal(tw_clock_processor_hz(), 16000000);
    assert_int_equal(tw_clock_bus_hz(), 16000000);
    assert_int_equal(tw_clock_timer_hz(), 16000000); // not divided: not doubled
    assert_int_equal(trapped_get(F405_TIM2_PSC), 15);
    assert_right();
}

static void without_a_crystal_it_works_on(void **state)
{
    (void)state;
    prepare();
    chip.no_crystal = true;
    assert_slow();
}

static void without_a_pll_it_works_on(void **state)
{
    (void)state;
    prepare();
    chip.no_pll = true;
    assert_slow();
}

static void without_the_switch_it_works_on(void **state)
{
    (void)state;
    prepare();
    chip.no_switch = true;
    assert_slow();
}

// QEMU's machine: no identity, no ready bits, timers of nanoseconds.
static void an_emulated_chip_is_known_by_its_missing_identity(void **state)
{
    (void)state;
    prepare();
    chip.no_crystal = true;
    tw_host_cpu.idcode = 0;
    tw_board_start();
    assert_int_equal(tw_clock_processor_hz(), 168000000);
    assert_int_equal(trapped_get(F405_TIM2_PSC), 999);
    assert_right();
}

// ---- time and watchdog

static void time_goes_on_when_its_counter_wraps(void **state)
{
    (void)state;
    prepare();
    tw_board_start();
    chip.us_a_look = 5;
    chip.tim2 = 0xfffffff0;
    uint64_t first_us = tw_board_now_us();
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(tw_board_now_us() - first_us, 5 * i);
    }
    assert_right();
}

// 21.3.2, 21.4: 32 kHz / 128 * 2500 are 10 s; its registers are locked until 0x5555.
static void the_watchdog_runs_for_ten_seconds(void **state)
{
    (void)state;
    static const uint32_t wanted[][2] = {
        {F405_IWDG_KR, 0xcccc}, {F405_IWDG_KR, 0x5555}, {F405_IWDG_PR, 5},
        {F405_IWDG_RLR, 2500},  {F405_IWDG_KR, 0xaaaa}, {F405_IWDG_KR, 0xaaaa},
    };
    prepare();
    tw_board_start();
    tw_board_feed_watchdog();
    size_t next = 0;
    for (size_t i = 0; i < chip.count; i++) {
        if (chip.stores[i].at >= F405_IWDG_KR && chip.stores[i].at <= F405_IWDG_SR) {
            assert_true(next < 6);
            assert_int_equal(chip.stores[i].at, wanted[next][0]);
            assert_int_equal(chip.stores[i].value, wanted[next][1]);
            next++;
        }
    }
    assert_int_equal(next, 6);
    assert_int_equal(chip.feeds, 2);
    assert_int_equal(trapped_get(F405_IWDG_SR), 0); // fed when the values had arrived
    assert_right();
}

static void a_watchdog_that_stays_busy_is_not_waited_for(void **state)
{
    (void)state;
    prepare();
    chip.watchdog_busy = true;
    tw_board_start();
    assert_int_equal(chip.feeds, 1);
    assert_right();
}

// ---- chance and identity

// 24.3.1: the first number is not used.
static void four_numbers_behind_the_first_are_taken(void **state)
{
    (void)state;
    static const uint8_t wanted[16] = {2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5};
    uint8_t bytes[16];
    prepare();
    tw_board_start();
    tw_board_entropy(bytes);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    assert_int_equal(chip.random, 5);
    assert_right();
}

static void fill_noise(uint8_t with)
{
    uint8_t *noise = trapped_memory(F405_NOISE);
    for (uint32_t i = 0; i < 0x4000; i++) {
        noise[i] = (uint8_t)(i * with + i / 256);
    }
}

// A number that is never ready, too, ends in what memory holds: each quarter of it makes a quarter of the
// bytes.
static void assert_noise_counts(uint32_t part)
{
    uint8_t first[16], second[16];
    tw_board_start();
    fill_noise(3);
    tw_board_entropy(first);
    trapped_memory(F405_NOISE)[part * 0x1000 + 17] ^= 1;
    tw_board_entropy(second);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(memcmp(first + 4 * i, second + 4 * i, 4) != 0, i == part);
    }
    assert_int_equal(chip.random, 0);
    assert_right();
}

static void an_error_of_the_seed_is_no_chance(void **state)
{
    (void)state;
    prepare();
    chip.bad_chance = true;
    assert_noise_counts(0);
}

// The numbers need the PLL's 48 MHz (24.3).
static void numbers_that_never_come_are_no_chance(void **state)
{
    (void)state;
    prepare();
    chip.no_crystal = true;
    assert_noise_counts(3);
}

static void the_number_of_the_chip_is_read_where_the_manual_knows_it(void **state)
{
    (void)state;
    static const uint8_t number[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, none[12];
    static const struct {
        uint32_t idcode;
        bool known;
    } chips[] = {
        {0x10076413, true}, {0x10006411, true}, {0, false}, {0x10006419, false}, {0x10016415, false}};
    uint8_t serial[12];
    prepare();
    memcpy(trapped_memory(F405_NUMBER), number, sizeof number);
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        tw_host_cpu.idcode = chips[i].idcode;
        memset(serial, 0xee, sizeof serial);
        tw_board_serial(serial);
        assert_memory_equal(serial, chips[i].known ? number : none, sizeof serial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registers_come_to_168_mhz),
        cmocka_unit_test(what_the_loader_did_is_not_done_again),
        cmocka_unit_test(without_a_crystal_it_works_on),
        cmocka_unit_test(without_a_pll_it_works_on),
        cmocka_unit_test(without_the_switch_it_works_on),
        cmocka_unit_test(an_emulated_chip_is_known_by_its_missing_identity),
        cmocka_unit_test(time_goes_on_when_its_counter_wraps),
        cmocka_unit_test(the_watchdog_runs_for_ten_seconds),
        cmocka_unit_test(a_watchdog_that_stays_busy_is_not_waited_for),
        cmocka_unit_test(four_numbers_behind_the_first_are_taken),
        cmocka_unit_test(an_error_of_the_seed_is_no_chance),
        cmocka_unit_test(numbers_that_never_come_are_no_chance),
        cmocka_unit_test(the_number_of_the_chip_is_read_where_the_manual_knows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
