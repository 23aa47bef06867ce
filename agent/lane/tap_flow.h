// SPDX-License-Identifier: Apache-2.0
//
// What a tap's way from bytes to commits decides, apart from everything it does: what is read, which
// batches are made and when one is handed to the journal, what the tap is told is safe, and where to begin
// again when something failed. A pure state machine: one event and the monotonic time go in, a short list of
// actions comes out. The shell (tap.c) and the tests carry the actions out.
//
// The rules (P1, P3, P7): the journal gets what waits together, and the next only when all of that is
// answered; each but the first goes only upon the one ahead of it, so that no position is committed before
// an earlier one. After a failed commit everything behind it is read again from the tap, which
// still holds it; a full journal is such a failure, so that it makes the tap wait and loses nothing. The tap
// is told that bytes are safe only once they are committed, and only of the boot they belong to.
//
// The scans of a tap's scanner stand between the bytes, numbered from 1 in each boot. A loyalty card is a
// batch of its own in the same queue, so that it is kept in order with the papers around it; any other scan
// is only accounted for. The tap is told how far they are safe with the bytes, or at once where nothing
// waits.
//
// Threading: a flow belongs to one thread. Memory: one allocation, at tw_tap_flow_new. Time: comes with each
// event, monotonic milliseconds. Errors: none; what is not expected in a state is ignored.
#ifndef TW_AGENT_LANE_TAP_FLOW_H
#define TW_AGENT_LANE_TAP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/page.h"

#define TW_TAP_FLOW_IDLE_MS      2000 // the printer has been quiet: a receipt that is complete will not go on
#define TW_TAP_FLOW_RETRY_MS     1000 // after a failure; twice as long after each further one, up to
#define TW_TAP_FLOW_RETRY_MAX_MS 16000
#define TW_TAP_FLOW_TOGETHER     64 // batches, at most, in the journal's hands

enum tw_tap_flow_state {
    TW_TAP_FLOW_READING = 0, // what comes is taken
    TW_TAP_FLOW_FALLING,     // something failed; it is not known yet what becomes of all at the journal
    TW_TAP_FLOW_FALLEN,      // back at the committed place: nothing is taken until the tap's next HELLO
    TW_TAP_FLOW_STOPPED,     // nothing is handed to the journal any more
    TW_TAP_FLOW_STATES
};

enum tw_tap_flow_input {
    TW_TAP_FLOW_TICK = 0,   // time passed
    TW_TAP_FLOW_HELLO,      // the tap has a line again: `hello`
    TW_TAP_FLOW_BYTES,      // printer bytes: `span`
    TW_TAP_FLOW_CLOSED,     // the till closed its connection to the printer
    TW_TAP_FLOW_LOST,       // the tap gave bytes up: `span`
    TW_TAP_FLOW_QUIET,      // by the tap's clock the printer was idle before what comes next
    TW_TAP_FLOW_SCAN,       // something was scanned here: `scan`
    TW_TAP_FLOW_SCANS_LOST, // the tap gave scans up: `span`, of their numbers
    TW_TAP_FLOW_FACT,       // the reader accounts for a stretch of the stream: `fact`
    TW_TAP_FLOW_READ_OUT,   // answers FINISH and PAUSE: the facts were told
    TW_TAP_FLOW_QUEUED,     // answers the QUEUE actions and REPLACE
    TW_TAP_FLOW_LANDED,     // the journal's answer to one batch of SUBMIT: `landed`
    TW_TAP_FLOW_FAILED,     // instead of QUEUED, before READ_OUT, or of FEED: it could not be carried out
    TW_TAP_FLOW_STOP,
    TW_TAP_FLOW_INPUTS
};

// A place in the tap's stream and the printer's state there.
struct tw_tap_place {
    uint8_t boot[16]; // of the tap
    uint64_t offset;
    uint64_t scan; // the number of the newest scan before it; 0: none of this boot
    struct tw_page_state state;
};

// A place as the journal keeps it behind boot and offset: the printer's state, and the number of the scan
// (little-endian). Earlier versions kept the first part alone.
#define TW_TAP_PLACE_BYTES (sizeof(struct tw_page_state) + 8)
void tw_tap_place_pack(const struct tw_tap_place *place, uint8_t out[TW_TAP_PLACE_BYTES]);
// Leaves `place` as it is where the bytes are of another version.
void tw_tap_place_unpack(const uint8_t *bytes, size_t len, struct tw_tap_place *place);

struct tw_tap_flow_event {
    enum tw_tap_flow_input kind;
    struct {
        const uint8_t *boot;  // 16 bytes
        uint64_t first, next; // the tap holds [first, next)
    } hello;
    struct {
        uint64_t from, to;
    } span;
    struct {
        uint64_t number;
        bool loyalty; // a card of this tenant; nothing else is kept
    } scan;
    struct {
        uint64_t end;
        struct tw_page_state state; // at `end`
        bool blank;                 // paper with nothing on it
    } fact;
    struct {
        int error;                 // of the commit; TW_OK: durable
        bool sale;                 // it held a sale
        struct tw_tap_place after; // as in the action that queued it
    } landed;
};

enum tw_tap_flow_action_kind {
    TW_TAP_FLOW_FEED = 0,         // give the bytes of this event to the reader; its facts are events
    TW_TAP_FLOW_FINISH,           // the page ends here: the reader gives out what it holds
    TW_TAP_FLOW_PAUSE,            // the reader gives out what is complete
    TW_TAP_FLOW_RESTORE,          // the reader starts anew at `place`
    TW_TAP_FLOW_START,            // answer the HELLO: the tap is to send from `place.offset`
    TW_TAP_FLOW_SKIP,             // the fact of this event is accounted for and needs no batch
    TW_TAP_FLOW_QUEUE_FACT,       // make the fact a batch that ends at `place`, at the end of the queue
    TW_TAP_FLOW_QUEUE_PLACE,      // likewise a batch of nothing but `place`
    TW_TAP_FLOW_QUEUE_RESTARTED,  // likewise a capture.gap: the tap started anew with bytes not yet kept
    TW_TAP_FLOW_QUEUE_LOST,       // likewise a capture.gap: the tap gave `bytes` up
    TW_TAP_FLOW_QUEUE_SCAN,       // likewise the loyalty card of this event
    TW_TAP_FLOW_QUEUE_SCANS_LOST, // likewise a capture.gap: the tap gave `count` scans up
    TW_TAP_FLOW_SKIP_SCAN,        // the scan of this event is new, and no loyalty card
    TW_TAP_FLOW_SUBMIT,  // the oldest `count` to the journal, each upon the one ahead; LANDED answers each
    TW_TAP_FLOW_REPLACE, // the first can never be kept: put a report of it in its place
    TW_TAP_FLOW_SETTLE,  // the first is durable: take it from the queue
    TW_TAP_FLOW_ACKNOWLEDGE,      // tell the tap that all before `place.offset` is safe, and all scans up to
                                  // `place.scan`
    TW_TAP_FLOW_ACKNOWLEDGE_SCAN, // likewise the scans alone
    TW_TAP_FLOW_DROP,   // forget all of the queue but the oldest `count`, newest first: they are read again
    TW_TAP_FLOW_REOPEN, // open the line again
};

struct tw_tap_flow_action {
    enum tw_tap_flow_action_kind kind;
    struct tw_tap_place place;
    uint64_t bytes;
    size_t count;
};

#define TW_TAP_FLOW_ACTIONS 4 // more than one step can ask for
// To be carried out in this order. What is answered by an event comes last: the event may be told before
// the carrying out returns.
struct tw_tap_flow_actions {
    struct tw_tap_flow_action list[TW_TAP_FLOW_ACTIONS];
    size_t count;
};

struct tw_tap_flow_view {
    enum tw_tap_flow_state state;
    struct tw_tap_place accounted; // every byte before belongs to a fact
    struct tw_tap_place committed; // every byte before is durable
    size_t queued;                 // batches, those at the journal included
    size_t flying;                 // of them the journal has not answered yet
};

struct tw_tap_flow;

// Begins at what the journal knows: `committed`. NULL: out of memory.
struct tw_tap_flow *tw_tap_flow_new(const struct tw_tap_place *committed);
void tw_tap_flow_free(struct tw_tap_flow *flow);

// Takes one event at `now_ms`. `out` is overwritten.
void tw_tap_flow_step(struct tw_tap_flow *flow, int64_t now_ms, const struct tw_tap_flow_event *event,
                      struct tw_tap_flow_actions *out);

// When the next TICK is due, monotonic; INT64_MAX: not without another event.
int64_t tw_tap_flow_deadline(const struct tw_tap_flow *flow);

void tw_tap_flow_view(const struct tw_tap_flow *flow, struct tw_tap_flow_view *out);

#endif
