// SPDX-License-Identifier: Apache-2.0
//
// The life of a device as data: what is done, and what it is then, in every state at every event; and how
// long to wait before it is looked for again. hal/core/device.c carries it out; hal/README.md shows it.
//
// Threading: pure functions and constant tables. Memory: the caller's struct. Time: monotonic milliseconds
// come in. Errors: none.
#ifndef TW_HAL_LIFE_H
#define TW_HAL_LIFE_H

#include <stdint.h>

#include "tillwire/device.h"

//   symbol, what happened
#define TW_LIFE_EVENTS(X)                                                                                    \
    X(DUE, "due")           /* the time waited for has come */                                               \
    X(OPENED, "opened")     /* it is open */                                                                 \
    X(REOPENED, "reopened") /* it is open again after a silence */                                           \
    X(FAILED, "failed")     /* it could not be opened */                                                     \
    X(FAULT, "fault")       /* it went, or cannot go on */                                                   \
    X(SILENT, "silent")     /* no byte for longer than it may be silent */                                   \
    X(HEARD, "heard")       /* a byte came */

//   symbol, word: what is done about it
#define TW_LIFE_ACTIONS(X)                                                                                   \
    X(NOTHING, "-")           /* nothing */                                                                  \
    X(OPEN, "open")           /* look for it and open it; a connection has 5 s */                            \
    X(GIVE_UP, "give up")     /* the connection took too long: as STAY_DOWN */                               \
    X(COME_UP, "come up")     /* start the driver; say that it is ready */                                   \
    X(COME_BACK, "come back") /* start the driver; say that it is stale, once */                             \
    X(STAY_DOWN, "stay down") /* wait for the next attempt; say that it is lost, once */                     \
    X(GO_DOWN, "go down")     /* stop the driver, close; then as STAY_DOWN */                                \
    X(OPEN_ANEW, "open anew") /* stop the driver, close, and open at once */                                 \
    X(BE_READY, "be ready")   /* say that it is ready */

enum tw_life_event {
#define X(symbol, word) TW_LIFE_##symbol,
    TW_LIFE_EVENTS(X)
#undef X
        TW_LIFE_EVENT_COUNT
};

enum tw_life_action {
#define X(symbol, word) TW_LIFE_DO_##symbol,
    TW_LIFE_ACTIONS(X)
#undef X
        TW_LIFE_ACTION_COUNT
};

struct tw_life_step {
    enum tw_life_action action;
    enum tw_device_state next; // taken before the action
};

const struct tw_life_step *tw_life_step(enum tw_device_state state, enum tw_life_event event);

// ---- when to look for it again

enum {
    TW_LIFE_FIRST_DELAY_MS = 100,
    TW_LIFE_LONGEST_DELAY_MS = 1600, // with the time to open it, a device is back within 2 s of its return
    TW_LIFE_STEADY_MS = 60000,       // up this long, the delays start over
};

struct tw_life_delay {
    uint32_t random;
    int64_t next_ms;
};

void tw_life_delay_init(struct tw_life_delay *delay, uint32_t seed);
void tw_life_delay_start_over(struct tw_life_delay *delay);
// How long to wait now: half to all of a delay that doubles each time, so that the devices of a store do
// not come back in step.
int64_t tw_life_delay_take(struct tw_life_delay *delay);

#endif
