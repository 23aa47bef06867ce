// SPDX-License-Identifier: Apache-2.0
//
// The tap against a model that remembers everything: whatever is printed, acknowledged, given up
// or asked for again, in whatever order and over whatever line, each byte reaches the agent as it
// was or is named by LOST, and the count of what was given up is exact (P7). Printing is a call
// that returns (P5); acknowledged bytes are gone from memory (P6).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/tap_world.h"

static void random_step(struct tap_world *world, bool marks)
{
    switch (tap_world_pick(world, 18)) {
    case 0:
    case 1:
    case 2:
        tap_world_print(world, tap_world_pick(world, 400));
        break;
    case 3:
        tap_world_print(world,
                        tap_world_pick(world, 60) == 0 ? tap_world_pick(world, 3 * TAP_WORLD_RING_BYTES) : 1);
        break;
    case 4:
        if (marks) {
            tap_world_mark(world, (uint8_t)(1 + tap_world_pick(world, 2)));
        }
        break;
    case 5:
    case 6:
        tap_world_agent_commit(world);
        break;
    case 7:
        if (world->agent.streaming) {
            tap_world_agent_credit(world, tap_world_pick(world, 2000));
        }
        break;
    case 8:
        tap_world_pass_time(world, tap_world_pick(world, 400000));
        break;
    case 9:
        if (tap_world_pick(world, 20) == 0) {
            tap_world_restart_agent(world);
        }
        break;
    case 10:
        if (world->tap.state == TW_TAP_DETACHED) {
            tw_tap_attach(&world->tap, world->now_us);
        }
        break;
    case 11:
        tap_world_scan(world);
        break;
    case 12:
        tap_world_agent_commit_scans(world);
        break;
    default:
        (void)tap_world_carry(world);
    }
}

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 7001u;
    print_message("seed %u (TW_SEED)\n", value);
    return value;
}

static void run_histories(size_t record_count, unsigned damage, bool marks)
{
    uint32_t first = seed();
    uint64_t lost = 0;
    uint64_t scans_lost = 0;
    for (uint32_t history = 0; history < 60; history++) {
        struct tap_world *world = tap_world_new_world((first + history) * 2654435761u, record_count);
        world->damage = damage;
        for (int i = 0; i < 4000; i++) {
            random_step(world, marks);
        }
        lost += world->tap.lost_bytes;
        scans_lost += world->scans.lost;
        tap_world_settle(world);
        assert_int_equal(world->tap.lost_bytes, world->lost);
        tap_world_free_world(world);
    }
    assert_true(lost > 0 && scans_lost > 0); // the histories do reach the overrun
}

static void p7_each_byte_arrives_or_is_named_lost(void **state)
{
    (void)state;
    run_histories(4096, 0, true);
}

static void p7_holds_on_a_line_that_damages_frames(void **state)
{
    (void)state;
    run_histories(4096, 12, true);
}

static void p7_holds_when_the_table_of_marks_is_tiny(void **state)
{
    (void)state;
    run_histories(TW_TAP_MIN_RECORDS, 25, true);
}

// With room for everything each mark arrives once, in order and at its offset, whatever the line
// does to the frames.
static void marks_arrive_once_in_order(void **state)
{
    (void)state;
    uint32_t first = seed();
    for (uint32_t history = 0; history < 40; history++) {
        struct tap_world *world = tap_world_new_world((first + history) * 40503u, 4096);
        world->damage = history % 2 == 0 ? 8 : 0;
        tw_tap_attach(&world->tap, world->now_us);
        while (world->next < TAP_WORLD_RING_BYTES - 200) {
            tap_world_print(world, 1 + tap_world_pick(world, 40));
            tap_world_mark(world, (uint8_t)(1 + tap_world_pick(world, 2)));
            for (uint32_t i = tap_world_pick(world, 6); i > 0; i--) {
                (void)tap_world_carry(world);
            }
            tap_world_pass_time(world, tap_world_pick(world, 300000));
            if (world->agent.streaming) {
                tap_world_agent_credit(world, tap_world_pick(world, 100));
            }
        }
        world->damage = 0;
        for (int i = 0; i < 100; i++) {
            tap_world_pass_time(world, 1000000);
            while (tap_world_carry(world)) {
            }
            if (world->agent.streaming) {
                tap_world_agent_credit(world, 1000);
            }
        }
        assert_int_equal(world->agent.mark_count, world->mark_count);
        assert_memory_equal(world->agent.marks, world->marks, world->mark_count * sizeof world->marks[0]);
        tap_world_free_world(world);
    }
}

// A port scanner or a health check every second for years.
static void connections_without_bytes_take_no_room(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(1, TW_TAP_MIN_RECORDS);
    tap_world_print(world, 100);
    for (int i = 0; i < 10000; i++) {
        tw_tap_mark(&world->tap, TW_LINK_OPENED, world->now_us++);
        tw_tap_mark(&world->tap, TW_LINK_CLOSED, world->now_us++);
    }
    assert_int_equal(world->tap.lost_bytes, 0);
    tw_tap_attach(&world->tap, world->now_us);
    (void)tap_world_carry(world);
    tap_world_settle(world);
    assert_int_equal(world->agent.mark_count, 2);
    assert_int_equal(world->agent.marks[1].what, TW_LINK_CLOSED);
    tap_world_free_world(world);
}

// Each of them is told to an agent that listens, all the same.
static void marks_at_one_offset_reach_a_listening_agent(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(2, TW_TAP_MIN_RECORDS);
    tap_world_print(world, 100);
    tap_world_settle(world);
    for (unsigned i = 1; i <= 50; i++) {
        tw_tap_mark(&world->tap, i % 2 != 0 ? TW_LINK_OPENED : TW_LINK_CLOSED, world->now_us++);
        while (tap_world_carry(world)) {
        }
        assert_int_equal(world->agent.mark_count, i);
    }
    tap_world_free_world(world);
}

// A frame of the agent that vanished as a whole is missed at the next one.
static void a_missing_frame_is_noticed(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(4, 64);
    tap_world_print(world, 100);
    tap_world_settle(world);
    world->agent.sequence++;
    uint8_t payload[8];
    tw_link_put(payload, 10, 8);
    tap_world_agent_send(world, TW_LINK_ACK, payload, sizeof payload);
    assert_int_equal(world->tap.state, TW_TAP_GREETING);
    assert_int_equal(world->tap.bad_frames, 1);
    assert_int_equal(world->tap.acked, 0);
    tap_world_free_world(world);
}

static void p6_acknowledged_bytes_are_wiped(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(3, 64);
    tw_tap_attach(&world->tap, world->now_us);
    for (int i = 0; i < 30; i++) {
        tap_world_print(world, 300); // more than the ring, in all, so that it wraps
        tap_world_settle(world);
        world->agent.committed = world->agent.at;
        uint8_t payload[8];
        tw_link_put(payload, world->agent.at, 8);
        tap_world_agent_send(world, TW_LINK_ACK, payload, sizeof payload);
        world->held_from = world->next;
        for (size_t byte = 0; byte < sizeof world->ring; byte++) {
            assert_int_equal(world->ring[byte], 0);
        }
    }
    assert_int_equal(world->lost, 0);
    tap_world_free_world(world);
}

static void assert_no_frame(const struct tap_world *world)
{
    for (size_t i = 0; i < sizeof world->tap.frame; i++) {
        assert_int_equal(world->tap.frame[i], 0);
    }
}

// The frame is gone with its last byte, or with its line.
static void p6_a_frame_that_was_sent_is_wiped(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(3, 64);
    uint8_t bytes[1];
    tap_world_settle(world);
    tap_world_print(world, 1500);
    tap_world_scan(world);
    tap_world_settle(world);
    assert_no_frame(world);
    tap_world_print(world, 300);
    tap_world_agent_credit(world, 1000);
    while (world->tap.frame_len < 300) {
        assert_int_equal(tw_tap_transmit(&world->tap, bytes, 1), 1);
    }
    assert_true(world->tap.frame_sent < world->tap.frame_len);
    tw_tap_detach(&world->tap);
    assert_no_frame(world);
    tap_world_free_world(world);
}

static void hello_once_a_second_until_start(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(5, 64);
    uint8_t bytes[4096];
    tap_world_print(world, 10);
    assert_int_equal(tw_tap_transmit(&world->tap, bytes, sizeof bytes), 0);
    tw_tap_attach(&world->tap, world->now_us);
    size_t hello = tw_tap_transmit(&world->tap, bytes, sizeof bytes);
    assert_true(hello > 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tw_tap_deadline_us(&world->tap), world->now_us + TW_TAP_HELLO_US);
        tap_world_pass_time(world, TW_TAP_HELLO_US - 1);
        assert_int_equal(tw_tap_transmit(&world->tap, bytes, sizeof bytes), 0);
        world->now_us++;
        tw_tap_tick(&world->tap, world->now_us);
        assert_in_range(tw_tap_transmit(&world->tap, bytes, sizeof bytes), 1, hello + 2);
    }
    tap_world_free_world(world);
}

// START for another boot is refused with HELLO; ACK beyond the stream is counted, not believed.
static void senseless_frames_do_no_harm(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(9, 64);
    tap_world_print(world, 50);
    tw_tap_attach(&world->tap, world->now_us);
    uint8_t payload[24] = {0};
    tap_world_agent_send(world, TW_LINK_START, payload, sizeof payload);
    assert_int_equal(world->tap.state, TW_TAP_GREETING);
    assert_int_equal(world->tap.bad_frames, 1);
    tap_world_settle(world);
    tw_link_put(payload, 51, 8);
    tap_world_agent_send(world, TW_LINK_ACK, payload, 8);
    assert_int_equal(world->tap.bad_frames, 2);
    assert_int_equal(world->tap.first, 0);
    tap_world_free_world(world);
}

static void times_follow_the_bytes(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(11, 64);
    tw_tap_attach(&world->tap, world->now_us);
    for (int i = 0; i < 3; i++) {
        world->now_us = 5000000u * (unsigned)(i + 1);
        tw_tap_print(&world->tap, (const uint8_t *)"abcdef", 6, world->now_us);
    }
    uint8_t payload[24];
    memcpy(payload, tap_world_boot, 16);
    tw_link_put(payload + 16, 2, 8);
    tap_world_agent_send(world, TW_LINK_START, payload, sizeof payload);
    tw_link_put(payload, 1000, 4);
    tap_world_agent_send(world, TW_LINK_CREDIT, payload, 4);
    uint8_t bytes[1024];
    size_t len = tw_tap_transmit(&world->tap, bytes, sizeof bytes);
    uint64_t expect[3][2] = {{2, 5000000}, {6, 10000000}, {12, 15000000}};
    size_t seen = 0;
    for (size_t i = 0; i < len; i++) {
        struct tw_link_frame frame;
        if (tw_link_decode(&world->agent.decoder, bytes[i], &frame) > 0 && frame.type == TW_LINK_DATA) {
            assert_true(seen < 3);
            assert_int_equal(tw_link_get(frame.payload, 8), expect[seen][0]);
            assert_int_equal(tw_link_get(frame.payload + 8, 8), expect[seen][1]);
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    tap_world_free_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p7_each_byte_arrives_or_is_named_lost),
        cmocka_unit_test(p7_holds_on_a_line_that_damages_frames),
        cmocka_unit_test(p7_holds_when_the_table_of_marks_is_tiny),
        cmocka_unit_test(marks_arrive_once_in_order),
        cmocka_unit_test(connections_without_bytes_take_no_room),
        cmocka_unit_test(marks_at_one_offset_reach_a_listening_agent),
        cmocka_unit_test(a_missing_frame_is_noticed),
        cmocka_unit_test(p6_acknowledged_bytes_are_wiped),
        cmocka_unit_test(p6_a_frame_that_was_sent_is_wiped),
        cmocka_unit_test(hello_once_a_second_until_start),
        cmocka_unit_test(senseless_frames_do_no_harm),
        cmocka_unit_test(times_follow_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
