// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/backoff.h"

#define NEVER INT64_MAX

// MQTT 5 section 3.4.2.1, PUBACK reason codes.
enum { NO_MATCHING_SUBSCRIBERS = 0x10, FIRST_ERROR = 0x80 };

struct tw_flow {
    enum tw_ack_mode mode;
    enum tw_flow_state state;
    char epoch[37];

    uint64_t through; // acknowledged by the centre (or broker)
    uint64_t told;    // of which the journal was told
    uint64_t known;   // highest sequence known to exist in the epoch
    bool has_head;
    uint8_t head[32]; // hash of event `through`, where the centre told it
    int64_t telling;  // since when an ACKNOWLEDGE is under way; NEVER: none

    uint64_t next; // first sequence not published in this pass
    uint64_t have; // last sequence read in this pass
    bool reading;  // a READ is under way:
    unsigned question;
    bool foreign; // an acknowledgement is ahead of the journal: wait for what it makes of it
    unsigned pass;
    bool taken[TW_FLOW_WINDOW]; // broker mode: PUBACKs above `through`, by sequence modulo

    unsigned window;   // of this connection
    unsigned inflight; // published in any pass of this connection, no PUBACK yet
    bool refused;      // this pass met a refusing PUBACK: nothing more until retry_at
    bool probing;      // only one event until a PUBACK accepts it
    bool alarmed;
    int64_t retry_at; // end of patience; NEVER: nothing open
    int64_t stall_at; // end of patience with the broker

    struct tw_backoff backoff;
    int64_t connect_at; // offline: when to try; connecting: when to give up
    int64_t online_since;

    uint64_t members_version;
    bool members_wanted;
    int64_t members_at; // next question

    uint64_t published, acknowledged, rejected, connects, no_subscriber;
};

// ---- actions ----

static struct tw_flow_action *add(struct tw_flow_actions *out, enum tw_flow_action_kind kind)
{
    assert(out->count < TW_FLOW_ACTIONS); // CONNECTED asks for most: seven
    struct tw_flow_action *action = &out->list[out->count++];
    *action = (struct tw_flow_action){.kind = kind};
    return action;
}

static void raise_alarm(struct tw_flow *flow, enum tw_flow_alarm alarm, int reason,
                        struct tw_flow_actions *out)
{
    struct tw_flow_action *action = add(out, TW_FLOW_ALARM);
    action->alarm = alarm;
    action->reason = reason;
    flow->alarmed = true;
}

static void all_is_fine(struct tw_flow *flow, struct tw_flow_actions *out)
{
    if (flow->alarmed) {
        (void)add(out, TW_FLOW_FINE);
        flow->alarmed = false;
    }
}

// ---- the connection ----

static void go_offline(struct tw_flow *flow, int64_t now)
{
    if (flow->state == TW_FLOW_ONLINE && now - flow->online_since >= TW_FLOW_STEADY_MS) {
        flow->backoff.attempts = 0;
    }
    flow->state = TW_FLOW_OFFLINE;
    flow->connect_at = now + tw_backoff_next(&flow->backoff);
    flow->retry_at = flow->stall_at = flow->members_at = NEVER;
}

// Begins a pass: everything after `through` is to be published (again).
static void go_back(struct tw_flow *flow, struct tw_flow_actions *out)
{
    flow->pass++;
    flow->next = flow->through + 1;
    flow->have = flow->through;
    flow->reading = false;
    flow->refused = false;
    flow->retry_at = NEVER;
    memset(flow->taken, 0, sizeof flow->taken);
    (void)add(out, TW_FLOW_FLUSH);
}

// The journal is the authority for the epoch and for what exists in it.
static void believe(struct tw_flow *flow, const struct tw_flow_journal *journal)
{
    if (strcmp(flow->epoch, journal->epoch) != 0) {
        (void)snprintf(flow->epoch, sizeof flow->epoch, "%s", journal->epoch);
        flow->through = flow->told = flow->known = 0;
    }
    if (journal->through > flow->through) {
        flow->through = journal->through;
    }
    flow->told = journal->through;
    if (journal->next_sequence > 0 && journal->next_sequence - 1 > flow->known) {
        flow->known = journal->next_sequence - 1;
    }
}

// Forgets an acknowledgement that was ahead of the journal: what the journal says next holds.
static void settle_foreign(struct tw_flow *flow)
{
    if (flow->foreign) {
        flow->foreign = false;
        flow->through = 0;
    }
}

static void offline_tick(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                         struct tw_flow_actions *out)
{
    (void)event;
    if (now >= flow->connect_at) {
        flow->state = TW_FLOW_CONNECTING;
        flow->connect_at = now + TW_FLOW_CONNECT_MS;
        (void)add(out, TW_FLOW_CONNECT);
    }
}

static void connecting_tick(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                            struct tw_flow_actions *out)
{
    (void)event;
    if (now >= flow->connect_at) {
        (void)add(out, TW_FLOW_DISCONNECT);
        raise_alarm(flow, TW_FLOW_SILENT, 0, out);
        go_offline(flow, now);
    }
}

static void lost(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                 struct tw_flow_actions *out)
{
    (void)event;
    (void)out;
    go_offline(flow, now);
    flow->alarmed = true; // the shell holds the sentence
}

static void connected(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                      struct tw_flow_actions *out)
{
    unsigned most = event->receive_maximum > 0 ? event->receive_maximum : 1;
    flow->state = TW_FLOW_ONLINE;
    flow->online_since = now;
    flow->connects++;
    flow->window = most < TW_FLOW_WINDOW ? most : TW_FLOW_WINDOW;
    flow->inflight = 0;
    flow->probing = false;
    flow->stall_at = NEVER;
    settle_foreign(flow);
    believe(flow, &event->journal);
    all_is_fine(flow, out);
    (void)add(out, TW_FLOW_PUBLISH_STATE);
    add(out, TW_FLOW_ASK_MEMBERS)->from = flow->members_version;
    flow->members_at = flow->members_wanted ? now + TW_FLOW_MEMBERS_MS : NEVER;
    go_back(flow, out);
}

// ---- the window ----

static uint64_t open_count(const struct tw_flow *flow)
{
    return flow->next - 1 - flow->through;
}

static void progress(struct tw_flow *flow, int64_t now, uint64_t through, struct tw_flow_actions *out)
{
    flow->acknowledged += through - flow->through;
    flow->through = through;
    if (flow->next <= through) { // acknowledged before it was published again
        flow->next = through + 1;
    }
    if (flow->have < through) {
        flow->have = through;
        flow->reading = false;
        (void)add(out, TW_FLOW_FLUSH);
    }
    flow->probing = false;
    flow->retry_at = open_count(flow) > 0 ? now + TW_FLOW_PATIENCE_MS : NEVER;
    all_is_fine(flow, out);
}

static void online_tick(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                        struct tw_flow_actions *out)
{
    (void)event;
    if (now >= flow->stall_at) {
        (void)add(out, TW_FLOW_DISCONNECT);
        raise_alarm(flow, TW_FLOW_STALLED, 0, out);
        go_offline(flow, now);
        return;
    }
    if (now >= flow->retry_at) {
        if (!flow->refused) { // a refusal has raised its own alarm
            raise_alarm(flow, TW_FLOW_NO_ACK, 0, out);
        }
        flow->probing = flow->refused;
        if (flow->mode == TW_ACK_CENTRAL) {
            (void)add(out, TW_FLOW_PUBLISH_STATE); // a centre that lost its own learns where to go on
        }
        go_back(flow, out);
    }
    if (flow->telling != NEVER && now - flow->telling >= TW_FLOW_PATIENCE_MS) {
        flow->telling = NEVER; // the journal failed, its own status says why: tell it again
        flow->told = 0;
    }
    if (now >= flow->members_at) {
        add(out, TW_FLOW_ASK_MEMBERS)->from = flow->members_version;
        flow->members_at = flow->members_wanted ? now + TW_FLOW_MEMBERS_MS : NEVER;
    }
}

static void rows(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                 struct tw_flow_actions *out)
{
    (void)now;
    (void)out;
    // What answers a question that was withdrawn, or comes from an epoch that is over, is dropped.
    if (!flow->reading || event->rows.question != flow->question ||
        strcmp(event->rows.epoch, flow->epoch) != 0 || event->rows.last <= flow->have) {
        return;
    }
    flow->reading = false;
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

static void puback_refused(struct tw_flow *flow, int64_t now, int reason, struct tw_flow_actions *out)
{
    flow->no_subscriber += reason == NO_MATCHING_SUBSCRIBERS;
    if (!flow->refused) {
        flow->refused = true;
        flow->retry_at = now + TW_FLOW_PATIENCE_MS;
        raise_alarm(flow, reason == NO_MATCHING_SUBSCRIBERS ? TW_FLOW_NO_SUBSCRIBER : TW_FLOW_REFUSED, reason,
                    out);
    }
}

static void puback(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                   struct tw_flow_actions *out)
{
    flow->inflight -= flow->inflight > 0;
    flow->stall_at = flow->inflight > 0 ? now + TW_FLOW_STALL_MS : NEVER;
    if (event->puback.pass != flow->pass) {
        return; // of an earlier pass: what follows it is on its way again
    }
    if (event->puback.reason == NO_MATCHING_SUBSCRIBERS || event->puback.reason >= FIRST_ERROR) {
        if (event->puback.sequence > flow->through) {
            puback_refused(flow, now, event->puback.reason, out);
        }
        return;
    }
    flow->probing = false;
    if (flow->mode == TW_ACK_BROKER && !flow->refused) {
        broker_took(flow, now, event->puback.sequence, out);
    }
}

static void ack(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                struct tw_flow_actions *out)
{
    if (flow->mode == TW_ACK_BROKER || strcmp(event->ack.epoch, flow->epoch) != 0) {
        return;
    }
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
    if (flow->refused) { // the centre lives: no need to wait for the pace
        all_is_fine(flow, out);
        go_back(flow, out);
    }
}

static void reject(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                   struct tw_flow_actions *out)
{
    (void)now;
    if (flow->mode == TW_ACK_BROKER || strcmp(event->ack.epoch, flow->epoch) != 0 ||
        event->ack.through == 0 || event->ack.through > flow->known) {
        return;
    }
    flow->rejected++;
    add(out, TW_FLOW_REJECT_ROW)->from = event->ack.through;
}

static void journal_settled(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                            struct tw_flow_actions *out)
{
    bool other = strcmp(event->journal.epoch, flow->epoch) != 0;
    if (!other && !flow->foreign && event->journal.through < flow->told) {
        flow->telling = now; // it did not take it: again when patience ends
        return;
    }
    bool anew = other || flow->foreign;
    flow->telling = NEVER;
    settle_foreign(flow);
    believe(flow, &event->journal);
    if (anew && flow->state == TW_FLOW_ONLINE) {
        go_back(flow, out);
        (void)add(out, TW_FLOW_PUBLISH_STATE);
    }
}

static void members(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                    struct tw_flow_actions *out)
{
    bool begins = event->members.wanted && !flow->members_wanted;
    flow->members_version = event->members.version;
    flow->members_wanted = event->members.wanted;
    if (flow->state != TW_FLOW_ONLINE) {
        return;
    }
    if (begins) {
        add(out, TW_FLOW_ASK_MEMBERS)->from = flow->members_version;
        flow->members_at = now + TW_FLOW_MEMBERS_MS;
    } else if (!event->members.wanted) {
        flow->members_at = NEVER;
    }
}

// ---- what follows from the state after every event ----

static void publish_more(struct tw_flow *flow, int64_t now, struct tw_flow_actions *out)
{
    uint64_t most = flow->probing ? 1 : flow->window;
    uint64_t open = open_count(flow);
    uint64_t room = open < most ? most - open : 0;
    uint64_t air = flow->inflight < flow->window ? flow->window - flow->inflight : 0;
    uint64_t ready = flow->have + 1 - flow->next;
    uint64_t count = room < air ? room : air;
    count = count < ready ? count : ready;
    if (count == 0 || flow->refused) {
        return;
    }
    struct tw_flow_action *action = add(out, TW_FLOW_PUBLISH);
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
    struct tw_flow_action *action = add(out, TW_FLOW_READ);
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
        struct tw_flow_action *action = add(out, TW_FLOW_ACKNOWLEDGE);
        action->through = flow->through;
        action->head = flow->has_head ? flow->head : NULL;
    }
}

typedef void handler(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                     struct tw_flow_actions *out);

// NULL: of no meaning in this state. A ROWS or PUBACK of a connection that is gone is one of those.
static handler *const table[TW_FLOW_STATES][TW_FLOW_INPUTS] = {
    //                 TICK             CONNECTED  DISCONN. ROWS  PUBACK  ACK   REJECT  JOURNAL MEMBERS
    [TW_FLOW_OFFLINE] = {offline_tick, NULL, NULL, NULL, NULL, NULL, NULL, journal_settled, members},
    [TW_FLOW_CONNECTING] = {connecting_tick, connected, lost, NULL, NULL, NULL, NULL, journal_settled,
                            members},
    [TW_FLOW_ONLINE] = {online_tick, NULL, lost, rows, puback, ack, reject, journal_settled, members},
};

void tw_flow_step(struct tw_flow *flow, int64_t now_ms, const struct tw_flow_event *event,
                  struct tw_flow_actions *out)
{
    out->count = 0;
    handler *handle = table[flow->state][event->kind];
    if (handle != NULL) {
        handle(flow, now_ms, event, out);
    }
    if (flow->state == TW_FLOW_ONLINE) {
        tell_journal(flow, now_ms, out);
        if (!flow->foreign) {
            read_more(flow, out);
            publish_more(flow, now_ms, out);
        }
    }
}

int64_t tw_flow_deadline(const struct tw_flow *flow)
{
    if (flow->state != TW_FLOW_ONLINE) {
        return flow->connect_at;
    }
    int64_t at = flow->retry_at < flow->stall_at ? flow->retry_at : flow->stall_at;
    at = flow->members_at < at ? flow->members_at : at;
    int64_t told = flow->telling == NEVER ? NEVER : flow->telling + TW_FLOW_PATIENCE_MS;
    return told < at ? told : at;
}

struct tw_flow *tw_flow_new(enum tw_ack_mode mode, uint64_t seed, const struct tw_flow_journal *journal)
{
    struct tw_flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL) {
        return NULL;
    }
    flow->mode = mode;
    flow->backoff = (struct tw_backoff){TW_FLOW_BACKOFF_MIN_MS, TW_FLOW_BACKOFF_MAX_MS, seed, 0};
    flow->telling = flow->retry_at = flow->stall_at = flow->members_at = NEVER;
    flow->connect_at = 0; // at once
    believe(flow, journal);
    flow->next = flow->through + 1;
    flow->have = flow->through;
    return flow;
}

void tw_flow_free(struct tw_flow *flow)
{
    free(flow);
}

void tw_flow_view(const struct tw_flow *flow, struct tw_flow_view *out)
{
    bool online = flow->state == TW_FLOW_ONLINE;
    *out = (struct tw_flow_view){
        .state = flow->state,
        .epoch = flow->epoch,
        .through = flow->through,
        .next = flow->next,
        .window = online ? flow->window : 0,
        .open = online && !flow->foreign ? (unsigned)open_count(flow) : 0,
        .question = online && flow->reading ? flow->question : 0,
        .published = flow->published,
        .acknowledged = flow->acknowledged,
        .rejected = flow->rejected,
        .reconnects = flow->connects > 0 ? flow->connects - 1 : 0,
        .no_subscriber = flow->no_subscriber,
    };
}
