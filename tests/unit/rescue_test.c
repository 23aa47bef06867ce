// SPDX-License-Identifier: Apache-2.0
//
// P9, at rest: a journal that was damaged while nobody had it open is set aside whole, what its pages still
// prove is there again in a new epoch with its ids and in order, and the rest is told of by capture.gap.
#include "tests/fakes/pages_rig.h"
#include "tests/fakes/rescue_rig.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

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

// ---- damage ----

static uint64_t random_state;

static void spoil(struct rescue_bytes bytes, size_t at, size_t len)
{
    for (size_t i = at; i < at + len && i < bytes.len; i++) {
        bytes.ptr[i] = (uint8_t)(pages_random(&random_state) >> 7);
    }
}

static void spoil_file(const struct rig *rig, const char *ending, size_t at, size_t len)
{
    struct rescue_bytes bytes = rescue_load(rig, ending);
    spoil(bytes, at, len);
    rescue_store(rig, ending, bytes);
    free(bytes.ptr);
}

static void sql(const struct rig *rig, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
    pages_run_sql(db, text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// Opens after damage that a look at the file must find.
static void open_and_check(struct rig *rig, struct rescue_past *past, struct rescue_outcome *out)
{
    rig_open(rig);
    assert_int_equal(rig_stats(rig).damaged, 1);
    rescue_check(rig, past, out);
}

// ---- tests ----

static void P9_garbage_over_the_first_page_costs_nothing(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    struct rescue_outcome out;
    rescue_fill(rig, &past);
    rig_close(rig);
    spoil_file(rig, "", 0, RESCUE_PAGE);
    open_and_check(rig, &past, &out);
    rescue_expect_whole(&out);
    rig_reopen(rig); // and that is that
    assert_int_equal(rig_stats(rig).damaged, 0);
    assert_int_equal(rescue_set_aside(rig), 1);
}

// As a power cut left it: most of it in the WAL.
static void P9_garbage_over_the_first_page_beside_a_wal_costs_nothing(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    struct rescue_outcome out;
    rescue_fill(rig, &past);
    rig_crash(rig);
    spoil_file(rig, "", 0, RESCUE_PAGE);
    spoil_file(rig, "-wal", 32 + 8, 4); // the first frame as well
    open_and_check(rig, &past, &out);
    assert_true(out.kept <= RESCUE_EVENTS);
}

// The whole of what was lost is told, in its place.
static void P9_a_lost_page_is_a_gap_in_its_place(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    struct rescue_outcome out;
    rescue_fill(rig, &past);
    rig_close(rig);
    // The page of events in the middle of the queue.
    int64_t root = rig_query(rig, "SELECT rootpage FROM sqlite_schema WHERE name = 'events'");
    struct rescue_bytes bytes = rescue_load(rig, "");
    const uint8_t *page = bytes.ptr + (size_t)(root - 1) * RESCUE_PAGE;
    assert_int_equal(page[0], 0x05);
    size_t cells = (size_t)page[3] << 8 | page[4];
    const uint8_t *pointer = page + 12 + 2 * (cells * 3 / 4);
    const uint8_t *cell = page + ((size_t)pointer[0] << 8 | pointer[1]);
    size_t child = (size_t)cell[2] << 8 | cell[3];
    memset(bytes.ptr + (child - 1) * RESCUE_PAGE, 0, RESCUE_PAGE);
    rescue_store(rig, "", bytes);
    free(bytes.ptr);
    open_and_check(rig, &past, &out);
    assert_true(out.has_meta && out.has_tap && out.has_lane && out.has_request);
    assert_int_equal(out.gaps, 1);
    assert_true(out.missing >= 2 && out.missing < 20);
    assert_int_equal(out.kept, RESCUE_EVENTS - RESCUE_ACKED - out.missing);
    assert_int_equal(out.remembered, RESCUE_ACKED / 4);
    assert_int_equal(out.letters, 1);
}

// What is not seen when opening is met when it is read.
static void meet(struct rig *rig)
{
    struct tw_journal_tap tap;
    struct tw_journal_result result = rig_submit(rig, rig_batch(rig)); // of no events
    assert_true(result.error == TW_OK || result.error == TW_ERR_DAMAGED);
    uint64_t next = rig_stats(rig).next_sequence;
    for (uint64_t from = 1; from < next && rig_stats(rig).damaged == 0;) {
        struct tw_rows *rows = rig_read(rig, from);
        from = rows->rows[rows->count - 1].sequence + 1;
        tw_rows_free(rows);
    }
    assert_int_equal(tw_journal_tap(rig->journal, "-", &tap), TW_OK); // it has gone on since
}

static void assert_unharmed(struct rig *rig, const struct rescue_past *past)
{
    assert_string_equal(rig_stats(rig).epoch, past->epoch);
    assert_int_equal(rig_stats(rig).queued_events, RESCUE_EVENTS - RESCUE_ACKED);
}

// One round: some pages zeroed or bits flipped, in the file or in the WAL.
static void damage(const struct rig *rig, const struct rescue_bytes files[2], unsigned round)
{
    static const char *const endings[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        struct rescue_bytes copy = {.ptr = malloc(files[i].len + 1), .len = files[i].len};
        assert_non_null(copy.ptr);
        if (copy.len > 0) {
            memcpy(copy.ptr, files[i].ptr, copy.len);
        }
        for (unsigned k = 0; copy.len > RESCUE_PAGE && k < 1 + round % 5; k++) {
            size_t at = pages_random(&random_state) % copy.len;
            if (round % 3 == 0) {
                memset(copy.ptr + at / RESCUE_PAGE * RESCUE_PAGE, 0,
                       copy.len - at / RESCUE_PAGE * RESCUE_PAGE < RESCUE_PAGE ? 1 : RESCUE_PAGE);
            } else {
                copy.ptr[at] ^= (uint8_t)(1u << at % 8);
            }
        }
        if (copy.len > 0) {
            rescue_store(rig, endings[i], copy);
        }
        free(copy.ptr);
    }
}

static unsigned run_rounds(struct rig *rig, const struct rescue_past *past,
                           const struct rescue_bytes files[2], unsigned rounds)
{
    unsigned rescued = 0;
    for (unsigned round = 0; round < rounds; round++) {
        struct rescue_past now = *past;
        struct rescue_outcome out;
        rescue_clear(rig);
        damage(rig, files, round);
        rig_open(rig);
        meet(rig);
        if (rig_stats(rig).damaged == 0) {
            assert_unharmed(rig, past);
        } else {
            rescue_check(rig, &now, &out);
            rescued++;
        }
        rig_close(rig);
    }
    return rescued;
}

static void P9_whatever_is_damaged_what_is_left_comes_back(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    random_state = pages_seed();
    rescue_fill(rig, &past);
    rig_close(rig);
    struct rescue_bytes files[2] = {rescue_load(rig, ""), {0}};
    assert_true(run_rounds(rig, &past, files, 60) > 20);
    free(files[0].ptr);
}

static void P9_whatever_is_damaged_beside_a_wal_what_is_left_comes_back(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    random_state = pages_seed();
    rescue_fill(rig, &past);
    rig_crash(rig);
    struct rescue_bytes files[2] = {rescue_load(rig, ""), rescue_load(rig, "-wal")};
    assert_true(run_rounds(rig, &past, files, 40) > 20);
    free(files[0].ptr);
    free(files[1].ptr);
}

static void P9_a_file_that_was_cut_gives_what_it_has(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    rescue_fill(rig, &past);
    rig_close(rig);
    struct rescue_bytes whole = rescue_load(rig, "");
    const size_t lens[] = {40,
                           100,
                           RESCUE_PAGE,
                           whole.len / 3,
                           whole.len / 2,
                           whole.len - RESCUE_PAGE,
                           whole.len - RESCUE_PAGE + 7};
    size_t kept = 0;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct rescue_past now = past;
        struct rescue_outcome out;
        rescue_clear(rig);
        rescue_store(rig, "", (struct rescue_bytes){.ptr = whole.ptr, .len = lens[i]});
        open_and_check(rig, &now, &out);
        assert_true(out.kept >= kept || !out.has_meta);
        kept = out.kept;
        rig_close(rig);
    }
    assert_true(kept > 100);
    free(whole.ptr);
}

// ---- the WAL ----

static void fill_wal(struct rig *rig, struct rescue_past *past)
{
    rescue_fill(rig, past);
    rig_reopen(rig); // all of it in the file
    for (int n = RESCUE_EVENTS + 2; n < RESCUE_EVENTS + 42; n++) {
        rescue_add(rig, past, n);
    }
    rig_crash(rig);
}

// SQLite itself would pass over the rest of the WAL without a word.
static void P9_a_damaged_wal_is_told_of(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    struct rescue_outcome out;
    fill_wal(rig, &past);
    struct rescue_bytes wal = rescue_load(rig, "-wal");
    struct rescue_bytes file = rescue_load(rig, "");
    const size_t frame = 24 + RESCUE_PAGE;
    const size_t places[] = {2, 17, 32 + 20, 32 + 300, 32 + 9 * frame + 4, 32 + 20 * frame + 700};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct rescue_past now = past;
        rescue_clear(rig);
        rescue_store(rig, "", file);
        wal.ptr[places[i]] ^= 0x10;
        rescue_store(rig, "-wal", wal);
        wal.ptr[places[i]] ^= 0x10;
        open_and_check(rig, &now, &out);
        assert_true(out.kept >= RESCUE_EVENTS - RESCUE_ACKED); // what was in the file
        rig_close(rig);
    }
    struct rescue_past now = past;
    rescue_clear(rig);
    rescue_store(rig, "", file);
    memset(wal.ptr, 0, 32 + frame + 24); // no header, no first frame
    rescue_store(rig, "-wal", wal);
    open_and_check(rig, &now, &out);
    free(wal.ptr);
    free(file.ptr);
}

// A transaction that was not finished is nothing to speak of: none of its frames, some of them, or all but
// that the last one is not whole.
static void an_unfinished_transaction_is_no_damage(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    fill_wal(rig, &past);
    struct rescue_bytes wal = rescue_load(rig, "-wal");
    struct rescue_bytes file = rescue_load(rig, "");
    const size_t frame = 24 + RESCUE_PAGE;
    const size_t cuts[] = {1, 24, 100, frame - 1, frame, frame + 1};
    for (size_t i = 0; i < 2 * sizeof cuts / sizeof cuts[0]; i++) {
        size_t cut = cuts[i / 2];
        rescue_clear(rig);
        rescue_store(rig, "", file);
        struct rescue_bytes left = {.ptr = malloc(wal.len), .len = i % 2 == 0 ? wal.len - cut : wal.len};
        assert_non_null(left.ptr);
        memcpy(left.ptr, wal.ptr, wal.len);
        memset(left.ptr + wal.len - cut, 0, cut); // its size was there, its bytes were not
        rescue_store(rig, "-wal", left);
        free(left.ptr);
        rig_open(rig);
        assert_int_equal(rig_stats(rig).damaged, 0);
        assert_string_equal(rig_stats(rig).epoch, past.epoch);
        assert_in_range(rig_stats(rig).queued_events, RESCUE_EVENTS - RESCUE_ACKED + 39,
                        RESCUE_EVENTS - RESCUE_ACKED + 40);
        rig_close(rig);
    }
    free(wal.ptr);
    free(file.ptr);
}

// Where the frames of the last commit begin.
static size_t last_commit(struct rescue_bytes wal)
{
    const size_t frame = 24 + RESCUE_PAGE;
    size_t begin = 32;
    for (size_t at = 32; at + 2 * frame <= wal.len; at += frame) {
        const uint8_t *end = wal.ptr + at + 4; // not 0: a commit
        begin = (end[0] | end[1] | end[2] | end[3]) != 0 ? at + frame : begin;
    }
    return begin;
}

// A power cut in the middle of a commit: of its sectors any may have come to the disk.
static void a_torn_commit_is_no_damage(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    random_state = pages_seed();
    fill_wal(rig, &past);
    struct rescue_bytes wal = rescue_load(rig, "-wal");
    struct rescue_bytes file = rescue_load(rig, "");
    struct rescue_bytes torn = {.ptr = malloc(wal.len), .len = wal.len};
    assert_non_null(torn.ptr);
    size_t begin = last_commit(wal);
    assert_true(begin > 32 && begin + RESCUE_PAGE < wal.len);
    for (int round = 0; round < 30; round++) {
        memcpy(torn.ptr, wal.ptr, wal.len);
        for (size_t at = begin; at < wal.len; at = at / 512 * 512 + 512) {
            size_t len = at / 512 * 512 + 512 - at;
            if (pages_random(&random_state) % 2 == 0) {
                memset(torn.ptr + at, 0, len < wal.len - at ? len : wal.len - at);
            }
        }
        rescue_clear(rig);
        rescue_store(rig, "", file);
        rescue_store(rig, "-wal", torn);
        rig_open(rig);
        assert_int_equal(rig_stats(rig).damaged, 0);
        assert_in_range(rig_stats(rig).queued_events, RESCUE_EVENTS - RESCUE_ACKED + 39,
                        RESCUE_EVENTS - RESCUE_ACKED + 40);
        rig_close(rig);
    }
    free(torn.ptr);
    free(wal.ptr);
    free(file.ptr);
}

// Frames of an earlier round of the WAL lie behind those of the present one.
static void a_wal_that_began_anew_is_no_damage(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    rescue_fill(rig, &past);
    sqlite3 *db = NULL; // as the journal does on its own after a while
    assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
    pages_run_sql(db, "PRAGMA wal_checkpoint(RESTART)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    rescue_add(rig, &past, 1000);
    rig_crash(rig);
    struct rescue_bytes wal = rescue_load(rig, "-wal");
    assert_true(wal.len > 100 * (size_t)RESCUE_PAGE);
    free(wal.ptr);
    rig_open(rig);
    assert_int_equal(rig_stats(rig).damaged, 0);
    assert_int_equal(rig_stats(rig).queued_events, RESCUE_EVENTS - RESCUE_ACKED + 1);
}

static void P9_a_wal_whose_database_is_gone_is_not_thrown_away(void **state)
{
    struct rig *rig = *state;
    struct rescue_past past;
    rescue_fill(rig, &past);
    rig_crash(rig);
    struct rescue_bytes wal = rescue_load(rig, "-wal");
    for (int empty = 0; empty < 2; empty++) {
        struct rescue_past now = past;
        struct rescue_outcome out;
        rescue_clear(rig);
        rescue_store(rig, "-wal", wal);
        if (empty == 1) {
            rescue_store(rig, "", (struct rescue_bytes){.ptr = wal.ptr, .len = 0});
        }
        open_and_check(rig, &now, &out);
        rescue_expect_whole(&out);
        rig_close(rig);
    }
    free(wal.ptr);
}

// ---- clear columns, which nothing seals ----

static void P9_a_list_of_keys_that_is_damaged_stops_nothing(void **state)
{
    static const char *const changes[] = {
        "UPDATE seals SET value = X'0011223344556677'",
        "UPDATE seals SET key = 257",
        "UPDATE seals SET value = X'00'",
        "DELETE FROM seals",
    };
    struct rig *rig = *state;
    struct rescue_past past;
    rescue_fill(rig, &past);
    rig_close(rig);
    struct rescue_bytes whole = rescue_load(rig, "");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct rescue_past now = past;
        struct rescue_outcome out;
        rescue_clear(rig);
        rescue_store(rig, "", whole);
        sql(rig, changes[i]);
        rig_open(rig);
        if (rig_stats(rig).damaged > 0) {
            rescue_check(rig, &now, &out);
            rescue_expect_whole(&out);
        } else {
            meet(rig);
            assert_unharmed(rig, &past);
        }
        rig_close(rig);
    }
    free(whole.ptr);
}

static void P3_a_key_that_leads_elsewhere_is_damage(void **state)
{
    static const char *const changes[] = {
        "UPDATE sales SET n = (SELECT n FROM sales WHERE key = 'k-124') WHERE key = 'k-120'",
        "DELETE FROM events WHERE n = (SELECT n FROM sales WHERE key = 'k-120')",
    };
    struct rig *rig = *state;
    char data[256];
    rescue_data(120, data, sizeof data);
    for (size_t i = 0; i < 2; i++) {
        struct rescue_past past;
        rescue_fill(rig, &past);
        rig_close(rig);
        sql(rig, changes[i]);
        rig_open(rig);
        assert_int_equal(rig_sale(rig, "k-120", data).error, TW_ERR_DAMAGED);
        meet(rig);
        assert_int_equal(rig_stats(rig).damaged, 1);
        struct tw_journal_result result = rig_sale(rig, "k-120", data);
        assert_int_equal(result.error, TW_OK);
        assert_int_equal(result.outcome, i == 0 ? TW_OUTCOME_REPEAT : TW_OUTCOME_NEW);
        rig_close(rig);
        rescue_clear(rig);
        rig_open(rig);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(P9_garbage_over_the_first_page_costs_nothing),
        T(P9_garbage_over_the_first_page_beside_a_wal_costs_nothing),
        T(P9_a_lost_page_is_a_gap_in_its_place),
        T(P9_whatever_is_damaged_what_is_left_comes_back),
        T(P9_whatever_is_damaged_beside_a_wal_what_is_left_comes_back),
        T(P9_a_file_that_was_cut_gives_what_it_has),
        T(P9_a_damaged_wal_is_told_of),
        T(an_unfinished_transaction_is_no_damage),
        T(a_torn_commit_is_no_damage),
        T(a_wal_that_began_anew_is_no_damage),
        T(P9_a_wal_whose_database_is_gone_is_not_thrown_away),
        T(P9_a_list_of_keys_that_is_damaged_stops_nothing),
        T(P3_a_key_that_leads_elsewhere_is_damage),
    };
    return cmocka_run_group_tests_name("rescue", tests, NULL, NULL);
}
