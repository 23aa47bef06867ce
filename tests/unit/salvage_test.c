// SPDX-License-Identifier: Apache-2.0
//
// A journal that was damaged in many ways gives back every event whose pages were not touched, with its id,
// in order, once; everything else that was queued is named as a hole; and nothing that was changed or put
// in comes out as an event (P1, P7, P9).
#include "tests/fakes/journal_rig.h"

#include <sqlite3.h>
#include <unistd.h>

#include "tests/fakes/pages_rig.h"
#include "tests/unit/salvage_take.h"

// ---- the journal ----

static struct tw_batch *special_batch(struct rig *rig, uint64_t offset)
{
    static const uint8_t boot[16] = {1, 2, 3};
    static const uint8_t body[32] = {0x5a};
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "07", tw_slice_of("{\"special\":true}"));
    tw_batch_tap(batch, "printer", boot, offset, tw_slice_of("state"));
    tw_batch_lane(batch, "07", tw_slice_of("{\"lane\":1}"));
    if (offset == 1) {
        tw_batch_idempotency(batch, "request", body);
    }
    return batch;
}

// Every fourth is a sale; one was rejected; some are acknowledged; two marks and a request are there.
static void fill(struct rig *rig)
{
    rig_open(rig);
    for (int i = 1; i <= EVENTS; i++) {
        uint8_t id[16];
        char text[256];
        if (i == 1 || i == EVENTS) {
            assert_int_equal(rig_submit(rig, special_batch(rig, (uint64_t)i)).error, TW_OK);
        } else if (i % 4 == 0) {
            (void)snprintf(text, sizeof text, "{\"n\":%d,\"of\":\"%0*d\"}", i, i % 150, i);
            char key[16];
            (void)snprintf(key, sizeof key, "k-%d", i);
            assert_int_equal(rig_sale(rig, key, text).error, TW_OK);
        } else {
            rig_add(rig, i, id);
        }
        if (i == ACKED + 10) {
            rig_ack(rig, ACKED);
        }
    }
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(tw_journal_reject(rig->journal, stats.epoch, REJECTED, "too odd"), TW_OK);
    while (rig_stats(rig).next_sequence != EVENTS + 2) { // with its capture.gap
        (void)usleep(1000);
    }
}

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
    rig_stop(*state);
    free(*state);
    return 0;
}

static void sql(const struct rig *rig, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
    pages_run_sql(db, text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// Everything that is queued is given or missing, and what is given is as in `whole`.
static size_t check_against(const struct take *take, const struct take *whole)
{
    size_t given = 0;
    for (size_t i = 0; i < PLACES; i++) {
        const struct place_seen *a = &take->seen[i];
        const struct place_seen *b = &whole->seen[i];
        assert_true(a->given + a->missing <= 1);
        if (b->queued && take->start.has_meta) {
            assert_int_equal(a->given + a->missing, 1);
        }
        if (a->given == 1) {
            given++;
            assert_int_equal(b->given, 1);
            assert_true(a->type == b->type && a->state == b->state && a->text == b->text);
            assert_memory_equal(a->id, b->id, sizeof a->id);
        }
    }
    return given;
}

// ---- tests ----

static void a_whole_journal_comes_back(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    salvage(rig, &take);
    assert_true(take.start.has_meta && take.start.has_life);
    assert_int_equal(take.start.meta.through, ACKED);
    assert_string_equal(take.start.meta.source, RIG_SOURCE);
    assert_int_equal(take.start.floor, take.start.base + ACKED);
    assert_int_equal(take.report.queued, EVENTS + 1 - ACKED);
    assert_int_equal(take.report.remembered, ACKED / 4);
    assert_int_equal(take.report.missing + take.report.refused + take.report.no_key, 0);
    assert_int_equal(take.marks, 2);
    assert_int_equal(take.tap_offset, EVENTS);
    assert_int_equal(take.letters, 1);
    assert_int_equal(take.requests, 1);
    assert_int_equal(take.sales, 0);
    for (int64_t n = take.start.floor + 1; n <= take.start.base + EVENTS + 1; n++) {
        const struct place_seen *seen = &take.seen[at(n)];
        int64_t i = n - take.start.base;
        assert_true(seen->given == 1 && seen->queued && seen->has_boot);
        assert_int_equal(seen->state, i == REJECTED ? TW_RECORD_DEAD : TW_RECORD_LIVE);
        assert_int_equal(seen->type, i == EVENTS + 1             ? TW_EVENT_CAPTURE_GAP
                                     : i % 4 == 0 && i != EVENTS ? TW_EVENT_SALE_COMPLETED
                                                                 : TW_EVENT_LOYALTY_SCANNED);
    }
}

// As a power cut leaves it: most of it is in the WAL.
static void a_journal_that_was_not_closed_comes_back(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_crash(rig);
    salvage(rig, &take);
    assert_int_equal(take.report.queued, EVENTS + 1 - ACKED);
    assert_int_equal(take.report.missing + take.report.refused, 0);
    assert_true(take.report.pages.wal.used > 0);
}

struct pages_of {
    uint32_t of_event[PLACES];
    bool needed[4096]; // lives, marks, and what is not sealed
};

static int on_page(void *ctx, const struct tw_page_row *row)
{
    struct pages_of *pages = ctx;
    if (!row->place.stale && !row->index && row->count == 7 && row->values[0].kind == TW_PAGE_NULL) {
        pages->of_event[at(row->rowid)] = row->place.page;
    } else if (!row->place.stale && (row->index || row->count == 3 || row->count == 5)) {
        pages->needed[row->place.page % 4096] = true;
    }
    return TW_OK;
}

static void damage_costs_what_it_touches_and_names_it(void **state)
{
    static struct take whole;
    static struct take take;
    static struct pages_of where;
    struct rig *rig = *state;
    struct tw_pages_report report;
    uint64_t random = pages_seed();
    fill(rig);
    rig_close(rig);
    salvage(rig, &whole);
    where = (struct pages_of){0};
    assert_int_equal(tw_pages_scan(rig->path, PAGE, on_page, &where, &report), TW_OK);
    size_t len = 0;
    uint8_t *bytes = pages_load(rig->path, &len);
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    size_t lost = 0;
    for (int round = 0; round < 60; round++) {
        bool touched[4096] = {false};
        memcpy(copy, bytes, len);
        memset(copy, 0, round % 3 == 0 ? 100 : 0);
        for (int i = 0; i < 1 + round % 7; i++) {
            size_t page = 1 + pages_random(&random) % (len / PAGE - 1);
            if (where.needed[(page + 1) % 4096]) {
                continue;
            }
            touched[page + 1] = true;
            for (size_t k = 0; k < (round % 2 == 0 ? PAGE : 8); k++) {
                copy[page * PAGE + pages_random(&random) % PAGE] ^= (uint8_t)(1u << k % 8);
            }
        }
        pages_store(rig->path, copy, len);
        salvage(rig, &take);
        assert_true(take.start.has_meta);
        (void)check_against(&take, &whole);
        for (size_t i = 0; i < PLACES; i++) {
            assert_true(touched[where.of_event[i]] || take.seen[i].given == whole.seen[i].given);
        }
        lost += take.report.missing;
    }
    assert_true(lost > 20);
    free(copy);
    free(bytes);
}

// Without the meta mark all that is there counts as queued, and the epoch comes from `lives`; without `lives`
// the present life is in the meta mark.
static void either_of_meta_and_lives_is_enough(void **state)
{
    static struct take whole;
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    salvage(rig, &whole);
    sql(rig, "PRAGMA journal_mode=DELETE; UPDATE marks SET value = zeroblob(60) WHERE name = 'meta'; VACUUM");
    salvage(rig, &take);
    assert_false(take.start.has_meta);
    assert_true(take.start.has_life && take.start.base == whole.start.base);
    assert_string_equal(take.start.epoch, whole.start.epoch);
    assert_int_equal(check_against(&take, &whole), EVENTS + 1 - ACKED + ACKED / 4);
    assert_int_equal(take.report.remembered, 0);
    assert_int_equal(take.report.missing, 0);
}

// The file under the WAL still has what was acknowledged since; that is not given again.
static void what_was_acknowledged_stays_away(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_reopen(rig);
    rig_ack(rig, ACKED + 30);
    uint8_t id[16];
    rig->clock.monotonic_ms += 60000; // an acknowledgement is made durable with a commit that comes later
    rig_add(rig, 1, id);
    rig_crash(rig);
    salvage(rig, &take);
    assert_int_equal(take.start.meta.through, ACKED + 30);
    assert_int_equal(take.report.remembered, (ACKED + 30) / 4);
    assert_int_equal(take.report.queued, EVENTS + 2 - ACKED - 30);
    assert_int_equal(take.report.missing, 0);
}

// Where several meta marks open, the furthest counts. Where only an older one does, what was acknowledged
// since is gone and is no hole.
static void an_old_meta_mark_makes_no_holes(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    // The others make it several pages: those keep their rows when the table is dropped.
    sql(rig, "CREATE TABLE old (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
             "INSERT INTO old SELECT * FROM marks WHERE name = 'meta';"
             "INSERT INTO old SELECT printf('n%04d', n), zeroblob(100) FROM events");
    rig_open(rig);
    rig_ack(rig, ACKED + 30);
    rig_close(rig);
    salvage(rig, &take);
    assert_int_equal(take.start.meta.through, ACKED + 30);
    sql(rig, "UPDATE marks SET value = zeroblob(60) WHERE name = 'meta'; PRAGMA secure_delete = OFF; DROP "
             "TABLE old");
    salvage(rig, &take);
    assert_true(take.start.has_meta);
    assert_int_equal(take.start.meta.through, ACKED);
    assert_int_equal(take.report.missing, 0);
    for (int64_t i = ACKED + 31; i <= EVENTS + 1; i++) {
        assert_int_equal(take.seen[at(take.start.base + i)].given, 1);
    }
}

static void lives_may_be_lost(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    sql(rig, "DELETE FROM lives; DELETE FROM boots; DELETE FROM dead_letters; DELETE FROM marks WHERE name "
             "<> 'meta'");
    salvage(rig, &take);
    assert_int_equal(take.report.queued, EVENTS + 1 - ACKED);
    assert_int_equal(take.letters + take.marks, 0);
    assert_false(take.seen[at(take.start.floor + 1)].has_boot);
}

// What somebody writes into the file does not come out as an event.
static void what_was_changed_or_moved_is_refused(void **state)
{
    static const char *const changes[] = {
        "UPDATE events SET type = 1 WHERE n = %d",
        "UPDATE events SET time_ms = time_ms + 1 WHERE n = %d",
        "UPDATE events SET state = 1 WHERE n = %d",
        "UPDATE events SET sealed = zeroblob(length(sealed)) WHERE n = %d",
        "UPDATE events SET sealed = (SELECT sealed FROM events WHERE n = %d + 4) WHERE n = %d",
        "UPDATE events SET key = 2 WHERE n = %d",
        "DELETE FROM events WHERE n = %d",
    };
    static struct take whole;
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    salvage(rig, &whole);
    int64_t n = whole.start.floor + 21;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char text[256];
        // The format comes from the table above.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(text, sizeof text, changes[i], (int)n + (int)i * 10, (int)n + (int)i * 10);
#pragma GCC diagnostic pop
        sql(rig, text);
    }
    sql(rig, "UPDATE events SET n = n + 500 WHERE n = (SELECT max(n) FROM events)");
    salvage(rig, &take);
    assert_int_equal(check_against(&take, &whole),
                     EVENTS + 1 - ACKED + ACKED / 4 - sizeof changes / sizeof changes[0] - 1);
    assert_true(take.report.no_key > 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        assert_int_equal(take.seen[at(n + (int64_t)i * 10)].missing, 1);
    }
}

// P4: rows of an earlier epoch lie beside those of the present one.
static void rows_of_several_lives_come_back(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(tw_journal_refuse(rig->journal, stats.epoch, REJECTED + 7, "never"), TW_OK);
    while (strcmp(rig_stats(rig).epoch, stats.epoch) == 0) {
        (void)usleep(1000);
    }
    uint8_t id[16];
    rig_add(rig, 1, id);
    struct tw_journal_stats after = rig_stats(rig);
    rig_close(rig);
    sql(rig, "DELETE FROM dead_letters");
    salvage(rig, &take);
    assert_string_equal(take.start.epoch, after.epoch);
    assert_int_equal(take.report.queued, after.next_sequence - 1);
    assert_int_equal(take.report.missing, 0);
    assert_memory_equal(take.seen[at(take.start.base + (int64_t)after.next_sequence - 1)].id, id, sizeof id);
}

static void the_key_of_a_lost_remembered_sale_comes_back(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    salvage(rig, &take);
    int64_t n = take.start.base + 8;
    assert_int_equal(take.seen[at(n)].given, 1);
    char text[96];
    (void)snprintf(text, sizeof text, "DELETE FROM events WHERE n IN (%d, %d)", (int)n, (int)n + ACKED + 20);
    sql(rig, text);
    salvage(rig, &take);
    assert_int_equal(take.sales, 1);
    assert_int_equal(take.sale_n, n);
    assert_int_equal(take.report.missing, 1);
}

static void without_the_key_nothing_opens(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    struct tw_vault *other = NULL;
    char path[160];
    fill(rig);
    rig_close(rig);
    (void)snprintf(path, sizeof path, "%s/other.key", rig->folder);
    assert_int_equal(tw_vault_load(rig->seal, path, true, &other, NULL), TW_OK);
    take = (struct take){0};
    assert_int_equal(try_salvage(rig, other, &take), TW_OK);
    tw_vault_free(other);
    assert_int_equal(take.report.queued + take.report.remembered + take.marks + take.letters, 0);
    assert_true(take.report.refused >= EVENTS - ACKED);
}

static void the_sink_ends_it(void **state)
{
    static struct take take;
    struct rig *rig = *state;
    fill(rig);
    rig_close(rig);
    take = (struct take){.stop_at = 5};
    assert_int_equal(try_salvage(rig, rig->vault, &take), TW_ERR_FULL);
    assert_int_equal(take.marks + take.letters + take.requests, 0);
    assert_int_equal(take.report.queued, 0);
    assert_int_equal(unlink(rig->path), 0);
    assert_int_equal(try_salvage(rig, rig->vault, &take), TW_ERR_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_whole_journal_comes_back),
        T(a_journal_that_was_not_closed_comes_back),
        T(damage_costs_what_it_touches_and_names_it),
        T(either_of_meta_and_lives_is_enough),
        T(what_was_acknowledged_stays_away),
        T(an_old_meta_mark_makes_no_holes),
        T(lives_may_be_lost),
        T(what_was_changed_or_moved_is_refused),
        T(rows_of_several_lives_come_back),
        T(the_key_of_a_lost_remembered_sale_comes_back),
        T(without_the_key_nothing_opens),
        T(the_sink_ends_it),
    };
    return cmocka_run_group_tests_name("salvage", tests, NULL, NULL);
}
