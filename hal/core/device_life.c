// SPDX-License-Identifier: Apache-2.0
//
// A device opens, comes up, falls silent and goes, as the table of life.c says.
#include "hal/core/device_parts.h"
#include "hal/core/registry.h"

enum { CONNECT_MS = 5000 }; // a connection that takes longer is given up

static void tell(const struct tw_device *device)
{
    const char *why = device->state == TW_DEVICE_READY ? NULL : device->why.text;
    device->sink.state(device->sink.ctx, device->config.name, tw_device_is_up(device), why);
}

static void nothing(struct tw_device *device, int64_t now_ms)
{
    (void)device;
    (void)now_ms;
}

static void could_not_open(struct tw_device *device, int outcome, int64_t now_ms)
{
    device->cause = outcome == TW_ERR_NOT_FOUND ? TW_DEVICE_REASON_ABSENT : TW_DEVICE_REASON_REFUSED;
    tw_device_step(device, TW_LIFE_FAILED, now_ms);
}

void tw_device_ask_whether_open(struct tw_device *device, int64_t now_ms)
{
    int outcome = tw_io_connected(device->io, &device->why);
    if (outcome == 0) {
        tw_device_step(device, device->silent ? TW_LIFE_REOPENED : TW_LIFE_OPENED, now_ms);
    } else if (outcome != TW_ERR_AGAIN) {
        could_not_open(device, outcome, now_ms);
    }
}

// It was searched for by its numbers and was not there, and nothing has come since.
static bool is_still_absent(const struct tw_device *device, int64_t now_ms)
{
    return device->config.usb != NULL && device->reason != TW_DEVICE_REASON_NONE &&
           device->cause == TW_DEVICE_REASON_ABSENT && tw_nodes_unchanged(&device->nodes, now_ms);
}

static void open_now(struct tw_device *device, int64_t now_ms)
{
    device->retry_ms = now_ms + CONNECT_MS;
    if (is_still_absent(device, now_ms)) {
        could_not_open(device, TW_ERR_NOT_FOUND, now_ms);
        return;
    }
    tw_nodes_look(&device->nodes, now_ms);
    int outcome = tw_registry_open(&device->config, &device->io, &device->why);
    if (outcome != 0) {
        could_not_open(device, outcome, now_ms);
    } else {
        tw_device_ask_whether_open(device, now_ms);
    }
}

static void stay_down(struct tw_device *device, int64_t now_ms)
{
    tw_io_close(device->io);
    device->io = NULL;
    device->silent = false;
    device->retry_ms = now_ms + tw_life_delay_take(&device->delay);
    if (device->reason == TW_DEVICE_REASON_NONE || device->reason == TW_DEVICE_REASON_SILENT) {
        device->reason = device->cause;
        tell(device);
    }
}

static void give_up(struct tw_device *device, int64_t now_ms)
{
    device->cause = TW_DEVICE_REASON_ABSENT;
    (void)tw_fail(&device->why, TW_ERR_AGAIN,
                  "device %s does not answer; check its %s, it is tried again by itself", device->config.name,
                  device->apart != NULL ? "share and the share's server" : "power and its cable");
    stay_down(device, now_ms);
}

static void remember_facts(struct tw_device *device)
{
    const struct tw_io_facts *facts = &device->io->facts;
    device->vendor = facts->vendor;
    device->product = facts->product;
    (void)snprintf(device->serial, sizeof device->serial, "%s", facts->serial != NULL ? facts->serial : "");
}

// Whether the driver took the device.
static bool start_driver(struct tw_device *device, int64_t now_ms)
{
    device->up_since_ms = now_ms;
    remember_facts(device);
    if (device->driver->ops->opened(device->driver, &device->io->facts, now_ms, &device->why) != 0) {
        device->cause = TW_DEVICE_REASON_REFUSED;
        device->faulty = true;
        return false;
    }
    device->opens++;
    return true;
}

static void be_ready(struct tw_device *device, int64_t now_ms)
{
    (void)now_ms;
    device->silent = false;
    device->why.text[0] = '\0';
    device->reason = TW_DEVICE_REASON_NONE;
    tell(device);
}

static void come_up(struct tw_device *device, int64_t now_ms)
{
    if (start_driver(device, now_ms)) {
        be_ready(device, now_ms);
    }
}

static void come_back(struct tw_device *device, int64_t now_ms)
{
    if (start_driver(device, now_ms) && device->reason != TW_DEVICE_REASON_SILENT) {
        device->reason = TW_DEVICE_REASON_SILENT;
        tell(device);
    }
}

static void stop_driver(struct tw_device *device)
{
    tw_buf_clear(&device->out);
    device->driver->ops->lost(device->driver);
}

static void go_down(struct tw_device *device, int64_t now_ms)
{
    if (now_ms - device->up_since_ms >= TW_LIFE_STEADY_MS) {
        tw_life_delay_start_over(&device->delay);
    }
    stop_driver(device);
    stay_down(device, now_ms);
}

static void open_anew(struct tw_device *device, int64_t now_ms)
{
    device->silent = true;
    stop_driver(device);
    tw_io_close(device->io);
    device->io = NULL;
    open_now(device, now_ms);
}

void tw_device_step(struct tw_device *device, enum tw_life_event event, int64_t now_ms)
{
    static void (*const actions[])(struct tw_device * device, int64_t now_ms) = {
        [TW_LIFE_DO_NOTHING] = nothing,     [TW_LIFE_DO_OPEN] = open_now,
        [TW_LIFE_DO_GIVE_UP] = give_up,     [TW_LIFE_DO_COME_UP] = come_up,
        [TW_LIFE_DO_COME_BACK] = come_back, [TW_LIFE_DO_STAY_DOWN] = stay_down,
        [TW_LIFE_DO_GO_DOWN] = go_down,     [TW_LIFE_DO_OPEN_ANEW] = open_anew,
        [TW_LIFE_DO_BE_READY] = be_ready,
    };
    const struct tw_life_step *made = tw_life_step(device->state, event);
    device->state = made->next;
    actions[made->action](device, now_ms);
}

// ---- silence

static int64_t patience_ms(const struct tw_device *device)
{
    const struct tw_driver *driver = device->driver;
    int64_t own = driver->ops->patience_ms != NULL ? driver->ops->patience_ms(driver) : INT64_MAX;
    int64_t configured = device->config.silence_s > 0 ? (int64_t)device->config.silence_s * 1000 : INT64_MAX;
    return own < configured ? own : configured;
}

int64_t tw_device_silent_at(const struct tw_device *device)
{
    int64_t longest = patience_ms(device);
    int64_t since = device->last_byte_ms > device->up_since_ms ? device->last_byte_ms : device->up_since_ms;
    return longest == INT64_MAX ? INT64_MAX : since + longest;
}

void tw_device_mind_silence(struct tw_device *device, int64_t now_ms)
{
    int64_t longest = patience_ms(device);
    if (now_ms < tw_device_silent_at(device)) {
        return;
    }
    bool configured = device->config.silence_s > 0 && longest == (int64_t)device->config.silence_s * 1000;
    device->cause = TW_DEVICE_REASON_SILENT;
    (void)tw_fail(&device->why, TW_ERR_AGAIN,
                  "device %s is open but has said nothing for %lld s; check its power, its cable and its "
                  "settings%s; it is opened again by itself",
                  device->config.name, (long long)(longest / 1000),
                  configured ? ", or give it a longer `silence_s`" : "");
    tw_device_step(device, TW_LIFE_SILENT, now_ms);
}
