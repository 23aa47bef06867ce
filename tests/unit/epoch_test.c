// SPDX-License-Identifier: Apache-2.0
//
// P4: a new epoch over what is queued (what was rejected has no number in it), and the dead letters that the
// rejected became.
#include "tests/fakes/store_rig.h"

#include "agent/journal/uuid.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

enum { EVENTS = 40 };

static struct tw_journal_result add_sale(struct store_world *world, int n, int total)
{
    char key[16];
    char data[64];
    (void)snprintf(key, sizeof key, "k/%d", n);
    (void)snprintf(data, sizeof data, "{\"n\":%d,\"total\":%d}", n, total);
    return store_add(&world->rig, world->store, TW_EVENT_SALE_COMPLETED, key, data);
}

// Every third is a sale "k/N".
static void fill(struct store_world *world)
{
    for (int n = 1; n <= EVENTS; n++) {
        char data[64];
        (void)snprintf(data, sizeof data, "{\"n\":%d}", n);
        struct tw_journal_result result =
            n % 3 == 0 ? add_sale(world, n, 1)
                       : store_add(&world->rig, world->store, TW_EVENT_LOYALTY_SCANNED, NULL, data);
        assert_int_equal(result.error, TW_OK);
        tw_uuid_text(result.id, world->ids[n]);
    }
}

static bool is_dead(const int *dead, int n)
{
    for (; *dead != 0; dead++) {
        if (*dead == n) {
            return true;
        }
    }
    return false;
}

// The queue is: events after `through` without the dead, then `more` others; numbered from 1, chained from
// zeros.
static void expect_renewed(struct store_world *world, const char *old_epoch, int through, const int *dead,
                           size_t more)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        struct tw_rows *rows = store_read(world->store, 0);
        size_t at = 0;
        assert_string_not_equal(rows->epoch, old_epoch);
        assert_int_equal(rows->rows[0].sequence, 1);
        rig_check_chain(rows, ZEROS);
        for (int n = through + 1; n <= EVENTS; n++) {
            char id[37];
            if (!is_dead(dead, n)) {
                rig_attribute(rows->rows[at++].bytes, "id", id, sizeof id);
                assert_string_equal(id, world->ids[n]);
            }
        }
        assert_int_equal(rows->count, at + more);
        assert_int_equal(rows->rows[rows->count - 1].sequence, at + more); // nothing is left out
        struct tw_journal_stats stats = store_stats(world->store);
        assert_int_equal(stats.queued_events, at + more);
        assert_int_equal(stats.through, 0);
        assert_int_equal(stats.queued_bytes,
                         rig_query(&world->rig, "SELECT sum(length(sealed)) FROM events WHERE "
                                                "n > (SELECT base FROM lives ORDER BY life "
                                                "DESC LIMIT 1)"));
        tw_rows_free(rows);
        world->store = store_reopen(&world->rig, world->store);
    }
}

// Each sale answers with its id, the dead and the acknowledged ones too.
static void expect_sales_known(struct store_world *world)
{
    for (int n = 3; n <= EVENTS; n += 3) {
        char id[37];
        struct tw_journal_result result = add_sale(world, n, 1);
        assert_int_equal(result.outcome, TW_OUTCOME_REPEAT);
        tw_uuid_text(result.id, id);
        assert_string_equal(id, world->ids[n]);
    }
}

static void P4_a_new_epoch_closes_ranks_over_several_dead_rows(void **state)
{
    static const int dead[] = {12, 13, 21, 24, 39, 0};
    struct store_world *world = *state;
    const char *epoch = store_stats(world->store).epoch;
    char old[37];
    memcpy(old, epoch, sizeof old);
    fill(world);
    store_ack(&world->rig, world->store, 9);
    for (const int *n = dead; *n != 0; n++) {
        store_reject(world->store, (uint64_t)*n, false);
    }
    assert_int_equal(tw_store_acknowledge(world->store, old, 5000, NULL), TW_OK); // of another life
    expect_renewed(world, old, 9, dead, 5);
    expect_sales_known(world);
    assert_int_equal(store_stats(world->store).dead_letters, 5);
}

static void P4_epochs_may_follow_one_another(void **state)
{
    static const int dead[] = {12, 15, 18, 20, 0};
    struct store_world *world = *state;
    char epochs[5][37];
    fill(world);
    for (int round = 0; round < 4; round++) {
        struct tw_journal_stats stats = store_stats(world->store);
        memcpy(epochs[round], stats.epoch, 37);
        struct tw_rows *rows = store_read(world->store, 0);
        for (size_t i = 0; i < rows->count; i++) {
            char id[37];
            rig_attribute(rows->rows[i].bytes, "id", id, sizeof id);
            if (strcmp(id, world->ids[dead[round]]) == 0) {
                store_reject(world->store, rows->rows[i].sequence, round % 2 == 0);
            }
        }
        tw_rows_free(rows);
        assert_int_equal(tw_store_acknowledge(world->store, store_stats(world->store).epoch, 5000, NULL),
                         TW_OK);
    }
    expect_renewed(world, epochs[3], 0, dead, 4);
    expect_sales_known(world);
}

static void P4_a_refused_event_opens_a_new_epoch_without_it(void **state)
{
    static const int dead[] = {33, 0};
    struct store_world *world = *state;
    char old[37];
    fill(world);
    store_ack(&world->rig, world->store, 30);
    memcpy(old, store_stats(world->store).epoch, sizeof old);
    store_reject(world->store, 33, true);
    expect_renewed(world, old, 30, dead, 1);
    expect_sales_known(world);
}

// A centre that lost its database waits for a dead letter, which is not sent again.
static void P4_a_dead_letter_refused_again_only_leaves_the_numbering(void **state)
{
    static const int dead[] = {33, 0};
    struct store_world *world = *state;
    struct tw_batch *gap = NULL;
    char old[37];
    fill(world);
    store_ack(&world->rig, world->store, 30);
    memcpy(old, store_stats(world->store).epoch, sizeof old);
    store_reject(world->store, 33, false);
    for (int refused = 0; refused < 2; refused++) {
        assert_string_equal(store_stats(world->store).epoch, old);
        assert_int_equal(tw_store_begin(world->store), TW_OK);
        assert_int_equal(tw_store_reject(world->store, old, 33, "again", refused == 1, &gap), TW_OK);
        assert_int_equal(tw_store_commit(world->store), TW_OK);
        assert_null(gap); // it is told already
    }
    assert_int_equal(store_stats(world->store).dead_letters, 1);
    expect_renewed(world, old, 30, dead, 1);
    expect_sales_known(world);
}

static void P4_a_resync_of_what_is_queued_changes_nothing(void **state)
{
    struct store_world *world = *state;
    enum tw_resync how = TW_RESYNC_RENEWED;
    struct tw_batch *gap = NULL;
    fill(world);
    store_ack(&world->rig, world->store, 10);
    char epoch[37];
    memcpy(epoch, store_stats(world->store).epoch, sizeof epoch);
    static const uint64_t froms[] = {11, 25, EVENTS, EVENTS + 1};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tw_store_begin(world->store), TW_OK);
        assert_int_equal(tw_store_resync(world->store, froms[i], &how, &gap), TW_OK);
        assert_int_equal(tw_store_commit(world->store), TW_OK);
        assert_null(gap);
        assert_int_equal(how, TW_RESYNC_READ);
    }
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    assert_int_equal(tw_store_resync(world->store, 0, &how, &gap), TW_ERR_INVALID);
    assert_int_equal(tw_store_resync(world->store, EVENTS + 2, &how, &gap), TW_ERR_INVALID);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    assert_string_equal(store_stats(world->store).epoch, epoch);
}

static void P4_a_resync_of_what_is_gone_names_it_in_a_new_epoch(void **state)
{
    static const int dead[] = {20, 0};
    struct store_world *world = *state;
    enum tw_resync how = TW_RESYNC_READ;
    struct tw_batch *gap = NULL;
    char old[37];
    fill(world);
    store_ack(&world->rig, world->store, 10);
    store_reject(world->store, 20, false);
    memcpy(old, store_stats(world->store).epoch, sizeof old);
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    assert_int_equal(tw_store_resync(world->store, 4, &how, &gap), TW_OK);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    assert_int_equal(how, TW_RESYNC_RENEWED);
    assert_non_null(gap);
    tw_batch_free(gap);
    expect_renewed(world, old, 10, dead, 2);
    struct tw_rows *rows = store_read(world->store, 0);
    assert_true(rig_contains(rows->rows[rows->count - 1].bytes, "\"reason\":\"resync\""));
    assert_true(rig_contains(rows->rows[rows->count - 1].bytes, "\"first_sequence\":4,\"last_sequence\":10"));
    tw_rows_free(rows);
    expect_sales_known(world);
}

// ---- dead letters ----

struct letters {
    uint64_t numbers[8], sequences[8];
    char ids[8][37];
    size_t count;
};

static int note_letter(void *ctx, const struct tw_dead_letter *letter)
{
    struct letters *letters = ctx;
    assert_true(letters->count < 8);
    assert_string_equal(letter->reason, "no");
    assert_true(letter->data.len > 0 && letter->data.ptr[0] == '{');
    letters->numbers[letters->count] = letter->number;
    letters->sequences[letters->count] = letter->sequence;
    memcpy(letters->ids[letters->count], letter->id, 37);
    letters->count++;
    return TW_OK;
}

static void list(struct store_world *world, uint64_t after, size_t max, struct letters *out)
{
    *out = (struct letters){.count = 0};
    assert_int_equal(tw_store_letters(world->store, after, max, note_letter, out), TW_OK);
}

static int retry(struct store_world *world, uint64_t number, uint64_t *count)
{
    assert_int_equal(tw_store_begin(world->store), TW_OK);
    int rc = tw_store_retry(world->store, number, count);
    assert_int_equal(tw_store_commit(world->store), TW_OK);
    return rc;
}

static void dead_letters_are_listed_oldest_first_and_a_part_at_a_time(void **state)
{
    struct store_world *world = *state;
    struct letters letters;
    fill(world);
    for (uint64_t n = 30; n >= 27; n--) {
        store_reject(world->store, n, false);
    }
    world->store = store_reopen(&world->rig, world->store);
    list(world, 0, 100, &letters);
    assert_int_equal(letters.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(letters.sequences[i], 30 - i);
        assert_string_equal(letters.ids[i], world->ids[30 - i]);
    }
    uint64_t second = letters.numbers[1];
    list(world, second, 1, &letters);
    assert_int_equal(letters.count, 1);
    assert_int_equal(letters.sequences[0], 28);
    list(world, UINT64_C(1) << 40, 10, &letters);
    assert_int_equal(letters.count, 0);
}

static void P3_a_retried_sale_is_a_new_event_that_its_key_leads_to(void **state)
{
    struct store_world *world = *state;
    struct letters letters;
    uint64_t count = 77;
    char id[37];
    fill(world);
    store_reject(world->store, 12, false);
    store_reject(world->store, 15, false);
    list(world, 0, 100, &letters);
    assert_int_equal(retry(world, letters.numbers[1] + 50, &count), TW_ERR_NOT_FOUND);
    assert_int_equal(count, 77);
    assert_int_equal(retry(world, letters.numbers[1], &count), TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(store_stats(world->store).dead_letters, 1);
    struct tw_rows *rows = store_read(world->store, 0);
    const struct tw_journal_payload *last = &rows->rows[rows->count - 1];
    assert_int_equal(last->sequence, EVENTS + 3); // after both gaps
    assert_true(rig_contains(last->bytes, "\"data\":{\"n\":15,\"total\":1}"));
    rig_attribute(last->bytes, "id", id, sizeof id);
    assert_string_not_equal(id, world->ids[15]);
    tw_rows_free(rows);
    for (int restarted = 0; restarted < 2; restarted++) {
        char again[37];
        struct tw_journal_result result = add_sale(world, 15, 1);
        assert_int_equal(result.outcome, TW_OUTCOME_REPEAT);
        tw_uuid_text(result.id, again);
        assert_string_equal(again, id);
        store_ack(&world->rig, world->store, EVENTS + 3); // the old row is gone, the new one is remembered
        world->store = store_reopen(&world->rig, world->store);
    }
}

static void all_dead_letters_are_retried_at_once(void **state)
{
    struct store_world *world = *state;
    struct letters letters;
    uint64_t count = 0;
    fill(world);
    for (uint64_t n = 10; n <= 14; n++) {
        store_reject(world->store, n, false);
    }
    assert_int_equal(retry(world, 0, &count), TW_OK);
    assert_int_equal(count, 5);
    list(world, 0, 100, &letters);
    assert_int_equal(letters.count, 0);
    assert_int_equal(store_stats(world->store).dead_letters, 0);
    struct tw_rows *rows = store_read(world->store, 0);
    for (size_t i = 0; i < 5; i++) {
        char data[32];
        (void)snprintf(data, sizeof data, "\"data\":{\"n\":%d", (int)(10 + i));
        assert_true(rig_contains(rows->rows[rows->count - 5 + i].bytes, data));
    }
    rig_check_chain(rows, NULL);
    tw_rows_free(rows);
    assert_int_equal(retry(world, 0, &count), TW_OK);
    assert_int_equal(count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_world_set_up, store_world_tear_down)
    const struct CMUnitTest tests[] = {
        T(P4_a_new_epoch_closes_ranks_over_several_dead_rows),
        T(P4_epochs_may_follow_one_another),
        T(P4_a_refused_event_opens_a_new_epoch_without_it),
        T(P4_a_dead_letter_refused_again_only_leaves_the_numbering),
        T(P4_a_resync_of_what_is_queued_changes_nothing),
        T(P4_a_resync_of_what_is_gone_names_it_in_a_new_epoch),
        T(dead_letters_are_listed_oldest_first_and_a_part_at_a_time),
        T(P3_a_retried_sale_is_a_new_event_that_its_key_leads_to),
        T(all_dead_letters_are_retried_at_once),
    };
    return cmocka_run_group_tests_name("epoch", tests, NULL, NULL);
}
