// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/tap.h"

#include <string.h>

#include "firmware/core/tap_ring.h"

enum { START_BYTES = 16 + 8, ACK_BYTES = 8, CREDIT_BYTES = 4 };

_Static_assert(sizeof(struct tw_tap) <= 2560, "the board has 64 KiB for everything");
_Static_assert(sizeof(struct tw_tap_record) <= 24, "records are many");

void tw_tap_init(struct tw_tap *tap, const struct tw_tap_memory *memory, const uint8_t boot[16])
{
    (void)memset(tap, 0, sizeof *tap);
    tap->memory = *memory;
    (void)memcpy(tap->boot, boot, sizeof tap->boot);
}

void tw_tap_set_board(struct tw_tap *tap, const struct tw_tap_board *board)
{
    tap->board = *board;
}

// ---- the link's state machine

enum event { ATTACH, DETACH, START, BAD_START, ACK, CREDIT, SCAN_ACK, CONFIG, UPDATE, DAMAGE, STALL, EVENTS };

static void none(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    (void)tap;
    (void)frame;
}

static void count_bad(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    tap->bad_frames++;
}

static void greet(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    tap->hello_due = true;
    tap->answer_start = false;
    tap->credit = 0;
}

static void greet_bad(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    count_bad(tap, frame);
    greet(tap, frame);
}

// A half-sent frame dies with its line.
static void forget_line(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    (void)frame;
    tw_tap_drop_frame(tap);
    tap->decoder.len = 0;
    tap->decoder.overflow = 0;
    tap->hello_due = false;
    tap->answer_start = false;
    tap->update_due = false;
}

static void attach(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    forget_line(tap, frame);
    greet(tap, frame);
}

// What is acknowledged does not come again, and what is not yet printed cannot come: the answer
// names the offset that is meant.
static void start(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    uint64_t offset = tw_link_get(&frame->payload[16], 8);
    offset = offset < tap->acked ? tap->acked : offset;
    offset = offset > tap->next ? tap->next : offset;
    tap->send = offset;
    tap->record_send = tw_tap_find_record(tap, offset);
    tap->credit = 0;
    tap->hello_due = false;
    tap->answer_start = true;
    tap->info_due = tap->board.info != NULL;
    tap->met = true;
    if (tap->board.scans != NULL) {
        tw_scans_rewind(tap->board.scans);
    }
    tap->start_sequence = (uint8_t)(tap->agent_sequence - 1);
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    tap->stall_due_us = tap->now_us + TW_TAP_HELLO_US;
}

static void acknowledge(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    uint64_t offset = tw_link_get(frame->payload, 8);
    if (offset > tap->next) {
        tap->bad_frames++;
        return;
    }
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
    tw_tap_forget(tap, offset);
}

static void add_credit(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    uint32_t more = (uint32_t)tw_link_get(frame->payload, 4);
    tap->credit = more > UINT32_MAX - tap->credit ? UINT32_MAX : tap->credit + more;
    tap->stall_due_us = tap->now_us + TW_TAP_HELLO_US;
}

static void acknowledge_scans(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    if (tap->board.scans == NULL || !tw_scans_forget(tap->board.scans, tw_link_get(frame->payload, 8))) {
        tap->bad_frames++;
        return;
    }
    tap->doubt_due_us = tap->now_us + TW_TAP_DOUBT_US;
}

// Answered by what counts from now on, whether it was taken over or not.
static void configure(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    struct tw_link_settings wanted;
    tw_link_get_settings(frame->payload, &wanted);
    if (!tap->board.configure(tap->board.port, &wanted)) {
        tap->bad_frames++;
    }
    tap->info_due = true;
}

static void pass_to_update(struct tw_tap *tap, const struct tw_link_frame *frame)
{
    tap->update = tap->board.update(tap->board.port, frame, tap->now_us);
    tap->update_due = true;
}

struct transition {
    void (*action)(struct tw_tap *tap, const struct tw_link_frame *frame);
    enum tw_tap_state next;
};

static const struct transition transitions[3][EVENTS] =
    {
        [TW_TAP_DETACHED] =
            {
                [ATTACH] = {attach, TW_TAP_GREETING},
                [DETACH] = {none, TW_TAP_DETACHED},
                [START] = {none, TW_TAP_DETACHED},
                [BAD_START] = {none, TW_TAP_DETACHED},
                [ACK] = {none, TW_TAP_DETACHED},
                [CREDIT] = {none, TW_TAP_DETACHED},
                [SCAN_ACK] = {none, TW_TAP_DETACHED},
                [CONFIG] = {none, TW_TAP_DETACHED},
                [UPDATE] = {none, TW_TAP_DETACHED},
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
                [SCAN_ACK] = {none, TW_TAP_GREETING},
                [CONFIG] = {none, TW_TAP_GREETING},
                [UPDATE] = {none, TW_TAP_GREETING},
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
                [SCAN_ACK] = {acknowledge_scans, TW_TAP_STREAMING},
                [CONFIG] = {configure, TW_TAP_STREAMING},
                [UPDATE] = {pass_to_update, TW_TAP_STREAMING},
                [DAMAGE] = {greet_bad, TW_TAP_GREETING},
                [STALL] = {greet, TW_TAP_GREETING},
            },
};

static void step(struct tw_tap *tap, enum event event, const struct tw_link_frame *frame)
{
    const struct transition *transition = &transitions[tap->state][event];
    tap->state = transition->next;
    transition->action(tap, frame);
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

static enum event only(enum event event, bool good)
{
    return good ? event : DAMAGE;
}

static enum event classify(const struct tw_tap *tap, const struct tw_link_frame *frame)
{
    bool board = tap->board.info != NULL;
    switch (frame->type) {
    case TW_LINK_START:
        if (frame->len != START_BYTES) {
            return DAMAGE;
        }
        return memcmp(frame->payload, tap->boot, sizeof tap->boot) == 0 ? START : BAD_START;
    case TW_LINK_ACK:
        return only(ACK, frame->len == ACK_BYTES);
    case TW_LINK_CREDIT:
        return only(CREDIT, frame->len == CREDIT_BYTES);
    case TW_LINK_SCAN_ACK:
        return only(SCAN_ACK, frame->len == TW_LINK_SCAN_ACK_BYTES);
    case TW_LINK_CONFIG:
        return only(CONFIG, board && frame->len == TW_LINK_CONFIG_BYTES);
    case TW_LINK_UPDATE_BEGIN:
        return only(UPDATE, board && frame->len == TW_LINK_UPDATE_BEGIN_BYTES);
    case TW_LINK_UPDATE_DATA:
        return only(UPDATE, board && frame->len > TW_LINK_UPDATE_DATA_HEAD_BYTES &&
                                frame->len <= TW_LINK_UPDATE_DATA_HEAD_BYTES + TW_LINK_MAX_DATA);
    case TW_LINK_UPDATE_END:
        return only(UPDATE, board && frame->len == 0);
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
    step(tap, event, frame);
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
        } else {
            // The frame goes on.
        }
    }
}

// ---- time

static bool stalled(const struct tw_tap *tap)
{
    return tap->state == TW_TAP_STREAMING && tap->credit == 0 && tap->send < tap->next;
}

static bool scans_wait(const struct tw_tap *tap)
{
    const struct tw_scans *scans = tap->board.scans;
    return scans != NULL && scans->acked + 1 < scans->next;
}

// The last frame may have vanished, with none behind it to show that: the agent's answer to HELLO names
// what it has.
static bool doubtful(const struct tw_tap *tap)
{
    bool waits = tap->first < tap->next || scans_wait(tap);
    return tap->state == TW_TAP_STREAMING && tap->send == tap->next && waits;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t tw_tap_deadline_us(const struct tw_tap *tap)
{
    if (tap->state == TW_TAP_GREETING) {
        return tap->hello_due ? tap->now_us : tap->hello_due_us;
    }
    uint64_t due_us = UINT64_MAX;
    if (tap->state == TW_TAP_STREAMING && tap->board.info != NULL) {
        due_us = tap->info_due_us;
    }
    if (doubtful(tap)) {
        return earlier(due_us, tap->doubt_due_us);
    }
    return stalled(tap) ? earlier(due_us, tap->stall_due_us) : due_us;
}

void tw_tap_tick(struct tw_tap *tap, uint64_t time_us)
{
    tap->now_us = time_us;
    if (tap->state == TW_TAP_GREETING && time_us >= tap->hello_due_us) {
        tap->hello_due = true;
    } else if ((stalled(tap) && time_us >= tap->stall_due_us) ||
               (doubtful(tap) && time_us >= tap->doubt_due_us)) {
        step(tap, STALL, NULL);
    } else if (tap->state == TW_TAP_STREAMING && tap->board.info != NULL && time_us >= tap->info_due_us) {
        tap->info_due = true;
    } else {
        // Nothing is due.
    }
}

bool tw_tap_is_silent(const struct tw_tap *tap, uint64_t now_us)
{
    return tap->next == 0 || now_us >= tap->print_us + TW_TAP_SILENT_US;
}

bool tw_tap_is_safe(const struct tw_tap *tap)
{
    return tap->acked == tap->next && !scans_wait(tap);
}
