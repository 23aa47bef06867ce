// SPDX-License-Identifier: Apache-2.0
//
// The tap as a small process: listens where the till expects its printer, forwards each till's
// connection to the printer, one after another, and hands a copy to the agent over
// RUN_DIR/NAME.tap.sock (tillwire/tap_link.h). The agent may come, go, or be absent: printing does
// not notice (P5). It never looks into the bytes, and no log line holds any.
//
// Threading: one thread, poll(2). Memory: one mapping, made at the start; pages of the copy that
// were never used cost nothing. Time: CLOCK_MONOTONIC of this machine, in the frames too.
// Errors: one sentence at the start; afterwards it logs and goes on.
#ifndef TW_RELAY_H
#define TW_RELAY_H

#include <stdint.h>

#include "tillwire/err.h"

#define TW_RELAY_DEFAULT_BUFFER_BYTES (4u * 1024 * 1024)
#define TW_RELAY_MIN_BUFFER_BYTES     (64u * 1024)

struct tw_relay_settings { // strings are borrowed until tw_relay_free
    const char *name;      // of the device
    const char *listen;    // for the till
    const char *forward;   // the printer
    const char *run_dir;
    uint32_t buffer_bytes; // 0: the default
};

struct tw_relay;

// Opens both listeners. The printer need not be there yet.
int TW_MUST_CHECK tw_relay_new(const struct tw_relay_settings *settings, struct tw_relay **out,
                               struct tw_error_text *err);

// Numeric "host:port" the till is to use; tells the port where `listen` said 0.
const char *tw_relay_address(const struct tw_relay *relay);

// Works until SIGTERM or SIGINT (which the caller has blocked; `signals` is a signalfd(2) of them),
// then forwards what was received, gives a present agent a second to take it, and returns.
void tw_relay_run(struct tw_relay *relay, int signals);

void tw_relay_free(struct tw_relay *relay);

#endif
