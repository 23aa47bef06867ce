// SPDX-License-Identifier: Apache-2.0
//
// The journal's own time: what has certainly passed counts, and nothing else (P3, P12).
#include "agent/journal/lived.h"

#include "tests/fakes/store_rig.h"

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

struct world {
    struct rig rig;
    struct tw_store *store;
    struct tw_lived lived;
};

static void look(struct world *world)
{
    world->lived = (struct tw_lived){.clock = &world->rig.clock.clock, .marks = &world->store->marks};
    assert_int_equal(tw_lived_open(&world->lived), TW_OK);
}

static void save(struct world *world)
{
    assert_int_equal(tw_db_begin(world->store->db), TW_OK);
    assert_int_equal(tw_lived_save(&world->lived), TW_OK);
    assert_int_equal(tw_db_commit(world->store->db), TW_OK);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rig_start(&world->rig);
    world->store = store_open(&world->rig);
    look(world);
    save(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    tw_store_close(world->store);
    rig_stop(&world->rig);
    free(world);
    return 0;
}

static void advance(struct world *world, int64_t ms)
{
    world->rig.clock.wall_ms += ms;
    world->rig.clock.monotonic_ms += ms;
}

// The machine goes off and on again after so long.
static void turn_off(struct world *world, int64_t off_ms, enum tw_clock_trust trust)
{
    struct manual_clock *clock = &world->rig.clock;
    clock->clock.boot[0] = (char)(clock->clock.boot[0] == '9' ? '1' : clock->clock.boot[0] + 1);
    clock->wall_ms += off_ms;
    clock->monotonic_ms = 3000;
    clock->trust = (int)trust;
    look(world);
}

static int64_t lived_ms(struct world *world)
{
    return tw_lived_now(&world->lived) - TW_LIVED_BEGIN_MS;
}

static void what_runs_is_counted_over_restarts_of_the_agent(void **state)
{
    struct world *world = *state;
    advance(world, HOUR_MS);
    save(world);
    advance(world, HOUR_MS);
    look(world);
    assert_int_equal(lived_ms(world), 2 * HOUR_MS);
    world->rig.clock.monotonic_ms -= HOUR_MS; // cannot be, and then counts for nothing
    assert_int_equal(lived_ms(world), 2 * HOUR_MS);
    advance(world, HOUR_MS);
    assert_int_equal(lived_ms(world), 3 * HOUR_MS);
}

static void P12_no_jump_of_the_wall_clock_counts(void **state)
{
    struct world *world = *state;
    for (int trust = TW_CLOCK_OK; trust <= TW_CLOCK_SUSPECT; trust++) {
        world->rig.clock.trust = trust;
        world->rig.clock.wall_ms += 3650 * DAY_MS;
        assert_int_equal(lived_ms(world), 0);
        save(world);
        look(world);
        assert_int_equal(lived_ms(world), 0);
        world->rig.clock.wall_ms -= 7300 * DAY_MS;
        assert_int_equal(lived_ms(world), 0);
    }
}

static void being_off_counts_between_two_clocks_that_are_vouched_for(void **state)
{
    struct world *world = *state;
    advance(world, HOUR_MS); // after it was stored, but before it went off: counts with the rest
    turn_off(world, 8 * DAY_MS, TW_CLOCK_UNSYNCHRONISED);
    advance(world, HOUR_MS);
    assert_int_equal(lived_ms(world), HOUR_MS);
    world->rig.clock.trust = TW_CLOCK_OK;
    assert_int_equal(lived_ms(world), 8 * DAY_MS + 2 * HOUR_MS);
    assert_true(world->lived.is_due);
    world->rig.clock.wall_ms += DAY_MS;
    assert_int_equal(lived_ms(world), 8 * DAY_MS + 2 * HOUR_MS);
}

static void a_clock_that_fell_back_while_off_takes_nothing_away(void **state)
{
    struct world *world = *state;
    turn_off(world, -8 * DAY_MS, TW_CLOCK_OK);
    advance(world, HOUR_MS);
    assert_int_equal(lived_ms(world), HOUR_MS);
}

// Whether a key was dated before or after, an unknown night must not make it older.
static void P3_being_off_counts_for_nothing_once_something_is_dated(void **state)
{
    struct world *world = *state;
    turn_off(world, 8 * DAY_MS, TW_CLOCK_UNSYNCHRONISED);
    int64_t dated_ms = tw_lived_date(&world->lived);
    assert_true(world->lived.is_due);
    save(world);
    world->rig.clock.trust = TW_CLOCK_OK;
    assert_int_equal(tw_lived_now(&world->lived), dated_ms);
    look(world); // nor when the agent starts again
    assert_int_equal(tw_lived_now(&world->lived), dated_ms);
    save(world);
    turn_off(world, DAY_MS, TW_CLOCK_OK); // the next one counts, alone
    assert_int_equal(tw_lived_now(&world->lived), dated_ms + DAY_MS);
}

static void P3_nor_does_it_later_when_nobody_vouched_in_between(void **state)
{
    struct world *world = *state;
    turn_off(world, 8 * DAY_MS, TW_CLOCK_UNSYNCHRONISED);
    int64_t dated_ms = tw_lived_date(&world->lived);
    save(world);
    turn_off(world, DAY_MS, TW_CLOCK_OK);
    assert_int_equal(tw_lived_now(&world->lived), dated_ms);
}

static void nights_add_up_while_nothing_is_dated(void **state)
{
    struct world *world = *state;
    turn_off(world, 3 * DAY_MS, TW_CLOCK_SUSPECT);
    advance(world, HOUR_MS);
    save(world);
    turn_off(world, 4 * DAY_MS, TW_CLOCK_OK);
    assert_int_equal(lived_ms(world), 7 * DAY_MS + HOUR_MS);
}

// A kernel that does not tell: each start may be another boot.
static void boots_without_a_name_are_not_the_same(void **state)
{
    struct world *world = *state;
    (void)strcpy(world->rig.clock.clock.boot, "00000000-0000-0000-0000-000000000000");
    world->rig.clock.trust = TW_CLOCK_UNSYNCHRONISED;
    look(world);
    (void)tw_lived_date(&world->lived);
    save(world);
    world->rig.clock.monotonic_ms += 30 * DAY_MS;
    look(world);
    assert_int_equal(lived_ms(world), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_runs_is_counted_over_restarts_of_the_agent),
        T(P12_no_jump_of_the_wall_clock_counts),
        T(being_off_counts_between_two_clocks_that_are_vouched_for),
        T(a_clock_that_fell_back_while_off_takes_nothing_away),
        T(P3_being_off_counts_for_nothing_once_something_is_dated),
        T(P3_nor_does_it_later_when_nobody_vouched_in_between),
        T(nights_add_up_while_nothing_is_dated),
        T(boots_without_a_name_are_not_the_same),
    };
    return cmocka_run_group_tests_name("lived", tests, NULL, NULL);
}
