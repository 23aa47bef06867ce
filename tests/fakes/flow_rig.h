// SPDX-License-Identifier: Apache-2.0
//
// A flow (agent/uplink/flow.h) with a time and the actions of its last step.
//
// Threading: one thread. Memory: the caller frees the flow. Time: its own. Errors: fail the test.
#ifndef TW_FLOW_RIG_H
#define TW_FLOW_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/flow.h"

#define EPOCH "11111111-2222-4333-8444-555555555555"
#define OTHER "99999999-2222-4333-8444-555555555555"

struct flow_rig {
    struct tw_flow *flow;
    int64_t now;
    unsigned question; // of the newest READ
    struct tw_flow_actions out;
};

void flow_rig_begin(struct flow_rig *rig, enum tw_ack_mode mode, uint64_t through, uint64_t next);
void flow_rig_step(struct flow_rig *rig, struct tw_flow_event event);
// Lets `ms` pass.
void flow_rig_tick(struct flow_rig *rig, int64_t ms);
// The first such action of the last step, or NULL.
const struct tw_flow_action *flow_rig_find(const struct flow_rig *rig, enum tw_flow_action_kind kind);

// ---- inputs ----
// Waits for the CONNECT and lets it succeed.
void flow_rig_connect(struct flow_rig *rig, unsigned receive_maximum, uint64_t through, uint64_t next);
// Answers the newest READ with `count` rows of EPOCH.
void flow_rig_rows(struct flow_rig *rig, uint64_t first, size_t count);
void flow_rig_ack(struct flow_rig *rig, const char *epoch, uint64_t through);
void flow_rig_puback(struct flow_rig *rig, uint64_t sequence, unsigned pass, int reason);

// ---- what the last step published ----
void flow_rig_assert_publish(const struct flow_rig *rig, uint64_t from, uint64_t through);
unsigned flow_rig_pass(const struct flow_rig *rig);

#endif
