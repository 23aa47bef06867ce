// SPDX-License-Identifier: Apache-2.0
//
// The board's line settings: taken over at once, kept over a restart, and nothing that makes no sense or that
// the hardware cannot do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/settings.h"
#include "tests/fakes/flash.h"
#include "tillwire/err.h"

static const struct tw_link_settings factory = {
    .till = {0, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_NONE},
    .printer = {0, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_NONE},
};
static const struct tw_link_settings wanted = {
    .till = {9600, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_RTSCTS},
    .printer = {921600, 7, TW_LINK_PARITY_ODD, 2, TW_LINK_FLOW_XONXOFF},
    .scanner = {1200, 8, TW_LINK_PARITY_EVEN, 1, TW_LINK_FLOW_NONE},
};

struct board {
    struct flash flash;
    struct tw_boot_log log;
    struct tw_settings settings;
    struct tw_link_settings lines; // as the hardware is set
    unsigned applied;
};

// This hardware has no DTR and DSR.
static bool apply(void *port, const struct tw_link_settings *settings)
{
    struct board *board = port;
    if (settings->till.flow == TW_LINK_FLOW_DTRDSR) {
        return false;
    }
    board->lines = *settings;
    board->applied++;
    return true;
}

static void start(struct board *board)
{
    tw_boot_log_open(&board->log, &board->flash.nvm);
    const struct tw_settings_port port = {apply, board};
    tw_settings_open(&board->settings, &board->log, &port, &factory);
}

static void assert_lines(const struct board *board, const struct tw_link_settings *expected)
{
    assert_memory_equal(&board->lines, expected, sizeof *expected);
    assert_memory_equal(&board->settings.now, expected, sizeof *expected);
}

static void settings_outlast_a_restart(void **state)
{
    (void)state;
    struct board board = {.applied = 0};
    flash_init(&board.flash, 1);
    start(&board);
    assert_lines(&board, &factory);
    assert_int_equal(tw_settings_take(&board.settings, &wanted), 0);
    assert_lines(&board, &wanted);
    uint32_t steps = board.flash.steps;
    assert_int_equal(tw_settings_take(&board.settings, &wanted), 0);
    assert_int_equal(board.flash.steps, steps); // the same again wears nothing
    memset(&board.lines, 0, sizeof board.lines);
    start(&board);
    assert_lines(&board, &wanted);
}

static void what_the_hardware_lacks_changes_nothing(void **state)
{
    (void)state;
    struct board board = {.applied = 0};
    struct tw_link_settings dtr = wanted;
    flash_init(&board.flash, 1);
    start(&board);
    assert_int_equal(tw_settings_take(&board.settings, &wanted), 0);
    uint32_t steps = board.flash.steps;
    dtr.till.flow = TW_LINK_FLOW_DTRDSR;
    assert_int_equal(tw_settings_take(&board.settings, &dtr), TW_ERR_INVALID);
    assert_int_equal(board.flash.steps, steps);
    assert_lines(&board, &wanted);
    start(&board);
    assert_lines(&board, &wanted);
}

// Kept by another release, or for another board.
static void what_was_kept_and_cannot_be_done_is_not_used(void **state)
{
    (void)state;
    struct board board = {.applied = 0};
    struct tw_link_settings dtr = wanted;
    uint8_t payload[TW_BOOT_PAYLOAD] = {0};
    dtr.till.flow = TW_LINK_FLOW_DTRDSR;
    flash_init(&board.flash, 1);
    tw_boot_log_open(&board.log, &board.flash.nvm);
    tw_link_put_settings(payload, &dtr);
    assert_int_equal(tw_boot_log_append(&board.log, TW_BOOT_SETTINGS, payload), 0);
    start(&board);
    assert_lines(&board, &factory);
}

// What the configuration says nothing of.
static void a_line_of_zeros_stays_as_it_is(void **state)
{
    (void)state;
    const struct tw_link_settings scanner_only = {.scanner = wanted.scanner};
    struct tw_link_settings expected = factory;
    expected.scanner = wanted.scanner;
    struct board board = {.applied = 0};
    flash_init(&board.flash, 1);
    start(&board);
    assert_int_equal(tw_settings_take(&board.settings, &scanner_only), 0);
    assert_lines(&board, &expected);
    start(&board);
    assert_lines(&board, &expected);
}

static void what_makes_no_sense_changes_nothing(void **state)
{
    (void)state;
    const struct tw_link_line bad[] = {
        {1199, 8, 0, 1, 0}, {921601, 8, 0, 1, 0},     {9600, 6, 0, 1, 0},   {9600, 9, 0, 1, 0},
        {9600, 8, 3, 1, 0}, {9600, 8, 0, 0, 0},       {9600, 8, 0, 3, 0},   {9600, 8, 0, 1, 4},
        {9600, 0, 0, 0, 0}, {0, 0, 1, 0, 0},          {0, 0, 0, 1, 0},      {0, 0, 0, 0, 1},
        {1, 8, 0, 1, 0},    {UINT32_MAX, 8, 0, 1, 0}, {9600, 8, 255, 1, 0}, {9600, 8, 0, 1, 255},
    };
    struct board board = {.applied = 0};
    flash_init(&board.flash, 1);
    start(&board);
    assert_int_equal(tw_settings_take(&board.settings, &wanted), 0);
    unsigned applied = board.applied;
    uint32_t steps = board.flash.steps;
    for (size_t i = 0; i < 3 * sizeof bad / sizeof bad[0]; i++) {
        struct tw_link_settings settings = wanted;
        struct tw_link_line *lines[] = {&settings.till, &settings.printer, &settings.scanner};
        *lines[i % 3] = bad[i / 3];
        assert_false(tw_settings_good(&settings));
        assert_int_equal(tw_settings_take(&board.settings, &settings), TW_ERR_INVALID);
    }
    assert_lines(&board, &wanted);
    assert_int_equal(board.applied, applied);
    assert_int_equal(board.flash.steps, steps);
}

// A record of another release, or of nobody.
static void a_record_that_makes_no_sense_is_not_used(void **state)
{
    (void)state;
    struct board board = {.applied = 0};
    uint8_t payload[TW_BOOT_PAYLOAD];
    flash_init(&board.flash, 1);
    tw_boot_log_open(&board.log, &board.flash.nvm);
    memset(payload, 0xa5, sizeof payload);
    assert_int_equal(tw_boot_log_append(&board.log, TW_BOOT_SETTINGS, payload), 0);
    start(&board);
    assert_lines(&board, &factory);
}

// Lines are set even where that cannot be kept; the restart forgets it, and the answer tells what counts.
static void a_flash_that_fails_is_told(void **state)
{
    (void)state;
    struct board board = {.applied = 0};
    flash_init(&board.flash, 1);
    start(&board);
    flash_power_on(&board.flash, 0); // nothing is written any more
    assert_int_equal(tw_settings_take(&board.settings, &wanted), TW_ERR_IO);
    assert_lines(&board, &wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_outlast_a_restart),
        cmocka_unit_test(what_the_hardware_lacks_changes_nothing),
        cmocka_unit_test(what_was_kept_and_cannot_be_done_is_not_used),
        cmocka_unit_test(a_line_of_zeros_stays_as_it_is),
        cmocka_unit_test(what_makes_no_sense_changes_nothing),
        cmocka_unit_test(a_record_that_makes_no_sense_is_not_used),
        cmocka_unit_test(a_flash_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
