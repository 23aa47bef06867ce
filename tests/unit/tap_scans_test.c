// SPDX-License-Identifier: Apache-2.0
//
// The tap's scanner: how bytes become readings, which are given up, what is wiped, and where in the stream
// they come. (tap_core has them against a model, on a line that damages frames.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/tap_world.h"

static void put(struct tap_world *world, const char *text)
{
    for (; *text != '\0'; text++) {
        tw_scans_put(&world->scans, &world->tap, (uint8_t)*text, world->now_us);
    }
}

static void assert_scan(const struct tap_world *world, uint64_t number, const char *text)
{
    const struct tw_scan *scan = &world->slots[number % TAP_WORLD_SLOTS];
    assert_true(number >= world->scans.first && number < world->scans.next);
    assert_int_equal(scan->len, strlen(text));
    assert_memory_equal(scan->bytes, text, scan->len);
}

static void a_reading_ends_with_cr_or_lf(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(1, 64);
    put(world, "\r\n\n4006381333931\r\n");
    put(world, "]C1\x1d"
               "010\n");
    put(world, "A");
    assert_int_equal(world->scans.next, 3);
    put(world, "B\r");
    assert_int_equal(world->scans.next, 4);
    assert_scan(world, 1, "4006381333931");
    assert_scan(world, 2,
                "]C1\x1d"
                "010");
    assert_scan(world, 3, "AB");
    tap_world_free_world(world);
}

// Exactly at 60 ms, and counted from the last byte.
static void silence_ends_a_reading_too(void **state)
{
    (void)state;
    enum { SILENCE_US = 60000 };
    struct tap_world *world = tap_world_new_world(1, 64);
    put(world, "12");
    world->now_us += SILENCE_US - 1;
    tw_scans_tick(&world->scans, &world->tap, world->now_us);
    put(world, "34");
    world->now_us += SILENCE_US - 1;
    tw_scans_tick(&world->scans, &world->tap, world->now_us);
    assert_int_equal(world->scans.next, 1);
    world->now_us++;
    tw_scans_tick(&world->scans, &world->tap, world->now_us);
    assert_int_equal(world->scans.next, 2);
    assert_scan(world, 1, "1234");
    put(world, "5");
    world->now_us += SILENCE_US;
    put(world, "6\r"); // nobody ticked meanwhile
    assert_scan(world, 2, "5");
    assert_scan(world, 3, "6");
    tap_world_free_world(world);
}

// P7: 256 bytes are a reading; what is longer is named, in its place between the others.
static void p7_what_is_too_long_is_named_lost(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(1, 64);
    char text[TW_LINK_MAX_SCAN + 3];
    memset(text, '7', sizeof text);
    text[TW_LINK_MAX_SCAN] = '\0';
    put(world, text);
    put(world, "\r");
    assert_scan(world, 1, text);
    memset(text, '8', sizeof text);
    text[TW_LINK_MAX_SCAN + 1] = '\0';
    put(world, text);
    put(world, "\r");
    for (int i = 0; i < 65536 + 10; i++) { // a scanner gone mad: the count of its bytes does not wrap
        put(world, "9");
    }
    put(world, "\r9\r");
    assert_int_equal(world->scans.next, 5);
    assert_int_equal(world->scans.lost, 2);
    assert_scan(world, 4, "9");
    tw_tap_attach(&world->tap, world->now_us);
    memcpy(world->read[1].code, "7", 1);
    world->scan_next = 5;
    world->read[2].given_up = world->read[3].given_up = true;
    world->read[4] = (struct tap_world_scan){.code = "9", .len = 1};
    assert_true(tw_scans_forget(&world->scans, 1));
    world->agent.scan_next = 2;
    world->agent.scan_committed = 1;
    tap_world_settle(world);
    assert_int_equal(world->agent.scans_lost, 2);
    assert_int_equal(world->agent.info.lost_scans, 2);
    tap_world_free_world(world);
}

// Lost when it came, and not once more when its slot is needed.
static void p7_what_was_too_long_is_counted_once(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(1, 64);
    for (int i = 0; i <= TW_LINK_MAX_SCAN; i++) {
        put(world, "7");
    }
    put(world, "\r");
    for (int i = 0; i < TAP_WORLD_SLOTS + 1; i++) {
        put(world, "8\r");
    }
    assert_int_equal(world->scans.first, 3);
    assert_int_equal(world->scans.lost, 2);
    tap_world_free_world(world);
}

// P7: a number that lacks a digit is another customer's: named lost, wherever in it the hole is.
static void p7_what_has_a_hole_is_named_lost(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(1, 64);
    static const char *const before[] = {"", "40063", "4006381333931"};
    for (uint64_t i = 0; i < 3; i++) {
        put(world, "1234\r");
        put(world, before[i]);
        world->now_us += TW_SCANS_SILENCE_US; // the main loop was away: the silence may be the hole's
        tw_scans_miss(&world->scans, world->now_us);
        put(world, i == 2 ? "\r" : "81333931\r");
        assert_scan(world, 2 * i + 1, "1234");
        assert_scan(world, 2 * i + 2, "");
        assert_int_equal(world->scans.lost, i + 1);
    }
    // Nothing behind it either: silence ends it.
    put(world, "123");
    tw_scans_miss(&world->scans, world->now_us);
    world->now_us += TW_SCANS_SILENCE_US;
    tw_scans_tick(&world->scans, &world->tap, world->now_us);
    put(world, "5\r");
    assert_int_equal(world->scans.first, 3); // six slots: two gave way, of which one was lost before
    assert_int_equal(world->scans.lost, 3 + 1 + 1);
    assert_scan(world, 7, "");
    assert_scan(world, 8, "5");
    assert_int_equal(world->scans.next, 9);
    tap_world_free_world(world);
}

static void p7_the_oldest_is_given_up_and_counted(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(2, 64);
    for (int i = 0; i < TAP_WORLD_SLOTS + 5; i++) {
        tap_world_scan(world);
    }
    assert_int_equal(world->scans.lost, 5);
    assert_int_equal(world->scans.first, 6);
    tap_world_settle(world);
    assert_int_equal(world->agent.scans_lost, 5);
    tap_world_free_world(world);
}

static void assert_blank(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(((const uint8_t *)bytes)[i], 0);
    }
}

static void p6_acknowledged_readings_are_wiped(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(3, 64);
    for (int i = 0; i < TAP_WORLD_SLOTS; i++) {
        tap_world_scan(world);
    }
    tap_world_settle(world);
    assert_true(tw_scans_forget(&world->scans, 4));
    for (size_t number = 1; number <= 4; number++) {
        assert_blank(&world->slots[number % TAP_WORLD_SLOTS], sizeof world->slots[0]);
    }
    assert_int_equal(world->slots[5 % TAP_WORLD_SLOTS].len, world->read[5].len);
    assert_true(tw_scans_forget(&world->scans, TAP_WORLD_SLOTS));
    assert_blank(world->slots, sizeof world->slots);
    assert_blank(world->scans.bytes, sizeof world->scans.bytes);
    assert_false(tw_scans_forget(&world->scans, TAP_WORLD_SLOTS + 1));
    assert_int_equal(world->scans.acked, TAP_WORLD_SLOTS);
    tap_world_free_world(world);
}

// What the tap says from here on, as letters, up to a second START.
static void listen(struct tap_world *world, char *out)
{
    static struct tw_link_decoder decoder;
    static const char letters[] = "?HDMLsScI";
    uint8_t bytes[4096];
    size_t len = tw_tap_transmit(&world->tap, bytes, sizeof bytes);
    decoder.len = 0;
    for (size_t i = 0; i < len; i++) {
        struct tw_link_frame frame;
        if (tw_link_decode(&decoder, bytes[i], &frame) > 0) {
            assert_in_range(frame.type, 1, sizeof letters - 2);
            *out++ = letters[frame.type];
        }
    }
    *out = '\0';
}

static void ask_from(struct tap_world *world, uint64_t offset)
{
    uint8_t payload[24];
    memcpy(payload, tap_world_boot, 16);
    tw_link_put(payload + 16, offset, 8);
    tap_world_agent_send(world, TW_LINK_START, payload, sizeof payload);
    tap_world_agent_credit(world, 1000);
}

// Marks and scans at one offset keep their order in time, the first time and again.
static void scans_and_marks_keep_their_order(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(4, 64);
    char said[64];
    tap_world_scan(world); // all in the same microsecond
    tw_tap_mark(&world->tap, TW_LINK_OPENED, world->now_us);
    tap_world_scan(world);
    tap_world_print(world, 10);
    tap_world_scan(world);
    tw_tap_mark(&world->tap, TW_LINK_CLOSED, world->now_us);
    tap_world_print(world, 10);
    tap_world_scan(world);
    tap_world_scan(world);
    tw_tap_mark(&world->tap, TW_LINK_OPENED, world->now_us);
    tw_tap_attach(&world->tap, world->now_us);
    listen(world, said);
    assert_string_equal(said, "H");
    for (int round = 0; round < 2; round++) {
        ask_from(world, 0);
        listen(world, said);
        assert_string_equal(said, "sISMSDSMDSSM");
    }
    // From behind some: what is not acknowledged comes all the same, at once.
    ask_from(world, 15);
    listen(world, said);
    assert_string_equal(said, "sISSSDSSM");
    assert_true(tw_scans_forget(&world->scans, 4));
    ask_from(world, 20);
    listen(world, said);
    assert_string_equal(said, "sISM");
    tap_world_free_world(world);
}

// As with bytes: the last frame may have vanished, and nothing behind it shows that.
static void an_unacknowledged_reading_is_asked_about(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(5, 64);
    tap_world_settle(world);
    tap_world_scan(world);
    tap_world_settle(world);
    assert_false(tw_tap_is_safe(&world->tap));
    assert_int_equal(tw_tap_deadline_us(&world->tap), world->now_us + TW_TAP_DOUBT_US);
    world->now_us += TW_TAP_DOUBT_US;
    tw_tap_tick(&world->tap, world->now_us);
    assert_int_equal(world->tap.state, TW_TAP_GREETING);
    tap_world_settle(world);
    while (world->scans.acked == 0) {
        tap_world_agent_commit_scans(world);
    }
    assert_true(tw_tap_is_safe(&world->tap));
    tap_world_pass_time(world, TW_TAP_DOUBT_US);
    assert_int_equal(world->tap.state, TW_TAP_STREAMING);
    assert_int_equal(world->tap.bad_frames, 0);
    uint8_t payload[TW_LINK_SCAN_ACK_BYTES];
    tw_link_put(payload, 2, 8);
    tap_world_agent_send(world, TW_LINK_SCAN_ACK, payload, sizeof payload);
    assert_int_equal(world->tap.bad_frames, 1);
    tap_world_free_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reading_ends_with_cr_or_lf),
        cmocka_unit_test(silence_ends_a_reading_too),
        cmocka_unit_test(p7_what_is_too_long_is_named_lost),
        cmocka_unit_test(p7_what_was_too_long_is_counted_once),
        cmocka_unit_test(p7_what_has_a_hole_is_named_lost),
        cmocka_unit_test(p7_the_oldest_is_given_up_and_counted),
        cmocka_unit_test(p6_acknowledged_readings_are_wiped),
        cmocka_unit_test(scans_and_marks_keep_their_order),
        cmocka_unit_test(an_unacknowledged_reading_is_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
