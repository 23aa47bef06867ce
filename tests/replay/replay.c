// SPDX-License-Identifier: Apache-2.0
//
// Replays recordings through the drivers they were made of: driver_replay [--view|--update] FILE...
// What comes out is compared with FILE's `.expect`; whole, byte by byte, in random cuts (TW_SEED), and
// truncated at every byte, where nothing may come that is not in the whole. --view prints it, --update
// writes it. Bytes that are no printable ASCII come out as \u00XX, one for each byte.
#include <stdlib.h>
#include <string.h>

#include "hal/core/registry.h"
#include "hal/io/recording.h"
#include "tillwire/tap_link.h"

struct run {
    const struct tw_recording *recording;
    struct tw_driver *driver;
    struct tw_buf out;
    int64_t now_ms;
    uint32_t random;
    size_t longest;     // bytes given at once; 0: any
    size_t stop;        // bytes of the recording that come at all
    struct tw_buf file; // of a folder, as far as it came
    uint8_t boot[16];   // of a tap, and how much of it came
    uint64_t tap_at;
};

// ---- what comes out

static void write_text(struct tw_buf *out, struct tw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
            tw_buf_printf(out, "\\u%04x", c);
        } else {
            tw_buf_add(out, &c, 1);
        }
    }
}

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct run *run = ctx;
    (void)device;
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"scan\":\"", (long long)run->now_ms);
    write_text(&run->out, code);
    tw_buf_add_text(&run->out, "\"}\n");
}

static void on_file_begin(void *ctx, const char *device, const struct tw_device_file *file)
{
    struct run *run = ctx;
    (void)device;
    tw_buf_clear(&run->file);
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"file\":\"", (long long)run->now_ms);
    write_text(&run->out, tw_slice_of(file->name));
    tw_buf_printf(&run->out, "\",\"bytes\":%llu,\"waiting\":%u}\n", (unsigned long long)file->bytes,
                  file->waiting);
}

static bool on_file_bytes(void *ctx, const char *device, struct tw_slice bytes)
{
    struct run *run = ctx;
    (void)device;
    tw_buf_add(&run->file, bytes.ptr, bytes.len);
    return true;
}

static void on_file_end(void *ctx, const char *device, bool whole)
{
    struct run *run = ctx;
    (void)device;
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"whole\":%s,\"content\":\"", (long long)run->now_ms,
                  whole ? "true" : "false");
    write_text(&run->out, tw_buf_slice(&run->file));
    tw_buf_add_text(&run->out, "\"}\n");
}

// As the agent does: on from what came of that boot.
static uint64_t on_tap_hello(void *ctx, const char *device, const uint8_t boot[16], uint64_t first,
                             uint64_t next)
{
    struct run *run = ctx;
    (void)device;
    run->tap_at = memcmp(run->boot, boot, sizeof run->boot) == 0 ? run->tap_at : first;
    memcpy(run->boot, boot, sizeof run->boot);
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"boot\":%u,\"first\":%llu,\"next\":%llu}\n",
                  (long long)run->now_ms, boot[0], (unsigned long long)first, (unsigned long long)next);
    return run->tap_at;
}

static void on_tap_bytes(void *ctx, const char *device, uint64_t offset, uint64_t time_us,
                         struct tw_slice bytes)
{
    struct run *run = ctx;
    (void)device;
    run->tap_at = offset + bytes.len;
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"offset\":%llu,\"time_us\":%llu,\"printed\":\"",
                  (long long)run->now_ms, (unsigned long long)offset, (unsigned long long)time_us);
    write_text(&run->out, bytes);
    tw_buf_add_text(&run->out, "\"}\n");
}

static void on_tap_mark(void *ctx, const char *device, uint64_t offset, int mark)
{
    struct run *run = ctx;
    (void)device;
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"offset\":%llu,\"till\":\"%s\"}\n", (long long)run->now_ms,
                  (unsigned long long)offset, mark == TW_LINK_OPENED ? "opened" : "closed");
}

static void on_tap_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    struct run *run = ctx;
    (void)device;
    run->tap_at = to;
    tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"lost_from\":%llu,\"to\":%llu}\n", (long long)run->now_ms,
                  (unsigned long long)from, (unsigned long long)to);
}

// The cards of the recordings.
static bool is_loyalty(void *ctx, struct tw_slice code)
{
    (void)ctx;
    return code.len == 16 && memcmp(code.ptr, "6009200", 7) == 0;
}

// A display is what it is sent; what others are sent depends on how their bytes are cut.
static void on_send(void *ctx, struct tw_slice bytes)
{
    struct run *run = ctx;
    if (strcmp(run->recording->config.class_name, "display") == 0) {
        tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"sent\":\"", (long long)run->now_ms);
        write_text(&run->out, bytes);
        tw_buf_add_text(&run->out, "\"}\n");
    }
}

// ---- one run

static void require(bool truth, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "driver_replay: %s\n", what);
        abort();
    }
}

static void pass_time(struct run *run, int64_t until_ms)
{
    const struct tw_driver_ops *ops = run->driver->ops;
    for (int64_t due = ops->deadline(run->driver); due <= until_ms; due = ops->deadline(run->driver)) {
        run->now_ms = due > run->now_ms ? due : run->now_ms;
        require(ops->tick(run->driver, run->now_ms, NULL) == 0, "a tick failed");
        require(ops->deadline(run->driver) > run->now_ms, "a deadline did not move");
    }
    run->now_ms = until_ms;
}

static void feed(struct run *run, const struct tw_recording_event *event)
{
    size_t end = event->from + event->len < run->stop ? event->from + event->len : run->stop;
    for (size_t at = event->from; at < end;) {
        run->random = run->random * 1664525u + 1013904223u;
        size_t len = run->longest == 0 ? end - at : 1 + (run->random >> 16) % run->longest;
        len = len < end - at ? len : end - at;
        uint8_t *copy = malloc(len); // so that a sanitizer sees who keeps a pointer or reads on
        require(copy != NULL, "no memory");
        memcpy(copy, run->recording->bytes.ptr + at, len);
        require(run->driver->ops->feed(run->driver, tw_slice_make(copy, len), run->now_ms, NULL) == 0,
                "feed failed");
        free(copy);
        at += len;
    }
}

// Both lines, or none of them.
static void show(struct run *run, const struct tw_recording_event *event)
{
    char text[256];
    require(event->len < sizeof text, "a text to show is too long");
    memcpy(text, run->recording->bytes.ptr + event->from, event->len);
    text[event->len] = '\0';
    char *lower = strchr(text, '\n');
    require(lower != NULL, "a text to show has two lines, with \\n between them");
    *lower++ = '\0';
    if (event->from + event->len <= run->stop) {
        run->driver->ops->show(run->driver, text, lower);
    }
}

static void happen(struct run *run, const struct tw_recording_event *event)
{
    struct tw_error_text err = {0};
    switch (event->kind) {
    case TW_RECORDING_UP:
        if (run->driver->ops->opened(run->driver, &run->recording->facts, run->now_ms, &err) != 0) {
            tw_buf_printf(&run->out, "{\"at_ms\":%lld,\"refused\":\"%s\"}\n", (long long)run->now_ms,
                          err.text);
        }
        break;
    case TW_RECORDING_BYTES:
        feed(run, event);
        break;
    case TW_RECORDING_SHOW:
        show(run, event);
        break;
    case TW_RECORDING_DOWN:
        run->driver->ops->lost(run->driver);
        break;
    }
}

// Plays the recording up to `stop`, where the cable is pulled, and returns what came out.
static struct tw_buf play(const struct tw_recording *recording, size_t longest, size_t stop, uint32_t seed)
{
    struct run run = {.recording = recording, .random = seed, .longest = longest, .stop = stop};
    struct tw_device_sink sink = {.ctx = &run,
                                  .scan = on_scan,
                                  .tap_hello = on_tap_hello,
                                  .tap_bytes = on_tap_bytes,
                                  .tap_mark = on_tap_mark,
                                  .tap_lost = on_tap_lost,
                                  .is_loyalty = is_loyalty,
                                  .file_begin = on_file_begin,
                                  .file_bytes = on_file_bytes,
                                  .file_end = on_file_end};
    struct tw_driver_host host = {&recording->config, &sink, &run, on_send};
    struct tw_error_text err = {0};
    tw_driver_create *create = NULL;
    struct tw_device_config findable = recording->config;
    findable.port = findable.connect = findable.usb = findable.path = "given";
    require(tw_registry_find(&findable, &create, &err) == 0, err.text);
    require(create(&host, &run.driver, &err) == 0, err.text);
    for (size_t i = 0; i < recording->count; i++) {
        const struct tw_recording_event *event = &recording->events[i];
        if (event->len > 0 && event->from >= stop) {
            run.driver->ops->lost(run.driver);
            break;
        }
        pass_time(&run, event->at_ms);
        happen(&run, event);
        if (event->from + event->len > stop) {
            run.driver->ops->lost(run.driver);
            break;
        }
    }
    pass_time(&run, run.now_ms + 5000);
    if (stop == SIZE_MAX) {
        tw_buf_printf(&run.out, "{\"errors\":%llu}\n", (unsigned long long)run.driver->errors);
    }
    run.driver->ops->free(run.driver);
    tw_buf_free(&run.file);
    tw_buf_add_text(&run.out, "");
    return run.out;
}

// ---- comparing

static bool same(const char *path, const char *how, const struct tw_buf *expected, struct tw_buf got)
{
    bool equal = got.len == expected->len && memcmp(got.ptr, expected->ptr, got.len) == 0;
    if (!equal) {
        (void)fprintf(stderr, "%s, %s: expected\n%sgot\n%s", path, how, (const char *)expected->ptr,
                      (const char *)got.ptr);
    }
    tw_buf_free(&got);
    return equal;
}

static bool begins(const char *path, size_t stop, const struct tw_buf *expected, struct tw_buf got)
{
    bool good = got.len <= expected->len && (got.len == 0 || memcmp(got.ptr, expected->ptr, got.len) == 0);
    if (!good) {
        (void)fprintf(stderr, "%s, cut after %zu bytes: expected the beginning of\n%sgot\n%s", path, stop,
                      (const char *)expected->ptr, (const char *)got.ptr);
    }
    tw_buf_free(&got);
    return good;
}

static bool check(const char *path, const struct tw_recording *recording, const struct tw_buf *expected)
{
    const char *text = getenv("TW_SEED");
    uint32_t seed = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 20261122u;
    bool good = same(path, "whole", expected, play(recording, 0, SIZE_MAX, seed));
    good = same(path, "byte by byte", expected, play(recording, 1, SIZE_MAX, seed)) && good;
    for (uint32_t i = 0; i < 20; i++) {
        good = same(path, "in random cuts", expected, play(recording, 40, SIZE_MAX, seed + i)) && good;
    }
    for (size_t stop = 0; stop < recording->bytes.len; stop++) {
        good = begins(path, stop, expected, play(recording, 0, stop, seed)) && good;
    }
    printf("%s: %zu bytes, seed %u (TW_SEED): %s\n", path, recording->bytes.len, seed,
           good ? "ok" : "DIFFERS");
    return good;
}

static struct tw_buf read_file(const char *path)
{
    struct tw_buf content = {0};
    FILE *file = fopen(path, "re");
    char piece[4096];
    for (size_t got = 1; file != NULL && got > 0;) {
        got = fread(piece, 1, sizeof piece, file);
        tw_buf_add(&content, piece, got);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    tw_buf_add_text(&content, "");
    return content;
}

static bool handle(const char *path, const char *mode)
{
    struct tw_recording *recording = NULL;
    struct tw_error_text err = {0};
    char expect[4096];
    bool good = true;
    require(tw_recording_load(path, &recording, &err) == 0, err.text);
    (void)snprintf(expect, sizeof expect, "%.*s.expect", (int)(strlen(path) - strlen(".rec")), path);
    if (mode == NULL) {
        struct tw_buf expected = read_file(expect);
        good = check(path, recording, &expected);
        tw_buf_free(&expected);
    } else {
        struct tw_buf out = play(recording, 0, SIZE_MAX, 1);
        FILE *file = strcmp(mode, "--view") == 0 ? stdout : fopen(expect, "we");
        good = file != NULL && fwrite(out.ptr, 1, out.len, file) == out.len;
        if (file != NULL && file != stdout) {
            good = fclose(file) == 0 && good;
        }
        tw_buf_free(&out);
    }
    tw_recording_free(recording);
    return good;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 && strncmp(argv[1], "--", 2) == 0 ? argv[1] : NULL;
    bool good = argc > (mode != NULL ? 2 : 1);
    for (int i = mode != NULL ? 2 : 1; i < argc; i++) {
        good = handle(argv[i], mode) && good;
    }
    return good ? 0 : 1;
}
