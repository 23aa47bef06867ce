// SPDX-License-Identifier: Apache-2.0
//
// agent/loop: posts from other threads keep their order and are run before the loop is freed;
// timers and watches fire, and closing them in their own callback is allowed.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "tillwire/loop.h"

#define POSTS 2000

struct world {
    struct tw_loop *loop;
    struct tw_timer *timer;
    struct tw_watch *watch;
    int order;
    int fired;
    int pipe[2];
};

struct numbered {
    struct world *world;
    int number;
};

static void in_order(void *ctx)
{
    struct numbered *post = ctx;
    assert_int_equal(post->number, post->world->order);
    post->world->order++;
    if (post->number == POSTS - 1) {
        tw_loop_stop(post->world->loop);
    }
}

static void *poster(void *ctx)
{
    struct numbered *posts = ctx;
    for (int i = 0; i < POSTS; i++) {
        assert_int_equal(tw_loop_post(posts[0].world->loop, in_order, &posts[i]), TW_OK);
    }
    return NULL;
}

static void posts_keep_their_order(void **state)
{
    (void)state;
    struct world world = {0};
    static struct numbered posts[POSTS];
    assert_int_equal(tw_loop_new(&world.loop), TW_OK);
    for (int i = 0; i < POSTS; i++) {
        posts[i] = (struct numbered){&world, i};
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, poster, posts), 0);
    assert_int_equal(tw_loop_run(world.loop), TW_OK);
    (void)pthread_join(thread, NULL);
    assert_int_equal(world.order, POSTS);
    tw_loop_free(world.loop);
}

static void posts_run_before_free(void **state)
{
    (void)state;
    struct world world = {0};
    struct numbered post = {&world, 0};
    assert_int_equal(tw_loop_new(&world.loop), TW_OK);
    assert_int_equal(tw_loop_post(world.loop, in_order, &post), TW_OK);
    tw_loop_free(world.loop);
    assert_int_equal(world.order, 1);
}

static void readable(void *ctx, short revents)
{
    struct world *world = ctx;
    char byte = 0;
    assert_true((revents & POLLIN) != 0);
    assert_int_equal(read(world->pipe[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    tw_watch_close(world->watch);
    tw_loop_stop(world->loop);
}

static void timed(void *ctx)
{
    struct world *world = ctx;
    if (++world->fired < 3) {
        tw_timer_start(world->timer, 1);
        return;
    }
    tw_timer_close(world->timer);
    assert_int_equal(write(world->pipe[1], "x", 1), 1);
}

static void timers_and_watches_fire(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(pipe(world.pipe), 0);
    assert_int_equal(tw_loop_new(&world.loop), TW_OK);
    world.timer = tw_timer_new(world.loop, timed, &world);
    world.watch = tw_watch_new(world.loop, world.pipe[0], readable, &world);
    assert_non_null(world.timer);
    assert_non_null(world.watch);
    tw_watch_events(world.watch, POLLIN);
    tw_timer_start(world.timer, 0);
    assert_int_equal(tw_loop_run(world.loop), TW_OK);
    assert_int_equal(world.fired, 3);
    assert_non_null(tw_timer_new(world.loop, timed, &world)); // left open: freed with the loop
    tw_loop_free(world.loop);
    (void)close(world.pipe[0]);
    (void)close(world.pipe[1]);
}

static void hung_up(void *ctx)
{
    struct world *world = ctx;
    if (++world->fired < 2) {
        assert_int_equal(raise(SIGHUP), 0);
        return;
    }
    tw_loop_stop(world->loop);
}

// SIGHUP runs what was asked for, and does not end the loop.
static void hangups_are_told(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(tw_loop_new(&world.loop), TW_OK);
    assert_int_equal(tw_loop_on_hangup(world.loop, hung_up, &world), TW_OK);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(tw_loop_run(world.loop), TW_OK);
    assert_int_equal(world.fired, 2);
    tw_loop_free(world.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_keep_their_order),
        cmocka_unit_test(posts_run_before_free),
        cmocka_unit_test(timers_and_watches_fire),
        cmocka_unit_test(hangups_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
