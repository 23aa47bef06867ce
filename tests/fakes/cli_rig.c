// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/cli_rig.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int cli_set_up(void **state)
{
    struct cli *cli = calloc(1, sizeof *cli);
    void *world = NULL;
    assert_int_equal(desk_set_up(&world), 0);
    cli->world = world;
    cli->world->uplink.status.since_ms = WALL - 200000;
    (void)strcpy(cli->dir, "/tmp/tillwire-cli-XXXXXX");
    assert_non_null(mkdtemp(cli->dir));
    *state = cli;
    return 0;
}

int cli_tear_down(void **state)
{
    struct cli *cli = *state;
    void *world = cli->world;
    assert_int_equal(desk_tear_down(&world), 0);
    free(cli->out);
    free(cli->err);
    DIR *dir = opendir(cli->dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
    (void)rmdir(cli->dir);
    free(cli);
    return 0;
}

static char *read_file(const struct cli *f, const char *name)
{
    char path[128];
    struct tw_buf text = {0};
    char chunk[4096];
    size_t got;
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        tw_buf_add(&text, chunk, got);
    }
    (void)fclose(file);
    tw_buf_add(&text, "", 0);
    return (char *)text.ptr;
}

// Runs `tillwire ARGS < input`; returns its exit code, output in f->out and f->err.
int cli_run(struct cli *f, const char *args, const char *input)
{
    char command[1024], path[128];
    (void)snprintf(path, sizeof path, "%s/in", f->dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fputs(input, file);
    (void)fclose(file);
    (void)snprintf(command, sizeof command, "cd %s && " TW_CLI " %s <in >out 2>err", f->dir, args);
    int status = system(command);
    free(f->out);
    free(f->err);
    f->out = read_file(f, "out");
    f->err = read_file(f, "err");
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// The same, asking the desk, which serves the world as it is.
int cli_run_with_desk(struct cli *f, const char *args, const char *input)
{
    char full[512];
    desk_sync_world(f->world);
    (void)snprintf(full, sizeof full, "%s --socket %s", args, f->world->socket);
    int code = cli_run(f, full, input);
    desk_sync_world(f->world);
    return code;
}

void cli_expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no \"%s\" in:\n%s", part, text);
    }
}
