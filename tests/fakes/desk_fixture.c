// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/desk_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/desk/request.h"

static int64_t wall(const struct tw_clock *clock)
{
    (void)clock;
    return WALL;
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    (void)clock;
    return TW_CLOCK_OK;
}

struct tw_desk_options desk_options_of(struct fixture *f)
{
    return (struct tw_desk_options){
        .config = &f->config,
        .rules = f->rules,
        .clock = &f->clock,
        .loop = f->loop,
        .lane = &f->lane,
        .journal = &f->journal,
        .members = &f->members,
        .uplink = &f->uplink,
        .metrics = f->metrics,
    };
}

// ---- calls on the loop's thread, waited for ----

static void run_call(void *ctx)
{
    struct fixture *f = ctx;
    if (f->call != NULL) {
        f->call(f);
    }
    (void)pthread_mutex_lock(&f->lock);
    f->call = NULL;
    (void)pthread_cond_signal(&f->done);
    (void)pthread_mutex_unlock(&f->lock);
}

void desk_on_loop(struct fixture *f, tw_loop_fn *fn)
{
    (void)pthread_mutex_lock(&f->lock);
    f->call = fn;
    assert_int_equal(tw_loop_post(f->loop, run_call, f), TW_OK);
    while (f->call != NULL) {
        (void)pthread_cond_wait(&f->done, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

// What the test wrote is seen by the loop, and the other way round.
void desk_sync_world(struct fixture *f)
{
    desk_on_loop(f, nothing);
}

void desk_call_start(void *ctx)
{
    struct fixture *f = ctx;
    struct tw_desk_options options = desk_options_of(f);
    f->started = tw_desk_start(&options, &f->desk, &f->why);
}

void desk_call_stop(void *ctx)
{
    struct fixture *f = ctx;
    tw_desk_stop(f->desk);
    f->desk = NULL;
}

static void call_end(void *ctx)
{
    struct fixture *f = ctx;
    tw_loop_stop(f->loop);
}

static void *run_loop(void *ctx)
{
    struct fixture *f = ctx;
    return tw_loop_run(f->loop) == TW_OK ? NULL : f;
}

static void begin_world(struct fixture *f)
{
    static const struct tw_card_rule card = {"club", "^6009200\\d{9}$", NULL};
    f->config = (struct tw_config){.tenant = "acme",
                                   .store = "0042",
                                   .terminal = "07",
                                   .state_dir = "/var/lib/tillwire",
                                   .run_dir = f->dir};
    f->config.desk.listen = "127.0.0.1:0";
    f->clock = (struct tw_clock){.wall_ms = wall, .monotonic_ms = wall, .trust = trust};
    f->lane = (struct tw_lane){.loop = f->loop};
    (void)strcpy(f->journal.stats.epoch, "018f0000-0000-7000-8000-00000000000e");
    f->journal.stats.next_sequence = 8;
    f->uplink.status.connected = true;
    f->uplink.status.since_ms = WALL - 10000;
    assert_int_equal(tw_scan_rules_new(&card, 1, &f->rules, &f->why), TW_OK);
    f->metrics = tw_metrics_new();
    assert_non_null(f->metrics);
}

int desk_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    (void)strcpy(f->dir, "/tmp/tillwire-desk-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->socket, sizeof f->socket, "%s/control.sock", f->dir);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->done, NULL);
    assert_int_equal(tw_loop_new(&f->loop), TW_OK);
    begin_world(f);
    assert_int_equal(pthread_create(&f->thread, NULL, run_loop, f), 0);
    desk_on_loop(f, desk_call_start);
    if (f->started != TW_OK) {
        fail_msg("start: %s", f->why.text);
    }
    *state = f;
    return 0;
}

int desk_tear_down(void **state)
{
    struct fixture *f = *state;
    desk_on_loop(f, desk_call_stop);
    desk_on_loop(f, call_end);
    void *failed = NULL;
    (void)pthread_join(f->thread, &failed);
    assert_null(failed);
    assert_false(f->journal.held);
    tw_fake_lane_answer(&f->lane);
    tw_loop_free(f->loop);
    tw_metrics_free(f->metrics);
    tw_scan_rules_free(f->rules);
    assert_int_equal(access(f->socket, F_OK), -1); // cleaned up
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

// ---- a client ----

int desk_dial(const struct fixture *f, bool local)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(f->desk->port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)strcpy(un.sun_path, f->socket);
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    const struct timeval limit = {.tv_sec = 20};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    int rc = local ? connect(fd, (struct sockaddr *)&un, sizeof un)
                   : connect(fd, (struct sockaddr *)&in, sizeof in);
    assert_int_equal(rc, 0);
    return fd;
}

void desk_send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0) { // the answer may come before the request is all sent
            assert_true(errno == EPIPE || errno == ECONNRESET);
            return;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
}

struct reply desk_receive(int fd)
{
    struct reply reply = {0};
    char chunk[4096];
    ssize_t got;
    while ((got = recv(fd, chunk, sizeof chunk, 0)) > 0) {
        tw_buf_add(&reply.all, chunk, (size_t)got);
    }
    (void)close(fd);
    assert_true(reply.all.len > 12);
    reply.head = (char *)reply.all.ptr;
    reply.body = strstr(reply.head, "\r\n\r\n");
    assert_non_null(reply.body);
    *reply.body = '\0';
    reply.body += 4;
    reply.status = atoi(reply.head + 9);
    return reply;
}

struct reply desk_ask(const struct fixture *f, bool local, const char *request)
{
    int fd = desk_dial(f, local);
    desk_send_all(fd, request, strlen(request));
    return desk_receive(fd);
}

struct reply desk_get(const struct fixture *f, const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
    return desk_ask(f, false, request);
}

struct reply desk_post_with(const struct fixture *f, bool local, const char *path, const char *headers,
                            const char *body)
{
    struct tw_buf request = {0};
    tw_buf_printf(&request, "POST %s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n%s", path, headers,
                  strlen(body), body);
    struct reply reply = desk_ask(f, local, (const char *)request.ptr);
    tw_buf_free(&request);
    return reply;
}

struct reply desk_post(const struct fixture *f, const char *path, const char *body)
{
    return desk_post_with(f, false, path, AS_JSON, body);
}

tw_json *desk_parse(const struct reply *reply)
{
    tw_json *json = NULL;
    struct tw_error_text why;
    if (tw_json_parse(tw_slice_of(reply->body), &json, &why) != TW_OK) {
        fail_msg("no JSON: %s", reply->body);
    }
    return json;
}

// RFC 9457: media type, the status again, the slug; and P6: nothing of the request in it.
void desk_expect_problem(struct reply reply, int status, const char *slug, const char *field)
{
    char type[96];
    (void)snprintf(type, sizeof type, "urn:tillwire:problem:%s", slug);
    if (reply.status != status) {
        fail_msg("%d instead of %d: %s", reply.status, status, reply.body);
    }
    assert_non_null(strstr(reply.head, "Content-Type: application/problem+json"));
    tw_json *json = desk_parse(&reply);
    int64_t said = 0;
    assert_int_equal(tw_json_int(tw_json_get(json, "status"), &said), TW_OK);
    assert_int_equal(said, status);
    assert_string_equal(tw_json_text(tw_json_get(json, "type")), type);
    assert_non_null(tw_json_text(tw_json_get(json, "title")));
    assert_non_null(tw_json_text(tw_json_get(json, "detail")));
    if (field != NULL) {
        assert_string_equal(tw_json_text(tw_json_get(json, "field")), field);
    } else {
        assert_null(tw_json_get(json, "field"));
    }
    assert_null(strstr(reply.body, CARD));
    assert_null(strstr(reply.body, PAN));
    tw_json_free(json);
    tw_buf_free(&reply.all);
}

void desk_expect_body(struct reply reply, int status, const char *body)
{
    assert_int_equal(reply.status, status);
    assert_string_equal(reply.body, body);
    tw_buf_free(&reply.all);
}

unsigned desk_count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        found++;
    }
    return found;
}
