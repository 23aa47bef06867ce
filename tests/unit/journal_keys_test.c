// SPDX-License-Identifier: Apache-2.0
//
// What the journal remembers besides events, and how it opens: transaction keys, Idempotency-Keys,
// tap and lane positions, identity, versions.
#include <sqlite3.h>

#include "tests/fakes/journal_rig.h"

#define DAY_MS    INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig_start(rig);
    rig_open(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_stop(*state);
    free(*state);
    return 0;
}

static void P3_a_later_witness_agrees_or_corrects(void **state)
{
    struct rig *rig = *state;
    struct tw_journal_result first = rig_sale(rig, "k/1", "{\"total\":1}");
    assert_int_equal(first.outcome, TW_OUTCOME_NEW);
    struct tw_journal_result same = rig_sale(rig, "k/1", "{\"total\":1}");
    assert_int_equal(same.outcome, TW_OUTCOME_REPEAT);
    assert_memory_equal(same.id, first.id, 16);
    rig_reopen(rig);
    struct tw_journal_result second = rig_sale(rig, "k/1", "{\"total\":2}");
    assert_int_equal(second.outcome, TW_OUTCOME_CORRECTED);
    assert_memory_not_equal(second.id, first.id, 16);
    struct tw_journal_result third = rig_sale(rig, "k/1", "{\"total\":3}");
    assert_int_equal(third.outcome, TW_OUTCOME_CORRECTED);
    assert_int_equal(rig_sale(rig, "k/1", "{\"bad\":3}").error, TW_ERR_INVALID);
    struct tw_rows *rows = rig_read(rig, 1);
    assert_int_equal(rows->count, 3);
    rig_check_chain(rows, NULL);
    char pattern[64] = "\"corrects\":\"";
    tw_uuid_text(first.id, pattern + 12);
    assert_true(rig_contains(rows->rows[1].bytes, pattern));
    assert_true(rig_contains(rows->rows[1].bytes, "io.tillwire.sale.corrected"));
    tw_uuid_text(second.id, pattern + 12); // a correction names what was published last
    assert_true(rig_contains(rows->rows[2].bytes, pattern));
    tw_rows_free(rows);
    assert_int_equal(rig_stats(rig).repeats, 0); // since the restart
}

static struct tw_journal_result sale_with_coupon(struct rig *rig, const char *data)
{
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{\"before\":1}"));
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, "k/2", "k/2", tw_slice_of(data));
    tw_batch_event(batch, TW_EVENT_COUPON_REDEEMED, "k/2",
                   tw_slice_of("{\"sale\":\"" TW_BATCH_SALE_ID "\",\"again\":\"" TW_BATCH_SALE_ID "\"}"));
    tw_batch_event(batch, TW_EVENT_CAPTURE_DRIFT, "printer", tw_slice_of("{\"after\":1}"));
    return rig_submit(rig, batch);
}

static void events_of_a_sale_name_it_and_come_once(void **state)
{
    struct rig *rig = *state;
    struct tw_journal_result first = sale_with_coupon(rig, "{\"total\":1}");
    assert_int_equal(first.outcome, TW_OUTCOME_NEW);
    assert_int_equal(sale_with_coupon(rig, "{\"total\":1}").outcome, TW_OUTCOME_REPEAT);
    assert_int_equal(sale_with_coupon(rig, "{\"total\":2}").outcome, TW_OUTCOME_CORRECTED);
    struct tw_rows *rows = rig_read(rig, 1);
    assert_int_equal(rows->count, 4 + 2 + 3);
    char id[37];
    char expected[160];
    tw_uuid_text(first.id, id);
    (void)snprintf(expected, sizeof expected, "\"data\":{\"sale\":\"%s\",\"again\":\"%s\"}}", id, id);
    assert_true(rig_contains(rows->rows[2].bytes, expected));
    rig_attribute(rows->rows[1].bytes, "id", expected, sizeof expected);
    assert_string_equal(expected, id);
    tw_rows_free(rows);
}

static struct tw_journal_result request(struct rig *rig, const char *key, uint8_t body, const char *sale,
                                        uint64_t offset)
{
    const uint8_t hash[32] = {body};
    const uint8_t boot[16] = {1};
    char data[64];
    (void)snprintf(data, sizeof data, "{\"total\":%d}", body);
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, sale, sale, tw_slice_of(data));
    tw_batch_idempotency(batch, key, hash);
    tw_batch_tap(batch, "printer", boot, offset, tw_slice_of("s"));
    return rig_submit(rig, batch);
}

static void P3_an_idempotency_key_answers_once(void **state)
{
    struct rig *rig = *state;
    struct tw_journal_result first = request(rig, "any thing at all", 1, "k/1", 10);
    assert_int_equal(first.outcome, TW_OUTCOME_NEW);
    rig_reopen(rig);
    // The key decides before the transaction does: another sale, yet the same answer; the position is kept.
    struct tw_journal_result again = request(rig, "any thing at all", 1, "k/9", 20);
    assert_int_equal(again.outcome, TW_OUTCOME_REPEAT);
    assert_memory_equal(again.id, first.id, 16);
    struct tw_journal_tap tap;
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_int_equal(tap.offset, 20);
    assert_int_equal(request(rig, "any thing at all", 2, "k/1", 30).error, TW_ERR_MISMATCH);
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_int_equal(tap.offset, 20);
    // A new key with a known sale is a repeat of the sale.
    struct tw_journal_result other = request(rig, "other", 1, "k/1", 40);
    assert_int_equal(other.outcome, TW_OUTCOME_REPEAT);
    assert_memory_equal(other.id, first.id, 16);
    assert_int_equal(rig_stats(rig).queued_events, 1);
    assert_int_equal(rig_stats(rig).repeats, 2);
    rig_close(rig);
    char command[160]; // the key itself is nowhere in the file
    (void)snprintf(command, sizeof command, "grep -q 'any thing' %s", rig->path);
    assert_int_not_equal(system(command), 0);
}

static void positions_are_kept_with_their_events(void **state)
{
    struct rig *rig = *state;
    struct tw_buf lane = {0};
    struct tw_journal_tap tap;
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_false(tap.known);
    assert_int_equal(tw_journal_lane(rig->journal, "07", &lane), TW_OK);
    assert_int_equal(lane.len, 0);
    const uint8_t boot[16] = {1, 2, 3};
    for (uint64_t i = 1; i <= 3; i++) {
        struct tw_batch *batch = rig_batch(rig);
        tw_batch_tap(batch, "printer", boot, UINT64_MAX - i, tw_slice_make("\x00state", 6));
        tw_batch_lane(batch, "07", tw_slice_make("member\x00", i));
        assert_int_equal(rig_submit(rig, batch).error, TW_OK);
    }
    rig_reopen(rig);
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_true(tap.known);
    assert_memory_equal(tap.boot, boot, sizeof boot);
    assert_true(tap.offset == UINT64_MAX - 3);
    assert_int_equal(tap.state_len, 6);
    assert_memory_equal(tap.state, "\x00state", 6);
    assert_int_equal(tw_journal_lane(rig->journal, "07", &lane), TW_OK);
    assert_int_equal(lane.len, 3);
    assert_memory_equal(lane.ptr, "mem", 3);
    assert_int_equal(rig_stats(rig).next_sequence, 1);
    tw_buf_free(&lane);
}

static void advance(struct rig *rig, int64_t ms)
{
    rig->clock.wall_ms += ms;
    rig->clock.monotonic_ms += ms;
}

// Time passes, the last eight minutes of it with the expiry going round; what is still queued is kept
// whatever its age.
static void pass_time(struct rig *rig, int64_t ms)
{
    rig_ack(rig, rig_stats(rig).next_sequence - 1);
    advance(rig, ms - 8 * MINUTE_MS);
    for (int i = 0; i < 8; i++) {
        advance(rig, MINUTE_MS);
        rig_add(rig, 0, NULL);
    }
}

static int64_t count_keys(struct rig *rig)
{
    return rig_query(rig, "SELECT (SELECT count(*) FROM sales) + (SELECT count(*) FROM idempotency)");
}

static void keys_are_forgotten_after_seven_days(void **state)
{
    struct rig *rig = *state;
    (void)request(rig, "key", 1, "k/1", 1);
    pass_time(rig, TW_JOURNAL_KEY_DAYS * DAY_MS - 9 * MINUTE_MS);
    assert_int_equal(request(rig, "key", 1, "k/1", 2).outcome, TW_OUTCOME_REPEAT);
    pass_time(rig, 10 * MINUTE_MS);
    assert_int_equal(count_keys(rig), 0);
    assert_int_equal(request(rig, "key", 1, "k/1", 3).outcome, TW_OUTCOME_NEW);
}

// P3, P12: whoever vouches for it or not, a clock that jumps makes no key older than it is.
static void P3_a_jump_of_the_clock_forgets_nothing(void **state)
{
    static const enum tw_clock_trust trusts[] = {TW_CLOCK_UNSYNCHRONISED, TW_CLOCK_SUSPECT, TW_CLOCK_OK};
    struct rig *rig = *state;
    (void)request(rig, "key", 1, "k/1", 1);
    for (size_t i = 0; i < 3; i++) {
        rig->clock.trust = (int)trusts[i];
        rig->clock.wall_ms += 3650 * DAY_MS;
        pass_time(rig, 10 * MINUTE_MS);
        assert_int_equal(request(rig, "key", 1, "k/1", 2).outcome, TW_OUTCOME_REPEAT);
        rig_reopen(rig);
        pass_time(rig, 10 * MINUTE_MS);
        assert_int_equal(request(rig, "key", 1, "k/1", 2).outcome, TW_OUTCOME_REPEAT);
        rig->clock.wall_ms -= 3650 * DAY_MS;
        pass_time(rig, 10 * MINUTE_MS);
        assert_int_equal(request(rig, "key", 1, "k/1", 2).outcome, TW_OUTCOME_REPEAT);
    }
}

// A clock of years ago that is set right says nothing of the time that passed.
static void P3_a_clock_that_is_set_right_forgets_nothing(void **state)
{
    struct rig *rig = *state;
    rig_close(rig);
    rig->clock.trust = TW_CLOCK_UNSYNCHRONISED;
    rig->clock.wall_ms = TW_RELEASE_WALL_MS + 1;
    rig_open(rig);
    (void)request(rig, "key", 1, "k/1", 1);
    rig->clock.trust = TW_CLOCK_OK;
    rig->clock.wall_ms = RIG_START_MS + 900 * DAY_MS;
    pass_time(rig, 10 * MINUTE_MS);
    assert_int_equal(request(rig, "key", 1, "k/1", 2).outcome, TW_OUTCOME_REPEAT);
}

// Where no clock is ever right the number of keys is bounded all the same: by the time the machine runs.
static void without_a_clock_keys_are_forgotten_too(void **state)
{
    struct rig *rig = *state;
    char key[32];
    rig_close(rig);
    rig->clock.trust = TW_CLOCK_SUSPECT;
    rig->clock.wall_ms = 1000;
    rig_open(rig);
    for (int i = 0; i < 250; i++) {
        (void)snprintf(key, sizeof key, "k/%d", i);
        (void)request(rig, key, 1, key, 1);
    }
    for (int i = 0; i < 7; i++) {
        rig_reopen(rig);
        rig->clock.wall_ms = 1000;
        assert_int_equal(request(rig, "k/7", 1, "k/7", 1).outcome, TW_OUTCOME_REPEAT);
        pass_time(rig, DAY_MS);
    }
    pass_time(rig, 8 * MINUTE_MS); // once around
    assert_int_equal(count_keys(rig), 0);
}

// Remembered while the clock ran ten years ahead: as long as others.
static void keys_of_a_clock_that_ran_ahead_are_forgotten_too(void **state)
{
    struct rig *rig = *state;
    rig->clock.wall_ms += 3650 * DAY_MS;
    char key[32];
    for (int i = 0; i < 250; i++) {
        (void)snprintf(key, sizeof key, "k/%d", i);
        (void)request(rig, key, 1, key, 1);
    }
    rig->clock.wall_ms -= 3650 * DAY_MS;
    pass_time(rig, 10 * MINUTE_MS);
    assert_int_equal(request(rig, "k/7", 1, "k/7", 1).outcome, TW_OUTCOME_REPEAT);
    pass_time(rig, TW_JOURNAL_KEY_DAYS * DAY_MS);
    assert_int_equal(count_keys(rig), 0);
}

// P12: a clock that falls back, and a queue that is empty: ids still only grow.
static void P12_ids_grow_over_a_restart_with_a_wrong_clock(void **state)
{
    struct rig *rig = *state;
    uint8_t before[16];
    uint8_t after[16];
    rig_add(rig, 1, before);
    rig_ack(rig, 1);
    rig->clock.wall_ms = 1000;
    rig_reopen(rig);
    rig_add(rig, 2, after);
    assert_true(memcmp(after, before, sizeof after) > 0);
}

// ---- opening ----

static void another_source_waits_for_what_is_queued(void **state)
{
    struct rig *rig = *state;
    char epoch[37];
    memcpy(epoch, rig_stats(rig).epoch, sizeof epoch);
    (void)request(rig, "key", 1, "k/1", 5);
    rig_close(rig);
    struct tw_error_text err = {""};
    assert_int_equal(rig_try_open(rig, "/acme/0042/08", &err), TW_ERR_MISMATCH);
    assert_non_null(strstr(err.text, "1 events of /acme/0042/07"));
    assert_non_null(strstr(err.text, "/acme/0042/08"));
    assert_non_null(strstr(err.text, rig->path));
    rig_open(rig);
    assert_string_equal(rig_stats(rig).epoch, epoch);
    rig_ack(rig, 1);
    rig_close(rig);
    assert_int_equal(rig_try_open(rig, "/acme/0042/08", &err), TW_OK);
    assert_string_not_equal(rig_stats(rig).epoch, epoch);
    assert_int_equal(rig_stats(rig).next_sequence, 1);
    assert_int_equal(request(rig, "key", 1, "k/1", 6).outcome, TW_OUTCOME_NEW);
    struct tw_rows *rows = rig_read(rig, 1);
    assert_true(rig_contains(rows->rows[0].bytes, "\"source\":\"/acme/0042/08\""));
    tw_rows_free(rows);
}

static int note_letter(void *ctx, const struct tw_dead_letter *letter)
{
    *(struct tw_dead_letter *)ctx = *letter;
    return TW_OK;
}

static void expect_letter_of(struct rig *rig, const char *source)
{
    struct tw_dead_letter letter = {.number = 0};
    assert_int_equal(tw_journal_dead_letters(rig->journal, 0, 10, note_letter, &letter), TW_OK);
    assert_int_equal(letter.number, 1);
    assert_string_equal(letter.source, source);
}

// What was rejected at one terminal never goes out as if it had happened at another.
static void a_dead_letter_keeps_its_source(void **state)
{
    struct rig *rig = *state;
    struct tw_error_text err = {""};
    uint64_t count = 7;
    (void)request(rig, "key", 1, "k/1", 5);
    assert_int_equal(tw_journal_reject(rig->journal, rig_stats(rig).epoch, 1, "no"), TW_OK);
    expect_letter_of(rig, RIG_SOURCE);
    rig_ack(rig, 2);
    rig_close(rig);
    for (int i = 0; i < 3; i++) { // also over a third terminal, and a restart
        assert_int_equal(rig_try_open(rig, i == 0 ? "/acme/0042/09" : "/acme/0042/08", &err), TW_OK);
        expect_letter_of(rig, RIG_SOURCE);
        assert_int_equal(tw_journal_retry(rig->journal, 1, &count), TW_ERR_MISMATCH);
        assert_int_equal(tw_journal_retry(rig->journal, 0, &count), TW_ERR_MISMATCH);
        assert_int_equal(rig_stats(rig).dead_letters, 1);
        assert_int_equal(rig_stats(rig).next_sequence, 1);
        rig_close(rig);
    }
    assert_int_equal(rig_try_open(rig, RIG_SOURCE, &err), TW_OK);
    expect_letter_of(rig, RIG_SOURCE);
    assert_int_equal(tw_journal_retry(rig->journal, 0, &count), TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rig_stats(rig).dead_letters, 0);
}

static struct tw_buf file_content(const struct rig *rig, const char *ending)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s", rig->path, ending);
    struct tw_buf content = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char part[4096];
    for (size_t got = fread(part, 1, sizeof part, file); got > 0; got = fread(part, 1, sizeof part, file)) {
        tw_buf_add(&content, part, got);
    }
    (void)fclose(file);
    return content;
}

// What is still in the WAL stays there.
static void P9_a_newer_version_is_left_untouched(void **state)
{
    static const char *const endings[] = {"", "-wal"};
    struct rig *rig = *state;
    rig_add(rig, 1, NULL);
    rig_close(rig);
    sqlite3 *newer = NULL;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", TW_JOURNAL_VERSION + 1);
    assert_int_equal(sqlite3_open(rig->path, &newer), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(newer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(newer, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(newer);
    struct tw_buf before[2];
    for (size_t i = 0; i < 2; i++) {
        before[i] = file_content(rig, endings[i]);
        assert_true(before[i].len > 0);
    }
    struct tw_error_text err = {""};
    assert_int_equal(rig_try_open(rig, RIG_SOURCE, &err), TW_ERR_VERSION);
    assert_non_null(strstr(err.text, "newer version"));
    for (size_t i = 0; i < 2; i++) {
        struct tw_buf after = file_content(rig, endings[i]);
        assert_int_equal(before[i].len, after.len);
        assert_memory_equal(before[i].ptr, after.ptr, after.len);
        tw_buf_free(&before[i]);
        tw_buf_free(&after);
    }
}

static void a_second_journal_is_explained_and_a_damaged_one_set_aside(void **state)
{
    struct rig *rig = *state;
    struct tw_journal *mine = rig->journal;
    struct tw_error_text err = {""};
    assert_int_equal(rig_try_open(rig, RIG_SOURCE, &err), TW_ERR_AGAIN);
    assert_ptr_equal(rig->journal, mine);
    assert_non_null(strstr(err.text, "in use by another process"));
    rig_close(rig);
    FILE *file = fopen(rig->path, "r+b");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++) {
        (void)fputc('x', file);
    }
    (void)fclose(file);
    rig_open(rig); // set aside, see rescue_test.c
    assert_int_equal(rig_stats(rig).damaged, 1);
    assert_non_null(strstr(rig_stats(rig).set_aside, "/quarantine/"));
}

struct seen {
    uint64_t count, last;
    bool wrong;
};

static void see(void *ctx, const struct tw_event_row *row)
{
    struct seen *seen = ctx;
    seen->count++;
    seen->wrong |= row->sequence != seen->last + 1 || row->data.len == 0 || row->recorded_ms != RIG_START_MS;
    seen->last = row->sequence;
}

static void every_committed_event_is_told_once(void **state)
{
    struct rig *rig = *state;
    struct seen seen = {0};
    rig_close(rig);
    rig->on_commit = see;
    rig->ctx = &seen;
    rig_open(rig);
    (void)sale_with_coupon(rig, "{\"total\":1}");
    (void)sale_with_coupon(rig, "{\"total\":1}");
    (void)rig_sale(rig, "k/2", "{\"bad\":1}");
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(tw_journal_reject(rig->journal, stats.epoch, 2, "no"), TW_OK);
    rig_close(rig);
    assert_int_equal(seen.count, 4 + 2 + 1);
    assert_false(seen.wrong);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(P3_a_later_witness_agrees_or_corrects),
        T(events_of_a_sale_name_it_and_come_once),
        T(P3_an_idempotency_key_answers_once),
        T(positions_are_kept_with_their_events),
        T(keys_are_forgotten_after_seven_days),
        T(P3_a_jump_of_the_clock_forgets_nothing),
        T(P3_a_clock_that_is_set_right_forgets_nothing),
        T(without_a_clock_keys_are_forgotten_too),
        T(keys_of_a_clock_that_ran_ahead_are_forgotten_too),
        T(P12_ids_grow_over_a_restart_with_a_wrong_clock),
        T(another_source_waits_for_what_is_queued),
        T(a_dead_letter_keeps_its_source),
        T(P9_a_newer_version_is_left_untouched),
        T(a_second_journal_is_explained_and_a_damaged_one_set_aside),
        T(every_committed_event_is_told_once),
    };
    return cmocka_run_group_tests_name("journal_keys", tests, NULL, NULL);
}
