// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/replug_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <unistd.h>

enum {
    FIRST_CODE = 10000000, // eight digits each
    MOST_A_ROUND = 4,
    BACK_MS = 2000,
    LEAST_DELAY_MS = 50, // half of the shortest back-off: more attempts are a spin
    TEXT_BYTES = 16,
};

struct rig {
    const struct replug_kind *kind;
    struct tw_device *device;
    int64_t now_ms;
    uint32_t random;
    unsigned round;
    unsigned next;      // code to send
    unsigned delivered; // all codes before were heard, or may be lost
    uint8_t *heard;     // how often, by code
    uint8_t boot[16];   // of a tap, and what came of its stream:
    uint64_t at;
    char text[TEXT_BYTES];
    size_t text_len;
    unsigned left_out; // codes that the cable took with it
};

static uint32_t draw(struct rig *rig, uint32_t below)
{
    rig->random = rig->random * 1664525u + 1013904223u;
    return (rig->random >> 8) % below;
}

#define CHECK(rig, truth)                                                                                    \
    do {                                                                                                     \
        if (!(truth)) {                                                                                      \
            fail_msg("round %u, code %u: %s", (rig)->round, (rig)->next, #truth);                            \
        }                                                                                                    \
    } while (0)

// ---- what the device says

static void hear(struct rig *rig, const char *digits, size_t len)
{
    char text[TEXT_BYTES] = "";
    const char *at = len > 3 && digits[0] == ']' ? digits + 3 : digits; // behind an AIM identifier
    len -= (size_t)(at - digits);
    CHECK(rig, len == 8);
    memcpy(text, at, len);
    unsigned code = (unsigned)strtoul(text, NULL, 10) - FIRST_CODE;
    CHECK(rig, strspn(text, "0123456789") == 8 && code < rig->next);
    CHECK(rig, rig->heard[code] == 0);
    rig->heard[code]++;
}

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    (void)device;
    hear(ctx, (const char *)code.ptr, code.len);
}

static uint64_t on_hello(void *ctx, const char *device, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    struct rig *rig = ctx;
    (void)device;
    CHECK(rig, first <= rig->at && rig->at <= next);
    memcpy(rig->boot, boot, sizeof rig->boot);
    return rig->at;
}

// A tap's codes end with CR.
static void on_bytes(void *ctx, const char *device, uint64_t offset, uint64_t time_us, struct tw_slice bytes)
{
    struct rig *rig = ctx;
    (void)device;
    (void)time_us;
    CHECK(rig, offset == rig->at);
    rig->at += bytes.len;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\r') {
            hear(rig, rig->text, rig->text_len);
            rig->text_len = 0;
        } else {
            CHECK(rig, rig->text_len < sizeof rig->text);
            rig->text[rig->text_len++] = (char)bytes.ptr[i];
        }
    }
    tw_device_acknowledge(rig->device, rig->at, rig->now_ms);
}

static void on_mark(void *ctx, const char *device, uint64_t offset, int mark)
{
    (void)ctx;
    (void)device;
    (void)offset;
    (void)mark;
}

static void on_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    (void)device;
    CHECK((struct rig *)ctx, from >= to); // a tap with room gives nothing up
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    (void)ctx;
    (void)device;
    (void)up;
    (void)why;
}

// Of a stripe: a field of eight characters is a card.
static bool is_loyalty(void *ctx, struct tw_slice code)
{
    (void)ctx;
    return code.len == 8;
}

// ---- the loop

static enum tw_device_state state_of(const struct rig *rig)
{
    struct tw_device_status status;
    tw_device_status(rig->device, &status);
    return status.state;
}

// Whether anything moved; waits for bytes for at most `wait_ms`.
static bool turn(struct rig *rig, int wait_ms)
{
    bool moved = rig->kind->turn != NULL && rig->kind->turn(rig->kind->ctx, rig->now_ms);
    struct pollfd entry = {.fd = tw_device_fd(rig->device), .events = tw_device_events(rig->device)};
    if (entry.fd >= 0 && poll(&entry, 1, moved ? 0 : wait_ms) > 0) {
        tw_device_ready(rig->device, entry.revents, rig->now_ms);
        moved = true;
    }
    int64_t deadline = tw_device_deadline(rig->device);
    if (!moved && rig->kind->silence_ends && entry.fd >= 0 && deadline < INT64_MAX) {
        rig->now_ms = deadline > rig->now_ms ? deadline : rig->now_ms;
        tw_device_tick(rig->device, rig->now_ms);
        moved = true;
    }
    return moved;
}

static bool has_heard_all(const struct rig *rig)
{
    for (unsigned i = rig->delivered; i < rig->next; i++) {
        if (rig->heard[i] == 0) {
            return false;
        }
    }
    return true;
}

// Until `done`; bytes on their way in the kernel are waited for, not slept for.
static void turn_until(struct rig *rig, bool (*done)(const struct rig *rig))
{
    for (int idle = 0; !done(rig); idle = turn(rig, 20) ? 0 : idle + 1) {
        CHECK(rig, idle < 500);
    }
}

static bool is_ready(const struct rig *rig)
{
    return state_of(rig) == TW_DEVICE_READY;
}

static bool is_down(const struct rig *rig)
{
    return tw_device_fd(rig->device) < 0;
}

// Virtual time goes on to `until_ms` while the device is away: how often it was looked for.
static unsigned stay_away(struct rig *rig, int64_t until_ms)
{
    unsigned attempts = 0;
    while (tw_device_deadline(rig->device) <= until_ms) {
        rig->now_ms = tw_device_deadline(rig->device);
        tw_device_tick(rig->device, rig->now_ms);
        while (state_of(rig) == TW_DEVICE_OPEN) { // a connection that will be refused
            (void)turn(rig, 20);
        }
        CHECK(rig, is_down(rig));
        attempts++;
    }
    rig->now_ms = until_ms;
    return attempts;
}

static void send_code(struct rig *rig)
{
    char digits[TEXT_BYTES];
    (void)snprintf(digits, sizeof digits, "%u", FIRST_CODE + rig->next);
    rig->next++;
    rig->kind->scan(rig->kind->ctx, digits, rig->now_ms);
}

static void come_back(struct rig *rig)
{
    int64_t since_ms = rig->now_ms;
    if (rig->kind->hotplug && draw(rig, 2) == 0) {
        tw_device_hurry(rig->device, rig->now_ms);
        CHECK(rig, tw_device_deadline(rig->device) <= rig->now_ms);
    }
    if (tw_device_deadline(rig->device) > rig->now_ms) {
        rig->now_ms = tw_device_deadline(rig->device);
    }
    tw_device_tick(rig->device, rig->now_ms);
    turn_until(rig, is_ready);
    CHECK(rig, rig->now_ms - since_ms <= BACK_MS);
    send_code(rig);
    turn_until(rig, has_heard_all);
    rig->delivered = rig->next;
}

// ---- a round

// Codes that are read, then perhaps one that is not, perhaps half a one: and the plug is pulled.
static void speak(struct rig *rig)
{
    for (uint32_t i = draw(rig, MOST_A_ROUND); i > 0; i--) {
        send_code(rig);
        turn_until(rig, has_heard_all);
        rig->delivered = rig->next;
        rig->now_ms += draw(rig, 200);
    }
    bool unread = draw(rig, 3) == 0;
    if (unread) {
        send_code(rig);
    }
    if (draw(rig, 2) == 0 && !(unread && rig->kind->turn == NULL && !rig->kind->keeps)) {
        rig->kind->half(rig->kind->ctx, rig->now_ms);
        (void)turn(rig, (int)draw(rig, 2) * 20);
    }
    if (rig->kind->keeps) {
        return; // still to come
    }
    (void)turn(rig, 0);
    rig->left_out += unread;
    rig->delivered = rig->next;
}

static void play_round(struct rig *rig)
{
    speak(rig);
    rig->kind->unplug(rig->kind->ctx);
    turn_until(rig, is_down);
    int64_t away_ms = draw(rig, 4) == 0 ? draw(rig, 20000) : draw(rig, 600);
    unsigned attempts = stay_away(rig, rig->now_ms + away_ms);
    CHECK(rig, attempts <= (unsigned)(away_ms / LEAST_DELAY_MS) + 1);
    rig->kind->plug(rig->kind->ctx);
    come_back(rig);
    rig->now_ms += draw(rig, 3) == 0 ? 70000 : 0; // long enough to be steady
    tw_device_tick(rig->device, rig->now_ms);
}

// ---- the whole

// Without those the fake world keeps for itself: umockdev's end of each device that is gone is /dev/null.
static unsigned open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char target[64] = "";
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        count += len > 0 && strcmp(target, "/dev/null") != 0;
    }
    (void)closedir(folder);
    return count;
}

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 4242u;
}

void replug_play(const struct replug_kind *kind, unsigned replugs)
{
    struct rig rig = {.kind = kind, .random = seed()};
    struct tw_error_text err = {0};
    const struct tw_device_sink sink = {.ctx = &rig,
                                        .scan = on_scan,
                                        .tap_hello = on_hello,
                                        .tap_bytes = on_bytes,
                                        .tap_mark = on_mark,
                                        .tap_lost = on_lost,
                                        .state = on_state,
                                        .is_loyalty = is_loyalty};
    rig.heard = calloc(replugs + 1, MOST_A_ROUND + 2);
    assert_non_null(rig.heard);
    kind->plug(kind->ctx);
    if (tw_device_new(&kind->config, &sink, rig.random, &rig.device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    tw_device_tick(rig.device, 0);
    turn_until(&rig, is_ready);
    send_code(&rig);
    turn_until(&rig, has_heard_all);
    unsigned files = open_files();
    for (rig.round = 1; rig.round <= replugs; rig.round++) {
        play_round(&rig);
    }
    struct tw_device_status status;
    tw_device_status(rig.device, &status);
    CHECK(&rig, status.reopens == replugs);
    CHECK(&rig, open_files() == files);
    print_message("%s over %s: %u replugs, %u codes, %u gone with the cable, seed %u (TW_SEED)\n",
                  kind->config.class_name, kind->config.transport, replugs, rig.next, rig.left_out, seed());
    tw_device_free(rig.device);
    kind->unplug(kind->ctx);
    free(rig.heard);
}

unsigned replug_count(int argc, char **argv, unsigned otherwise)
{
    if (argc == 3 && strcmp(argv[1], "--replugs") == 0) {
        return (unsigned)strtoul(argv[2], NULL, 10);
    }
    return otherwise;
}
