// SPDX-License-Identifier: Apache-2.0
//
// What a tap tells in order: the printer's bytes and what happened between them, what its scanner read, and
// what it says of itself.
#include <string.h>

#include "hal/drivers/tap/end.h"
#include "hal/drivers/tap/scan.h"

enum {
    DATA_HEAD_BYTES = 16,
    MARK_BYTES = 17,
    LOST_BYTES = 16,
};

static bool take_data(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    const struct tw_driver_host *host = tap->driver.host;
    if (frame->len <= DATA_HEAD_BYTES || tw_link_get(frame->payload, 8) != tap->at) {
        return false;
    }
    uint64_t offset = tap->at;
    size_t len = frame->len - DATA_HEAD_BYTES;
    tap->at += len;
    tap->consumed += (uint32_t)len;
    host->sink->tap_bytes(host->sink->ctx, host->config->name, offset, tw_link_get(frame->payload + 8, 8),
                          tw_slice_make(frame->payload + DATA_HEAD_BYTES, len));
    if (tap->consumed >= TW_TAP_END_WINDOW_BYTES / 2) {
        tw_tap_end_credit(tap, tap->consumed);
    }
    return true;
}

static bool take_mark(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    const struct tw_driver_host *host = tap->driver.host;
    if (frame->len != MARK_BYTES || tw_link_get(frame->payload, 8) != tap->at) {
        return false;
    }
    uint64_t time_us = tw_link_get(frame->payload + 8, 8);
    if (time_us > tap->mark_time_us) { // else it was sent again after damage
        tap->mark_time_us = time_us;
        host->sink->tap_mark(host->sink->ctx, host->config->name, tap->at, frame->payload[16]);
    }
    return true;
}

static bool take_lost(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    const struct tw_driver_host *host = tap->driver.host;
    if (frame->len != LOST_BYTES || tw_link_get(frame->payload, 8) != tap->at) {
        return false;
    }
    uint64_t from = tap->at;
    uint64_t to = tw_link_get(frame->payload + 8, 8);
    if (to <= from) {
        return false;
    }
    tap->at = to;
    host->sink->tap_lost(host->sink->ctx, host->config->name, from, to);
    return true;
}

// By the tap's clock, as it stood when it last said so.
static int64_t age_ms(const struct tw_tap_end *tap, uint64_t time_us)
{
    uint64_t now_us =
        tap->report.info.uptime_us + (uint64_t)(tap->now_ms - tap->report.info_ms) * UINT64_C(1000);
    return !tap->report.known ? INT64_MAX : now_us > time_us ? (int64_t)((now_us - time_us) / 1000) : 0;
}

static bool take_scan(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    const struct tw_device_sink *sink = tap->driver.host->sink;
    if (frame->len <= TW_LINK_SCAN_HEAD_BYTES || frame->len > TW_LINK_SCAN_HEAD_BYTES + TW_LINK_MAX_SCAN ||
        tw_link_get(frame->payload + 8, 8) > tap->at) {
        return false;
    }
    struct tw_tap_scan scan = {.number = tw_link_get(frame->payload, 8),
                               .time_us = tw_link_get(frame->payload + 16, 8)};
    if (scan.number <= tap->scan || sink->tap_scan == NULL) { // it was sent again after damage
        return scan.number > 0;
    }
    uint8_t room[TW_CODE_ROOM];
    tap->scan = scan.number;
    scan.age_ms = age_ms(tap, scan.time_us);
    scan.code = tw_tap_scan_code(
        &tap->driver,
        tw_slice_make(frame->payload + TW_LINK_SCAN_HEAD_BYTES, frame->len - TW_LINK_SCAN_HEAD_BYTES), room);
    sink->tap_scan(sink->ctx, tap->driver.host->config->name, &scan);
    explicit_bzero(room, sizeof room);
    return true;
}

static bool take_scan_lost(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    const struct tw_device_sink *sink = tap->driver.host->sink;
    uint64_t from = frame->len == TW_LINK_SCAN_LOST_BYTES ? tw_link_get(frame->payload, 8) : 0;
    uint64_t to = frame->len == TW_LINK_SCAN_LOST_BYTES ? tw_link_get(frame->payload + 8, 8) : 0;
    if (from == 0 || to <= from) {
        return false;
    }
    if (to - 1 > tap->scan && sink->tap_scans_lost != NULL) {
        tap->scan = to - 1;
        sink->tap_scans_lost(sink->ctx, tap->driver.host->config->name, from, to);
    }
    return true;
}

static bool lines_differ(const struct tw_link_line *wanted, const struct tw_link_line *is)
{
    return wanted->bits != 0 &&
           (wanted->baud != is->baud || wanted->bits != is->bits || wanted->parity != is->parity ||
            wanted->stop != is->stop || wanted->flow != is->flow);
}

// Its lines as configured, once for every line and boot: the board keeps them, and leaves those that are not
// configured as they are (bits 0). What it says of these may be of a moment, while it finds a speed.
static void set_lines(struct tw_tap_end *tap)
{
    const struct tw_device_config *config = tap->driver.host->config;
    const struct tw_link_settings *is = &tap->report.info.lines;
    const struct tw_link_settings lines = {config->till, config->printer, config->scanner};
    bool differ = lines_differ(&lines.till, &is->till) || lines_differ(&lines.printer, &is->printer) ||
                  lines_differ(&lines.scanner, &is->scanner);
    if (tap->may_set && differ) {
        uint8_t payload[TW_LINK_CONFIG_BYTES];
        tw_link_put_settings(payload, &lines);
        tw_tap_end_send(tap, TW_LINK_CONFIG, payload, sizeof payload);
    }
    tap->may_set = false;
}

static bool take_info(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    if (frame->len != TW_LINK_INFO_BYTES) {
        return false;
    }
    tw_link_get_info(frame->payload, &tap->report.info);
    tap->report.known = true;
    tap->report.info_ms = tap->now_ms;
    tw_tap_sender_informed(&tap->sender, &tap->report.info, tap->new_boot, tap->now_ms);
    tap->new_boot = false;
    set_lines(tap);
    tw_tap_end_send_update(tap);
    return true;
}

static bool take_update_state(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    if (frame->len != TW_LINK_UPDATE_STATE_BYTES) {
        return false;
    }
    struct tw_link_update answer;
    tw_link_get_update(frame->payload, &answer);
    tw_tap_sender_answered(&tap->sender, &answer, tap->now_ms);
    tw_tap_end_send_update(tap);
    return true;
}

bool tw_tap_end_take(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    static bool (*const takers[])(struct tw_tap_end * tap, const struct tw_link_frame *frame) = {
        [TW_LINK_DATA] = take_data,
        [TW_LINK_MARK] = take_mark,
        [TW_LINK_LOST] = take_lost,
        [TW_LINK_SCAN] = take_scan,
        [TW_LINK_SCAN_LOST] = take_scan_lost,
        [TW_LINK_INFO] = take_info,
        [TW_LINK_UPDATE_STATE] = take_update_state,
    };
    return takers[frame->type](tap, frame);
}
