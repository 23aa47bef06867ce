// SPDX-License-Identifier: Apache-2.0
//
// The rows that were written last: what comes out is what went in, in one unbroken piece, within bounds; and
// that a journal sends the same bytes from there and from the disk (P3).
#include "agent/journal/fresh.h"

#include <unistd.h>

#include "tests/fakes/journal_rig.h"

#define BOOT "00000000-0000-4000-8000-0000000000"

static struct tw_event_row row_of(int n, const char *subject, struct tw_slice data)
{
    struct tw_event_row row = {.type = TW_EVENT_SALE_COMPLETED,
                               .subject = tw_slice_of(subject),
                               .data = data,
                               .time_ms = 1000 + n,
                               .recorded_ms = 2000 + n,
                               .monotonic_ms = 3000 + n,
                               .clock = TW_CLOCK_UNSYNCHRONISED,
                               .boot = n % 2 == 0 ? BOOT "00" : BOOT "01",
                               .packed = tw_slice_of("made ahead")};
    memset(row.id, n, sizeof row.id);
    return row;
}

static void put(struct tw_fresh *fresh, int n)
{
    char text[32];
    (void)snprintf(text, sizeof text, "{\"n\":%d}", n);
    const struct tw_event_row row = row_of(n, n % 3 == 0 ? "" : text + 1, tw_slice_of(text));
    tw_fresh_put(fresh, n, n % 5 == 0 ? TW_RECORD_DEAD : TW_RECORD_LIVE, &row, 100 + (size_t)n);
}

static void check_next(struct tw_fresh *fresh, int n)
{
    char text[32];
    (void)snprintf(text, sizeof text, "{\"n\":%d}", n);
    const struct tw_event_row was = row_of(n, n % 3 == 0 ? "" : text + 1, tw_slice_of(text));
    struct tw_event_row row;
    struct tw_stored stored;
    assert_true(tw_fresh_read(fresh, &stored, &row));
    assert_int_equal(stored.n, n);
    assert_int_equal(stored.state, n % 5 == 0 ? TW_RECORD_DEAD : TW_RECORD_LIVE);
    assert_int_equal(stored.type, was.type);
    assert_int_equal(stored.time_ms, was.time_ms);
    assert_int_equal(stored.sealed.len, 100 + n);
    assert_int_equal(row.type, was.type);
    assert_memory_equal(row.id, was.id, sizeof row.id);
    assert_int_equal(row.time_ms, was.time_ms);
    assert_int_equal(row.recorded_ms, was.recorded_ms);
    assert_int_equal(row.monotonic_ms, was.monotonic_ms);
    assert_int_equal(row.clock, was.clock);
    assert_string_equal(row.boot, was.boot);
    assert_int_equal(row.packed.len, 0);
    assert_int_equal(row.subject.len, was.subject.len);
    assert_memory_equal(row.subject.ptr, was.subject.ptr, was.subject.len);
    assert_int_equal(row.data.len, was.data.len);
    assert_memory_equal(row.data.ptr, was.data.ptr, was.data.len);
}

static void gives_what_it_was_given(void **state)
{
    struct tw_fresh fresh = {0};
    struct tw_event_row row;
    struct tw_stored stored;
    (void)state;
    assert_false(tw_fresh_seek(&fresh, 0));
    for (int n = 7; n < 27; n++) {
        put(&fresh, n);
    }
    assert_false(tw_fresh_seek(&fresh, 6));
    assert_false(tw_fresh_seek(&fresh, 27));
    for (int from = 7; from < 27; from++) {
        assert_true(tw_fresh_seek(&fresh, from));
        for (int n = from; n < 27; n++) {
            assert_false(tw_fresh_is_read(&fresh));
            check_next(&fresh, n);
        }
        assert_true(tw_fresh_is_read(&fresh));
        assert_false(tw_fresh_read(&fresh, &stored, &row));
    }
    tw_fresh_free(&fresh);
}

static void is_one_piece(void **state)
{
    struct tw_fresh fresh = {0};
    (void)state;
    put(&fresh, 1);
    put(&fresh, 2);
    put(&fresh, 4);
    assert_false(tw_fresh_seek(&fresh, 2));
    assert_true(tw_fresh_seek(&fresh, 4));
    check_next(&fresh, 4);
    put(&fresh, 3); // of another place: the later one is not behind it
    assert_false(tw_fresh_seek(&fresh, 4));
    assert_true(tw_fresh_seek(&fresh, 3));
    tw_fresh_forget(&fresh);
    assert_false(tw_fresh_seek(&fresh, 3));
    tw_fresh_free(&fresh);
}

static void is_bounded(void **state)
{
    struct tw_fresh fresh = {0};
    static uint8_t bytes[TW_FRESH_BYTES];
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    for (int n = 1; n < 400; n++) { // the newest is always there
        const struct tw_event_row row = row_of(n, "s", tw_slice_make(bytes, 1000));
        tw_fresh_put(&fresh, n, TW_RECORD_LIVE, &row, 300);
        assert_true(fresh.rows.len <= TW_FRESH_BYTES);
        assert_true(tw_fresh_seek(&fresh, n));
    }
    const struct tw_event_row row = row_of(0, "s", tw_slice_make(bytes, sizeof bytes));
    tw_fresh_put(&fresh, 400, TW_RECORD_LIVE, &row, 300); // too large for it
    assert_false(tw_fresh_seek(&fresh, 399));
    assert_false(tw_fresh_seek(&fresh, 400));
    put(&fresh, 401);
    assert_true(tw_fresh_seek(&fresh, 401));
    tw_fresh_free(&fresh);
}

static void what_is_forgotten_is_wiped(void **state)
{
    struct tw_fresh fresh = {0};
    (void)state;
    put(&fresh, 1);
    put(&fresh, 2);
    size_t len = fresh.rows.len;
    tw_fresh_forget(&fresh);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(fresh.rows.ptr[i], 0);
    }
    tw_fresh_free(&fresh);
}

// ---- in a journal

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

static void check_same(const struct tw_rows *one, const struct tw_rows *other)
{
    assert_int_equal(one->count, other->count);
    assert_string_equal(one->epoch, other->epoch);
    for (size_t i = 0; i < one->count; i++) {
        assert_int_equal(one->rows[i].sequence, other->rows[i].sequence);
        assert_string_equal(one->rows[i].family, other->rows[i].family);
        assert_int_equal(one->rows[i].bytes.len, other->rows[i].bytes.len);
        assert_memory_equal(one->rows[i].bytes.ptr, other->rows[i].bytes.ptr, one->rows[i].bytes.len);
    }
}

// The first reading comes from memory, the second from the table, the third from a journal opened anew.
static void the_journal_sends_the_same_bytes(void **state)
{
    struct rig *rig = *state;
    uint8_t id[16];
    rig_add(rig, 1, id);
    rig_ack(rig, 1);
    for (int n = 2; n < 20; n++) {
        rig_add(rig, n, id);
        assert_int_equal(
            rig_sale(rig, n % 4 == 0 ? "a" : "b", n % 3 == 0 ? "{\"x\":1}" : "{\"x\":\"\xC3\xA9\"}").error,
            TW_OK);
    }
    struct tw_rows *first = rig_read(rig, 2);
    struct tw_rows *second = rig_read(rig, 2);
    rig_reopen(rig);
    struct tw_rows *third = rig_read(rig, 2);
    assert_true(first->count > 18);
    rig_check_chain(first, NULL);
    check_same(first, second);
    check_same(first, third);
    tw_rows_free(first);
    tw_rows_free(second);
    tw_rows_free(third);
}

static void check_sequences(struct rig *rig, const uint64_t *expected, size_t count)
{
    struct tw_rows *rows = rig_read(rig, 1);
    assert_int_equal(rows->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows->rows[i].sequence, expected[i]);
    }
    tw_rows_free(rows);
}

// What is rejected while it is still in memory is not sent; the capture.gap is.
static void a_rejected_row_is_not_sent(void **state)
{
    struct rig *rig = *state;
    uint8_t id[16];
    static const uint64_t expected[] = {1, 3, 4};
    for (int n = 1; n <= 3; n++) {
        rig_add(rig, n, id);
    }
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(tw_journal_reject(rig->journal, stats.epoch, 2, "no"), TW_OK);
    while (rig_stats(rig).dead_letters == 0) {
        (void)usleep(1000);
    }
    check_sequences(rig, expected, 3);
}

// Nor is what fails, and takes the memory of the others along.
static void what_fails_is_not_sent(void **state)
{
    struct rig *rig = *state;
    uint8_t id[16];
    static const uint64_t expected[] = {1, 2, 3};
    rig_add(rig, 1, id);
    assert_int_equal(rig_sale(rig, "k", "{\"a\":1}").error, TW_OK);
    assert_int_equal(rig_sale(rig, "k", "{\"bad\":2}").error, TW_ERR_INVALID);
    rig_add(rig, 3, id);
    check_sequences(rig, expected, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_it_was_given),
        cmocka_unit_test(is_one_piece),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(what_is_forgotten_is_wiped),
        cmocka_unit_test_setup_teardown(the_journal_sends_the_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rejected_row_is_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_fails_is_not_sent, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
