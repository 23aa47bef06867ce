// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/tap.h"

#include <string.h>

#include "firmware/core/tap_ring.h"

enum {
    HELLO_BYTES = 2 + 16 + 8 + 8 + 4,
    DATA_HEAD_BYTES = 8 + 8,
    MARK_BYTES = 8 + 8 + 1,
    LOST_BYTES = 8 + 8,
    STARTED_BYTES = 8 + 1,
    START_BYTES = 16 + 8,
    ACK_BYTES = 8,
    CREDIT_BYTES = 4,
};
_Static_assert(HELLO_BYTES == 38 && START_BYTES == 24 && MARK_BYTES == 17, "sizes on the wire");
_Static_assert(DATA_HEAD_BYTES + TW_LINK_MAX_DATA == TW_LINK_MAX_PAYLOAD, "DATA is the longest frame");
_Static_assert(sizeof(struct tw_tap) <= 2560, "the board has 64 KiB for everything");
_Static_assert(sizeof(struct tw_tap_record) <= 24, "records are many");

void tw_tap_init(struct tw_tap *tap, const struct tw_tap_memory *memory, const uint8_t boot[16])
{
    memset(tap, 0, sizeof *tap);
    tap->memory = *memory;
    memcpy(tap->boot, boot, sizeof tap->boot);
}

// ---- the link's state machine

enum event { ATTACH, DETACH, START, BAD_START, ACK, CREDIT, DAMAGE, STALL, EVENTS };

static void none(struct tw_tap *tap, const uint8_t *payload)
{
    (void)tap;
    (void)payload;
}

static void count_bad(struct tw_tap *tap, const uint8_t *payload)
{
    (void)payload;
    tap->bad_frames++;
}

static void greet(struct tw_tap *tap, const uint8_t *payload)
{
    (void)payload;
    tap->hello_due = 1;
    tap->answer_start = 0;
    tap->credit = 0;
}

static void greet_bad(struct tw_tap *tap, const uint8_t *payload)
{
    count_bad(tap, payload);
    greet(tap, payload);
}

// A half-sent frame dies with its line.
static void forget_line(struct tw_tap *tap, const uint8_t *payload)
{
    (void)payload;
    tap->frame_len = 0;
    tap->frame_sent = 0;
    tap->decoder.len = 0;
    tap->decoder.overflow = 0;
    tap->hello_due = 0;
    tap->answer_start = 0;
}

static void attach(struct tw_tap *tap, const uint8_t *payload)
{
    forget_line(tap, payload);
    greet(tap, payload);
}

// What is acknowledged does not come again, and what is not yet printed cannot come: the answer
// names the offset that is meant.
static void start(struct tw_tap *tap, const uint8_t *payload)
{
    uint64_t offset = tw_link_get(payload + 16, 8);
    offset = offset < tap->acked ? tap->acked : offset;
    offset = offset > tap->next ? tap->next : offset;
    tap->send = offset;
    tap->record_send = tw_tap_find_record(tap, offset);
    tap->credit = 0;
    tap->hello_due = 0;
    tap->answer_start = 1;
    tap->start_sequence = (uint8_t)(tap->agent_sequence - 1);
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    tap->stall_due_us = tap->now_us + TW_TAP_HELLO_US;
}

static void acknowledge(struct tw_tap *tap, const uint8_t *payload)
{
    uint64_t offset = tw_link_get(payload, 8);
    if (offset > tap->next) {
        tap->bad_frames++;
        return;
    }
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    tw_tap_forget(tap, offset);
}

static void add_credit(struct tw_tap *tap, const uint8_t *payload)
{
    uint32_t more = (uint32_t)tw_link_get(payload, 4);
    tap->credit = more > UINT32_MAX - tap->credit ? UINT32_MAX : tap->credit + more;
    tap->stall_due_us = tap->now_us + TW_TAP_HELLO_US;
}

struct transition {
    void (*action)(struct tw_tap *tap, const uint8_t *payload);
    enum tw_tap_state next;
};

static const struct transition transitions[3][EVENTS] = {
    [TW_TAP_DETACHED] =
        {
            [ATTACH] = {attach, TW_TAP_GREETING},
            [DETACH] = {none, TW_TAP_DETACHED},
            [START] = {none, TW_TAP_DETACHED},
            [BAD_START] = {none, TW_TAP_DETACHED},
            [ACK] = {none, TW_TAP_DETACHED},
            [CREDIT] = {none, TW_TAP_DETACHED},
            [DAMAGE] = {none, TW_TAP_DETACHED},
            [STALL] = {none, TW_TAP_DETACHED},
        },
    [TW_TAP_GREETING] =
        {
            [ATTACH] = {attach, TW_TAP_GREETING},
            [DETACH] = {forget_line, TW_TAP_DETACHED},
            [START] = {start, TW_TAP_STREAMING},
            [BAD_START] = {greet_bad, TW_TAP_GREETING},
            [ACK] = {none, TW_TAP_GREETING},
            [CREDIT] = {none, TW_TAP_GREETING},
            [DAMAGE] = {count_bad, TW_TAP_GREETING},
            [STALL] = {none, TW_TAP_GREETING},
        },
    [TW_TAP_STREAMING] =
        {
            [ATTACH] = {attach, TW_TAP_GREETING},
            [DETACH] = {forget_line, TW_TAP_DETACHED},
            [START] = {start, TW_TAP_STREAMING},
            [BAD_START] = {greet_bad, TW_TAP_GREETING},
            [ACK] = {acknowledge, TW_TAP_STREAMING},
            [CREDIT] = {add_credit, TW_TAP_STREAMING},
            [DAMAGE] = {greet_bad, TW_TAP_GREETING},
            [STALL] = {greet, TW_TAP_GREETING},
        },
};

static void step(struct tw_tap *tap, enum event event, const uint8_t *payload)
{
    const struct transition *transition = &transitions[tap->state][event];
    tap->state = transition->next;
    transition->action(tap, payload);
}

void tw_tap_attach(struct tw_tap *tap, uint64_t time_us)
{
    tap->now_us = time_us;
    step(tap, ATTACH, NULL);
}

void tw_tap_detach(struct tw_tap *tap)
{
    step(tap, DETACH, NULL);
}

// ---- from the agent

static enum event classify(const struct tw_tap *tap, const struct tw_link_frame *frame)
{
    switch (frame->type) {
    case TW_LINK_START:
        if (frame->len != START_BYTES) {
            return DAMAGE;
        }
        return memcmp(frame->payload, tap->boot, sizeof tap->boot) == 0 ? START : BAD_START;
    case TW_LINK_ACK:
        return frame->len == ACK_BYTES ? ACK : DAMAGE;
    case TW_LINK_CREDIT:
        return frame->len == CREDIT_BYTES ? CREDIT : DAMAGE;
    default:
        return DAMAGE;
    }
}

// START begins a new count of sequence numbers; any other frame must be the next one.
static void take_frame(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    enum event event = classify(tap, frame);
    if (event != START && tap->state == TW_TAP_STREAMING && frame->sequence != tap->agent_sequence) {
        event = DAMAGE;
    }
    tap->agent_sequence = (uint8_t)(frame->sequence + 1);
    step(tap, event, frame->payload);
}

void tw_tap_receive(struct tw_tap *tap, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        struct tw_link_frame frame;
        int outcome = tw_link_decode(&tap->decoder, bytes[i], &frame);
        if (outcome > 0) {
            take_frame(tap, &frame);
        } else if (outcome < 0) {
            step(tap, DAMAGE, NULL);
        }
    }
}

// ---- to the agent

static void emit(struct tw_tap *tap, enum tw_link_type type, const uint8_t *payload, size_t len)
{
    tap->frame_len = tw_link_encode((uint8_t)type, tap->sequence, payload, len, tap->frame);
    tap->frame_sent = 0;
    tap->sequence++;
}

static void emit_hello(struct tw_tap *tap)
{
    uint8_t payload[HELLO_BYTES];
    tw_link_put(payload, TW_LINK_VERSION, 2);
    memcpy(payload + 2, tap->boot, sizeof tap->boot);
    tw_link_put(payload + 18, tap->first, 8);
    tw_link_put(payload + 26, tap->next, 8);
    tw_link_put(payload + 34, tap->memory.ring_bytes, 4);
    tap->hello_due = 0;
    tap->hello_due_us = tap->now_us + TW_TAP_HELLO_US;
    emit(tap, TW_LINK_HELLO, payload, sizeof payload);
}

static void emit_started(struct tw_tap *tap)
{
    uint8_t payload[STARTED_BYTES];
    tw_link_put(payload, tap->send, 8);
    payload[8] = tap->start_sequence;
    tap->answer_start = 0;
    emit(tap, TW_LINK_STARTED, payload, sizeof payload);
}

static void emit_lost(struct tw_tap *tap)
{
    uint8_t payload[LOST_BYTES];
    tw_link_put(payload, tap->send, 8);
    tw_link_put(payload + 8, tap->first, 8);
    tap->send = tap->first;
    emit(tap, TW_LINK_LOST, payload, sizeof payload);
}

static void emit_mark(struct tw_tap *tap, const struct tw_tap_record *record)
{
    uint8_t payload[MARK_BYTES];
    tw_link_put(payload, record->offset, 8);
    tw_link_put(payload + 8, record->time_us, 8);
    payload[16] = record->what;
    emit(tap, TW_LINK_MARK, payload, sizeof payload);
}

static void emit_data(struct tw_tap *tap)
{
    uint8_t payload[TW_LINK_MAX_PAYLOAD];
    size_t room = tap->credit < TW_LINK_MAX_DATA ? tap->credit : TW_LINK_MAX_DATA;
    size_t len = tw_tap_copy_out(tap, tap->send, payload + DATA_HEAD_BYTES, room);
    tw_link_put(payload, tap->send, 8);
    tw_link_put(payload + 8, tw_tap_time_at_send(tap), 8);
    tap->send += len;
    tap->credit -= (uint32_t)len;
    tap->stall_due_us = tap->now_us + TW_TAP_HELLO_US;
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    emit(tap, TW_LINK_DATA, payload, DATA_HEAD_BYTES + len);
}

// What comes next in the stream: a hole, a mark, or bytes.
static void emit_stream(struct tw_tap *tap)
{
    if (tap->answer_start) {
        emit_started(tap);
        return;
    }
    if (tap->send < tap->first) {
        emit_lost(tap);
        return;
    }
    const struct tw_tap_record *mark = tw_tap_take_mark(tap);
    if (mark != NULL) {
        emit_mark(tap, mark);
    } else if (tap->send < tap->next && tap->credit > 0) {
        emit_data(tap);
    }
}

static void next_frame(struct tw_tap *tap)
{
    tap->frame_len = 0;
    tap->frame_sent = 0;
    if (tap->hello_due) {
        emit_hello(tap);
    } else if (tap->state == TW_TAP_STREAMING) {
        emit_stream(tap);
    }
}

size_t tw_tap_transmit(struct tw_tap *tap, uint8_t *out, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        if (tap->frame_sent == tap->frame_len) {
            next_frame(tap);
        }
        size_t part = tap->frame_len - tap->frame_sent;
        if (part == 0) {
            break;
        }
        part = part < cap - len ? part : cap - len;
        memcpy(out + len, tap->frame + tap->frame_sent, part);
        tap->frame_sent += part;
        len += part;
    }
    return len;
}

// ---- time

static int stalled(const struct tw_tap *tap)
{
    return tap->state == TW_TAP_STREAMING && tap->credit == 0 && tap->send < tap->next;
}

// The last frame may have vanished, with none behind it to show that: the agent's answer to HELLO names
// what it has.
static int doubtful(const struct tw_tap *tap)
{
    return tap->state == TW_TAP_STREAMING && tap->send == tap->next && tap->first < tap->next;
}

uint64_t tw_tap_deadline_us(const struct tw_tap *tap)
{
    if (tap->state == TW_TAP_GREETING) {
        return tap->hello_due ? tap->now_us : tap->hello_due_us;
    }
    if (doubtful(tap)) {
        return tap->doubt_due_us;
    }
    return stalled(tap) ? tap->stall_due_us : UINT64_MAX;
}

void tw_tap_tick(struct tw_tap *tap, uint64_t time_us)
{
    tap->now_us = time_us;
    if (tap->state == TW_TAP_GREETING && time_us >= tap->hello_due_us) {
        tap->hello_due = 1;
    } else if ((stalled(tap) && time_us >= tap->stall_due_us) ||
               (doubtful(tap) && time_us >= tap->doubt_due_us)) {
        step(tap, STALL, NULL);
    }
}
