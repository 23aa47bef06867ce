// SPDX-License-Identifier: Apache-2.0
//
// P9: a rescue that was cut short is finished by the next start, wherever it stood, once; and what is no
// damage (another terminal, another key, a newer version) is left where it is and said.
#include "tests/fakes/rescue_rig.h"

#include "agent/journal/quarantine.h"

#include <sys/stat.h>
#include <unistd.h>

#define NAME "journal-20261122T091500Z-1.db"

static const char *in_quarantine(const struct rig *rig, const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/quarantine", rig->folder);
    assert_true(mkdir(path, 0700) == 0 || access(path, F_OK) == 0);
    (void)snprintf(path, sizeof path, "%s/quarantine/%s", rig->folder, name);
    return path;
}

static void write_text(const struct rig *rig, const char *ending, const char *text, size_t len)
{
    uint8_t copy[256];
    memcpy(copy, text, len);
    rescue_store(rig, ending, (struct rescue_bytes){.ptr = copy, .len = len});
}

static void spoil_first_page(const struct rig *rig)
{
    struct rescue_bytes bytes = rescue_load(rig, "");
    memset(bytes.ptr, 'x', RESCUE_PAGE);
    rescue_store(rig, "", bytes);
    free(bytes.ptr);
}

// All came once, and a further start finds nothing to do.
static void check_once(struct rescue_world *world)
{
    struct rig *rig = &world->rig;
    rig_open(rig);
    rescue_check(rig, &world->past, &world->out);
    rescue_expect_whole(&world->out);
    struct tw_journal_stats stats = rig_stats(rig);
    rig_reopen(rig);
    assert_int_equal(rig_stats(rig).damaged, 0);
    assert_string_equal(rig_stats(rig).set_aside, "");
    assert_string_equal(rig_stats(rig).epoch, stats.epoch);
    assert_int_equal(rig_stats(rig).queued_events, stats.queued_events);
    assert_int_equal(rescue_set_aside(rig), 1);
}

// ---- what is kept of the damaged ones ----

static void put_old_set(const struct rig *rig, int n)
{
    char name[64];
    const char *const kinds[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof name, "journal-20250101T000000Z-%d.db%s", n, kinds[i]);
        FILE *file = fopen(in_quarantine(rig, name), "we");
        assert_non_null(file);
        assert_int_equal(fwrite(name, 1, 30, file), 30);
        assert_int_equal(fclose(file), 0);
    }
}

static bool is_kept(const struct rig *rig, int n, const char *ending)
{
    char name[64];
    (void)snprintf(name, sizeof name, "journal-20250101T000000Z-%d.db%s", n, ending);
    return access(in_quarantine(rig, name), F_OK) == 0;
}

// A disk that damages each new file is not filled with them: the newest are kept, oldest first to go.
static void P9_damaged_files_do_not_fill_the_disk(void **state)
{
    struct rescue_world *world = *state;
    const struct rig *rig = &world->rig;
    for (int n = 7; n <= 12; n++) { // the tenth comes after the ninth
        put_old_set(rig, n);
    }
    rig_close(&world->rig);
    spoil_first_page(rig);
    rig_open(&world->rig);
    assert_int_equal(rescue_set_aside(rig), TW_QUARANTINE_SETS);
    for (int n = 7; n <= 12; n++) {
        assert_int_equal(is_kept(rig, n, ""), n > 8);
        assert_int_equal(is_kept(rig, n, "-wal"), n > 8);
    }
    const char *name = strrchr(rig_stats(&world->rig).set_aside, '/') + 1;
    assert_int_equal(access(in_quarantine(rig, name), F_OK), 0);
}

// Nor with a few large ones; and the one that was just set aside stays, however large it is.
static void P9_damaged_files_have_their_share_of_the_quota(void **state)
{
    const struct rescue_world *world = *state;
    const struct rig *rig = &world->rig;
    char folder[256];
    for (int n = 1; n <= 4; n++) {
        put_old_set(rig, n); // 60 bytes each
    }
    (void)snprintf(folder, sizeof folder, "%s/quarantine", rig->folder);
    tw_quarantine_tidy(folder, "journal-20250101T000000Z-4.db", UINT64_C(180) * TW_QUARANTINE_PART);
    assert_int_equal(rescue_set_aside(rig), 3);
    assert_false(is_kept(rig, 1, "") || is_kept(rig, 1, "-wal"));
    tw_quarantine_tidy(folder, "journal-20250101T000000Z-3.db", 1);
    assert_int_equal(rescue_set_aside(rig), 1);
    assert_true(is_kept(rig, 3, "") && is_kept(rig, 3, "-wal"));
    tw_quarantine_tidy("/nowhere", "journal-20250101T000000Z-3.db", 1); // nothing to do
}

// ---- cut short ----

static void P9_cut_short_with_only_the_marker_written(void **state)
{
    struct rescue_world *world = *state;
    rig_crash(&world->rig);
    write_text(&world->rig, "-damaged", NAME "\n", strlen(NAME) + 1);
    check_once(world);
    assert_int_equal(access(in_quarantine(&world->rig, NAME), F_OK), 0);
    assert_int_equal(access(in_quarantine(&world->rig, NAME "-wal"), F_OK), 0);
}

static void P9_cut_short_with_the_wal_moved(void **state)
{
    struct rescue_world *world = *state;
    rig_crash(&world->rig);
    write_text(&world->rig, "-damaged", NAME "\n", strlen(NAME) + 1);
    assert_int_equal(rename(rescue_path(&world->rig, "-wal"), in_quarantine(&world->rig, NAME "-wal")), 0);
    check_once(world);
}

static void move_all(const struct rig *rig)
{
    write_text(rig, "-damaged", NAME "\n", strlen(NAME) + 1);
    assert_int_equal(rename(rescue_path(rig, "-wal"), in_quarantine(rig, NAME "-wal")), 0);
    assert_int_equal(rename(rescue_path(rig, ""), in_quarantine(rig, NAME)), 0);
}

// The database is the last to go: as long as it is there, the move is not done.
static void P9_cut_short_before_the_wal_could_be_moved(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    struct tw_error_text err = {""};
    char path[256];
    rig_crash(rig);
    write_text(rig, "-damaged", NAME "\n", strlen(NAME) + 1);
    (void)snprintf(path, sizeof path, "%s", in_quarantine(rig, NAME "-wal"));
    assert_int_equal(mkdir(path, 0700), 0); // in its way
    assert_int_equal(rig_try_open(rig, RIG_SOURCE, &err), TW_ERR_IO);
    assert_true(rescue_exists(rig, "") && rescue_exists(rig, "-wal"));
    assert_int_equal(rmdir(path), 0);
    check_once(world);
}

static void P9_cut_short_with_all_moved(void **state)
{
    struct rescue_world *world = *state;
    rig_crash(&world->rig);
    move_all(&world->rig);
    check_once(world);
}

static void P9_cut_short_with_the_new_one_half_made(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    rig_crash(rig);
    move_all(rig);
    char path[sizeof rig->path];
    memcpy(path, rig->path, sizeof path); // a journal with some other event in it
    (void)snprintf(rig->path, sizeof rig->path, "%s/journal.db-new", rig->folder);
    rig_open(rig);
    rig_add(rig, 1, NULL);
    rig_crash(rig);
    memcpy(rig->path, path, sizeof path);
    assert_true(rescue_exists(rig, "-new") && rescue_exists(rig, "-new-wal"));
    check_once(world);
}

static void P9_cut_short_with_the_new_one_in_its_place(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    rig_close(rig);
    spoil_first_page(rig);
    rig_open(rig);
    struct tw_journal_stats stats = rig_stats(rig);
    char line[64];
    (void)snprintf(line, sizeof line, "%s\n", strrchr(stats.set_aside, '/') + 1);
    rig_close(rig);
    write_text(rig, "-damaged", line, strlen(line));
    rig_open(rig);
    assert_string_equal(rig_stats(rig).epoch, stats.epoch);
    assert_string_equal(rig_stats(rig).set_aside, stats.set_aside);
    assert_int_equal(rig_stats(rig).damaged, 1); // told, since nobody was before
    assert_int_equal(rig_stats(rig).queued_events, stats.queued_events);
    assert_int_equal(rescue_set_aside(rig), 1);
    assert_false(rescue_exists(rig, "-damaged"));
}

static void P9_cut_short_in_the_middle_of_the_marker(void **state)
{
    static const char zeros[sizeof NAME] = {0};
    static const struct {
        const char *text;
        size_t len;
    } lines[] = {{"", 0}, {NAME, 9}, {NAME, sizeof NAME - 1}, {zeros, sizeof NAME}, {"../../x\n", 8}};
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    struct tw_journal_stats stats = rig_stats(rig);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        rig_crash(rig);
        write_text(rig, "-damaged", lines[i].text, lines[i].len);
        rig_open(rig); // nothing was begun
        assert_string_equal(rig_stats(rig).epoch, stats.epoch);
        assert_int_equal(rig_stats(rig).damaged, 0);
        assert_int_equal(rig_stats(rig).queued_events, stats.queued_events);
    }
    rig_close(rig);
    spoil_first_page(rig);
    check_once(world);
}

// ---- what cannot be done ----

// `code` and a sentence with `word`, and not a byte has changed.
static void expect_untouched(struct rig *rig, const char *source, int code, const char *word)
{
    struct tw_error_text err = {""};
    struct rescue_bytes before = rescue_load(rig, "");
    assert_int_equal(rig_try_open(rig, source, &err), code);
    if (strstr(err.text, word) == NULL) {
        fail_msg("no %s in: %s", word, err.text);
    }
    assert_non_null(strstr(err.text, rig->path));
    struct rescue_bytes after = rescue_load(rig, "");
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.ptr, after.ptr, after.len);
    free(before.ptr);
    free(after.ptr);
    assert_int_equal(rescue_set_aside(rig), 0);
}

static void P9_a_quarantine_that_cannot_be_written_is_said_and_costs_nothing(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/quarantine", rig->folder);
    rig_close(rig);
    spoil_first_page(rig);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    for (int i = 0; i < 3; i++) {
        expect_untouched(rig, RIG_SOURCE, TW_ERR_IO, "Not a directory");
    }
    assert_int_equal(unlink(path), 0);
    check_once(world);
}

static void P9_a_file_that_cannot_be_read_is_said_and_costs_nothing(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    struct tw_error_text err = {""};
    rig_close(rig);
    char kept[160];
    (void)snprintf(kept, sizeof kept, "%s.kept", rig->path);
    assert_int_equal(rename(rig->path, kept), 0);
    assert_int_equal(mkdir(rig->path, 0700), 0); // root reads everything else
    assert_int_equal(rig_try_open(rig, RIG_SOURCE, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, rig->path));
    assert_int_equal(rmdir(rig->path), 0);
    assert_int_equal(rename(kept, rig->path), 0);
    rig_open(rig);
    assert_string_equal(rig_stats(rig).epoch, world->past.epoch);
}

static void P9_another_key_is_no_damage(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    struct tw_vault *ours = rig->vault;
    struct tw_vault *other = NULL;
    char path[128];
    rig_close(rig);
    (void)snprintf(path, sizeof path, "%s/other.key", rig->folder);
    assert_int_equal(tw_vault_load(rig->seal, path, true, &other, NULL), TW_OK);
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged == 1) {
            spoil_first_page(rig);
        }
        rig->vault = other;
        expect_untouched(rig, RIG_SOURCE, TW_ERR_MISMATCH, "key");
        assert_false(rescue_exists(rig, "-damaged"));
        rig->vault = ours;
    }
    tw_vault_free(other);
    check_once(world); // with the key it is there again
}

static void P9_a_missing_key_is_no_damage(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    struct tw_vault *ours = rig->vault;
    char path[128];
    rig_close(rig);
    (void)snprintf(path, sizeof path, "%s/second.key", rig->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "2 %064d\n", 7);
    (void)fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged == 1) {
            spoil_first_page(rig);
        }
        assert_int_equal(tw_vault_load(rig->seal, path, false, &rig->vault, NULL), TW_OK);
        expect_untouched(rig, RIG_SOURCE, TW_ERR_MISMATCH, "key");
        tw_vault_free(rig->vault);
        rig->vault = ours;
    }
    check_once(world);
}

static void P9_another_terminals_file_is_no_damage(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    rig_close(rig);
    spoil_first_page(rig);
    expect_untouched(rig, "/acme/0042/08", TW_ERR_MISMATCH, "/acme/0042/07");
    assert_false(rescue_exists(rig, "-damaged"));
    check_once(world);
}

// With nothing left to deliver it is taken over, and nothing of the other terminal's is remembered.
static void P9_another_terminals_empty_file_is_taken_over(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    struct tw_error_text err = {""};
    struct tw_journal_tap tap;
    struct tw_buf lane = {0};
    char data[256];
    rig_ack(rig, rig_stats(rig).next_sequence - 1);
    rig_close(rig);
    spoil_first_page(rig);
    assert_int_equal(rig_try_open(rig, "/acme/0042/08", &err), TW_OK);
    assert_int_equal(rig_stats(rig).damaged, 1);
    assert_int_equal(rig_stats(rig).queued_events, 1); // what happened
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    assert_true(tap.known);
    assert_int_equal(tw_journal_lane(rig->journal, "07", &lane), TW_OK);
    assert_int_equal(lane.len, 0);
    rescue_data(120, data, sizeof data);
    assert_int_equal(rig_sale(rig, "k-120", data).outcome, TW_OUTCOME_NEW);
    uint64_t queued = 0; // the dead letter stays that terminal's
    assert_int_equal(rig_stats(rig).dead_letters, 1);
    assert_int_equal(tw_journal_retry(rig->journal, 0, &queued), TW_ERR_MISMATCH);
}

static void set_version(const struct rig *rig, uint8_t version)
{
    struct rescue_bytes bytes = rescue_load(rig, "");
    bytes.ptr[63] = version;
    rescue_store(rig, "", bytes);
    free(bytes.ptr);
}

static void P9_a_newer_version_that_is_damaged_is_left_untouched(void **state)
{
    struct rescue_world *world = *state;
    struct rig *rig = &world->rig;
    rig_reopen(rig);
    for (int n = 300; n < 340; n++) {
        rescue_add(rig, &world->past, n);
    }
    rig_crash(rig);
    set_version(rig, TW_JOURNAL_VERSION + 1);
    struct rescue_bytes wal = rescue_load(rig, "-wal");
    wal.ptr[32 + 24 + 100] ^= 1; // SQLite alone would take it for an empty one
    rescue_store(rig, "-wal", wal);
    expect_untouched(rig, RIG_SOURCE, TW_ERR_VERSION, "newer version");
    struct rescue_bytes after = rescue_load(rig, "-wal");
    assert_int_equal(after.len, wal.len);
    assert_memory_equal(after.ptr, wal.ptr, wal.len);
    free(after.ptr);
    free(wal.ptr);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rescue_world_set_up, rescue_world_tear_down)
    const struct CMUnitTest tests[] = {
        T(P9_damaged_files_do_not_fill_the_disk),
        T(P9_damaged_files_have_their_share_of_the_quota),
        T(P9_cut_short_with_only_the_marker_written),
        T(P9_cut_short_with_the_wal_moved),
        T(P9_cut_short_before_the_wal_could_be_moved),
        T(P9_cut_short_with_all_moved),
        T(P9_cut_short_with_the_new_one_half_made),
        T(P9_cut_short_with_the_new_one_in_its_place),
        T(P9_cut_short_in_the_middle_of_the_marker),
        T(P9_a_quarantine_that_cannot_be_written_is_said_and_costs_nothing),
        T(P9_a_file_that_cannot_be_read_is_said_and_costs_nothing),
        T(P9_another_key_is_no_damage),
        T(P9_a_missing_key_is_no_damage),
        T(P9_another_terminals_file_is_no_damage),
        T(P9_another_terminals_empty_file_is_taken_over),
        T(P9_a_newer_version_that_is_damaged_is_left_untouched),
    };
    return cmocka_run_group_tests_name("rescue_states", tests, NULL, NULL);
}
