// SPDX-License-Identifier: Apache-2.0
//
// The "line" door of the peers' harness: a Unix socket where clients write one JSON event a line, and
// read "SEQ\n" once that event is stored. SEQ is the number behind "seq": at the start of the line.
//
// Threading: bench_lines_answer from any thread, the rest from the one that runs it. Memory: lines are
// borrowed for the call. Time: none. Errors: a socket that cannot be made ends the program; a client
// that breaks the rules is hung up on.
#ifndef TW_LINES_H
#define TW_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"

struct bench_lines;

// A line without its end. False: not now, the same line comes again with the next bench_lines_run.
typedef bool bench_line_fn(void *ctx, uint64_t client, uint64_t seq, struct tw_slice line);

struct bench_lines *bench_lines_new(const char *path, bench_line_fn *on_line, void *ctx);
// Readable when there is something to do: bench_lines_run.
int bench_lines_fd(const struct bench_lines *lines);
void bench_lines_run(struct bench_lines *lines);
// The event `seq` of `client` is stored. Answers that come together leave together.
void bench_lines_answer(struct bench_lines *lines, uint64_t client, uint64_t seq);

#endif
