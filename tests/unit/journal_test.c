// SPDX-License-Identifier: Apache-2.0
//
// The queue: accepted, numbered, chained, sent again, acknowledged, rejected.
#include <semaphore.h>

#include "tests/fakes/journal_rig.h"
#include "tests/fakes/sync_vfs.h"

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
    sync_vfs_fail(false);
    rig_stop(*state);
    free(*state);
    return 0;
}

static void assert_same_rows(const struct tw_rows *a, const struct tw_rows *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->rows[i].sequence, b->rows[i].sequence);
        assert_int_equal(a->rows[i].bytes.len, b->rows[i].bytes.len);
        assert_memory_equal(a->rows[i].bytes.ptr, b->rows[i].bytes.ptr, a->rows[i].bytes.len);
    }
}

static void hash_of(struct tw_slice bytes, char out[TW_HASH_HEX + 1])
{
    uint8_t hash[32];
    tw_seal_sha256(bytes, hash);
    tw_seal_hex(hash, sizeof hash, out);
}

// P3: a resend is byte-identical, also after a restart and from the middle.
static void P3_a_resend_is_byte_identical(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 20; i++) {
        rig->clock.wall_ms += 17;
        rig_add(rig, i, NULL);
    }
    struct tw_rows *first = rig_read(rig, 1);
    assert_int_equal(first->count, 20);
    assert_string_equal(first->rows[0].family, "loyalty");
    rig_check_chain(first, ZEROS);
    struct tw_rows *second = rig_read(rig, 0);
    assert_same_rows(first, second);
    tw_rows_free(second);
    rig_reopen(rig);
    rig->clock.wall_ms += 100000;
    second = rig_read(rig, 1);
    assert_same_rows(first, second);
    tw_rows_free(second);
    second = rig_read_for(rig, 8, 3, 20000);
    assert_non_null(second);
    assert_int_equal(second->count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(second->rows[i].bytes.len, first->rows[7 + i].bytes.len);
        assert_memory_equal(second->rows[i].bytes.ptr, first->rows[7 + i].bytes.ptr,
                            first->rows[7 + i].bytes.len);
    }
    tw_rows_free(second);
    tw_rows_free(first);
}

// P4: numbers are contiguous and the chain goes on over acknowledgements and restarts.
static void P4_sequences_are_contiguous_over_restarts(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    char head[TW_HASH_HEX + 1] = ZEROS;
    uint64_t next = 1;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 5; i++) {
            rig_add(rig, i, NULL);
        }
        if (round % 2 == 1) {
            rig_reopen(rig);
        }
        struct tw_rows *rows = rig_read(rig, next);
        rig_check_chain(rows, head);
        assert_int_equal(rows->rows[0].sequence, next);
        assert_int_equal(rows->count, round == 0 ? 5 : 6);
        // All but the last one: the next round begins with it.
        size_t last = rows->count - 2;
        hash_of(rows->rows[last].bytes, head);
        next = rows->rows[last].sequence + 1;
        tw_rows_free(rows);
        rig_ack(rig, next - 1);
        if (round % 3 == 1) {
            rig_reopen(rig);
        }
    }
    assert_int_equal(rig_stats(rig).through, next - 1);
    assert_int_equal(rig_stats(rig).queued_events, 1);
    rig_ack(rig, next);
    assert_int_equal(rig_stats(rig).queued_events, 0);
    assert_int_equal(rig_stats(rig).queued_bytes, 0);
    assert_int_equal(rig_stats(rig).oldest_ms, 0);
    rig_reopen(rig);
    assert_int_equal(rig_stats(rig).next_sequence, next + 1);
}

// An acknowledgement of rows this process never read: the head is computed from the rows.
static void P4_an_acknowledgement_after_a_restart_keeps_the_chain(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 10; i++) {
        rig_add(rig, i, NULL);
    }
    struct tw_rows *all = rig_read(rig, 1);
    rig_reopen(rig);
    rig_ack(rig, 6);
    struct tw_rows *rest = rig_read(rig, 7);
    assert_int_equal(rest->count, 4);
    assert_memory_equal(rest->rows[0].bytes.ptr, all->rows[6].bytes.ptr, all->rows[6].bytes.len);
    tw_rows_free(rest);
    rig_ack(rig, 3); // an old one changes nothing
    assert_int_equal(rig_stats(rig).through, 6);
    tw_rows_free(all);
}

struct durable {
    struct rig *rig;
    unsigned long syncs_before, syncs_at_done;
    int64_t rows_at_done;
    sem_t done;
};

static void see_from_outside(void *ctx, const struct tw_journal_result *result)
{
    struct durable *durable = ctx;
    durable->syncs_at_done = sync_vfs_count();
    durable->rows_at_done =
        result->error == TW_OK ? rig_query(durable->rig, "SELECT count(*) FROM events") : -1;
    (void)sem_post(&durable->done);
}

// P1: when `done` runs, the row was synced and another connection sees it.
static void P1_done_comes_after_the_commit(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 5; i++) {
        struct durable durable = {.rig = rig, .syncs_before = sync_vfs_count()};
        (void)sem_init(&durable.done, 0, 0);
        struct tw_batch *batch = rig_batch(rig);
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{}"));
        assert_int_equal(tw_journal_submit(rig->journal, batch, see_from_outside, &durable), TW_OK);
        (void)sem_wait(&durable.done);
        (void)sem_destroy(&durable.done);
        assert_int_equal(durable.rows_at_done, i);
        assert_true(durable.syncs_at_done > durable.syncs_before);
    }
}

// A disk that cannot sync: the caller hears of it, nothing stays, and it goes on when the disk does.
static void P1_a_failed_commit_leaves_nothing(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    rig_add(rig, 1, NULL);
    sync_vfs_fail(true);
    struct tw_journal_result result = rig_sale(rig, "k/1", "{\"total\":1}");
    assert_int_equal(result.error, TW_ERR_IO);
    assert_int_equal(rig_stats(rig).last_error, TW_ERR_IO);
    assert_int_equal(rig_stats(rig).next_sequence, 2);
    sync_vfs_fail(false);
    result = rig_sale(rig, "k/1", "{\"total\":1}");
    assert_int_equal(result.error, TW_OK);
    assert_int_equal(result.outcome, TW_OUTCOME_NEW);
    assert_int_equal(rig_stats(rig).last_error, TW_OK);
    struct tw_rows *rows = rig_read(rig, 1);
    assert_int_equal(rows->count, 2);
    rig_check_chain(rows, ZEROS);
    tw_rows_free(rows);
}

// ---- acknowledgements and rejections ----

static void P4_an_acknowledgement_of_another_epoch_is_ignored(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 3; i++) {
        rig_add(rig, i, NULL);
    }
    assert_int_equal(
        tw_journal_acknowledge(rig->journal, "7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3", 3, NULL, NULL), TW_OK);
    assert_int_equal(tw_journal_reject(rig->journal, "7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3", 2, "no"), TW_OK);
    rig_add(rig, 4, NULL);
    assert_int_equal(rig_stats(rig).through, 0);
    assert_int_equal(rig_stats(rig).queued_events, 4);
    assert_int_equal(rig_stats(rig).dead_letters, 0);
}

static void P4_an_acknowledgement_ahead_opens_a_new_epoch(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 8; i++) {
        rig_add(rig, i, NULL);
    }
    rig_ack(rig, 3);
    struct tw_rows *before = rig_read(rig, 4);
    assert_int_equal(tw_journal_reject(rig->journal, before->epoch, 6, "no"), TW_OK);
    rig_ack(rig, 5000);
    for (int restarted = 0; restarted < 2; restarted++) {
        // What was asked for belongs to the old numbers: the answer begins where the new ones do.
        struct tw_rows *after = rig_read(rig, restarted ? 0 : 4711);
        assert_string_not_equal(after->epoch, before->epoch);
        rig_check_chain(after, ZEROS);
        assert_int_equal(after->rows[0].sequence, 1);
        assert_int_equal(after->count, 5); // 4, 5, 7, 8 and the gap for 6
        const size_t old[] = {0, 1, 3, 4};
        for (size_t i = 0; i < 4; i++) {
            char id[2][37];
            rig_attribute(before->rows[old[i]].bytes, "id", id[0], 37);
            rig_attribute(after->rows[i].bytes, "id", id[1], 37);
            assert_string_equal(id[0], id[1]);
        }
        assert_true(rig_contains(after->rows[4].bytes, "io.tillwire.capture.gap"));
        tw_rows_free(after);
        rig_reopen(rig);
    }
    assert_int_equal(rig_stats(rig).queued_events, 5);
    assert_int_equal(tw_journal_acknowledge(rig->journal, before->epoch, 4, NULL, NULL), TW_OK);
    rig_add(rig, 9, NULL);
    assert_int_equal(rig_stats(rig).through, 0);
    assert_int_equal(rig_stats(rig).next_sequence, 7);
    tw_rows_free(before);
}

// P4: nobody can have seen what was never given out: it is another life's.
static void P4_an_acknowledgement_beyond_the_send_limit_opens_a_new_epoch(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int done = 0; done < 1600; done += 100) {
        struct tw_batch *batch = rig_batch(rig);
        for (int i = 0; i < 100; i++) {
            tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{\"n\":1}"));
        }
        assert_int_equal(rig_submit(rig, batch).error, TW_OK);
    }
    struct tw_journal_stats before = rig_stats(rig);
    rig_ack(rig, 1500);
    struct tw_journal_stats after = rig_stats(rig);
    assert_string_not_equal(after.epoch, before.epoch);
    assert_int_equal(after.queued_events, 1600);
    assert_int_equal(after.through, 0);
}

// The disk was set back and other events took the numbers: the hash of the centre's tells.
static void P4_an_acknowledgement_of_other_events_opens_a_new_epoch(void **state)
{
    struct rig *rig = *state;
    uint8_t hash[32];
    rig_open(rig);
    for (int i = 1; i <= 4; i++) {
        rig_add(rig, i, NULL);
    }
    struct tw_rows *rows = rig_read(rig, 1);
    tw_seal_sha256(rows->rows[1].bytes, hash);
    assert_int_equal(tw_journal_acknowledge_hash(rig->journal, rows->epoch, 2, hash, NULL, NULL), TW_OK);
    rig_add(rig, 5, NULL);
    assert_int_equal(rig_stats(rig).through, 2);
    assert_memory_equal(rig_stats(rig).head, hash, sizeof hash);
    tw_seal_sha256(tw_slice_of("another event"), hash);
    assert_int_equal(tw_journal_acknowledge_hash(rig->journal, rows->epoch, 4, hash, NULL, NULL), TW_OK);
    rig_add(rig, 6, NULL);
    assert_string_not_equal(rig_stats(rig).epoch, rows->epoch);
    assert_int_equal(rig_stats(rig).through, 0);
    assert_int_equal(rig_stats(rig).queued_events, 4); // 3, 4, 5, 6
    tw_rows_free(rows);
}

// One that cannot be written now is before an acknowledgement passes over its row, though nobody repeats it.
static void P7_a_rejection_is_not_forgotten(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    rig_add(rig, 1, NULL), rig_add(rig, 2, NULL);
    struct tw_rows *all = rig_read(rig, 1);
    sync_vfs_fail(true);
    assert_int_equal(tw_journal_reject(rig->journal, all->epoch, 1, "no"), TW_OK);
    assert_int_equal(tw_journal_acknowledge(rig->journal, all->epoch, 2, NULL, NULL), TW_OK);
    assert_int_equal(rig_sale(rig, "k/1", "{\"total\":1}").error, TW_ERR_IO);
    assert_int_equal(rig_stats(rig).queued_events, 2);
    sync_vfs_fail(false);
    rig_ack(rig, 2);
    assert_int_equal(rig_stats(rig).queued_events, 1); // the gap
    tw_rows_free(all);
}

static void P7_a_rejected_event_becomes_a_dead_letter_and_a_gap(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 4; i++) {
        rig_add(rig, i, NULL);
    }
    struct tw_rows *all = rig_read(rig, 1);
    assert_int_equal(tw_journal_reject(rig->journal, all->epoch, 2, "no \"such\" member"), TW_OK);
    assert_int_equal(tw_journal_reject(rig->journal, all->epoch, 2, "again"), TW_OK);
    assert_int_equal(tw_journal_reject(rig->journal, all->epoch, 77, "never was"), TW_OK);
    rig_add(rig, 5, NULL);
    assert_int_equal(rig_stats(rig).dead_letters, 1);
    assert_int_equal(rig_stats(rig).queued_events, 5); // 1, 3, 4, the gap, 5
    rig_reopen(rig);
    assert_int_equal(rig_stats(rig).queued_events, 5);
    assert_int_equal(rig_stats(rig).dead_letters, 1);
    struct tw_rows *rest = rig_read(rig, 1);
    assert_int_equal(rest->count, 5);
    const uint64_t sequences[] = {1, 3, 4, 5, 6};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(rest->rows[i].sequence, sequences[i]);
    }
    // The rejected one was published: its hash stays in the chain.
    assert_memory_equal(rest->rows[1].bytes.ptr, all->rows[2].bytes.ptr, all->rows[2].bytes.len);
    char prevhash[TW_HASH_HEX + 1];
    char expected[TW_HASH_HEX + 1];
    rig_attribute(rest->rows[3].bytes, "prevhash", prevhash, sizeof prevhash);
    hash_of(all->rows[3].bytes, expected);
    assert_string_equal(prevhash, expected);
    assert_true(
        rig_contains(rest->rows[3].bytes,
                     "\"data\":{\"device\":null,\"reason\":\"rejected\",\"bytes\":null,\"first_sequence\":2,"
                     "\"last_sequence\":2,\"detail\":\"no \\\"such\\\" member\"}}"));
    assert_true(rig_contains(rest->rows[3].bytes, "\"subject\":\"07\""));
    // A gap that is rejected is not followed by another one.
    assert_int_equal(tw_journal_reject(rig->journal, rest->epoch, 5, "no gaps"), TW_OK);
    rig_ack(rig, 6);
    assert_int_equal(rig_stats(rig).next_sequence, 7);
    assert_int_equal(rig_stats(rig).queued_events, 0);
    assert_int_equal(rig_stats(rig).queued_bytes, 0);
    assert_int_equal(rig_query(rig, "SELECT count(*) FROM dead_letters WHERE sequence IN (2, 5)"), 2);
    tw_rows_free(rest);
    tw_rows_free(all);
}

// What the statistics say after a crash is what lies in the file.
static void sizes_are_right_after_a_crash(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    for (int i = 1; i <= 6; i++) {
        rig_add(rig, i, NULL);
    }
    rig_ack(rig, 1);
    rig->clock.monotonic_ms += 11000; // so that the next commit makes it durable
    rig_add(rig, 7, NULL);
    for (int crash = 0; crash < 2; crash++) {
        struct tw_journal_stats before = rig_stats(rig);
        rig_crash(rig);
        rig_open(rig);
        struct tw_journal_stats after = rig_stats(rig);
        assert_int_equal(after.queued_events, before.queued_events);
        assert_int_equal(after.queued_bytes, before.queued_bytes);
        assert_int_equal(after.dead_letters, before.dead_letters);
        assert_int_equal(after.oldest_ms, before.oldest_ms);
        assert_int_equal(after.next_sequence, before.next_sequence);
        assert_int_equal(after.queued_bytes,
                         rig_query(rig, "SELECT sum(length(sealed)) FROM events WHERE state = 0"));
        assert_int_equal(tw_journal_reject(rig->journal, after.epoch, 3, "no"), TW_OK);
        rig->clock.wall_ms += 5;
        rig_add(rig, 7, NULL);
    }
    assert_int_equal(rig_stats(rig).dead_letters, 1);
}

// P7: only so much is given out at a time, and the acknowledgements for it may be lost in a crash.
static void a_long_backlog_keeps_its_chain(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    const uint64_t count = 4600;
    for (uint64_t done = 0; done < count; done += 100) {
        struct tw_batch *batch = rig_batch(rig);
        for (int i = 0; i < 100; i++) {
            tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{\"n\":1}"));
        }
        assert_int_equal(rig_submit(rig, batch).error, TW_OK);
    }
    char head[TW_HASH_HEX + 1] = ZEROS;
    char middle[TW_HASH_HEX + 1] = "";
    for (uint64_t next = 1; next <= count;) {
        struct tw_rows *rows = rig_read_for(rig, next, 250, 20000);
        assert_non_null(rows);
        rig_check_chain(rows, head);
        hash_of(rows->rows[rows->count - 1].bytes, head);
        next += rows->count;
        assert_true(rig_stats(rig).send_limit >= next - 1);
        if (next == 251 && middle[0] != 0) {
            assert_string_equal(head, middle); // the same again after the crash
        } else if (next == 251) {
            memcpy(middle, head, sizeof middle);
            rig_ack(rig, 200); // too few to be made durable at once
            rig_crash(rig);
            rig_open(rig);
            memcpy(head, ZEROS, sizeof head);
            next = 1;
        } else if (next > 1000) {
            rig_ack(rig, next - 501);
        }
        tw_rows_free(rows);
    }
    assert_string_not_equal(middle, "");
    assert_null(rig_read_for(rig, count + 1, 10, 50));
    rig_reopen(rig);
    assert_true(rig_stats(rig).queued_events <= 600);
    rig_ack(rig, count);
    assert_int_equal(rig_stats(rig).queued_bytes, 0);
}

// Adds events until one is refused; gives how many were taken.
static int fill(struct rig *rig)
{
    for (int n = 0; n < 10000; n++) {
        struct tw_batch *batch = rig_batch(rig);
        char data[600] = "{\"n\":\"";
        uint8_t noise[270]; // nothing that becomes smaller
        assert_int_equal(tw_seal_random(rig->seal, noise, sizeof noise), TW_OK);
        tw_seal_hex(noise, sizeof noise, data + 6);
        memcpy(data + 6 + 2 * sizeof noise, "\"}", 3);
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "s", tw_slice_of(data));
        rig->clock.monotonic_ms += 1000;
        struct tw_journal_result result = rig_submit(rig, batch);
        if (result.error != TW_OK) {
            assert_int_equal(result.error, TW_ERR_FULL);
            return n;
        }
    }
    fail_msg("the journal took more than its limit");
    return 0;
}

// P7: at its limit the journal refuses what is new, keeps what it has, and takes again once there is
// room.
static void P7_a_full_journal_refuses_and_keeps(void **state)
{
    struct rig *rig = *state;
    rig->max_bytes = 512 * 1024;
    rig_open(rig);
    int taken = fill(rig);
    assert_true(taken > 500 && taken < 2000);
    assert_int_equal(rig_stats(rig).queued_events, taken + 1); // and a capture.gap that says so
    assert_true(rig_stats(rig).full);
    rig_ack(rig, (uint64_t)taken);
    struct tw_buf nothing = {0};
    assert_int_equal(tw_journal_lane(rig->journal, "", &nothing), TW_OK); // comes after what that led to
    assert_false(rig_stats(rig).full); // nobody has to come with something new for it
    assert_true(fill(rig) > 100);
}

static void P7_the_disk_reserve_is_left_alone(void **state)
{
    struct rig *rig = *state;
    rig->reserve_bytes = UINT64_MAX;
    rig_open(rig);
    assert_int_equal(fill(rig), 0);
    assert_int_equal(rig_stats(rig).queued_events, 1); // the capture.gap that says so
}

int main(void)
{
    sync_vfs_install();
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(P7_a_full_journal_refuses_and_keeps),
        T(P7_the_disk_reserve_is_left_alone),
        T(P3_a_resend_is_byte_identical),
        T(P4_sequences_are_contiguous_over_restarts),
        T(P4_an_acknowledgement_after_a_restart_keeps_the_chain),
        T(P1_done_comes_after_the_commit),
        T(P1_a_failed_commit_leaves_nothing),
        T(P4_an_acknowledgement_of_another_epoch_is_ignored),
        T(P4_an_acknowledgement_ahead_opens_a_new_epoch),
        T(P4_an_acknowledgement_beyond_the_send_limit_opens_a_new_epoch),
        T(P4_an_acknowledgement_of_other_events_opens_a_new_epoch),
        T(P7_a_rejection_is_not_forgotten),
        T(P7_a_rejected_event_becomes_a_dead_letter_and_a_gap),
        T(sizes_are_right_after_a_crash),
        T(a_long_backlog_keeps_its_chain),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
