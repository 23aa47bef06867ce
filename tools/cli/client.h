// SPDX-License-Identifier: Apache-2.0
//
// HTTP to the agent over its Unix socket (libcurl). The socket is run_dir/control.sock of the
// configuration unless the command line names one.
//
// Threading: one thread. Memory: an answer is the caller's. Time: 10 s for an answer, none for a stream.
// Errors: printed; the functions return exit codes.
#ifndef TW_TOOLS_CLI_CLIENT_H
#define TW_TOOLS_CLI_CLIENT_H

#include "tillwire/bytes.h"
#include "tillwire/json.h"
#include "tools/cli/command.h"

// GET (body NULL) or POST of JSON. Returns TW_EXIT_FINE and the parsed answer of a 2xx, with its text in
// `text` when that is not NULL; anything else is printed. A problem (RFC 9457) is printed with its field.
int tw_client_ask(const struct tw_cli *cli, const char *path, const struct tw_buf *body, tw_json **out,
                  struct tw_buf *text);

// POST of a file. TW_EXIT_FINE for any 2xx; else as above.
int tw_client_send(const struct tw_cli *cli, const char *path, struct tw_slice bytes);

// GET of a stream of lines; `line` (without its end) returns false to stop, and so does `stop`, which is
// asked about once a second (NULL: never), by returning true. TW_EXIT_FINE when it ended.
typedef bool tw_client_line_fn(void *ctx, struct tw_slice line);
typedef bool tw_client_stop_fn(void *ctx);
int tw_client_stream(const struct tw_cli *cli, const char *path, tw_client_line_fn *line,
                     tw_client_stop_fn *stop, void *ctx);

#endif
