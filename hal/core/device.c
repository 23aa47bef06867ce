// SPDX-License-Identifier: Apache-2.0
#include "tillwire/device.h"

#include <poll.h>
#include <stdlib.h>

#include "hal/core/device_parts.h"
#include "hal/core/registry.h"
#include "hal/core/settings.h"

enum {
    READ_AT_ONCE_BYTES = 64 * 1024,
    READ_BYTES = 8 * 1024,
    OUT_BYTES = 64 * 1024, // more than this waiting means nobody reads there
    STUCK_BYTES = 256,     // a few screens of a display, a quarter of a second at 9600 baud
};

// ---- bytes

static void blame(struct tw_device *device, enum tw_device_reason cause, const char *what)
{
    device->faulty = true;
    device->cause = cause;
    (void)tw_fail(&device->why, TW_ERR_CLOSED, "device %s: %s; it is opened again by itself",
                  device->config.name, what);
}

static void flush(struct tw_device *device)
{
    size_t done = 0;
    while (!device->faulty && done < device->out.len) {
        size_t put = 0;
        int outcome =
            tw_io_write(device->io, tw_slice_make(device->out.ptr + done, device->out.len - done), &put);
        if (outcome == TW_ERR_AGAIN) {
            break;
        }
        if (outcome != 0) {
            blame(device, tw_device_has_node(device) ? TW_DEVICE_REASON_UNPLUGGED : TW_DEVICE_REASON_CLOSED,
                  "the line was closed while writing");
        }
        done += put;
    }
    if (done > 0) {
        memmove(device->out.ptr, device->out.ptr + done, device->out.len - done);
        device->out.len -= done;
    }
}

static void queue(void *ctx, struct tw_slice bytes)
{
    struct tw_device *device = ctx;
    tw_buf_add(&device->out, bytes.ptr, bytes.len);
    if (device->out.failed || device->out.len > OUT_BYTES) {
        blame(device, TW_DEVICE_REASON_FAULTY, "it does not read what it is sent");
    }
}

static void settle(struct tw_device *device, int64_t now_ms)
{
    if (tw_device_is_up(device) && !device->faulty) {
        flush(device);
    }
    if (device->faulty) {
        device->faulty = false;
        tw_device_step(device, TW_LIFE_FAULT, now_ms);
    }
}

// A driver that cannot go on: a newer protocol is another device than the one configured.
static void note_outcome(struct tw_device *device, int outcome)
{
    if (outcome != 0) {
        device->faulty = true;
        device->cause = outcome == TW_ERR_VERSION ? TW_DEVICE_REASON_REFUSED : TW_DEVICE_REASON_FAULTY;
    }
}

static void take(struct tw_device *device, struct tw_slice bytes, int64_t now_ms)
{
    device->bytes += bytes.len;
    device->last_byte_ms = now_ms;
    tw_device_step(device, TW_LIFE_HEARD, now_ms);
    if (device->overhear != NULL) {
        device->overhear(device->overhear_ctx, bytes, now_ms);
    }
    note_outcome(device, device->driver->ops->feed(device->driver, bytes, now_ms, &device->why));
}

static void blame_line(struct tw_device *device, int outcome)
{
    if (device->io->why != NULL) {
        blame(device, TW_DEVICE_REASON_CLOSED, device->io->why);
    } else if (outcome != TW_ERR_CLOSED) {
        blame(device, TW_DEVICE_REASON_FAULTY, "read failed");
    } else if (tw_device_has_node(device)) {
        blame(device, TW_DEVICE_REASON_UNPLUGGED, "unplugged");
    } else {
        blame(device, TW_DEVICE_REASON_CLOSED, "closed by the other side");
    }
}

// Whether the line was found empty.
static bool drain(struct tw_device *device, int64_t now_ms)
{
    uint8_t bytes[READ_BYTES];
    size_t total = 0;
    bool empty = false;
    while (!empty && !device->faulty && total < READ_AT_ONCE_BYTES) {
        size_t got = 0;
        int outcome = tw_io_read(device->io, bytes, sizeof bytes, &got);
        empty = outcome == TW_ERR_AGAIN;
        if (outcome == 0) {
            take(device, tw_slice_make(bytes, got), now_ms);
            total += got;
        } else if (!empty) {
            blame_line(device, outcome);
        }
    }
    explicit_bzero(bytes, total < sizeof bytes ? total : sizeof bytes); // may be card data (P6)
    return empty;
}

// ---- the public side

void tw_device_ready(struct tw_device *device, short revents, int64_t monotonic_ms)
{
    if (device->state == TW_DEVICE_OPEN) {
        tw_device_ask_whether_open(device, monotonic_ms);
        settle(device, monotonic_ms);
        return;
    }
    if (!tw_device_is_up(device)) {
        return;
    }
    bool gone = (revents & (POLLHUP | POLLERR)) != 0;
    if ((gone || (revents & POLLIN) != 0) && drain(device, monotonic_ms) && gone) {
        blame_line(device, TW_ERR_CLOSED); // even if reading does not say so, or it would be read for ever
    }
    settle(device, monotonic_ms);
}

// Silence counts only after the line was found empty: the loop may have been late, not the bytes.
static void tick_open(struct tw_device *device, int64_t now_ms)
{
    (void)drain(device, now_ms);
    if (!device->faulty) {
        note_outcome(device, device->driver->ops->tick(device->driver, now_ms, &device->why));
    }
    if (!device->faulty) {
        tw_device_mind_silence(device, now_ms);
    }
}

void tw_device_tick(struct tw_device *device, int64_t monotonic_ms)
{
    if (monotonic_ms >= tw_device_deadline(device)) {
        if (tw_device_is_up(device)) {
            tick_open(device, monotonic_ms);
        } else {
            tw_device_step(device, TW_LIFE_DUE, monotonic_ms);
        }
    }
    settle(device, monotonic_ms);
}

int64_t tw_device_deadline(const struct tw_device *device)
{
    if (device->state == TW_DEVICE_PROBE) {
        return 0; // at once
    }
    if (!tw_device_is_up(device)) {
        return device->retry_ms;
    }
    int64_t tick = device->driver->ops->deadline(device->driver);
    int64_t silence = tw_device_silent_at(device);
    return tick < silence ? tick : silence;
}

void tw_device_acknowledge(struct tw_device *device, uint64_t offset, int64_t monotonic_ms)
{
    device->driver->ops->acknowledge(device->driver, offset, monotonic_ms);
    if (tw_device_is_up(device) && !device->faulty) {
        flush(device); // a fault waits for the next call: this one may come from inside the sink
    }
}

void tw_device_acknowledge_scans(struct tw_device *device, uint64_t number, int64_t monotonic_ms)
{
    if (device->driver->ops->acknowledge_scans != NULL) {
        device->driver->ops->acknowledge_scans(device->driver, number, monotonic_ms);
    }
    if (tw_device_is_up(device) && !device->faulty) {
        flush(device); // as above
    }
}

const struct tw_tap_report *tw_device_tap(const struct tw_device *device)
{
    return device->driver->ops->report != NULL ? device->driver->ops->report(device->driver) : NULL;
}

int tw_device_update(struct tw_device *device, struct tw_slice file, int64_t monotonic_ms,
                     struct tw_error_text *err)
{
    if (device->driver->ops->update == NULL) {
        return tw_fail(err, TW_ERR_REFUSED, "%s is a %s; only taps that are boards are updated like this",
                       device->config.name, device->config.class_name);
    }
    return device->driver->ops->update(device->driver, file, monotonic_ms, err);
}

void tw_device_show(struct tw_device *device, const char *upper, const char *lower, int64_t monotonic_ms)
{
    if (device->driver->ops->show == NULL) {
        return;
    }
    if (tw_device_is_up(device) && device->out.len + tw_io_unsent(device->io) > STUCK_BYTES) {
        blame(device, TW_DEVICE_REASON_FAULTY, "it does not take what it is sent");
    }
    device->driver->ops->show(device->driver, upper, lower);
    settle(device, monotonic_ms);
}

void tw_device_file_answer(struct tw_device *device, enum tw_file_answer answer, const char *why)
{
    if (device->driver->ops->answer != NULL && tw_device_is_up(device)) {
        device->driver->ops->answer(device->driver, answer, why);
        if (!device->faulty) {
            flush(device); // a fault waits for the next call, as above
        }
    }
}

void tw_device_restart(struct tw_device *device, int64_t monotonic_ms)
{
    if (tw_device_is_up(device)) {
        blame(device, TW_DEVICE_REASON_RESTARTED, "what it sent could not be kept yet");
        settle(device, monotonic_ms);
    }
}

void tw_device_hurry(struct tw_device *device, int64_t monotonic_ms)
{
    if (device->state == TW_DEVICE_LOST && tw_device_has_node(device)) {
        tw_life_delay_start_over(&device->delay);
        device->retry_ms = monotonic_ms < device->retry_ms ? monotonic_ms : device->retry_ms;
    }
}

int tw_device_fd(const struct tw_device *device)
{
    return device->io != NULL ? device->io->fd : -1;
}

short tw_device_events(const struct tw_device *device)
{
    if (device->state == TW_DEVICE_OPEN) {
        return POLLOUT;
    }
    return device->out.len > 0 ? POLLIN | POLLOUT : POLLIN;
}

void tw_device_status(const struct tw_device *device, struct tw_device_status *out)
{
    *out = (struct tw_device_status){
        .name = device->config.name,
        .class_name = device->config.class_name,
        .up = tw_device_is_up(device),
        .state = device->state,
        .reason = device->reason,
        .vendor = device->vendor,
        .product = device->product,
        .serial = device->serial[0] != '\0' ? device->serial : NULL,
        .facts = device->io != NULL ? &device->io->facts : NULL,
        .why = device->why.text[0] != '\0' ? device->why.text : NULL,
        .last_byte_ms = device->last_byte_ms,
        .bytes = device->bytes,
        .errors = device->driver->errors,
        .reopens = device->opens > 0 ? device->opens - 1 : 0,
    };
}

void tw_device_overhear(struct tw_device *device, tw_device_overhear_fn *fn, void *ctx)
{
    device->overhear = fn;
    device->overhear_ctx = ctx;
}

// ---- making and freeing

void tw_device_free(struct tw_device *device)
{
    if (device == NULL) {
        return;
    }
    tw_io_close(device->io);
    tw_apart_free(device->apart);
    if (device->driver != NULL) {
        device->driver->ops->free(device->driver);
    }
    tw_buf_free(&device->out);
    tw_settings_free(&device->config);
    free(device);
}

int tw_device_new(const struct tw_device_config *config, const struct tw_device_sink *sink,
                  uint32_t jitter_seed, struct tw_device **out, struct tw_error_text *err)
{
    tw_driver_create *create = NULL;
    int outcome = tw_registry_find(config, &create, err);
    if (outcome != 0) {
        return outcome;
    }
    struct tw_device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", config->name);
    }
    *device = (struct tw_device){.config = *config, .sink = *sink, .last_byte_ms = -1};
    tw_life_delay_init(&device->delay, jitter_seed);
    bool copied = tw_settings_copy(&device->config);
    device->host = (struct tw_driver_host){&device->config, &device->sink, device, queue};
    outcome = copied ? tw_registry_set_apart(&device->config, &device->apart, err)
                     : tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", config->name);
    outcome = outcome == 0 ? create(&device->host, &device->driver, err) : outcome;
    if (outcome != 0) {
        tw_device_free(device);
        return outcome;
    }
    *out = device;
    return 0;
}
