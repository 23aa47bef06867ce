// SPDX-License-Identifier: Apache-2.0
//
// The uplink's decisions in seeded random histories, against a small model of journal, broker and
// centre (P2, P3, P4, P7): connections, publishes, PUBACKs and acknowledgements are lost or refused, some
// events are never taken, the journal opens new epochs, certificates are renewed, the centre asks again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/flow_rig.h"

#define EVENTS 400
#define IDS    2048 // events and what the journal adds for those it gives up
#define WIRE   4096
#define EPOCHS 256

struct packet {
    enum { PUBLISH, PUBACK, ACK } kind;
    uint64_t sequence;
    unsigned pass;
    int reason;
    unsigned epoch; // EPOCHS: one that never was
    unsigned id;
};

struct model {
    struct flow_rig rig;
    enum tw_ack_mode mode;
    unsigned seed;
    // The journal: what the sequence numbers of its epoch stand for.
    char epochs[EPOCHS][37];
    unsigned epoch;
    unsigned ids[IDS + 1];
    uint64_t through, next;
    unsigned made;
    bool dead[IDS];
    uint64_t read_from; // 0: no question waits
    size_t read_count;
    unsigned question;
    bool busy; // it was told:
    uint64_t told;
    unsigned told_epoch;
    // The centre.
    unsigned centre_epoch;
    uint64_t centre;
    unsigned newest;
    bool got[IDS];
    // The line: what is between agent, broker and centre, in order.
    bool online;
    uint64_t first_pass; // highest sequence of the epoch ever published
    struct packet wire[WIRE];
    size_t head, tail;
};

static unsigned dice(struct model *model, unsigned sides)
{
    return (unsigned)rand_r(&model->seed) % sides;
}

// No broker takes it.
static bool is_poison(unsigned id)
{
    return id % 61 == 60;
}

static void send(struct model *model, struct packet packet)
{
    model->wire[model->tail++ % WIRE] = packet;
    assert_true(model->tail - model->head < WIRE);
}

static struct tw_flow_journal journal_of(const struct model *model)
{
    return (struct tw_flow_journal){model->epochs[model->epoch], model->through, model->next};
}

static bool epoch_is_known(const struct model *model)
{
    struct tw_flow_view view;
    tw_flow_view(model->rig.flow, &view);
    return strcmp(view.epoch, model->epochs[model->epoch]) == 0;
}

// ---- the journal ----

static void append(struct model *model)
{
    assert_true(model->made < IDS);
    model->ids[model->next++] = model->made++;
}

// What is queued is numbered anew, without `without` (0: all of it).
static void renew_epoch(struct model *model, uint64_t without)
{
    uint64_t next = 1;
    for (uint64_t sequence = model->through + 1; sequence < model->next; sequence++) {
        if (sequence != without) {
            model->ids[next++] = model->ids[sequence];
        }
    }
    assert_true(++model->epoch < EPOCHS);
    model->next = next;
    model->through = 0;
    model->first_pass = 0;
}

static void refuse(struct model *model, uint64_t sequence)
{
    if (!epoch_is_known(model) || sequence <= model->through || sequence >= model->next) {
        return;
    }
    assert_true(is_poison(model->ids[sequence])); // P2: nothing else is given up
    model->dead[model->ids[sequence]] = true;
    renew_epoch(model, sequence);
    append(model); // the capture.gap
}

// ---- what the flow decides ----

static void model_publish(struct model *model, const struct tw_flow_action *action)
{
    assert_true(model->online);
    for (uint64_t sequence = action->from; sequence <= action->through; sequence++) {
        if (!epoch_is_known(model)) { // the rows were read before the epoch ended
            send(
                model,
                (struct packet){
                    .kind = PUBLISH, .sequence = sequence, .pass = action->pass, .epoch = EPOCHS, .id = IDS});
            continue;
        }
        assert_true(sequence < model->next);
        assert_true(sequence <= model->first_pass + 1); // P4: first published in order
        model->first_pass = sequence > model->first_pass ? sequence : model->first_pass;
        send(model, (struct packet){.kind = PUBLISH,
                                    .sequence = sequence,
                                    .pass = action->pass,
                                    .epoch = model->epoch,
                                    .id = model->ids[sequence]});
    }
}

static void model_acknowledge(struct model *model, uint64_t through)
{
    assert_false(model->busy && model->told_epoch == model->epoch && epoch_is_known(model));
    if (epoch_is_known(model)) {
        assert_true(model->centre_epoch == model->epoch && through <= model->centre); // P2
    }
    model->busy = true;
    model->told = through;
    model->told_epoch = epoch_is_known(model) ? model->epoch : EPOCHS;
}

static void hang_up(struct model *model)
{
    model->online = false;
    model->head = model->tail;
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
            model_acknowledge(model, action->through);
            break;
        case TW_FLOW_REFUSE_ROW:
            refuse(model, action->from);
            break;
        case TW_FLOW_DISCONNECT:
        case TW_FLOW_LEAVE:
            hang_up(model);
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

// ---- broker and centre ----

// P3, P4: by sequence within the epoch; what an epoch before brought is known by its id.
static void centre_takes(struct model *model, const struct packet *packet)
{
    if (packet->epoch == EPOCHS || packet->epoch < model->centre_epoch) {
        return;
    }
    if (packet->epoch > model->centre_epoch) {
        model->centre_epoch = packet->epoch;
        model->centre = 0;
    }
    if (packet->sequence != model->centre + 1) {
        return;
    }
    model->centre++;
    if (!model->got[packet->id]) {
        assert_true(model->newest == 0 || packet->id > model->newest); // in order, across epochs
        model->newest = packet->id;
        model->got[packet->id] = true;
    }
}

// The broker hands a publish to the centre, or loses it, or refuses it.
static void model_deliver(struct model *model, const struct packet *packet)
{
    unsigned fate = dice(model, 100);
    int reason = fate < 3 ? 0x10 : fate < 5 ? 0x97 : fate < 6 ? 0x87 : 0;
    bool lost = model->mode == TW_ACK_CENTRAL && fate >= 6 && fate < 10;
    if (packet->id < IDS && is_poison(packet->id)) {
        reason = dice(model, 2) == 0 ? 0x95 : 0x99;
        if (dice(model, 3) == 0) { // some brokers hang up
            hang_up(model);
            model_step(model, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED, .reason = 0x95});
            return;
        }
    }
    if (reason == 0 && !lost) {
        centre_takes(model, packet);
    }
    if (dice(model, 50) > 0) { // else the PUBACK is lost with the connection that is about to go
        send(model,
             (struct packet){
                 .kind = PUBACK, .sequence = packet->sequence, .pass = packet->pass, .reason = reason});
    }
    if (model->mode == TW_ACK_CENTRAL && dice(model, 4) == 0) {
        send(model, (struct packet){.kind = ACK,
                                    .sequence = model->centre,
                                    .epoch = dice(model, 5) == 0 ? EPOCHS : model->centre_epoch});
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
        model_step(model,
                   (struct tw_flow_event){.kind = TW_FLOW_PUBACK,
                                          .puback = {packet.sequence, packet.pass, .reason = packet.reason}});
        break;
    case ACK:
        model_step(model,
                   (struct tw_flow_event){.kind = TW_FLOW_ACK,
                                          .ack = {packet.epoch < EPOCHS ? model->epochs[packet.epoch] : OTHER,
                                                  packet.sequence, .head = NULL}});
        break;
    }
}

// ---- the journal's answers ----

static void model_settle(struct model *model)
{
    model->busy = false;
    if (model->told_epoch != model->epoch) {
        return; // of another epoch: ignored
    }
    model->through = model->told > model->through ? model->told : model->through;
    model_step(model, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = journal_of(model)});
}

static void model_answer(struct model *model)
{
    bool known = epoch_is_known(model);
    uint64_t from = known && model->read_from > model->through ? model->read_from : model->through + 1;
    if (from >= model->next) {
        return;
    }
    uint64_t count = model->next - from;
    count = count < model->read_count ? count : model->read_count;
    model->read_from = 0;
    if (!known) { // as link.c does
        model_step(model, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = journal_of(model)});
        return;
    }
    model_step(model, (struct tw_flow_event){
                          .kind = TW_FLOW_ROWS,
                          .rows = {model->epochs[model->epoch], model->question, from + count - 1}});
}

static void model_journal(struct model *model)
{
    if (model->busy && dice(model, 3) == 0) {
        model_settle(model);
    }
    if (model->read_from > 0 && dice(model, 2) == 0) {
        model_answer(model);
    }
}

// ---- chance ----

static void connect_or_not(struct model *model)
{
    static const int reasons[] = {0, 0, 0x88, 0x8e, 0x87};
    model->online = dice(model, 3) > 0;
    model_step(model, model->online ? (struct tw_flow_event){.kind = TW_FLOW_CONNECTED,
                                                             .receive_maximum = 1 + dice(model, 150),
                                                             .journal = journal_of(model)}
                                    : (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED,
                                                             .reason = reasons[dice(model, 5)]});
}

static void misfortune(struct model *model)
{
    if (model->online && dice(model, 300) == 0) { // the connection goes, with all that is on it
        hang_up(model);
        model_step(model, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
    }
    if (dice(model, 4000) == 0 && model->epoch < EPOCHS / 2) { // a damage, say
        renew_epoch(model, 0);
    }
    if (dice(model, 500) == 0) {
        model_step(model, (struct tw_flow_event){
                              .kind = TW_FLOW_RENEWED, .renewed = dice(model, 4) > 0, .renew_ms = 500});
    }
    if (dice(model, 500) == 0 && model->next > model->through + 1 && epoch_is_known(model)) {
        uint64_t from = model->through + 1 + dice(model, (unsigned)(model->next - model->through - 1));
        model_step(model, (struct tw_flow_event){.kind = TW_FLOW_RESYNC, .resync_from = from});
    }
}

static void model_chance(struct model *model)
{
    if (model->made <= EVENTS && dice(model, 3) == 0) {
        for (unsigned i = dice(model, 5); i < 5; i++) {
            append(model);
        }
    }
    misfortune(model);
    model->rig.now += dice(model, 3) == 0 ? dice(model, 20) : 0;
    int64_t deadline = tw_flow_deadline(model->rig.flow);
    if (model->head == model->tail && !model->busy && deadline != INT64_MAX && deadline > model->rig.now) {
        model->rig.now = deadline; // nothing else will happen
    }
    model_step(model, (struct tw_flow_event){.kind = TW_FLOW_TICK});
    if (flow_rig_find(&model->rig, TW_FLOW_CONNECT) != NULL) {
        connect_or_not(model);
    }
}

static struct model *new_model(enum tw_ack_mode mode, unsigned seed)
{
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (unsigned i = 0; i < EPOCHS; i++) {
        (void)snprintf(model->epochs[i], sizeof model->epochs[i], "%08x-2222-4333-8444-555555555555", i);
    }
    (void)snprintf(model->epochs[0], sizeof model->epochs[0], "%s", EPOCH);
    model->mode = mode;
    model->seed = seed;
    model->next = 1;
    flow_rig_begin(&model->rig, mode, 0, 1);
    return model;
}

static void one_history(enum tw_ack_mode mode, unsigned seed)
{
    struct model *model = new_model(mode, seed);
    int step_count = 0;
    while (model->made <= EVENTS || model->through + 1 < model->next) {
        model_chance(model);
        model_wire(model);
        model_journal(model);
        if (++step_count > 2000000) {
            fail_msg("seed %u, mode %d: stuck at %llu of %llu", seed, mode,
                     (unsigned long long)model->through, (unsigned long long)model->next - 1);
        }
    }
    for (unsigned id = 0; id < model->made; id++) { // every one, once, in order; or it is a dead letter
        assert_int_equal(model->dead[id], is_poison(id));
        assert_int_equal(model->got[id], !is_poison(id));
    }
    tw_flow_free(model->rig.flow);
    free(model);
}

// P2, P3, P4, P7: whatever connections, acknowledgements and publishes are lost, all arrive in order.
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
