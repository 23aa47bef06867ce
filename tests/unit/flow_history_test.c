// SPDX-License-Identifier: Apache-2.0
//
// The uplink's decisions in seeded random histories, against a small model of journal, broker and
// centre (P2, P3, P4): connections, publishes, PUBACKs and acknowledgements are lost or refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/flow_rig.h"

#define EVENTS 400
#define WIRE   4096

struct packet {
    enum { PUBLISH, PUBACK, ACK } kind;
    uint64_t sequence;
    unsigned pass;
    int reason;
    const char *epoch;
};

struct model {
    struct flow_rig rig;
    enum tw_ack_mode mode;
    unsigned seed;
    uint64_t journal_through, journal_next;
    uint64_t read_from; // 0: no question waits
    size_t read_count;
    unsigned question;
    uint64_t first_pass; // highest sequence ever published
    uint64_t centre;     // the centre's through
    bool online;
    bool journal_busy;
    uint64_t journal_told;
    struct packet wire[WIRE]; // what is between agent, broker and centre, in order
    size_t head, tail;
};

static unsigned dice(struct model *model, unsigned sides)
{
    return (unsigned)rand_r(&model->seed) % sides;
}

static void send(struct model *model, struct packet packet)
{
    model->wire[model->tail++ % WIRE] = packet;
    assert_true(model->tail - model->head < WIRE);
}

static void model_publish(struct model *model, const struct tw_flow_action *action)
{
    assert_true(model->online);
    for (uint64_t sequence = action->from; sequence <= action->through; sequence++) {
        assert_true(sequence < model->journal_next);
        assert_true(sequence <= model->first_pass + 1); // P4: first published in order
        model->first_pass = sequence > model->first_pass ? sequence : model->first_pass;
        send(model, (struct packet){.kind = PUBLISH, .sequence = sequence, .pass = action->pass});
    }
}

static void model_act(struct model *model)
{
    struct tw_flow_actions out = model->rig.out;
    for (size_t i = 0; i < out.count; i++) {
        const struct tw_flow_action *action = &out.list[i];
        switch (action->kind) {
        case TW_FLOW_READ:
            model->read_from = action->from;
            model->read_count = action->count;
            model->question = action->question;
            break;
        case TW_FLOW_PUBLISH:
            model_publish(model, action);
            break;
        case TW_FLOW_ACKNOWLEDGE:
            assert_true(action->through <= model->centre); // P2
            assert_false(model->journal_busy);
            model->journal_busy = true;
            model->journal_told = action->through;
            break;
        case TW_FLOW_DISCONNECT:
            model->online = false;
            model->head = model->tail;
            break;
        default:
            break;
        }
    }
}

static void model_step(struct model *model, struct tw_flow_event event)
{
    flow_rig_step(&model->rig, event);
    model_act(model);
}

// The broker hands a publish to the centre, which applies by sequence, or loses it, or refuses it.
static void model_deliver(struct model *model, const struct packet *packet)
{
    unsigned fate = dice(model, 100);
    int reason = fate < 3 ? 0x10 : fate < 5 ? 0x97 : 0;
    bool lost = model->mode == TW_ACK_CENTRAL && fate >= 5 && fate < 10;
    if (reason == 0 && !lost && packet->sequence == model->centre + 1) {
        model->centre++;
    }
    if (dice(model, 50) > 0) { // else the PUBACK is lost with the connection that is about to go
        send(model,
             (struct packet){
                 .kind = PUBACK, .sequence = packet->sequence, .pass = packet->pass, .reason = reason});
    }
    if (model->mode == TW_ACK_CENTRAL && dice(model, 4) == 0) {
        send(model, (struct packet){.kind = ACK,
                                    .sequence = model->centre,
                                    .epoch = dice(model, 5) == 0 ? OTHER : EPOCH});
    }
}

static void model_wire(struct model *model)
{
    if (model->head == model->tail) {
        return;
    }
    struct packet packet = model->wire[model->head++ % WIRE];
    switch (packet.kind) {
    case PUBLISH:
        model_deliver(model, &packet);
        break;
    case PUBACK:
        model_step(model, (struct tw_flow_event){.kind = TW_FLOW_PUBACK,
                                                 .puback = {packet.sequence, packet.pass, packet.reason}});
        break;
    case ACK:
        model_step(model,
                   (struct tw_flow_event){.kind = TW_FLOW_ACK, .ack = {packet.epoch, packet.sequence, NULL}});
        break;
    }
}

static void model_journal(struct model *model)
{
    if (model->journal_busy && dice(model, 3) == 0) {
        model->journal_busy = false;
        model->journal_through =
            model->journal_told > model->journal_through ? model->journal_told : model->journal_through;
        model_step(model,
                   (struct tw_flow_event){.kind = TW_FLOW_JOURNAL,
                                          .journal = {EPOCH, model->journal_through, model->journal_next}});
    }
    if (model->read_from > 0 && model->read_from < model->journal_next && dice(model, 2) == 0) {
        uint64_t from = model->read_from;
        uint64_t count = model->journal_next - from;
        count = count < model->read_count ? count : model->read_count;
        model->read_from = 0;
        model_step(model, (struct tw_flow_event){.kind = TW_FLOW_ROWS,
                                                 .rows = {EPOCH, model->question, from + count - 1}});
    }
}

static void model_chance(struct model *model, bool calm)
{
    if (model->journal_next <= EVENTS && dice(model, 3) == 0) {
        model->journal_next += 1 + dice(model, 5);
    }
    if (!calm && model->online && dice(model, 300) == 0) { // the connection goes, with all that is on it
        model->online = false;
        model->head = model->tail;
        model_step(model, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
    }
    model->rig.now += dice(model, 3) == 0 ? dice(model, 20) : 0;
    if (model->head == model->tail && !model->journal_busy &&
        tw_flow_deadline(model->rig.flow) != INT64_MAX &&
        tw_flow_deadline(model->rig.flow) > model->rig.now) {
        model->rig.now = tw_flow_deadline(model->rig.flow); // nothing else will happen
    }
    model_step(model, (struct tw_flow_event){.kind = TW_FLOW_TICK});
    if (flow_rig_find(&model->rig, TW_FLOW_CONNECT) != NULL) {
        model->online = dice(model, 3) > 0;
        model_step(model, model->online ? (struct tw_flow_event){.kind = TW_FLOW_CONNECTED,
                                                                 .receive_maximum = 1 + dice(model, 150),
                                                                 .journal = {EPOCH, model->journal_through,
                                                                             model->journal_next}}
                                        : (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
    }
}

static void one_history(enum tw_ack_mode mode, unsigned seed)
{
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->mode = mode;
    model->seed = seed;
    model->journal_next = 1;
    flow_rig_begin(&model->rig, mode, 0, 1);
    int step_count = 0;
    while (model->journal_through < EVENTS || model->journal_through + 1 < model->journal_next) {
        model_chance(model, false);
        model_wire(model);
        model_journal(model);
        if (++step_count > 2000000) {
            fail_msg("seed %u, mode %d: stuck at %llu of %llu", seed, mode,
                     (unsigned long long)model->journal_through, (unsigned long long)model->journal_next - 1);
        }
        assert_true(model->journal_through <= model->centre); // P2: nothing given up before
    }
    assert_int_equal(model->centre, model->journal_next - 1); // every one, once, in order
    tw_flow_free(model->rig.flow);
    free(model);
}

// P2, P3, P4: whatever connections, acknowledgements and publishes are lost, all arrive in order.
static void test_random_histories(void **state)
{
    (void)state;
    const char *given = getenv("TW_SEED");
    unsigned first = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 1;
    unsigned count = given != NULL ? 1 : 300;
    printf("seeds %u to %u (TW_SEED=N plays one)\n", first, first + count - 1);
    for (unsigned seed = first; seed < first + count; seed++) {
        one_history(TW_ACK_CENTRAL, seed);
        one_history(TW_ACK_BROKER, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
