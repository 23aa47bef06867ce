// SPDX-License-Identifier: Apache-2.0
//
// The route over TCP: a listener for tills, one till's connection at a time, and the connection to
// the printer that was made for it. Bytes go both ways, unchanged, each way with a small buffer of
// its own, so that a slow reader slows its writer and nobody else. An end of one side is passed on
// to the other (half-close). What the printer's socket took is copied to the tap afterwards, and
// nothing else is.
//
// Threading: one thread. Memory: the caller's. Time: monotonic microseconds come in.
// Errors: none to the caller. A printer that cannot be reached within CONNECT_US is logged and the
// till's connection is reset, as a dead printer would do.
#ifndef TW_RELAY_SESSION_H
#define TW_RELAY_SESSION_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/tap.h"
#include "firmware/port/linux/route.h"

enum tw_session_state { TW_SESSION_IDLE, TW_SESSION_WAITING, TW_SESSION_CONNECTING, TW_SESSION_OPEN };

struct tw_session {
    struct tw_route route; // first: its functions get a pointer to it
    const char *device;    // for the log
    const char *forward;   // the printer's address
    struct tw_tap *tap;
    enum tw_session_state state;
    int tills;                  // listener; -1: taken away
    int till, printer;          // -1: none
    struct tw_pump out, back;   // till to printer, printer to till
    bool out_ended, out_passed; // the till said it ends; and the printer was told
    bool back_ended, back_passed;
    uint64_t give_up_us; // connecting: then the till is let go
    uint64_t retry_us;   // waiting: then connect again; connecting: this attempt ends
    uint64_t last_us;    // bytes moved
    bool till_gone;      // reset: what was received still goes to the printer
    bool printer_down;   // told the log
    bool marked_closed;
};

// `device` and `forward` are borrowed for good; the listener `tills` is the session's from now on.
// A session of which one side has ended, and is silent, makes room for a till that waits after a
// second, else after a minute.
void tw_session_init(struct tw_session *session, const char *device, const char *forward, int tills,
                     struct tw_tap *tap);

#endif
