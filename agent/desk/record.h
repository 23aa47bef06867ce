// SPDX-License-Identifier: Apache-2.0
//
// Recordings on their way to those who asked for them (GET /v1/devices/record). A reader that is too slow
// is cut off; the device never waits for it.
//
// Threading: the loop thread. Memory: TW_RECORD_MAX_BYTES a reader. Time: the loop's. Errors: answered as
// problems.
#ifndef TW_AGENT_DESK_RECORD_H
#define TW_AGENT_DESK_RECORD_H

#include "agent/desk/request.h"

#define TW_RECORD_MAX_BYTES (256 * 1024)
#define TW_RECORD_BEAT_MS   15000 // a comment line this often finds out who has gone

// Ends all recordings of the desk, before its servers go.
void tw_record_close_all(struct tw_desk *desk);

#endif
