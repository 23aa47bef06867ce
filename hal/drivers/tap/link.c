// SPDX-License-Identifier: Apache-2.0
//
// The agent's end of the tap link (tillwire/tap_link.h), over any line: HELLO is answered by START
// with the offset the agent wants, the stream is handed on contiguous and once, any damage leads
// to START from where it broke. Credit goes back as bytes are handed on, not as they are
// acknowledged: a page longer than the window must still come through.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/drivers.h"
#include "tillwire/tap_link.h"

enum {
    WINDOW_BYTES = 256 * 1024, // what a tap may have on its way to us
    ANSWER_MS = 1000,          // START is repeated when STARTED does not come
    PATIENCE_MS = 10000,       // HELLO comes once a second until then
    HELLO_BYTES = 38,
    STARTED_BYTES = 9,
    DATA_HEAD_BYTES = 16,
    MARK_BYTES = 17,
    LOST_BYTES = 16,
};

enum state { WAITING, ASKING, STREAMING };
// OLD_ANSWER: STARTED for a START before the last one. STALE: whole, but not what comes next.
enum event { HELLO_NEW, HELLO_AGAIN, STARTED, OLD_ANSWER, STREAM, DAMAGE, TIMEOUT, STALE, EVENTS };

struct tap {
    struct tw_driver driver;
    enum state state;
    struct tw_link_decoder decoder;
    uint8_t boot[16];
    uint8_t sequence;       // of the next frame we send
    uint8_t tap_sequence;   // of the next frame expected
    uint8_t start_sequence; // of the START whose answer is awaited
    uint64_t at;            // all before was handed on
    uint64_t acknowledged;  // by the agent, of this boot
    uint64_t mark_time_us;  // of the newest mark handed on
    uint32_t consumed;      // handed on since the last CREDIT
    int64_t now_ms;
    int64_t answer_due_ms;
};

// ---- sending

static void send_frame(struct tap *tap, uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t frame[TW_LINK_MAX_FRAME];
    size_t size = tw_link_encode(type, tap->sequence++, payload, len, frame);
    tap->driver.host->send(tap->driver.host->ctx, tw_slice_make(frame, size));
}

static void send_credit(struct tap *tap, uint32_t bytes)
{
    uint8_t payload[4];
    tw_link_put(payload, bytes, sizeof payload);
    send_frame(tap, TW_LINK_CREDIT, payload, sizeof payload);
    tap->consumed = 0;
}

static void send_ack(struct tap *tap)
{
    uint8_t payload[8];
    tw_link_put(payload, tap->acknowledged, sizeof payload);
    send_frame(tap, TW_LINK_ACK, payload, sizeof payload);
}

// ---- the state machine: what to do with a frame that passed its checks, and with damage

static void none(struct tap *tap, const struct tw_link_frame *frame)
{
    (void)tap;
    (void)frame;
}

static void count(struct tap *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    tap->driver.errors++;
}

static void ask(struct tap *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    uint8_t payload[24];
    memcpy(payload, tap->boot, sizeof tap->boot);
    tw_link_put(payload + 16, tap->at, 8);
    tap->start_sequence = tap->sequence;
    tap->answer_due_ms = tap->now_ms + ANSWER_MS;
    send_frame(tap, TW_LINK_START, payload, sizeof payload);
    send_credit(tap, WINDOW_BYTES);
}

static void ask_damaged(struct tap *tap, const struct tw_link_frame *frame)
{
    count(tap, frame);
    ask(tap, frame);
}

// A new line or a new boot: the agent says from where. A position beyond the tap's own end cannot
// be of this boot; the end is the nearest truth.
static void meet(struct tap *tap, const struct tw_link_frame *frame)
{
    const struct tw_driver_host *host = tap->driver.host;
    if (memcmp(tap->boot, frame->payload + 2, sizeof tap->boot) != 0) {
        memcpy(tap->boot, frame->payload + 2, sizeof tap->boot);
        tap->acknowledged = 0;
    }
    uint64_t first = tw_link_get(frame->payload + 18, 8);
    uint64_t next = tw_link_get(frame->payload + 26, 8);
    uint64_t wanted = host->sink->tap_hello(host->sink->ctx, host->config->name, tap->boot, first, next);
    tap->driver.errors += wanted > next;
    tap->at = wanted > next ? next : wanted;
    tap->mark_time_us = 0;
    ask(tap, frame);
}

static void begin(struct tap *tap, const struct tw_link_frame *frame)
{
    tap->at = tw_link_get(frame->payload, 8);
    if (tap->acknowledged > 0 && tap->acknowledged <= tap->at) {
        send_ack(tap);
    }
}

static void hand_on(struct tap *tap, const struct tw_link_frame *frame);

struct transition {
    void (*action)(struct tap *tap, const struct tw_link_frame *frame);
    enum state next;
};

static const struct transition transitions[3][EVENTS] = {
    [WAITING] =
        {
            [HELLO_NEW] = {meet, ASKING},
            [HELLO_AGAIN] = {meet, ASKING},
            [STARTED] = {none, WAITING},
            [OLD_ANSWER] = {none, WAITING},
            [STREAM] = {none, WAITING},
            [DAMAGE] = {count, WAITING},
            [TIMEOUT] = {none, WAITING},
            [STALE] = {none, WAITING},
        },
    [ASKING] =
        {
            [HELLO_NEW] = {meet, ASKING},
            [HELLO_AGAIN] = {none, ASKING}, // said before our START arrived
            [STARTED] = {begin, STREAMING},
            [OLD_ANSWER] = {none, ASKING},
            [STREAM] = {none, ASKING},
            [DAMAGE] = {count, ASKING},
            [TIMEOUT] = {ask, ASKING},
            [STALE] = {none, ASKING},
        },
    [STREAMING] =
        {
            [HELLO_NEW] = {meet, ASKING},
            [HELLO_AGAIN] = {ask, ASKING}, // the tap met damage, or lacks credit
            [STARTED] = {none, STREAMING},
            [OLD_ANSWER] = {none, STREAMING},
            [STREAM] = {hand_on, STREAMING},
            [DAMAGE] = {ask_damaged, ASKING},
            [TIMEOUT] = {none, STREAMING},
            [STALE] = {ask_damaged, ASKING},
        },
};

static void step(struct tap *tap, enum event event, const struct tw_link_frame *frame)
{
    const struct transition *transition = &transitions[tap->state][event];
    tap->state = transition->next;
    transition->action(tap, frame);
}

// ---- the stream

static bool take_data(struct tap *tap, const struct tw_link_frame *frame)
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
    if (tap->consumed >= WINDOW_BYTES / 2) {
        send_credit(tap, tap->consumed);
    }
    return true;
}

static bool take_mark(struct tap *tap, const struct tw_link_frame *frame)
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

static bool take_lost(struct tap *tap, const struct tw_link_frame *frame)
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

static void hand_on(struct tap *tap, const struct tw_link_frame *frame)
{
    bool good = frame->type == TW_LINK_DATA   ? take_data(tap, frame)
                : frame->type == TW_LINK_MARK ? take_mark(tap, frame)
                                              : take_lost(tap, frame);
    if (!good) {
        step(tap, STALE, frame);
    }
}

// ---- frames

static enum event classify(const struct tap *tap, const struct tw_link_frame *frame)
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
        return STREAM;
    default:
        return DAMAGE;
    }
}

static int take_frame(struct tap *tap, const struct tw_link_frame *frame, struct tw_error_text *err)
{
    bool in_order = frame->sequence == tap->tap_sequence;
    tap->tap_sequence = (uint8_t)(frame->sequence + 1);
    enum event event = classify(tap, frame);
    if (event <= HELLO_AGAIN && tw_link_get(frame->payload, 2) != TW_LINK_VERSION) {
        return tw_fail(err, TW_ERR_VERSION,
                       "the tap %s speaks version %u of the tap link, this agent version %u; "
                       "install the same release on both",
                       tap->driver.host->config->name, (unsigned)tw_link_get(frame->payload, 2),
                       (unsigned)TW_LINK_VERSION);
    }
    step(tap, event == STREAM && !in_order ? DAMAGE : event, frame);
    return 0;
}

static int tap_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                    struct tw_error_text *err)
{
    struct tap *tap = (struct tap *)driver;
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
static void forget_line(struct tap *tap)
{
    explicit_bzero(&tap->decoder, sizeof tap->decoder);
    tap->state = WAITING;
}

static int tap_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                      struct tw_error_text *err)
{
    (void)facts;
    (void)err;
    struct tap *tap = (struct tap *)driver;
    tap->now_ms = now_ms;
    forget_line(tap);
    return 0;
}

static void tap_lost(struct tw_driver *driver)
{
    forget_line((struct tap *)driver);
}

static int64_t tap_deadline(const struct tw_driver *driver)
{
    const struct tap *tap = (const struct tap *)driver;
    return tap->state == ASKING ? tap->answer_due_ms : INT64_MAX;
}

// A tap that streams has nothing to say while nothing is printed.
static int64_t tap_patience(const struct tw_driver *driver)
{
    return ((const struct tap *)driver)->state == STREAMING ? INT64_MAX : PATIENCE_MS;
}

static int tap_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    struct tap *tap = (struct tap *)driver;
    (void)err;
    tap->now_ms = now_ms;
    if (now_ms >= tap_deadline(driver)) {
        step(tap, TIMEOUT, NULL);
    }
    return 0;
}

// Kept until the line streams again where it does not now.
static void tap_acknowledge(struct tw_driver *driver, uint64_t offset, int64_t now_ms)
{
    struct tap *tap = (struct tap *)driver;
    tap->now_ms = now_ms;
    if (offset > tap->at || offset <= tap->acknowledged) {
        return;
    }
    tap->acknowledged = offset;
    if (tap->state == STREAMING) {
        send_ack(tap);
    }
}

static void tap_free(struct tw_driver *driver)
{
    forget_line((struct tap *)driver);
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
    .free = tap_free,
};

int tw_tap_driver_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    tap->driver = (struct tw_driver){.ops = &tap_ops, .host = host};
    *out = &tap->driver;
    return 0;
}
