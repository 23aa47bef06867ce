// SPDX-License-Identifier: Apache-2.0
//
// `tillwire` is a table of commands. A command has its options as an argp parser (one table gives both
// parsing and --help), a run function that returns the exit code, and its own state in a struct that
// begins with what all commands have.
//
// Threading: one thread. Memory: strings of the command line are borrowed. Time: none.
// Errors: printed to standard error as one sentence; the exit codes are these.
#ifndef TW_TOOLS_CLI_COMMAND_H
#define TW_TOOLS_CLI_COMMAND_H

#include <argp.h>
#include <stdbool.h>

#include "tillwire/err.h"

enum tw_exit {
    TW_EXIT_FINE = 0,
    TW_EXIT_NOT_WELL = 1,
    TW_EXIT_USAGE = 2,
    TW_EXIT_NO_DAEMON = 3,
};

struct tw_cli { // what every command is given
    bool json;
    const char *config;      // NULL: TW_CONFIG_DEFAULT_PATH
    const char *socket;      // NULL: run_dir/control.sock of the configuration
    const char *operand;     // the only one, NULL: none
    const char *verb;        // queue, devices: what to do; NULL: show it
    bool data, all;          // queue
    const char *profile;     // receipt
    const char *operator_id; // lookup
    bool follow;             // events
    unsigned recent;         // events
    const char *file;        // devices record: NULL: standard output; devices update: the image
    unsigned seconds;        // devices record, test; 0: not said
    double speed;            // devices replay; 0: at once
};

struct tw_command {
    const char *name;
    const char *summary; // one line, for the list
    const struct argp *argp;
    int (*run)(const struct tw_cli *cli);
};

extern const struct tw_command tw_command_status, tw_command_devices, tw_command_queue, tw_command_events,
    tw_command_lookup, tw_command_receipt;

// Options all commands have: --json; and those that speak to the daemon: --config, --socket.
extern const struct argp tw_cli_output_argp, tw_cli_daemon_argp;

// The parser of a command that takes no operand.
error_t tw_cli_parse_none(int key, char *arg, struct argp_state *state);

// The same end of every --help.
#define TW_CLI_EXIT_CODES                                                                                    \
    "Exit codes:\n"                                                                                          \
    "  0  fine\n"                                                                                            \
    "  1  what was asked about is not well\n"                                                                \
    "  2  wrong usage or configuration\n"                                                                    \
    "  3  the agent cannot be reached\n"

#endif
