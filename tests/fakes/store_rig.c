// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/store_rig.h"

struct tw_store *store_open(struct rig *rig)
{
    const struct tw_journal_options options = {
        .path = rig->path,
        .source = RIG_SOURCE,
        .clock = &rig->clock.clock,
        .seal = rig->seal,
        .vault = rig->vault,
        .merge = rig_merge,
        .max_bytes = rig->max_bytes,
        .reserve_bytes = rig->reserve_bytes,
    };
    struct tw_store *store = NULL;
    struct tw_error_text err = {""};
    if (tw_store_open(&options, &store, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(tw_store_check(store, &err), TW_OK);
    return store;
}

int store_world_set_up(void **state)
{
    struct store_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rig_start(&world->rig);
    world->store = store_open(&world->rig);
    *state = world;
    return 0;
}

int store_world_tear_down(void **state)
{
    struct store_world *world = *state;
    tw_store_close(world->store);
    rig_stop(&world->rig);
    free(world);
    return 0;
}

struct tw_store *store_reopen(struct rig *rig, struct tw_store *store)
{
    tw_store_close(store);
    return store_open(rig);
}

static struct tw_journal_result submit(struct tw_store *store, struct tw_batch *batch)
{
    struct tw_journal_result result = {0};
    assert_int_equal(tw_batch_check(batch), TW_OK);
    assert_int_equal(tw_store_begin(store), TW_OK);
    tw_store_batch(store, batch, &result);
    assert_int_equal(tw_store_commit(store), TW_OK);
    tw_batch_free(batch);
    return result;
}

struct tw_journal_result store_add(struct rig *rig, struct tw_store *store, enum tw_event_type type,
                                   const char *key, const char *data)
{
    struct tw_batch *batch = rig_batch(rig);
    if (key != NULL) {
        tw_batch_sale(batch, type, key, key, tw_slice_of(data));
    } else {
        tw_batch_event(batch, type, "subject", tw_slice_of(data));
    }
    return submit(store, batch);
}

void store_add_many(struct rig *rig, struct tw_store *store, enum tw_event_type type, int first, int count)
{
    struct tw_batch *batch = rig_batch(rig);
    for (int i = 0; i < count; i++) {
        char data[32];
        (void)snprintf(data, sizeof data, "{\"n\":%d}", first + i);
        tw_batch_event(batch, type, "subject", tw_slice_of(data));
    }
    assert_int_equal(submit(store, batch).error, TW_OK);
}

void store_commit(struct tw_store *store)
{
    assert_int_equal(tw_store_begin(store), TW_OK);
    assert_int_equal(tw_store_commit(store), TW_OK);
}

void store_ack(struct rig *rig, struct tw_store *store, uint64_t through)
{
    assert_int_equal(tw_store_acknowledge(store, tw_store_state(store)->start.epoch, through, NULL), TW_OK);
    rig->clock.monotonic_ms += TW_STORE_SAVE_MS;
    store_commit(store);
    assert_int_equal(tw_store_state(store)->saved, tw_store_state(store)->start.through);
}

void store_reject(struct tw_store *store, uint64_t sequence, bool refused)
{
    struct tw_batch *gap = NULL;
    const struct tw_chain_start start = tw_store_state(store)->start;
    assert_int_equal(tw_store_begin(store), TW_OK);
    assert_int_equal(tw_store_reject(store, start.epoch, sequence, "no", refused, &gap), TW_OK);
    assert_int_equal(tw_store_commit(store), TW_OK);
    assert_non_null(gap);
    tw_batch_free(gap);
}

struct tw_rows *store_read(struct tw_store *store, uint64_t from)
{
    struct tw_rows *rows = NULL;
    assert_int_equal(tw_store_read(store, from, 100000, &rows), TW_OK);
    return rows;
}

struct tw_journal_stats store_stats(const struct tw_store *store)
{
    struct tw_journal_stats stats = {.next_sequence = 0};
    tw_store_stats(store, &stats);
    return stats;
}
