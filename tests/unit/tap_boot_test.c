// SPDX-License-Identifier: Apache-2.0
//
// The boot log and the boot decision, with the power cut at every step: a record that was appended
// stays, a record that was not is not half there; a board always starts a good image, never forgets
// a confirmed one, and its floor never goes back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/boot.h"
#include "tests/fakes/flash.h"
#include "tillwire/err.h"
#include "tillwire/tap_link.h"

enum { A = TW_IMAGE_SLOT_A, B = TW_IMAGE_SLOT_B, NONE = TW_IMAGE_SLOT_NONE };

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 20260101u;
    print_message("seed %u (TW_SEED)\n", value);
    return value;
}

// ---- the log

static void fill(uint8_t payload[TW_BOOT_PAYLOAD], uint32_t number)
{
    memset(payload, 0, TW_BOOT_PAYLOAD);
    tw_link_put(payload, number, 4);
}

static uint32_t number_of(const struct tw_boot_log *log, enum tw_boot_kind kind)
{
    const uint8_t *payload = tw_boot_log_read(log, kind);
    return payload != NULL ? (uint32_t)tw_link_get(payload, 4) : 0;
}

static void remembers_the_newest_of_each_kind(void **state)
{
    (void)state;
    struct flash flash;
    struct tw_boot_log log;
    uint8_t payload[TW_BOOT_PAYLOAD];
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    assert_null(tw_boot_log_read(&log, TW_BOOT_SETTINGS));
    fill(payload, 1000);
    assert_int_equal(tw_boot_log_append(&log, TW_BOOT_SETTINGS, payload), TW_OK);
    // Over many pages: the one settings record is carried along.
    for (uint32_t number = 1; number <= 100; number++) {
        fill(payload, number);
        assert_int_equal(tw_boot_log_append(&log, TW_BOOT_STATE, payload), TW_OK);
        struct tw_boot_log again;
        tw_boot_log_open(&again, &flash.nvm);
        assert_int_equal(number_of(&again, TW_BOOT_STATE), number);
        assert_int_equal(number_of(&again, TW_BOOT_SETTINGS), 1000);
        assert_int_equal(again.used, log.used);
        assert_int_equal(again.page, log.page);
    }
}

static void writes_nothing_twice(void **state)
{
    (void)state;
    struct flash flash;
    struct tw_boot_log log;
    uint8_t payload[TW_BOOT_PAYLOAD];
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    fill(payload, 7);
    assert_int_equal(tw_boot_log_append(&log, TW_BOOT_STATE, payload), TW_OK);
    uint32_t steps = flash.steps;
    assert_int_equal(tw_boot_log_append(&log, TW_BOOT_STATE, payload), TW_OK);
    assert_int_equal(flash.steps, steps);
}

// Written down by hand: a loader of today reads the log of any earlier one.
static void record_bytes_are_fixed(void **state)
{
    (void)state;
    struct flash flash;
    struct tw_boot_log log;
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    const struct tw_boot_state boot = {A, B, 3, 5, B, 0x00010203, 0x00010101};
    assert_int_equal(tw_boot_state_write(&log, &boot), TW_OK);
    const uint8_t wanted[28] = {1, 1, 0, 0, 1, 2, 3, 5, 2, 0, 0, 0, 3, 2, 1, 0, 1, 1, 1, 0};
    assert_memory_equal(flash.bytes, wanted, sizeof wanted);
    assert_int_equal(tw_link_get(flash.bytes + 28, 4), tw_link_crc32(0, wanted, sizeof wanted));
}

static void worn_cells_are_passed_over(void **state)
{
    (void)state;
    struct flash flash;
    struct tw_boot_log log;
    flash_init(&flash, seed());
    flash.worn_one = 40;
    tw_boot_log_open(&log, &flash.nvm);
    uint32_t kept = 0;
    for (uint32_t number = 1; number <= 500; number++) {
        uint8_t payload[TW_BOOT_PAYLOAD];
        fill(payload, number);
        kept = tw_boot_log_append(&log, TW_BOOT_STATE, payload) == TW_OK ? number : kept;
        tw_boot_log_open(&log, &flash.nvm);
        assert_int_equal(number_of(&log, TW_BOOT_STATE), kept);
    }
    assert_true(kept > 490);
}

// One history of appends; power goes at step `cut`, and again and again at random after that.
static uint32_t live_with_cuts(uint32_t start, uint32_t cut)
{
    struct flash flash;
    struct tw_boot_log log;
    uint32_t known[TW_BOOT_KINDS + 1] = {0};
    flash_init(&flash, start);
    flash_power_on(&flash, cut);
    tw_boot_log_open(&log, &flash.nvm);
    for (uint32_t number = 1; number <= 60; number++) {
        enum tw_boot_kind kind = (enum tw_boot_kind)(1 + flash_random(&flash, TW_BOOT_KINDS));
        uint8_t payload[TW_BOOT_PAYLOAD];
        fill(payload, number);
        int code = tw_boot_log_append(&log, kind, payload);
        assert_true(code == TW_OK || flash.off);
        if (flash.off) {
            flash_power_on(&flash, flash_random(&flash, 200));
            tw_boot_log_open(&log, &flash.nvm);
            uint32_t found = number_of(&log, kind);
            assert_true(found == number || (found == known[kind] && code != TW_OK));
            known[kind] = found;
        } else {
            known[kind] = number;
        }
        for (uint32_t other = 1; other <= TW_BOOT_KINDS; other++) {
            assert_int_equal(number_of(&log, (enum tw_boot_kind)other), known[other]);
        }
    }
    return flash.steps;
}

static void power_may_go_at_every_step(void **state)
{
    (void)state;
    uint32_t start = seed();
    uint32_t steps = live_with_cuts(start, UINT32_MAX);
    assert_true(steps > 500);
    for (uint32_t cut = 0; cut < steps; cut++) {
        for (uint32_t turn = 0; turn < 4; turn++) {
            (void)live_with_cuts(start + cut * 4 + turn, cut);
        }
    }
}

// ---- the decision: a table of states and images, and what comes of them

enum image { GONE, BROKEN, OLD, FINE }; // OLD: below the floor, not below the rescue floor

struct decision {
    struct tw_boot_state state;
    enum image a, b;
    uint8_t starts;
    struct tw_boot_state after;
};

#define FLOORS .floor = 5, .rescue_floor = 4

static const struct decision decisions[] = {
    // a new board
    {{0}, FINE, GONE, A, {0}},
    {{0}, GONE, FINE, B, {.fault = TW_IMAGE_NO_HEADER, .fault_slot = A}},
    {{0}, GONE, GONE, NONE, {.fault = TW_IMAGE_NO_HEADER, .fault_slot = A}},
    // confirmed
    {{.confirmed = A, FLOORS}, FINE, FINE, A, {.confirmed = A, FLOORS}},
    {{.confirmed = B, FLOORS}, FINE, FINE, B, {.confirmed = B, FLOORS}},
    {{.confirmed = A, FLOORS}, OLD, FINE, A, {.confirmed = A, FLOORS}},
    {{.confirmed = A, FLOORS},
     BROKEN,
     OLD,
     B,
     {.confirmed = A, FLOORS, .fault = TW_IMAGE_BAD_SIGNATURE, .fault_slot = A}},
    {{.confirmed = B, FLOORS},
     GONE,
     BROKEN,
     NONE,
     {.confirmed = B, FLOORS, .fault = TW_IMAGE_BAD_SIGNATURE, .fault_slot = B}},
    // on trial
    {{.confirmed = A, .trial = B, .tries = 3, FLOORS},
     FINE,
     FINE,
     B,
     {.confirmed = A, .trial = B, .tries = 2, FLOORS}},
    {{.confirmed = A, .trial = B, .tries = 1, FLOORS},
     FINE,
     FINE,
     B,
     {.confirmed = A, .trial = B, .tries = 0, FLOORS}},
    {{.confirmed = A, .trial = B, .tries = 0, FLOORS},
     FINE,
     FINE,
     A,
     {.confirmed = A, FLOORS, .fault = TW_IMAGE_NOT_HEALTHY, .fault_slot = B}},
    {{.confirmed = A, .trial = B, .tries = 3, FLOORS},
     FINE,
     OLD,
     A,
     {.confirmed = A, FLOORS, .fault = TW_IMAGE_TOO_OLD, .fault_slot = B}},
    {{.confirmed = A, .trial = B, .tries = 3, FLOORS},
     FINE,
     BROKEN,
     A,
     {.confirmed = A, FLOORS, .fault = TW_IMAGE_BAD_SIGNATURE, .fault_slot = B}},
    {{.trial = B, .tries = 2}, FINE, GONE, A, {.fault = TW_IMAGE_NO_HEADER, .fault_slot = B}},
    // a trial that failed, and none confirmed: the other one, whichever it is, and for good
    {{.trial = A, .tries = 0}, FINE, FINE, B, {.fault = TW_IMAGE_NOT_HEALTHY, .fault_slot = A}},
    {{.trial = B, .tries = 0}, FINE, FINE, A, {.fault = TW_IMAGE_NOT_HEALTHY, .fault_slot = B}},
    {{.fault = TW_IMAGE_NOT_HEALTHY, .fault_slot = A},
     FINE,
     FINE,
     B,
     {.fault = TW_IMAGE_NOT_HEALTHY, .fault_slot = A}},
    {{.fault = TW_IMAGE_NOT_HEALTHY, .fault_slot = A},
     FINE,
     GONE,
     A,
     {.fault = TW_IMAGE_NO_HEADER, .fault_slot = B}},
};

static enum tw_image_fault look(void *context, uint8_t slot, uint32_t floor)
{
    const struct decision *decision = context;
    switch (slot == A ? decision->a : decision->b) {
    case GONE:
        return TW_IMAGE_NO_HEADER;
    case BROKEN:
        return TW_IMAGE_BAD_SIGNATURE;
    case OLD:
        return floor > 4 ? TW_IMAGE_TOO_OLD : TW_IMAGE_GOOD;
    case FINE:
    default:
        return TW_IMAGE_GOOD;
    }
}

static void assert_state(const struct tw_boot_state *state, const struct tw_boot_state *wanted)
{
    assert_int_equal(state->confirmed, wanted->confirmed);
    assert_int_equal(state->trial, wanted->trial);
    assert_int_equal(state->tries, wanted->tries);
    assert_int_equal(state->fault, wanted->fault);
    assert_int_equal(state->fault_slot, wanted->fault_slot);
    assert_int_equal(state->floor, wanted->floor);
    assert_int_equal(state->rescue_floor, wanted->rescue_floor);
}

static void decides_by_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        struct decision decision = decisions[i];
        struct flash flash;
        struct tw_boot_log log;
        struct tw_boot_state after;
        flash_init(&flash, 1);
        tw_boot_log_open(&log, &flash.nvm);
        assert_int_equal(tw_boot_state_write(&log, &decision.state), TW_OK);
        assert_int_equal(tw_boot_choose(&log, look, &decision), decision.starts);
        tw_boot_state_read(&log, &after);
        assert_state(&after, &decision.after);
    }
}

// A board without any image restarts for ever; its log must not grow by it.
static void no_image_wears_nothing(void **state)
{
    (void)state;
    struct decision decision = {.a = GONE, .b = BROKEN};
    struct flash flash;
    struct tw_boot_log log;
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    assert_int_equal(tw_boot_choose(&log, look, &decision), NONE);
    uint32_t steps = flash.steps;
    for (int start = 0; start < 10; start++) {
        tw_boot_log_open(&log, &flash.nvm);
        assert_int_equal(tw_boot_choose(&log, look, &decision), NONE);
    }
    assert_int_equal(flash.steps, steps);
}

// Flash that takes nothing any more must not keep a trial going for ever.
static void no_trial_without_its_charge(void **state)
{
    (void)state;
    struct decision decision = {.a = FINE, .b = FINE};
    struct flash flash;
    struct tw_boot_log log;
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    const struct tw_boot_state boot = {.confirmed = A, .trial = B, .tries = 3};
    assert_int_equal(tw_boot_state_write(&log, &boot), TW_OK);
    flash_power_on(&flash, 0);
    assert_int_equal(tw_boot_choose(&log, look, &decision), A);
    // Nor where none is confirmed.
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    const struct tw_boot_state none_confirmed = {.trial = A, .tries = 3};
    assert_int_equal(tw_boot_state_write(&log, &none_confirmed), TW_OK);
    flash_power_on(&flash, 0);
    assert_int_equal(tw_boot_choose(&log, look, &decision), B);
}

static void confirms_and_raises_the_floor(void **state)
{
    (void)state;
    struct tw_boot_state boot = {0};
    tw_boot_confirm(&boot, A, 3);
    assert_state(&boot, &(struct tw_boot_state){.confirmed = A, .floor = 3});
    tw_boot_try(&boot, B);
    assert_true(tw_boot_may_update(&boot, A));
    assert_false(tw_boot_may_update(&boot, B));
    tw_boot_confirm(&boot, B, 7);
    assert_state(&boot, &(struct tw_boot_state){.confirmed = B, .floor = 7, .rescue_floor = 3});
    // Back in A because B broke: what was reached stays the floor.
    boot.fault = TW_IMAGE_BAD_HASH;
    tw_boot_confirm(&boot, A, 3);
    assert_state(&boot, &(struct tw_boot_state){
                            .confirmed = A, .floor = 7, .rescue_floor = 3, .fault = TW_IMAGE_BAD_HASH});
    tw_boot_try(&boot, B);
    assert_int_equal(boot.fault, TW_IMAGE_GOOD);
}

static void nonsense_in_the_state_is_no_trial(void **state)
{
    (void)state;
    struct flash flash;
    struct tw_boot_log log;
    flash_init(&flash, 1);
    tw_boot_log_open(&log, &flash.nvm);
    const struct tw_boot_state odd[] = {{.confirmed = A, .trial = A, .tries = 3},
                                        {.confirmed = A, .trial = 9, .tries = 200}};
    for (size_t i = 0; i < 2; i++) {
        struct tw_boot_state read;
        assert_int_equal(tw_boot_state_write(&log, &odd[i]), TW_OK);
        tw_boot_state_read(&log, &read);
        assert_int_equal(read.trial, NONE);
        assert_true(read.tries <= TW_BOOT_TRIES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_the_newest_of_each_kind),
        cmocka_unit_test(writes_nothing_twice),
        cmocka_unit_test(record_bytes_are_fixed),
        cmocka_unit_test(worn_cells_are_passed_over),
        cmocka_unit_test(power_may_go_at_every_step),
        cmocka_unit_test(decides_by_the_table),
        cmocka_unit_test(no_image_wears_nothing),
        cmocka_unit_test(no_trial_without_its_charge),
        cmocka_unit_test(confirms_and_raises_the_floor),
        cmocka_unit_test(nonsense_in_the_state_is_no_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
