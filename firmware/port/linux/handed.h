// SPDX-License-Identifier: Apache-2.0
//
// Sockets that were opened for us: systemd keeps the listening ports, so that they outlive this
// process, and hands them over at the start (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, descriptors
// from 3 on). Which is which is told by what they are: a Unix socket is the agent's door, any other
// the till's.
//
// Threading: at start, before any other thread; it changes the environment. Memory: none.
// Time: none. Errors: TW_ERR_INVALID, one sentence.
#ifndef TW_RELAY_HANDED_H
#define TW_RELAY_HANDED_H

#include "tillwire/err.h"

struct tw_handed {
    int tills;  // listener, -1: none
    int agents; // listener, -1: none
};

// Takes what was handed over, if anything was; the descriptors are the caller's and do not block.
int TW_MUST_CHECK tw_handed_take(struct tw_handed *out, struct tw_error_text *err);

#endif
