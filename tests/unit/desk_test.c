// SPDX-License-Identifier: Apache-2.0
//
// The desk over real sockets, with the rest of the agent made up (tests/fakes/desk_world.h): what it
// answers, and in which words. P1 (201 only from the lane's answer), P6 (no value quoted), P8 (bad input is
// named), P10 (lookup says how old). What is refused before it is looked into: desk_refusal_test.c.
#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/desk/request.h"
#include "tests/fakes/desk_fixture.h"

// ---- sales ----

#define SALE                                                                                                 \
    "{\"kind\":\"sale\",\"total\":214,\"lines\":[{\"kind\":\"item\",\"amount\":214}],"                       \
    "\"tenders\":[{\"type\":\"cash\",\"amount\":214}]}"

static void takes_sales(void **state)
{
    static const char answer[] =
        "{\"id\":\"018f0000-0000-7000-8000-000000000001\",\"transaction_id\":\"0042/07/2026-11-22/1\"}";
    struct fixture *f = *state;
    desk_expect_body(desk_post_with(f, false, "/v1/sales", AS_JSON "Idempotency-Key: \"k-1\"\r\n", SALE), 201,
                     answer);
    desk_sync_world(f);
    assert_int_equal(f->lane.total_minor, 214);
    assert_string_equal(f->lane.idempotency_key, "k-1");
    f->lane.outcome = TW_OUTCOME_REPEAT;
    desk_sync_world(f);
    desk_expect_body(desk_post(f, "/v1/sales", SALE), 200, answer);
    desk_sync_world(f);
    assert_string_equal(f->lane.idempotency_key, "");
    f->lane.outcome = TW_OUTCOME_CORRECTED;
    desk_sync_world(f);
    desk_expect_body(desk_post(f, "/v1/sales", SALE), 201, answer);
    // Random keys hold what looks like a card number now and then.
    desk_expect_body(
        desk_post_with(f, false, "/v1/sales", AS_JSON "Idempotency-Key: abcdef" PAN "abcdef0123\r\n", SALE),
        201, answer);
    desk_sync_world(f);
    assert_true(f->journal.holds > 0); // sales that come at once share a commit
}

static void names_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    desk_expect_problem(desk_post(f, "/v1/sales", "{\"total\":"), 400, "not-json", NULL);
    desk_expect_problem(desk_post(f, "/v1/sales", "[1]"), 400, "not-json", NULL);
    desk_expect_problem(desk_post(f, "/v1/sales", ""), 400, "not-json", NULL);
    desk_expect_problem(
        desk_post(f, "/v1/sales", "{\"kind\":\"sale\",\"total\":\"" PAN "\",\"lines\":[],\"tenders\":[]}"),
        422, "field-invalid", "/total");
    desk_expect_problem(desk_post_with(f, false, "/v1/sales", AS_JSON "Idempotency-Key: \"\"\r\n", SALE), 400,
                        "idempotency-key-invalid", NULL);
    desk_expect_problem(desk_post_with(f, false, "/v1/sales", AS_JSON "Idempotency-Key: " PAN "\r\n", SALE),
                        422, "payment-card-refused", NULL);
    desk_sync_world(f);
    assert_int_equal(f->lane.sales, 0);
}

static void says_why_it_failed(void **state)
{
    static const struct {
        int error, status;
        const char *slug;
    } cases[] = {
        {TW_ERR_MISMATCH, 422, "idempotency-key-reused"},
        {TW_ERR_FULL, 507, "no-room"},
        {TW_ERR_IO, 503, "storage-failed"},
        {TW_ERR_CLOSED, 503, "storage-failed"},
        {TW_ERR_TOO_LARGE, 422, "event-too-large"},
        {TW_ERR_REFUSED, 422, "payment-card-refused"},
        {TW_ERR_NOMEM, 500, "internal"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->lane.error = cases[i].error;
        desk_sync_world(f);
        struct reply reply = desk_post(f, "/v1/sales", SALE);
        assert_int_equal(strstr(reply.head, "Retry-After: 5") != NULL, cases[i].status == 503);
        assert_int_equal(strstr(reply.head, "Retry-After: 30") != NULL, cases[i].status == 507);
        desk_expect_problem(reply, cases[i].status, cases[i].slug, NULL);
    }
}

// ---- scans and lookups ----

static void takes_scans(void **state)
{
    struct fixture *f = *state;
    desk_expect_body(desk_post(f, "/v1/scans", "{\"code\":\"" CARD "\"}"), 201,
                     "{\"id\":\"018f0000-0000-7000-8000-000000000001\"}");
    desk_sync_world(f);
    assert_string_equal(f->lane.code, CARD);
    assert_string_equal(f->lane.device, "api");
    assert_string_equal(f->lane.workstation, "07");
    desk_expect_problem(desk_post(f, "/v1/scans", "{}"), 422, "field-invalid", "/code");
    desk_expect_problem(desk_post(f, "/v1/scans", "{\"code\":" CARD "}"), 422, "field-invalid", "/code");
    desk_expect_problem(desk_post(f, "/v1/scans", "{\"code\":\"1\",\"device\":\"a b\"}"), 422,
                        "field-invalid", "/device");
    desk_expect_problem(desk_post(f, "/v1/scans", "{\"code\":\"1\",\"device\":\"" PAN "\"}"), 422,
                        "payment-card-refused", "/device");
    desk_sync_world(f);
    assert_int_equal(f->lane.scans, 1);
    f->lane.error = TW_ERR_NOT_FOUND;
    desk_sync_world(f);
    desk_expect_problem(
        desk_post(f, "/v1/scans", "{\"code\":\"" CARD "\",\"device\":\"s-1\",\"workstation\":\"08\"}"), 422,
        "not-a-loyalty-card", "/code");
    desk_sync_world(f);
    assert_string_equal(f->lane.device, "s-1");
    assert_string_equal(f->lane.workstation, "08");
    f->lane.error = TW_ERR_REFUSED;
    desk_sync_world(f);
    desk_expect_problem(desk_post(f, "/v1/scans", "{\"code\":\"" PAN "\"}"), 422, "payment-card-refused",
                        "/code");
}

static void looks_up(void **state)
{
    struct fixture *f = *state;
    f->lane.member = (struct tw_member){.found = true,
                                        .scheme = "club",
                                        .tier = "gold",
                                        .has_points = true,
                                        .points = 1240,
                                        .as_of_ms = WALL - 60000};
    f->lane.age_s = 60;
    desk_sync_world(f);
    desk_expect_body(desk_post(f, "/v1/members/lookup", "{\"card\":\"" CARD "\",\"operator\":\"17\"}"), 200,
                     "{\"found\":true,\"scheme\":\"club\",\"tier\":\"gold\",\"points\":1240,"
                     "\"as_of\":\"2026-11-22T11:59:00.000Z\",\"age_s\":60}");
    desk_sync_world(f);
    assert_string_equal(f->lane.by, "17");
    assert_string_equal(f->lane.via, "api");
    struct reply reply = desk_post_with(f, false, "/v1/members/lookup",
                                        AS_JSON "Origin: http://127.0.0.1\r\n", "{\"card\":\"" CARD "\"}");
    assert_int_equal(reply.status, 200);
    tw_buf_free(&reply.all);
    desk_sync_world(f);
    assert_string_equal(f->lane.by, "");
    assert_string_equal(f->lane.via, "desk");
    f->lane.member = (struct tw_member){0};
    f->lane.age_s = -1;
    desk_sync_world(f);
    desk_expect_body(
        desk_post_with(f, true, "/v1/members/lookup", AS_JSON "User-Agent: tillwire/9\r\n",
                       "{\"card\":\"" CARD "\"}"),
        200, "{\"found\":false,\"scheme\":null,\"tier\":null,\"points\":null,\"as_of\":null,\"age_s\":null}");
    desk_sync_world(f);
    const struct passwd *user = getpwuid(getuid());
    assert_string_equal(f->lane.via, "cli");
    assert_string_equal(f->lane.by, user != NULL ? user->pw_name : "?");
    f->lane.error = TW_ERR_INVALID;
    desk_sync_world(f);
    desk_expect_problem(desk_post(f, "/v1/members/lookup", "{\"card\":\"" CARD "\"}"), 422,
                        "not-a-loyalty-card", "/card");
    desk_expect_problem(
        desk_post(f, "/v1/members/lookup", "{\"card\":\"" CARD "\",\"operator\":\"" PAN "\"}"), 422,
        "payment-card-refused", "/operator");
}

// ---- status, metrics, health ----

static void tells_status(void **state)
{
    struct fixture *f = *state;
    f->lane.devices =
        "[{\"name\":\"printer\",\"class\":\"tap\",\"state\":\"ready\",\"up\":true,\"why\":null}]";
    desk_sync_world(f);
    struct reply reply = desk_ask(f, true, "GET /v1/status HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(reply.status, 200);
    tw_json *json = desk_parse(&reply);
    assert_true(tw_json_is_true(tw_json_get(json, "well")));
    assert_int_equal(tw_json_size(tw_json_get(json, "problems")), 0);
    assert_string_equal(tw_json_text(tw_json_get(json, "store")), "0042");
    assert_string_equal(tw_json_text(tw_json_get(json, "started")), "2026-11-22T12:00:00.000Z");
    assert_true(tw_json_is_true(tw_json_get(tw_json_get(json, "uplink"), "connected")));
    tw_json_free(json);
    tw_buf_free(&reply.all);

    f->lane.devices = "[{\"name\":\"printer\",\"class\":\"tap\",\"state\":\"lost\",\"up\":false,\"why\":"
                      "\"connection refused\"}]";
    f->uplink.status.connected = false;
    (void)strcpy(f->uplink.status.why, "the broker's certificate has expired");
    f->journal.stats.last_error = TW_ERR_FULL;
    f->journal.stats.dead_letters = 2;
    f->members.stats.as_of_ms = WALL - INT64_C(200000000);
    desk_sync_world(f);
    reply = desk_get(f, "/v1/status");
    json = desk_parse(&reply);
    assert_false(tw_json_is_true(tw_json_get(json, "well")));
    assert_int_equal(tw_json_size(tw_json_get(json, "problems")), 5);
    assert_non_null(strstr(reply.body, "certificate has expired"));
    assert_non_null(strstr(reply.body, "connection refused"));
    tw_json_free(json);
    tw_buf_free(&reply.all);
}

static void health_and_metrics(void **state)
{
    struct fixture *f = *state;
    desk_expect_body(desk_get(f, "/healthz"), 200, "ok\n");
    f->journal.stats.last_error = TW_ERR_IO;
    f->journal.stats.queued_events = 12;
    desk_sync_world(f);
    desk_expect_body(desk_get(f, "/healthz"), 503, "the last commit failed\n");
    struct reply reply = desk_get(f, "/metrics");
    assert_non_null(strstr(reply.head, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(reply.body, "\ntillwire_queue_events 12\n"));
    assert_non_null(strstr(reply.body, "\ntillwire_uplink_connected 1\n"));
    assert_non_null(strstr(reply.body, "tillwire_build_info{version=\"" TW_VERSION "\"} 1\n"));
    assert_non_null(strstr(reply.body, "tillwire_commit_seconds_bucket{le=\"+Inf\"} 0\n"));
    tw_buf_free(&reply.all);
    reply = desk_ask(f, false, "HEAD /healthz HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.body, "");
    tw_buf_free(&reply.all);
}

// ---- life ----

static void call_answer(void *ctx)
{
    struct fixture *f = ctx;
    tw_fake_lane_answer(&f->lane);
}

static void call_look(void *ctx)
{
    struct fixture *f = ctx;
    f->asked = f->lane.held != NULL;
}

// Until the lane holds a request.
static void wait_asked(struct fixture *f)
{
    f->asked = false;
    while (!f->asked) {
        (void)usleep(1000);
        desk_on_loop(f, call_look);
    }
}

// P1: no answer before the lane's; and a client or a desk that goes first does no harm.
static void waits_for_the_lane(void **state)
{
    static const char request[] =
        "POST /v1/scans HTTP/1.1\r\n" HOST AS_JSON "Content-Length: 27\r\n\r\n{\"code\":\"" CARD "\"}";
    struct fixture *f = *state;
    f->lane.silent = true;
    desk_sync_world(f);
    int fd = desk_dial(f, false);
    desk_send_all(fd, request, sizeof request - 1);
    wait_asked(f);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    desk_on_loop(f, call_answer);
    struct reply reply = desk_receive(fd);
    assert_int_equal(reply.status, 201);
    tw_buf_free(&reply.all);

    fd = desk_dial(f, false); // the client leaves, then the desk, then the lane answers
    desk_send_all(fd, request, sizeof request - 1);
    wait_asked(f);
    (void)close(fd);
    desk_on_loop(f, desk_call_stop);
    desk_on_loop(f, call_answer);
    f->lane.silent = false;
    desk_on_loop(f, desk_call_start);
    assert_int_equal(f->started, TW_OK);
    desk_expect_body(desk_post(f, "/v1/scans", "{\"code\":\"" CARD "\"}"), 201,
                     "{\"id\":\"018f0000-0000-7000-8000-000000000001\"}");
}

static void call_second(void *ctx)
{
    struct fixture *f = ctx;
    struct tw_desk_options options = desk_options_of(f);
    struct tw_desk *second = NULL;
    f->started = tw_desk_start(&options, &second, &f->why);
    if (second != NULL) {
        tw_desk_stop(second);
    }
}

static void sockets_say_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    char listen[32];
    struct stat what;
    assert_int_equal(stat(f->socket, &what), 0);
    assert_int_equal(what.st_mode & 0777, 0660);
    desk_on_loop(f, call_second);
    assert_int_equal(f->started, TW_ERR_EXISTS);
    assert_non_null(strstr(f->why.text, "another tillwired is running"));
    desk_expect_body(desk_get(f, "/healthz"), 200, "ok\n"); // the first is not disturbed

    // A port in use.
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", f->desk->port);
    f->config.desk.listen = listen;
    f->config.run_dir = "/tmp";
    char other[] = "/tmp/tillwire-desk-XXXXXX";
    assert_non_null(mkdtemp(other));
    f->config.run_dir = other;
    desk_on_loop(f, call_second);
    assert_int_equal(f->started, TW_ERR_EXISTS);
    assert_non_null(strstr(f->why.text, listen));
    assert_non_null(strstr(f->why.text, "in use"));
    f->config.desk.listen = "nonsense";
    desk_on_loop(f, call_second);
    assert_int_equal(f->started, TW_ERR_INVALID);
    f->config.run_dir = "/tmp/tillwire-desk-nowhere";
    desk_on_loop(f, call_second);
    assert_int_equal(f->started, TW_ERR_IO);

    // A socket nobody answers on is replaced, also after a crash.
    char path[64];
    (void)snprintf(path, sizeof path, "%s/control.sock", other);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)strcpy(un.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    (void)close(fd);
    f->config.run_dir = other;
    f->config.desk.listen = NULL;
    desk_on_loop(f, call_second);
    assert_int_equal(f->started, TW_OK);
    assert_int_equal(rmdir(other), 0);
    f->config.run_dir = f->dir;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_set_up, desk_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(takes_sales),
        TEST(names_what_is_wrong),
        TEST(says_why_it_failed),
        TEST(takes_scans),
        TEST(looks_up),
        TEST(tells_status),
        TEST(health_and_metrics),
        TEST(waits_for_the_lane),
        TEST(sockets_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
