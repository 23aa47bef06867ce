// SPDX-License-Identifier: Apache-2.0
//
// tillwire devices replay: a recording through its driver, as if the device were there. Time is the
// recording's: how long it takes to watch changes nothing of what is read.
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/lane/heard.h"
#include "hal/io/replay.h"
#include "tillwire/guard.h"
#include "tillwire/json.h"
#include "tillwire/scan.h"
#include "tools/cli/devices.h"
#include "tools/cli/show.h"

#define AFTERWARDS_MS 5000 // longer than any driver waits for the rest of a code

struct player {
    const struct tw_cli *cli;
    struct tw_recording *recording;
    struct tw_replay *replay;
    struct tw_device *device;
    struct tw_guard guard;
    struct tw_buf scans; // of --json
    int64_t now_ms, end_ms;
    unsigned count;
};

// ---- what the device says ----

static void print_scan(const struct player *player, const char *symbology, size_t len, const char *code)
{
    (void)printf("%10.3f  scan, %zu characters%s%s: ", (double)player->now_ms / 1000, len,
                 symbology != NULL ? ", " : "", symbology != NULL ? symbology : "");
    tw_show_plain(code);
    (void)printf("\n");
    (void)fflush(stdout);
}

static void add_json(struct player *player, const char *symbology, struct tw_slice code)
{
    struct tw_buf *out = &player->scans;
    tw_buf_printf(out, "%s{\"at_ms\":%" PRId64 ",\"code\":", out->len > 0 ? "," : "", player->now_ms);
    tw_json_dump_text(code, out);
    tw_buf_printf(out, symbology != NULL ? ",\"symbology\":\"%s\"}" : ",\"symbology\":%s}",
                  symbology != NULL ? symbology : "null");
}

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct player *player = ctx;
    const char *symbology = tw_heard_symbology(code);
    struct tw_buf text = {0};
    (void)device;
    tw_buf_add(&text, code.ptr, code.len);
    if (tw_buf_status(&text) != TW_OK) {
        return;
    }
    (void)tw_guard_mask(&player->guard, (char *)text.ptr, text.len);
    player->count++;
    if (player->cli->json) {
        add_json(player, symbology, tw_buf_slice(&text));
    } else {
        print_scan(player, symbology, symbology != NULL ? code.len - 3 : code.len, (const char *)text.ptr);
    }
    tw_buf_free(&text);
}

// A driver may refuse what was recorded: it says why.
static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    const struct player *player = ctx;
    struct tw_device_status status;
    (void)device;
    if (player->cli->json || player->now_ms > player->end_ms) {
        return;
    }
    tw_device_status(player->device, &status);
    bool refused = !up && status.reason != TW_DEVICE_REASON_UNPLUGGED && why != NULL;
    (void)printf("%10.3f  %s", (double)player->now_ms / 1000, up ? "plugged in" : refused ? "" : "gone");
    tw_show_plain(refused ? why : "");
    (void)printf("\n");
}

// ---- playing ----

static void wait_until(const struct player *player, int64_t at_ms)
{
    double seconds = player->cli->speed > 0 && at_ms > player->now_ms
                         ? (double)(at_ms - player->now_ms) / 1000 / player->cli->speed
                         : 0;
    if (seconds > 0) {
        struct timespec pause = {.tv_sec = (time_t)seconds,
                                 .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
        (void)nanosleep(&pause, NULL);
    }
}

// The time of what comes next: what the device waits for, or, while it is open, the recording.
static int64_t next_time(const struct player *player)
{
    int64_t deadline = tw_device_deadline(player->device);
    int64_t event = tw_replay_next_ms(player->replay);
    bool open = tw_device_fd(player->device) >= 0;
    int64_t next = event < deadline && (open || event > player->now_ms) ? event : deadline;
    return next > player->now_ms ? next : player->now_ms;
}

static void turn(struct player *player)
{
    struct tw_device *device = player->device;
    tw_replay_pass(player->replay, player->now_ms);
    if (tw_device_fd(device) < 0 && tw_replay_next_ms(player->replay) == player->now_ms) {
        tw_device_hurry(device, player->now_ms); // it is being plugged in
    }
    struct pollfd line = {.fd = tw_device_fd(device), .events = POLLIN};
    if (line.fd >= 0 && poll(&line, 1, 0) > 0) {
        tw_device_ready(device, line.revents, player->now_ms);
    }
    if (tw_device_deadline(device) <= player->now_ms) {
        tw_device_tick(device, player->now_ms);
    }
}

static void play(struct player *player)
{
    player->end_ms = player->recording->events[player->recording->count - 1].at_ms;
    for (int64_t at_ms = 0; at_ms <= player->end_ms + AFTERWARDS_MS; at_ms = next_time(player)) {
        if (at_ms <= player->end_ms) {
            wait_until(player, at_ms);
        }
        player->now_ms = at_ms;
        turn(player);
    }
}

// ---- before and after ----

static int prepare(struct player *player)
{
    struct tw_error_text why = {0};
    const char *path = player->cli->operand;
    int rc = tw_recording_load(path, &player->recording, &why);
    if (rc == TW_OK && strcmp(player->recording->config.class_name, "scanner") != 0) {
        rc = tw_fail(&why, TW_ERR_INVALID, "%s is of a %s: only recordings of scanners are replayed", path,
                     player->recording->config.class_name);
    }
    rc = rc != TW_OK ? rc : tw_replay_new(player->recording, &player->replay, &why);
    if (rc == TW_OK) {
        struct tw_device_config config = player->recording->config;
        const struct tw_device_sink sink = {.ctx = player, .scan = on_scan, .state = on_state};
        config.port = path;
        config.open = tw_replay_open;
        config.open_ctx = player->replay;
        rc = tw_device_new(&config, &sink, 1, &player->device, &why);
    }
    if (rc != TW_OK) {
        (void)fprintf(stderr, "tillwire: %s\n", why.text);
        return TW_EXIT_USAGE;
    }
    player->guard = tw_scan_guard(NULL);
    return TW_EXIT_FINE;
}

static int conclude(const struct player *player)
{
    struct tw_device_status status;
    tw_device_status(player->device, &status);
    if (player->cli->json) {
        const char *scans = player->scans.ptr != NULL ? (const char *)player->scans.ptr : "";
        (void)printf("{\"transport\":\"%s\",\"bytes\":%" PRIu64 ",\"scans\":[%s],\"errors\":%" PRIu64 "}\n",
                     player->recording->config.transport, status.bytes, scans, status.errors);
    } else {
        (void)printf("%u scans of %" PRIu64 " bytes; %" PRIu64 " refused as damaged, too long or no code.\n",
                     player->count, status.bytes, status.errors);
    }
    return player->count > 0 && status.errors == 0 ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

int tw_devices_replay(const struct tw_cli *cli)
{
    struct player player = {.cli = cli};
    int result = prepare(&player);
    if (result == TW_EXIT_FINE) {
        play(&player);
        result = conclude(&player);
    }
    tw_device_free(player.device);
    tw_replay_free(player.replay);
    tw_recording_free(player.recording);
    tw_buf_free(&player.scans);
    return result;
}
