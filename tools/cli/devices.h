// SPDX-License-Identifier: Apache-2.0
//
// What one can do with devices: `tillwire devices VERB`, one file each.
//
// Threading: one thread. Memory: the command line's strings are borrowed. Time: as each says.
// Errors: printed; the functions return exit codes.
#ifndef TW_TOOLS_CLI_DEVICES_H
#define TW_TOOLS_CLI_DEVICES_H

#include "tillwire/json.h"
#include "tools/cli/command.h"

// What is plugged in. Without the agent.
int tw_devices_discover(const struct tw_cli *cli);
// What cli->operand sends, to cli->file, until Ctrl-C or for cli->seconds.
int tw_devices_record(const struct tw_cli *cli);
// The recording cli->operand through its driver. Without the agent.
int tw_devices_replay(const struct tw_cli *cli);
// Whether cli->operand works, by trying it.
int tw_devices_test(const struct tw_cli *cli);

// Hands the update file cli->file to cli->operand, a tap, and waits for what comes of it.
int tw_devices_update(const struct tw_cli *cli);

// Whether the configuration can have a device of this name; if not, says so and returns TW_EXIT_USAGE.
int tw_devices_check_name(const char *name);
// Asks the agent for all devices; `all` owns what `out` points to. As tw_client_ask, and prints
// TW_EXIT_NOT_WELL when there is none of that name.
int tw_devices_ask(const struct tw_cli *cli, const char *name, tw_json **all, const tw_json **out);

#endif
