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

void flow_rig_connect(struct flow_rig *rig, unsigned receive_maximum, uint64_t through, uint64_t next)
{
    flow_rig_tick(rig, tw_flow_deadline(rig->flow) > rig->now ? tw_flow_deadline(rig->flow) - rig->now : 0);
    assert_non_null(flow_rig_find(rig, TW_FLOW_CONNECT));
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_CONNECTED,
                                              .receive_maximum = receive_maximum,
                                              .journal = {EPOCH, through, next}});
}

void flow_rig_rows(struct flow_rig *rig, uint64_t first, size_t count)
{
    flow_rig_step(
        rig, (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {EPOCH, rig->question, first + count - 1}});
}

void flow_rig_ack(struct flow_rig *rig, const char *epoch, uint64_t through)
{
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_ACK, .ack = {epoch, through, .head = NULL}});
}

void flow_rig_puback(struct flow_rig *rig, uint64_t sequence, unsigned pass, int reason)
{
    flow_rig_step(
        rig, (struct tw_flow_event){.kind = TW_FLOW_PUBACK, .puback = {sequence, pass, .reason = reason}});
}

void flow_rig_assert_publish(const struct flow_rig *rig, uint64_t from, uint64_t through)
{
    const struct tw_flow_action *action = flow_rig_find(rig, TW_FLOW_PUBLISH);
    assert_non_null(action);
    assert_int_equal(action->from, from);
    assert_int_equal(action->through, through);
}

unsigned flow_rig_pass(const struct flow_rig *rig)
{
    const struct tw_flow_action *action = flow_rig_find(rig, TW_FLOW_PUBLISH);
    assert_non_null(action);
    return action->pass;
}
