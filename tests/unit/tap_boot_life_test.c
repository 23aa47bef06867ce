// SPDX-License-Identifier: Apache-2.0
//
// A board's whole life by the boot log and the boot decision, with the power cut at every step: updates that
// are good, hang, or are too old, and a confirmed image that rots. What starts is good, what hangs is left,
// no confirmed image is forgotten, and the floor never goes back.
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

// An image in the model is its version, again and again, over the slot; DEAD ones start and hang.
enum { DEAD = 0x100 };

struct board {
    struct flash flash;
    struct tw_boot_log log;
    uint32_t floor; // the highest ever seen
    uint8_t confirmed;
};

static uint32_t version_in(const struct board *board, uint8_t slot)
{
    const uint8_t *bytes = board->flash.bytes + board->flash.nvm.slot_at[slot - 1];
    for (uint32_t at = 4; at < FLASH_SLOT; at += 4) {
        if (memcmp(bytes, bytes + at, 4) != 0) {
            return 0;
        }
    }
    uint32_t version = (uint32_t)tw_link_get(bytes, 4);
    return version == UINT32_MAX ? 0 : version;
}

static enum tw_image_fault look_in(void *context, uint8_t slot, uint32_t floor)
{
    uint32_t version = version_in(context, slot);
    if (version == 0) {
        return TW_IMAGE_BAD_HASH;
    }
    return (version & 0xffu) < floor ? TW_IMAGE_TOO_OLD : TW_IMAGE_GOOD;
}

static void check_promises(struct board *board)
{
    struct tw_boot_state state;
    tw_boot_state_read(&board->log, &state);
    assert_true(state.floor >= board->floor);
    assert_true(board->confirmed == NONE || state.confirmed != NONE);
    assert_true(state.confirmed == NONE || version_in(board, state.confirmed) != 0);
    board->floor = state.floor;
    board->confirmed = state.confirmed;
}

// Starts until the power stays on; what starts is always good.
static uint8_t start_once(struct board *board)
{
    uint8_t slot = NONE;
    do {
        if (board->flash.off) {
            flash_power_on(&board->flash, flash_random(&board->flash, 400));
        }
        tw_boot_log_open(&board->log, &board->flash.nvm);
        slot = tw_boot_choose(&board->log, look_in, board);
    } while (board->flash.off);
    assert_int_not_equal(slot, NONE);
    assert_int_not_equal(version_in(board, slot), 0);
    return slot;
}

// Starts until something runs.
static uint8_t start(struct board *board)
{
    for (;;) {
        uint8_t slot = start_once(board);
        check_promises(board);
        if ((version_in(board, slot) & DEAD) == 0) {
            return slot;
        }
    }
}

static void write_image(struct board *board, uint8_t slot, uint32_t version)
{
    const struct tw_nvm *nvm = &board->flash.nvm;
    uint32_t at = nvm->slot_at[slot - 1];
    uint8_t word[4];
    tw_link_put(word, version, 4);
    if (nvm->erase(nvm->port, at, nvm->slot_bytes) != 0) {
        return;
    }
    for (uint32_t i = 0; i < nvm->slot_bytes && !board->flash.off; i += 4) {
        (void)nvm->write(nvm->port, at + i, word, 4);
    }
}

// What the running image does with an update; false when the power went.
static bool update(struct board *board, uint8_t running, uint32_t version)
{
    struct tw_boot_state state;
    uint8_t slot = running == A ? B : A;
    tw_boot_state_read(&board->log, &state);
    if (!tw_boot_may_update(&state, running) || (version & 0xffu) < state.floor) {
        return true;
    }
    tw_boot_rely(&state, running);
    if (tw_boot_state_write(&board->log, &state) == TW_OK) {
        write_image(board, slot, version);
    }
    if (!board->flash.off) {
        tw_boot_try(&state, slot);
        (void)tw_boot_state_write(&board->log, &state);
    }
    return !board->flash.off;
}

static bool confirm(struct board *board, uint8_t running)
{
    struct tw_boot_state state;
    tw_boot_state_read(&board->log, &state);
    tw_boot_confirm(&state, running, version_in(board, running) & 0xffu);
    (void)tw_boot_state_write(&board->log, &state);
    return !board->flash.off;
}

static uint32_t live(uint32_t start_seed, uint32_t cut)
{
    static const uint32_t versions[] = {2, 3 | DEAD, 1, 3, 4 | DEAD, 3, 5};
    struct board board = {.floor = 0};
    flash_init(&board.flash, start_seed);
    write_image(&board, A, 1);
    board.flash.steps = 0;
    flash_power_on(&board.flash, cut);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        uint8_t running = start(&board);
        while (!confirm(&board, running) || !update(&board, running, versions[i])) {
            flash_power_on(&board.flash, flash_random(&board.flash, 3000));
            running = start(&board);
        }
    }
    flash_power_on(&board.flash, UINT32_MAX);
    uint8_t running = start(&board);
    assert_true(confirm(&board, running));
    check_promises(&board);
    assert_int_equal(version_in(&board, running), 5);
    assert_int_equal(board.floor, 5);
    return board.flash.steps;
}

// The confirmed image rots, the other one starts, and within its first minute it writes one over the rotten
// one that is signed and hangs. Power goes at step `cut`.
static uint32_t rot(uint32_t start_seed, uint32_t cut)
{
    struct board board = {.floor = 0};
    flash_init(&board.flash, start_seed);
    write_image(&board, A, 2);
    write_image(&board, B, 1);
    struct tw_boot_state state = {0};
    tw_boot_log_open(&board.log, &board.flash.nvm);
    tw_boot_confirm(&state, B, 1);
    tw_boot_confirm(&state, A, 2);
    assert_int_equal(tw_boot_state_write(&board.log, &state), TW_OK);
    board.flash.bytes[board.flash.nvm.slot_at[0]] ^= 1;
    board.flash.steps = 0;
    flash_power_on(&board.flash, cut);
    assert_int_equal(start_once(&board), B);
    bool on_trial = update(&board, B, 3 | DEAD);
    while (!on_trial) {
        flash_power_on(&board.flash, UINT32_MAX);
        on_trial = start_once(&board) == A || update(&board, B, 3 | DEAD);
    }
    for (uint32_t tries = 0; start_once(&board) == A; tries++) {
        assert_true(tries < TW_BOOT_TRIES);
    }
    for (int starts = 0; starts < 3; starts++) {
        assert_int_equal(start_once(&board), B);
    }
    tw_boot_state_read(&board.log, &state);
    assert_int_equal(state.fault, TW_IMAGE_NOT_HEALTHY);
    assert_int_equal(state.fault_slot, A);
    assert_true(confirm(&board, B));
    assert_int_equal(start(&board), B);
    return board.flash.steps;
}

static void an_update_over_the_rotten_slot_that_hangs_is_left(void **state)
{
    (void)state;
    uint32_t start_seed = seed();
    uint32_t steps = rot(start_seed, UINT32_MAX);
    for (uint32_t cut = 0; cut < steps; cut++) {
        (void)rot(start_seed + cut, cut);
    }
}

static void a_life_with_power_cut_at_every_step(void **state)
{
    (void)state;
    uint32_t start_seed = seed();
    uint32_t steps = live(start_seed, UINT32_MAX);
    assert_true(steps > 1000);
    for (uint32_t cut = 0; cut < steps; cut++) {
        (void)live(start_seed + cut, cut);
    }
    print_message("%u lives, one cut at each step and more at random\n", steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_over_the_rotten_slot_that_hangs_is_left),
        cmocka_unit_test(a_life_with_power_cut_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
