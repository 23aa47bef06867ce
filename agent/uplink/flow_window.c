// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/flow.h"

#include <string.h>

#include "agent/uplink/flow_state.h"
#include "agent/uplink/reasons.h"

#define NEVER TW_FLOW_NEVER

void tw_flow_go_back(struct tw_flow *flow, struct tw_flow_actions *out)
{
    flow->pass++;
    flow->next = flow->through + 1;
    flow->have = flow->through;
    flow->reading = false;
    flow->refused = false;
    flow->stands = false;
    flow->hole = 0;
    flow->retry_at = NEVER;
    memset(flow->taken, 0, sizeof flow->taken);
    (void)tw_flow_add(out, TW_FLOW_FLUSH);
}

void tw_flow_believe(struct tw_flow *flow, const struct tw_flow_journal *journal)
{
    if (strcmp(flow->epoch, journal->epoch) != 0) {
        (void)snprintf(flow->epoch, sizeof flow->epoch, "%s", journal->epoch);
        flow->through = flow->told = flow->known = 0;
        flow->suspect = flow->counted = flow->refused_to = 0;
        flow->has_head = false;
    }
    if (journal->through > flow->through) {
        flow->through = journal->through;
    }
    flow->told = journal->through;
    if (journal->next_sequence > 0 && journal->next_sequence - 1 > flow->known) {
        flow->known = journal->next_sequence - 1;
    }
}

void tw_flow_settle_foreign(struct tw_flow *flow)
{
    if (flow->foreign) {
        flow->foreign = false;
        flow->through = 0;
    }
}

// ---- the window ----

uint64_t tw_flow_open_count(const struct tw_flow *flow)
{
    return flow->next - 1 - flow->through;
}

static void progress(struct tw_flow *flow, int64_t now, uint64_t through, struct tw_flow_actions *out)
{
    flow->acknowledged += through - flow->through;
    flow->through = through;
    flow->stands = false;
    if (flow->next <= through) { // acknowledged before it was published again
        flow->next = through + 1;
    }
    if (flow->have < through) {
        flow->have = through;
        flow->reading = false;
        (void)tw_flow_add(out, TW_FLOW_FLUSH);
    }
    flow->probing = flow->suspect > through;
    bool waits = tw_flow_open_count(flow) > 0 || flow->refused; // a refused pass begins again by the clock
    flow->retry_at = waits ? now + TW_FLOW_PATIENCE_MS : NEVER;
    tw_flow_fine(flow, out);
}

void tw_flow_rows(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                  struct tw_flow_actions *out)
{
    (void)now;
    (void)out;
    if (!flow->reading || event->rows.question != flow->question) {
        return; // it answers a question that was withdrawn
    }
    flow->reading = false;
    if (strcmp(event->rows.epoch, flow->epoch) != 0 || event->rows.last <= flow->have) {
        return; // of an epoch that is over: asked again
    }
    flow->have = event->rows.last;
    flow->known = flow->have > flow->known ? flow->have : flow->known;
}

// Broker mode: `through` follows the PUBACKs of this pass as far as they are contiguous.
static void broker_took(struct tw_flow *flow, int64_t now, uint64_t sequence, struct tw_flow_actions *out)
{
    if (sequence <= flow->through || sequence >= flow->next) {
        return;
    }
    flow->taken[sequence % TW_FLOW_WINDOW] = true;
    uint64_t through = flow->through;
    while (through + 1 < flow->next && flow->taken[(through + 1) % TW_FLOW_WINDOW]) {
        through++;
        flow->taken[through % TW_FLOW_WINDOW] = false;
    }
    if (through > flow->through) {
        progress(flow, now, through, out);
    }
}

// Notes that `sequence` was refused for its own sake. One that was refused so often all alone is given up:
// one event that no broker takes must not hold back all the others.
static bool give_up(struct tw_flow *flow, uint64_t sequence, bool alone, int reason,
                    struct tw_flow_actions *out)
{
    if (flow->suspect != sequence) {
        flow->suspect = sequence;
        flow->refusals = 0;
    }
    flow->refusals += alone;
    if (flow->refusals < TW_FLOW_REFUSALS || flow->given_up >= TW_FLOW_GIVE_UPS) {
        return false;
    }
    flow->suspect = 0;
    flow->given_up++;
    flow->takes = 0;
    struct tw_flow_action *action = tw_flow_add(out, TW_FLOW_REFUSE_ROW);
    action->from = sequence;
    action->reason = reason;
    return true;
}

// An event that was taken speaks for the broker, but it takes many to outweigh one that was given up.
static void pay_back(struct tw_flow *flow, uint64_t sequence)
{
    if (flow->given_up == 0 || sequence <= flow->counted) {
        return;
    }
    flow->counted = sequence;
    if (++flow->takes == TW_FLOW_TAKES) {
        flow->takes = 0;
        flow->given_up--;
    }
}

static void alarm_refused(struct tw_flow *flow, uint64_t sequence, int reason, struct tw_flow_actions *out)
{
    bool row = tw_reason_of_publish(reason) == TW_REASON_ROW && flow->given_up < TW_FLOW_GIVE_UPS;
    enum tw_flow_alarm alarm = reason == TW_REASON_NO_SUBSCRIBERS ? TW_FLOW_NO_SUBSCRIBER
                               : row                              ? TW_FLOW_ROW_REFUSED
                                                                  : TW_FLOW_REFUSED;
    tw_flow_alarm(flow, alarm, reason, out);
    out->list[out->count - 1].from = sequence;
}

static void refused(struct tw_flow *flow, int64_t now, uint64_t sequence, int reason,
                    struct tw_flow_actions *out)
{
    bool row = tw_reason_of_publish(reason) == TW_REASON_ROW;
    flow->no_subscriber += reason == TW_REASON_NO_SUBSCRIBERS;
    if (flow->refused) {
        return; // the first refusal of a pass decides
    }
    alarm_refused(flow, sequence, reason, out);
    if (row && give_up(flow, sequence, flow->probing, reason, out)) {
        flow->probing = true; // until the journal has taken it out
        tw_flow_go_back(flow, out);
        return;
    }
    flow->refused = true;
    flow->retry_at = now + TW_FLOW_PATIENCE_MS;
}

void tw_flow_end_refused(struct tw_flow *flow, int reason, struct tw_flow_actions *out)
{
    if (tw_flow_open_count(flow) > 0) {
        bool alone = flow->probing && flow->inflight == 1;
        (void)give_up(flow, alone ? flow->through + 1 : flow->next - 1, alone, reason, out);
    }
}

// A dead letter is not sent again. A centre that lost what it had, and with it the reject, waits for it for
// ever: it says of all up to the event before that it has them, and goes no further. In a new epoch the dead
// letter has no number. An answer that was on its way all this time costs an epoch and nothing else: ids
// stay.
void tw_flow_close_hole(struct tw_flow *flow, struct tw_flow_actions *out)
{
    if (flow->mode == TW_ACK_CENTRAL && flow->stands && flow->hole == flow->through + 1) {
        tw_flow_add(out, TW_FLOW_REFUSE_ROW)->from = flow->hole;
    }
}

void tw_flow_puback(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                    struct tw_flow_actions *out)
{
    uint64_t sequence = event->puback.sequence;
    flow->inflight -= flow->inflight > 0;
    flow->stall_at = flow->inflight > 0 ? now + TW_FLOW_STALL_MS : NEVER;
    if (event->puback.pass != flow->pass) {
        return; // of an earlier pass: what follows it is on its way again
    }
    if (tw_reason_of_publish(event->puback.reason) != TW_REASON_TAKEN) {
        if (sequence > flow->through) {
            refused(flow, now, sequence, event->puback.reason, out);
        }
        return;
    }
    if (event->puback.dead && sequence == flow->through + 1) {
        flow->hole = sequence;
    }
    pay_back(flow, sequence);
    if (sequence == flow->suspect) {
        flow->suspect = 0;
    }
    flow->probing = flow->suspect > sequence;
    if (flow->mode == TW_ACK_BROKER && !flow->refused) {
        broker_took(flow, now, sequence, out);
    }
}

// A centre that names the session has repeated its rejects since this connection was made. Another session's
// word may have overtaken a reject that went down with an earlier connection, and would remove its row: the
// one that answers our state follows.
static bool is_of_us(const struct tw_flow *flow, const struct tw_flow_event *event)
{
    return strcmp(event->ack.epoch, flow->epoch) == 0 &&
           (event->ack.session == NULL || *event->ack.session == flow->session);
}

void tw_flow_ack(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                 struct tw_flow_actions *out)
{
    if (flow->mode == TW_ACK_BROKER || !is_of_us(flow, event)) {
        return;
    }
    flow->stands = event->ack.through == flow->through;
    if (event->ack.through > flow->through) {
        flow->has_head = event->ack.head != NULL;
        memcpy(flow->head, event->ack.head != NULL ? event->ack.head : flow->head, sizeof flow->head);
    }
    if (event->ack.through > flow->known) { // P4: a restored disk image; the journal decides
        flow->foreign = true;
        flow->through = event->ack.through;
        flow->retry_at = NEVER;
        return;
    }
    if (event->ack.through > flow->through) {
        progress(flow, now, event->ack.through, out);
    }
    // The centre lives: no need to wait for the pace, unless it is the broker who will not take one event.
    if (flow->refused && flow->suspect <= flow->through) {
        tw_flow_fine(flow, out);
        tw_flow_go_back(flow, out);
    }
}

void tw_flow_reject(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                    struct tw_flow_actions *out)
{
    (void)now;
    if (flow->mode == TW_ACK_BROKER || strcmp(event->ack.epoch, flow->epoch) != 0 ||
        event->ack.through == 0 || event->ack.through > flow->known) {
        return;
    }
    // A repeated one is told to the journal as well, which knows whether it needs it.
    if (event->ack.through > flow->refused_to) {
        flow->refused_to = event->ack.through;
        flow->rejected++;
    }
    tw_flow_add(out, TW_FLOW_REJECT_ROW)->from = event->ack.through;
}

void tw_flow_journal_settled(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                             struct tw_flow_actions *out)
{
    bool other = strcmp(event->journal.epoch, flow->epoch) != 0;
    if (!other && !flow->foreign && event->journal.through < flow->told) {
        flow->telling = now; // it did not take it: again when patience ends
        return;
    }
    bool anew = other || flow->foreign;
    flow->telling = NEVER;
    tw_flow_settle_foreign(flow);
    tw_flow_believe(flow, &event->journal);
    if (anew && flow->state == TW_FLOW_ONLINE) {
        tw_flow_go_back(flow, out);
        (void)tw_flow_add(out, TW_FLOW_PUBLISH_STATE);
    }
}

void tw_flow_resync(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                    struct tw_flow_actions *out)
{
    (void)now;
    if (event->resync_from < flow->next && !flow->foreign) { // else it is yet to come
        tw_flow_go_back(flow, out);
    }
}

// ---- what follows from the state after every event ----

static void publish_more(struct tw_flow *flow, int64_t now, struct tw_flow_actions *out)
{
    uint64_t most = flow->probing ? 1 : flow->window;
    uint64_t open = tw_flow_open_count(flow);
    uint64_t room = open < most ? most - open : 0;
    uint64_t air = flow->inflight < flow->window ? flow->window - flow->inflight : 0;
    uint64_t ready = flow->have + 1 - flow->next;
    uint64_t count = room < air ? room : air;
    count = count < ready ? count : ready;
    if (count == 0 || flow->refused) {
        return;
    }
    struct tw_flow_action *action = tw_flow_add(out, TW_FLOW_PUBLISH);
    action->from = flow->next;
    action->through = flow->next + count - 1;
    action->pass = flow->pass;
    flow->retry_at = flow->retry_at == NEVER ? now + TW_FLOW_PATIENCE_MS : flow->retry_at;
    flow->stall_at = flow->inflight == 0 ? now + TW_FLOW_STALL_MS : flow->stall_at;
    flow->next += count;
    flow->inflight += (unsigned)count;
    flow->published += count;
}

// Half a window is kept ready, so that the journal reads while the line works.
static void read_more(struct tw_flow *flow, struct tw_flow_actions *out)
{
    if (flow->reading || flow->refused || flow->have + 1 - flow->next > flow->window / 2) {
        return;
    }
    flow->reading = true;
    flow->question++;
    struct tw_flow_action *action = tw_flow_add(out, TW_FLOW_READ);
    action->question = flow->question;
    action->from = flow->have + 1;
    action->count = flow->window;
}

// One at a time: while the journal commits one, the next grows.
static void tell_journal(struct tw_flow *flow, int64_t now, struct tw_flow_actions *out)
{
    if (flow->through > flow->told && flow->telling == NEVER) {
        flow->told = flow->through;
        flow->telling = now;
        struct tw_flow_action *action = tw_flow_add(out, TW_FLOW_ACKNOWLEDGE);
        action->through = flow->through;
        action->head = flow->has_head ? flow->head : NULL;
    }
}

void tw_flow_work(struct tw_flow *flow, int64_t now, struct tw_flow_actions *out)
{
    tell_journal(flow, now, out);
    if (!flow->foreign) {
        read_more(flow, out);
        publish_more(flow, now, out);
    }
}
