// SPDX-License-Identifier: Apache-2.0
//
// The real `tillwire` (TW_CLI, its path) beside a desk that serves a made-up world.
//
// Threading: the test's. Memory: the rig owns what the last run said. Time: none. Errors: cmocka assertions.
#ifndef TW_FAKE_CLI_RIG_H
#define TW_FAKE_CLI_RIG_H

#include "tests/fakes/desk_fixture.h"

// A desk, and a folder with what the last run of `tillwire` said.
struct cli {
    struct fixture *world;
    char dir[64];
    char *out, *err;
};

// cmocka's set-up and tear-down.
int cli_set_up(void **state);
int cli_tear_down(void **state);

// Runs `tillwire ARGS < input`; returns its exit code, output in f->out and f->err. The input is the file
// `in` of its folder as well.
int cli_run(struct cli *f, const char *args, const char *input);
// The same, asking the desk, which serves the world as it is.
int cli_run_with_desk(struct cli *f, const char *args, const char *input);

void cli_expect_text(const char *text, const char *part);

#endif
