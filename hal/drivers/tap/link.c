// SPDX-License-Identifier: Apache-2.0
//
// The agent's end of the tap link (tillwire/tap_link.h), over any line: HELLO is answered by START
// with the offset the agent wants, the stream is handed on contiguous and once, any damage leads
// to START from where it broke. Credit goes back as bytes are handed on, not as they are
// acknowledged: a page longer than the window must still come through. What the tap's scanner read and what
// the tap says of itself come in the same order; its lines are set as configured, and new firmware goes out
// (sender.h) while it streams.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/code.h"
#include "hal/drivers/drivers.h"
#include "hal/drivers/tap/end.h"

enum {
    ANSWER_MS = 1000,         // START is repeated when STARTED does not come
    PATIENCE_MS = 10000,      // HELLO comes once a second until then
    INFO_PATIENCE_MS = 45000, // INFO comes every 10 s, behind what is printed
    OLDEST_VERSION = 1,       // of the link that is understood: a board must be heard to be updated
    HELLO_BYTES = 38,
    STARTED_BYTES = 9,
};

// OLD_ANSWER: STARTED for a START before the last one. STALE: whole, but not what comes next.
enum event { HELLO_NEW, HELLO_AGAIN, STARTED, OLD_ANSWER, STREAM, DAMAGE, TIMEOUT, STALE, EVENTS };

// ---- sending

void tw_tap_end_send(struct tw_tap_end *tap, uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t frame[TW_LINK_MAX_FRAME];
    size_t size = tw_link_encode(type, tap->sequence++, payload, len, frame);
    tap->driver.host->send(tap->driver.host->ctx, tw_slice_make(frame, size));
}

void tw_tap_end_credit(struct tw_tap_end *tap, uint32_t bytes)
{
    uint8_t payload[4];
    tw_link_put(payload, bytes, sizeof payload);
    tw_tap_end_send(tap, TW_LINK_CREDIT, payload, sizeof payload);
    tap->consumed = 0;
}

static void send_ack(struct tw_tap_end *tap, uint8_t type, uint64_t through)
{
    uint8_t payload[8];
    tw_link_put(payload, through, sizeof payload);
    tw_tap_end_send(tap, type, payload, sizeof payload);
}

void tw_tap_end_send_update(struct tw_tap_end *tap)
{
    uint8_t payload[TW_TAP_SENDER_MAX_FRAME];
    uint8_t type = 0;
    size_t len = tw_tap_sender_frame(&tap->sender, tap->now_ms, payload, &type);
    if (type != 0) {
        tw_tap_end_send(tap, type, payload, len);
    }
}

// ---- the state machine: what to do with a frame that passed its checks, and with damage

static void none(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    (void)tap;
    (void)frame;
}

static void count(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    tap->driver.errors++;
}

static void ask(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    uint8_t payload[24];
    memcpy(payload, tap->boot, sizeof tap->boot);
    tw_link_put(payload + 16, tap->at, 8);
    tap->start_sequence = tap->sequence;
    tap->answer_due_ms = tap->now_ms + ANSWER_MS;
    tw_tap_end_send(tap, TW_LINK_START, payload, sizeof payload);
    tw_tap_end_credit(tap, TW_TAP_END_WINDOW_BYTES);
}

static void ask_damaged(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    count(tap, frame);
    ask(tap, frame);
}

// A new line or a new boot: the agent says from where. A position beyond the tap's own end cannot
// be of this boot; the end is the nearest truth.
static void meet(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    const struct tw_driver_host *host = tap->driver.host;
    if (memcmp(tap->boot, frame->payload + 2, sizeof tap->boot) != 0) {
        memcpy(tap->boot, frame->payload + 2, sizeof tap->boot);
        tap->acknowledged = tap->scan_acknowledged = 0;
        tap->new_boot = true;
    }
    uint64_t first = tw_link_get(frame->payload + 18, 8);
    uint64_t next = tw_link_get(frame->payload + 26, 8);
    uint64_t wanted = host->sink->tap_hello(host->sink->ctx, host->config->name, tap->boot, first, next);
    tap->driver.errors += wanted > next;
    tap->at = wanted > next ? next : wanted;
    tap->mark_time_us = tap->scan = 0;
    tap->may_set = true;
    ask(tap, frame);
}

static void begin(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    tap->at = tw_link_get(frame->payload, 8);
    if (tap->acknowledged > 0 && tap->acknowledged <= tap->at) {
        send_ack(tap, TW_LINK_ACK, tap->acknowledged);
    }
    if (tap->scan_acknowledged > 0) {
        send_ack(tap, TW_LINK_SCAN_ACK, tap->scan_acknowledged);
    }
    tw_tap_sender_line_up(&tap->sender, tap->now_ms);
    tw_tap_end_send_update(tap);
}

static void hand_on(struct tw_tap_end *tap, const struct tw_link_frame *frame);

struct transition {
    void (*action)(struct tw_tap_end *tap, const struct tw_link_frame *frame);
    enum tw_tap_end_state next;
};

static const struct transition transitions[3][EVENTS] = {
    [TW_TAP_END_WAITING] =
        {
            [HELLO_NEW] = {meet, TW_TAP_END_ASKING},
            [HELLO_AGAIN] = {meet, TW_TAP_END_ASKING},
            [STARTED] = {none, TW_TAP_END_WAITING},
            [OLD_ANSWER] = {none, TW_TAP_END_WAITING},
            [STREAM] = {none, TW_TAP_END_WAITING},
            [DAMAGE] = {count, TW_TAP_END_WAITING},
            [TIMEOUT] = {none, TW_TAP_END_WAITING},
            [STALE] = {none, TW_TAP_END_WAITING},
        },
    [TW_TAP_END_ASKING] =
        {
            [HELLO_NEW] = {meet, TW_TAP_END_ASKING},
            [HELLO_AGAIN] = {none, TW_TAP_END_ASKING}, // said before our START arrived
            [STARTED] = {begin, TW_TAP_END_STREAMING},
            [OLD_ANSWER] = {none, TW_TAP_END_ASKING},
            [STREAM] = {none, TW_TAP_END_ASKING},
            [DAMAGE] = {count, TW_TAP_END_ASKING},
            [TIMEOUT] = {ask, TW_TAP_END_ASKING},
            [STALE] = {none, TW_TAP_END_ASKING},
        },
    [TW_TAP_END_STREAMING] =
        {
            [HELLO_NEW] = {meet, TW_TAP_END_ASKING},
            [HELLO_AGAIN] = {ask, TW_TAP_END_ASKING}, // the tap met damage, or lacks credit
            [STARTED] = {none, TW_TAP_END_STREAMING},
            [OLD_ANSWER] = {none, TW_TAP_END_STREAMING},
            [STREAM] = {hand_on, TW_TAP_END_STREAMING},
            [DAMAGE] = {ask_damaged, TW_TAP_END_ASKING},
            [TIMEOUT] = {none, TW_TAP_END_STREAMING},
            [STALE] = {ask_damaged, TW_TAP_END_ASKING},
        },
};

static void step(struct tw_tap_end *tap, enum event event, const struct tw_link_frame *frame)
{
    const struct transition *transition = &transitions[tap->state][event];
    tap->state = transition->next;
    transition->action(tap, frame);
}

static void hand_on(struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    if (!tw_tap_end_take(tap, frame)) {
        step(tap, STALE, frame);
    }
}

// ---- frames

static enum event classify(const struct tw_tap_end *tap, const struct tw_link_frame *frame)
{
    switch (frame->type) {
    case TW_LINK_HELLO:
        if (frame->len != HELLO_BYTES) {
            return DAMAGE;
        }
        return memcmp(frame->payload + 2, tap->boot, sizeof tap->boot) == 0 ? HELLO_AGAIN : HELLO_NEW;
    case TW_LINK_STARTED:
        if (frame->len != STARTED_BYTES) {
            return DAMAGE;
        }
        return frame->payload[8] == tap->start_sequence ? STARTED : OLD_ANSWER;
    case TW_LINK_DATA:
    case TW_LINK_MARK:
    case TW_LINK_LOST:
    case TW_LINK_SCAN:
    case TW_LINK_SCAN_LOST:
    case TW_LINK_INFO:
    case TW_LINK_UPDATE_STATE:
        return STREAM;
    default:
        return DAMAGE;
    }
}

static int take_frame(struct tw_tap_end *tap, const struct tw_link_frame *frame, struct tw_error_text *err)
{
    bool in_order = frame->sequence == tap->tap_sequence;
    tap->tap_sequence = (uint8_t)(frame->sequence + 1);
    enum event event = classify(tap, frame);
    uint64_t version = event <= HELLO_AGAIN ? tw_link_get(frame->payload, 2) : TW_LINK_VERSION;
    if (version < OLDEST_VERSION || version > TW_LINK_VERSION) {
        return tw_fail(err, TW_ERR_VERSION,
                       "the tap %s speaks version %u of the tap link, this agent version %u; "
                       "install the same release on both",
                       tap->driver.host->config->name, (unsigned)version, (unsigned)TW_LINK_VERSION);
    }
    step(tap, event == STREAM && !in_order ? DAMAGE : event, frame);
    return 0;
}

static int tap_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                    struct tw_error_text *err)
{
    struct tw_tap_end *tap = (struct tw_tap_end *)driver;
    tap->now_ms = now_ms;
    for (size_t i = 0; i < bytes.len; i++) {
        struct tw_link_frame frame;
        int outcome = tw_link_decode(&tap->decoder, bytes.ptr[i], &frame);
        if (outcome > 0) {
            int taken = take_frame(tap, &frame, err);
            if (taken != 0) {
                return taken;
            }
        } else if (outcome < 0) {
            step(tap, DAMAGE, NULL);
        }
    }
    return 0;
}

// ---- life

// What was received is printer text, and so may be card data: none of it stays.
static void forget_line(struct tw_tap_end *tap)
{
    explicit_bzero(&tap->decoder, sizeof tap->decoder);
    tap->state = TW_TAP_END_WAITING;
    tap->report.known = false;
}

static int tap_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                      struct tw_error_text *err)
{
    (void)facts;
    (void)err;
    struct tw_tap_end *tap = (struct tw_tap_end *)driver;
    tap->now_ms = now_ms;
    forget_line(tap);
    return 0;
}

static void tap_lost(struct tw_driver *driver)
{
    forget_line((struct tw_tap_end *)driver);
}

static int64_t tap_deadline(const struct tw_driver *driver)
{
    const struct tw_tap_end *tap = (const struct tw_tap_end *)driver;
    return tap->state == TW_TAP_END_ASKING      ? tap->answer_due_ms
           : tap->state == TW_TAP_END_STREAMING ? tw_tap_sender_deadline(&tap->sender)
                                                : INT64_MAX;
}

// A tap that streams has nothing to say while nothing is printed, unless it speaks of itself.
static int64_t tap_patience(const struct tw_driver *driver)
{
    const struct tw_tap_end *tap = (const struct tw_tap_end *)driver;
    return tap->state != TW_TAP_END_STREAMING ? PATIENCE_MS
           : tap->report.known                ? INFO_PATIENCE_MS
                                              : INT64_MAX;
}

static int tap_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    struct tw_tap_end *tap = (struct tw_tap_end *)driver;
    (void)err;
    tap->now_ms = now_ms;
    if (tap->state == TW_TAP_END_STREAMING) {
        tw_tap_end_send_update(tap);
    } else if (now_ms >= tap_deadline(driver)) {
        step(tap, TIMEOUT, NULL);
    }
    return 0;
}

// Kept until the line streams again where it does not now.
static void tap_acknowledge(struct tw_driver *driver, uint64_t offset, int64_t now_ms)
{
    struct tw_tap_end *tap = (struct tw_tap_end *)driver;
    tap->now_ms = now_ms;
    if (offset > tap->at || offset <= tap->acknowledged) {
        return;
    }
    tap->acknowledged = offset;
    if (tap->state == TW_TAP_END_STREAMING) {
        send_ack(tap, TW_LINK_ACK, offset);
    }
}

static void tap_acknowledge_scans(struct tw_driver *driver, uint64_t number, int64_t now_ms)
{
    struct tw_tap_end *tap = (struct tw_tap_end *)driver;
    tap->now_ms = now_ms;
    if (number > tap->scan || number <= tap->scan_acknowledged) {
        return;
    }
    tap->scan_acknowledged = number;
    if (tap->state == TW_TAP_END_STREAMING) {
        send_ack(tap, TW_LINK_SCAN_ACK, number);
    }
}

static const struct tw_tap_report *tap_report(const struct tw_driver *driver)
{
    return &((const struct tw_tap_end *)driver)->report;
}

static int tap_update(struct tw_driver *driver, struct tw_slice file, int64_t now_ms,
                      struct tw_error_text *err)
{
    struct tw_tap_end *tap = (struct tw_tap_end *)driver;
    const struct tw_link_info *info = &tap->report.info;
    struct tw_image image;
    struct tw_slice bytes;
    const char *name = tap->driver.host->config->name;
    tap->now_ms = now_ms;
    if (tw_tap_sender_is_under_way(&tap->sender)) {
        return tw_fail(err, TW_ERR_EXISTS, "%s is being updated already; wait for the end of that", name);
    }
    if (tap->state != TW_TAP_END_STREAMING || !tap->report.known) {
        return tw_fail(err, TW_ERR_REFUSED,
                       "%s has not said yet what it is; tillwire devices says whether it is ready", name);
    }
    if (info->board == TW_LINK_BOARD_LINUX) {
        return tw_fail(err, TW_ERR_REFUSED,
                       "%s is a relay, which is updated with the package it came in; only boards are "
                       "updated like this",
                       name);
    }
    int rc = tw_tap_sender_pick(file, info->board, info->slot, &image, &bytes, err);
    if (rc == TW_OK && tw_tap_sender_begin(&tap->sender, &image, bytes) != TW_OK) {
        rc = tw_fail(err, TW_ERR_NOMEM, "no memory for an image");
    }
    return rc;
}

static void tap_free(struct tw_driver *driver)
{
    forget_line((struct tw_tap_end *)driver);
    tw_tap_sender_free(&((struct tw_tap_end *)driver)->sender);
    free(driver);
}

static const struct tw_driver_ops tap_ops = {
    .opened = tap_opened,
    .lost = tap_lost,
    .feed = tap_feed,
    .tick = tap_tick,
    .deadline = tap_deadline,
    .patience_ms = tap_patience,
    .acknowledge = tap_acknowledge,
    .acknowledge_scans = tap_acknowledge_scans,
    .report = tap_report,
    .update = tap_update,
    .free = tap_free,
};

int tw_tap_driver_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    int outcome = tw_code_check(host->config, err);
    if (outcome != 0) {
        return outcome;
    }
    struct tw_tap_end *tap = calloc(1, sizeof *tap);
    if (tap == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    tap->driver = (struct tw_driver){.ops = &tap_ops, .host = host};
    tw_tap_sender_init(&tap->sender, &tap->report.update);
    *out = &tap->driver;
    return 0;
}
