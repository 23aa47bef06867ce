// SPDX-License-Identifier: Apache-2.0
//
// P7: what is given up for room is told of in its place, and what may have been published stays as it is.
#include "tests/fakes/store_rig.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

enum { ROWS = 1200 };

// Every fifth is a drift.
static enum tw_event_type type_of(int n)
{
    return n % 5 == 0 ? TW_EVENT_CAPTURE_DRIFT : TW_EVENT_LOYALTY_SCANNED;
}

static void fill(struct store_world *world)
{
    for (int n = 1; n <= ROWS; n++) {
        store_add_many(&world->rig, world->store, type_of(n), n, 1);
    }
}

static unsigned drop(struct store_world *world, unsigned most)
{
    unsigned dropped = 0;
    int rc = 1;
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    while (dropped < most && rc == 1) {
        rc = tw_outbox_drop(world->store->outbox);
        assert_true(rc >= 0);
        dropped += rc == 1;
    }
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    return dropped;
}

static void expect_gap(struct tw_slice event, int n, const char *type)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "\"data\":{\"device\":null,\"reason\":\"quota\",\"bytes\":null,\"first_sequence\":%d,"
                   "\"last_sequence\":%d,\"detail\":\"%s\"}}",
                   n, n, type);
    assert_true(rig_contains(event, "io.tillwire.capture.gap"));
    assert_true(rig_contains(event, "\"subject\":\"07\""));
    if (!rig_contains(event, text)) {
        fail_msg("%.*s", (int)event.len, (const char *)event.ptr);
    }
}

static void P7_drift_above_the_send_limit_becomes_a_gap_in_its_place(void **state)
{
    struct store_world *world = *state;
    fill(world);
    struct tw_rows *before = store_read(world->store, 1);
    assert_int_equal(drop(world, 3), 3); // the oldest drift above the limit goes first
    assert_int_equal(
        rig_query(&world->rig, "SELECT count(*) FROM events WHERE type = 31 AND n > 1024 AND n < 1041"), 3);
    assert_int_equal(drop(world, 10000), ROWS / 5 - 1024 / 5 - 3);
    assert_int_equal(drop(world, 1), 0);
    for (int restarted = 0; restarted < 2; restarted++) {
        struct tw_rows *after = store_read(world->store, 1);
        assert_int_equal(after->count, before->count);
        for (size_t i = 0; i < before->count; i++) { // byte for byte
            assert_int_equal(after->rows[i].bytes.len, before->rows[i].bytes.len);
            assert_memory_equal(after->rows[i].bytes.ptr, before->rows[i].bytes.ptr,
                                before->rows[i].bytes.len);
        }
        tw_rows_free(after);
        world->store = store_reopen(&world->rig, world->store);
    }
    tw_rows_free(before);
}

static void P7_chain_and_sequence_are_whole_over_what_was_dropped(void **state)
{
    struct store_world *world = *state;
    char head[TW_HASH_HEX + 1] = ZEROS;
    fill(world);
    (void)drop(world, 10000);
    uint64_t next = 1;
    while (next <= ROWS) {
        struct tw_rows *rows = store_read(world->store, next);
        assert_non_null(rows);
        assert_int_equal(rows->rows[0].sequence, next);
        rig_check_chain(rows, head);
        for (size_t i = 0; i < rows->count; i++, next++) {
            enum tw_event_type type = type_of((int)next);
            if (next > 1024 && type != TW_EVENT_LOYALTY_SCANNED) {
                expect_gap(rows->rows[i].bytes, (int)next, tw_event_type_name(type));
            } else {
                assert_true(rig_contains(rows->rows[i].bytes, tw_event_type_name(type)));
            }
        }
        uint8_t hash[32];
        tw_seal_sha256(rows->rows[rows->count - 1].bytes, hash);
        tw_seal_hex(hash, sizeof hash, head);
        tw_rows_free(rows);
        store_ack(&world->rig, world->store, next - 1);
    }
    assert_int_equal(store_stats(world->store).queued_events, 0);
    assert_int_equal(store_stats(world->store).queued_bytes, 0);
}

static void P7_a_rejected_drift_is_not_dropped(void **state)
{
    struct store_world *world = *state;
    store_add_many(&world->rig, world->store, TW_EVENT_CAPTURE_DRIFT, 1, 3);
    store_reject(world->store, 2, false);
    assert_int_equal(drop(world, 100), 0); // and none up to the send limit
}

static void sizes_are_right_after_dropping_and_a_restart(void **state)
{
    struct store_world *world = *state;
    fill(world);
    (void)drop(world, 20);
    store_ack(&world->rig, world->store, 10); // stores the sum
    (void)drop(world, 10);
    for (int i = 0; i < 2; i++) {
        struct tw_journal_stats stats = store_stats(world->store);
        assert_int_equal(stats.queued_bytes,
                         rig_query(&world->rig, "SELECT sum(length(sealed)) FROM events WHERE n > 10"));
        assert_int_equal(stats.queued_events, ROWS - 10);
        world->store = store_reopen(&world->rig, world->store);
    }
}

static void P3_a_sale_that_lost_its_content_still_answers_with_its_id(void **state)
{
    struct store_world *world = *state;
    struct tw_journal_result first[40];
    char key[16];
    char data[400];
    int64_t cursor = INT64_MIN;
    uint64_t count = 0;
    for (int n = 0; n < 40; n++) {
        char noise[301] = "";
        uint8_t bytes[150];
        assert_int_equal(tw_seal_random(world->rig.seal, bytes, sizeof bytes), TW_OK);
        tw_seal_hex(bytes, sizeof bytes, noise);
        (void)snprintf(key, sizeof key, "k/%d", n);
        (void)snprintf(data, sizeof data, "{\"n\":%d,\"noise\":\"%s\"}", n, noise);
        first[n] = store_add(&world->rig, world->store, TW_EVENT_SALE_COMPLETED, key, data);
    }
    store_ack(&world->rig, world->store, 30);
    struct tw_rows *before = store_read(world->store, 1);
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    while (tw_outbox_shrink(world->store->outbox, &cursor) == 1) {
        count++;
    }
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    assert_int_equal(count, 30); // those that are delivered, and no other
    assert_true(rig_query(&world->rig, "SELECT max(length(sealed)) FROM events WHERE n <= 30") <= 160);
    assert_true(rig_query(&world->rig, "SELECT min(length(sealed)) FROM events WHERE n > 30") > 160);
    world->store = store_reopen(&world->rig, world->store);
    for (int n = 0; n < 40; n++) {
        (void)snprintf(key, sizeof key, "k/%d", n);
        struct tw_journal_result again =
            store_add(&world->rig, world->store, TW_EVENT_SALE_COMPLETED, key, "{\"n\":-1}");
        assert_int_equal(again.error, TW_OK);
        // Without content it agrees with everything; what is queued still has its own.
        assert_int_equal(again.outcome, n < 30 ? TW_OUTCOME_REPEAT : TW_OUTCOME_CORRECTED);
        assert_true(n >= 30 || memcmp(again.id, first[n].id, sizeof again.id) == 0);
    }
    struct tw_rows *after = store_read(world->store, 1);
    assert_int_equal(after->rows[0].sequence, 31);
    for (size_t i = 0; i < before->count; i++) {
        assert_int_equal(after->rows[i].bytes.len, before->rows[i].bytes.len);
        assert_memory_equal(after->rows[i].bytes.ptr, before->rows[i].bytes.ptr, before->rows[i].bytes.len);
    }
    tw_rows_free(before);
    tw_rows_free(after);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_world_set_up, store_world_tear_down)
    const struct CMUnitTest tests[] = {
        T(P7_drift_above_the_send_limit_becomes_a_gap_in_its_place),
        T(P7_chain_and_sequence_are_whole_over_what_was_dropped),
        T(P7_a_rejected_drift_is_not_dropped),
        T(sizes_are_right_after_dropping_and_a_restart),
        T(P3_a_sale_that_lost_its_content_still_answers_with_its_id),
    };
    return cmocka_run_group_tests_name("shed", tests, NULL, NULL);
}
