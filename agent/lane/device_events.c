// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/device_events.h"

#include <stdlib.h>
#include <string.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"

enum { MAX_DETAIL = 512 };

// One event on its way to the journal. The device may be gone when the answer comes: it is found by name.
struct flight {
    struct tw_lane *lane;
    struct tw_post post;
    enum tw_presence_news news;
    unsigned left_out;
    int error;
    char device[33];
};

void tw_device_events_init(struct tw_device_events *events, struct tw_lane *lane,
                           const struct tw_device_config *config, int64_t now_ms)
{
    *events = (struct tw_device_events){.lane = lane, .config = config};
    tw_presence_init(&events->presence, now_ms);
}

// ---- states ----

void tw_device_events_note(struct tw_device_events *events, const struct tw_device *device, int64_t now_ms)
{
    struct tw_metrics *metrics = events->lane->with.metrics;
    const char *name = events->config->name;
    struct tw_device_status status;
    tw_device_status(device, &status);
    tw_metrics_set(metrics, TW_METRIC_DEVICE_UP, name, NULL, status.up ? 1 : 0);
    tw_metrics_set(metrics, TW_METRIC_DEVICE_STALE, name, NULL, status.state == TW_DEVICE_STALE ? 1 : 0);
    bool here = status.state == TW_DEVICE_READY;
    if (events->presence.here && !here) {
        tw_metrics_add(metrics, TW_METRIC_DEVICE_LOSSES, name, tw_device_reason_word(status.reason), 1);
    }
    tw_presence_note(&events->presence, here, now_ms);
    (void)fprintf(stderr, "tillwired: device %s is %s%s%s\n", name, tw_device_state_word(status.state),
                  status.why != NULL ? ": " : "", status.why != NULL ? status.why : "");
}

int64_t tw_device_events_due(const struct tw_device_events *events)
{
    return tw_presence_due(&events->presence);
}

// ---- events ----

static void landed(void *ctx)
{
    struct flight *flight = ctx;
    tw_lane_device_told(flight->lane, flight->device, flight->error == TW_OK, flight->news, flight->left_out);
    free(flight);
}

// On the journal's thread.
static void on_result(void *ctx, const struct tw_journal_result *result)
{
    struct flight *flight = ctx;
    flight->error = result->error;
    tw_loop_hand(flight->lane->with.loop, &flight->post, landed, flight);
}

// What a device says of itself may hold anything; in the event it is plain text.
static void make_plain(const char *from, char *out, size_t cap)
{
    size_t len = 0;
    for (; from[len] != '\0' && len + 1 < cap; len++) {
        out[len] = from[len] >= ' ' && from[len] <= '~' ? from[len] : '?';
    }
    out[len] = '\0';
}

// Of a tap with `forward` the agent knows the relay process only: its printer is known to the relay.
static void explain(const struct tw_device_config *config, const char *why, char out[MAX_DETAIL])
{
    char text[MAX_DETAIL + 128];
    bool relay = strcmp(config->class_name, "tap") == 0 && config->forward != NULL;
    (void)snprintf(text, sizeof text, "%s%s", relay ? "of tillwire-relay, not of the printer: " : "",
                   why != NULL ? why : "no reason is known");
    make_plain(text, out, MAX_DETAIL);
}

static tw_json *text_or_null(const char *text)
{
    return text[0] != '\0' ? tw_json_pack("s", text) : tw_json_pack("n");
}

static void add_event(const struct flight *flight, const struct tw_device_config *config,
                      const struct tw_device_status *status, struct tw_batch *batch)
{
    bool attached = flight->news == TW_PRESENCE_ATTACHED;
    char usb[10] = "";
    char serial[64] = "";
    char detail[MAX_DETAIL] = "";
    if (status->vendor != 0 || status->product != 0) {
        (void)snprintf(usb, sizeof usb, "%04x:%04x", status->vendor, status->product);
    }
    make_plain(status->serial != NULL ? status->serial : "", serial, sizeof serial);
    tw_json *data = tw_json_pack("{s:s, s:s, s:s, s:o, s:o, s:i}", "device", config->name, "class",
                                 config->class_name, "transport", config->transport, "usb", text_or_null(usb),
                                 "usb_serial", text_or_null(serial), "left_out", (int)flight->left_out);
    if (!attached) {
        explain(config, status->why, detail);
        (void)tw_json_set(data, "reason", tw_json_pack("s", tw_device_reason_word(status->reason)));
        (void)tw_json_set(data, "detail", tw_json_pack("s", detail));
    }
    tw_lane_event(batch, attached ? TW_EVENT_DEVICE_ATTACHED : TW_EVENT_DEVICE_LOST, config->name, data);
}

static void submit(struct flight *flight, struct tw_batch *batch)
{
    int rc = tw_journal_submit(flight->lane->with.journal, batch, on_result, flight);
    if (rc != TW_OK) {
        flight->error = rc;
        landed(flight);
    }
}

void tw_device_events_tell(struct tw_device_events *events, const struct tw_device *device, int64_t now_ms)
{
    struct tw_lane *lane = events->lane;
    unsigned left_out = 0;
    enum tw_presence_news news =
        lane->closing ? TW_PRESENCE_NONE : tw_presence_take(&events->presence, now_ms, &left_out);
    if (news == TW_PRESENCE_NONE) {
        return;
    }
    struct flight *flight = calloc(1, sizeof *flight);
    struct tw_batch *batch = tw_batch_new();
    if (flight == NULL || batch == NULL) {
        free(flight);
        tw_batch_free(batch);
        tw_presence_return(&events->presence, news, left_out, now_ms);
        return;
    }
    *flight = (struct flight){.lane = lane, .news = news, .left_out = left_out};
    (void)snprintf(flight->device, sizeof flight->device, "%s", events->config->name);
    struct tw_device_status status;
    tw_device_status(device, &status);
    tw_batch_time(batch, lane->with.clock);
    add_event(flight, events->config, &status, batch);
    submit(flight, batch);
}
