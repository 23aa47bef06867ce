// SPDX-License-Identifier: Apache-2.0
//
// Which day a sale gets that says none of its own, and what is answered when it comes again.
#include "tests/fakes/lane_world.h"

#define DAY_MS INT64_C(86400000)

// The lane's clock is a day off; the journal's, of which the ids are, is not.
struct shifted {
    struct tw_clock clock;
    const struct tw_clock *real;
    int64_t by_ms;
};

static int64_t shifted_wall_ms(const struct tw_clock *clock)
{
    const struct shifted *shifted = (const struct shifted *)clock;
    return shifted->real->wall_ms(shifted->real) + shifted->by_ms;
}

static int64_t shifted_monotonic_ms(const struct tw_clock *clock)
{
    const struct shifted *shifted = (const struct shifted *)clock;
    return shifted->real->monotonic_ms(shifted->real);
}

static enum tw_clock_trust vouched_for(const struct tw_clock *clock)
{
    (void)clock;
    return TW_CLOCK_OK;
}

static void shift(struct world *world, struct shifted *shifted, int64_t by_ms)
{
    *shifted = (struct shifted){
        .clock = {.wall_ms = shifted_wall_ms, .monotonic_ms = shifted_monotonic_ms, .trust = vouched_for},
        .real = world->clock,
        .by_ms = by_ms};
    memcpy(shifted->clock.boot, world->clock->boot, sizeof shifted->clock.boot);
    world->lane->with.clock = &shifted->clock;
}

static void note_transaction(void *ctx, const struct tw_lane_answer *answer)
{
    struct world *world = ctx;
    assert_non_null(answer->transaction_id);
    (void)snprintf(world->transaction_id, sizeof world->transaction_id, "%s", answer->transaction_id);
    world_answered(ctx, answer);
}

// `day`: NULL for a sale that says none.
static void ask(struct world *world, const char *day, const char *key)
{
    char body[512];
    struct tw_sale *sale = NULL;
    struct tw_error_text err = {0};
    int len = snprintf(body, sizeof body,
                       "{\"kind\":\"sale\",\"receipt_number\":\"1001\",\"total\":400,\"lines\":[{"
                       "\"kind\":\"item\",\"description\":\"TEA\",\"quantity\":\"1\",\"amount\":400}],"
                       "\"tenders\":[{\"type\":\"cash\",\"amount\":400}]");
    if (day != NULL) {
        len += snprintf(body + len, sizeof body - (size_t)len, ",\"business_day\":\"%s\"", day);
    }
    (void)snprintf(body + len, sizeof body - (size_t)len, "}");
    if (tw_sale_from_request(tw_slice_of(body), world->rules, &sale, &err, NULL, 0) != TW_OK) {
        fail_msg("%s", err.text);
    }
    tw_lane_sale(world->lane, sale, key, tw_slice_of(body), note_transaction, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
}

static void day_of(struct world *world, int64_t by_ms, char out[11])
{
    tw_lane_day(world->clock->wall_ms(world->clock) + by_ms, out);
}

// P3: what says no day of its own and comes again on the next one gets the first answer.
static void a_repeat_on_the_next_day_gets_the_first_answer(void **state)
{
    struct world *world = *state;
    struct shifted later;
    char id[37], transaction_id[TW_TRANSACTION_ID_MAX];
    ask(world, NULL, "key");
    memcpy(id, world->id, sizeof id);
    memcpy(transaction_id, world->transaction_id, sizeof transaction_id);
    shift(world, &later, DAY_MS);
    ask(world, NULL, "key");
    world->lane->with.clock = world->clock;
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    assert_string_equal(world->id, id);
    assert_string_equal(world->transaction_id, transaction_id);
}

// A till whose clock is ahead says tomorrow shortly before midnight, and the same sale comes by another way
// after it: it is known under tomorrow, and that is what is answered, whatever day its id is of.
static void a_second_witness_gets_the_day_the_sale_is_known_under(void **state)
{
    struct world *world = *state;
    struct shifted later;
    char tomorrow[11], expected[64];
    day_of(world, DAY_MS, tomorrow);
    (void)snprintf(expected, sizeof expected, "0042/07/%s/1001", tomorrow);
    ask(world, tomorrow, NULL);
    assert_string_equal(world->transaction_id, expected);
    shift(world, &later, DAY_MS);
    ask(world, NULL, NULL);
    world->lane->with.clock = world->clock;
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    assert_string_equal(world->transaction_id, expected);
}

// P12: ids never step back. After a clock that was ahead is right again they are of a day to come, for a
// while: no sale is of that day.
static void an_id_of_a_day_to_come_says_nothing_of_the_day(void **state)
{
    struct world *world = *state;
    struct shifted right;
    char day[11], expected[64];
    shift(world, &right, -DAY_MS);
    day_of(world, -DAY_MS, day);
    (void)snprintf(expected, sizeof expected, "0042/07/%s/1001", day);
    ask(world, NULL, "key");
    assert_string_equal(world->transaction_id, expected);
    ask(world, NULL, "key");
    world->lane->with.clock = world->clock;
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    assert_string_equal(world->transaction_id, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repeat_on_the_next_day_gets_the_first_answer, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_second_witness_gets_the_day_the_sale_is_known_under, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(an_id_of_a_day_to_come_says_nothing_of_the_day, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
