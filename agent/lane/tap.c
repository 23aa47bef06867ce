// SPDX-License-Identifier: Apache-2.0
//
// One tap: printer bytes in, committed events out, acknowledgement back. What happens when is decided by
// tap_flow.c; here it is carried out, on the reader, the journal, the device and one timer.
#include <stdlib.h>
#include <string.h>

#include "agent/lane/parts.h"
#include "agent/lane/tap_queue.h"
#include "tillwire/tap_link.h"

#define FRESH_MS 10000 // a card that was held out longer ago: nobody waits to be greeted

struct tw_lane_tap {
    struct tw_lane *lane;
    struct tw_tap_flow *flow;
    struct tw_tap_queue queue; // the flow's
    struct tw_profile *profile;
    struct tw_reader *reader;
    struct tw_lane_device *device;
    struct tw_timer *timer; // the flow's deadline
    int64_t timer_at;
    struct tw_slice bytes; // of the event that is being stepped, likewise:
    struct tw_reader_fact *fact;
    const struct tw_tap_card *card;
    int scan_outcome; // what tw_lane_identify said
    uint64_t start;   // the answer to the HELLO
};

static void step(struct tw_lane_tap *tap, const struct tw_tap_flow_event *event);

static void tell(struct tw_lane_tap *tap, enum tw_tap_flow_input kind)
{
    step(tap, &(struct tw_tap_flow_event){.kind = kind});
}

// ---- committing ----

static void landed(void *ctx)
{
    struct tw_tap_flight *flight = ctx;
    const struct tw_tap_flow_event event = {
        .kind = TW_TAP_FLOW_LANDED,
        .landed = {.error = flight->result.error,
                   .sale = flight->counted != NULL && strcmp(flight->counted, "sale") == 0,
                   .after = flight->after},
    };
    step(flight->tap, &event);
}

// On the journal's thread.
static void on_result(void *ctx, const struct tw_journal_result *result)
{
    struct tw_tap_flight *flight = ctx;
    flight->result = *result;
    tw_loop_hand(flight->tap->lane->with.loop, &flight->post, landed, flight);
}

// What the journal refuses at the door has landed, and with it what comes behind. The last of them may free
// the queue.
static void submit(struct tw_lane_tap *tap, size_t count)
{
    const struct tw_tap_flight *ahead = NULL;
    struct tw_tap_flight *flight = tap->queue.first;
    int rc = TW_OK;
    for (size_t i = 0; i < count; i++) {
        struct tw_tap_flight *next = flight->next;
        flight->tap = tap;
        if (rc == TW_OK) {
            rc = tw_journal_submit(tap->lane->with.journal, tw_tap_queue_take(&tap->queue, flight, ahead),
                                   on_result, flight);
        }
        ahead = flight;
        if (rc != TW_OK) {
            flight->result.error = rc;
            landed(flight);
        }
        flight = next;
    }
}

// ---- carrying out what the flow asks for ----

static void tell_outcome(struct tw_lane_tap *tap, int rc)
{
    tell(tap, rc == TW_OK ? TW_TAP_FLOW_QUEUED : TW_TAP_FLOW_FAILED);
}

static void tell_read_out(struct tw_lane_tap *tap, int rc)
{
    if (rc != TW_OK) {
        tell(tap, TW_TAP_FLOW_FAILED);
    }
    tell(tap, TW_TAP_FLOW_READ_OUT);
}

static void feed(struct tw_lane_tap *tap)
{
    tw_metrics_add(tap->lane->with.metrics, TW_METRIC_TAP_BYTES, tap->queue.name, NULL, tap->bytes.len);
    if (tw_reader_feed(tap->reader, tap->bytes) != TW_OK) {
        tell(tap, TW_TAP_FLOW_FAILED);
    }
}

static void count_masked(struct tw_lane_tap *tap)
{
    if (tap->fact->masked > 0) {
        tw_metrics_add(tap->lane->with.metrics, TW_METRIC_GUARD_MASKED, NULL, NULL, tap->fact->masked);
    }
}

static void act(struct tw_lane_tap *tap, const struct tw_tap_flow_action *action)
{
    switch (action->kind) {
    case TW_TAP_FLOW_FEED:
        feed(tap);
        break;
    case TW_TAP_FLOW_FINISH:
        tell_read_out(tap, tw_reader_close(tap->reader));
        break;
    case TW_TAP_FLOW_PAUSE:
        tell_read_out(tap, tw_reader_idle(tap->reader));
        break;
    case TW_TAP_FLOW_RESTORE:
        tw_reader_restore(tap->reader, action->place.offset, &action->place.state);
        break;
    case TW_TAP_FLOW_START:
        tap->start = action->place.offset;
        break;
    case TW_TAP_FLOW_SKIP:
        count_masked(tap);
        break;
    case TW_TAP_FLOW_QUEUE_FACT:
        count_masked(tap);
        tell_outcome(tap, tw_tap_queue_add(&tap->queue, action, tap->fact));
        break;
    case TW_TAP_FLOW_QUEUE_SCAN:
        tell_outcome(tap, tap->scan_outcome != TW_OK
                              ? tap->scan_outcome // it could not be sealed; the tap still holds it
                              : tw_tap_queue_add_scan(&tap->queue, action, tap->card));
        break;
    case TW_TAP_FLOW_SKIP_SCAN:
        tw_lane_count_scan(tap->lane, tap->queue.name, tap->scan_outcome);
        break;
    case TW_TAP_FLOW_QUEUE_PLACE:
    case TW_TAP_FLOW_QUEUE_RESTARTED:
    case TW_TAP_FLOW_QUEUE_LOST:
    case TW_TAP_FLOW_QUEUE_SCANS_LOST:
        tell_outcome(tap, tw_tap_queue_add(&tap->queue, action, NULL));
        break;
    case TW_TAP_FLOW_REPLACE:
        tell_outcome(tap, tw_tap_queue_replace_first(&tap->queue));
        break;
    case TW_TAP_FLOW_SUBMIT:
        submit(tap, action->count);
        break;
    case TW_TAP_FLOW_SETTLE:
        tw_tap_queue_settle_first(&tap->queue);
        break;
    case TW_TAP_FLOW_ACKNOWLEDGE:
        if (tap->device != NULL) {
            tw_lane_device_acknowledge(tap->device, action->place.offset);
            tw_lane_device_acknowledge_scans(tap->device, action->place.scan);
        }
        break;
    case TW_TAP_FLOW_ACKNOWLEDGE_SCAN:
        if (tap->device != NULL) {
            tw_lane_device_acknowledge_scans(tap->device, action->place.scan);
        }
        break;
    case TW_TAP_FLOW_DROP:
        tw_tap_queue_drop(&tap->queue, action->count);
        break;
    case TW_TAP_FLOW_REOPEN:
        if (tap->device != NULL) {
            tw_lane_device_restart(tap->device);
        }
        break;
    }
}

static void set_timer(struct tw_lane_tap *tap)
{
    int64_t at = tw_tap_flow_deadline(tap->flow);
    if (at != tap->timer_at && at == INT64_MAX) {
        tw_timer_stop(tap->timer);
    } else if (at != tap->timer_at) {
        tw_timer_start(tap->timer, at - tw_loop_now(tap->lane->with.loop));
    }
    tap->timer_at = at;
}

static void step(struct tw_lane_tap *tap, const struct tw_tap_flow_event *event)
{
    struct tw_tap_flow_actions out;
    tw_tap_flow_step(tap->flow, tw_loop_now(tap->lane->with.loop), event, &out);
    for (size_t i = 0; i < out.count; i++) {
        act(tap, &out.list[i]);
    }
    set_timer(tap);
}

// ---- events ----

static void on_timer(void *ctx)
{
    struct tw_lane_tap *tap = ctx;
    tap->timer_at = INT64_MAX; // it is one-shot
    tell(tap, TW_TAP_FLOW_TICK);
}

static void on_fact(void *ctx, struct tw_reader_fact *fact)
{
    struct tw_lane_tap *tap = ctx;
    const struct tw_tap_flow_event event = {
        .kind = TW_TAP_FLOW_FACT,
        .fact = {.end = fact->end,
                 .state = fact->state,
                 .blank = fact->sale == NULL && fact->lines == 0 && fact->reason != TW_UNPARSED_RASTER_ONLY},
    };
    tap->fact = fact;
    step(tap, &event);
    tap->fact = NULL;
}

uint64_t tw_lane_tap_hello(struct tw_lane_tap *tap, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    tap->start = first;
    step(tap, &(struct tw_tap_flow_event){.kind = TW_TAP_FLOW_HELLO, .hello = {boot, first, next}});
    tap->queue.last_us = 0;
    if (memcmp(tap->queue.scan_boot, boot, sizeof tap->queue.scan_boot) != 0) {
        tap->queue.card_us = 0; // by a clock that is gone; on the same one it may all be told again
    }
    return tap->start;
}

// A tap that nobody listened to for hours tells them at once. What was printed before a pause is read out
// before what came after it, and a card identifies somebody for as long as any other.
static void keep_time(struct tw_lane_tap *tap, uint64_t time_us)
{
    struct tw_tap_queue *queue = &tap->queue;
    if (queue->last_us != 0 && time_us >= queue->last_us + UINT64_C(1000) * TW_TAP_FLOW_IDLE_MS) {
        tell(tap, TW_TAP_FLOW_QUIET);
    }
    if (queue->card_us != 0 && time_us > queue->card_us + UINT64_C(1000) * TW_IDENTITY_MS) {
        tw_tap_queue_forget_card(queue);
    }
    queue->last_us = time_us > queue->last_us ? time_us : queue->last_us; // a scan may be told again
}

void tw_lane_tap_bytes(struct tw_lane_tap *tap, uint64_t offset, uint64_t time_us, struct tw_slice bytes)
{
    keep_time(tap, time_us);
    tap->bytes = bytes;
    step(tap, &(struct tw_tap_flow_event){.kind = TW_TAP_FLOW_BYTES, .span = {offset, offset + bytes.len}});
}

void tw_lane_tap_mark(struct tw_lane_tap *tap, uint64_t offset, int mark)
{
    (void)offset;
    if (mark == TW_LINK_CLOSED) {
        tell(tap, TW_TAP_FLOW_CLOSED);
    }
}

void tw_lane_tap_lost(struct tw_lane_tap *tap, uint64_t from, uint64_t to)
{
    step(tap, &(struct tw_tap_flow_event){.kind = TW_TAP_FLOW_LOST, .span = {from, to}});
}

void tw_lane_tap_scan(struct tw_lane_tap *tap, const struct tw_tap_scan *scan)
{
    struct tw_lane_reading reading;
    keep_time(tap, scan->time_us);
    if (tw_reader_is_between(tap->reader)) { // the receipt that ended here is not this customer's
        tell(tap, TW_TAP_FLOW_QUIET);
    }
    tap->scan_outcome =
        scan->code.len > 0 ? tw_lane_identify(tap->lane, scan->code, &reading) : TW_ERR_NOT_FOUND;
    bool loyalty = tap->scan_outcome != TW_ERR_NOT_FOUND && tap->scan_outcome != TW_ERR_REFUSED;
    const struct tw_tap_card card = {.reading = &reading,
                                     .time_us = scan->time_us,
                                     .age_ms = scan->age_ms,
                                     .is_fresh = scan->age_ms < FRESH_MS};
    // cppcheck-suppress autoVariables ; for this step alone
    tap->card = &card;
    step(tap, &(struct tw_tap_flow_event){.kind = TW_TAP_FLOW_SCAN, .scan = {scan->number, loyalty}});
    tap->card = NULL;
    tw_seal_wipe(&reading, sizeof reading);
}

void tw_lane_tap_scans_lost(struct tw_lane_tap *tap, uint64_t from, uint64_t to)
{
    step(tap, &(struct tw_tap_flow_event){.kind = TW_TAP_FLOW_SCANS_LOST, .span = {from, to}});
}

void tw_lane_tap_stop(struct tw_lane_tap *tap)
{
    tell(tap, TW_TAP_FLOW_STOP);
}

// ---- life ----

struct tw_lane_tap *tw_lane_tap_named(const struct tw_lane *lane, const char *device)
{
    for (size_t i = 0; i < lane->tap_count; i++) {
        if (strcmp(lane->taps[i]->queue.name, device) == 0) {
            return lane->taps[i];
        }
    }
    return NULL;
}

static struct tw_tap_place stored_place(const struct tw_lane_tap *tap)
{
    struct tw_journal_tap stored = {0};
    struct tw_tap_place place = {0};
    if (tw_journal_tap(tap->lane->with.journal, tap->queue.name, &stored) == TW_OK && stored.known) {
        memcpy(place.boot, stored.boot, sizeof stored.boot);
        place.offset = stored.offset;
        tw_tap_place_unpack(stored.state, stored.state_len, &place);
    }
    return place;
}

int tw_lane_tap_new(struct tw_lane *lane, const struct tw_device_config *config, const char *config_path,
                    struct tw_lane_tap **out, struct tw_error_text *err)
{
    struct tw_lane_tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "starting tap %s: out of memory", config->name);
    }
    tap->lane = lane;
    tap->queue.lane = lane;
    tap->queue.name = config->name;
    tap->queue.workstation = config->workstation != NULL ? config->workstation : lane->with.config->terminal;
    const struct tw_tap_place place = stored_place(tap);
    tap->flow = tw_tap_flow_new(&place);
    tap->timer = tw_timer_new(lane->with.loop, on_timer, tap);
    tap->timer_at = INT64_MAX;
    int rc = tap->flow != NULL && tap->timer != NULL ? TW_OK : TW_ERR_NOMEM;
    rc = rc != TW_OK ? rc : tw_config_profile(config_path, config->profile, &tap->profile, err);
    const struct tw_reader_options options = {
        .profile = tap->profile, .rules = lane->with.rules, .on_fact = on_fact, .ctx = tap};
    rc = rc != TW_OK ? rc : tw_reader_new(&options, &tap->reader);
    if (rc != TW_OK) {
        tw_lane_tap_free(tap);
        return rc;
    }
    *out = tap;
    return TW_OK;
}

void tw_lane_tap_attach(struct tw_lane_tap *tap, struct tw_lane_device *device)
{
    tap->device = device;
}

void tw_lane_tap_free(struct tw_lane_tap *tap)
{
    tw_tap_queue_clear(&tap->queue);
    tw_timer_close(tap->timer);
    tw_reader_free(tap->reader);
    tw_profile_free(tap->profile);
    tw_tap_flow_free(tap->flow);
    free(tap);
}

uint64_t tw_lane_tap_position(const struct tw_lane_tap *tap)
{
    struct tw_tap_flow_view view;
    tw_tap_flow_view(tap->flow, &view);
    return view.committed.offset;
}
