// SPDX-License-Identifier: Apache-2.0
//
// The command line of tillwire-central.
//
// Threading: main only. Memory: borrows argv. Time: none. Errors: argp prints usage and exits 2.
#ifndef TW_CENTRAL_OPTIONS_H
#define TW_CENTRAL_OPTIONS_H

#include <stdbool.h>

#include "agent/uplink/reach.h"

struct tw_central_options {
    struct tw_address address;
    const char *ca, *cert, *key;
    const char *tenant;
    const char *database;
    const char *schemas;
    const char *members;       // NULL: none
    const char *pseudonym_key; // NULL: none
    bool report, json, quiet;
};

// Exits on --help, --version and errors.
void tw_central_options_parse(int argc, char **argv, struct tw_central_options *out);

#endif
