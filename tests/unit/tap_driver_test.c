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

// A lane, a tap with something to print, and the device between them.
struct rig {
    uint32_t random;
    struct lane lane;
    uint8_t *stream;
    struct far_end *far;
    struct tw_device *device;
};

static void open_rig(struct rig *rig, bool acknowledge)
{
    *rig = (struct rig){.random = lane_seed(), .lane = {.acknowledge = acknowledge}};
    rig->stream = random_stream(&rig->random);
    rig->lane.stream = rig->stream;
    rig->far = lane_new_far_end();
    rig->device = lane_new_tap(&rig->lane, rig->far);
}

static void close_rig(struct rig *rig)
{
    tw_device_free(rig->device);
    lane_free_far_end(rig->far);
    free(rig->stream);
}

static void print_some(struct rig *rig, uint64_t len)
{
    uint64_t at = rig->far->tap.next;
    len = len < STREAM_BYTES - at ? len : STREAM_BYTES - at;
    tw_tap_print(&rig->far->tap, rig->stream + at, (size_t)len, (uint64_t)rig->lane.now_ms * 1000);
}

static void run(struct rig *rig, int seconds)
{
    lane_run(&rig->lane, rig->far, seconds);
}

static void the_stream_is_whole(unsigned damage)
{
    struct rig rig;
    open_rig(&rig, true);
    rig.far->damage = damage;
    unsigned marks = 0;
    unsigned scans = 0;
    while (rig.far->tap.next < STREAM_BYTES) {
        print_some(&rig, 1 + lane_next_random(&rig.random) % 9000);
        if (lane_next_random(&rig.random) % 4 == 0) {
            tw_tap_mark(&rig.far->tap, TW_LINK_CLOSED, (uint64_t)rig.lane.now_ms * 1000);
            marks++;
        }
        if (lane_next_random(&rig.random) % 3 == 0) {
            lane_read_scan(rig.far, (uint64_t)rig.lane.now_ms * 1000);
            scans++;
        }
        run(&rig, damage != 0 ? 4 : 0);
    }
    rig.far->damage = 0;
    run(&rig, 5);
    assert_int_equal(rig.lane.at, STREAM_BYTES);
    assert_int_equal(rig.lane.lost, rig.far->tap.lost_bytes);
    assert_int_equal(rig.lane.marks, marks);
    assert_int_equal(rig.lane.scans, scans);
    assert_int_equal(rig.far->scans.acked, scans);
    assert_int_equal(rig.far->tap.first, STREAM_BYTES); // all acknowledged
    assert_int_equal(rig.lane.hellos, 1);
    struct tw_device_status status;
    tw_device_status(rig.device, &status);
    assert_true(damage == 0 ? status.errors == 0 : status.errors > 0);
    close_rig(&rig);
}

// The last frame before a silence vanishes without a trace: no later one tells that it is missing.
static void p7_a_last_frame_that_vanishes_is_sent_again(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, true);
    print_some(&rig, 3000);
    run(&rig, 1);
    assert_int_equal(rig.lane.at, 3000);
    rig.far->deaf = true;
    print_some(&rig, 900);
    run(&rig, 1);
    rig.far->deaf = false;
    assert_int_equal(rig.lane.at, 3000);
    run(&rig, 15);
    assert_int_equal(rig.lane.at, 3900);
    assert_int_equal(rig.far->tap.first, 3900);
    assert_int_equal(rig.lane.hellos, 1);
    close_rig(&rig);
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
    struct rig rig;
    open_rig(&rig, false);
    print_some(&rig, 100);
    run(&rig, 0);
    tw_tap_mark(&rig.far->tap, TW_LINK_CLOSED, (uint64_t)rig.lane.now_ms * 1000);
    uint8_t vanished[TW_LINK_MAX_FRAME];
    assert_true(tw_tap_transmit(&rig.far->tap, vanished, sizeof vanished) > 0);
    print_some(&rig, 100);
    run(&rig, 0);
    assert_int_equal(rig.lane.at, 200);
    assert_int_equal(rig.lane.marks, 1);
    assert_int_equal(rig.lane.mark_at[0], 100);
    close_rig(&rig);
}

// The agent comes back and says what it has committed; the tap sends from there. What was given up
// meanwhile is told.
static void restart_begins_at_the_committed_position(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, false);
    print_some(&rig, 10000);
    run(&rig, 0);
    assert_int_equal(rig.lane.at, 10000);
    rig.lane.committed = 4000;
    tw_device_acknowledge(rig.device, 4000, rig.lane.now_ms);
    run(&rig, 0);
    tw_device_free(rig.device);
    lane_hang_up(rig.far);
    assert_int_equal(rig.far->tap.first, 4000);

    rig.device = lane_new_tap(&rig.lane, rig.far);
    run(&rig, 0);
    assert_int_equal(rig.lane.hellos, 2);
    assert_int_equal(rig.lane.at, 10000);
    tw_device_free(rig.device);
    lane_hang_up(rig.far);

    print_some(&rig, LANE_RING_BYTES); // nobody listens: [4000, 10000) go
    rig.device = lane_new_tap(&rig.lane, rig.far);
    run(&rig, 0);
    assert_int_equal(rig.lane.lost, 6000);
    assert_int_equal(rig.lane.at, 10000 + LANE_RING_BYTES);
    close_rig(&rig);
}

// The relay is started again: another boot, offsets from 0, and the line is reopened by itself.
static void a_new_boot_is_met_anew(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, false);
    int descriptors = open_descriptors();
    for (unsigned boots = 1; boots <= 30; boots++) {
        print_some(&rig, 3000);
        run(&rig, 0);
        assert_int_equal(rig.lane.hellos, boots);
        assert_int_equal(rig.lane.at, 3000);
        tw_device_acknowledge(rig.device, 3000, rig.lane.now_ms);
        lane_hang_up(rig.far);
        lane_boot_tap(rig.far, (uint8_t)(boots + 1));
        run(&rig, 8);
    }
    assert_int_equal(rig.lane.downs, 30);
    assert_int_equal(rig.lane.ups, 31);
    assert_true(open_descriptors() <= descriptors + 2);
    close_rig(&rig);
}

// A page longer than the window comes through unacknowledged.
static void credit_does_not_wait_for_acknowledgement(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, false);
    run(&rig, 0);
    while (rig.far->tap.next < STREAM_BYTES) {
        print_some(&rig, LANE_RING_BYTES / 2);
        run(&rig, 0);
        assert_int_equal(rig.lane.at, rig.far->tap.next);
    }
    assert_int_equal(rig.lane.lost, 0);
    assert_int_equal(rig.lane.hellos, 1);
    close_rig(&rig);
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
    assert_non_null(strstr(lane.why, "speaks version"));
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
