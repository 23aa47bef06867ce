// SPDX-License-Identifier: Apache-2.0
//
// GET /v1/devices and /v1/devices/record over the real control socket, the lane made up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/desk/record.h"
#include "tests/fakes/desk_fixture.h"

#define RECORD "GET /v1/devices/record?device=scanner HTTP/1.0\r\n" HOST "\r\n" // 1.0: no chunks

static void tells_devices_on_the_socket_only(void **state)
{
    struct fixture *f = *state;
    f->lane.devices = "[{\"name\":\"scanner\"}]";
    desk_sync_world(f);
    desk_expect_body(desk_ask(f, true, "GET /v1/devices HTTP/1.1\r\n" HOST "\r\n"), 200,
                     "{\"devices\":[{\"name\":\"scanner\"}]}");
    desk_expect_problem(desk_get(f, "/v1/devices"), 403, "control-socket-only", NULL);
    desk_expect_problem(desk_get(f, "/v1/devices/record?device=scanner"), 403, "control-socket-only", NULL);
}

static void a_recording_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int error, status;
        const char *slug;
    } cases[] = {{TW_ERR_NOT_FOUND, 404, "not-found"},
                 {TW_ERR_REFUSED, 409, "not-recorded"},
                 {TW_ERR_EXISTS, 409, "not-recorded"},
                 {TW_ERR_NOMEM, 500, "internal"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->lane.record_error = cases[i].error;
        desk_sync_world(f);
        desk_expect_problem(desk_ask(f, true, RECORD), cases[i].status, cases[i].slug, NULL);
    }
    f->lane.record_error = TW_ERR_NOT_FOUND;
    desk_sync_world(f);
    desk_expect_problem(desk_ask(f, true, "GET /v1/devices/record HTTP/1.1\r\n" HOST "\r\n"), 404,
                        "not-found", NULL);
    assert_string_equal(f->lane.device, "");
    assert_int_equal(f->lane.records_ended, 0);
}

static int start_recording(struct fixture *f)
{
    int fd = desk_dial(f, true);
    desk_send_all(fd, RECORD, sizeof RECORD - 1);
    return fd;
}

static struct tw_buf read_until(int fd, const char *what)
{
    struct tw_buf got = {0};
    char chunk[4096];
    while (got.len == 0 || strstr((const char *)got.ptr, what) == NULL) {
        ssize_t len = recv(fd, chunk, sizeof chunk, 0);
        if (len <= 0) {
            fail_msg("the stream ended early: %s", got.ptr != NULL ? (const char *)got.ptr : "");
        }
        tw_buf_add(&got, chunk, (size_t)len);
    }
    return got;
}

static void say_line(void *ctx)
{
    struct fixture *f = ctx;
    f->lane.record_fn(f->lane.record_ctx, tw_slice_of("120 < \"000\\r\"\n"));
}

static void say_end(void *ctx)
{
    struct fixture *f = ctx;
    f->lane.record_fn(f->lane.record_ctx, (struct tw_slice){0});
}

static void lines_come_as_they_are_heard(void **state)
{
    struct fixture *f = *state;
    int fd = start_recording(f);
    struct tw_buf got = read_until(fd, "0 up\n");
    assert_non_null(strstr((const char *)got.ptr, "Content-Type: text/plain"));
    assert_non_null(strstr((const char *)got.ptr, "\r\n\r\n# Recorded by tillwire"));
    tw_buf_free(&got);
    // Before the beat: a line alone wakes the reader.
    const struct timeval before_beat = {.tv_sec = TW_RECORD_BEAT_MS / 1000 - 3};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &before_beat, sizeof before_beat), 0);
    for (int i = 0; i < 3; i++) {
        desk_on_loop(f, say_line);
        got = read_until(fd, "120 < \"000\\r\"\n");
        tw_buf_free(&got);
    }
    desk_on_loop(f, say_end);
    got = read_until(fd, "# ended: the agent stops\n");
    tw_buf_free(&got);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    (void)close(fd);
    desk_sync_world(f);
    assert_int_equal(f->lane.records_ended, 0); // it had ended by itself
}

static void who_hangs_up_ends_it(void **state)
{
    struct fixture *f = *state;
    int fd = start_recording(f);
    struct tw_buf got = read_until(fd, "0 up\n");
    tw_buf_free(&got);
    (void)close(fd);
    for (int i = 0; i < 1000 && f->lane.records_ended == 0; i++) {
        if (f->lane.record_fn != NULL) {
            desk_on_loop(f, say_line);
        }
        (void)usleep(1000);
        desk_sync_world(f);
    }
    assert_int_equal(f->lane.records_ended, 1);
}

// Nothing was said meanwhile, and the next one need not wait for the beat.
static void a_new_recording_ends_one_whose_reader_has_gone(void **state)
{
    struct fixture *f = *state;
    int fd = start_recording(f);
    struct tw_buf got = read_until(fd, "0 up\n");
    tw_buf_free(&got);
    int other = start_recording(f);
    got = read_until(other, "0 up\n");
    tw_buf_free(&got);
    desk_sync_world(f);
    assert_int_equal(f->lane.records_ended, 0); // its reader is there
    (void)close(fd);
    int next = start_recording(f);
    got = read_until(next, "0 up\n");
    tw_buf_free(&got);
    desk_sync_world(f);
    assert_int_equal(f->lane.records_ended, 1);
    desk_on_loop(f, say_end);
    (void)close(other);
    (void)close(next);
}

static void say_much(void *ctx)
{
    struct fixture *f = ctx;
    static char lines[16 * 1024];
    memset(lines, '#', sizeof lines - 1);
    lines[sizeof lines - 1] = '\n';
    for (int i = 0; i < 400 && f->lane.record_fn != NULL; i++) {
        f->lane.record_fn(f->lane.record_ctx, tw_slice_make(lines, sizeof lines));
    }
}

// P5: the device goes on; the memory is bounded; the reader is told.
static void p5_a_slow_reader_is_cut_off(void **state)
{
    struct fixture *f = *state;
    int fd = start_recording(f);
    struct tw_buf got = read_until(fd, "0 up\n");
    tw_buf_free(&got);
    desk_on_loop(f, say_much);
    for (int i = 0; i < 5000 && f->lane.records_ended == 0; i++) {
        (void)usleep(1000);
        desk_sync_world(f);
    }
    assert_int_equal(f->lane.records_ended, 1);
    got = read_until(fd, "# ended: its reader was too slow");
    assert_true(got.len < 2 * 1024 * 1024); // of the 6 MiB
    tw_buf_free(&got);
    (void)close(fd);
}

static void stopping_ends_it(void **state)
{
    struct fixture *f = *state;
    int fd = start_recording(f);
    struct tw_buf got = read_until(fd, "0 up\n");
    tw_buf_free(&got);
    desk_on_loop(f, desk_call_stop);
    assert_int_equal(f->lane.records_ended, 1);
    char chunk[256];
    while (recv(fd, chunk, sizeof chunk, 0) > 0) {
    }
    (void)close(fd);
    desk_on_loop(f, desk_call_start);
}

#define UPDATE                                                                                               \
    "POST /v1/devices/update?device=printer HTTP/1.1\r\n" HOST "Content-Type: application/octet-stream\r\n"  \
    "Content-Length: 5\r\n\r\n\0file"

static struct reply ask_update(const struct fixture *f, bool local)
{
    int fd = desk_dial(f, local);
    desk_send_all(fd, UPDATE, sizeof UPDATE - 1);
    return desk_receive(fd);
}

static void an_update_is_handed_to_the_lane(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int error, status;
        const char *slug;
    } cases[] = {{TW_ERR_NOT_FOUND, 404, "not-found"},  {TW_ERR_INVALID, 409, "not-updated"},
                 {TW_ERR_MISMATCH, 409, "not-updated"}, {TW_ERR_REFUSED, 409, "not-updated"},
                 {TW_ERR_EXISTS, 409, "not-updated"},   {TW_ERR_NOMEM, 500, "internal"}};
    desk_expect_body(ask_update(f, true), 202, "{\"accepted\":true}");
    desk_sync_world(f);
    assert_string_equal(f->lane.device, "printer");
    assert_int_equal(f->lane.update_bytes, 5); // any bytes
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->lane.update_error = cases[i].error;
        desk_sync_world(f);
        desk_expect_problem(ask_update(f, true), cases[i].status, cases[i].slug, NULL);
    }
    desk_expect_problem(ask_update(f, false), 403, "control-socket-only", NULL);
    desk_expect_problem(desk_post_with(f, true, "/v1/devices/update?device=printer", AS_JSON, "{}"), 415,
                        "not-bytes-type", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_devices_on_the_socket_only, desk_set_up, desk_tear_down),
        cmocka_unit_test_setup_teardown(a_recording_is_refused_with_the_reason, desk_set_up, desk_tear_down),
        cmocka_unit_test_setup_teardown(lines_come_as_they_are_heard, desk_set_up, desk_tear_down),
        cmocka_unit_test_setup_teardown(who_hangs_up_ends_it, desk_set_up, desk_tear_down),
        cmocka_unit_test_setup_teardown(a_new_recording_ends_one_whose_reader_has_gone, desk_set_up,
                                        desk_tear_down),
        cmocka_unit_test_setup_teardown(p5_a_slow_reader_is_cut_off, desk_set_up, desk_tear_down),
        cmocka_unit_test_setup_teardown(stopping_ends_it, desk_set_up, desk_tear_down),
        cmocka_unit_test_setup_teardown(an_update_is_handed_to_the_lane, desk_set_up, desk_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
