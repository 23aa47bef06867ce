// SPDX-License-Identifier: Apache-2.0
//
// Faults on purpose: what they do to a line, and that every driver lives with them.
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

#include "hal/io/io.h"
#include "tests/fakes/hid_scanner.h"
#include "tests/fakes/lane.h"

static const struct tw_io_ops line_ops = {tw_io_fd_read, tw_io_fd_write, tw_io_fd_close, NULL};

// A line whose far end is `peer`, with faults.
static struct tw_io *new_line(const struct tw_io_faults *faults, int *peer)
{
    int ends[2];
    struct tw_io *inner = calloc(1, sizeof *inner);
    struct tw_io *io = NULL;
    assert_non_null(inner);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    *inner = (struct tw_io){.ops = &line_ops, .fd = ends[0]};
    inner->facts.descriptor = tw_slice_make(hid_scanner_descriptor, sizeof hid_scanner_descriptor);
    inner->facts.name = "line";
    assert_int_equal(tw_io_fault_new(inner, faults, &io), 0);
    *peer = ends[1];
    return io;
}

enum { SENT = 6000 };

static void send_numbers(int peer)
{
    uint8_t bytes[SENT];
    for (size_t i = 0; i < SENT; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(send(peer, bytes, SENT, MSG_NOSIGNAL), SENT);
}

struct result {
    uint8_t bytes[SENT];
    size_t len, readings, agains;
    int end;
};

// Reads as an event loop does: to the first AGAIN, then again while the descriptor is readable.
static void read_all(struct tw_io *io, struct result *out)
{
    *out = (struct result){0};
    struct pollfd entry = {.fd = io->fd, .events = POLLIN};
    do {
        size_t got = 0;
        out->end = tw_io_read(io, out->bytes + out->len, SENT - out->len + 1, &got);
        out->len += out->end == 0 ? got : 0;
        out->readings += out->end == 0;
        out->agains += out->end == TW_ERR_AGAIN;
    } while (out->end == 0 || (out->end == TW_ERR_AGAIN && poll(&entry, 1, 0) == 1));
}

static void cuts_lose_nothing(void **state)
{
    (void)state;
    uint32_t seed = lane_seed();
    size_t readings = 0;
    for (uint32_t i = 0; i < 50; i++) {
        const struct tw_io_faults faults = {.seed = seed + i, .split = true, .again = 3};
        int peer = -1;
        struct tw_io *io = new_line(&faults, &peer);
        struct result result;
        assert_string_equal(io->facts.name, "line");
        send_numbers(peer);
        read_all(io, &result);
        assert_int_equal(result.len, SENT);
        assert_int_equal(result.end, TW_ERR_AGAIN);
        readings += result.readings;
        for (size_t at = 0; at < SENT; at++) {
            assert_int_equal(result.bytes[at], (uint8_t)(at * 7));
        }
        tw_io_close(io);
        (void)close(peer);
    }
    assert_true(readings > 200); // half of the rest each time
}

static void a_line_closes_at_any_byte(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 3000; at += 37) {
        const struct tw_io_faults faults = {.seed = 1, .split = at % 2 == 0, .close_after = at};
        int peer = -1;
        struct tw_io *io = new_line(&faults, &peer);
        struct result result;
        size_t count = 0;
        send_numbers(peer);
        read_all(io, &result);
        assert_int_equal(result.len, at);
        assert_int_equal(result.end, TW_ERR_CLOSED);
        assert_int_equal(tw_io_read(io, result.bytes, 1, &count), TW_ERR_CLOSED); // and stays so
        assert_int_equal(tw_io_write(io, tw_slice_of("x"), &count), TW_ERR_CLOSED);
        tw_io_close(io);
        (void)close(peer);
    }
}

// One seed is one history, and another seed another one.
static void a_seed_is_a_history(void **state)
{
    (void)state;
    struct result results[3];
    for (uint32_t i = 0; i < 3; i++) {
        const struct tw_io_faults faults = {
            .seed = i / 2, .split = true, .again = 4, .garble = 50, .close = 900};
        int peer = -1;
        struct tw_io *io = new_line(&faults, &peer);
        send_numbers(peer);
        read_all(io, &results[i]);
        tw_io_close(io);
        (void)close(peer);
    }
    assert_memory_equal(&results[0], &results[1], sizeof results[0]);
    assert_memory_not_equal(&results[0], &results[2], sizeof results[0]);
    size_t changed = 0;
    for (size_t i = 0; i < results[0].len; i++) {
        changed += results[0].bytes[i] != (uint8_t)(i * 7);
    }
    assert_in_range(changed, 1, results[0].len / 20);
}

// ---- every driver

struct bench {
    uint32_t random;
    int peer;
    unsigned opens;
};

static int open_faulty(void *ctx, struct tw_io **out, struct tw_error_text *err)
{
    struct bench *bench = ctx;
    (void)err;
    const struct tw_io_faults faults = {.seed = lane_next_random(&bench->random),
                                        .split = true,
                                        .again = 4,
                                        .garble = 40,
                                        .close = 60,
                                        .close_after = 1 + lane_next_random(&bench->random) % 4000};
    if (bench->peer >= 0) {
        (void)close(bench->peer);
    }
    *out = new_line(&faults, &bench->peer);
    bench->opens++;
    return 0;
}

static void say_something(struct bench *bench)
{
    static const char *const words[] = {"4006381333931\r", "]E04006381333931\n", "\0\0\0", "\x02\x11]Q1",
                                        "%B1^"};
    uint8_t bytes[64];
    const char *word = words[lane_next_random(&bench->random) % 5];
    size_t len = 1 + lane_next_random(&bench->random) % sizeof bytes;
    for (size_t i = 0; i < len; i++) {
        bool noise = lane_next_random(&bench->random) % 3 == 0;
        bytes[i] = noise ? (uint8_t)lane_next_random(&bench->random) : (uint8_t)word[i % (strlen(word) + 1)];
    }
    if (bench->peer >= 0) {
        (void)!send(bench->peer, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)!recv(bench->peer, bytes, sizeof bytes, MSG_DONTWAIT);
    }
}

static size_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

// An hour of it: the device comes back each time, in no spin, and nothing is left open.
static void try_driver(const char *class_name, const char *transport, uint32_t seed)
{
    struct lane lane = {0};
    struct bench bench = {.random = seed, .peer = -1};
    struct tw_device_sink sink = lane_sink_of(&lane);
    struct tw_device_config config = {.name = "device",
                                      .class_name = class_name,
                                      .transport = transport,
                                      .open = open_faulty,
                                      .open_ctx = &bench};
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    size_t before = open_descriptors();
    if (strcmp(transport, "directory") == 0) {
        return; // its stream is hal/io's own, no device's
    }
    if (tw_device_new(&config, &sink, 5, &device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    lane.device = device;
    int64_t now_ms = 0;
    for (unsigned turn = 0; turn < 20000; turn++) {
        lane.now_ms = now_ms;
        if (tw_device_deadline(device) <= now_ms) {
            tw_device_tick(device, now_ms);
        }
        say_something(&bench);
        struct pollfd entry = {.fd = tw_device_fd(device), .events = tw_device_events(device)};
        if (entry.fd >= 0 && poll(&entry, 1, 0) > 0) {
            tw_device_ready(device, entry.revents, now_ms);
        }
        now_ms += lane_next_random(&bench.random) % 100;
    }
    assert_true(bench.opens > 20);
    assert_true(bench.opens <= (uint64_t)now_ms / 50 + 2); // half the shortest delay
    tw_device_free(device);
    (void)close(bench.peer);
    assert_int_equal(open_descriptors(), before);
}

static void every_driver_lives_with_faults(void **state)
{
    (void)state;
    uint32_t seed = lane_seed();
#define TW_DRIVER(class_name, transport, create) try_driver(class_name, transport, seed++);
#include "hal/drivers/registry.def"
#undef TW_DRIVER
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_lose_nothing),
        cmocka_unit_test(a_line_closes_at_any_byte),
        cmocka_unit_test(a_seed_is_a_history),
        cmocka_unit_test(every_driver_lives_with_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
