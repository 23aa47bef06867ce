// SPDX-License-Identifier: Apache-2.0
//
// The loop: libuv for the parts that live on it. Timers, descriptors, signals, and a mailbox
// through which other threads hand in work. Nothing that runs on it may block.
//
// Threading: only tw_loop_post and tw_loop_hand may be called from other threads. Memory: timers and watches
// belong to the loop and are freed by their close function (during the next turn). Time: monotonic
// milliseconds, tw_loop_now, updated every turn. Errors: TW_ERR_NOMEM, TW_ERR_IO.
#ifndef TW_LOOP_H
#define TW_LOOP_H

#include <stdint.h>

#include "tillwire/err.h"

struct tw_loop;
struct tw_timer;
struct tw_watch;

typedef void tw_loop_fn(void *ctx);

int TW_MUST_CHECK tw_loop_new(struct tw_loop **out);
// Runs what was posted, closes all handles, frees.
void tw_loop_free(struct tw_loop *loop);
// Until tw_loop_stop, SIGINT or SIGTERM.
int TW_MUST_CHECK tw_loop_run(struct tw_loop *loop);
void tw_loop_stop(struct tw_loop *loop);
// Runs fn(ctx) on the loop at SIGHUP, which otherwise ends the process. Once a loop. TW_ERR_IO: no
// descriptors.
int TW_MUST_CHECK tw_loop_on_hangup(struct tw_loop *loop, tw_loop_fn *fn, void *ctx);
int64_t tw_loop_now(const struct tw_loop *loop);

// From any thread: runs fn(ctx) on the loop, in the order posted. TW_ERR_NOMEM: not taken.
// Without bound of its own: every poster is bounded by what it waits for.
int TW_MUST_CHECK tw_loop_post(struct tw_loop *loop, tw_loop_fn *fn, void *ctx);

// The same without an allocation that could fail: `post` is the caller's and stays untouched until fn
// runs, which may free it.
struct tw_post {
    tw_loop_fn *fn;
    void *ctx;
    struct tw_post *next;
    int allocated; // private
};
void tw_loop_hand(struct tw_loop *loop, struct tw_post *post, tw_loop_fn *fn, void *ctx);

// Runs what was posted so far, outside tw_loop_run: for shutting down.
void tw_loop_drain(struct tw_loop *loop);

// One-shot; start again to repeat. Starting a started timer moves it.
struct tw_timer *tw_timer_new(struct tw_loop *loop, tw_loop_fn *fn, void *ctx); // NULL: out of memory
void tw_timer_start(struct tw_timer *timer, int64_t in_ms);
void tw_timer_stop(struct tw_timer *timer);
void tw_timer_close(struct tw_timer *timer);

// Waits for POLLIN, POLLOUT (poll(2)) on a descriptor that outlives the watch.
typedef void tw_watch_fn(void *ctx, short revents);
struct tw_watch *tw_watch_new(struct tw_loop *loop, int fd, tw_watch_fn *fn, void *ctx); // NULL: refused
void tw_watch_events(struct tw_watch *watch, short events);
void tw_watch_close(struct tw_watch *watch);

#endif
