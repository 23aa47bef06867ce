// SPDX-License-Identifier: Apache-2.0
//
// Batches that share a commit: many callers, one that fails, too many, wrong ones.
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "tests/fakes/journal_rig.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig_start(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_stop(*state);
    free(*state);
    return 0;
}

enum { CALLERS = 64, EACH = 20 };

struct caller {
    struct rig *rig;
    uint8_t ids[EACH][16];
    int failed;
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    for (int i = 0; i < EACH; i++) {
        struct tw_batch *batch = tw_batch_new();
        tw_batch_time(batch, &caller->rig->clock.clock);
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{\"n\":1}"));
        struct tw_journal_result result = rig_submit(caller->rig, batch);
        caller->failed += result.error != TW_OK;
        memcpy(caller->ids[i], result.id, sizeof result.id);
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void callers_share_commits(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct caller *callers = calloc(CALLERS, sizeof *callers);
    assert_non_null(callers);
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i].rig = rig;
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    uint8_t(*ids)[16] = calloc(CALLERS * EACH, sizeof *ids);
    assert_non_null(ids);
    for (int i = 0; i < CALLERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].failed, 0);
        memcpy(ids[i * EACH], callers[i].ids, sizeof callers[i].ids);
    }
    qsort(ids, CALLERS * EACH, sizeof *ids, compare_ids);
    struct tw_rows *rows = rig_read_for(rig, 1, CALLERS * EACH, 20000);
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(stats.events, CALLERS * EACH);
    assert_true(stats.commits < CALLERS * EACH / 2);
    uint64_t got = 0;
    while (got < CALLERS * EACH) {
        rig_check_chain(rows, NULL);
        for (size_t i = 0; i < rows->count; i++) {
            char text[37];
            uint8_t id[16];
            rig_attribute(rows->rows[i].bytes, "id", text, sizeof text);
            assert_int_equal(tw_uuid_parse(text, id), TW_OK);
            assert_memory_equal(id, ids[got], sizeof id); // ids are made in the order of the sequence
            got++;
        }
        tw_rows_free(rows);
        rig_ack(rig, got); // only so much may be out at a time
        rows = got < CALLERS * EACH ? rig_read(rig, got + 1) : NULL;
    }
    free(ids);
    free(callers);
}

static void take_result(void *ctx, const struct tw_journal_result *result)
{
    *(struct tw_journal_result *)ctx = *result;
}

// Who hands over much at once gets one commit for it.
static void what_is_held_shares_a_commit(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    uint64_t before = rig_stats(rig).commits;
    struct tw_journal_result results[5];
    struct tw_buf lane = {0};
    tw_journal_hold(rig->journal, true);
    for (int i = 0; i < 5; i++) {
        results[i].error = 1;
        struct tw_batch *batch = rig_batch(rig);
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{\"n\":1}"));
        assert_int_equal(tw_journal_submit(rig->journal, batch, take_result, &results[i]), TW_OK);
        (void)usleep(2000); // time for a thread that was woken
    }
    tw_journal_hold(rig->journal, false);
    assert_int_equal(tw_journal_lane(rig->journal, "07", &lane), TW_OK); // answered behind them
    for (int i = 0; i < 5; i++) {
        assert_int_equal(results[i].error, TW_OK);
    }
    assert_int_equal(rig_stats(rig).commits, before + 1);
}

// Whatever else comes takes along what is held.
static void what_is_held_holds_nobody_else(void **state)
{
    struct rig *rig = *state;
    struct tw_journal_result result = {.error = 1};
    struct tw_buf lane = {0};
    rig_open(rig);
    tw_journal_hold(rig->journal, true);
    assert_int_equal(tw_journal_submit(rig->journal, rig_batch(rig), take_result, &result), TW_OK);
    assert_int_equal(tw_journal_lane(rig->journal, "07", &lane), TW_OK);
    assert_int_equal(result.error, TW_OK);
    tw_journal_hold(rig->journal, false);
}

struct hold {
    sem_t held, release;
};

static void hold_writer(void *ctx, const struct tw_journal_result *result)
{
    (void)result;
    struct hold *hold = ctx;
    (void)sem_post(&hold->held);
    (void)sem_wait(&hold->release);
}

static void begin_hold(struct rig *rig, struct hold *hold)
{
    (void)sem_init(&hold->held, 0, 0);
    (void)sem_init(&hold->release, 0, 0);
    assert_int_equal(tw_journal_submit(rig->journal, rig_batch(rig), hold_writer, hold), TW_OK);
    (void)sem_wait(&hold->held);
}

// Five batches in one group, of which the third has one event more; the fourth has the third's sale with
// another total. Returns the commits it took.
static uint64_t run_five(struct rig *rig, struct tw_slice more, struct tw_journal_result results[5])
{
    const uint8_t boot[16] = {7};
    struct hold hold;
    begin_hold(rig, &hold);
    uint64_t commits = rig_stats(rig).commits;
    for (int i = 0; i < 5; i++) {
        struct tw_batch *batch = rig_batch(rig);
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{}"));
        if (i == 2 || i == 3) {
            tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, "0042/07/1", "0042/07/1",
                          tw_slice_of(i == 2 ? "{\"total\":1}" : "{\"total\":2}"));
        }
        if (i == 2) {
            tw_batch_tap(batch, "printer", boot, 77, tw_slice_of("x"));
            tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", more);
        }
        results[i].error = 1;
        assert_int_equal(tw_journal_submit(rig->journal, batch, take_result, &results[i]), TW_OK);
    }
    (void)sem_post(&hold.release);
    rig_add(rig, 9, NULL);
    return rig_stats(rig).commits - commits;
}

static void check_others(struct rig *rig, const struct tw_journal_result results[5])
{
    for (int i = 0; i < 5; i++) {
        assert_int_equal(results[i].error, i == 2 ? TW_ERR_TOO_LARGE : TW_OK);
    }
    assert_int_equal(results[3].outcome, TW_OUTCOME_NEW);
    assert_int_equal(rig_stats(rig).last_error, TW_OK);
    struct tw_journal_tap tap;
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_false(tap.known);
    struct tw_rows *rows = rig_read(rig, 1);
    assert_int_equal(rows->count, 6);
    rig_check_chain(rows, ZEROS);
    tw_rows_free(rows);
}

// What cannot be written is seen before anything of its batch is: the others share their commit.
static void one_that_is_too_large_fails_alone(void **state)
{
    struct rig *rig = *state;
    struct tw_journal_result results[5];
    struct tw_buf large = {0};
    rig_open(rig);
    tw_buf_printf(&large, "{%*s}", TW_EVENT_MAX_BYTES - 2, "");
    assert_in_range(run_five(rig, tw_buf_slice(&large), results), 1, 2);
    check_others(rig, results);
    tw_buf_free(&large);
}

// It becomes too large only when the sale's id is put in, and so when half of its batch is written: the
// others get a commit each, as if it had never been there.
static void one_that_fails_halfway_fails_alone(void **state)
{
    struct rig *rig = *state;
    struct tw_journal_result results[5];
    struct tw_buf large = {0};
    rig_open(rig);
    tw_buf_add_text(&large, "{\"ids\":\"");
    while (large.len < TW_EVENT_MAX_BYTES / 10 * 9) {
        tw_buf_add_text(&large, TW_BATCH_SALE_ID);
    }
    tw_buf_add_text(&large, "\"}");
    assert_in_range(run_five(rig, tw_buf_slice(&large), results), 4, 6);
    check_others(rig, results);
    // Alone it is no trouble of the journal's either.
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, "0042/07/2", "0042/07/2", tw_slice_of("{}"));
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_buf_slice(&large));
    assert_int_equal(rig_submit(rig, batch).error, TW_ERR_TOO_LARGE);
    assert_int_equal(rig_stats(rig).last_error, TW_OK);
    tw_buf_free(&large);
}

// Submits one that reaches `offset` upon the place `upon`.
static void go_upon(struct rig *rig, uint64_t upon, uint64_t offset, struct tw_slice data,
                    struct tw_journal_result *result)
{
    const uint8_t boot[16] = {7};
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", data);
    tw_batch_tap(batch, "printer", boot, offset, tw_slice_of("x"));
    tw_batch_tap_upon(batch, boot, upon, tw_slice_of("x"));
    result->error = 1;
    assert_int_equal(tw_journal_submit(rig->journal, batch, take_result, result), TW_OK);
}

// P3: of batches that were submitted one behind the other none is kept without the one ahead of it, whether
// that was refused or there is another one in its place.
static void p3_none_is_kept_without_the_one_ahead(void **state)
{
    struct rig *rig = *state;
    const uint8_t boot[16] = {7};
    struct tw_journal_result results[6];
    struct tw_buf large = {0};
    struct hold hold;
    struct tw_slice small = tw_slice_of("{}");
    rig_open(rig);
    tw_buf_printf(&large, "{%*s}", TW_EVENT_MAX_BYTES - 2, "");
    begin_hold(rig, &hold);
    go_upon(rig, 0, 5, small, &results[0]); // nothing is stored yet
    struct tw_batch *first = rig_batch(rig);
    tw_batch_tap(first, "printer", boot, 10, tw_slice_of("x"));
    assert_int_equal(tw_journal_submit(rig->journal, first, take_result, &results[1]), TW_OK);
    go_upon(rig, 10, 20, small, &results[2]);
    go_upon(rig, 20, 30, tw_buf_slice(&large), &results[3]);
    go_upon(rig, 30, 40, small, &results[4]);
    go_upon(rig, 20, 30, small, &results[5]);
    (void)sem_post(&hold.release);
    rig_add(rig, 9, NULL);
    static const int expected[6] = {TW_ERR_AGAIN, TW_OK, TW_OK, TW_ERR_TOO_LARGE, TW_ERR_AGAIN, TW_OK};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(results[i].error, expected[i]);
    }
    struct tw_journal_tap tap;
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_int_equal(tap.offset, 30);
    assert_int_equal(rig_stats(rig).last_error, TW_OK);
    tw_buf_free(&large);
    struct tw_batch *lost = rig_batch(rig); // upon a place of no tap
    tw_batch_tap_upon(lost, boot, 1, tw_slice_of("x"));
    assert_int_equal(rig_submit(rig, lost).error, TW_ERR_INVALID);
}

static void too_much_waiting_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct hold hold;
    begin_hold(rig, &hold);
    int taken = 0;
    int rc = TW_OK;
    while (rc == TW_OK && taken < 5000) {
        struct tw_batch *batch = rig_batch(rig);
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{}"));
        rc = tw_journal_submit(rig->journal, batch, NULL, NULL);
        taken += rc == TW_OK;
    }
    assert_int_equal(rc, TW_ERR_FULL);
    assert_int_equal(taken, 1024);
    (void)sem_post(&hold.release);
    rig_reopen(rig); // closing commits what was submitted
    assert_int_equal(rig_stats(rig).queued_events, taken);
}

static void wrong_batches_are_refused(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct tw_batch *untimed = tw_batch_new();
    tw_batch_event(untimed, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{}"));
    assert_int_equal(rig_submit(rig, untimed).error, TW_ERR_INVALID);
    struct tw_batch *text = rig_batch(rig);
    tw_batch_event(text, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("\"text\""));
    assert_int_equal(rig_submit(rig, text).error, TW_ERR_INVALID);
    struct tw_batch *nobody = rig_batch(rig);
    tw_batch_event(nobody, TW_EVENT_LOYALTY_SCANNED, "", tw_slice_of("{}"));
    assert_int_equal(rig_submit(rig, nobody).error, TW_ERR_INVALID);
    struct tw_batch *twice = rig_batch(rig);
    tw_batch_sale(twice, TW_EVENT_SALE_COMPLETED, "k", "k", tw_slice_of("{}"));
    tw_batch_sale(twice, TW_EVENT_SALE_COMPLETED, "l", "l", tw_slice_of("{}"));
    assert_int_equal(rig_submit(rig, twice).error, TW_ERR_INVALID);
    assert_int_equal(rig_stats(rig).next_sequence, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(callers_share_commits),
        T(what_is_held_shares_a_commit),
        T(what_is_held_holds_nobody_else),
        T(one_that_is_too_large_fails_alone),
        T(one_that_fails_halfway_fails_alone),
        T(p3_none_is_kept_without_the_one_ahead),
        T(too_much_waiting_is_refused),
        T(wrong_batches_are_refused),
    };
    return cmocka_run_group_tests_name("journal_group", tests, NULL, NULL);
}
