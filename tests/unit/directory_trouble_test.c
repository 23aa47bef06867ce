// SPDX-License-Identifier: Apache-2.0
//
// The directory transport and its driver: files that are not done, names that are taken, and what the disk
// and the rights forbid.
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

// ---- who writes may not be done

static FILE *begin_writing(const struct folder_world *world, const char *name)
{
    char path[256];
    FILE *file = fopen(folder_path(world, name, path), "we");
    assert_non_null(file);
    assert_true(fputs("<POSLog>", file) >= 0 && fflush(file) == 0);
    return file;
}

// P8: a till that pauses in the middle of a file: it waits for the rest, and holds no other one up.
static void a_file_that_is_not_finished_waits_for_the_rest(void **state)
{
    struct folder_world *world = *state;
    world->open_answer = TW_FILE_UNFINISHED;
    folder_open(world);
    folder_run(world);
    FILE *file = begin_writing(world, "a.xml");
    folder_pass(world, 3000);
    assert_true(world->open);
    assert_string_equal((const char *)world->read.ptr, "a.xml=<POSLog>;");
    folder_put(world, "b.xml", "b", 0);
    folder_pass(world, 60000);
    assert_string_equal((const char *)world->read.ptr, "a.xml=<POSLog>;b.xml=b;");
    assert_true(fputs("</POSLog>", file) >= 0 && fclose(file) == 0);
    folder_run(world);
    assert_string_equal((const char *)world->read.ptr, "a.xml=<POSLog>;b.xml=b;a.xml=<POSLog></POSLog>;");
    assert_true(folder_has(world, "done/a.xml"));
}

// One whose writer is gone without closing it (or was not seen to) is taken as it is in the end.
static void a_file_nobody_finishes_is_taken_after_ten_minutes(void **state)
{
    struct folder_world *world = *state;
    world->open_answer = TW_FILE_UNFINISHED;
    folder_open(world);
    folder_run(world);
    FILE *file = begin_writing(world, "a.xml");
    folder_pass(world, 9 * 60 * 1000);
    assert_int_equal(world->begun, 1);
    folder_pass(world, 2 * 60 * 1000);
    assert_int_equal(world->begun, 2);
    assert_false(world->open);
    assert_true(folder_has(world, "done/a.xml"));
    assert_int_equal(fclose(file), 0);
}

// Lost events say nothing about who is done: what they would have told is found by the looks.
static void lost_events_settle_nothing(void **state)
{
    struct folder_world *world = *state;
    char path[256];
    folder_open(world);
    folder_run(world);
    FILE *file = begin_writing(world, "half.xml");
    folder_pass(world, 1000);
    assert_true(fputs("<Transaction>", file) >= 0 && fflush(file) == 0);
    folder_pass(world, 1000);
    for (int i = 0; i < 17000; i++) { // more than fs.inotify.max_queued_events
        int fd = open(folder_path(world, i % 2 == 0 ? "a.tmp" : "b.tmp", path),
                      O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_int_equal(close(fd), 0);
    }
    folder_run(world);
    assert_int_equal(world->begun, 0);
    folder_pass(world, 1000);
    assert_int_equal(world->begun, 1);
    assert_int_equal(fclose(file), 0);
}

// ---- names

static void put_longest(const struct folder_world *world, const char *text)
{
    char path[400];
    int len = snprintf(path, sizeof path, "%s/", world->folder);
    memset(path + len, 'n', 251);
    (void)snprintf(path + len + 251, 5, ".xml");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void the_longest_name_can_come_again(void **state)
{
    struct folder_world *world = *state;
    folder_open(world);
    folder_run(world);
    for (int i = 0; i < 3; i++) {
        put_longest(world, "x");
        folder_run(world);
    }
    assert_int_equal(folder_count(world, "done"), 3);
    world->answer = TW_FILE_REFUSED;
    for (int i = 0; i < 2; i++) {
        put_longest(world, "y");
        folder_run(world);
    }
    assert_int_equal(folder_count_like(world, "failed/*.txt"), 2);
    assert_int_equal(folder_count(world, "failed"), 4);
    assert_int_equal(world->ended, 5);
}

// ---- what the disk and the rights forbid

// P1: a file that cannot be put away is not read for ever: the subfolder is made again.
static void a_subfolder_that_was_removed_is_made_again(void **state)
{
    struct folder_world *world = *state;
    char command[128];
    folder_put(world, "a.xml", "one", 100);
    folder_look_twice(world);
    (void)snprintf(command, sizeof command, "rm -r '%s/done'", world->folder);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a test's own temporary folder
    folder_put(world, "b.xml", "two", 100);
    folder_pass(world, 60000);
    assert_true(folder_has(world, "done/b.xml"));
    assert_int_equal(world->ended, 3);
    assert_int_equal(world->downs, 1);
    assert_non_null(strstr(world->down_why, "files cannot be moved to its subfolders"));
}

static const char *why_of(const struct folder_world *world, uint64_t errors)
{
    struct tw_device_status status;
    tw_device_status(world->device, &status);
    assert_true(status.up);
    assert_int_equal(status.errors, errors);
    return status.why != NULL ? status.why : "";
}

// A file of another user in a folder with the sticky bit: it may be read and not be moved. The others are.
static void a_file_that_cannot_be_moved_holds_up_no_other(void **state)
{
    struct folder_world *world = *state;
    char path[256];
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(world->folder, 01777), 0);
    folder_put(world, "a.xml", "1", 100);
    assert_int_equal(seteuid(65534), 0);
    folder_put(world, "b.xml", "2", 101);
    folder_look_twice(world);
    folder_put(world, "c.xml", "3", 0);
    folder_pass(world, 60000);
    assert_string_equal((const char *)world->read.ptr, "a.xml=1;b.xml=2;c.xml=3;");
    assert_string_equal(why_of(world, 1),
                        "export: the file a.xml cannot be moved away: Operation not permitted; the "
                        "others are read, this one is tried again");
    assert_int_equal(world->downs, 0);
    folder_be_again();
    assert_int_equal(chown(folder_path(world, "a.xml", path), 65534, 65534), 0);
    assert_int_equal(seteuid(65534), 0);
    folder_pass(world, 10 * 60 * 1000);
    assert_true(folder_has(world, "done/a.xml"));
    assert_string_equal(why_of(world, 1), "");
    folder_be_again();
}

static void what_may_not_be_read_is_tried_again(void **state)
{
    struct folder_world *world = *state;
    char path[256];
    if (!folder_become_nobody(world)) {
        skip();
    }
    folder_put(world, "a.xml", "1", 100);
    assert_int_equal(chmod(folder_path(world, "a.xml", path), 0), 0);
    folder_put(world, "b.xml", "2", 101);
    folder_look_twice(world);
    assert_string_equal((const char *)world->read.ptr, "b.xml=2;"); // the other one goes on
    folder_pass(world, 30000);
    assert_non_null(strstr(why_of(world, 1), "the file a.xml cannot be read: Permission denied;"));
    assert_int_equal(chmod(folder_path(world, "a.xml", path), 0600), 0);
    folder_pass(world, 1000);
    folder_pass(world, 1000);
    assert_string_equal((const char *)world->read.ptr, "b.xml=2;a.xml=1;");
    folder_pass(world, 1000);
    assert_string_equal(why_of(world, 1), "");
    folder_be_again();
}

static void a_folder_that_cannot_be_written_is_down_until_it_can(void **state)
{
    struct folder_world *world = *state;
    char path[256];
    if (!folder_become_nobody(world)) {
        skip();
    }
    folder_put(world, "a.xml", "1", 100);
    folder_look_twice(world);
    assert_int_equal(chmod(folder_path(world, "done", path), 0500), 0);
    folder_put(world, "b.xml", "2", 0);
    folder_run(world);
    folder_pass(world, 10000);
    assert_int_equal(world->downs, 1);
    struct tw_device_status status;
    tw_device_status(world->device, &status);
    assert_non_null(strstr(status.why, "cannot move files"));
    assert_true(folder_has(world, "b.xml"));
    assert_int_equal(chmod(path, 0700), 0);
    folder_pass(world, 10000);
    folder_pass(world, 10000);
    assert_true(folder_has(world, "done/b.xml"));
    folder_be_again();
}

// No room for the reason beside it: the file is put away all the same.
static void a_full_disk_costs_only_the_reason(void **state)
{
    struct folder_world *world = *state;
    world->answer = TW_FILE_REFUSED;
    folder_put(world, "a.xml", "x", 100);
    folder_open(world);
    folder_run(world);
    folder_fill_disk(true);
    folder_pass(world, 1000);
    folder_fill_disk(false);
    assert_true(folder_has(world, "failed/a.xml"));
    assert_false(folder_has(world, "failed/a.xml.txt"));
}

static void ten_thousand_files_are_all_read(void **state)
{
    struct folder_world *world = *state;
    enum { MANY = 10000 };
    for (int i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%05d.xml", (i * 7919) % MANY);
        folder_put(world, name, "x", 100);
    }
    folder_open(world);
    for (int i = 0; i < 12; i++) {
        folder_pass(world, 1000);
    }
    assert_int_equal(world->ended, MANY);
    assert_int_equal(folder_count(world, "done"), MANY);
}

// The oldest are known, however many there are and in whatever order they come.
static void the_oldest_of_many_are_first(void **state)
{
    struct folder_world *world = *state;
    // In the middle, so that neither way through the folder finds them among the first TW_FOLDER_FILES.
    enum { MANY = 9000, OLDEST = MANY / 2, FIRST = 3 };
    char first[FIRST * 16] = "";
    for (int i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%05d.xml", (i * 7919) % MANY);
        folder_put(world, name, "", 1000 + (i >= OLDEST ? i - OLDEST : MANY + i));
    }
    for (int i = 0; i < FIRST; i++) {
        size_t len = strlen(first);
        (void)snprintf(first + len, sizeof first - len, "%05d.xml=;", ((OLDEST + i) * 7919) % MANY);
    }
    folder_look_twice(world);
    assert_int_equal(strncmp((const char *)world->read.ptr, first, strlen(first)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_may_not_be_read_is_tried_again, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written_is_down_until_it_can, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_costs_only_the_reason, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(ten_thousand_files_are_all_read, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_oldest_of_many_are_first, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_finished_waits_for_the_rest, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_nobody_finishes_is_taken_after_ten_minutes, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(lost_events_settle_nothing, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_subfolder_that_was_removed_is_made_again, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(the_longest_name_can_come_again, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_moved_holds_up_no_other, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
