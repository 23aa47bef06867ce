// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct lane *lane = ctx;
    (void)device;
    assert_true(code.len > 0 && code.ptr != NULL);
    lane->calls++;
    lane->scans++;
}

static void on_tap_scan(void *ctx, const char *device, const struct tw_tap_scan *scan)
{
    struct lane *lane = ctx;
    char expected[64];
    (void)device;
    lane->calls++;
    (void)snprintf(lane->code, sizeof lane->code, "%.*s", (int)scan->code.len, (const char *)scan->code.ptr);
    lane->scan_age_ms = scan->age_ms;
    if (lane->stream != NULL && scan->number > lane->scan) {
        assert_int_equal(scan->number, lane->scan + 1);
        (void)snprintf(expected, sizeof expected, "%llu at %llu", (unsigned long long)scan->number,
                       (unsigned long long)lane->at);
        assert_string_equal(lane->code, expected);
        lane->scans++;
    }
    lane->scan = scan->number > lane->scan ? scan->number : lane->scan;
    if (lane->acknowledge) {
        tw_device_acknowledge_scans(lane->device, scan->number, lane->now_ms);
    }
}

static void on_scans_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    struct lane *lane = ctx;
    (void)device;
    lane->calls++;
    assert_true(to > from && from > 0);
    lane->scans_lost += to - from;
    lane->scan = to - 1;
}

static uint64_t on_hello(void *ctx, const char *device, const uint8_t boot_id[16], uint64_t first,
                         uint64_t next)
{
    struct lane *lane = ctx;
    (void)device;
    bool known = boot_id[0] == lane->boot || lane->boot == 0;
    lane->scan = known ? lane->scan : 0;
    lane->committed = known ? lane->committed : 0;
    lane->boot = boot_id[0];
    assert_true(first <= next);
    lane->calls++;
    lane->hellos++;
    lane->offered_next = next;
    lane->at = lane->committed;
    return lane->committed;
}

static void on_bytes(void *ctx, const char *device, uint64_t offset, uint64_t time_us, struct tw_slice bytes)
{
    struct lane *lane = ctx;
    (void)device;
    (void)time_us;
    lane->calls++;
    if (lane->stream != NULL) {
        assert_int_equal(offset, lane->at);
        assert_memory_equal(bytes.ptr, lane->stream + offset, bytes.len);
    }
    lane->at = offset + bytes.len;
    if (lane->acknowledge) {
        lane->committed = lane->at;
        tw_device_acknowledge(lane->device, lane->at, lane->now_ms);
    }
}

static void on_mark(void *ctx, const char *device, uint64_t offset, int mark)
{
    struct lane *lane = ctx;
    (void)device;
    (void)mark;
    lane->calls++;
    if (lane->stream != NULL) {
        assert_int_equal(offset, lane->at);
    }
    lane->mark_at[lane->marks++ % 64] = offset;
}

static void on_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    struct lane *lane = ctx;
    (void)device;
    lane->calls++;
    if (lane->stream != NULL) {
        assert_int_equal(from, lane->at);
    }
    assert_true(to > from);
    lane->lost += to - from;
    lane->at = to;
}

static void on_file_begin(void *ctx, const char *device, const struct tw_device_file *file)
{
    struct lane *lane = ctx;
    (void)device;
    assert_true(file->name[0] != '\0');
    lane->calls++;
    lane->files++;
}

// Counted as bytes: how they are cut is nobody's business.
static bool on_file_bytes(void *ctx, const char *device, struct tw_slice bytes)
{
    struct lane *lane = ctx;
    (void)device;
    assert_true(bytes.len > 0 && bytes.ptr != NULL);
    lane->file_bytes += bytes.len;
    return true;
}

static void on_file_end(void *ctx, const char *device, bool whole)
{
    struct lane *lane = ctx;
    (void)device;
    (void)whole;
    lane->calls++;
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct lane *lane = ctx;
    (void)device;
    lane->ups += up;
    lane->downs += !up;
    if (!up) {
        (void)snprintf(lane->why, sizeof lane->why, "%s", why);
    }
}

struct tw_device_sink lane_sink_of(struct lane *lane)
{
    return (struct tw_device_sink){.ctx = lane,
                                   .scan = on_scan,
                                   .tap_hello = on_hello,
                                   .tap_bytes = on_bytes,
                                   .tap_mark = on_mark,
                                   .tap_lost = on_lost,
                                   .tap_scan = on_tap_scan,
                                   .tap_scans_lost = on_scans_lost,
                                   .state = on_state,
                                   .file_begin = on_file_begin,
                                   .file_bytes = on_file_bytes,
                                   .file_end = on_file_end};
}

uint32_t lane_next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state >> 3;
}

uint32_t lane_seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 515u;
    print_message("seed %u (TW_SEED)\n", value);
    return value | 1u;
}

void lane_boot_tap(struct far_end *far, uint8_t boot_id)
{
    uint8_t boot[16];
    memset(boot, boot_id, sizeof boot);
    memset(far->ring, 0, sizeof far->ring);
    struct tw_tap_memory memory = {far->ring, sizeof far->ring, far->records, 1024};
    tw_tap_init(&far->tap, &memory, boot);
    memset(far->slots, 0, sizeof far->slots);
    tw_scans_init(&far->scans, far->slots, sizeof far->slots / sizeof far->slots[0]);
    far->board.scans = &far->scans;
    tw_tap_set_board(&far->tap, &far->board);
}

void lane_read_scan(struct far_end *far, uint64_t now_us)
{
    char code[64];
    (void)snprintf(code, sizeof code, "%llu at %llu\r", (unsigned long long)far->scans.next,
                   (unsigned long long)far->tap.next);
    for (const char *byte = code; *byte != '\0'; byte++) {
        tw_scans_put(&far->scans, &far->tap, (uint8_t)*byte, now_us);
    }
}

void lane_hang_up(struct far_end *far)
{
    if (far->line >= 0) {
        (void)close(far->line);
        far->line = -1;
        tw_tap_detach(&far->tap);
    }
}

struct far_end *lane_new_far_end(void)
{
    struct far_end *far = calloc(1, sizeof *far);
    assert_non_null(far);
    strcpy(far->folder, "/tmp/tillwire-device-XXXXXX");
    assert_non_null(mkdtemp(far->folder));
    far->address.sun_family = AF_UNIX;
    (void)snprintf(far->address.sun_path, sizeof far->address.sun_path, "%s/printer.tap.sock", far->folder);
    far->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(far->listener, (struct sockaddr *)&far->address, sizeof far->address), 0);
    assert_int_equal(listen(far->listener, 4), 0);
    far->line = -1;
    far->random = 77;
    lane_boot_tap(far, 1);
    return far;
}

void lane_free_far_end(struct far_end *far)
{
    lane_hang_up(far);
    (void)close(far->listener);
    (void)unlink(far->address.sun_path);
    (void)rmdir(far->folder);
    free(far);
}

static void damage_some(struct far_end *far, uint8_t *bytes, size_t len)
{
    if (far->damage != 0 && lane_next_random(&far->random) % far->damage == 0) {
        bytes[lane_next_random(&far->random) % len] ^= 0x20;
    }
}

bool lane_turn_far(struct far_end *far, uint64_t now_us)
{
    uint8_t bytes[2000];
    int line = accept(far->listener, NULL, NULL);
    if (line >= 0) {
        lane_hang_up(far);
        far->line = line;
        tw_tap_attach(&far->tap, now_us);
    }
    tw_tap_tick(&far->tap, now_us);
    if (far->line < 0) {
        return false;
    }
    bool moved = line >= 0;
    ssize_t got = recv(far->line, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0) {
        damage_some(far, bytes, (size_t)got);
        tw_tap_receive(&far->tap, bytes, (size_t)got);
        moved = true;
    }
    size_t len = tw_tap_transmit(&far->tap, bytes, sizeof bytes);
    if (len > 0) {
        damage_some(far, bytes, len);
        assert_int_equal(far->deaf ? (ssize_t)len : send(far->line, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
        moved = true;
    }
    return moved;
}

static bool turn_near(struct lane *lane)
{
    bool due = lane->now_ms >= tw_device_deadline(lane->device);
    if (due) {
        tw_device_tick(lane->device, lane->now_ms);
    }
    struct pollfd entry = {.fd = tw_device_fd(lane->device), .events = tw_device_events(lane->device)};
    if (entry.fd >= 0 && poll(&entry, 1, 0) > 0) {
        tw_device_ready(lane->device, entry.revents, lane->now_ms);
        return true;
    }
    return due;
}

void lane_run(struct lane *lane, struct far_end *far, int seconds)
{
    for (int second = 0; second <= seconds; second++) {
        bool moved = true;
        while (moved) {
            moved = lane_turn_far(far, (uint64_t)lane->now_ms * 1000);
            moved = turn_near(lane) || moved;
        }
        lane->now_ms += 1000;
    }
}

struct tw_device *lane_new_tap(struct lane *lane, const struct far_end *far)
{
    struct tw_device_config config = {
        .name = "printer", .class_name = "tap", .transport = "tcp", .path = far->address.sun_path};
    struct tw_device_sink sink = lane_sink_of(lane);
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    assert_int_equal(tw_device_new(&config, &sink, 9, &device, &err), 0);
    lane->device = device;
    return device;
}
