// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/folder_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "hal/io/io.h"

enum { NOBODY = 65534 };

// ---- the agent

static void on_begin(void *ctx, const char *device, const struct tw_device_file *file)
{
    struct folder_world *world = ctx;
    (void)device;
    world->begun++;
    world->waiting = file->waiting;
    world->open = file->open;
    tw_buf_printf(&world->read, "%s=", file->name);
}

static bool on_bytes(void *ctx, const char *device, struct tw_slice bytes)
{
    struct folder_world *world = ctx;
    (void)device;
    world->bytes += bytes.len;
    tw_buf_add(&world->read, bytes.ptr, bytes.len);
    world->held =
        world->hold || (world->hold_by_chance != NULL && folder_random(world->hold_by_chance) % 3 == 0);
    return !world->held;
}

static void on_end(void *ctx, const char *device, bool whole)
{
    struct folder_world *world = ctx;
    (void)device;
    tw_buf_add_text(&world->read, whole ? ";" : "!;");
    if (whole) {
        world->ended++;
        bool open = world->open && world->answer == TW_FILE_ACCEPTED;
        tw_device_file_answer(world->device, open ? world->open_answer : world->answer,
                              "line 1, column 2: because.");
    }
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct folder_world *world = ctx;
    (void)device;
    world->ups += up;
    world->downs += !up;
    (void)snprintf(world->why, sizeof world->why, "%s", why != NULL ? why : "");
    if (!up) {
        (void)snprintf(world->down_why, sizeof world->down_why, "%s", world->why);
    }
}

// ---- the folder

const char *folder_path(const struct folder_world *world, const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", world->folder, name);
    return out;
}

void folder_make(const struct folder_world *world)
{
    assert_int_equal(mkdir(world->folder, 0777), 0);
}

void folder_remove(const struct folder_world *world)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a test's own temporary folder
}

void folder_put(const struct folder_world *world, const char *name, const char *text, int64_t at_s)
{
    char path[256];
    FILE *file = fopen(folder_path(world, name, path), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    const struct timespec times[2] = {{.tv_sec = at_s}, {.tv_sec = at_s}};
    assert_int_equal(fflush(file), 0);
    assert_int_equal(at_s != 0 ? futimens(fileno(file), times) : 0, 0);
    assert_int_equal(fclose(file), 0);
}

void folder_get(const struct folder_world *world, const char *name, char *out, size_t size)
{
    char path[256];
    FILE *file = fopen(folder_path(world, name, path), "re");
    assert_non_null(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

bool folder_has(const struct folder_world *world, const char *name)
{
    char path[256];
    struct stat stat;
    return lstat(folder_path(world, name, path), &stat) == 0;
}

size_t folder_count_like(const struct folder_world *world, const char *pattern)
{
    char path[256];
    glob_t found;
    int rc = glob(folder_path(world, pattern, path), GLOB_NOSORT, NULL, &found);
    size_t count = rc == 0 ? found.gl_pathc : 0;
    if (rc == 0) {
        globfree(&found);
    }
    return count;
}

unsigned folder_count(const struct folder_world *world, const char *name)
{
    char path[256];
    unsigned count = 0;
    DIR *entries = opendir(folder_path(world, name, path));
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        count += entry->d_type == DT_REG;
    }
    (void)closedir(entries);
    return count;
}

// ---- the loop

// On this thread, in the order the test asks for; the agent opens folders apart (apart_test).
static int open_here(void *folder, struct tw_io **out, struct tw_error_text *err)
{
    return tw_io_directory_open(folder, out, err);
}

void folder_open(struct folder_world *world)
{
    const struct tw_device_sink sink = {
        .ctx = world, .state = on_state, .file_begin = on_begin, .file_bytes = on_bytes, .file_end = on_end};
    const struct tw_device_config config = {.name = "export",
                                            .class_name = "poslog",
                                            .transport = "directory",
                                            .path = world->folder,
                                            .rescan_s = 1,
                                            .open = world->apart ? NULL : open_here,
                                            .open_ctx = world->folder};
    struct tw_error_text err = {0};
    if (world->device == NULL) {
        assert_int_equal(tw_device_new(&config, &sink, 7, &world->device, &err), 0);
    }
}

bool folder_turn(struct folder_world *world)
{
    world->turns++;
    if (world->held && world->hold_by_chance != NULL) {
        world->held = false;
        tw_device_file_answer(world->device, TW_FILE_MORE, NULL);
    }
    bool due = world->now_ms >= tw_device_deadline(world->device);
    if (due) {
        tw_device_tick(world->device, world->now_ms);
    }
    struct pollfd entry = {.fd = tw_device_fd(world->device), .events = tw_device_events(world->device)};
    bool ready = entry.fd >= 0 && poll(&entry, 1, 0) > 0;
    if (ready) {
        tw_device_ready(world->device, entry.revents, world->now_ms);
    }
    return due || ready || (world->held && world->hold_by_chance != NULL);
}

void folder_run(struct folder_world *world)
{
    while (folder_turn(world)) {
    }
}

void folder_pass(struct folder_world *world, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    folder_run(world);
    while (tw_device_deadline(world->device) <= until_ms) {
        world->now_ms = tw_device_deadline(world->device);
        folder_run(world);
    }
    world->now_ms = until_ms;
}

void folder_look_twice(struct folder_world *world)
{
    folder_open(world);
    folder_pass(world, 1000);
    folder_pass(world, 1000);
}

// ---- helpers

uint32_t folder_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

uint32_t folder_seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 20261122u;
    print_message("seed %u (TW_SEED)\n", value);
    return value;
}

size_t folder_count_fds(void)
{
    size_t count = 0;
    DIR *entries = opendir("/proc/self/fd");
    assert_non_null(entries);
    while (readdir(entries) != NULL) {
        count++;
    }
    (void)closedir(entries);
    return count;
}

bool folder_become_nobody(const struct folder_world *world)
{
    return geteuid() != 0 || (chown(world->folder, NOBODY, NOBODY) == 0 && seteuid(NOBODY) == 0);
}

void folder_be_again(void)
{
    assert_int_equal(getuid() == 0 ? seteuid(0) : 0, 0);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0); // for the leak check
}

void folder_fill_disk(bool full)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? 0 : limit.rlim_max;
    (void)signal(SIGXFSZ, full ? SIG_IGN : SIG_DFL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

int folder_setup(void **state)
{
    struct folder_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/tw-folder-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    world->answer = world->open_answer = TW_FILE_ACCEPTED;
    tw_buf_add_text(&world->read, "");
    *state = world;
    return 0;
}

int folder_teardown(void **state)
{
    struct folder_world *world = *state;
    tw_device_free(world->device);
    folder_remove(world);
    tw_buf_free(&world->read);
    free(world);
    return 0;
}
