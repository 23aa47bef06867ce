// SPDX-License-Identifier: Apache-2.0
//
// The configured devices on the loop: each device's descriptor is watched, each deadline is a
// timer, and what devices say goes to the lane's taps and scans.
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lane/device_events.h"
#include "agent/lane/heard.h"
#include "agent/lane/parts.h"
#include "agent/lane/poslog.h"
#include "tillwire/hotplug.h"
#include "tillwire/json.h"

struct tw_lane_device {
    struct tw_lane *lane;
    const struct tw_device_config *config;
    struct tw_device *device;
    struct tw_timer *timer;
    struct tw_watch *watch;
    int watched_fd;
    struct tw_device_events events;
    struct tw_heard heard;
};

static int64_t now(const struct tw_lane_device *device)
{
    return tw_loop_now(device->lane->with.loop);
}

static void on_ready(void *ctx, short revents);

// After anything was done with a device its descriptor and deadline may be others.
static void follow(struct tw_lane_device *device)
{
    int fd = tw_device_fd(device->device);
    if (fd != device->watched_fd) {
        tw_watch_close(device->watch);
        device->watch = fd >= 0 ? tw_watch_new(device->lane->with.loop, fd, on_ready, device) : NULL;
        device->watched_fd = device->watch != NULL ? fd : -1;
    }
    if (device->watch != NULL) {
        tw_watch_events(device->watch, tw_device_events(device->device));
    }
    int64_t deadline = tw_device_deadline(device->device);
    int64_t news = tw_device_events_due(&device->events);
    deadline = news < deadline ? news : deadline;
    if (deadline == INT64_MAX) {
        tw_timer_stop(device->timer);
    } else {
        tw_timer_start(device->timer, deadline - now(device));
    }
}

static void on_ready(void *ctx, short revents)
{
    struct tw_lane_device *device = ctx;
    tw_device_ready(device->device, revents, now(device));
    follow(device);
}

static void on_deadline(void *ctx)
{
    struct tw_lane_device *device = ctx;
    tw_device_tick(device->device, now(device));
    tw_device_events_tell(&device->events, device->device, now(device));
    follow(device);
}

void tw_lane_device_acknowledge(struct tw_lane_device *device, uint64_t offset)
{
    tw_device_acknowledge(device->device, offset, now(device));
    follow(device);
}

void tw_lane_device_acknowledge_scans(struct tw_lane_device *device, uint64_t number)
{
    tw_device_acknowledge_scans(device->device, number, now(device));
    follow(device);
}

void tw_lane_device_show(struct tw_lane_device *device, const char *upper, const char *lower)
{
    tw_device_show(device->device, upper, lower, now(device));
    follow(device);
}

void tw_lane_device_file_answer(struct tw_lane_device *device, enum tw_file_answer answer, const char *why)
{
    tw_device_file_answer(device->device, answer, why);
    follow(device);
}

int tw_lane_device_update(struct tw_lane_device *device, struct tw_slice file, struct tw_error_text *err)
{
    int rc = tw_device_update(device->device, file, now(device), err);
    follow(device);
    return rc;
}

void tw_lane_device_restart(struct tw_lane_device *device)
{
    tw_device_restart(device->device, now(device));
    follow(device);
}

// ---- what devices say ----

struct tw_lane_device *tw_lane_device_find(const struct tw_lane *lane, const char *name)
{
    for (size_t i = 0; i < lane->device_count; i++) {
        if (strcmp(lane->devices[i]->config->name, name) == 0) {
            return lane->devices[i];
        }
    }
    return NULL;
}

static void say_scan(void *ctx, const char *name, struct tw_slice code)
{
    struct tw_lane *lane = ctx;
    struct tw_lane_device *device = tw_lane_device_find(lane, name);
    if (device != NULL) {
        tw_heard_scan(&device->heard, code);
    }
    tw_lane_scan(lane, name, device != NULL ? device->config->workstation : NULL, code, NULL, NULL);
}

// A question, which leaves nothing behind.
static bool say_is_loyalty(void *ctx, struct tw_slice code)
{
    const struct tw_lane *lane = ctx;
    struct tw_scan scan;
    tw_scan_read(lane->with.rules, code, &scan);
    bool is_loyalty = scan.kind == TW_SCAN_LOYALTY;
    tw_seal_wipe(&scan, sizeof scan);
    return is_loyalty;
}

static uint64_t say_hello(void *ctx, const char *name, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    return tw_lane_tap_hello(tw_lane_tap_named(ctx, name), boot, first, next);
}

static void say_bytes(void *ctx, const char *name, uint64_t offset, uint64_t time_us, struct tw_slice bytes)
{
    tw_lane_tap_bytes(tw_lane_tap_named(ctx, name), offset, time_us, bytes);
}

static void say_mark(void *ctx, const char *name, uint64_t offset, int mark)
{
    tw_lane_tap_mark(tw_lane_tap_named(ctx, name), offset, mark);
}

static void say_lost(void *ctx, const char *name, uint64_t from, uint64_t to)
{
    tw_lane_tap_lost(tw_lane_tap_named(ctx, name), from, to);
}

static void say_tap_scan(void *ctx, const char *name, const struct tw_tap_scan *scan)
{
    struct tw_lane_device *device = tw_lane_device_find(ctx, name);
    if (device != NULL && scan->code.len > 0) {
        tw_heard_scan(&device->heard, scan->code);
    }
    tw_lane_tap_scan(tw_lane_tap_named(ctx, name), scan);
}

static void say_scans_lost(void *ctx, const char *name, uint64_t from, uint64_t to)
{
    tw_lane_tap_scans_lost(tw_lane_tap_named(ctx, name), from, to);
}

static void say_file_begin(void *ctx, const char *name, const struct tw_device_file *file)
{
    tw_lane_poslog_begin(tw_lane_poslog_named(ctx, name), file);
}

static bool say_file_bytes(void *ctx, const char *name, struct tw_slice bytes)
{
    return tw_lane_poslog_bytes(tw_lane_poslog_named(ctx, name), bytes);
}

static void say_file_end(void *ctx, const char *name, bool whole)
{
    tw_lane_poslog_end(tw_lane_poslog_named(ctx, name), whole);
}

static void say_state(void *ctx, const char *name, bool up, const char *why)
{
    struct tw_lane_device *device = tw_lane_device_find(ctx, name);
    (void)why;
    struct tw_lane_poslog *poslog = tw_lane_poslog_named(ctx, name);
    if (poslog != NULL && !up) {
        tw_lane_poslog_lost(poslog);
    }
    tw_lane_record_state(ctx, name, up);
    if (device != NULL) {
        tw_device_events_note(&device->events, device->device, now(device));
    }
}

struct tw_device *tw_lane_device_named(const struct tw_lane *lane, const char *name,
                                       const struct tw_device_config **config)
{
    const struct tw_lane_device *device = tw_lane_device_find(lane, name);
    if (device == NULL) {
        return NULL;
    }
    *config = device->config;
    return device->device;
}

void tw_lane_device_told(struct tw_lane *lane, const char *name, bool kept, enum tw_presence_news news,
                         unsigned left_out)
{
    struct tw_lane_device *device = tw_lane_device_find(lane, name);
    if (device == NULL) {
        return;
    }
    if (kept) {
        tw_presence_keep(&device->events.presence, news);
    } else {
        tw_presence_return(&device->events.presence, news, left_out, now(device));
    }
    follow(device);
}

// ---- life ----

// The agent reaches a tap that is a process through the relay's socket.
static struct tw_device_config reach(const struct tw_lane *lane, const struct tw_device_config *config,
                                     char path[4096])
{
    struct tw_device_config reached = *config;
    if (strcmp(config->class_name, "tap") == 0 && config->forward != NULL) {
        (void)snprintf(path, 4096, "%s/%s.tap.sock", lane->with.config->run_dir, config->name);
        reached.transport = "unix";
        reached.path = path;
    }
    return reached;
}

static int open_one(struct tw_lane *lane, const struct tw_device_config *config, struct tw_error_text *err)
{
    const struct tw_device_sink sink = {.ctx = lane,
                                        .scan = say_scan,
                                        .tap_hello = say_hello,
                                        .tap_bytes = say_bytes,
                                        .tap_mark = say_mark,
                                        .tap_lost = say_lost,
                                        .tap_scan = say_tap_scan,
                                        .tap_scans_lost = say_scans_lost,
                                        .state = say_state,
                                        .is_loyalty = say_is_loyalty,
                                        .file_begin = say_file_begin,
                                        .file_bytes = say_file_bytes,
                                        .file_end = say_file_end};
    struct tw_lane_device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening device %s: out of memory", config->name);
    }
    device->lane = lane;
    device->config = config;
    device->watched_fd = -1;
    tw_device_events_init(&device->events, lane, config, tw_loop_now(lane->with.loop));
    lane->devices[lane->device_count++] = device;
    device->timer = tw_timer_new(lane->with.loop, on_deadline, device);
    uint8_t seed[4] = {0};
    int rc = device->timer != NULL ? tw_seal_random(lane->with.seal, seed, sizeof seed) : TW_ERR_NOMEM;
    char path[4096];
    const struct tw_device_config reached = reach(lane, config, path);
    uint32_t jitter =
        (uint32_t)seed[0] | (uint32_t)seed[1] << 8 | (uint32_t)seed[2] << 16 | (uint32_t)seed[3] << 24;
    rc = rc != TW_OK ? rc : tw_device_new(&reached, &sink, jitter, &device->device, err);
    if (rc == TW_OK) {
        struct tw_lane_tap *tap = tw_lane_tap_named(lane, config->name);
        if (tap != NULL) {
            tw_lane_tap_attach(tap, device);
        }
        struct tw_lane_poslog *poslog = tw_lane_poslog_named(lane, config->name);
        if (poslog != NULL) {
            tw_lane_poslog_attach(poslog, device);
        }
        rc = config->greeting ? tw_lane_display_add(lane, config, device, err) : TW_OK;
        follow(device);
    }
    return rc;
}

// Whatever came, the devices that are down find out whether it was theirs.
static void on_hotplug(void *ctx, short revents)
{
    struct tw_lane *lane = ctx;
    (void)revents;
    if (!tw_hotplug_take(lane->hotplug)) {
        return;
    }
    for (size_t i = 0; i < lane->device_count; i++) {
        tw_device_hurry(lane->devices[i]->device, now(lane->devices[i]));
        follow(lane->devices[i]);
    }
}

// Without it devices come back all the same, only later.
static void listen_for_devices(struct tw_lane *lane)
{
    bool wanted = false;
    struct tw_error_text err = {0};
    for (size_t i = 0; i < lane->with.config->device_count; i++) {
        const struct tw_device_config *config = &lane->with.config->devices[i];
        wanted = wanted || config->port != NULL || config->usb != NULL;
    }
    if (!wanted) {
        return;
    }
    if (tw_hotplug_new(&lane->hotplug, &err) != TW_OK) {
        (void)fprintf(stderr, "tillwired: %s\n", err.text);
        return;
    }
    lane->hotplug_watch = tw_watch_new(lane->with.loop, tw_hotplug_fd(lane->hotplug), on_hotplug, lane);
    if (lane->hotplug_watch != NULL) {
        tw_watch_events(lane->hotplug_watch, POLLIN);
    }
}

int tw_lane_open_devices(struct tw_lane *lane, struct tw_error_text *err)
{
    const struct tw_config *config = lane->with.config;
    lane->devices = calloc(config->device_count + 1, sizeof(struct tw_lane_device *));
    if (lane->devices == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening devices: out of memory");
    }
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < config->device_count; i++) {
        rc = open_one(lane, &config->devices[i], err);
    }
    if (rc == TW_OK) {
        listen_for_devices(lane);
    }
    return rc;
}

void tw_lane_devices_free(struct tw_lane *lane)
{
    tw_lane_displays_free(lane);
    tw_lane_record_end_all(lane);
    tw_watch_close(lane->hotplug_watch);
    tw_hotplug_free(lane->hotplug);
    lane->hotplug_watch = NULL;
    lane->hotplug = NULL;
    for (size_t i = 0; i < lane->device_count; i++) {
        struct tw_lane_device *device = lane->devices[i];
        struct tw_lane_tap *tap = tw_lane_tap_named(lane, device->config->name);
        if (tap != NULL) {
            tw_lane_tap_attach(tap, NULL);
        }
        struct tw_lane_poslog *poslog = tw_lane_poslog_named(lane, device->config->name);
        if (poslog != NULL) {
            tw_lane_poslog_attach(poslog, NULL);
        }
        tw_watch_close(device->watch);
        tw_timer_close(device->timer);
        tw_device_free(device->device);
        free(device);
    }
    free(lane->devices);
    lane->devices = NULL;
    lane->device_count = 0;
}

static tw_json *describe(const struct tw_lane_device *device, int64_t now_ms)
{
    struct tw_device_status status;
    tw_device_status(device->device, &status);
    tw_json *age = status.last_byte_ms < 0 ? tw_json_pack("n")
                                           : tw_json_pack("I", (now_ms - status.last_byte_ms) / 1000);
    const struct tw_lane_tap *tap = tw_lane_tap_named(device->lane, status.name);
    tw_json *position =
        tap == NULL ? tw_json_pack("n") : tw_json_pack("I", (int64_t)tw_lane_tap_position(tap));
    return tw_json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:s?, s:o, s:o, s:I, s:I, s:i, s:I, s:o, s:o, s:o, s:o}", "name",
        status.name, "class", status.class_name, "transport", device->config->transport, "state",
        tw_device_state_word(status.state), "up", status.up, "why", status.why, "last_byte_s", age,
        "position", position, "bytes", (int64_t)status.bytes, "errors", (int64_t)status.errors, "reopens",
        (int)status.reopens, "reads", (int64_t)device->heard.reads, "last", tw_heard_last(&device->heard),
        "files", tw_lane_poslog_files(tw_lane_poslog_named(device->lane, status.name)), "tap",
        tw_lane_tap_said(device->device), "update", tw_lane_tap_update(device->device));
}

void tw_lane_devices(const struct tw_lane *lane, struct tw_buf *out)
{
    tw_json *list = tw_json_pack("[]");
    for (size_t i = 0; list != NULL && i < lane->device_count; i++) {
        (void)tw_json_append(list, describe(lane->devices[i], tw_loop_now(lane->with.loop)));
    }
    tw_json_dump(list, out);
    tw_json_free(list);
}
