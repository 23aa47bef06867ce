// SPDX-License-Identifier: Apache-2.0
//
// The directory transport and its driver on a real folder, with everything that happens to folders.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>

#include "tests/fakes/folder_world.h"

// ---- which files, and when

static void files_are_read_oldest_first_and_put_away(void **state)
{
    struct folder_world *world = *state;
    folder_put(world, "b.xml", "two", 200);
    folder_put(world, "c.xml", "three", 200); // of the same time: by name
    folder_put(world, "z.xml", "one", 100);
    folder_look_twice(world);
    assert_string_equal((const char *)world->read.ptr, "z.xml=one;b.xml=two;c.xml=three;");
    assert_true(folder_has(world, "done/z.xml") && folder_has(world, "done/c.xml"));
    assert_false(folder_has(world, "b.xml"));
    assert_int_equal(world->waiting, 1); // of the last one that was begun
}

static void what_is_no_export_is_left_alone(void **state)
{
    struct folder_world *world = *state;
    char path[256];
    static const char *const others[] = {".hidden.xml", "a.xml.tmp", "a.txt", "xml", ".xml", "a.xm"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        folder_put(world, others[i], "x", 100);
    }
    folder_put(world, "secret", "s", 100);
    assert_int_equal(symlink("secret", folder_path(world, "link.xml", path)), 0);
    assert_int_equal(mkfifo(folder_path(world, "fifo.xml", path), 0666), 0);
    assert_int_equal(mkdir(folder_path(world, "dir.xml", path), 0777), 0);
    folder_put(world, "UPPER.XML", "u", 100);
    folder_put(world, "new\nline.xml", "n", 101);
    folder_put(world, "\xff\xfe.xml", "i", 102);
    folder_put(world, "empty.xml", "", 103);
    folder_look_twice(world);
    assert_string_equal((const char *)world->read.ptr,
                        "UPPER.XML=u;new\nline.xml=n;\xff\xfe.xml=i;empty.xml=;");
    assert_true(folder_has(world, "link.xml") && folder_has(world, "fifo.xml") && folder_has(world, ".xml"));
}

// A share says nothing about who writes: a file is taken when two looks found it unchanged.
static void a_file_that_grows_is_not_taken(void **state)
{
    struct folder_world *world = *state;
    char path[256];
    folder_put(world, "a.xml", "1", 100);
    folder_open(world);
    folder_run(world);
    int writer = open(folder_path(world, "a.xml", path), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(writer >= 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(writer, "2", 1), 1);
        folder_pass(world, 1000);
        assert_int_equal(world->begun, 0); // changed since the look before
    }
    folder_pass(world, 999);
    assert_int_equal(world->begun, 0);
    folder_pass(world, 1);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1222;");
    (void)close(writer);
}

static void a_file_that_was_closed_is_taken_at_once(void **state)
{
    struct folder_world *world = *state;
    char from[256];
    char to[256];
    folder_open(world);
    folder_run(world);
    folder_put(world, "a.xml", "1", 0);
    folder_run(world);
    folder_put(world, "b.tmp", "2", 0);
    folder_run(world);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1;");
    assert_int_equal(rename(folder_path(world, "b.tmp", from), folder_path(world, "b.xml", to)), 0);
    folder_run(world);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1;b.xml=2;");
}

// ---- answers

static void what_is_refused_lies_apart_with_the_reason(void **state)
{
    struct folder_world *world = *state;
    char why[64];
    world->answer = TW_FILE_REFUSED;
    for (int i = 0; i < 3; i++) {
        folder_put(world, "a.xml", "x", 100 + i);
        folder_look_twice(world);
    }
    assert_int_equal(folder_count(world, "failed"), 6);
    folder_get(world, "failed/a.xml.txt", why, sizeof why);
    assert_string_equal(why, "line 1, column 2: because.\n");
    assert_int_equal(folder_count_like(world, "failed/a.xml.*-*[0-9]"),
                     2); // what they were changed at, and inode
    assert_int_equal(folder_count_like(world, "failed/a.xml.*-*[0-9].txt"), 2);
    world->answer = TW_FILE_ACCEPTED; // nothing in done is replaced either
    for (int i = 0; i < 2; i++) {
        folder_put(world, "a.xml", "y", 200 + i);
        folder_look_twice(world);
    }
    assert_true(folder_has(world, "done/a.xml"));
    assert_int_equal(folder_count(world, "done"), 2);
    assert_false(folder_has(world, "done/a.xml.txt"));
}

// P1: what cannot be kept now stays where it is.
static void what_is_for_later_stays_and_comes_again(void **state)
{
    struct folder_world *world = *state;
    world->answer = TW_FILE_LATER;
    folder_put(world, "a.xml", "1", 100);
    folder_put(world, "b.xml", "2", 101);
    folder_open(world);
    folder_pass(world, 1000);
    assert_int_equal(world->begun, 1);
    folder_pass(world, 999);
    assert_int_equal(world->begun, 1); // and no other is tried before the next look
    folder_pass(world, 1);
    assert_int_equal(world->begun, 2);
    assert_true(folder_has(world, "a.xml"));
    world->answer = TW_FILE_ACCEPTED;
    folder_pass(world, 1000);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1;a.xml=1;a.xml=1;b.xml=2;");
    assert_true(folder_has(world, "done/a.xml") && folder_has(world, "done/b.xml"));
}

// Back-pressure: no byte comes while the agent has enough.
static void a_file_waits_for_more(void **state)
{
    struct folder_world *world = *state;
    char big[40000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    world->hold = true;
    folder_put(world, "a.xml", big, 100);
    folder_look_twice(world);
    size_t first = world->bytes;
    assert_in_range(first, 1, 8192);
    folder_run(world);
    assert_int_equal(world->bytes, first);
    size_t pieces = 1;
    while (world->ended == 0) {
        tw_device_file_answer(world->device, TW_FILE_MORE, NULL);
        folder_run(world);
        pieces++;
    }
    assert_int_equal(world->bytes, sizeof big - 1);
    assert_int_equal(pieces, 6); // 4 full ones, the rest, and the end
    assert_true(folder_has(world, "done/a.xml"));
}

// ---- races

static void begin_and_hold(struct folder_world *world)
{
    char big[20000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    world->hold = true;
    folder_put(world, "a.xml", big, 100);
    unsigned before = world->begun;
    folder_look_twice(world);
    assert_int_equal(world->begun, before + 1);
}

static void go_on(struct folder_world *world)
{
    world->hold = false;
    tw_device_file_answer(world->device, TW_FILE_MORE, NULL);
    folder_run(world);
}

static void a_file_replaced_while_read_stays_and_is_read_again(void **state)
{
    struct folder_world *world = *state;
    char from[256];
    char to[256];
    begin_and_hold(world);
    folder_put(world, "new.tmp", "new", 300);
    assert_int_equal(rename(folder_path(world, "new.tmp", from), folder_path(world, "a.xml", to)), 0);
    go_on(world);
    assert_true(world->begun >= 2);
    assert_non_null(strstr((const char *)world->read.ptr, ";a.xml=new;"));
    char kept[64];
    folder_get(world, "done/a.xml", kept, sizeof kept);
    assert_string_equal(kept, "new");
    assert_int_equal(folder_count(world, "done"), 1);
}

// Written over in place, by the same size: no beginning of the one with the end of the other.
static void a_file_overwritten_while_read_is_never_given_whole(void **state)
{
    struct folder_world *world = *state;
    char other[20000];
    char path[256];
    begin_and_hold(world);
    int fd = open(folder_path(world, "a.xml", path), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    memset(other, 'n', sizeof other - 1);
    assert_int_equal(write(fd, other, sizeof other - 1), sizeof other - 1);
    go_on(world);
    assert_int_equal(world->ended, 0);
    assert_null(strchr((const char *)world->read.ptr, 'n'));
    assert_int_equal(close(fd), 0);
    folder_run(world);
    assert_int_equal(world->ended, 1);
    assert_true(folder_has(world, "done/a.xml"));
}

static void a_file_written_on_while_read_is_read_again(void **state)
{
    struct folder_world *world = *state;
    begin_and_hold(world);
    folder_put(world, "a.xml", "rewritten", 300);
    go_on(world);
    folder_pass(world, 1000);
    folder_pass(world, 1000);
    char kept[64];
    folder_get(world, "done/a.xml", kept, sizeof kept);
    assert_string_equal(kept, "rewritten");
    assert_false(folder_has(world, "a.xml"));
}

static void a_file_removed_or_renamed_while_read_harms_nothing(void **state)
{
    struct folder_world *world = *state;
    char from[256];
    char to[256];
    begin_and_hold(world);
    assert_int_equal(rename(folder_path(world, "a.xml", from), folder_path(world, "b.xml", to)), 0);
    go_on(world);
    assert_false(folder_has(world, "done/a.xml"));
    assert_true(folder_has(world, "done/b.xml")); // read again under its new name
    begin_and_hold(world);
    assert_int_equal(unlink(folder_path(world, "a.xml", from)), 0);
    go_on(world);
    folder_put(world, "c.xml", "c", 400);
    folder_look_twice(world);
    assert_true(folder_has(world, "done/c.xml"));
    assert_int_equal(world->downs, 0);
}

// ---- the folder itself

static void a_folder_that_is_not_there_is_down_with_a_reason(void **state)
{
    struct folder_world *world = *state;
    folder_remove(world);
    folder_open(world);
    folder_pass(world, 10000);
    assert_int_equal(world->downs, 1);
    assert_non_null(strstr(world->why, "make it, mount it, or correct `path`"));
    folder_make(world);
    folder_put(world, "a.xml", "1", 100);
    folder_pass(world, 10000);
    assert_int_equal(world->ups, 1);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1;");
}

// A share that was unmounted, or another one mounted in its place, is another folder under the same name.
static void another_folder_in_its_place_is_opened(void **state)
{
    struct folder_world *world = *state;
    char aside[300];
    folder_open(world);
    folder_run(world);
    (void)snprintf(aside, sizeof aside, "%s.old", world->folder);
    assert_int_equal(rename(world->folder, aside), 0);
    folder_make(world);
    folder_put(world, "a.xml", "1", 100);
    folder_pass(world, 1000); // the look finds it out where inotify does not
    folder_pass(world, 10000);
    assert_int_equal(world->downs, 1);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1;");
    char command[700];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", aside);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a test's own temporary folder
}

// Away and back at any moment: each file is put away once, nothing leaks, nothing spins.
static void away_and_back_500_times(void **state)
{
    struct folder_world *world = *state;
    uint32_t random = folder_seed();
    char aside[300];
    unsigned made = 0;
    world->hold_by_chance = &random;
    folder_open(world);
    folder_run(world);
    (void)snprintf(aside, sizeof aside, "%s.away", world->folder);
    size_t fds = folder_count_fds();
    for (unsigned round = 0; round < 500; round++) {
        for (unsigned i = folder_random(&random) % 3; i > 0; i--) {
            char name[32];
            (void)snprintf(name, sizeof name, "f%05u.xml", made++);
            folder_put(world, name, name, 0);
        }
        unsigned turns = folder_random(&random) % 6;
        for (unsigned i = 0; i < turns; i++) {
            folder_turn(world);
        }
        assert_int_equal(rename(world->folder, aside), 0);
        folder_pass(world, 1 + folder_random(&random) % 3000);
        assert_int_equal(rename(aside, world->folder), 0);
        folder_pass(world, folder_random(&random) % 3000);
        assert_true(world->turns < 400); // of this round: no spin
        world->turns = 0;
    }
    for (int i = 0; i < 20; i++) {
        folder_pass(world, 1000);
    }
    assert_true(world->ups > 250);
    assert_int_equal(folder_count(world, "done"), made); // none twice: that would lie beside it
    assert_int_equal(folder_count(world, "."), 0);
    assert_true(folder_count_fds() <= fds);
    print_message("%u files, lost %u times\n", made, world->downs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_read_oldest_first_and_put_away, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_export_is_left_alone, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_grows_is_not_taken, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_was_closed_is_taken_at_once, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_lies_apart_with_the_reason, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_for_later_stays_and_comes_again, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_waits_for_more, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_replaced_while_read_stays_and_is_read_again, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_written_on_while_read_is_read_again, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_removed_or_renamed_while_read_harms_nothing, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_down_with_a_reason, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(another_folder_in_its_place_is_opened, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(away_and_back_500_times, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_overwritten_while_read_is_never_given_whole, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
