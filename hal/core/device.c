// SPDX-License-Identifier: Apache-2.0
#include "tillwire/device.h"

#include <poll.h>
#include <stdlib.h>

#include "hal/core/registry.h"
#include "hal/io/io.h"

enum {
    FIRST_DELAY_MS = 100,
    LONGEST_DELAY_MS = 5000,
    CONNECT_MS = 5000, // a connection that takes longer is given up
    STEADY_MS = 60000, // up this long, the back-off starts over
    READ_AT_ONCE_BYTES = 64 * 1024,
    READ_BYTES = 8 * 1024,
    OUT_BYTES = 64 * 1024, // more than this waiting means nobody reads there
};

enum state { CLOSED, OPENING, UP, LOST };
enum event { DUE, OPENED, FAILED, FAULT, EVENTS };

struct tw_device {
    struct tw_device_config config; // strings are ours
    struct tw_device_sink sink;
    struct tw_driver_host host;
    struct tw_driver *driver;
    struct tw_io *io; // NULL unless UP or OPENING
    enum state state;
    struct tw_buf out;
    struct tw_error_text why; // last error; "" when none
    uint32_t random;
    int64_t delay_ms;
    int64_t retry_ms;
    int64_t up_since_ms;
    int64_t last_byte_ms;
    uint64_t bytes;
    unsigned opens;
    bool told_down;
    bool faulty; // found while the driver was at work; dealt with when it is done
};

// ---- life cycle

static void none(struct tw_device *device, int64_t now_ms)
{
    (void)device;
    (void)now_ms;
}

static void step(struct tw_device *device, enum event event, int64_t now_ms);

// Half to all of the delay, so that the devices of a store do not come back in step.
static void wait_for_retry(struct tw_device *device, int64_t now_ms)
{
    device->random = device->random * 1664525u + 1013904223u; // Numerical Recipes, 7.1
    int64_t half = device->delay_ms / 2;
    device->retry_ms = now_ms + half + (int64_t)(device->random >> 8) % (half + 1);
    device->delay_ms = device->delay_ms * 2 < LONGEST_DELAY_MS ? device->delay_ms * 2 : LONGEST_DELAY_MS;
}

static void ask_whether_open(struct tw_device *device, int64_t now_ms)
{
    int outcome = tw_io_connected(device->io, &device->why);
    if (outcome != TW_ERR_AGAIN) {
        step(device, outcome == 0 ? OPENED : FAILED, now_ms);
    }
}

static void open_now(struct tw_device *device, int64_t now_ms)
{
    device->retry_ms = now_ms + CONNECT_MS;
    if (tw_registry_open(&device->config, &device->io, &device->why) != 0) {
        step(device, FAILED, now_ms);
    } else {
        ask_whether_open(device, now_ms);
    }
}

static void give_up(struct tw_device *device, int64_t now_ms)
{
    (void)tw_fail(&device->why, TW_ERR_AGAIN,
                  "device %s does not answer; check its power and its cable, it is tried again by itself",
                  device->config.name);
    step(device, FAILED, now_ms);
}

static void come_up(struct tw_device *device, int64_t now_ms)
{
    device->up_since_ms = now_ms;
    if (device->driver->ops->opened(device->driver, &device->io->facts, now_ms, &device->why) != 0) {
        device->faulty = true;
        return;
    }
    device->opens++;
    device->why.text[0] = '\0';
    device->told_down = false;
    device->sink.state(device->sink.ctx, device->config.name, true, NULL);
}

static void stay_down(struct tw_device *device, int64_t now_ms)
{
    tw_io_close(device->io);
    device->io = NULL;
    wait_for_retry(device, now_ms);
    if (!device->told_down) {
        device->told_down = true;
        device->sink.state(device->sink.ctx, device->config.name, false, device->why.text);
    }
}

static void go_down(struct tw_device *device, int64_t now_ms)
{
    if (now_ms - device->up_since_ms >= STEADY_MS) {
        device->delay_ms = FIRST_DELAY_MS;
    }
    tw_buf_clear(&device->out);
    device->driver->ops->lost(device->driver);
    stay_down(device, now_ms);
}

struct transition {
    void (*action)(struct tw_device *device, int64_t now_ms);
    enum state next;
};

static const struct transition transitions[4][EVENTS] = {
    [CLOSED] = {[DUE] = {open_now, OPENING},
                [OPENED] = {none, CLOSED},
                [FAILED] = {none, CLOSED},
                [FAULT] = {none, CLOSED}},
    [OPENING] = {[DUE] = {give_up, OPENING},
                 [OPENED] = {come_up, UP},
                 [FAILED] = {stay_down, LOST},
                 [FAULT] = {stay_down, LOST}},
    [UP] = {[DUE] = {none, UP}, [OPENED] = {none, UP}, [FAILED] = {go_down, LOST}, [FAULT] = {go_down, LOST}},
    [LOST] = {[DUE] = {open_now, OPENING},
              [OPENED] = {none, LOST},
              [FAILED] = {none, LOST},
              [FAULT] = {none, LOST}},
};

static void step(struct tw_device *device, enum event event, int64_t now_ms)
{
    const struct transition *transition = &transitions[device->state][event];
    device->state = transition->next;
    transition->action(device, now_ms);
}

// ---- bytes

static void blame(struct tw_device *device, const char *what)
{
    device->faulty = true;
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
            blame(device, "the line was closed while writing");
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
        blame(device, "it does not read what it is sent");
    }
}

static void settle(struct tw_device *device, int64_t now_ms)
{
    if (device->state == UP && !device->faulty) {
        flush(device);
    }
    if (device->faulty) {
        device->faulty = false;
        step(device, FAULT, now_ms);
    }
}

static void take(struct tw_device *device, struct tw_slice bytes, int64_t now_ms)
{
    device->bytes += bytes.len;
    device->last_byte_ms = now_ms;
    if (device->driver->ops->feed(device->driver, bytes, now_ms, &device->why) != 0) {
        device->faulty = true;
    }
}

static void drain(struct tw_device *device, int64_t now_ms)
{
    uint8_t bytes[READ_BYTES];
    size_t total = 0;
    while (!device->faulty && total < READ_AT_ONCE_BYTES) {
        size_t got = 0;
        int outcome = tw_io_read(device->io, bytes, sizeof bytes, &got);
        if (outcome == TW_ERR_AGAIN) {
            break;
        }
        if (outcome != 0) {
            blame(device, outcome == TW_ERR_CLOSED ? "unplugged or closed by the other side" : "read failed");
            break;
        }
        take(device, tw_slice_make(bytes, got), now_ms);
        total += got;
    }
    explicit_bzero(bytes, total < sizeof bytes ? total : sizeof bytes); // may be card data (P6)
}

// ---- the public side

void tw_device_ready(struct tw_device *device, short revents, int64_t monotonic_ms)
{
    if (device->state == OPENING) {
        ask_whether_open(device, monotonic_ms);
        settle(device, monotonic_ms);
        return;
    }
    if (device->state != UP) {
        return;
    }
    if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        drain(device, monotonic_ms);
    }
    settle(device, monotonic_ms);
}

// Silence counts only after the line was found empty: the loop may have been late, not the bytes.
void tw_device_tick(struct tw_device *device, int64_t monotonic_ms)
{
    if (device->state == UP && monotonic_ms >= device->driver->ops->deadline(device->driver)) {
        drain(device, monotonic_ms);
        if (!device->faulty && device->driver->ops->tick(device->driver, monotonic_ms, &device->why) != 0) {
            device->faulty = true;
        }
    } else if (device->state != UP && monotonic_ms >= tw_device_deadline(device)) {
        step(device, DUE, monotonic_ms);
    }
    settle(device, monotonic_ms);
}

int64_t tw_device_deadline(const struct tw_device *device)
{
    switch (device->state) {
    case UP:
        return device->driver->ops->deadline(device->driver);
    case OPENING:
    case LOST:
        return device->retry_ms;
    default:
        return 0; // at once
    }
}

void tw_device_acknowledge(struct tw_device *device, uint64_t offset, int64_t monotonic_ms)
{
    device->driver->ops->acknowledge(device->driver, offset, monotonic_ms);
    if (device->state == UP && !device->faulty) {
        flush(device); // a fault waits for the next call: this one may come from inside the sink
    }
}

void tw_device_restart(struct tw_device *device, int64_t monotonic_ms)
{
    if (device->state == UP) {
        blame(device, "what it sent could not be kept yet");
        settle(device, monotonic_ms);
    }
}

void tw_device_hurry(struct tw_device *device, int64_t monotonic_ms)
{
    const struct tw_device_config *config = &device->config;
    if (device->state == LOST && (config->port != NULL || config->usb != NULL)) {
        device->delay_ms = FIRST_DELAY_MS;
        device->retry_ms = monotonic_ms < device->retry_ms ? monotonic_ms : device->retry_ms;
    }
}

int tw_device_fd(const struct tw_device *device)
{
    return device->io != NULL ? device->io->fd : -1;
}

short tw_device_events(const struct tw_device *device)
{
    if (device->state == OPENING) {
        return POLLOUT;
    }
    return device->out.len > 0 ? POLLIN | POLLOUT : POLLIN;
}

void tw_device_status(const struct tw_device *device, struct tw_device_status *out)
{
    *out = (struct tw_device_status){
        .name = device->config.name,
        .class_name = device->config.class_name,
        .up = device->state == UP,
        .why = device->why.text[0] != '\0' ? device->why.text : NULL,
        .last_byte_ms = device->last_byte_ms,
        .bytes = device->bytes,
        .errors = device->driver->errors,
        .reopens = device->opens > 0 ? device->opens - 1 : 0,
    };
}

// ---- making and freeing

// The strings of a configuration, for copying and freeing them all.
static void each_string(struct tw_device_config *config, void (*visit)(const char **string, void *ctx),
                        void *ctx)
{
    const char **strings[] = {&config->name,    &config->class_name, &config->transport, &config->port,
                              &config->parity,  &config->flow,       &config->usb,       &config->usb_serial,
                              &config->layout,  &config->prefix,     &config->suffix,    &config->code_id,
                              &config->listen,  &config->forward,    &config->path,      &config->connect,
                              &config->profile, &config->workstation};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        visit(strings[i], ctx);
    }
}

static void copy_string(const char **string, void *ctx)
{
    bool *failed = ctx;
    if (*string != NULL) {
        *string = strdup(*string);
        *failed = *failed || *string == NULL;
    }
}

static void free_string(const char **string, void *ctx)
{
    (void)ctx;
    void *memory;
    memcpy(&memory, string, sizeof memory);
    free(memory);
}

void tw_device_free(struct tw_device *device)
{
    if (device == NULL) {
        return;
    }
    tw_io_close(device->io);
    if (device->driver != NULL) {
        device->driver->ops->free(device->driver);
    }
    tw_buf_free(&device->out);
    each_string(&device->config, free_string, NULL);
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
    *device = (struct tw_device){.config = *config,
                                 .sink = *sink,
                                 .random = jitter_seed,
                                 .delay_ms = FIRST_DELAY_MS,
                                 .last_byte_ms = -1};
    bool failed = false;
    each_string(&device->config, copy_string, &failed);
    device->host = (struct tw_driver_host){&device->config, &device->sink, device, queue};
    outcome = failed ? tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", config->name)
                     : create(&device->host, &device->driver, err);
    if (outcome != 0) {
        tw_device_free(device);
        return outcome;
    }
    *out = device;
    return 0;
}
