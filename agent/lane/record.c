// SPDX-License-Identifier: Apache-2.0
//
// Recording a scanner while it is at work: what it sends is overheard, blanked (blank.h) and handed on as
// text. Its scans go their usual way.
#include <stdlib.h>
#include <string.h>

#include "agent/lane/blank.h"
#include "agent/lane/parts.h"
#include "hal/io/recording.h"

struct tw_lane_recording {
    struct tw_lane *lane;
    const struct tw_device_config *config; // as the device is reached
    struct tw_device *device;
    struct tw_blank *blank;
    struct tw_timer *pause;
    tw_lane_recording_fn *fn;
    void *ctx;
    int64_t start_ms;
    bool described, up;
    struct tw_lane_recording *next;
};

static int64_t since_start(const struct tw_lane_recording *recording)
{
    return tw_loop_now(recording->lane->with.loop) - recording->start_ms;
}

static void on_lines(void *ctx, struct tw_slice lines)
{
    const struct tw_lane_recording *recording = ctx;
    recording->fn(recording->ctx, lines);
}

static void on_bytes(void *ctx, struct tw_slice bytes, int64_t monotonic_ms)
{
    struct tw_lane_recording *recording = ctx;
    tw_timer_start(recording->pause, TW_BLANK_PAUSE_MS);
    tw_blank_feed(recording->blank, bytes, monotonic_ms - recording->start_ms, recording->start_ms);
}

static void on_pause(void *ctx)
{
    const struct tw_lane_recording *recording = ctx;
    tw_blank_flush(recording->blank);
}

// What the device is can be said once it is open.
static void tell_up(struct tw_lane_recording *recording, bool up)
{
    struct tw_buf lines = {0};
    struct tw_device_status status;
    if (up == recording->up) {
        return;
    }
    tw_blank_flush(recording->blank);
    recording->up = up;
    tw_device_status(recording->device, &status);
    if (up && status.facts != NULL) {
        tw_blank_describe(recording->blank, status.facts->descriptor);
    }
    if (!recording->described) {
        recording->described = true;
        tw_recording_write_head(recording->config, status.facts, &lines);
    }
    tw_recording_write_up(since_start(recording), up, &lines);
    if (tw_buf_status(&lines) == TW_OK) {
        recording->fn(recording->ctx, tw_buf_slice(&lines));
    }
    tw_buf_free(&lines);
}

static struct tw_lane_recording *find(const struct tw_lane *lane, const struct tw_device_config *config)
{
    struct tw_lane_recording *recording = lane->recordings;
    while (recording != NULL && recording->config != config) {
        recording = recording->next;
    }
    return recording;
}

void tw_lane_record_state(struct tw_lane *lane, const char *device, bool up)
{
    for (struct tw_lane_recording *each = lane->recordings; each != NULL; each = each->next) {
        if (strcmp(each->config->name, device) == 0) {
            tell_up(each, up);
        }
    }
}

// ---- beginning and ending

static int check(const struct tw_lane *lane, const char *name, const struct tw_device_config *config,
                 struct tw_error_text *err)
{
    if (config == NULL) {
        return tw_fail(err, TW_ERR_NOT_FOUND,
                       "no device of this name is configured; tillwire devices lists them");
    }
    if (strcmp(config->class_name, "scanner") != 0) {
        return tw_fail(err, TW_ERR_REFUSED,
                       "%s is a %s: only scanners are recorded, what other devices say is receipts or cards",
                       name, config->class_name);
    }
    if (find(lane, config) != NULL) {
        return tw_fail(
            err, TW_ERR_EXISTS,
            "%s is being recorded already; press Ctrl-C where that was started, or wait for its end", name);
    }
    return TW_OK;
}

static int begin(struct tw_lane_recording *recording)
{
    struct tw_lane *lane = recording->lane;
    recording->start_ms = tw_loop_now(lane->with.loop);
    recording->pause = tw_timer_new(lane->with.loop, on_pause, recording);
    return recording->pause == NULL ? TW_ERR_NOMEM
                                    : tw_blank_new(recording->config, on_lines, recording, &recording->blank);
}

static void free_recording(struct tw_lane_recording *recording)
{
    tw_timer_close(recording->pause);
    tw_blank_free(recording->blank);
    free(recording);
}

int tw_lane_record(struct tw_lane *lane, const char *name, tw_lane_recording_fn *fn, void *ctx,
                   struct tw_lane_recording **out, struct tw_error_text *err)
{
    const struct tw_device_config *config = NULL;
    struct tw_device *device = tw_lane_device_named(lane, name, &config);
    int rc = check(lane, name, config, err);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_lane_recording *recording = calloc(1, sizeof *recording);
    if (recording == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "recording a device: out of memory");
    }
    *recording = (struct tw_lane_recording){
        .lane = lane, .config = config, .device = device, .fn = fn, .ctx = ctx, .next = lane->recordings};
    rc = begin(recording);
    if (rc != TW_OK) {
        free_recording(recording);
        return tw_fail(err, rc, "recording a device: out of memory");
    }
    lane->recordings = recording;
    *out = recording;
    struct tw_device_status status;
    tw_device_status(device, &status);
    tell_up(recording, status.up);
    tw_device_overhear(device, on_bytes, recording);
    return TW_OK;
}

static void stop(struct tw_lane_recording *recording)
{
    tw_device_overhear(recording->device, NULL, NULL);
    free_recording(recording);
}

void tw_lane_record_end(struct tw_lane_recording *recording)
{
    if (recording == NULL) {
        return;
    }
    struct tw_lane_recording **at = &recording->lane->recordings;
    while (*at != recording) {
        at = &(*at)->next;
    }
    *at = recording->next;
    stop(recording);
}

void tw_lane_record_end_all(struct tw_lane *lane)
{
    struct tw_lane_recording *recording = lane->recordings;
    lane->recordings = NULL;
    while (recording != NULL) {
        struct tw_lane_recording *next = recording->next;
        recording->fn(recording->ctx, (struct tw_slice){0});
        stop(recording);
        recording = next;
    }
}
