// SPDX-License-Identifier: Apache-2.0
//
// A desk that serves a made-up world (desk_world.h) on a loop in a thread of its own, and a client that
// speaks HTTP to it byte by byte. For cmocka tests: what goes wrong fails the test.
//
// Threading: the test's thread; what it changes in the world it hands over with desk_sync_world.
// Memory: the fixture owns all; a reply is freed with tw_buf_free(&reply.all). Time: fixed at WALL.
// Errors: fail the test.
#ifndef TW_FAKE_DESK_FIXTURE_H
#define TW_FAKE_DESK_FIXTURE_H

#include <pthread.h>

#include "tests/fakes/desk_world.h"
#include "tillwire/json.h"

#define WALL INT64_C(1795348800000)
#define CARD "6009200123456789"
#define PAN  "4111111111111111"

#define HOST    "Host: 127.0.0.1\r\nConnection: close\r\n"
#define AS_JSON "Content-Type: application/json\r\n"

struct fixture {
    char dir[64], socket[128];
    struct tw_config config;
    struct tw_scan_rules *rules;
    struct tw_clock clock;
    struct tw_lane lane;
    struct tw_journal journal;
    struct tw_members members;
    struct tw_uplink uplink;
    struct tw_metrics *metrics;
    struct tw_loop *loop;
    struct tw_desk *desk;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t done;
    tw_loop_fn *call; // under the lock; NULL once it ran
    struct tw_error_text why;
    int started;
    bool asked;
};

struct reply {
    int status;
    char *head, *body; // both in `all`
    struct tw_buf all;
};

// cmocka's set-up and tear-down: a fixture with a running desk.
int desk_set_up(void **state);
int desk_tear_down(void **state);

// Runs fn(f) on the loop's thread and waits for it; sync runs nothing, so that what the test wrote is seen
// by the loop, and the other way round.
void desk_on_loop(struct fixture *f, tw_loop_fn *fn);
void desk_sync_world(struct fixture *f);
// For desk_on_loop: start the desk (outcome in f->started, f->why) and stop it.
void desk_call_start(void *ctx);
void desk_call_stop(void *ctx);
struct tw_desk_options desk_options_of(struct fixture *f);

// Connects (`local`: over the Unix socket); sends all; reads to the end and closes.
int desk_dial(const struct fixture *f, bool local);
void desk_send_all(int fd, const char *bytes, size_t len);
struct reply desk_receive(int fd);

// Whole exchanges on a connection of their own.
struct reply desk_ask(const struct fixture *f, bool local, const char *request);
struct reply desk_get(const struct fixture *f, const char *path);
struct reply desk_post(const struct fixture *f, const char *path, const char *body);
struct reply desk_post_with(const struct fixture *f, bool local, const char *path, const char *headers,
                            const char *body);

// The body as JSON; the reply as the problem expected; status and body as expected. The last two free it.
tw_json *desk_parse(const struct reply *reply);
void desk_expect_problem(struct reply reply, int status, const char *slug, const char *field);
void desk_expect_body(struct reply reply, int status, const char *body);

// How often `what` occurs in `text`.
unsigned desk_count(const char *text, const char *what);

#endif
