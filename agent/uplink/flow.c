// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/flow_state.h"
#include "agent/uplink/reasons.h"

#define NEVER TW_FLOW_NEVER

// ---- actions ----

struct tw_flow_action *tw_flow_add(struct tw_flow_actions *out, enum tw_flow_action_kind kind)
{
    assert(out->count < TW_FLOW_ACTIONS); // a TICK asks for most: nine
    struct tw_flow_action *action = &out->list[out->count++];
    *action = (struct tw_flow_action){.kind = kind};
    return action;
}

void tw_flow_alarm(struct tw_flow *flow, enum tw_flow_alarm alarm, int reason, struct tw_flow_actions *out)
{
    struct tw_flow_action *action = tw_flow_add(out, TW_FLOW_ALARM);
    action->alarm = alarm;
    action->reason = reason;
    flow->alarmed = true;
}

// Two terminals with one id take turns: each is connected half of the time, and nothing is fine. Not every
// broker says so (Mosquitto 2.0.11 just hangs up).
static bool is_unsteady(const struct tw_flow *flow)
{
    return flow->twin || flow->short_lives >= TW_FLOW_SHORT_LIVES;
}

void tw_flow_fine(struct tw_flow *flow, struct tw_flow_actions *out)
{
    if (is_unsteady(flow)) {
        tw_flow_alarm(flow, flow->twin ? TW_FLOW_TWIN : TW_FLOW_SHORT_LIVED, 0, out);
    } else if (flow->alarmed) {
        (void)tw_flow_add(out, TW_FLOW_FINE);
        flow->alarmed = false;
    }
}

// ---- the connection ----

static void disconnect(struct tw_flow *flow, int64_t now)
{
    if (flow->state == TW_FLOW_ONLINE && now - flow->online_since >= TW_FLOW_STEADY_MS) {
        flow->backoff.attempts = 0;
        flow->short_lives = 0;
    }
    flow->state = TW_FLOW_OFFLINE;
    flow->connect_at = now;
    flow->retry_at = flow->stall_at = flow->members_at = flow->renew_at = NEVER;
}

static void go_offline(struct tw_flow *flow, int64_t now)
{
    disconnect(flow, now);
    flow->connect_at = now + tw_backoff_next(&flow->backoff);
}

static void offline_tick(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                         struct tw_flow_actions *out)
{
    (void)event;
    if (now >= flow->connect_at) {
        flow->state = TW_FLOW_CONNECTING;
        flow->connect_at = now + TW_FLOW_CONNECT_MS;
        (void)tw_flow_add(out, TW_FLOW_CONNECT);
    }
}

static void connecting_tick(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                            struct tw_flow_actions *out)
{
    (void)event;
    if (now >= flow->connect_at) {
        (void)tw_flow_add(out, TW_FLOW_DISCONNECT);
        tw_flow_alarm(flow, TW_FLOW_SILENT, 0, out);
        go_offline(flow, now);
    }
}

static void lost(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                 struct tw_flow_actions *out)
{
    bool online = flow->state == TW_FLOW_ONLINE;
    // After a refusal it is no wonder: some hang up then (Mosquitto 2.0.11).
    bool wonder = online && event->reason == 0 && !flow->refused && !flow->probing;
    if (online && event->reason != 0 && tw_reason_of_publish(event->reason) == TW_REASON_ROW) {
        tw_flow_end_refused(flow, event->reason, out);
    }
    disconnect(flow, now);
    if (event->reason != 0 && tw_reason_find(event->reason)->end == TW_REASON_LATER) {
        tw_backoff_exhaust(&flow->backoff);
    }
    flow->connect_at = now + tw_backoff_next(&flow->backoff);
    flow->twin = flow->twin || event->reason == TW_REASON_TAKEN_OVER;
    flow->short_lives += wonder && now - flow->online_since < TW_FLOW_STEADY_MS;
    flow->alarmed = true; // the shell holds the sentence
    if (wonder && is_unsteady(flow)) {
        tw_flow_fine(flow, out);
    }
}

// Differs from those before, also of an earlier process. 52 bits: a JSON number of every reader holds them.
// The multiplier is 2^64 by the golden ratio, which spreads the numbers of connections.
static uint64_t session_of(const struct tw_flow *flow)
{
    return 1 + ((flow->seed + flow->connects * UINT64_C(0x9e3779b97f4a7c15)) >> 12);
}

static void connected(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                      struct tw_flow_actions *out)
{
    unsigned most = event->receive_maximum > 0 ? event->receive_maximum : 1;
    flow->state = TW_FLOW_ONLINE;
    flow->online_since = now;
    flow->connects++;
    flow->session = session_of(flow);
    flow->window = most < TW_FLOW_WINDOW ? most : TW_FLOW_WINDOW;
    flow->inflight = 0;
    flow->stall_at = NEVER;
    tw_flow_settle_foreign(flow);
    tw_flow_believe(flow, &event->journal);
    flow->probing = flow->suspect > flow->through;
    tw_flow_fine(flow, out);
    (void)tw_flow_add(out, TW_FLOW_PUBLISH_STATE);
    tw_flow_add(out, TW_FLOW_ASK_MEMBERS)->from = flow->members_version;
    flow->members_at = flow->members_wanted ? now + TW_FLOW_MEMBERS_MS : NEVER;
    tw_flow_go_back(flow, out);
}

// What is not urgent: each has its own time.
static void online_chores(struct tw_flow *flow, int64_t now, struct tw_flow_actions *out)
{
    if (flow->telling != NEVER && now - flow->telling >= TW_FLOW_PATIENCE_MS) {
        flow->telling = NEVER; // the journal failed, its own status says why: tell it again
        flow->told = 0;
        if (flow->mode == TW_ACK_CENTRAL) { // it may wait for a reject that it could not store
            (void)tw_flow_add(out, TW_FLOW_PUBLISH_STATE);
        }
    }
    if (now >= flow->members_at) {
        tw_flow_add(out, TW_FLOW_ASK_MEMBERS)->from = flow->members_version;
        flow->members_at = flow->members_wanted ? now + TW_FLOW_MEMBERS_MS : NEVER;
    }
    if (is_unsteady(flow) && now - flow->online_since >= TW_FLOW_STEADY_MS) {
        flow->twin = false;
        flow->short_lives = 0;
        tw_flow_fine(flow, out);
    }
}

static void online_tick(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                        struct tw_flow_actions *out)
{
    (void)event;
    if (now >= flow->stall_at) {
        (void)tw_flow_add(out, TW_FLOW_DISCONNECT);
        tw_flow_alarm(flow, TW_FLOW_STALLED, 0, out);
        go_offline(flow, now);
        return;
    }
    if (now >= flow->renew_at) {
        (void)tw_flow_add(out, TW_FLOW_LEAVE);
        disconnect(flow, now);
        return;
    }
    if (now >= flow->retry_at) {
        if (!flow->refused) { // a refusal has raised its own alarm
            tw_flow_alarm(flow, TW_FLOW_NO_ACK, 0, out);
        }
        flow->probing = flow->refused || flow->suspect > flow->through;
        tw_flow_close_hole(flow, out);
        if (flow->mode == TW_ACK_CENTRAL) {
            (void)tw_flow_add(out, TW_FLOW_PUBLISH_STATE); // a centre that lost its own learns where to go on
        }
        tw_flow_go_back(flow, out);
    }
    online_chores(flow, now, out);
}

// All terminals of a store may get their certificates in the same minute: each waits for its own moment.
static void renewed(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                    struct tw_flow_actions *out)
{
    (void)out;
    if (!event->renewed) {
        flow->renew_at = NEVER;
    } else if (flow->renew_at == NEVER) {
        int64_t most = event->renew_ms > 0 ? event->renew_ms : TW_FLOW_RENEW_MS;
        flow->renew_at = now + tw_backoff_draw(&flow->backoff, most);
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
        tw_flow_add(out, TW_FLOW_ASK_MEMBERS)->from = flow->members_version;
        flow->members_at = now + TW_FLOW_MEMBERS_MS;
    } else if (!event->members.wanted) {
        flow->members_at = NEVER;
    }
}

// NULL: of no meaning in this state. A ROWS or PUBACK of a connection that is gone is one of those, and
// new certificate files are read by the next CONNECT anyway.
static tw_flow_handler *const table[TW_FLOW_INPUTS][TW_FLOW_STATES] = {
    // clang-format off
    //                       OFFLINE                  CONNECTING               ONLINE
    [TW_FLOW_TICK]         = {offline_tick,            connecting_tick,         online_tick},
    [TW_FLOW_CONNECTED]    = {NULL,                    connected,               NULL},
    [TW_FLOW_DISCONNECTED] = {NULL,                    lost,                    lost},
    [TW_FLOW_ROWS]         = {NULL,                    NULL,                    tw_flow_rows},
    [TW_FLOW_PUBACK]       = {NULL,                    NULL,                    tw_flow_puback},
    [TW_FLOW_ACK]          = {NULL,                    NULL,                    tw_flow_ack},
    [TW_FLOW_REJECT]       = {NULL,                    NULL,                    tw_flow_reject},
    [TW_FLOW_JOURNAL]      = {tw_flow_journal_settled, tw_flow_journal_settled, tw_flow_journal_settled},
    [TW_FLOW_MEMBERS]      = {members,                 members,                 members},
    [TW_FLOW_RENEWED]      = {NULL,                    NULL,                    renewed},
    [TW_FLOW_RESYNC]       = {NULL,                    NULL,                    tw_flow_resync},
    // clang-format on
};

void tw_flow_step(struct tw_flow *flow, int64_t now_ms, const struct tw_flow_event *event,
                  struct tw_flow_actions *out)
{
    out->count = 0;
    tw_flow_handler *handle = table[event->kind][flow->state];
    if (handle != NULL) {
        handle(flow, now_ms, event, out);
    }
    if (flow->state == TW_FLOW_ONLINE) {
        tw_flow_work(flow, now_ms, out);
    }
}

int64_t tw_flow_deadline(const struct tw_flow *flow)
{
    if (flow->state != TW_FLOW_ONLINE) {
        return flow->connect_at;
    }
    int64_t at = flow->retry_at < flow->stall_at ? flow->retry_at : flow->stall_at;
    at = flow->members_at < at ? flow->members_at : at;
    at = flow->renew_at < at ? flow->renew_at : at;
    int64_t steady = is_unsteady(flow) ? flow->online_since + TW_FLOW_STEADY_MS : NEVER;
    at = steady < at ? steady : at;
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
    flow->seed = seed;
    flow->backoff = (struct tw_backoff){TW_FLOW_BACKOFF_MIN_MS, TW_FLOW_BACKOFF_MAX_MS, seed, 0};
    flow->telling = flow->retry_at = flow->stall_at = flow->members_at = flow->renew_at = NEVER;
    flow->connect_at = 0; // at once
    tw_flow_believe(flow, journal);
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
        .open = online && !flow->foreign ? (unsigned)tw_flow_open_count(flow) : 0,
        .question = online && flow->reading ? flow->question : 0,
        .session = flow->session,
        .published = flow->published,
        .acknowledged = flow->acknowledged,
        .rejected = flow->rejected,
        .reconnects = flow->connects > 0 ? flow->connects - 1 : 0,
        .no_subscriber = flow->no_subscriber,
        .renewing = flow->renew_at != NEVER,
    };
}
