// SPDX-License-Identifier: Apache-2.0
//
// P9: damage that is met while the journal is open. Whoever ran into it gets an error, and everybody after
// that is served again from what could be saved.
#include "tests/fakes/rescue_rig.h"

#include <time.h>
#include <unistd.h>

static int set_up(void **state)
{
    int rc = rescue_world_set_up(state);
    rig_reopen(&((struct rescue_world *)*state)->rig); // all in the one file
    return rc;
}

static void wait_a_little(void)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
}

// After two seconds without work it lets go of what it has in memory.
static void let_it_rest(struct rig *rig)
{
    const struct timespec pause = {.tv_sec = 3};
    assert_int_equal(rig_submit(rig, rig_batch(rig)).error, TW_OK);
    (void)nanosleep(&pause, NULL);
}

// Zeroes every page but the first under the open journal, which still has pages in memory: reading goes on
// from there until it rests.
static void zero_from(const struct rig *rig, size_t first_page)
{
    struct rescue_bytes bytes = rescue_load(rig, "");
    FILE *file = fopen(rescue_path(rig, ""), "r+b");
    assert_non_null(file);
    memset(bytes.ptr, 0, bytes.len);
    assert_int_equal(fseek(file, (long)(first_page * RESCUE_PAGE), SEEK_SET), 0);
    size_t len = bytes.len - first_page * RESCUE_PAGE;
    assert_int_equal(fwrite(bytes.ptr, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    free(bytes.ptr);
}

// Flips a bit in each sealed event of the page that the newest ones stand in.
static size_t flip_a_page_of_events(const struct rig *rig)
{
    struct rescue_bytes bytes = rescue_load(rig, "");
    size_t flipped = 0;
    for (size_t page = bytes.len / RESCUE_PAGE - 1; page > 0 && flipped == 0; page--) {
        const uint8_t *at = bytes.ptr + page * RESCUE_PAGE;
        size_t cells = (size_t)at[3] << 8 | at[4];
        for (size_t i = 0; at[0] == 0x0d && cells >= 3 && i < cells; i++) {
            size_t offset = (size_t)at[8 + 2 * i] << 8 | at[9 + 2 * i];
            bytes.ptr[page * RESCUE_PAGE + offset + 80] ^= 1;
            flipped++;
        }
    }
    assert_true(flipped > 0);
    FILE *file = fopen(rescue_path(rig, ""), "r+b");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    free(bytes.ptr);
    return flipped;
}

// What is in memory is let go of when nothing was to do for a while.
static void read_until_repaired(struct rig *rig)
{
    for (int i = 0; i < 200 && rig_stats(rig).damaged == 0; i++) {
        struct tw_rows *rows = rig_read_for(rig, 1, 1000, 20000);
        assert_non_null(rows);
        tw_rows_free(rows);
        wait_a_little();
    }
    assert_int_equal(rig_stats(rig).damaged, 1);
}

static void P9_damage_that_is_read_is_repaired_and_reading_goes_on(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    let_it_rest(rig);
    size_t flipped = flip_a_page_of_events(rig);
    read_until_repaired(rig);
    rescue_check(rig, &world->past, &world->out);
    assert_true(world->out.missing <= flipped);
    assert_true(world->out.kept + flipped >= RESCUE_EVENTS - RESCUE_ACKED);
    assert_int_equal(rescue_set_aside(rig), 1);
    rig_reopen(rig);
    assert_int_equal(rig_stats(rig).damaged, 0);
}

static struct tw_journal_result sale(struct rig *rig, int n)
{
    char key[16];
    (void)snprintf(key, sizeof key, "run-%d", n);
    return rig_sale(rig, key, "{\"who\":\"" RESCUE_SECRET "\"}");
}

// Nothing but the first page is left: who writes into that is told, and the next one is served.
static void P9_damage_that_is_written_into_fails_its_group_and_no_other(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    let_it_rest(rig);
    zero_from(rig, 1);
    struct tw_journal_result result = sale(rig, 1);
    assert_int_equal(result.error, TW_ERR_DAMAGED);
    result = sale(rig, 1); // again, as its caller would
    assert_int_equal(result.error, TW_OK);
    assert_int_equal(result.outcome, TW_OUTCOME_NEW);
    assert_int_equal(rig_stats(rig).damaged, 1);
    struct tw_rows *rows = rig_read(rig, 1);
    rig_check_chain(rows, NULL);
    assert_string_equal(rows->epoch, rig_stats(rig).epoch);
    assert_true(rig_contains(rows->rows[rows->count - 1].bytes, "sale.completed"));
    tw_rows_free(rows);
    rescue_check_sealed(rig);
}

static void drop_rows(void *ctx, struct tw_rows *rows)
{
    (void)ctx;
    tw_rows_free(rows);
}

// Reads until the damage is met; it cannot be repaired.
static void meet(struct rig *rig)
{
    assert_int_equal(tw_journal_read(rig->journal, 1, 1000, drop_rows, NULL), TW_OK);
    for (int i = 0; i < 300 && rig_stats(rig).last_error != TW_ERR_IO; i++) {
        wait_a_little();
    }
    assert_int_equal(rig_stats(rig).last_error, TW_ERR_IO);
}

static double cpu_seconds(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

// While it cannot be repaired callers are told at once, and it is tried now and then, not all the time.
static void P9_a_repair_that_fails_is_tried_again_without_hurry(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/quarantine", rig->folder);
    FILE *file = fopen(path, "w"); // a file where the folder should be
    assert_non_null(file);
    (void)fclose(file);
    let_it_rest(rig);
    (void)flip_a_page_of_events(rig);
    meet(rig);
    double before = cpu_seconds();
    const struct timespec pause = {.tv_sec = 1};
    (void)nanosleep(&pause, NULL);
    assert_true(cpu_seconds() - before < 0.3);
    struct tw_journal_result result = sale(rig, 1);
    assert_int_equal(result.error, TW_ERR_IO);
    assert_int_equal(rig_stats(rig).last_error, TW_ERR_IO);
    assert_int_equal(rig_stats(rig).damaged, 0);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 300 && rig_stats(rig).damaged == 0; i++) {
        wait_a_little();
    }
    assert_int_equal(rig_stats(rig).damaged, 1);
    rescue_check(rig, &world->past, &world->out);
    assert_true(world->out.kept > RESCUE_ACKED);
}

static void P9_closing_while_it_cannot_be_repaired_loses_nothing(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/quarantine", rig->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    let_it_rest(rig);
    size_t flipped = flip_a_page_of_events(rig);
    meet(rig);
    rig_close(rig);
    assert_int_equal(unlink(path), 0);
    rig_open(rig);
    rescue_check(rig, &world->past, &world->out);
    assert_true(world->out.kept + flipped >= RESCUE_EVENTS - RESCUE_ACKED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, rescue_world_tear_down)
    const struct CMUnitTest tests[] = {
        T(P9_damage_that_is_read_is_repaired_and_reading_goes_on),
        T(P9_damage_that_is_written_into_fails_its_group_and_no_other),
        T(P9_a_repair_that_fails_is_tried_again_without_hurry),
        T(P9_closing_while_it_cannot_be_repaired_loses_nothing),
    };
    return cmocka_run_group_tests_name("rescue_running", tests, NULL, NULL);
}
