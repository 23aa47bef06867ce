// SPDX-License-Identifier: Apache-2.0
//
// The keys that sealed what lies in the journal: a new one takes over at once, the old one opens what it
// sealed for as long as something needs it, and then it is struck off.
#include "tests/fakes/store_rig.h"

#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct rig rig;
    char key_path[96];
    struct tw_store *store;
};

// Keys 1 to `count`, each as one line of the key file.
static void write_keys(struct world *world, int first, int last)
{
    FILE *file = fopen(world->key_path, "w");
    assert_non_null(file);
    for (int key = first; key <= last; key++) {
        (void)fprintf(file, "%d %064d\n", key, 100 + key);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(world->key_path, 0600), 0);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rig_start(&world->rig);
    tw_vault_free(world->rig.vault);
    (void)snprintf(world->key_path, sizeof world->key_path, "%s/rotated.key", world->rig.folder);
    write_keys(world, 1, 1);
    assert_int_equal(tw_vault_load(world->rig.seal, world->key_path, false, &world->rig.vault, NULL), TW_OK);
    world->store = store_open(&world->rig);
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

static void rotate(struct world *world, int last)
{
    write_keys(world, 1, last);
    assert_int_equal(tw_vault_reload(world->rig.vault, 0, NULL), TW_OK);
}

static void add(struct world *world, const char *key, const char *data)
{
    struct tw_journal_result result =
        store_add(&world->rig, world->store, key != NULL ? TW_EVENT_SALE_COMPLETED : TW_EVENT_LOYALTY_SCANNED,
                  key, data);
    assert_int_equal(result.error, TW_OK);
    assert_int_equal(result.outcome, TW_OUTCOME_NEW);
}

static void rest(struct world *world)
{
    assert_int_equal(tw_store_rest(world->store, true), TW_OK);
}

static int64_t rows_under(struct world *world, int key)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE key = %d", key);
    return rig_query(&world->rig, sql);
}

static void expect_keys(struct world *world, unsigned oldest, unsigned newest)
{
    assert_int_equal(store_stats(world->store).oldest_seal_key, oldest);
    assert_int_equal(store_stats(world->store).seal_key, newest);
}

static void rows_under_key_1_are_read_after_key_2_seals(void **state)
{
    struct world *world = *state;
    add(world, "k/1", "{\"n\":1}");
    add(world, NULL, "{\"n\":2}");
    expect_keys(world, 1, 1);
    rotate(world, 2);
    add(world, "k/3", "{\"n\":3}");
    expect_keys(world, 1, 2);
    assert_int_equal(rows_under(world, 1), 2);
    assert_int_equal(rows_under(world, 2), 1);
    for (int again = 0; again < 2; again++) {
        struct tw_rows *rows = store_read(world->store, 1);
        assert_int_equal(rows->count, 3);
        rig_check_chain(rows, NULL);
        assert_true(rig_contains(rows->rows[0].bytes, "\"data\":{\"n\":1}"));
        assert_true(rig_contains(rows->rows[2].bytes, "\"data\":{\"n\":3}"));
        tw_rows_free(rows);
        world->store = store_reopen(&world->rig, world->store);
    }
    struct tw_journal_result known =
        store_add(&world->rig, world->store, TW_EVENT_SALE_COMPLETED, "k/1", "{\"n\":1}");
    assert_int_equal(known.outcome, TW_OUTCOME_REPEAT);
}

static void a_key_is_struck_off_when_nothing_needs_it_and_not_before(void **state)
{
    struct world *world = *state;
    add(world, NULL, "{\"n\":1}");
    add(world, NULL, "{\"n\":2}");
    store_reject(world->store, 2, false);
    rotate(world, 2);
    add(world, NULL, "{\"n\":3}");
    rest(world);
    expect_keys(world, 1, 2); // events, and a dead letter
    store_ack(&world->rig, world->store, 3);
    rest(world);
    assert_int_equal(rows_under(world, 1), 0);
    expect_keys(world, 1, 2); // the dead letter
    uint64_t count = 0;
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    assert_int_equal(tw_store_retry(world->store, 0, &count), TW_OK);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    assert_int_equal(count, 1);
    rest(world);
    expect_keys(world, 2, 2);
    assert_int_equal(rig_query(&world->rig, "SELECT count(*) FROM seals WHERE key = 1"), 0);
    // So the key may leave the file; the marks were sealed anew (P3: so what was remembered stays).
    tw_store_close(world->store);
    tw_vault_free(world->rig.vault);
    write_keys(world, 2, 2);
    assert_int_equal(tw_vault_load(world->rig.seal, world->key_path, false, &world->rig.vault, NULL), TW_OK);
    world->store = store_open(&world->rig);
    struct tw_rows *rows = store_read(world->store, 1);
    assert_int_equal(rows->count, 2);
    tw_rows_free(rows);
}

static void a_remembered_sale_needs_its_key_until_it_is_forgotten(void **state)
{
    struct world *world = *state;
    add(world, "k/1", "{\"n\":1}");
    rotate(world, 3);
    add(world, NULL, "{\"n\":2}");
    store_ack(&world->rig, world->store, 2);
    rest(world);
    expect_keys(world, 1, 3);
    world->rig.clock.monotonic_ms += (TW_JOURNAL_KEY_DAYS + 1) * INT64_C(86400000);
    for (int i = 0; i < 3; i++) {
        world->rig.clock.monotonic_ms += 61000;
        store_commit(world->store);
    }
    rest(world);
    expect_keys(world, 3, 3);
}

static void marks_are_sealed_anew_when_it_rests(void **state)
{
    struct world *world = *state;
    const uint8_t boot[16] = {1};
    struct tw_batch *batch = rig_batch(&world->rig);
    struct tw_journal_result result;
    tw_batch_tap(batch, "printer", boot, 77, tw_slice_of("state"));
    tw_batch_lane(batch, "07", tw_slice_of("lane"));
    assert_int_equal(tw_batch_check(batch), TW_OK);
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    tw_store_batch(world->store, batch, &result);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    tw_batch_free(batch);
    assert_int_equal(result.error, TW_OK);
    rotate(world, 2);
    add(world, NULL, "{\"n\":1}"); // notices the new one
    rest(world);
    assert_int_equal(
        rig_query(&world->rig, "SELECT count(*) FROM marks WHERE hex(substr(value, 1, 2)) = '0002'"), 4);
    struct tw_journal_tap tap;
    struct tw_buf lane = {0};
    assert_int_equal(tw_store_tap(world->store, "printer", &tap), TW_OK);
    assert_true(tap.known && tap.offset == 77 && tap.state_len == 5);
    assert_int_equal(tw_store_lane(world->store, "07", &lane), TW_OK);
    assert_int_equal(lane.len, 4);
    tw_buf_free(&lane);
}

// A transaction that fails leaves no key in the list that the next one believes to be there.
static void a_key_noted_in_a_failed_group_is_noted_again(void **state)
{
    struct world *world = *state;
    add(world, NULL, "{\"n\":1}");
    rotate(world, 2);
    struct tw_batch *batch = rig_batch(&world->rig);
    struct tw_journal_result result;
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "s", tw_slice_of("{}"));
    assert_int_equal(tw_batch_check(batch), TW_OK);
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    tw_store_batch(world->store, batch, &result);
    assert_int_equal(result.error, TW_OK);
    world->store->broken = TW_ERR_IO;
    assert_int_equal(tw_store_commit(world->store), TW_ERR_IO);
    tw_batch_free(batch);
    assert_int_equal(rig_query(&world->rig, "SELECT count(*) FROM seals"), 1);
    add(world, NULL, "{\"n\":2}");
    assert_int_equal(rig_query(&world->rig, "SELECT count(*) FROM seals"), 2);
    struct tw_rows *rows = store_read(world->store, 1);
    assert_int_equal(rows->count, 2);
    tw_rows_free(rows);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(rows_under_key_1_are_read_after_key_2_seals),
        T(a_key_is_struck_off_when_nothing_needs_it_and_not_before),
        T(a_remembered_sale_needs_its_key_until_it_is_forgotten),
        T(marks_are_sealed_anew_when_it_rests),
        T(a_key_noted_in_a_failed_group_is_noted_again),
    };
    return cmocka_run_group_tests_name("seals", tests, NULL, NULL);
}
