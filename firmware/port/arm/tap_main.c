// SPDX-License-Identifier: Apache-2.0
//
// The tap on a board: puts the parts of firmware/core together and gives each its turn, for ever.
// Passing bytes is the interrupts' business (lines.c) and goes on whatever happens here.
#include <string.h>

#include "firmware/core/settings.h"
#include "firmware/core/tap.h"
#include "firmware/core/updater.h"
#include "firmware/port/arm/copy.h"
#include "firmware/port/arm/cpu.h"
#include "firmware/port/arm/image_hash.h"
#include "firmware/port/arm/lines.h"
#include "firmware/port/arm/speeds.h"

enum {
    RING_BYTES = 24 * 1024,
    RECORDS = 256,
    SCANS = 32,
    PIECE_BYTES = 256,   // from and to the agent in one turn
    SCANNED_BYTES = 128, // from the scanner
};

// Of the linker script: where this image lies.
extern const uint8_t tw_image_start[];

// Everything but the rings.
struct parts {
    struct tw_lines *lines;
    struct tw_tap tap;
    struct tw_scans scans;
    struct tw_boot_log log;
    struct tw_settings settings;
    struct tw_speeds speeds;
    struct tw_updater updater;
    uint64_t fed_us; // the watchdog
};

// ---- what the agent wants of the board

static void info(void *port, struct tw_link_info *info)
{
    struct parts *parts = (struct parts *)port;
    info->overruns = tw_lines_overruns();
    info->lines = parts->speeds.set;
    tw_board_serial(info->serial);
    tw_updater_info(&parts->updater, info);
}

static bool configure(void *port, const struct tw_link_settings *settings)
{
    struct parts *parts = (struct parts *)port;
    return tw_settings_take(&parts->settings, settings) != TW_ERR_INVALID;
}

static struct tw_link_update update(void *port, const struct tw_link_frame *frame, uint64_t now_us)
{
    struct parts *parts = (struct parts *)port;
    return tw_updater_take(&parts->updater, frame, now_us);
}

// ---- the start

// A new one with every start: chance where the board has it, and the count of starts where not.
static void make_boot_id(struct parts *parts, uint8_t boot[16])
{
    uint8_t count[TW_BOOT_PAYLOAD] = {0};
    const uint8_t *last = tw_boot_log_read(&parts->log, TW_BOOT_COUNT);
    uint64_t starts = last == NULL ? 0 : tw_link_get(last, 8);
    tw_link_put(count, starts + 1, 8);
    (void)tw_boot_log_append(&parts->log, TW_BOOT_COUNT, count);
    uint8_t serial[12];
    tw_board_serial(serial);
    tw_board_entropy(boot);
    for (unsigned i = 0; i < 4; i++) {
        boot[i] ^= count[i];
    }
    for (unsigned i = 0; i < sizeof serial; i++) {
        boot[4 + i] ^= serial[i];
    }
}

static void start_tap(struct parts *parts)
{
    static uint8_t ring[RING_BYTES];
    static struct tw_tap_record records[RECORDS];
    static struct tw_scan scans[SCANS];
    const struct tw_tap_memory memory = {ring, sizeof ring, records, RECORDS};
    const struct tw_tap_board board = {info, configure, update, parts, &parts->scans};
    uint8_t boot[16];
    make_boot_id(parts, boot);
    tw_scans_init(&parts->scans, scans, SCANS);
    tw_tap_init(&parts->tap, &memory, boot);
    tw_tap_set_board(&parts->tap, &board);
}

static void start_updater(struct parts *parts)
{
    const struct tw_nvm *nvm = tw_board_nvm();
    bool in_b = tw_image_start >= &nvm->bytes[nvm->slot_at[1]];
    const struct tw_updater_port port = {
        .nvm = nvm,
        .log = &parts->log,
        .hash = tw_arm_image_hash,
        .board = tw_board_id,
        .running = in_b ? TW_IMAGE_SLOT_B : TW_IMAGE_SLOT_A,
        .healthy_us = TW_HEALTHY_US,
    };
    tw_updater_init(&parts->updater, &port);
}

// A till of unknown speed is what a board out of the box meets; scanners come with 9600 8N1.
static void start_lines(struct parts *parts)
{
    static const struct tw_link_settings factory = {
        .till = {.baud = 0, .bits = 8, .stop = 1, .flow = TW_LINK_FLOW_RTSCTS},
        .printer = {.baud = 0, .bits = 8, .stop = 1, .flow = TW_LINK_FLOW_RTSCTS},
        .scanner = {.baud = 9600, .bits = 8, .stop = 1},
    };
    const struct tw_settings_port port = {tw_speeds_apply, &parts->speeds};
    parts->lines = tw_lines_init();
    tw_copy_init(parts->lines, &parts->tap);
    tw_board_while_waiting(tw_copy_now);
    tw_board_open_lines();
    tw_settings_open(&parts->settings, &parts->log, &port, &factory);
}

// ---- the turns

// A scan stands behind all that was printed before it, so the copy must.
static void take_scanned(struct parts *parts, uint64_t now_us)
{
    tw_copy_look(tw_pass_held(&parts->lines->scanned) > 0, now_us);
    bool some = true;
    for (unsigned i = 0; i < SCANNED_BYTES && some; i++) {
        uint8_t byte;
        bool hole;
        some = tw_pass_take_whole(&parts->lines->scanned, &byte, &hole);
        if (hole) {
            tw_scans_miss(&parts->scans, now_us);
        }
        if (some) {
            tw_scans_put(&parts->scans, &parts->tap, byte, now_us);
        }
    }
    tw_scans_tick(&parts->scans, &parts->tap, now_us);
}

static void hear_agent(struct parts *parts)
{
    uint8_t piece[PIECE_BYTES];
    size_t len = 0;
    while (len < sizeof piece && tw_pass_take(&parts->lines->heard, &piece[len])) {
        len++;
    }
    tw_tap_receive(&parts->tap, piece, len);
}

// Returns whether there may be more to say.
static bool answer_agent(struct parts *parts)
{
    uint8_t piece[PIECE_BYTES];
    size_t room = tw_pass_room(&parts->lines->said);
    size_t len = tw_tap_transmit(&parts->tap, piece, room < sizeof piece ? room : sizeof piece);
    for (size_t i = 0; i < len; i++) {
        (void)tw_pass_put(&parts->lines->said, piece[i]);
    }
    return len > 0;
}

static void look_after_update(struct parts *parts, uint64_t now_us)
{
    bool silent = tw_tap_is_silent(&parts->tap, now_us) && tw_lines_are_through();
    tw_updater_tick(&parts->updater, parts->tap.met, now_us);
    if (tw_updater_wants_restart(&parts->updater, silent, tw_tap_is_safe(&parts->tap), now_us)) {
        tw_board_finish(TW_PORT_TILL);
        tw_board_finish(TW_PORT_PRINTER);
        tw_board_restart();
    }
}

// Reached only when every part had its turn. A clock that stands still is no progress: no part would ever
// come to the end of a wait.
static void feed_watchdog(struct parts *parts, uint64_t now_us)
{
    if (now_us != parts->fed_us) {
        tw_board_feed_watchdog();
        parts->fed_us = now_us;
    }
}

// Returns whether another turn should follow at once.
static bool take_turns(struct parts *parts)
{
    uint64_t now_us = tw_board_now_us();
    take_scanned(parts, now_us);
    hear_agent(parts);
    tw_tap_tick(&parts->tap, now_us);
    bool more = answer_agent(parts);
    tw_lines_look();
    tw_speeds_look(&parts->speeds, tw_tap_is_silent(&parts->tap, now_us));
    look_after_update(parts, now_us);
    feed_watchdog(parts, now_us);
    return more;
}

// Until the next interrupt, unless one has left something to do.
static void rest(void)
{
    uint32_t state = tw_cpu_lock();
    if (tw_lines_are_idle()) {
        tw_cpu_sleep();
    }
    tw_cpu_unlock(state);
}

int main(void)
{
    static struct parts parts;
    tw_board_start();
    tw_boot_log_open(&parts.log, tw_board_nvm());
    start_tap(&parts);
    start_updater(&parts);
    start_lines(&parts);
    tw_tap_attach(&parts.tap, tw_board_now_us());
    for (;;) {
        if (!take_turns(&parts)) {
            rest();
        }
    }
}
