// SPDX-License-Identifier: Apache-2.0
//
// Idempotency-Keys in the order they came: each is found, whatever else was remembered, forgotten or undone
// (P3).
#include "agent/journal/requests.h"

#include "tests/fakes/store_rig.h"

enum { MANY = 10000 }; // more than the memory grows or shrinks by

struct world {
    struct rig rig;
    struct tw_store *store;
    struct tw_requests *requests; // the store's
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rig_start(&world->rig);
    world->store = store_open(&world->rig);
    world->requests = &world->store->keys.requests;
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

static void reopen(struct world *world)
{
    world->store = store_reopen(&world->rig, world->store);
    world->requests = &world->store->keys.requests;
}

// Of the keys 0, 1, 2 ... every 64 look the same in memory.
static struct tw_request request_of(uint32_t n)
{
    struct tw_request request = {.key = {0, (uint8_t)(n % 64)}};
    memcpy(request.key + 2, &n, sizeof n);
    memcpy(request.body, &n, sizeof n);
    memcpy(request.id, &n, sizeof n);
    return request;
}

static void add(struct world *world, uint32_t n, int64_t seen_ms)
{
    struct tw_request request = request_of(n);
    assert_int_equal(tw_requests_add(world->requests, &request, seen_ms), TW_OK);
}

static void add_many(struct world *world, uint32_t first, uint32_t end)
{
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    for (uint32_t n = first; n < end; n++) {
        add(world, n, TW_LIVED_BEGIN_MS + n);
    }
    assert_int_equal(tw_store_commit(world->store), TW_OK);
}

static bool is_known(struct world *world, uint32_t n)
{
    struct tw_request expected = request_of(n);
    struct tw_request found;
    int64_t number = 0;
    int rc = tw_requests_find(world->requests, expected.key, &number, &found);
    assert_true(rc == 0 || rc == 1);
    if (rc == 1) {
        assert_memory_equal(&found, &expected, sizeof found);
    }
    return rc == 1;
}

static void expire(struct world *world, uint32_t old, int max)
{
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    assert_int_equal(
        tw_requests_expire(world->requests, TW_LIVED_BEGIN_MS + old, TW_LIVED_BEGIN_MS + MANY, max), TW_OK);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
}

static void expect(struct world *world, uint32_t first, uint32_t end)
{
    for (uint32_t n = 0; n < MANY; n += 97) {
        assert_int_equal(is_known(world, n), n >= first && n < end);
    }
    assert_true(first == 0 || !is_known(world, first - 1));
    assert_true(is_known(world, first) && is_known(world, end - 1) && !is_known(world, end));
    assert_int_equal(rig_query(&world->rig, "SELECT count(*) FROM idempotency"), end - first);
}

static void P3_each_is_found_also_after_a_restart(void **state)
{
    struct world *world = *state;
    assert_false(is_known(world, 0));
    add_many(world, 0, MANY);
    expect(world, 0, MANY);
    reopen(world);
    expect(world, 0, MANY);
    assert_true(world->requests->cap * sizeof *world->requests->prints <= 2 * MANY + 8192);
}

static void the_oldest_leave_at_the_front(void **state)
{
    struct world *world = *state;
    add_many(world, 0, MANY);
    expire(world, 99, 500);
    expect(world, 100, MANY);
    expire(world, 8999, 500); // a slice at a time
    expect(world, 600, MANY);
    expire(world, 8999, MANY);
    expect(world, 9000, MANY);
    assert_int_equal(tw_store_begin(world->store), TW_OK); // what is gone gives its memory back
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    assert_true(world->requests->cap < 2 * 4096);
    expect(world, 9000, MANY);
    reopen(world);
    expect(world, 9000, MANY);
    expire(world, MANY, MANY);
    assert_false(is_known(world, MANY - 1));
    add_many(world, 0, 10);
    expect(world, 0, 10);
}

static void P3_what_is_rolled_back_leaves_nothing_behind(void **state)
{
    struct world *world = *state;
    add_many(world, 0, 5000);
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    add(world, 5000, TW_LIVED_BEGIN_MS + 5000);
    assert_int_equal(
        tw_requests_expire(world->requests, TW_LIVED_BEGIN_MS + 4999, TW_LIVED_BEGIN_MS + MANY, MANY), TW_OK);
    assert_false(is_known(world, 0));
    assert_true(is_known(world, 5000));
    world->store->broken = TW_ERR_IO;
    assert_int_equal(tw_store_commit(world->store), TW_ERR_IO);
    expect(world, 0, 5000);
    add_many(world, 5000, 6000); // in its place
    expect(world, 0, 6000);
    reopen(world);
    expect(world, 0, 6000);
}

static struct tw_batch *sale_batch(struct world *world, const char *key, const char *sale, const char *data,
                                   uint8_t body)
{
    const uint8_t hash[32] = {body};
    struct tw_batch *batch = rig_batch(&world->rig);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, sale, sale, tw_slice_of(data));
    tw_batch_idempotency(batch, key, hash);
    return batch;
}

static struct tw_journal_result submit(struct world *world, struct tw_batch *batch)
{
    struct tw_journal_result result;
    assert_int_equal(tw_batch_check(batch), TW_OK);
    tw_store_batch(world->store, batch, &result);
    tw_batch_free(batch);
    return result;
}

// A batch that fails alone, with its key, among others of its group; a group that fails with all.
static void P3_the_key_of_a_batch_that_failed_is_free(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(tw_store_begin(world->store), TW_OK);
        assert_int_equal(submit(world, sale_batch(world, "a", "s/1", "{\"n\":1}", 1)).error, TW_OK);
        // The second sale of one key only merges, and what cannot be merged is an error.
        assert_int_equal(submit(world, sale_batch(world, "b", "s/1", "{\"bad\":1}", 2)).error,
                         TW_ERR_INVALID);
        assert_int_equal(submit(world, sale_batch(world, "b", "s/2", "{\"n\":2}", 3)).error, TW_OK);
        world->store->broken = round == 0 ? TW_ERR_IO : TW_OK;
        assert_int_equal(tw_store_commit(world->store), round == 0 ? TW_ERR_IO : TW_OK);
    }
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    assert_int_equal(submit(world, sale_batch(world, "a", "s/1", "{\"n\":1}", 1)).outcome, TW_OUTCOME_REPEAT);
    assert_int_equal(submit(world, sale_batch(world, "b", "s/2", "{\"n\":2}", 3)).outcome, TW_OUTCOME_REPEAT);
    assert_int_equal(submit(world, sale_batch(world, "b", "s/2", "{\"n\":2}", 4)).error, TW_ERR_MISMATCH);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    assert_int_equal(rig_query(&world->rig, "SELECT count(*) FROM idempotency"), 2);
}

static void run_sql(struct world *world, const char *sql)
{
    assert_int_equal(tw_db_exec(world->store->db, sql), TW_OK);
}

// A time that is yet to come is a flipped bit: it does not keep all that came after it for ever.
static void a_time_to_come_does_not_stay_in_the_way(void **state)
{
    struct world *world = *state;
    add_many(world, 0, 100);
    run_sql(world, "UPDATE idempotency SET seen_ms = seen_ms + 86400000 WHERE number = 7");
    expire(world, 49, MANY);
    expect(world, 50, 100);
}

static void P9_a_gap_is_damage(void **state)
{
    static const char *const damages[] = {
        "DELETE FROM idempotency WHERE number = 50",
        "UPDATE idempotency SET number = 9223372036854775807 WHERE number = 100",
        "UPDATE idempotency SET key = x'00' WHERE number = 50",
    };
    struct world *world = *state;
    add_many(world, 0, 100);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct tw_requests requests = {.db = world->store->db};
        assert_int_equal(tw_db_begin(world->store->db), TW_OK);
        run_sql(world, damages[i]);
        assert_int_equal(tw_requests_open(&requests), TW_ERR_DAMAGED);
        tw_db_rollback(world->store->db);
        tw_requests_free(&requests);
    }
    expect(world, 0, 100);
}

// What is taken over from a damaged file may come in several copies: the last one counts.
static void a_key_that_is_put_again_is_not_doubled(void **state)
{
    struct world *world = *state;
    struct tw_keys *keys = &world->store->keys;
    add_many(world, 0, 100);
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    for (uint32_t n = 0; n < 100; n++) {
        struct tw_request request = request_of(n);
        const uint8_t other[16] = {0xee};
        assert_int_equal(tw_keys_put_request(keys, request.key, other, other), TW_OK);
        assert_int_equal(tw_keys_put_request(keys, request.key, request.body, request.id), TW_OK);
    }
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    expect(world, 0, 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(P3_each_is_found_also_after_a_restart),        T(the_oldest_leave_at_the_front),
        T(P3_what_is_rolled_back_leaves_nothing_behind), T(P3_the_key_of_a_batch_that_failed_is_free),
        T(a_time_to_come_does_not_stay_in_the_way),      T(P9_a_gap_is_damage),
        T(a_key_that_is_put_again_is_not_doubled),
    };
    return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
