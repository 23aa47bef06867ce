// SPDX-License-Identifier: Apache-2.0
//
// GET /v1/events over real sockets: the recent ones, followers, and that nobody waits for a slow one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/desk/feed.h"
#include "tests/fakes/desk_fixture.h"

static void commit(struct fixture *f, uint64_t sequence, const char *data)
{
    const struct tw_event_row row = {
        .sequence = sequence,
        .type = TW_EVENT_SALE_COMPLETED,
        .subject = tw_slice_of("0042/07/2026-11-22/1"),
        .data = tw_slice_of(data),
        .time_ms = WALL,
    };
    tw_desk_committed(f->desk, &row);
}

static void shows_recent_events(void **state)
{
    struct fixture *f = *state;
    for (uint64_t n = 1; n <= TW_DESK_RECENT_EVENTS + 44; n++) {
        commit(f, n, "{\"total\":214}");
    }
    struct reply reply = desk_get(f, "/v1/events?follow=0");
    assert_non_null(strstr(reply.head, "Content-Type: text/event-stream"));
    assert_int_equal(desk_count(reply.body, "data: {"), TW_DESK_RECENT_EVENTS);
    assert_null(strstr(reply.body, "\"sequence\":44,"));
    assert_non_null(strstr(reply.body,
                           "data: {\"sequence\":45,\"id\":\"00000000-0000-0000-0000-000000000000\","
                           "\"type\":\"io.tillwire.sale.completed\",\"subject\":"
                           "\"0042/07/2026-11-22/1\",\"time\":\"2026-11-22T12:00:00.000Z\","
                           "\"data\":{\"total\":214}}\n\n"));
    tw_buf_free(&reply.all);
    reply = desk_get(f, "/v1/events?follow=0&recent=2");
    assert_int_equal(desk_count(reply.body, "data: {"), 2);
    assert_non_null(strstr(reply.body, "\"sequence\":300,"));
    tw_buf_free(&reply.all);
    desk_expect_problem(desk_get(f, "/v1/events?recent=-1"), 422, "field-invalid", "/recent");
    reply = desk_get(f, "/metrics");
    assert_non_null(strstr(reply.body, "tillwire_events_committed_total{type=\"sale.completed\"} 300\n"));
    tw_buf_free(&reply.all);
}

// Reads until `what` was seen `times` times.
static struct tw_buf read_until(int fd, const char *what, unsigned times)
{
    struct tw_buf got = {0};
    char chunk[4096];
    while (got.len == 0 || desk_count((const char *)got.ptr, what) < times) {
        ssize_t len = recv(fd, chunk, sizeof chunk, 0);
        if (len <= 0) {
            fail_msg("the stream ended early: %s", got.ptr != NULL ? (const char *)got.ptr : "");
        }
        tw_buf_add(&got, chunk, (size_t)len);
    }
    return got;
}

static int follow(struct fixture *f)
{
    static const char request[] = "GET /v1/events?recent=0 HTTP/1.0\r\n" HOST "\r\n"; // 1.0: no chunks
    int fd = desk_dial(f, false);
    desk_send_all(fd, request, sizeof request - 1);
    struct tw_buf head = read_until(fd, "retry:", 1);
    tw_buf_free(&head);
    return fd;
}

static void follows_events(void **state)
{
    struct fixture *f = *state;
    int fd = follow(f);
    // An event wakes who waits; the beat, which would do it too, comes later than this.
    const struct timeval before_beat = {.tv_sec = TW_FEED_BEAT_MS / 1000 - 3};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &before_beat, sizeof before_beat), 0);
    desk_sync_world(f);
    for (uint64_t n = 1; n <= 5; n++) {
        commit(f, n, "{}");
        struct tw_buf got = read_until(fd, "data: {", 1);
        char expected[32];
        (void)snprintf(expected, sizeof expected, "{\"sequence\":%d,", (int)n);
        assert_non_null(strstr((const char *)got.ptr, expected));
        tw_buf_free(&got);
    }
    (void)close(fd);
    commit(f, 6, "{}"); // to nobody
    desk_sync_world(f);
    // Stopping with a follower waiting ends its stream.
    fd = follow(f);
    desk_on_loop(f, desk_call_stop);
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    (void)close(fd);
    desk_on_loop(f, desk_call_start);
}

// A follower that does not read loses events and is told how many; nobody else waits for it.
static void drops_slow_followers(void **state)
{
    struct fixture *f = *state;
    struct tw_buf data = {0};
    tw_buf_add_text(&data, "{\"x\":\"");
    for (int i = 0; i < 4000; i++) {
        tw_buf_add_text(&data, "0123456789");
    }
    tw_buf_add_text(&data, "\"}");
    int fd = follow(f);
    for (uint64_t n = 1; n <= 2000; n++) { // 80 MB: more than any socket buffer, and than the feed holds
        commit(f, n, (const char *)data.ptr);
        if (n % 100 == 0) {
            desk_expect_body(desk_get(f, "/healthz"), 200, "ok\n");
        }
    }
    struct tw_buf got = read_until(fd, "\"sequence\":2000,", 1);
    unsigned lost = 0;
    for (const char *at = (const char *)got.ptr; (at = strstr(at, " events were dropped")) != NULL; at++) {
        const char *number = at;
        while (number[-1] != ' ') {
            number--;
        }
        lost += (unsigned)strtoul(number, NULL, 10);
    }
    assert_true(lost > 0);
    assert_int_equal(lost + desk_count((const char *)got.ptr, "\"sequence\":"), 2000);
    (void)close(fd);
    tw_buf_free(&got);
    tw_buf_free(&data);
}

static void bounds_followers(void **state)
{
    struct fixture *f = *state;
    int fds[TW_FEED_MAX_FOLLOWERS];
    for (size_t i = 0; i < TW_FEED_MAX_FOLLOWERS; i++) {
        fds[i] = follow(f);
    }
    desk_expect_problem(desk_get(f, "/v1/events"), 503, "too-many-followers", NULL);
    for (size_t i = 0; i < TW_FEED_MAX_FOLLOWERS; i++) {
        (void)close(fds[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_set_up, desk_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(shows_recent_events),
        TEST(follows_events),
        TEST(drops_slow_followers),
        TEST(bounds_followers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
