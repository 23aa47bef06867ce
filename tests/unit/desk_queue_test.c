// SPDX-License-Identifier: Apache-2.0
//
// The queue on the control socket, and what the desk says of a journal that is full or was damaged: over real
// sockets (tests/fakes/desk_fixture.h), with a journal that takes its time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/desk_fixture.h"

#define EPOCH "018f0000-0000-7000-8000-00000000000e"
#define NAME  "Erika Mustermann"
#define DATA  "{\"customer\":\"" NAME "\"}"

static struct reply get(const struct fixture *f, const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
    return desk_ask(f, true, request);
}

static struct reply post(const struct fixture *f, const char *path, const char *body)
{
    return desk_post_with(f, true, path, AS_JSON, body);
}

static void fill(struct fixture *f, size_t letters)
{
    for (size_t i = 0; i < letters; i++) {
        struct tw_dead_letter *letter = &f->journal.letters[i];
        *letter = (struct tw_dead_letter){.number = i + 3,
                                          .source = "/acme/0042/06",
                                          .epoch = EPOCH,
                                          .sequence = 100 + i,
                                          .type = TW_EVENT_SALE_COMPLETED,
                                          .id = "018f0000-0000-7000-8000-000000000001",
                                          .time_ms = WALL - 60000,
                                          .rejected_ms = WALL,
                                          .reason = "the \"total\" is wrong",
                                          .data = tw_slice_of(DATA)};
    }
    f->journal.letter_count = letters;
    desk_sync_world(f);
}

static void is_for_the_socket_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const gets[] = {"/v1/queue", "/v1/queue/dead", "/v1/queue/dead?data=1"};
    static const char *const posts[] = {"/v1/queue/retry", "/v1/queue/resync"};
    for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++) {
        desk_expect_problem(desk_get(f, gets[i]), 403, "control-socket-only", NULL);
    }
    for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
        desk_expect_problem(desk_post(f, posts[i], "{\"all\":true,\"from\":1}"), 403, "control-socket-only",
                            NULL);
    }
    assert_int_equal(atomic_load(&f->journal.asked), 0);
}

static void tells_the_queue(void **state)
{
    struct fixture *f = *state;
    desk_expect_body(get(f, "/v1/queue"), 200,
                     "{\"events\":0,\"bytes\":0,\"oldest_s\":null,\"dead_letters\":0,\"full\":false,"
                     "\"dropped\":0,\"oldest\":null,\"epoch\":\"" EPOCH
                     "\",\"next_sequence\":8,\"through\":0,\"send_limit\":0}");
    f->journal.stats.queued_events = 3;
    f->journal.stats.queued_bytes = 900;
    f->journal.stats.oldest_ms = WALL - 60000;
    f->journal.stats.dead_letters = 2;
    f->journal.stats.dropped = 4;
    f->journal.stats.full = true;
    f->journal.stats.through = 4;
    f->journal.stats.send_limit = 1028;
    desk_sync_world(f);
    desk_expect_body(get(f, "/v1/queue"), 200,
                     "{\"events\":3,\"bytes\":900,\"oldest_s\":60,\"dead_letters\":2,\"full\":true,"
                     "\"dropped\":4,\"oldest\":\"2026-11-22T11:59:00.000Z\",\"epoch\":\"" EPOCH
                     "\",\"next_sequence\":8,\"through\":4,\"send_limit\":1028}");
}

// P6 and sense: what is in a letter is told only to who asks for it.
static void lists_dead_letters(void **state)
{
    struct fixture *f = *state;
    desk_expect_body(get(f, "/v1/queue/dead"), 200, "{\"letters\":[],\"next\":null}");
    fill(f, 1);
    desk_expect_body(get(f, "/v1/queue/dead"), 200,
                     "{\"letters\":[{\"number\":3,\"epoch\":\"" EPOCH
                     "\",\"sequence\":100,\"type\":\"io.tillwire.sale.completed\","
                     "\"id\":\"018f0000-0000-7000-8000-000000000001\",\"source\":\"/acme/0042/06\","
                     "\"time\":\"2026-11-22T11:59:00.000Z\","
                     "\"rejected\":\"2026-11-22T12:00:00.000Z\",\"reason\":\"the \\\"total\\\" is wrong\"}],"
                     "\"next\":null}");
    struct reply reply = get(f, "/v1/queue/dead?data=1");
    tw_json *json = desk_parse(&reply);
    const tw_json *letter = tw_json_at(tw_json_get(json, "letters"), 0);
    assert_string_equal(tw_json_text(tw_json_get(tw_json_get(letter, "data"), "customer")), NAME);
    tw_json_free(json);
    tw_buf_free(&reply.all);
}

static void gives_pages(void **state)
{
    struct fixture *f = *state;
    unsigned seen = 0;
    uint64_t after = 0;
    fill(f, 5);
    for (bool more = true; more;) {
        char path[64];
        int64_t next = 0;
        (void)snprintf(path, sizeof path, "/v1/queue/dead?limit=2&after=%llu", (unsigned long long)after);
        struct reply reply = get(f, path);
        tw_json *json = desk_parse(&reply);
        seen += (unsigned)tw_json_size(tw_json_get(json, "letters"));
        more = tw_json_int(tw_json_get(json, "next"), &next) == TW_OK;
        after = (uint64_t)next;
        tw_json_free(json);
        tw_buf_free(&reply.all);
    }
    assert_int_equal(seen, 5);
    assert_int_equal(f->journal.limit, 3);
    desk_expect_problem(get(f, "/v1/queue/dead?limit=0"), 422, "field-invalid", "/limit");
    desk_expect_problem(get(f, "/v1/queue/dead?limit=1001"), 422, "field-invalid", "/limit");
    desk_expect_problem(get(f, "/v1/queue/dead?after=-1"), 422, "field-invalid", "/after");
    desk_expect_problem(get(f, "/v1/queue/dead?after="), 422, "field-invalid", "/after");
    desk_expect_problem(get(f, "/v1/queue/dead?after=99999999999999999999"), 422, "field-invalid", "/after");
    f->journal.error = TW_ERR_IO;
    desk_sync_world(f);
    desk_expect_problem(get(f, "/v1/queue/dead"), 503, "storage-failed", NULL);
}

// However many letters are asked for, the answer stays within bounds.
static void ends_a_large_answer(void **state)
{
    struct fixture *f = *state;
    struct tw_buf large = {0};
    tw_buf_printf(&large, "{\"x\":\"%0600000d\"}", 0);
    fill(f, 5);
    for (size_t i = 0; i < 5; i++) {
        f->journal.letters[i].data = tw_buf_slice(&large);
    }
    desk_sync_world(f);
    struct reply reply = get(f, "/v1/queue/dead?data=1");
    tw_json *json = desk_parse(&reply);
    int64_t next = 0;
    assert_int_equal(tw_json_size(tw_json_get(json, "letters")), 2);
    assert_int_equal(tw_json_int(tw_json_get(json, "next"), &next), TW_OK);
    assert_int_equal(next, 4);
    tw_json_free(json);
    tw_buf_free(&reply.all);
    tw_buf_free(&large);
}

static void queues_letters_again(void **state)
{
    struct fixture *f = *state;
    f->journal.queued = 1;
    desk_sync_world(f);
    desk_expect_body(post(f, "/v1/queue/retry", "{\"number\":3}"), 200, "{\"queued\":1}");
    assert_int_equal(f->journal.retried, 3);
    f->journal.queued = 5;
    desk_expect_body(post(f, "/v1/queue/retry", "{\"all\":true}"), 200, "{\"queued\":5}");
    assert_int_equal(f->journal.retried, 0);
    desk_expect_problem(post(f, "/v1/queue/retry", "{}"), 422, "field-invalid", "/number");
    desk_expect_problem(post(f, "/v1/queue/retry", "{\"number\":0}"), 422, "field-invalid", "/number");
    desk_expect_problem(post(f, "/v1/queue/retry", "{\"number\":\"3\"}"), 422, "field-invalid", "/number");
    desk_expect_problem(post(f, "/v1/queue/retry", "{\"all\":false}"), 422, "field-invalid", "/all");
    desk_expect_problem(post(f, "/v1/queue/retry", "{\"all\":true,\"number\":3}"), 422, "field-invalid",
                        "/all");
    assert_int_equal(atomic_load(&f->journal.asked), 2);
    f->journal.error = TW_ERR_NOT_FOUND;
    desk_sync_world(f);
    desk_expect_problem(post(f, "/v1/queue/retry", "{\"number\":3}"), 404, "not-found", "/number");
    desk_expect_body(post(f, "/v1/queue/retry", "{\"all\":true}"), 200, "{\"queued\":0}");
    f->journal.error = TW_ERR_FULL;
    desk_sync_world(f);
    struct reply reply = post(f, "/v1/queue/retry", "{\"number\":3}");
    assert_non_null(strstr(reply.head, "Retry-After: 30"));
    desk_expect_problem(reply, 507, "no-room", NULL);
}

static void refuses_letters_of_an_earlier_source(void **state)
{
    struct fixture *f = *state;
    fill(f, 2);
    f->journal.retry_error = TW_ERR_MISMATCH;
    desk_sync_world(f);
    struct reply reply = post(f, "/v1/queue/retry", "{\"number\":4}");
    assert_non_null(strstr(reply.body, "it is of /acme/0042/06, which"));
    assert_non_null(strstr(reply.body, "set tenant, store and terminal back"));
    desk_expect_problem(reply, 409, "of-another-source", NULL);
    desk_expect_problem(post(f, "/v1/queue/retry", "{\"all\":true}"), 409, "of-another-source", NULL);
}

// The letter that was asked for went in between: the next one's source is not its own.
static void does_not_name_the_source_of_another_letter(void **state)
{
    struct fixture *f = *state;
    fill(f, 2);
    f->journal.retry_error = TW_ERR_MISMATCH;
    desk_sync_world(f);
    struct reply reply = post(f, "/v1/queue/retry", "{\"number\":2}");
    assert_null(strstr(reply.body, "/acme/0042/06"));
    assert_non_null(strstr(reply.body, "it is of what this terminal was before"));
    desk_expect_problem(reply, 409, "of-another-source", NULL);
}

static void sends_again(void **state)
{
    struct fixture *f = *state;
    desk_expect_body(post(f, "/v1/queue/resync", "{\"from\":5}"), 200, "{\"renewed\":false}");
    assert_int_equal(f->journal.from, 5);
    assert_int_equal(f->uplink.resync_from, 5);
    f->journal.resync = TW_RESYNC_RENEWED;
    desk_sync_world(f);
    desk_expect_body(post(f, "/v1/queue/resync", "{\"from\":1}"), 200, "{\"renewed\":true}");
    assert_int_equal(f->uplink.resync_from, 5); // the new epoch tells it
    desk_expect_problem(post(f, "/v1/queue/resync", "{}"), 422, "field-invalid", "/from");
    f->journal.error = TW_ERR_INVALID;
    desk_sync_world(f);
    desk_expect_problem(post(f, "/v1/queue/resync", "{\"from\":9}"), 422, "field-invalid", "/from");
}

// ---- a journal that takes its time ----

static void wait_asked(struct fixture *f, unsigned count)
{
    while (atomic_load(&f->journal.asked) < count) {
        (void)usleep(1000);
    }
}

static int begin(struct fixture *f, const char *request)
{
    int fd = desk_dial(f, true);
    desk_send_all(fd, request, strlen(request));
    return fd;
}

static void nobody_else_waits(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->journal.busy, true);
    int first = begin(f, "GET /v1/queue/dead HTTP/1.1\r\n" HOST "\r\n");
    int second = begin(f, "GET /v1/queue/dead HTTP/1.1\r\n" HOST "\r\n");
    int gone = begin(f, "GET /v1/queue/dead HTTP/1.1\r\n" HOST "\r\n");
    wait_asked(f, 1);
    desk_expect_body(get(f, "/healthz"), 200, "ok\n");
    (void)close(gone);
    desk_expect_body(desk_get(f, "/healthz"), 200, "ok\n");
    assert_int_equal(atomic_load(&f->journal.asked), 1); // one question at a time
    atomic_store(&f->journal.busy, false);
    desk_expect_body(desk_receive(first), 200, "{\"letters\":[],\"next\":null}");
    desk_expect_body(desk_receive(second), 200, "{\"letters\":[],\"next\":null}");
    desk_expect_body(get(f, "/v1/queue/dead"), 200, "{\"letters\":[],\"next\":null}"); // another thread
}

static void *soon_free(void *ctx)
{
    struct fixture *f = ctx;
    (void)usleep(50000);
    atomic_store(&f->journal.busy, false);
    return NULL;
}

static void call_settle(void *ctx)
{
    struct fixture *f = ctx;
    tw_desk_settle(f->desk);
    assert_false(atomic_load(&f->journal.busy)); // it waited for the question
}

// Before the journal is closed nobody asks it any more, and who waited is told.
static void settles_before_the_end(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    atomic_store(&f->journal.busy, true);
    int first = begin(f, "GET /v1/queue/dead HTTP/1.1\r\n" HOST "\r\n");
    wait_asked(f, 1);
    int second = begin(f, "GET /v1/queue/dead HTTP/1.1\r\n" HOST "\r\n");
    desk_expect_body(get(f, "/healthz"), 200, "ok\n"); // the second has been taken
    assert_int_equal(pthread_create(&thread, NULL, soon_free, f), 0);
    desk_on_loop(f, call_settle);
    (void)pthread_join(thread, NULL);
    desk_expect_body(desk_receive(first), 200, "{\"letters\":[],\"next\":null}");
    desk_expect_problem(desk_receive(second), 503, "storage-failed", NULL);
    desk_expect_problem(get(f, "/v1/queue/dead"), 503, "storage-failed", NULL);
    assert_int_equal(atomic_load(&f->journal.asked), 1);
    desk_on_loop(f, call_settle); // again does no harm
}

// ---- status, health, metrics ----

static void expect_status(struct fixture *f, const char *sentence)
{
    desk_sync_world(f);
    struct reply reply = get(f, "/v1/status");
    tw_json *json = desk_parse(&reply);
    if (strstr(reply.body, sentence) == NULL) {
        fail_msg("no \"%s\" in %s", sentence, reply.body);
    }
    assert_false(tw_json_is_true(tw_json_get(json, "well")));
    tw_json_free(json);
    tw_buf_free(&reply.all);
}

// P7, P9: full, damaged and given up are said in words, and a full journal is no reason for a restart.
static void says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    f->journal.stats.full = true;
    f->journal.stats.queued_events = 12;
    expect_status(f, "The journal is full");
    expect_status(f, "\"full\":true");
    desk_expect_body(get(f, "/healthz"), 200, "ok, but the journal is full: see tillwire status\n");
    f->journal.stats.full = false;
    f->journal.stats.last_error = TW_ERR_FULL; // the disk itself
    expect_status(f, "\"full\":true");
    desk_expect_body(get(f, "/healthz"), 200, "ok, but the journal is full: see tillwire status\n");
    f->journal.stats.last_error = TW_ERR_IO;
    desk_sync_world(f);
    desk_expect_body(get(f, "/healthz"), 503, "the last commit failed\n");
    f->journal.stats =
        (struct tw_journal_stats){.damaged = 1, .salvaged = 40, .seal_key = 3, .oldest_seal_key = 2};
    expect_status(f, "/var/lib/tillwire/quarantine; 40 events were saved");
    expect_status(f, "\"journal\":{\"file_bytes\":0,\"damaged\":1,\"salvaged\":40,\"seal_key\":3,"
                     "\"oldest_seal_key\":2}");
    f->journal.stats = (struct tw_journal_stats){.dropped = 5};
    expect_status(f, "5 events of little weight");
    f->journal.stats = (struct tw_journal_stats){.dead_letters = 2};
    expect_status(f, "tillwire queue retry --all");
}

static void counts_it(void **state)
{
    static const char *const lines[] = {
        "\ntillwire_journal_full 1\n",          "\ntillwire_journal_file_bytes 4096\n",
        "\ntillwire_dead_letters 2\n",          "\ntillwire_events_dropped_total 3\n",
        "\ntillwire_events_salvaged_total 4\n", "\ntillwire_journals_damaged_total 1\n",
    };
    struct fixture *f = *state;
    f->journal.stats = (struct tw_journal_stats){
        .full = true, .file_bytes = 4096, .dead_letters = 2, .dropped = 3, .salvaged = 4, .damaged = 1};
    desk_sync_world(f);
    struct reply reply = desk_get(f, "/metrics");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(reply.body, lines[i]) == NULL) {
            fail_msg("no %s", lines[i]);
        }
    }
    tw_buf_free(&reply.all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_set_up, desk_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(is_for_the_socket_alone),
        TEST(tells_the_queue),
        TEST(lists_dead_letters),
        TEST(gives_pages),
        TEST(ends_a_large_answer),
        TEST(queues_letters_again),
        TEST(refuses_letters_of_an_earlier_source),
        TEST(does_not_name_the_source_of_another_letter),
        TEST(sends_again),
        TEST(nobody_else_waits),
        TEST(settles_before_the_end),
        TEST(says_what_is_wrong),
        TEST(counts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
