// SPDX-License-Identifier: Apache-2.0
//
// One till's connection and the connection to the printer that was made for it: bytes both ways,
// unchanged, each way with a small buffer of its own, so that a slow reader slows its writer and
// nobody else. An end of one side is passed on to the other (half-close). What the printer's
// socket took is copied to the tap afterwards, and nothing else is.
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

enum { TW_PUMP_BYTES = 16 * 1024 };

struct tw_pump {
    size_t at, len; // bytes[at, len) are still to be written
    bool ended;     // the source said it ends
    bool passed;    // and the sink was told
    uint8_t bytes[TW_PUMP_BYTES];
};

enum tw_session_state { TW_SESSION_IDLE, TW_SESSION_WAITING, TW_SESSION_CONNECTING, TW_SESSION_OPEN };

struct tw_session {
    const char *device;  // for the log
    const char *forward; // the printer's address
    struct tw_tap *tap;
    enum tw_session_state state;
    int till, printer;        // -1: none
    struct tw_pump out, back; // till to printer, printer to till
    uint64_t give_up_us;      // connecting: then the till is let go
    uint64_t retry_us;        // waiting: then connect again; connecting: this attempt ends
    uint64_t last_us;         // bytes moved
    bool till_gone;           // reset: what was received still goes to the printer
    bool printer_down;        // told the log
    bool marked_closed;
};

// `device` and `forward` are borrowed for good.
void tw_session_init(struct tw_session *session, const char *device, const char *forward, struct tw_tap *tap);

// Takes the till's socket.
void tw_session_begin(struct tw_session *session, int till, uint64_t now_us);

// What to wait for: entries[0] is the till, entries[1] the printer.
void tw_session_interest(const struct tw_session *session, struct pollfd entries[2]);

// Moves what can be moved.
void tw_session_work(struct tw_session *session, const struct pollfd entries[2], uint64_t now_us);

// Time passed. A session of which one side has ended, and is silent, makes room for a till that
// waits (`waiting`) after a second, else after a minute.
void tw_session_tick(struct tw_session *session, bool waiting, uint64_t now_us);
uint64_t tw_session_deadline_us(const struct tw_session *session);

// Whether everything the till has sent so far is with the printer.
bool tw_session_is_forwarded(const struct tw_session *session);

// Ends it in order.
void tw_session_end(struct tw_session *session, uint64_t now_us);

#endif
