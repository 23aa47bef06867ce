// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lane/tap_flow_parts.h"

// ---- actions ----

struct tw_tap_flow_action *tw_tap_flow_add(struct tw_tap_flow_actions *out, enum tw_tap_flow_action_kind kind)
{
    assert(out->count < TW_TAP_FLOW_ACTIONS); // HELLO and LANDED ask for most: three
    struct tw_tap_flow_action *action = &out->list[out->count++];
    *action = (struct tw_tap_flow_action){.kind = kind};
    return action;
}

static bool same_boot(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16) == 0;
}

static bool same_place(const struct tw_tap_place *a, const struct tw_tap_place *b)
{
    return same_boot(a->boot, b->boot) && a->offset == b->offset && a->scan == b->scan;
}

struct tw_tap_flow_action *tw_tap_flow_queue(struct tw_tap_flow *flow, enum tw_tap_flow_action_kind kind,
                                             struct tw_tap_flow_actions *out)
{
    struct tw_tap_flow_action *action = tw_tap_flow_add(out, kind);
    action->place = flow->accounted;
    flow->queued = flow->accounted;
    flow->count++;
    return action;
}

static void hear(struct tw_tap_flow *flow, uint64_t offset)
{
    flow->heard = offset > flow->heard ? offset : flow->heard;
}

// The place is where a printer stands that was just switched on.
static void account_to(struct tw_tap_flow *flow, uint64_t offset)
{
    flow->accounted.offset = offset;
    flow->accounted.state = (struct tw_page_state){0};
    flow->fed = offset;
}

static void submit_next(struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    if (flow->count > 0 && flow->flying == 0) {
        size_t most = flow->alone ? 1 : TW_TAP_FLOW_TOGETHER;
        flow->group = flow->flying = flow->count < most ? flow->count : most;
        tw_tap_flow_add(out, TW_TAP_FLOW_SUBMIT)->count = flow->group;
    }
}

static void restore_reader(struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    flow->fed = flow->accounted.offset;
    tw_tap_flow_add(out, TW_TAP_FLOW_RESTORE)->place = flow->accounted;
}

// ---- falling back ----

static void lie_down(struct tw_tap_flow *flow, int64_t now)
{
    flow->state = TW_TAP_FLOW_FALLEN;
    // What was still queued of an earlier boot cannot be read again.
    flow->owes_gap = flow->owes_gap || (!same_boot(flow->committed.boot, flow->boot) &&
                                        !same_place(&flow->committed, &flow->before));
    flow->accounted = flow->committed;
    flow->queued = flow->committed;
    flow->retry_at = now + flow->retry_ms;
    flow->retry_ms =
        2 * flow->retry_ms < TW_TAP_FLOW_RETRY_MAX_MS ? 2 * flow->retry_ms : TW_TAP_FLOW_RETRY_MAX_MS;
}

// Everything not committed is read again from the tap, once the journal has answered all that it holds.
static void fall(struct tw_tap_flow *flow, int64_t now, struct tw_tap_flow_actions *out)
{
    flow->group = flow->flying > 0 ? flow->group : 0;
    flow->count = flow->group;
    flow->idle_at = TW_TAP_FLOW_NEVER;
    tw_tap_flow_add(out, TW_TAP_FLOW_DROP)->count = flow->count;
    if (flow->flying > 0) {
        flow->state = TW_TAP_FLOW_FALLING;
    } else {
        lie_down(flow, now);
    }
}

static void failed(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                   struct tw_tap_flow_actions *out)
{
    (void)event;
    fall(flow, now, out);
}

static void fallen_tick(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                        struct tw_tap_flow_actions *out)
{
    (void)event;
    if (now >= flow->retry_at) {
        flow->retry_at = TW_TAP_FLOW_NEVER;
        (void)tw_tap_flow_add(out, TW_TAP_FLOW_REOPEN);
    }
}

// ---- reading ----

static void quiet(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                  struct tw_tap_flow_actions *out)
{
    (void)now;
    (void)event;
    flow->idle_at = TW_TAP_FLOW_NEVER;
    flow->reading_out = PAUSED;
    (void)tw_tap_flow_add(out, TW_TAP_FLOW_PAUSE);
}

static void reading_tick(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                         struct tw_tap_flow_actions *out)
{
    if (now >= flow->idle_at) {
        quiet(flow, now, event, out);
    }
}

static void bytes(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                  struct tw_tap_flow_actions *out)
{
    if (event->span.from >
        flow->fed) { // acknowledged in an earlier life of the agent, of which nothing is known
        account_to(flow, event->span.from);
        restore_reader(flow, out);
    }
    flow->fed = event->span.to;
    hear(flow, event->span.to);
    flow->idle_at = now + TW_TAP_FLOW_IDLE_MS;
    (void)tw_tap_flow_add(out, TW_TAP_FLOW_FEED);
}

static void till_closed(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                        struct tw_tap_flow_actions *out)
{
    (void)now;
    (void)event;
    flow->reading_out = CLOSED;
    (void)tw_tap_flow_add(out, TW_TAP_FLOW_FINISH);
}

static void lost(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                 struct tw_tap_flow_actions *out)
{
    (void)now;
    if (event->span.to > flow->fed) { // else it was told before, at the tap's HELLO
        flow->reading_out = GIVEN_UP;
        flow->lost_from = event->span.from > flow->fed ? event->span.from : flow->fed;
        flow->lost_to = event->span.to;
        (void)tw_tap_flow_add(out, TW_TAP_FLOW_FINISH);
    }
}

// Blank paper: its place is committed with the next batch, or when the printer is quiet.
static void fact(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                 struct tw_tap_flow_actions *out)
{
    (void)now;
    flow->accounted.offset = event->fact.end;
    flow->accounted.state = event->fact.state;
    if (event->fact.blank) {
        (void)tw_tap_flow_add(out, TW_TAP_FLOW_SKIP);
    } else {
        (void)tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_FACT, out);
    }
}

// ---- the line ----

static void start(struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    tw_tap_flow_add(out, TW_TAP_FLOW_START)->place = flow->accounted;
}

// A boot that was not accounted for yet: a new one, or one of which nothing could be kept so far. It is asked
// for from its beginning: the tap knows what of that was acknowledged, and tells what it had to give up.
static void begin_boot(struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    if (!same_boot(flow->boot, flow->met.boot)) {
        flow->before = flow->queued;
        flow->heard = flow->heard_scan = 0;
    }
    hear(flow, flow->met_end);
    memcpy(flow->boot, flow->met.boot, sizeof flow->boot);
    memcpy(flow->accounted.boot, flow->met.boot, sizeof flow->accounted.boot);
    account_to(flow, 0);
    flow->accounted.scan = 0;
    restore_reader(flow, out);
    start(flow, out);
    if (flow->owes_gap) {
        (void)tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_RESTARTED, out);
    }
}

// The boot that is known: on from the last fact, or from what the tap still has.
static void resume(struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    uint64_t at = flow->accounted.offset;
    hear(flow, flow->met_end);
    uint64_t gone = flow->met.offset > at ? flow->met.offset - at : 0;
    if (gone > 0) {
        account_to(flow, flow->met.offset);
    }
    restore_reader(flow, out);
    start(flow, out);
    if (gone > 0) {
        tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_LOST, out)->bytes = gone;
    }
}

static void meet(struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    if (same_boot(flow->accounted.boot, flow->met.boot)) {
        resume(flow, out);
    } else {
        begin_boot(flow, out);
    }
}

// What the boot before had and did not get accounted for is lost with it.
static void remember_met(struct tw_tap_flow *flow, const struct tw_tap_flow_event *event)
{
    memcpy(flow->met.boot, event->hello.boot, sizeof flow->met.boot);
    flow->met.offset = event->hello.first;
    flow->met_end = event->hello.next > event->hello.first ? event->hello.next : 0; // else it holds nothing
    if (!same_boot(flow->met.boot, flow->boot)) {
        bool known = same_boot(flow->accounted.boot, flow->boot);
        flow->owes_gap = flow->owes_gap || flow->heard > (known ? flow->accounted.offset : 0) ||
                         flow->heard_scan > (known ? flow->accounted.scan : 0);
    }
}

static void reading_hello(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                          struct tw_tap_flow_actions *out)
{
    (void)now;
    remember_met(flow, event);
    if (same_boot(flow->met.boot, flow->boot)) {
        meet(flow, out);
    } else {
        flow->reading_out = MET; // what the boot before left behind comes first
        (void)tw_tap_flow_add(out, TW_TAP_FLOW_FINISH);
    }
}

// What the reader holds is not what follows the committed place: it is forgotten.
static void fallen_hello(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                         struct tw_tap_flow_actions *out)
{
    (void)now;
    flow->state = TW_TAP_FLOW_READING;
    flow->retry_at = TW_TAP_FLOW_NEVER;
    remember_met(flow, event);
    meet(flow, out);
}

// Not before it is known what is kept: nothing is taken, and then the line is opened again.
static void early_hello(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                        struct tw_tap_flow_actions *out)
{
    (void)flow;
    (void)now;
    tw_tap_flow_add(out, TW_TAP_FLOW_START)->place.offset = event->hello.first;
}

// ---- once the reader gave out what it held ----

static void read_out(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                     struct tw_tap_flow_actions *out)
{
    (void)now;
    (void)event;
    enum tw_tap_flow_reason reason = flow->reading_out;
    flow->reading_out = NOTHING;
    if (reason == MET) {
        meet(flow, out);
    } else if (reason == GIVEN_UP) {
        hear(flow, flow->lost_to);
        account_to(flow, flow->lost_to);
        restore_reader(flow, out);
        tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_LOST, out)->bytes = flow->lost_to - flow->lost_from;
    } else if (reason == PAUSED && flow->accounted.offset != flow->queued.offset) {
        (void)tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_PLACE, out);
    }
}

// The reader failed at it: a HELLO is answered, and nothing is taken.
static void read_out_in_vain(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                             struct tw_tap_flow_actions *out)
{
    (void)now;
    (void)event;
    if (flow->reading_out == MET) {
        tw_tap_flow_add(out, TW_TAP_FLOW_START)->place = flow->met;
    }
    flow->reading_out = NOTHING;
}

// ---- commits ----

static void queued(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                   struct tw_tap_flow_actions *out)
{
    (void)now;
    (void)event;
    submit_next(flow, out);
}

static void keep(struct tw_tap_flow *flow, const struct tw_tap_place *after, struct tw_tap_flow_actions *out)
{
    flow->committed = *after;
    flow->retry_ms = TW_TAP_FLOW_RETRY_MS;
    flow->owes_gap = flow->owes_gap && !same_boot(after->boot, flow->boot);
    flow->alone = false;
    flow->count--;
    flow->group--;
    (void)tw_tap_flow_add(out, TW_TAP_FLOW_SETTLE);
}

static void reading_landed(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                           struct tw_tap_flow_actions *out)
{
    int error = event->landed.error;
    bool unkeepable = (error == TW_ERR_TOO_LARGE || error == TW_ERR_INVALID) && event->landed.sale;
    flow->flying--;
    if (unkeepable && flow->group == 1) {
        (void)tw_tap_flow_add(out, TW_TAP_FLOW_REPLACE); // so that the tap gets past it
    } else if (error != TW_OK) {
        flow->alone = unkeepable; // what was submitted with it comes back, too
        fall(flow, now, out);
    } else {
        keep(flow, &event->landed.after, out);
    }
    if (error == TW_OK && flow->flying == 0) {
        if (same_boot(flow->committed.boot, flow->boot)) { // the tap numbers the bytes of each boot anew
            struct tw_tap_flow_action *told = tw_tap_flow_add(out, TW_TAP_FLOW_ACKNOWLEDGE);
            told->place = flow->committed;
            told->place.scan = flow->count == 0 ? flow->accounted.scan : flow->committed.scan;
        }
        submit_next(flow, out);
    }
}

static void falling_landed(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                           struct tw_tap_flow_actions *out)
{
    flow->flying--;
    if (event->landed.error == TW_OK) {
        keep(flow, &event->landed.after, out);
    }
    if (flow->flying == 0) {
        fall(flow, now, out);
    }
}

static void stopped_landed(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                           struct tw_tap_flow_actions *out)
{
    (void)now;
    flow->flying--;
    if (event->landed.error == TW_OK) {
        keep(flow, &event->landed.after, out);
    }
}

static void stop(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                 struct tw_tap_flow_actions *out)
{
    (void)now;
    (void)event;
    (void)out;
    flow->state = TW_TAP_FLOW_STOPPED;
    flow->idle_at = flow->retry_at = TW_TAP_FLOW_NEVER;
}

// ---- the table ----

// NULL: of no meaning in this state.
// clang-format off
static tw_tap_flow_handler *const table[TW_TAP_FLOW_INPUTS][TW_TAP_FLOW_STATES] = {
    //                        READING         FALLING           FALLEN            STOPPED
    [TW_TAP_FLOW_TICK]     = {reading_tick,   NULL,             fallen_tick,      NULL},
    [TW_TAP_FLOW_HELLO]    = {reading_hello,  early_hello,      fallen_hello,     early_hello},
    [TW_TAP_FLOW_BYTES]    = {bytes,          NULL,             NULL,             NULL},
    [TW_TAP_FLOW_CLOSED]   = {till_closed,    NULL,             NULL,             NULL},
    [TW_TAP_FLOW_LOST]     = {lost,           NULL,             NULL,             NULL},
    [TW_TAP_FLOW_QUIET]    = {quiet,          NULL,             NULL,             NULL},
    [TW_TAP_FLOW_SCAN]     = {tw_tap_flow_scan, NULL,           NULL,             NULL},
    [TW_TAP_FLOW_SCANS_LOST] = {tw_tap_flow_scans_lost, NULL,   NULL,             NULL},
    [TW_TAP_FLOW_FACT]     = {fact,           NULL,             NULL,             NULL},
    [TW_TAP_FLOW_READ_OUT] = {read_out,       read_out_in_vain, read_out_in_vain, NULL},
    [TW_TAP_FLOW_QUEUED]   = {queued,         NULL,             NULL,             NULL},
    [TW_TAP_FLOW_LANDED]   = {reading_landed, falling_landed,   NULL,             stopped_landed},
    [TW_TAP_FLOW_FAILED]   = {failed,         failed,           failed,           NULL},
    [TW_TAP_FLOW_STOP]     = {stop,           stop,             stop,             NULL},
};
// clang-format on

void tw_tap_flow_step(struct tw_tap_flow *flow, int64_t now_ms, const struct tw_tap_flow_event *event,
                      struct tw_tap_flow_actions *out)
{
    out->count = 0;
    tw_tap_flow_handler *handle = table[event->kind][flow->state];
    if (handle != NULL) {
        handle(flow, now_ms, event, out);
    }
}

int64_t tw_tap_flow_deadline(const struct tw_tap_flow *flow)
{
    return flow->idle_at < flow->retry_at ? flow->idle_at : flow->retry_at;
}

struct tw_tap_flow *tw_tap_flow_new(const struct tw_tap_place *committed)
{
    struct tw_tap_flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL) {
        return NULL;
    }
    flow->committed = flow->queued = flow->accounted = flow->before = *committed;
    memcpy(flow->boot, committed->boot, sizeof flow->boot);
    flow->fed = flow->heard = committed->offset;
    flow->heard_scan = committed->scan;
    flow->idle_at = flow->retry_at = TW_TAP_FLOW_NEVER;
    flow->retry_ms = TW_TAP_FLOW_RETRY_MS;
    return flow;
}

void tw_tap_flow_free(struct tw_tap_flow *flow)
{
    free(flow);
}

void tw_tap_flow_view(const struct tw_tap_flow *flow, struct tw_tap_flow_view *out)
{
    *out = (struct tw_tap_flow_view){
        .state = flow->state,
        .accounted = flow->accounted,
        .committed = flow->committed,
        .queued = flow->count,
        .flying = flow->flying,
    };
}
