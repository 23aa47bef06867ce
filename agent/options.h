// SPDX-License-Identifier: Apache-2.0
//
// The daemon's command line: tillwired [--config FILE] [--check].
//
// Threading: before the first thread. Memory: points into argv. Time: none.
// Errors: usage errors end the process with status 2 and a message.
#ifndef TW_AGENT_OPTIONS_H
#define TW_AGENT_OPTIONS_H

#include <stdbool.h>

struct tw_options {
    const char *config; // default TW_CONFIG_DEFAULT_PATH
    bool check;         // say whether the configuration is good, and end
};

void tw_options_parse(int argc, char **argv, struct tw_options *out);

#endif
