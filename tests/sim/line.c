// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/flow.h"
#include "agent/uplink/shelf.h"
#include "tests/sim/agent.h"
#include "tests/sim/books.h"
#include "tests/sim/broker.h"

struct sim_line {
    enum tw_ack_mode mode;
    struct tw_flow *flow; // NULL: no process
    struct tw_shelf shelf;
    uint64_t life;
    int64_t tick_ms; // when the next tick is planned
    uint64_t ticks;  // that were planned
    bool connected;  // a connection is there or being made
    bool doomed;     // it is to be given up once out of the flow's step
    int mid;
    struct tw_rows *rows; // from the journal, not taken yet
    unsigned question;
    bool settled;
    char epoch[37];      // of the next:
    uint64_t told;       // the highest acknowledgement that was given for it since the process began
    uint64_t told_other; // or for any other epoch
};

static void step(struct sim *sim, const struct tw_flow_event *event);

static struct tw_flow_journal journal_now(const struct sim *sim)
{
    const struct tw_outbox_state *state = sim_agent_state(sim->agent);
    return (struct tw_flow_journal){state->start.epoch, state->start.through, state->next};
}

// ---- actions ----

static void act_publish(struct sim *sim, const struct tw_flow_action *action)
{
    struct sim_line *line = sim->line;
    const struct tw_outbox_state *state = sim_agent_state(sim->agent);
    struct tw_flow_view view;
    uint64_t dead[TW_FLOW_WINDOW];
    size_t dead_count = 0;
    tw_flow_view(line->flow, &view);
    for (uint64_t sequence = action->from; sequence <= action->through; sequence++) {
        const struct tw_journal_payload *payload = NULL;
        enum tw_shelf_found found = tw_shelf_find(&line->shelf, sequence, &payload);
        if (found == TW_SHELF_ABSENT) {
            sim_broken(sim, "P2", "sequence %" PRIu64 " is to be sent and was not read", sequence);
            break;
        }
        if (found == TW_SHELF_DEAD) { // it is settled already; told when the rest is out, as link_act.c does
            sim_books_passed(sim, view.epoch, sequence);
            dead[dead_count++] = sequence;
            continue;
        }
        uint32_t row = sim_books_row(sim, view.epoch, payload);
        if (sequence > tw_outbox_send_limit(state) && strcmp(view.epoch, state->start.epoch) == 0) {
            sim_broken(sim, "P7", "sequence %" PRIu64 " is published beyond the send limit", sequence);
        }
        sim_books_published(sim, row);
        line->mid = line->mid % 65535 + 1;
        tw_shelf_opened(&line->shelf, line->mid, sequence, action->pass);
        sim_broker_publish(sim, row, line->mid);
    }
    for (size_t i = 0; i < dead_count; i++) {
        step(sim, &(struct tw_flow_event){.kind = TW_FLOW_PUBACK,
                                          .puback = {dead[i], action->pass, 0, .dead = true}});
    }
}

static void act_acknowledge(struct sim *sim, const struct tw_flow_action *action)
{
    struct sim_line *line = sim->line;
    struct tw_flow_view view;
    tw_flow_view(line->flow, &view);
    bool given = strcmp(line->epoch, view.epoch) == 0 && action->through <= line->told;
    if (line->mode == TW_ACK_CENTRAL && !given) {
        sim_broken(sim, action->through <= line->told_other ? "P4" : "P2",
                   "%" PRIu64 " of epoch %s was believed to be acknowledged, and nobody said so",
                   action->through, view.epoch);
    }
    sim_agent_acknowledge(sim, view.epoch, action->through, action->head);
}

static void act(struct sim *sim, const struct tw_flow_action *action)
{
    struct sim_line *line = sim->line;
    struct tw_flow_view view;
    switch (action->kind) {
    case TW_FLOW_CONNECT:
        line->connected = true;
        sim_broker_connect(sim);
        break;
    case TW_FLOW_DISCONNECT:
    case TW_FLOW_LEAVE:
        line->doomed = true;
        break;
    case TW_FLOW_PUBLISH_STATE:
        tw_flow_view(line->flow, &view);
        sim_broker_state(sim, sim_agent_state(sim->agent), view.session);
        break;
    case TW_FLOW_FLUSH:
        tw_shelf_flush(&line->shelf);
        break;
    case TW_FLOW_READ:
        sim_agent_read(sim, action->from, action->count, action->question);
        break;
    case TW_FLOW_PUBLISH:
        act_publish(sim, action);
        break;
    case TW_FLOW_ACKNOWLEDGE:
        act_acknowledge(sim, action);
        break;
    case TW_FLOW_REJECT_ROW:
        tw_flow_view(line->flow, &view);
        sim_agent_reject(sim, view.epoch, action->from, false);
        break;
    case TW_FLOW_REFUSE_ROW:
        tw_flow_view(line->flow, &view);
        sim_agent_reject(sim, view.epoch, action->from, true);
        break;
    case TW_FLOW_ALARM:
        sim_say(sim, "the uplink complains: alarm %d, reason 0x%02x", action->alarm,
                (unsigned)action->reason);
        break;
    case TW_FLOW_ASK_MEMBERS:
    case TW_FLOW_FINE:
        break;
    }
}

static void drop(struct sim *sim)
{
    struct sim_line *line = sim->line;
    line->doomed = line->connected = false;
    line->shelf.open_count = 0;
    tw_shelf_flush(&line->shelf);
    sim_broker_disconnect(sim);
    step(sim, &(struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED}); // of no meaning where the flow chose to
}

static void tick(struct sim *sim, const struct sim_note *note)
{
    struct sim_line *line = sim->line;
    if (note->a == line->life && note->b == line->ticks && line->flow != NULL) {
        line->tick_ms = INT64_MAX;
        step(sim, &(struct tw_flow_event){.kind = TW_FLOW_TICK});
    }
}

// The newest that was planned is the one that counts.
static void plan_tick(struct sim *sim)
{
    struct sim_line *line = sim->line;
    int64_t at = tw_flow_deadline(line->flow);
    if (at < line->tick_ms) {
        line->tick_ms = at;
        sim_plan(sim, at - sim->now_ms, tick, (struct sim_note){.a = line->life, .b = ++line->ticks});
    }
}

static void step(struct sim *sim, const struct tw_flow_event *event)
{
    struct tw_flow_actions out;
    struct sim_line *line = sim->line;
    tw_flow_step(line->flow, sim->now_ms, event, &out);
    for (size_t i = 0; i < out.count; i++) {
        act(sim, &out.list[i]);
    }
    if (line->doomed) {
        drop(sim);
    }
    plan_tick(sim);
}

// ---- from the journal ----

static void take_rows(struct sim *sim)
{
    struct sim_line *line = sim->line;
    struct tw_rows *rows = line->rows;
    struct tw_flow_view view;
    tw_flow_view(line->flow, &view);
    line->rows = NULL;
    if (rows->count == 0 || view.state != TW_FLOW_ONLINE || line->question != view.question ||
        strcmp(rows->epoch, view.epoch) != 0) {
        tw_rows_free(rows);
        return;
    }
    uint64_t last = rows->rows[rows->count - 1].sequence;
    if (tw_shelf_put(&line->shelf, rows)) {
        step(sim, &(struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {view.epoch, line->question, last}});
    }
}

static void take_mail(struct sim *sim, const struct sim_note *note)
{
    struct sim_line *line = sim->line;
    if (note->a != line->life || line->flow == NULL) {
        return;
    }
    if (line->settled) {
        line->settled = false;
        step(sim, &(struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = journal_now(sim)});
    }
    if (line->rows != NULL) {
        take_rows(sim);
    }
}

void sim_line_rows(struct sim *sim, struct tw_rows *rows, unsigned question)
{
    struct sim_line *line = sim->line;
    tw_rows_free(line->rows);
    line->rows = rows;
    line->question = question;
    sim_plan(sim, sim_between(sim, 0, 1), take_mail, (struct sim_note){.a = line->life});
}

void sim_line_settled(struct sim *sim)
{
    sim->line->settled = true;
    sim_plan(sim, sim_between(sim, 0, 1), take_mail, (struct sim_note){.a = sim->line->life});
}

void sim_line_resync(struct sim *sim, uint64_t from)
{
    step(sim, &(struct tw_flow_event){.kind = TW_FLOW_RESYNC, .resync_from = from});
}

// ---- from the broker ----

void sim_line_connected(struct sim *sim, unsigned receive_maximum)
{
    sim_say(sim, "connected, receive maximum %u", receive_maximum);
    step(sim, &(struct tw_flow_event){.kind = TW_FLOW_CONNECTED,
                                      .receive_maximum = receive_maximum,
                                      .journal = journal_now(sim)});
}

void sim_line_lost(struct sim *sim)
{
    if (sim->line->flow != NULL && sim->line->connected) {
        sim->line->doomed = true;
        drop(sim);
        plan_tick(sim);
    }
}

void sim_line_puback(struct sim *sim, int mid, int reason)
{
    struct tw_open_publish open;
    if (tw_shelf_closed(&sim->line->shelf, mid, &open)) {
        step(sim, &(struct tw_flow_event){.kind = TW_FLOW_PUBACK,
                                          .puback = {open.sequence, open.pass, .reason = reason}});
    }
}

void sim_line_ack(struct sim *sim, const char *epoch, uint64_t through, const uint8_t *head, uint64_t session)
{
    struct sim_line *line = sim->line;
    struct tw_flow_view view;
    tw_flow_view(line->flow, &view);
    if (strcmp(epoch, view.epoch) == 0) {
        line->told = strcmp(epoch, line->epoch) == 0 && line->told > through ? line->told : through;
        memcpy(line->epoch, epoch, sizeof line->epoch);
    } else if (through > line->told_other) {
        line->told_other = through;
    }
    step(sim, &(struct tw_flow_event){.kind = TW_FLOW_ACK, .ack = {epoch, through, head, &session}});
}

void sim_line_reject(struct sim *sim, const char *epoch, uint64_t sequence)
{
    step(sim, &(struct tw_flow_event){.kind = TW_FLOW_REJECT, .ack = {epoch, sequence, .head = NULL}});
}

// ---- life ----

void sim_line_start(struct sim *sim)
{
    struct sim_line *line = sim->line;
    struct tw_flow_journal journal = journal_now(sim);
    line->flow = sim_have(tw_flow_new(line->mode, sim_roll(sim), &journal));
    line->told = line->told_other = 0;
    line->tick_ms = INT64_MAX;
    plan_tick(sim);
}

void sim_line_stop(struct sim *sim)
{
    struct sim_line *line = sim->line;
    if (line->connected) {
        sim_broker_disconnect(sim);
    }
    line->connected = line->doomed = line->settled = false;
    line->life++;
    line->shelf.open_count = 0;
    tw_shelf_flush(&line->shelf);
    tw_rows_free(line->rows);
    line->rows = NULL;
    tw_flow_free(line->flow);
    line->flow = NULL;
}

enum tw_ack_mode sim_line_mode(const struct sim_line *line)
{
    return line->mode;
}

struct sim_line *sim_line_new(enum tw_ack_mode mode)
{
    struct sim_line *line = sim_have(calloc(1, sizeof *line));
    line->mode = mode;
    return line;
}

void sim_line_free(struct sim_line *line)
{
    if (line != NULL) {
        tw_shelf_flush(&line->shelf);
        tw_rows_free(line->rows);
        tw_flow_free(line->flow);
        free(line);
    }
}
