// SPDX-License-Identifier: Apache-2.0
//
// agent/lane/displays: who is greeted at which workstation, while answers of the member store come late, in
// any order, or not at all. Loop, member store and devices are played by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/lane/greeting.h"
#include "agent/lane/parts.h"

#define ANNA "v1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BERT "v1:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum { DISPLAYS = 2, QUESTIONS = 8 };

struct tw_lane_device {
    char upper[81];
    unsigned shows;
};

struct tw_timer {
    tw_loop_fn *fn;
    void *ctx;
    int64_t in_ms; // -1: it does not run
};

struct tw_members {
    tw_member_fn *done[QUESTIONS];
    void *ctx[QUESTIONS];
    size_t count;
    int refuses;
};

struct tw_loop {
    struct tw_timer *timers[DISPLAYS];
    size_t count;
};

struct world {
    struct tw_lane lane;
    struct tw_config config;
    struct tw_clock clock;
    struct tw_loop loop;
    struct tw_members members;
    struct tw_lane_device devices[DISPLAYS];
};

// ---- the world ----

struct tw_timer *tw_timer_new(struct tw_loop *loop, tw_loop_fn *fn, void *ctx)
{
    struct tw_timer *timer = calloc(1, sizeof *timer);
    assert_non_null(timer);
    *timer = (struct tw_timer){fn, ctx, -1};
    loop->timers[loop->count++] = timer;
    return timer;
}

void tw_timer_start(struct tw_timer *timer, int64_t in_ms)
{
    timer->in_ms = in_ms;
}

void tw_timer_stop(struct tw_timer *timer)
{
    timer->in_ms = -1;
}

void tw_timer_close(struct tw_timer *timer)
{
    free(timer);
}

void tw_loop_hand(struct tw_loop *loop, struct tw_post *post, tw_loop_fn *fn, void *ctx)
{
    (void)loop;
    (void)post;
    fn(ctx);
}

void tw_seal_wipe(void *bytes, size_t len)
{
    explicit_bzero(bytes, len);
}

int tw_members_lookup(struct tw_members *members, const char *pseudonym, tw_member_fn *done, void *ctx)
{
    (void)pseudonym;
    if (members->refuses != 0) {
        return members->refuses;
    }
    assert_true(members->count < QUESTIONS);
    members->done[members->count] = done;
    members->ctx[members->count++] = ctx;
    return TW_OK;
}

void tw_lane_device_show(struct tw_lane_device *device, const char *upper, const char *lower)
{
    (void)lower;
    (void)snprintf(device->upper, sizeof device->upper, "%s", upper);
    device->shows++;
}

static int64_t wall_ms(const struct tw_clock *clock)
{
    (void)clock;
    return 1000000000;
}

static struct world *new_world(void)
{
    static const struct tw_device_config configs[DISPLAYS] = {
        {.name = "own", .greeting = true, .text = "at 07"},
        {.name = "other", .greeting = true, .text = "at 08", .workstation = "08"}};
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->config.terminal = "07";
    world->clock.wall_ms = wall_ms;
    world->lane.with = (struct tw_lane_options){
        .config = &world->config, .clock = &world->clock, .loop = &world->loop, .members = &world->members};
    for (size_t i = 0; i < DISPLAYS; i++) {
        assert_int_equal(tw_lane_display_add(&world->lane, &configs[i], &world->devices[i], NULL), TW_OK);
    }
    return world;
}

static void end_world(struct world *world)
{
    tw_lane_displays_free(&world->lane);
    free(world);
}

// The store's answer to question `n`; of a miss it says nothing but that.
static void answer(struct world *world, size_t n, const char *pseudonym)
{
    struct tw_member member = {.found = pseudonym != NULL};
    (void)snprintf(member.pseudonym, sizeof member.pseudonym, "%s", pseudonym != NULL ? pseudonym : "");
    world->members.done[n](world->members.ctx[n], &member);
}

static void expect(const struct world *world, const char *own, const char *other)
{
    assert_string_equal(world->devices[0].upper, own);
    assert_string_equal(world->devices[1].upper, other);
}

// ---- tests ----

// The same card, first here and then there.
static void a_member_is_greeted_where_the_card_was_scanned(void **state)
{
    (void)state;
    struct world *world = new_world();
    tw_lane_greet(&world->lane, "07", ANNA);
    answer(world, 0, ANNA);
    expect(world, "at 07", "");
    tw_lane_greet(&world->lane, "08", ANNA);
    answer(world, 1, ANNA);
    expect(world, "at 07", "at 08");
    assert_int_equal(world->devices[0].shows, 1);
    tw_lane_greeting_over(&world->lane, "07");
    expect(world, "", "at 08");
    tw_lane_greet(&world->lane, "09", BERT); // nobody looks there, so nobody asks
    assert_int_equal(world->members.count, 2);
    end_world(world);
}

// Who was not found, or could not be asked for, is not greeted by another one's answer.
static void p11_who_was_not_found_is_not_waited_for(void **state)
{
    (void)state;
    struct world *world = new_world();
    tw_lane_greet(&world->lane, "07", ANNA);
    tw_lane_greet(&world->lane, "07", ANNA); // twice in a row
    answer(world, 0, NULL);
    answer(world, 1, ANNA);
    expect(world, "", "");
    tw_lane_greet(&world->lane, "07", BERT);
    world->members.refuses = TW_ERR_FULL;
    tw_lane_greet(&world->lane, "07", BERT);
    world->members.refuses = 0;
    tw_lane_greet(&world->lane, "08", BERT);
    answer(world, 2, BERT);
    expect(world, "", "");
    answer(world, 3, BERT);
    expect(world, "", "at 08");
    end_world(world);
}

// Erased between two answers: what is shown goes.
static void p11_who_is_not_known_any_more_goes(void **state)
{
    (void)state;
    struct world *world = new_world();
    tw_lane_greet(&world->lane, "07", ANNA);
    tw_lane_greet(&world->lane, "07", ANNA);
    answer(world, 0, ANNA);
    expect(world, "at 07", "");
    answer(world, 1, NULL);
    expect(world, "", "");
    end_world(world);
}

static void an_answer_that_never_came_in_time_is_nobodys(void **state)
{
    (void)state;
    struct world *world = new_world();
    tw_lane_greet(&world->lane, "07", ANNA);
    assert_int_equal(world->loop.timers[0]->in_ms, TW_GREETING_MS);
    assert_int_equal(world->loop.timers[1]->in_ms, -1);
    world->loop.timers[0]->fn(world->loop.timers[0]->ctx);
    answer(world, 0, ANNA);
    expect(world, "", "");
    tw_lane_greet(&world->lane, "07", ANNA);
    answer(world, 1, ANNA);
    assert_int_equal(world->loop.timers[0]->in_ms, TW_GREETING_MS);
    world->loop.timers[0]->fn(world->loop.timers[0]->ctx);
    expect(world, "", "");
    end_world(world);
}

// P11: nothing of a member is left on a display that nobody would clear.
static void p11_a_greeting_does_not_outlive_the_agent(void **state)
{
    (void)state;
    struct world *world = new_world();
    tw_lane_greet(&world->lane, "07", ANNA);
    tw_lane_greet(&world->lane, "08", BERT);
    answer(world, 0, ANNA);
    tw_lane_displays_free(&world->lane);
    expect(world, "", "");
    assert_int_equal(world->devices[1].shows, 0); // it was blank
    answer(world, 1, BERT);                       // too late, and that hurts nobody
    assert_int_equal(world->devices[1].shows, 0);
    end_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_greeted_where_the_card_was_scanned),
        cmocka_unit_test(p11_who_was_not_found_is_not_waited_for),
        cmocka_unit_test(p11_who_is_not_known_any_more_goes),
        cmocka_unit_test(an_answer_that_never_came_in_time_is_nobodys),
        cmocka_unit_test(p11_a_greeting_does_not_outlive_the_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
