// SPDX-License-Identifier: Apache-2.0
#include "hal/io/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct tw_replay {
    struct tw_io io; // of the one opening; its descriptor is ours for good
    const struct tw_recording *recording;
    int64_t now_ms;
    size_t next; // event
    size_t read; // bytes of it that were
    bool plugged;
};

static const struct tw_recording_event *next_event(const struct tw_replay *replay)
{
    return replay->next < replay->recording->count ? &replay->recording->events[replay->next] : NULL;
}

static bool is_due(const struct tw_replay *replay)
{
    const struct tw_recording_event *event = next_event(replay);
    return event != NULL && event->at_ms <= replay->now_ms;
}

static void step_over(struct tw_replay *replay)
{
    const struct tw_recording_event *event = next_event(replay);
    replay->plugged = event->kind == TW_RECORDING_UP || (replay->plugged && event->kind != TW_RECORDING_DOWN);
    replay->next++;
    replay->read = 0;
}

// The descriptor is readable while something has happened that was not read (eventfd(2)).
static void signal_due(const struct tw_replay *replay)
{
    uint64_t count = 1;
    if (is_due(replay)) {
        (void)!write(replay->io.fd, &count, sizeof count);
    } else {
        (void)!read(replay->io.fd, &count, sizeof count);
    }
}

// Nothing that can be read.
static bool is_silent(const struct tw_recording_event *event)
{
    return event->kind == TW_RECORDING_UP || event->kind == TW_RECORDING_SHOW ||
           (event->kind == TW_RECORDING_BYTES && event->len == 0);
}

static int read_replay(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    struct tw_replay *replay = (struct tw_replay *)io;
    const struct tw_recording_event *event = next_event(replay);
    while (is_due(replay) && is_silent(event)) {
        step_over(replay);
        event = next_event(replay);
    }
    if (!is_due(replay)) {
        signal_due(replay);
        return TW_ERR_AGAIN;
    }
    if (event->kind == TW_RECORDING_DOWN) {
        step_over(replay);
        signal_due(replay);
        return TW_ERR_CLOSED;
    }
    size_t len = event->len - replay->read < cap ? event->len - replay->read : cap;
    memcpy(out, replay->recording->bytes.ptr + event->from + replay->read, len);
    replay->read += len;
    if (replay->read == event->len) {
        step_over(replay);
    }
    *got = len;
    return 0;
}

// A recording does not answer: what it is sent was sent to the device it was made of.
static int write_replay(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    (void)io;
    *put = bytes.len;
    return 0;
}

static void close_replay(struct tw_io *io)
{
    (void)io; // the replay goes on
}

static const struct tw_io_ops replay_ops = {read_replay, write_replay, close_replay, NULL};

int tw_replay_new(const struct tw_recording *recording, struct tw_replay **out, struct tw_error_text *err)
{
    struct tw_replay *replay = calloc(1, sizeof *replay);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (replay == NULL || fd < 0) {
        free(replay);
        if (fd >= 0) {
            (void)close(fd);
        }
        return tw_fail(err, TW_ERR_NOMEM, "no memory or descriptor to replay a recording");
    }
    replay->io = (struct tw_io){.ops = &replay_ops, .fd = fd, .facts = recording->facts};
    replay->recording = recording;
    *out = replay;
    return 0;
}

void tw_replay_free(struct tw_replay *replay)
{
    if (replay != NULL) {
        (void)close(replay->io.fd);
        free(replay);
    }
}

void tw_replay_pass(struct tw_replay *replay, int64_t at_ms)
{
    replay->now_ms = at_ms;
    signal_due(replay);
}

int64_t tw_replay_next_ms(const struct tw_replay *replay)
{
    const struct tw_recording_event *event = next_event(replay);
    return event != NULL ? event->at_ms : INT64_MAX;
}

// What comes while it is plugged in waits to be read, as in a kernel; the rest nobody hears.
int tw_replay_open(void *replay_ctx, struct tw_io **out, struct tw_error_text *err)
{
    struct tw_replay *replay = replay_ctx;
    while (!replay->plugged && is_due(replay)) {
        step_over(replay);
    }
    if (!replay->plugged) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "the device is not plugged in at %lld ms of the recording",
                       (long long)replay->now_ms);
    }
    signal_due(replay);
    *out = &replay->io;
    return 0;
}
