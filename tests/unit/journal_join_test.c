// SPDX-License-Identifier: Apache-2.0
//
// Batches that come while the writer thread writes others: they join, up to a bound, and pass nobody.
#include <pthread.h>
#include <semaphore.h>

#include "tests/fakes/journal_rig.h"

// While the writer thread writes a batch it reads the clock; then somebody submits the next ones.
struct meanwhile {
    struct rig rig; // its clock is the journal's
    void (*submit)(struct meanwhile *meanwhile);
    int times; // to submit
    bool busy; // submitting reads the clock, too
    int turn;  // of the scan submitted last
    int to_tell;
    sem_t all_told, acknowledged;
    pthread_t test;
    char epoch[37];
};

static int64_t read_clock(const struct tw_clock *clock)
{
    union {
        const struct tw_clock *clock;
        char *at;
    } of = {clock};
    struct meanwhile *meanwhile = (void *)(of.at - offsetof(struct meanwhile, rig.clock.clock));
    if (pthread_equal(pthread_self(), meanwhile->test) == 0 && !meanwhile->busy && meanwhile->times > 0) {
        meanwhile->busy = true;
        meanwhile->times--;
        meanwhile->submit(meanwhile);
        meanwhile->busy = false;
    }
    return manual_clock_wall(clock);
}

static int set_up(void **state)
{
    struct meanwhile *meanwhile = calloc(1, sizeof *meanwhile);
    assert_non_null(meanwhile);
    meanwhile->test = pthread_self();
    (void)sem_init(&meanwhile->all_told, 0, 0);
    (void)sem_init(&meanwhile->acknowledged, 0, 0);
    rig_start(&meanwhile->rig);
    meanwhile->rig.clock.clock.wall_ms = read_clock;
    rig_open(&meanwhile->rig);
    rig_add(&meanwhile->rig, 1, NULL);
    struct tw_rows *rows = rig_read(&meanwhile->rig, 1);
    memcpy(meanwhile->epoch, rows->epoch, sizeof meanwhile->epoch);
    tw_rows_free(rows);
    *state = meanwhile;
    return 0;
}

static int tear_down(void **state)
{
    struct meanwhile *meanwhile = *state;
    rig_stop(&meanwhile->rig);
    free(meanwhile);
    return 0;
}

static void count_told(void *ctx, const struct tw_journal_result *result)
{
    struct meanwhile *meanwhile = ctx;
    assert_int_equal(result->error, TW_OK);
    if (--meanwhile->to_tell == 0) {
        (void)sem_post(&meanwhile->all_told);
    }
}

static void submit_scan(struct meanwhile *meanwhile)
{
    struct tw_batch *batch = rig_batch(&meanwhile->rig);
    char data[32];
    (void)snprintf(data, sizeof data, "{\"turn\":\"%03d\"}", ++meanwhile->turn);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of(data));
    assert_int_equal(tw_journal_submit(meanwhile->rig.journal, batch, count_told, meanwhile), TW_OK);
}

// One scan, and `submit` so many times while what came before is written. Gives the commits until all of
// `to_tell` were told.
static uint64_t commits_while(struct meanwhile *meanwhile, void (*submit)(struct meanwhile *), int times,
                              int to_tell)
{
    uint64_t before = rig_stats(&meanwhile->rig).commits;
    meanwhile->submit = submit;
    meanwhile->times = times;
    meanwhile->to_tell = to_tell;
    submit_scan(meanwhile);
    (void)sem_wait(&meanwhile->all_told);
    return rig_stats(&meanwhile->rig).commits - before;
}

// P4: every scan is there, in the order they were submitted.
static void check_order(struct meanwhile *meanwhile)
{
    static const char name[] = "\"turn\":\"";
    int turn = 0;
    uint64_t from = 1;
    while (turn < meanwhile->turn) {
        struct tw_rows *rows = rig_read(&meanwhile->rig, from);
        rig_check_chain(rows, NULL);
        for (size_t i = 0; i < rows->count; i++) {
            const struct tw_slice bytes = rows->rows[i].bytes;
            const char *at = memmem(bytes.ptr, bytes.len, name, sizeof name - 1);
            if (at != NULL) {
                assert_int_equal(strtol(at + sizeof name - 1, NULL, 10), ++turn);
            }
        }
        from = rows->rows[rows->count - 1].sequence + 1;
        tw_rows_free(rows);
    }
}

static void what_comes_meanwhile_joins(void **state)
{
    assert_int_equal(commits_while(*state, submit_scan, 5, 6), 1);
    assert_int_equal(commits_while(*state, submit_scan, 63, 64), 1);
    check_order(*state);
}

// Else those who came first would wait for ever.
static void no_group_grows_for_ever(void **state)
{
    assert_int_equal(commits_while(*state, submit_scan, 64, 65), 2);
    assert_int_equal(commits_while(*state, submit_scan, 150, 151), 3);
    check_order(*state);
}

// Three quarters of what an event may have.
static void submit_large_scan(struct meanwhile *meanwhile)
{
    struct tw_buf data = {0};
    struct tw_batch *batch = rig_batch(&meanwhile->rig);
    tw_buf_printf(&data, "{\"turn\":\"%03d\",\"words\":\"", ++meanwhile->turn);
    while (data.len < TW_EVENT_MAX_BYTES / 4 * 3) {
        tw_buf_add_text(&data, "and so on, ");
    }
    tw_buf_add_text(&data, "\"}");
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_buf_slice(&data));
    tw_buf_free(&data);
    assert_int_equal(tw_journal_submit(meanwhile->rig.journal, batch, count_told, meanwhile), TW_OK);
}

// A large one counts for 96 KiB, with the room for it packed: 22 are over 2 MiB, where 63 small ones would
// join.
static void no_group_grows_beyond_its_bytes(void **state)
{
    assert_int_equal(commits_while(*state, submit_large_scan, 63, 64), 3);
    check_order(*state);
}

static void post(void *ctx)
{
    (void)sem_post(ctx);
}

static void acknowledge_and_submit(struct meanwhile *meanwhile)
{
    assert_int_equal(
        tw_journal_acknowledge(meanwhile->rig.journal, meanwhile->epoch, 1, post, &meanwhile->acknowledged),
        TW_OK);
    submit_scan(meanwhile);
}

static void nobody_joins_past_an_acknowledgement(void **state)
{
    struct meanwhile *meanwhile = *state;
    assert_int_equal(commits_while(meanwhile, acknowledge_and_submit, 3, 4), 4);
    for (int i = 0; i < 3; i++) {
        (void)sem_wait(&meanwhile->acknowledged);
    }
}

// The next take has all three.
static void reject_acknowledge_and_submit(struct meanwhile *meanwhile)
{
    assert_int_equal(tw_journal_reject(meanwhile->rig.journal, meanwhile->epoch, 1, "no"), TW_OK);
    acknowledge_and_submit(meanwhile);
    meanwhile->submit = submit_scan; // while the rejection is written
}

// An acknowledgement ends the rejection's group; the scan behind it is older than who comes meanwhile.
static void nobody_joins_ahead_of_what_waits(void **state)
{
    struct meanwhile *meanwhile = *state;
    assert_int_equal(commits_while(meanwhile, reject_acknowledge_and_submit, 2, 3), 3);
    (void)sem_wait(&meanwhile->acknowledged);
    assert_int_equal(meanwhile->times, 0);
    check_order(meanwhile);
}

static void count_failed(void *ctx, const struct tw_journal_result *result)
{
    struct meanwhile *meanwhile = ctx;
    assert_int_equal(result->error, TW_ERR_TOO_LARGE);
    meanwhile->to_tell--;
}

// It becomes too large when the sale's id is put in: half of it is written then.
static void submit_growing(struct meanwhile *meanwhile)
{
    struct tw_buf large = {0};
    struct tw_batch *batch = rig_batch(&meanwhile->rig);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, "0042/07/2", "0042/07/2", tw_slice_of("{}"));
    tw_buf_add_text(&large, "{\"ids\":\"");
    while (large.len < TW_EVENT_MAX_BYTES / 10 * 9) {
        tw_buf_add_text(&large, TW_BATCH_SALE_ID);
    }
    tw_buf_add_text(&large, "\"}");
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_buf_slice(&large));
    tw_buf_free(&large);
    assert_int_equal(tw_journal_submit(meanwhile->rig.journal, batch, count_failed, meanwhile), TW_OK);
    submit_scan(meanwhile);
    meanwhile->submit = submit_scan;
}

// P3: those of a spoilt group get a commit each, which nobody joins: he would get two. Nor does anybody join
// it once it is spoilt: the two scans beside the growing sale get their own, those who came later one
// together.
static void nobody_joins_who_was_spoilt(void **state)
{
    assert_int_equal(commits_while(*state, submit_growing, 4, 6), 3);
    check_order(*state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_comes_meanwhile_joins),           T(no_group_grows_for_ever),
        T(nobody_joins_past_an_acknowledgement), T(nobody_joins_ahead_of_what_waits),
        T(nobody_joins_who_was_spoilt),          T(no_group_grows_beyond_its_bytes),
    };
    return cmocka_run_group_tests_name("journal_join", tests, NULL, NULL);
}
