// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/flow_rig.h"

void flow_rig_begin(struct flow_rig *rig, enum tw_ack_mode mode, uint64_t through, uint64_t next)
{
    struct tw_flow_journal journal = {EPOCH, through, next};
    *rig = (struct flow_rig){.flow = tw_flow_new(mode, 7, &journal), .now = 1000};
    assert_non_null(rig->flow);
}

void flow_rig_step(struct flow_rig *rig, struct tw_flow_event event)
{
    tw_flow_step(rig->flow, rig->now, &event, &rig->out);
    for (size_t i = 0; i < rig->out.count; i++) {
        if (rig->out.list[i].kind == TW_FLOW_READ) {
            rig->question = rig->out.list[i].question;
        }
    }
}

void flow_rig_tick(struct flow_rig *rig, int64_t ms)
{
    rig->now += ms;
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_TICK});
}

const struct tw_flow_action *flow_rig_find(const struct flow_rig *rig, enum tw_flow_action_kind kind)
{
    for (size_t i = 0; i < rig->out.count; i++) {
        if (rig->out.list[i].kind == kind) {
            return &rig->out.list[i];
        }
    }
    return NULL;
}
