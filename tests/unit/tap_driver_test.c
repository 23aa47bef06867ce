// SPDX-License-Identifier: Apache-2.0
//
// The tap driver against the real tap over a real socket, through damage, restarts and new boots:
// the agent is told every byte once, in order, or that it is lost (P7).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fakes/lane.h"

enum { STREAM_BYTES = 400000 };

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

static uint8_t *random_stream(uint32_t *random)
{
    uint8_t *stream = malloc(STREAM_BYTES);
    assert_non_null(stream);
    for (size_t i = 0; i < STREAM_BYTES; i++) {
        stream[i] = (uint8_t)lane_next_random(random);
    }
    return stream;
}

static void print_some(struct lane *lane, struct far_end *far, uint64_t len)
{
    uint64_t at = far->tap.next;
    len = len < STREAM_BYTES - at ? len : STREAM_BYTES - at;
    tw_tap_print(&far->tap, lane->stream + at, (size_t)len, (uint64_t)lane->now_ms * 1000);
}

static void the_stream_is_whole(unsigned damage)
{
    uint32_t random = lane_seed();
    struct lane lane = {.acknowledge = true};
    uint8_t *stream = random_stream(&random);
    lane.stream = stream;
    struct far_end *far = lane_new_far_end();
    far->damage = damage;
    struct tw_device *device = lane_new_tap(&lane, far);
    unsigned marks = 0;
    while (far->tap.next < STREAM_BYTES) {
        print_some(&lane, far, 1 + lane_next_random(&random) % 9000);
        if (lane_next_random(&random) % 4 == 0) {
            tw_tap_mark(&far->tap, TW_LINK_CLOSED, (uint64_t)lane.now_ms * 1000);
            marks++;
        }
        lane_run(&lane, far, damage != 0 ? 4 : 0);
    }
    far->damage = 0;
    lane_run(&lane, far, 5);
    assert_int_equal(lane.at, STREAM_BYTES);
    assert_int_equal(lane.lost, far->tap.lost_bytes);
    assert_int_equal(lane.marks, marks);
    assert_int_equal(far->tap.first, STREAM_BYTES); // all acknowledged
    assert_int_equal(lane.hellos, 1);
    struct tw_device_status status;
    tw_device_status(device, &status);
    assert_true(damage == 0 ? status.errors == 0 : status.errors > 0);
    tw_device_free(device);
    lane_free_far_end(far);
    free(stream);
}

// The last frame before a silence vanishes without a trace: no later one tells that it is missing.
static void p7_a_last_frame_that_vanishes_is_sent_again(void **state)
{
    (void)state;
    uint32_t random = lane_seed();
    struct lane lane = {.acknowledge = true};
    uint8_t *stream = random_stream(&random);
    lane.stream = stream;
    struct far_end *far = lane_new_far_end();
    struct tw_device *device = lane_new_tap(&lane, far);
    print_some(&lane, far, 3000);
    lane_run(&lane, far, 1);
    assert_int_equal(lane.at, 3000);
    far->deaf = true;
    print_some(&lane, far, 900);
    lane_run(&lane, far, 1);
    far->deaf = false;
    assert_int_equal(lane.at, 3000);
    lane_run(&lane, far, 15);
    assert_int_equal(lane.at, 3900);
    assert_int_equal(far->tap.first, 3900);
    assert_int_equal(lane.hellos, 1);
    tw_device_free(device);
    lane_free_far_end(far);
    free(stream);
}

static void p7_tap_stream_is_whole_and_in_order(void **state)
{
    (void)state;
    the_stream_is_whole(0);
}

static void p7_tap_stream_is_whole_on_a_damaging_line(void **state)
{
    (void)state;
    the_stream_is_whole(9);
}

// A frame that vanishes as a whole, a mark here, shows in no checksum and in no offset: only in the
// sequence numbers.
static void p7_a_vanished_frame_is_asked_for_again(void **state)
{
    (void)state;
    uint32_t random = lane_seed();
    uint8_t *stream = random_stream(&random);
    struct far_end *far = lane_new_far_end();
    struct lane lane = {.stream = stream};
    struct tw_device *device = lane_new_tap(&lane, far);
    print_some(&lane, far, 100);
    lane_run(&lane, far, 0);
    tw_tap_mark(&far->tap, TW_LINK_CLOSED, (uint64_t)lane.now_ms * 1000);
    uint8_t vanished[TW_LINK_MAX_FRAME];
    assert_true(tw_tap_transmit(&far->tap, vanished, sizeof vanished) > 0);
    print_some(&lane, far, 100);
    lane_run(&lane, far, 0);
    assert_int_equal(lane.at, 200);
    assert_int_equal(lane.marks, 1);
    assert_int_equal(lane.mark_at[0], 100);
    tw_device_free(device);
    lane_free_far_end(far);
    free(stream);
}

// The agent comes back and says what it has committed; the tap sends from there. What was given up
// meanwhile is told.
static void restart_begins_at_the_committed_position(void **state)
{
    (void)state;
    uint32_t random = lane_seed();
    uint8_t *stream = random_stream(&random);
    struct far_end *far = lane_new_far_end();
    struct lane lane = {.stream = stream};
    struct tw_device *device = lane_new_tap(&lane, far);
    print_some(&lane, far, 10000);
    lane_run(&lane, far, 0);
    assert_int_equal(lane.at, 10000);
    lane.committed = 4000;
    tw_device_acknowledge(device, 4000, lane.now_ms);
    lane_run(&lane, far, 0);
    tw_device_free(device);
    lane_hang_up(far);
    assert_int_equal(far->tap.first, 4000);

    device = lane_new_tap(&lane, far);
    lane_run(&lane, far, 0);
    assert_int_equal(lane.hellos, 2);
    assert_int_equal(lane.at, 10000);
    tw_device_free(device);
    lane_hang_up(far);

    print_some(&lane, far, LANE_RING_BYTES); // nobody listens: [4000, 10000) go
    device = lane_new_tap(&lane, far);
    lane_run(&lane, far, 0);
    assert_int_equal(lane.lost, 6000);
    assert_int_equal(lane.at, 10000 + LANE_RING_BYTES);
    tw_device_free(device);
    lane_free_far_end(far);
    free(stream);
}

// The relay is started again: another boot, offsets from 0, and the line is reopened by itself.
static void a_new_boot_is_met_anew(void **state)
{
    (void)state;
    uint32_t random = lane_seed();
    uint8_t *stream = random_stream(&random);
    struct far_end *far = lane_new_far_end();
    struct lane lane = {.stream = stream};
    struct tw_device *device = lane_new_tap(&lane, far);
    int descriptors = open_descriptors();
    for (unsigned boots = 1; boots <= 30; boots++) {
        print_some(&lane, far, 3000);
        lane_run(&lane, far, 0);
        assert_int_equal(lane.hellos, boots);
        assert_int_equal(lane.at, 3000);
        tw_device_acknowledge(device, 3000, lane.now_ms);
        lane_hang_up(far);
        lane_boot_tap(far, (uint8_t)(boots + 1));
        lane_run(&lane, far, 8);
    }
    assert_int_equal(lane.downs, 30);
    assert_int_equal(lane.ups, 31);
    assert_true(open_descriptors() <= descriptors + 2);
    tw_device_free(device);
    lane_free_far_end(far);
    free(stream);
}

// A page longer than the window comes through unacknowledged.
static void credit_does_not_wait_for_acknowledgement(void **state)
{
    (void)state;
    uint32_t random = lane_seed();
    uint8_t *stream = random_stream(&random);
    struct far_end *far = lane_new_far_end();
    struct lane lane = {.stream = stream};
    struct tw_device *device = lane_new_tap(&lane, far);
    lane_run(&lane, far, 0);
    while (far->tap.next < STREAM_BYTES) {
        print_some(&lane, far, LANE_RING_BYTES / 2);
        lane_run(&lane, far, 0);
        assert_int_equal(lane.at, far->tap.next);
    }
    assert_int_equal(lane.lost, 0);
    assert_int_equal(lane.hellos, 1);
    tw_device_free(device);
    lane_free_far_end(far);
    free(stream);
}

static void a_newer_tap_is_refused_with_a_sentence(void **state)
{
    (void)state;
    struct far_end *far = lane_new_far_end();
    struct lane lane = {0};
    struct tw_device *device = lane_new_tap(&lane, far);
    tw_device_tick(device, 0);
    int line = accept(far->listener, NULL, NULL);
    uint8_t payload[38] = {TW_LINK_VERSION + 1};
    uint8_t frame[TW_LINK_MAX_FRAME];
    size_t len = tw_link_encode(TW_LINK_HELLO, 0, payload, sizeof payload, frame);
    assert_int_equal(send(line, frame, len, 0), (ssize_t)len);
    tw_device_ready(device, POLLIN, 0);
    assert_int_equal(lane.downs, 1);
    assert_non_null(strstr(lane.why, "version 2"));
    (void)close(line);
    tw_device_free(device);
    lane_free_far_end(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p7_tap_stream_is_whole_and_in_order),
        cmocka_unit_test(p7_a_last_frame_that_vanishes_is_sent_again),
        cmocka_unit_test(p7_tap_stream_is_whole_on_a_damaging_line),
        cmocka_unit_test(p7_a_vanished_frame_is_asked_for_again),
        cmocka_unit_test(restart_begins_at_the_committed_position),
        cmocka_unit_test(a_new_boot_is_met_anew),
        cmocka_unit_test(credit_does_not_wait_for_acknowledgement),
        cmocka_unit_test(a_newer_tap_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
