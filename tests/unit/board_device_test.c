// SPDX-License-Identifier: Apache-2.0
//
// A board behind the tap driver: what it says of itself, its lines, and new firmware for it, through damage
// and restarts, with the firmware's own update at the other end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hal/drivers/tap/sender.h"
#include "tests/fakes/tap_board.h"

enum { NEW = 0x10100, OLD = 0x0ffff };

struct rig {
    struct lane lane;
    struct far_end *far;
    struct tap_board *board;
    struct tw_device *device;
    struct tw_buf file;
    struct tw_error_text err;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->lane.acknowledge = true;
    rig->far = lane_new_far_end();
    rig->board = tap_board_new(rig->far);
    rig->device = lane_new_tap(&rig->lane, rig->far);
    tap_board_file(TW_LINK_BOARD_MPS2_AN386, NEW, &rig->file);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    tw_device_free(rig->device);
    tap_board_free(rig->board);
    lane_free_far_end(rig->far);
    tw_buf_free(&rig->file);
    free(rig);
    return 0;
}

static void run(struct rig *rig, int seconds)
{
    tap_board_run(rig->board, &rig->lane, seconds);
}

static int update(struct rig *rig)
{
    int rc = tw_device_update(rig->device, tw_buf_slice(&rig->file), rig->lane.now_ms, &rig->err);
    assert_true(rc == TW_OK || rig->err.text[0] != '\0');
    return rc;
}

static const struct tw_tap_update *update_of(const struct rig *rig)
{
    return &tw_device_tap(rig->device)->update;
}

static void expect_word(const struct rig *rig, const char *word)
{
    assert_string_equal(tw_tap_update_word(update_of(rig)->state), word);
}

static void what_it_says_of_itself_is_known(void **state)
{
    struct rig *rig = *state;
    assert_false(tw_device_tap(rig->device)->known);
    run(rig, 2);
    const struct tw_tap_report *report = tw_device_tap(rig->device);
    assert_true(report->known);
    assert_int_equal(report->info.firmware, 0x10000);
    assert_int_equal(report->info.board, TW_LINK_BOARD_MPS2_AN386);
    assert_int_equal(report->info.slot, TW_IMAGE_SLOT_A);
    assert_int_equal(report->info.lines.till.baud, 9600);
    uint64_t uptime_us = report->info.uptime_us;
    run(rig, 25);
    assert_true(report->info.uptime_us > uptime_us);
    lane_hang_up(rig->far);
    lane_run(&rig->lane, rig->far, 0);
    assert_false(report->known && tw_device_fd(rig->device) < 0);
}

// As a scanner of the same settings would give it, whatever ends a reading.
static void scans_are_framed_as_configured(void **state)
{
    static const struct {
        const char *prefix, *suffix, *code_id, *sent, *code;
    } cases[] = {
        {NULL, NULL, NULL, "]E04006381333931\r", "]E04006381333931"},
        {NULL, NULL, NULL,
         "\002"
         "4006381333931\003\r\n",
         "4006381333931"},
        {"~", NULL, NULL, "~123\n", "123"},
        {"~", NULL, NULL, "123\n", ""},
        {NULL, "#\r\n", NULL, "123#\r\n", "123"},
        {NULL, "#\r\n", NULL, "123\r\n", ""},
        {NULL, "\r", NULL, "123\r", "123"},
        {NULL, NULL, "honeywell", "d4006381333931\r", "]E04006381333931"},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tw_device_free(rig->device);
        lane_hang_up(rig->far);
        struct tw_device_config config = {.name = "printer",
                                          .class_name = "tap",
                                          .transport = "unix",
                                          .path = rig->far->address.sun_path,
                                          .prefix = cases[i].prefix,
                                          .suffix = cases[i].suffix,
                                          .code_id = cases[i].code_id};
        struct tw_device_sink sink = lane_sink_of(&rig->lane);
        assert_int_equal(tw_device_new(&config, &sink, 9, &rig->device, &rig->err), 0);
        rig->lane.device = rig->device;
        run(rig, 2);
        for (const char *byte = cases[i].sent; *byte != '\0'; byte++) {
            tw_scans_put(&rig->far->scans, &rig->far->tap, (uint8_t)*byte, (uint64_t)rig->lane.now_ms * 1000);
        }
        (void)strcpy(rig->lane.code, "nothing");
        run(rig, 2);
        assert_string_equal(rig->lane.code, cases[i].code);
        assert_int_equal(rig->far->scans.acked, i + 1);
        assert_in_range(rig->lane.scan_age_ms, 0, 2000);
    }
}

static void lines_are_set_once_where_they_differ(void **state)
{
    struct rig *rig = *state;
    for (unsigned turn = 0; turn < 2; turn++) {
        tw_device_free(rig->device);
        lane_hang_up(rig->far);
        const struct tw_link_line till = {.baud = 19200, .bits = 7, .parity = TW_LINK_PARITY_EVEN, .stop = 1};
        struct tw_device_config config = {.name = "printer",
                                          .class_name = "tap",
                                          .transport = "unix",
                                          .path = rig->far->address.sun_path,
                                          .till = till};
        struct tw_device_sink sink = lane_sink_of(&rig->lane);
        assert_int_equal(tw_device_new(&config, &sink, 9, &rig->device, &rig->err), 0);
        rig->lane.device = rig->device;
        run(rig, 30);
        const struct tw_link_settings *lines = &tw_device_tap(rig->device)->info.lines;
        assert_memory_equal(&lines->till, &till, sizeof till);
        assert_int_equal(lines->printer.baud, 9600);
        assert_int_equal(rig->board->configured, 1); // the board keeps them
    }
}

// The board is finding the speed of its till: what it says then is not what it is to keep.
static void lines_that_are_not_configured_stay_the_boards(void **state)
{
    struct rig *rig = *state;
    rig->board->finding = true;
    tw_device_free(rig->device);
    lane_hang_up(rig->far);
    struct tw_device_config config = {.name = "printer",
                                      .class_name = "tap",
                                      .transport = "unix",
                                      .path = rig->far->address.sun_path,
                                      .scanner = {.baud = 115200, .bits = 8, .stop = 1}};
    struct tw_device_sink sink = lane_sink_of(&rig->lane);
    assert_int_equal(tw_device_new(&config, &sink, 9, &rig->device, &rig->err), 0);
    rig->lane.device = rig->device;
    run(rig, 3);
    assert_int_equal(rig->board->configured, 1);
    rig->board->finding = false;
    tap_board_restart(rig->board, (uint64_t)rig->lane.now_ms * 1000);
    run(rig, 20);
    const struct tw_link_settings *lines = &tw_device_tap(rig->device)->info.lines;
    assert_int_equal(lines->scanner.baud, 115200);
    assert_int_equal(lines->printer.bits, 8);
    assert_int_equal(lines->printer.baud, 9600);
    assert_int_equal(lines->till.baud, 9600);
    assert_int_equal(rig->board->configured, 1);
}

static void an_update_is_sent_tried_and_confirmed(unsigned damage, struct rig *rig)
{
    run(rig, 3);
    assert_int_equal(update(rig), TW_OK);
    assert_int_equal(update(rig), TW_ERR_EXISTS);
    rig->far->damage = damage;
    bool on_trial = false;
    uint64_t printed = 0;
    for (int i = 0; i < 600 && update_of(rig)->state < TW_TAP_UPDATE_CONFIRMED; i++) {
        uint8_t line[40] = "COFFEE 2.50\n";
        if (rig->board->boots == 1 && i < 5) { // the copy goes on meanwhile
            tw_tap_print(&rig->far->tap, line, sizeof line, (uint64_t)rig->lane.now_ms * 1000);
            printed += sizeof line;
            run(rig, 1);
            assert_true(damage > 0 || rig->lane.at == printed);
        }
        run(rig, 1);
        on_trial = on_trial || update_of(rig)->state == TW_TAP_UPDATE_TRIAL;
    }
    rig->far->damage = 0;
    expect_word(rig, "confirmed");
    assert_true(on_trial);
    assert_int_equal(rig->board->running, TW_IMAGE_SLOT_B);
    assert_int_equal(update_of(rig)->version, NEW);
    run(rig, 15);
    assert_int_equal(tw_device_tap(rig->device)->info.firmware, NEW);
    assert_int_equal(tw_device_tap(rig->device)->info.state, TW_LINK_CONFIRMED);
    assert_int_equal(rig->lane.lost, 0);
}

static void an_update_is_confirmed_after_a_healthy_minute(void **state)
{
    an_update_is_sent_tried_and_confirmed(0, *state);
}

static void an_update_goes_on_after_damage(void **state)
{
    an_update_is_sent_tried_and_confirmed(7, *state);
}

static void a_board_that_restarts_is_sent_all_of_it_again(void **state)
{
    struct rig *rig = *state;
    run(rig, 3);
    assert_int_equal(update(rig), TW_OK);
    rig->far->deaf = true; // of what it says, nothing comes
    run(rig, 3);
    rig->far->deaf = false;
    tap_board_restart(rig->board, (uint64_t)rig->lane.now_ms * 1000);
    run(rig, 100);
    expect_word(rig, "confirmed");
}

static void firmware_that_does_not_run_is_reverted(void **state)
{
    struct rig *rig = *state;
    run(rig, 3);
    rig->board->hangs = NEW;
    assert_int_equal(update(rig), TW_OK);
    run(rig, 30);
    expect_word(rig, "reverted");
    assert_non_null(strstr(update_of(rig)->why, "earlier one runs again"));
    assert_int_equal(rig->board->running, TW_IMAGE_SLOT_A);
    rig->board->hangs = 0;
    assert_int_equal(update(rig), TW_OK); // and the next one may be better
    run(rig, 100);
    expect_word(rig, "confirmed");
}

static void an_older_version_fails_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    run(rig, 3);
    tw_buf_clear(&rig->file);
    tap_board_file(TW_LINK_BOARD_MPS2_AN386, OLD, &rig->file);
    assert_int_equal(update(rig), TW_OK);
    run(rig, 5);
    expect_word(rig, "failed");
    assert_non_null(strstr(update_of(rig)->why, "older"));
    assert_int_equal(rig->board->running, TW_IMAGE_SLOT_A);
}

static void what_is_no_update_for_it_is_refused(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(update(rig), TW_ERR_REFUSED); // nothing is known of it yet
    run(rig, 3);
    size_t len = rig->file.len;
    for (size_t cut = 0; cut < len; cut += cut < 40 ? 1 : 997) {
        rig->file.len = cut;
        assert_int_equal(update(rig), TW_ERR_INVALID);
    }
    rig->file.len = len;
    tw_buf_add(&rig->file, "x", 1);
    assert_int_equal(update(rig), TW_ERR_INVALID);
    rig->file.len = len;
    static const size_t places[] = {0,  15, 16,
                                    20, 24, 44}; // magic, count, length, the image's magic and length
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        rig->file.ptr[places[i]] ^= 0x40;
        assert_int_equal(update(rig), TW_ERR_INVALID);
        rig->file.ptr[places[i]] ^= 0x40;
    }
    tw_buf_clear(&rig->file);
    tap_board_file(TW_LINK_BOARD_STM32F405, NEW, &rig->file);
    assert_int_equal(update(rig), TW_ERR_MISMATCH);
    assert_non_null(strstr(rig->err.text, "another board"));
    expect_word(rig, "none");
}

// What the board finds wrong only when it has all of it.
static void a_damaged_image_fails_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    run(rig, 3);
    rig->file.ptr[rig->file.len - 1] ^= 1; // of the second image, for the slot that does not run
    assert_int_equal(update(rig), TW_OK);
    run(rig, 10);
    expect_word(rig, "failed");
    assert_non_null(strstr(update_of(rig)->why, "damaged"));
}

// ---- what a board may say beyond that, told to the sender alone

enum { LENGTH = 3000 };

static void begin(struct tw_tap_sender *sender, struct tw_tap_update *report)
{
    static const uint8_t bytes[LENGTH];
    const struct tw_image image = {.board = 1, .version = NEW, .slot = TW_IMAGE_SLOT_B};
    tw_tap_sender_init(sender, report);
    assert_int_equal(tw_tap_sender_begin(sender, &image, tw_slice_make(bytes, sizeof bytes)), TW_OK);
}

// The type of the frame that is due.
static uint8_t due_type(struct tw_tap_sender *sender, int64_t now_ms)
{
    uint8_t frame[TW_TAP_SENDER_MAX_FRAME];
    uint8_t type = 0;
    (void)tw_tap_sender_frame(sender, now_ms, frame, &type);
    return type;
}

static void say(struct tw_tap_sender *sender, enum tw_update_state state, uint32_t offset, int64_t now_ms)
{
    const struct tw_link_update answer = {.state = (uint8_t)state, .offset = offset};
    tw_tap_sender_answered(sender, &answer, now_ms);
}

static void what_is_confirmed_is_the_version_that_was_sent(void **state)
{
    (void)state;
    static const struct {
        uint32_t runs;
        enum tw_tap_update_state ends;
    } cases[] = {{NEW, TW_TAP_UPDATE_CONFIRMED}, {NEW + 1, TW_TAP_UPDATE_FAILED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_tap_sender sender;
        struct tw_tap_update report;
        begin(&sender, &report);
        assert_int_equal(due_type(&sender, 0), TW_LINK_UPDATE_BEGIN);
        say(&sender, TW_UPDATE_CHECKED, LENGTH, 1); // an image that was sent before
        assert_int_equal(report.state, TW_TAP_UPDATE_SENDING);
        say(&sender, TW_UPDATE_RECEIVING, 0, 2);
        say(&sender, TW_UPDATE_CHECKED, LENGTH, 3);
        assert_int_equal(report.state, TW_TAP_UPDATE_RESTARTING);
        const struct tw_link_info info = {.firmware = cases[i].runs, .slot = TW_IMAGE_SLOT_B};
        tw_tap_sender_informed(&sender, &info, true, 4);
        assert_int_equal(report.state, cases[i].ends);
        assert_true(report.why == NULL || strstr(report.why, "another image") != NULL);
        tw_tap_sender_free(&sender);
    }
}

static void an_answer_given_twice_sends_nothing_twice(void **state)
{
    (void)state;
    struct tw_tap_sender sender;
    struct tw_tap_update report;
    begin(&sender, &report);
    assert_int_equal(due_type(&sender, 0), TW_LINK_UPDATE_BEGIN);
    for (unsigned i = 0; i < 10; i++) {
        say(&sender, TW_UPDATE_IDLE, 0, 1); // said before it saw BEGIN
    }
    assert_int_equal(due_type(&sender, 1), 0);
    for (uint32_t offset = 0; offset <= LENGTH; offset += offset < 2048 ? 1024 : LENGTH - 2048) {
        say(&sender, TW_UPDATE_RECEIVING, offset, 2);
        assert_int_equal(due_type(&sender, 2), offset < LENGTH ? TW_LINK_UPDATE_DATA : TW_LINK_UPDATE_END);
        say(&sender, TW_UPDATE_RECEIVING, offset, 3);
        assert_int_equal(due_type(&sender, 3), 0);
        if (offset == LENGTH) {
            break;
        }
    }
    assert_int_equal(due_type(&sender, tw_tap_sender_deadline(&sender)), TW_LINK_UPDATE_END); // the timer's
    tw_tap_sender_free(&sender);
}

static void a_board_that_does_not_answer_ends_the_update(void **state)
{
    (void)state;
    for (unsigned answers = 0; answers < 2; answers++) {
        struct tw_tap_sender sender;
        struct tw_tap_update report;
        unsigned sent = 0;
        begin(&sender, &report);
        if (answers == 1) {
            assert_int_equal(due_type(&sender, 0), TW_LINK_UPDATE_BEGIN);
            say(&sender, TW_UPDATE_RECEIVING, 0, 1);
        }
        while (sent < 1000 && due_type(&sender, tw_tap_sender_deadline(&sender)) != 0) {
            sent++;
        }
        assert_int_equal(sent, 60);
        assert_int_equal(report.state, TW_TAP_UPDATE_FAILED);
        assert_non_null(strstr(report.why, "does not answer"));
        assert_false(tw_tap_sender_is_under_way(&sender));
        assert_true(tw_tap_sender_deadline(&sender) == INT64_MAX);
        tw_tap_sender_free(&sender);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_says_of_itself_is_known),
        TEST(scans_are_framed_as_configured),
        TEST(lines_are_set_once_where_they_differ),
        TEST(an_update_is_confirmed_after_a_healthy_minute),
        TEST(an_update_goes_on_after_damage),
        TEST(a_board_that_restarts_is_sent_all_of_it_again),
        TEST(firmware_that_does_not_run_is_reverted),
        TEST(an_older_version_fails_with_a_sentence),
        TEST(lines_that_are_not_configured_stay_the_boards),
        cmocka_unit_test(what_is_confirmed_is_the_version_that_was_sent),
        cmocka_unit_test(an_answer_given_twice_sends_nothing_twice),
        cmocka_unit_test(a_board_that_does_not_answer_ends_the_update),
        TEST(what_is_no_update_for_it_is_refused),
        TEST(a_damaged_image_fails_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
