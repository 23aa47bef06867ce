// SPDX-License-Identifier: Apache-2.0
#include "tillwire/loop.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include <uv.h>

struct tw_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_signal_t interrupted, terminated, hung_up;
    tw_loop_fn *on_hangup;
    void *hangup_ctx;
    pthread_mutex_t lock; // guards first and last
    struct tw_post *first, *last;
};

// Timers and watches are freed by libuv's close callback, so the handle stands first.
struct tw_timer {
    uv_timer_t uv;
    tw_loop_fn *fn;
    void *ctx;
};

struct tw_watch {
    uv_poll_t uv;
    tw_watch_fn *fn;
    void *ctx;
};

static struct tw_post *take_posts(struct tw_loop *loop)
{
    (void)pthread_mutex_lock(&loop->lock);
    struct tw_post *first = loop->first;
    loop->first = NULL;
    loop->last = NULL;
    (void)pthread_mutex_unlock(&loop->lock);
    return first;
}

static void on_wake(uv_async_t *wake)
{
    struct tw_loop *loop = wake->data;
    struct tw_post *post = take_posts(loop);
    while (post != NULL) {
        struct tw_post *next = post->next;
        const struct tw_post run = *post; // its memory may go with what it runs
        if (run.allocated) {
            free(post);
        }
        run.fn(run.ctx);
        post = next;
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    tw_loop_stop(handle->data);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    const struct tw_loop *loop = handle->data;
    (void)number;
    loop->on_hangup(loop->hangup_ctx);
}

static int start_signal(struct tw_loop *loop, uv_signal_t *handle, uv_signal_cb callback, int number)
{
    int rc = uv_signal_init(&loop->uv, handle);
    handle->data = loop;
    return rc != 0 ? rc : uv_signal_start(handle, callback, number);
}

int tw_loop_new(struct tw_loop **out)
{
    struct tw_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return TW_ERR_NOMEM;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return TW_ERR_IO;
    }
    (void)pthread_mutex_init(&loop->lock, NULL);
    loop->wake.data = loop;
    int rc = uv_async_init(&loop->uv, &loop->wake, on_wake);
    rc = rc != 0 ? rc : start_signal(loop, &loop->interrupted, on_signal, SIGINT);
    rc = rc != 0 ? rc : start_signal(loop, &loop->terminated, on_signal, SIGTERM);
    if (rc != 0) {
        tw_loop_free(loop);
        return TW_ERR_IO;
    }
    *out = loop;
    return TW_OK;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

// Handles of ours that are still open at the end: timers and watches own their memory.
static void close_handle(uv_handle_t *handle, void *ctx)
{
    struct tw_loop *loop = ctx;
    if (uv_is_closing(handle)) {
        return;
    }
    bool inside = (void *)handle >= (void *)loop && (void *)handle < (void *)(loop + 1);
    uv_close(handle, inside ? NULL : free_handle);
}

void tw_loop_free(struct tw_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    on_wake(&loop->wake);
    uv_walk(&loop->uv, close_handle, loop);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop->uv);
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int tw_loop_run(struct tw_loop *loop)
{
    // uv_run's answer only says whether handles are still active; the signals always are.
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    return TW_OK;
}

void tw_loop_stop(struct tw_loop *loop)
{
    uv_stop(&loop->uv);
}

int tw_loop_on_hangup(struct tw_loop *loop, tw_loop_fn *fn, void *ctx)
{
    loop->on_hangup = fn;
    loop->hangup_ctx = ctx;
    return start_signal(loop, &loop->hung_up, on_hangup, SIGHUP) == 0 ? TW_OK : TW_ERR_IO;
}

int64_t tw_loop_now(const struct tw_loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

static void append(struct tw_loop *loop, struct tw_post *post)
{
    (void)pthread_mutex_lock(&loop->lock);
    if (loop->last != NULL) {
        loop->last->next = post;
    } else {
        loop->first = post;
    }
    loop->last = post;
    (void)pthread_mutex_unlock(&loop->lock);
    (void)uv_async_send(&loop->wake); // fails only for handles of another kind (libuv manual)
}

void tw_loop_hand(struct tw_loop *loop, struct tw_post *post, tw_loop_fn *fn, void *ctx)
{
    *post = (struct tw_post){.fn = fn, .ctx = ctx};
    append(loop, post);
}

int tw_loop_post(struct tw_loop *loop, tw_loop_fn *fn, void *ctx)
{
    struct tw_post *post = malloc(sizeof *post);
    if (post == NULL) {
        return TW_ERR_NOMEM;
    }
    *post = (struct tw_post){.fn = fn, .ctx = ctx, .allocated = 1};
    append(loop, post);
    return TW_OK;
}

void tw_loop_drain(struct tw_loop *loop)
{
    on_wake(&loop->wake);
}

static void on_timer(uv_timer_t *uv)
{
    struct tw_timer *timer = (struct tw_timer *)uv;
    timer->fn(timer->ctx);
}

struct tw_timer *tw_timer_new(struct tw_loop *loop, tw_loop_fn *fn, void *ctx)
{
    struct tw_timer *timer = calloc(1, sizeof *timer);
    if (timer == NULL) {
        return NULL;
    }
    timer->fn = fn;
    timer->ctx = ctx;
    (void)uv_timer_init(&loop->uv, &timer->uv); // cannot fail (libuv manual, "uv_timer_t")
    return timer;
}

void tw_timer_start(struct tw_timer *timer, int64_t in_ms)
{
    (void)uv_timer_start(&timer->uv, on_timer, in_ms > 0 ? (uint64_t)in_ms : 0, 0);
}

void tw_timer_stop(struct tw_timer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

void tw_timer_close(struct tw_timer *timer)
{
    if (timer != NULL) {
        uv_close((uv_handle_t *)&timer->uv, free_handle);
    }
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct tw_watch *watch = (struct tw_watch *)uv;
    short revents = 0;
    if (status < 0) {
        revents = POLLERR;
    }
    revents = (short)(revents | ((events & UV_READABLE) != 0 ? POLLIN : 0));
    revents = (short)(revents | ((events & UV_WRITABLE) != 0 ? POLLOUT : 0));
    revents = (short)(revents | ((events & UV_DISCONNECT) != 0 ? POLLHUP : 0));
    watch->fn(watch->ctx, revents);
}

struct tw_watch *tw_watch_new(struct tw_loop *loop, int fd, tw_watch_fn *fn, void *ctx)
{
    struct tw_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->fn = fn;
    watch->ctx = ctx;
    if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
        free(watch);
        return NULL;
    }
    return watch;
}

void tw_watch_events(struct tw_watch *watch, short events)
{
    int wanted = ((events & POLLIN) != 0 ? UV_READABLE | UV_DISCONNECT : 0) |
                 ((events & POLLOUT) != 0 ? UV_WRITABLE : 0);
    if (wanted == 0) {
        (void)uv_poll_stop(&watch->uv);
    } else {
        (void)uv_poll_start(&watch->uv, wanted, on_poll);
    }
}

void tw_watch_close(struct tw_watch *watch)
{
    if (watch != NULL) {
        uv_close((uv_handle_t *)&watch->uv, free_handle);
    }
}
