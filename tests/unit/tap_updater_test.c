// SPDX-License-Identifier: Apache-2.0
//
// The update on a board whose flash behaves like flash: whatever is lost, repeated, wrong or cut short, the
// board keeps an image that starts, and one that goes on trial is the whole and right one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/updater.h"
#include "tests/fakes/flash.h"

enum { BOARD = TW_LINK_BOARD_MPS2_AN386, BODY = 500, LENGTH = TW_IMAGE_HEADER + BODY };
enum { OLD = 0x010000, NEW = 0x010001, HEALTHY_US = 60000000 };

// As good as SHA-256 where nobody means harm.
static void hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH])
{
    for (uint32_t i = 0; i < TW_IMAGE_HASH / 4; i++) {
        tw_link_put(digest + 4 * i, tw_link_crc32(i, bytes, len), 4);
    }
}

static void make_image(uint8_t *out, uint32_t board, uint32_t version, uint32_t slot)
{
    memset(out, 0, LENGTH);
    memcpy(out, TW_IMAGE_MAGIC, 8);
    tw_link_put(out + 8, board, 4);
    tw_link_put(out + 12, version, 4);
    tw_link_put(out + 16, slot, 4);
    tw_link_put(out + 20, LENGTH, 4);
    for (size_t i = 0; i < BODY; i++) {
        out[TW_IMAGE_HEADER + i] = (uint8_t)(i * 7 + version);
    }
    hash(out + TW_IMAGE_HEADER, BODY, out + 24);
}

// A board that runs version OLD from slot A, confirmed.
struct board {
    struct flash flash;
    struct tw_boot_log log;
    struct tw_updater updater;
    uint8_t image[LENGTH]; // the new one, for slot B
};

static void start(struct board *board, uint8_t running)
{
    tw_boot_log_open(&board->log, &board->flash.nvm);
    const struct tw_updater_port port = {
        &board->flash.nvm, &board->log, hash, BOARD, running, HEALTHY_US,
    };
    tw_updater_init(&board->updater, &port);
}

static struct board *new_board(uint32_t seed)
{
    struct board *board = calloc(1, sizeof *board);
    assert_non_null(board);
    flash_init(&board->flash, seed);
    make_image(board->flash.bytes + board->flash.nvm.slot_at[0], BOARD, OLD, TW_IMAGE_SLOT_A);
    make_image(board->image, BOARD, NEW, TW_IMAGE_SLOT_B);
    start(board, TW_IMAGE_SLOT_A);
    struct tw_boot_state boot = {0};
    tw_boot_confirm(&boot, TW_IMAGE_SLOT_A, OLD);
    assert_int_equal(tw_boot_state_write(&board->log, &boot), 0);
    return board;
}

static struct tw_boot_state boot_of(const struct board *board)
{
    struct tw_boot_state boot;
    tw_boot_state_read(&board->log, &boot);
    return boot;
}

static const uint8_t *slot_b(const struct board *board)
{
    return board->flash.bytes + board->flash.nvm.slot_at[1];
}

// ---- the agent's frames

static struct tw_link_update send_frame(struct board *board, uint8_t type, const uint8_t *payload, size_t len)
{
    const struct tw_link_frame frame = {.type = type, .payload = payload, .len = len};
    return tw_updater_take(&board->updater, &frame, 1000);
}

static struct tw_link_update begin(struct board *board, uint32_t length, uint32_t version, uint32_t target)
{
    uint8_t payload[TW_LINK_UPDATE_BEGIN_BYTES];
    tw_link_put(payload, length, 4);
    tw_link_put(payload + 4, version, 4);
    tw_link_put(payload + 8, target, 4);
    return send_frame(board, TW_LINK_UPDATE_BEGIN, payload, sizeof payload);
}

static struct tw_link_update data(struct board *board, uint32_t offset, uint32_t len)
{
    uint8_t payload[TW_LINK_UPDATE_DATA_HEAD_BYTES + LENGTH] = {0};
    tw_link_put(payload, offset, 4);
    if (offset < LENGTH) {
        memcpy(payload + TW_LINK_UPDATE_DATA_HEAD_BYTES, board->image + offset,
               len < LENGTH - offset ? len : LENGTH - offset);
    }
    return send_frame(board, TW_LINK_UPDATE_DATA, payload, TW_LINK_UPDATE_DATA_HEAD_BYTES + len);
}

static struct tw_link_update end(struct board *board)
{
    return send_frame(board, TW_LINK_UPDATE_END, NULL, 0);
}

#define assert_answer(answer, wanted, why, at)                                                               \
    do {                                                                                                     \
        struct tw_link_update got = (answer);                                                                \
        assert_int_equal(got.state, wanted);                                                                 \
        assert_int_equal(got.reason, why);                                                                   \
        assert_int_equal(got.offset, at);                                                                    \
    } while (0)

// Sends board->image as it is; returns the answer to END.
static struct tw_link_update send_all(struct board *board)
{
    struct tw_link_update answer = begin(board, LENGTH, NEW, BOARD);
    for (uint32_t at = 0; at < LENGTH && answer.state == TW_UPDATE_RECEIVING; at += 100) {
        answer = data(board, at, at + 100 < LENGTH ? 100 : LENGTH - at);
    }
    return answer.state == TW_UPDATE_RECEIVING ? end(board) : answer;
}

// ---- what works

static void an_image_goes_on_trial(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    assert_answer(begin(board, LENGTH, NEW, BOARD), TW_UPDATE_RECEIVING, 0, 0);
    assert_answer(data(board, 0, 1), TW_UPDATE_RECEIVING, 0, 1);
    assert_answer(data(board, 1, 300), TW_UPDATE_RECEIVING, 0, 301);
    assert_answer(end(board), TW_UPDATE_RECEIVING, 0, 301);
    assert_answer(data(board, 301, LENGTH - 301), TW_UPDATE_RECEIVING, 0, LENGTH);
    assert_int_equal(boot_of(board).trial, TW_IMAGE_SLOT_NONE);
    assert_answer(end(board), TW_UPDATE_CHECKED, 0, LENGTH);
    assert_int_equal(boot_of(board).trial, TW_IMAGE_SLOT_B);
    assert_int_equal(boot_of(board).tries, TW_BOOT_TRIES);
    assert_int_equal(boot_of(board).confirmed, TW_IMAGE_SLOT_A);
    assert_memory_equal(slot_b(board), board->image, LENGTH);
    // Nothing changes that any more.
    uint32_t steps = board->flash.steps;
    assert_answer(end(board), TW_UPDATE_CHECKED, 0, LENGTH);
    assert_answer(data(board, LENGTH, 10), TW_UPDATE_CHECKED, 0, LENGTH);
    assert_answer(begin(board, LENGTH, NEW + 1, BOARD), TW_UPDATE_CHECKED, 0, LENGTH);
    assert_int_equal(board->flash.steps, steps);
    free(board);
}

// An agent that only knows what the answers say, over a line that loses frames and answers and brings old
// frames again.
static void lost_and_repeated_frames_do_no_harm(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        struct board *board = new_board(seed * 2654435761u);
        struct flash *dice = &board->flash;
        struct tw_link_update heard = {.state = TW_UPDATE_IDLE};
        int frames = 0;
        while (heard.state != TW_UPDATE_CHECKED) {
            assert_true(++frames < 2000);
            struct tw_link_update answer = heard;
            uint32_t luck = flash_random(dice, 8);
            if (luck == 0) {
                answer = data(board, flash_random(dice, LENGTH), 1 + flash_random(dice, 50)); // of long ago
            } else if (luck > 1 && heard.state == TW_UPDATE_IDLE) {
                answer = begin(board, LENGTH, NEW, BOARD);
            } else if (luck > 1 && heard.offset < LENGTH) {
                uint32_t most = LENGTH - heard.offset < 60 ? LENGTH - heard.offset : 60;
                answer = data(board, heard.offset, 1 + flash_random(dice, most));
            } else if (luck > 1) {
                answer = end(board);
            }
            heard = flash_random(dice, 4) != 0 ? answer : heard;
            assert_int_not_equal(heard.state, TW_UPDATE_FAILED);
        }
        assert_memory_equal(slot_b(board), board->image, LENGTH);
        assert_int_equal(boot_of(board).trial, TW_IMAGE_SLOT_B);
        free(board);
    }
}

static void nothing_is_taken_before_begin(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    uint32_t steps = board->flash.steps;
    assert_answer(data(board, 0, 100), TW_UPDATE_IDLE, 0, 0);
    assert_answer(end(board), TW_UPDATE_IDLE, 0, 0);
    assert_int_equal(board->flash.steps, steps);
    free(board);
}

static void begin_erases_once(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    assert_answer(begin(board, LENGTH, NEW, BOARD), TW_UPDATE_RECEIVING, 0, 0);
    uint32_t steps = board->flash.steps;
    assert_answer(begin(board, LENGTH, NEW, BOARD), TW_UPDATE_RECEIVING, 0, 0);
    assert_int_equal(board->flash.steps, steps);
    assert_answer(data(board, 0, 10), TW_UPDATE_RECEIVING, 0, 10);
    assert_answer(begin(board, LENGTH, NEW, BOARD), TW_UPDATE_RECEIVING, 0, 0);
    assert_true(board->flash.steps > steps + 3);
    assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH);
    free(board);
}

// ---- what is refused

static void what_cannot_be_taken_erases_nothing(void **state)
{
    (void)state;
    const struct {
        uint32_t length, version, board;
        uint8_t reason;
    } bad[] = {
        {LENGTH, NEW, BOARD - 1, TW_IMAGE_WRONG_BOARD},       {LENGTH, OLD - 1, BOARD, TW_IMAGE_TOO_OLD},
        {FLASH_SLOT + 1, NEW, BOARD, TW_IMAGE_WRONG_LENGTH},  {UINT32_MAX, NEW, BOARD, TW_IMAGE_WRONG_LENGTH},
        {TW_IMAGE_HEADER, NEW, BOARD, TW_IMAGE_WRONG_LENGTH}, {0, NEW, BOARD, TW_IMAGE_WRONG_LENGTH},
    };
    struct board *board = new_board(1);
    uint32_t steps = board->flash.steps;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_answer(begin(board, bad[i].length, bad[i].version, bad[i].board), TW_UPDATE_FAILED,
                      bad[i].reason, 0);
        assert_answer(data(board, 0, 10), TW_UPDATE_FAILED, bad[i].reason, 0);
    }
    assert_int_equal(board->flash.steps, steps);
    // The same version again is fine, and so is another try.
    make_image(board->image, BOARD, OLD, TW_IMAGE_SLOT_B);
    assert_answer(begin(board, LENGTH, OLD, BOARD), TW_UPDATE_RECEIVING, 0, 0);
    free(board);
}

// The other image is the one that is known to work.
static void a_trial_is_not_updated(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH);
    start(board, TW_IMAGE_SLOT_B);
    uint32_t steps = board->flash.steps;
    assert_answer(begin(board, LENGTH, NEW, BOARD), TW_UPDATE_FAILED, TW_UPDATE_ON_TRIAL, 0);
    assert_int_equal(board->flash.steps, steps);
    free(board);
}

static void assert_refused(struct board *board, uint8_t reason)
{
    assert_answer(send_all(board), TW_UPDATE_FAILED, reason, LENGTH);
    assert_answer(end(board), TW_UPDATE_FAILED, reason, LENGTH);
    assert_int_equal(boot_of(board).trial, TW_IMAGE_SLOT_NONE);
    assert_int_equal(boot_of(board).confirmed, TW_IMAGE_SLOT_A);
}

static void an_image_that_is_not_right_is_refused(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    make_image(board->image, BOARD + 1, NEW, TW_IMAGE_SLOT_B);
    assert_refused(board, TW_IMAGE_WRONG_BOARD);
    make_image(board->image, BOARD, NEW, TW_IMAGE_SLOT_A);
    assert_refused(board, TW_IMAGE_WRONG_SLOT);
    make_image(board->image, BOARD, OLD - 1, TW_IMAGE_SLOT_B);
    assert_refused(board, TW_IMAGE_TOO_OLD);
    make_image(board->image, BOARD, NEW + 1, TW_IMAGE_SLOT_B);
    assert_refused(board, TW_UPDATE_OTHER);
    make_image(board->image, BOARD, NEW, TW_IMAGE_SLOT_B);
    tw_link_put(board->image + 20, LENGTH - 1, 4);
    assert_refused(board, TW_UPDATE_OTHER);
    make_image(board->image, BOARD, NEW, TW_IMAGE_SLOT_B);
    board->image[0] ^= 1;
    assert_refused(board, TW_IMAGE_NO_HEADER);
    make_image(board->image, BOARD, NEW, TW_IMAGE_SLOT_B);
    assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH);
    free(board);
}

static void every_flipped_bit_of_the_body_is_noticed(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    for (size_t bit = 0; bit < (size_t)BODY * 8; bit += 5) {
        board->image[TW_IMAGE_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_refused(board, TW_IMAGE_BAD_HASH);
        board->image[TW_IMAGE_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(board);
}

static void more_than_announced_is_refused(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    assert_answer(begin(board, LENGTH - 1, NEW, BOARD), TW_UPDATE_RECEIVING, 0, 0);
    assert_answer(data(board, 0, LENGTH), TW_UPDATE_FAILED, TW_UPDATE_OTHER, 0);
    free(board);
}

static void a_worn_flash_is_noticed(void **state)
{
    (void)state;
    int failed = 0;
    for (uint32_t seed = 1; seed < 60; seed++) {
        struct board *board = new_board(seed);
        board->flash.worn_one = 150;
        struct tw_link_update answer = send_all(board);
        if (answer.state == TW_UPDATE_FAILED) {
            assert_int_equal(answer.reason, TW_UPDATE_STORAGE);
            failed++;
        } else {
            assert_int_equal(answer.state, TW_UPDATE_CHECKED);
            assert_memory_equal(slot_b(board), board->image, LENGTH);
        }
        free(board);
    }
    assert_in_range(failed, 10, 58);
}

// ---- power

// Power goes at each step once: what is on trial afterwards is whole, and the old image is untouched.
static void power_may_go_at_any_step(void **state)
{
    (void)state;
    bool done = false;
    uint32_t trials = 0;
    for (uint32_t cut = 0; !done; cut++) {
        struct board *board = new_board(cut + 1);
        uint8_t old[FLASH_SLOT];
        memcpy(old, board->flash.bytes + board->flash.nvm.slot_at[0], sizeof old);
        flash_power_on(&board->flash, cut);
        struct tw_link_update answer = send_all(board);
        done = answer.state == TW_UPDATE_CHECKED && !board->flash.off;
        assert_true(done || answer.state == TW_UPDATE_FAILED);
        assert_true(done || answer.reason == TW_UPDATE_STORAGE);
        flash_power_on(&board->flash, UINT32_MAX);
        start(board, TW_IMAGE_SLOT_A);
        struct tw_boot_state boot = boot_of(board);
        assert_int_equal(boot.confirmed, TW_IMAGE_SLOT_A);
        assert_memory_equal(board->flash.bytes + board->flash.nvm.slot_at[0], old, sizeof old);
        if (boot.trial == TW_IMAGE_SLOT_B) {
            assert_memory_equal(slot_b(board), board->image, LENGTH);
            trials++;
        } else {
            assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH); // and again
        }
        free(board);
    }
    assert_true(trials > 0);
}

// B runs as the second choice, for A is confirmed and broken: at no step is A the confirmed one and
// overwritten, and once the image in B is healthy its floor counts.
static void the_confirmed_slot_is_overwritten_as_confirmed_no_more(void **state)
{
    (void)state;
    bool done = false;
    for (uint32_t cut = 0; !done; cut++) {
        struct board *board = new_board(cut + 1);
        uint8_t *slot_a = board->flash.bytes + board->flash.nvm.slot_at[0];
        slot_a[TW_IMAGE_HEADER] ^= 1;
        uint8_t broken[FLASH_SLOT];
        memcpy(broken, slot_a, sizeof broken);
        memcpy(board->flash.bytes + board->flash.nvm.slot_at[1], board->image, LENGTH);
        make_image(board->image, BOARD, NEW, TW_IMAGE_SLOT_A);
        start(board, TW_IMAGE_SLOT_B);
        flash_power_on(&board->flash, cut);
        done = send_all(board).state == TW_UPDATE_CHECKED && !board->flash.off;
        flash_power_on(&board->flash, UINT32_MAX);
        start(board, TW_IMAGE_SLOT_B);
        bool touched = memcmp(broken, slot_a, sizeof broken) != 0;
        assert_int_equal(boot_of(board).floor, OLD);
        assert_true(boot_of(board).confirmed == TW_IMAGE_SLOT_B || (!touched && !done));
        tw_updater_tick(&board->updater, true, HEALTHY_US);
        assert_int_equal(boot_of(board).floor, NEW);
        assert_int_equal(boot_of(board).rescue_floor, OLD);
        free(board);
    }
}

// ---- the life of a trial

static struct tw_link_info info_of(const struct board *board)
{
    struct tw_link_info info = {0};
    tw_updater_info(&board->updater, &info);
    return info;
}

static void a_trial_is_confirmed_after_a_healthy_minute(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    assert_int_equal(info_of(board).firmware, OLD);
    assert_int_equal(info_of(board).slot, TW_IMAGE_SLOT_A);
    assert_int_equal(info_of(board).state, TW_LINK_CONFIRMED);
    assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH);
    start(board, TW_IMAGE_SLOT_B);
    assert_int_equal(info_of(board).firmware, NEW);
    assert_int_equal(info_of(board).board, BOARD);
    assert_int_equal(info_of(board).slot, TW_IMAGE_SLOT_B);
    assert_int_equal(info_of(board).state, TW_LINK_ON_TRIAL);
    tw_updater_tick(&board->updater, true, HEALTHY_US - 1);
    tw_updater_tick(&board->updater, false, HEALTHY_US);
    assert_int_equal(boot_of(board).confirmed, TW_IMAGE_SLOT_A);
    assert_int_equal(info_of(board).state, TW_LINK_ON_TRIAL);
    tw_updater_tick(&board->updater, true, HEALTHY_US);
    assert_int_equal(boot_of(board).confirmed, TW_IMAGE_SLOT_B);
    assert_int_equal(boot_of(board).trial, TW_IMAGE_SLOT_NONE);
    assert_int_equal(boot_of(board).floor, NEW);
    assert_int_equal(info_of(board).state, TW_LINK_CONFIRMED);
    assert_answer(begin(board, LENGTH, OLD, BOARD), TW_UPDATE_FAILED, TW_IMAGE_TOO_OLD, 0);
    uint32_t steps = board->flash.steps;
    tw_updater_tick(&board->updater, true, 2 * HEALTHY_US);
    assert_int_equal(board->flash.steps, steps);
    free(board);
}

static void what_is_confirmed_is_not_written_again(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    uint32_t steps = board->flash.steps;
    tw_updater_tick(&board->updater, true, HEALTHY_US);
    assert_int_equal(board->flash.steps, steps);
    free(board);
}

static enum tw_image_fault refuse_b(void *context, uint8_t slot, uint32_t floor)
{
    (void)context;
    (void)floor;
    return slot == TW_IMAGE_SLOT_B ? TW_IMAGE_BAD_SIGNATURE : TW_IMAGE_GOOD;
}

static void a_refused_trial_is_told(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH);
    assert_int_equal(tw_boot_choose(&board->log, refuse_b, NULL), TW_IMAGE_SLOT_A);
    start(board, TW_IMAGE_SLOT_A);
    assert_int_equal(info_of(board).state, TW_LINK_REVERTED);
    assert_int_equal(info_of(board).firmware, OLD);
    free(board);
}

// The answer goes out, nothing is printed, and the agent has all, or had a minute.
static void the_restart_waits_for_silence_and_safety(void **state)
{
    (void)state;
    struct board *board = new_board(1);
    const struct tw_updater *updater = &board->updater;
    uint64_t checked_us = 1000; // send_frame's
    assert_false(tw_updater_wants_restart(updater, true, true, UINT64_MAX / 2));
    assert_answer(send_all(board), TW_UPDATE_CHECKED, 0, LENGTH);
    assert_false(tw_updater_wants_restart(updater, true, true, checked_us + TW_UPDATER_QUIET_US - 1));
    assert_true(tw_updater_wants_restart(updater, true, true, checked_us + TW_UPDATER_QUIET_US));
    assert_false(tw_updater_wants_restart(updater, false, true, checked_us + 2 * TW_UPDATER_PATIENCE_US));
    assert_false(tw_updater_wants_restart(updater, true, false, checked_us + TW_UPDATER_PATIENCE_US - 1));
    assert_true(tw_updater_wants_restart(updater, true, false, checked_us + TW_UPDATER_PATIENCE_US));
    free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_goes_on_trial),
        cmocka_unit_test(lost_and_repeated_frames_do_no_harm),
        cmocka_unit_test(nothing_is_taken_before_begin),
        cmocka_unit_test(begin_erases_once),
        cmocka_unit_test(what_cannot_be_taken_erases_nothing),
        cmocka_unit_test(a_trial_is_not_updated),
        cmocka_unit_test(an_image_that_is_not_right_is_refused),
        cmocka_unit_test(every_flipped_bit_of_the_body_is_noticed),
        cmocka_unit_test(more_than_announced_is_refused),
        cmocka_unit_test(a_worn_flash_is_noticed),
        cmocka_unit_test(power_may_go_at_any_step),
        cmocka_unit_test(the_confirmed_slot_is_overwritten_as_confirmed_no_more),
        cmocka_unit_test(a_trial_is_confirmed_after_a_healthy_minute),
        cmocka_unit_test(what_is_confirmed_is_not_written_again),
        cmocka_unit_test(a_refused_trial_is_told),
        cmocka_unit_test(the_restart_waits_for_silence_and_safety),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
