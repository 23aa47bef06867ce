// SPDX-License-Identifier: Apache-2.0
//
// The tap's frames to the agent, one at a time, each made when the one before it is out.
#include <string.h>

#include "firmware/core/tap_ring.h"

enum {
    HELLO_BYTES = 2 + 16 + 8 + 8 + 4,
    DATA_HEAD_BYTES = 8 + 8,
    MARK_BYTES = 8 + 8 + 1,
    LOST_BYTES = 8 + 8,
    STARTED_BYTES = 8 + 1,
};
_Static_assert(HELLO_BYTES == 38 && MARK_BYTES == 17 && STARTED_BYTES == 9, "sizes on the wire");
_Static_assert(DATA_HEAD_BYTES + TW_LINK_MAX_DATA == TW_LINK_MAX_PAYLOAD, "DATA is the longest frame");

static void emit(struct tw_tap *tap, enum tw_link_type type, const uint8_t *payload, size_t len)
{
    tap->frame_len = tw_link_encode((uint8_t)type, tap->sequence, payload, len, tap->frame);
    tap->frame_sent = 0;
    tap->sequence++;
}

// The same in two pieces; the second is encoded from where it lies.
static void emit_with(struct tw_tap *tap, enum tw_link_type type, const uint8_t *head, size_t head_len,
                      const uint8_t *bytes, size_t len)
{
    struct tw_link_writer writer;
    tw_link_begin(&writer, (uint8_t)type, tap->sequence, tap->frame);
    tw_link_add(&writer, head, head_len);
    tw_link_add(&writer, bytes, len);
    tap->frame_len = tw_link_end(&writer);
    tap->frame_sent = 0;
    tap->sequence++;
}

static void emit_hello(struct tw_tap *tap)
{
    uint8_t payload[HELLO_BYTES];
    tw_link_put(payload, TW_LINK_VERSION, 2);
    (void)memcpy(&payload[2], tap->boot, sizeof tap->boot);
    tw_link_put(&payload[18], tap->first, 8);
    tw_link_put(&payload[26], tap->next, 8);
    tw_link_put(&payload[34], tap->memory.ring_bytes, 4);
    tap->hello_due = false;
    tap->hello_due_us = tap->now_us + TW_TAP_HELLO_US;
    emit(tap, TW_LINK_HELLO, payload, sizeof payload);
}

static void emit_started(struct tw_tap *tap)
{
    uint8_t payload[STARTED_BYTES];
    tw_link_put(payload, tap->send, 8);
    payload[8] = tap->start_sequence;
    tap->answer_start = false;
    emit(tap, TW_LINK_STARTED, payload, sizeof payload);
}

static void emit_lost(struct tw_tap *tap)
{
    uint8_t payload[LOST_BYTES];
    tw_link_put(payload, tap->send, 8);
    tw_link_put(&payload[8], tap->first, 8);
    tap->send = tap->first;
    emit(tap, TW_LINK_LOST, payload, sizeof payload);
}

static void emit_mark(struct tw_tap *tap, const struct tw_tap_record *record)
{
    uint8_t payload[MARK_BYTES];
    tw_link_put(payload, record->offset, 8);
    tw_link_put(&payload[8], record->time_us, 8);
    payload[16] = record->what;
    tw_tap_pass_mark(tap);
    emit(tap, TW_LINK_MARK, payload, sizeof payload);
}

static void emit_info(struct tw_tap *tap)
{
    uint8_t payload[TW_LINK_INFO_BYTES];
    const struct tw_scans *scans = tap->board.scans;
    struct tw_link_info info = {.uptime_us = tap->now_us,
                                .lost_bytes = tap->lost_bytes,
                                .lost_scans = scans != NULL ? scans->lost : 0,
                                .bad_frames = tap->bad_frames};
    tap->board.info(tap->board.port, &info);
    tap->info_due = false;
    tap->info_due_us = tap->now_us + TW_TAP_INFO_US;
    tw_link_put_info(payload, &info);
    emit(tap, TW_LINK_INFO, payload, sizeof payload);
}

static void emit_update(struct tw_tap *tap)
{
    uint8_t payload[TW_LINK_UPDATE_STATE_BYTES];
    tw_link_put_update(payload, &tap->update);
    tap->update_due = false;
    emit(tap, TW_LINK_UPDATE_STATE, payload, sizeof payload);
}

static void emit_scans_lost(struct tw_tap *tap, uint64_t to)
{
    struct tw_scans *scans = tap->board.scans;
    uint8_t payload[TW_LINK_SCAN_LOST_BYTES];
    tw_link_put(payload, scans->send, 8);
    tw_link_put(&payload[8], to, 8);
    scans->send = to;
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    emit(tap, TW_LINK_SCAN_LOST, payload, sizeof payload);
}

static void emit_scan(struct tw_tap *tap, const struct tw_scan *scan)
{
    struct tw_scans *scans = tap->board.scans;
    if (scan->len == 0) {
        emit_scans_lost(tap, scans->send + 1);
        return;
    }
    uint8_t head[TW_LINK_SCAN_HEAD_BYTES];
    tw_link_put(head, scans->send, 8);
    tw_link_put(&head[8], scan->at, 8);
    tw_link_put(&head[16], scan->time_us, 8);
    scans->send++;
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    emit_with(tap, TW_LINK_SCAN, head, sizeof head, scan->bytes, scan->len);
}

static void emit_data(struct tw_tap *tap, size_t room)
{
    uint8_t head[DATA_HEAD_BYTES];
    const uint8_t *bytes;
    size_t len = tw_tap_piece(tap, tap->send, room, &bytes);
    tw_link_put(head, tap->send, 8);
    tw_link_put(&head[8], tw_tap_time_at_send(tap), 8);
    tap->send += len;
    tap->credit -= (uint32_t)len;
    tap->stall_due_us = tap->now_us + TW_TAP_HELLO_US;
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    emit_with(tap, TW_LINK_DATA, head, sizeof head, bytes, len);
}

// ---- what comes next

// Of a mark and a scan at one place the earlier.
static bool scan_first(const struct tw_tap *tap, const struct tw_scan *scan, const struct tw_tap_record *mark)
{
    return scan != NULL && scan->at <= tap->send && (mark == NULL || scan->time_us < mark->time_us);
}

static size_t data_room(const struct tw_tap *tap, const struct tw_scan *scan)
{
    uint64_t room = tap->next - tap->send;
    room = scan != NULL && scan->at - tap->send < room ? scan->at - tap->send : room;
    room = tap->credit < room ? tap->credit : room;
    return room < TW_LINK_MAX_DATA ? (size_t)room : TW_LINK_MAX_DATA;
}

// A mark, a scan, a hole, or bytes up to the next of them. No mark lies in a hole.
static void emit_printed(struct tw_tap *tap)
{
    const struct tw_scan *scan = tap->board.scans != NULL ? tw_scans_due(tap->board.scans) : NULL;
    const struct tw_tap_record *mark = tw_tap_due_mark(tap);
    if (scan_first(tap, scan, mark)) {
        emit_scan(tap, scan);
    } else if (mark != NULL) {
        emit_mark(tap, mark);
    } else if (tap->send < tap->first) {
        emit_lost(tap);
    } else if (data_room(tap, scan) > 0) {
        emit_data(tap, data_room(tap, scan));
    } else {
        // All was sent, or there is no credit.
    }
}

static void emit_stream(struct tw_tap *tap)
{
    const struct tw_scans *scans = tap->board.scans;
    if (tap->answer_start) {
        emit_started(tap);
    } else if (tap->info_due) {
        emit_info(tap);
    } else if (tap->update_due) {
        emit_update(tap);
    } else if (scans != NULL && scans->send < scans->first) {
        emit_scans_lost(tap, scans->first);
    } else {
        emit_printed(tap);
    }
}

static void next_frame(struct tw_tap *tap)
{
    if (tap->hello_due) {
        emit_hello(tap);
    } else if (tap->state == TW_TAP_STREAMING) {
        emit_stream(tap);
    } else {
        // Until START there is nothing else to say.
    }
}

size_t tw_tap_transmit(struct tw_tap *tap, uint8_t *out, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        if (tap->frame_len == 0) {
            next_frame(tap);
        }
        size_t part = tap->frame_len - tap->frame_sent;
        if (part == 0) {
            break;
        }
        part = part < cap - len ? part : cap - len;
        (void)memcpy(&out[len], &tap->frame[tap->frame_sent], part);
        tap->frame_sent += part;
        len += part;
        if (tap->frame_sent == tap->frame_len) {
            tw_tap_drop_frame(tap);
        }
    }
    return len;
}
