// SPDX-License-Identifier: Apache-2.0
//
// What the desk refuses before it looks into it, over real sockets: strangers, what is too large, garbage.
// P1, P8; and that every problem is in the contract.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/desk/access.h"
#include "agent/desk/request.h"
#include "tests/fakes/desk_fixture.h"

static void access_rules(void **state)
{
    (void)state;
    assert_true(tw_access_host("127.0.0.1:8787", "127.0.0.1:8787"));
    assert_true(tw_access_host("localhost", NULL));
    assert_true(tw_access_host("LocalHost:1", NULL));
    assert_true(tw_access_host("[::1]:8787", NULL));
    assert_true(tw_access_host("127.9.9.9", NULL));
    assert_true(tw_access_host("10.0.0.5:8787", "10.0.0.5:8787"));
    assert_false(tw_access_host("10.0.0.5", "127.0.0.1:8787"));
    assert_false(tw_access_host("evil.example:8787", "127.0.0.1:8787"));
    assert_false(tw_access_host("127.0.0.1.evil.example", NULL));
    assert_false(tw_access_host("localhost.evil.example", NULL));
    assert_false(tw_access_host("", NULL));
    assert_false(tw_access_host(NULL, NULL));
    assert_true(tw_access_origin(NULL, "localhost"));
    assert_true(tw_access_origin("http://localhost:8787", "localhost:8787"));
    assert_false(tw_access_origin("http://localhost:1", "localhost:8787"));
    assert_false(tw_access_origin("https://evil.example", "localhost:8787"));
    assert_false(tw_access_origin("null", "localhost:8787"));
    assert_true(tw_access_type("application/json", "application/json"));
    assert_true(tw_access_type("application/json; charset=utf-8", "application/json"));
    assert_false(tw_access_type("application/jsonp", "application/json"));
    assert_false(tw_access_type("text/plain", "application/json"));
    assert_false(tw_access_type(NULL, "application/json"));
}

static void refuses_strangers(void **state)
{
    struct fixture *f = *state;
    desk_expect_problem(
        desk_ask(f, false, "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), 403,
        "host-not-allowed", NULL);
    desk_expect_problem(
        desk_ask(f, false, "GET /v1/status HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n"), 403,
        "origin-not-allowed", NULL);
    desk_expect_problem(desk_get(f, "/"), 404, "not-found", NULL);
    desk_expect_problem(desk_get(f, "/v1/status/../sales"), 404, "not-found", NULL);
    desk_expect_problem(
        desk_post_with(f, false, "/v1/scans", "Content-Type: text/plain\r\n", "{\"code\":\"" CARD "\"}"), 415,
        "not-json-type", NULL);
    desk_expect_problem(desk_post_with(f, false, "/v1/scans", "", "{\"code\":\"" CARD "\"}"), 415,
                        "not-json-type", NULL);
    struct reply reply = desk_ask(f, false, "DELETE /v1/sales HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(reply.head, "Allow: POST"));
    desk_expect_problem(reply, 405, "method-not-allowed", NULL);
    reply = desk_post(f, "/v1/status", "{}");
    assert_non_null(strstr(reply.head, "Allow: GET, HEAD"));
    desk_expect_problem(reply, 405, "method-not-allowed", NULL);
    desk_sync_world(f);
    assert_int_equal(f->lane.scans + f->lane.sales + f->lane.lookups, 0);
}

static void refuses_large_bodies(void **state)
{
    struct fixture *f = *state;
    struct tw_buf body = {0};
    tw_buf_add_text(&body, "{\"code\":\"");
    while (body.len <= TW_DESK_MAX_BODY) {
        tw_buf_add_text(&body, "0123456789abcdef");
    }
    tw_buf_add_text(&body, "\"}");
    desk_expect_problem(desk_post(f, "/v1/scans", (const char *)body.ptr), 413, "body-too-large", NULL);
    // In chunks the length is not announced.
    struct tw_buf request = {0};
    tw_buf_printf(&request,
                  "POST /v1/scans HTTP/1.1\r\n" HOST AS_JSON "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                  body.len);
    tw_buf_add(&request, body.ptr, body.len);
    tw_buf_add_text(&request, "\r\n0\r\n\r\n");
    desk_expect_problem(desk_ask(f, false, (const char *)request.ptr), 413, "body-too-large", NULL);
    tw_buf_free(&request);
    tw_buf_free(&body);
    desk_sync_world(f);
    assert_int_equal(f->lane.scans, 0);
}

// P1: never a sale that is stored and not answered for want of room beside its headers.
static void refuses_large_heads(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t bytes;
        bool taken;
    } cases[] = {{3800, true}, {4097, false}, {5000, false}, {6400, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_buf headers = {0};
        tw_buf_add_text(&headers, AS_JSON "Authorization: Bearer ");
        while (headers.len < cases[i].bytes) {
            tw_buf_add_text(&headers, "x");
        }
        tw_buf_add_text(&headers, "\r\n");
        struct reply reply =
            desk_post_with(f, false, "/v1/scans", (const char *)headers.ptr, "{\"code\":\"" CARD "\"}");
        if (cases[i].taken) {
            assert_int_equal(reply.status, 201);
            tw_buf_free(&reply.all);
        } else {
            desk_expect_problem(reply, 431, "head-too-large", NULL);
        }
        desk_sync_world(f);
        assert_int_equal(f->lane.scans, 1); // of the first
        tw_buf_free(&headers);
    }
}

// Half requests, garbage, and clients that vanish: the desk goes on (P8).
static void survives_garbage(void **state)
{
    static const char *const garbage[] = {
        "\r\n\r\n\r\n",
        "GET",
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        "POST /v1/sales HTTP/1.1\r\n" HOST AS_JSON "Content-Length: 99\r\n\r\n{\"kind\"",
        "POST /v1/sales HTTP/1.1\r\n" HOST AS_JSON "Content-Length: -1\r\n\r\n",
        "POST /v1/sales HTTP/1.1\r\n" HOST AS_JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        int fd = desk_dial(f, i % 2 == 0);
        desk_send_all(fd, garbage[i], strlen(garbage[i]));
        (void)close(fd);
    }
    unsigned seed = 11;
    for (int i = 0; i < 50; i++) {
        char noise[512];
        for (size_t n = 0; n < sizeof noise; n++) {
            noise[n] = (char)rand_r(&seed);
        }
        int fd = desk_dial(f, false);
        desk_send_all(fd, noise, sizeof noise);
        (void)close(fd);
    }
    desk_expect_body(desk_get(f, "/healthz"), 200, "ok\n");
}

// The slugs are a contract.
static void problems_are_the_contract(void **state)
{
    (void)state;
    struct tw_buf page = {0};
    char chunk[4096];
    FILE *file = fopen(TW_SOURCE_DIR "/include/contract/names.md", "rb");
    assert_non_null(file);
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        tw_buf_add(&page, chunk, got);
    }
    (void)fclose(file);
    for (int i = 0; i < TW_PROBLEM_COUNT; i++) {
        char quoted[80];
        (void)snprintf(quoted, sizeof quoted, "%s`", tw_problem_slug((enum tw_problem)i));
        if (strstr((const char *)page.ptr, quoted) == NULL) {
            fail_msg("problem %s is not in names.md", tw_problem_slug((enum tw_problem)i));
        }
    }
    tw_buf_free(&page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_set_up, desk_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_rules), cmocka_unit_test(problems_are_the_contract),
        TEST(refuses_strangers),        TEST(refuses_large_bodies),
        TEST(refuses_large_heads),      TEST(survives_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
