// SPDX-License-Identifier: Apache-2.0
//
// What a long-lived process owes the machine it runs on: it tells the service manager how it is
// (sd_notify(3)), keeps its memory out of core dumps and swap (P6), and knows how far the
// terminal's clock can be believed (P12).
//
// Threading: tw_supervise_harden before the first thread; the rest from any thread. Memory: a clock
// is owned by who made it and outlives its readers. Time: the real clocks of the machine.
// Errors: none; what cannot be had is reported in words and done without.
#ifndef TW_SUPERVISE_H
#define TW_SUPERVISE_H

#include <stdint.h>

#include "tillwire/clock.h"
#include "tillwire/err.h"

// Tells the service manager that the agent serves. `status` is one line for `systemctl status`.
// Without a service manager this and the next three do nothing.
void tw_supervise_ready(const char *status);
void tw_supervise_status(const char *status);
void tw_supervise_stopping(void);

// How often tw_supervise_alive must be called, in milliseconds: half of WatchdogSec= (systemd.service(5)),
// 0 when no watchdog waits for this process.
int64_t tw_supervise_watchdog_ms(void);
void tw_supervise_alive(void);

// No core dumps (PR_SET_DUMPABLE, RLIMIT_CORE), no swap (mlockall with MCL_ONFAULT, where the limits
// allow it), SIGPIPE ignored, one heap for all threads. TW_OK, or TW_ERR_REFUSED when something could not be
// had: `err` then says what and how to allow it; the process goes on.
int TW_MUST_CHECK tw_supervise_harden(struct tw_error_text *err);

// Gives back to the system what has come free in the heap, and the program's and its libraries' code, which
// comes back as it is used; to be called now and then. TW_ERR_REFUSED when memory was locked and could not be
// locked again, with what to do.
#define TW_SUPERVISE_TRIM_MS 5000
int TW_MUST_CHECK tw_supervise_trim(struct tw_error_text *err);

// The machine's clocks: CLOCK_REALTIME, CLOCK_MONOTONIC, adjtimex(2), the kernel's boot id. Trust is
// "suspect" before TW_RELEASE_WALL_MS, and after wall time stepped back by more than a second until it
// has caught up or the kernel says it is synchronised. NULL: out of memory. Freed with _free.
struct tw_clock *tw_supervise_clock_new(void);
void tw_supervise_clock_free(struct tw_clock *clock);

#endif
