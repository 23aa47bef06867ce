// SPDX-License-Identifier: Apache-2.0
//
// The tap as a small process: stands where the till expects its printer, on a TCP port or at a serial
// port, forwards every byte both ways, and hands a copy to the agent over RUN_DIR/NAME.tap.sock
// (tillwire/tap_link.h). The agent may come, go, or be absent: printing does not notice (P5). It
// never looks into the bytes, but for XON and XOFF, and no log line holds any.
//
// Threading: one thread, poll(2), and one a serial port for its modem lines. Memory: one mapping, made at the
// start; pages of the copy that were never used cost nothing. Time: CLOCK_MONOTONIC of this machine, in the
// frames too. Errors: one sentence at the start; afterwards it logs and goes on.
#ifndef TW_RELAY_H
#define TW_RELAY_H

#include <stdint.h>

#include "firmware/port/linux/serial.h"
#include "tillwire/err.h"

#define TW_RELAY_DEFAULT_BUFFER_BYTES (4u * 1024 * 1024)
#define TW_RELAY_MIN_BUFFER_BYTES     (64u * 1024)

struct tw_relay_settings {      // strings are borrowed until tw_relay_free
    const char *name;           // of the device
    const char *listen;         // over TCP: for the till
    const char *port;           // between serial ports: the till's; then `listen` is not looked at
    const char *forward;        // the printer: "host:port", or its serial port
    struct tw_serial_form form; // of both serial ports
    const char *flow;           // "none", "rtscts", "dtrdsr", "xonxoff"; NULL: none
    const char *run_dir;
    const struct tw_handed *handed; // listeners that somebody else opened; NULL: none
    uint32_t buffer_bytes;          // 0: the default
};

struct tw_handed;
struct tw_relay;

// Opens listeners and ports. Neither printer nor serial ports need be there yet. Handed listeners are
// the relay's from now on, and `listen` is not looked at where one is for the till.
int TW_MUST_CHECK tw_relay_new(const struct tw_relay_settings *settings, struct tw_relay **out,
                               struct tw_error_text *err);

// What the till is to use: numeric "host:port", which tells the port where `listen` said 0, or the
// path of a serial port.
const char *tw_relay_address(const struct tw_relay *relay);

// Works until SIGTERM or SIGINT (which the caller has blocked; `signals` is a signalfd(2) of them),
// then forwards what was received, gives a present agent a second to take it, and returns.
void tw_relay_run(struct tw_relay *relay, int signals);

void tw_relay_free(struct tw_relay *relay);

#endif
