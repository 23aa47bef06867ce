// SPDX-License-Identifier: Apache-2.0
//
// What the uplink decides, apart from everything it does: when to connect, which events to publish,
// when to go back to the last acknowledged one, what to tell the journal and what to complain about.
// A pure state machine after the rules of include/contract/names.md: one event and the monotonic time go
// in, a short list of actions comes out. The shell (uplink.c) and the tests carry the actions out.
//
// Threading: a flow belongs to one thread. Memory: one allocation, at tw_flow_new. Time: comes with
// each event, monotonic milliseconds. Errors: none; what is not expected in a state is ignored.
#ifndef TW_FLOW_H
#define TW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/uplink.h"

// Events that may be open at most, whatever the broker would take: with 600-byte events 60 KiB in
// flight, which keeps a line of 10 Mbit/s and 50 ms busy.
#define TW_FLOW_WINDOW 100
// No acknowledgement for this long: back to through+1.
#define TW_FLOW_PATIENCE_MS 5000
// No PUBACK at all for this long with something in flight: the connection is dead.
#define TW_FLOW_STALL_MS 30000
// From the start of an attempt to its SUBACK: TCP, TLS, CONNACK, subscriptions.
#define TW_FLOW_CONNECT_MS 15000
// A connection that lasted this long starts the back-off over.
#define TW_FLOW_STEADY_MS 60000
// So many connections in a row that ended sooner, without a word, are worth one.
#define TW_FLOW_SHORT_LIVES    3
#define TW_FLOW_BACKOFF_MIN_MS 1000
// The contract allows 30 s; a store that is back is better not looked at for so long.
#define TW_FLOW_BACKOFF_MAX_MS 20000
#define TW_FLOW_MEMBERS_MS     10000
// New certificate files are taken up within this time, each terminal of a store at its own moment.
#define TW_FLOW_RENEW_MS 60000
// An event that is refused for its own sake this often, all alone, is given up.
#define TW_FLOW_REFUSALS 2
// So many given up: then it is not the events, and nothing more is given up,
#define TW_FLOW_GIVE_UPS 20
// but for one more each time the broker took so many others. The capture.gap that stands for what was given
// up is one of those: a broker that takes it and refuses every sale must not cost every sale.
#define TW_FLOW_TAKES 10

enum tw_flow_state { TW_FLOW_OFFLINE = 0, TW_FLOW_CONNECTING, TW_FLOW_ONLINE, TW_FLOW_STATES };

enum tw_flow_input {
    TW_FLOW_TICK = 0,     // time passed
    TW_FLOW_CONNECTED,    // subscribed; `receive_maximum`, `journal`
    TW_FLOW_DISCONNECTED, // the attempt failed or the connection is gone: `reason`
    TW_FLOW_ROWS,         // the journal answered: `rows`
    TW_FLOW_PUBACK,       // `puback`
    TW_FLOW_ACK,          // the centre: `ack`
    TW_FLOW_REJECT,       // the centre: `ack.epoch`, `ack.through` is the sequence
    TW_FLOW_JOURNAL,      // an ACKNOWLEDGE is durable, or a new epoch began: `journal` as it is now
    TW_FLOW_MEMBERS,      // what the member store wants: `members`
    TW_FLOW_RENEWED,      // the certificate files: `renewed`
    TW_FLOW_RESYNC,       // the centre wants everything from `resync_from` again, which is still queued
    TW_FLOW_INPUTS
};

struct tw_flow_journal {
    const char *epoch; // UUID text
    uint64_t through;
    uint64_t next_sequence;
};

struct tw_flow_event {
    enum tw_flow_input kind;
    unsigned receive_maximum; // of the CONNACK; 65535 when it named none (MQTT 5 section 3.2.2.3.3)
    int reason;               // of the broker's refusing CONNACK or of its DISCONNECT; 0: none
    int64_t renew_ms;         // for how long the moment of a RENEWED may wait; 0: TW_FLOW_RENEW_MS
    bool renewed;             // there is a good pair that is not in use; false: not any more
    uint64_t resync_from;
    struct tw_flow_journal journal;
    struct {
        const char *epoch;
        unsigned question; // of the READ action it answers
        uint64_t last;     // all rows there are from the READ's `from` to this one
    } rows;
    struct {
        uint64_t sequence;
        unsigned pass; // of the PUBLISH action it answers
        int reason;    // MQTT 5 section 3.4.2.1
        bool dead;     // nobody was asked: it is a dead letter
    } puback;
    struct {
        const char *epoch;
        uint64_t through;
        const uint8_t *head;     // 32 bytes: the hash of event `through`; NULL: not told
        const uint64_t *session; // which state it follows; NULL: not told
    } ack;
    struct {
        uint64_t version;
        bool wanted;
    } members;
};

enum tw_flow_action_kind {
    TW_FLOW_CONNECT = 0,
    TW_FLOW_DISCONNECT,    // give the connection up; a DISCONNECTED event is not expected
    TW_FLOW_LEAVE,         // the same with a farewell: everything is well, and a CONNECT follows
    TW_FLOW_PUBLISH_STATE, // retained, online
    TW_FLOW_FLUSH,         // forget the rows that were read and not published
    TW_FLOW_READ,          // ask the journal for `from`, at most `count`, remembering `question`
    TW_FLOW_PUBLISH,       // rows `from` .. `through`, remembering `pass`; for one that the journal
                           // left out between others (a dead letter) give a PUBACK with reason 0 and
                           // `dead` in its place, after the step
    TW_FLOW_ACKNOWLEDGE,   // tell the journal `through`; answer with JOURNAL when durable
    TW_FLOW_REJECT_ROW,    // tell the journal that `from` was rejected
    TW_FLOW_REFUSE_ROW,    // tell the journal that the broker will never take `from`: `reason`; or (0) that
                           // the centre waits for this dead letter
    TW_FLOW_ASK_MEMBERS,   // since version `from`
    TW_FLOW_ALARM,         // `alarm`, `reason`
    TW_FLOW_FINE,          // the last alarm no longer holds
};

enum tw_flow_alarm {
    TW_FLOW_NO_SUBSCRIBER = 0, // PUBACK 0x10: nobody at the broker wants the events
    TW_FLOW_REFUSED,           // PUBACK 0x80 or more: `reason`
    TW_FLOW_NO_ACK,            // the centre did not acknowledge in time
    TW_FLOW_STALLED,           // the broker did not answer a publish in time
    TW_FLOW_SILENT,            // the broker took the connection and did not finish it
    TW_FLOW_ROW_REFUSED,       // the same about event `from` alone: `reason`
    TW_FLOW_TWIN,              // another client with the same id was connected a moment ago
    TW_FLOW_SHORT_LIVED,       // one connection after the other ended soon after it was made
};

struct tw_flow_action {
    enum tw_flow_action_kind kind;
    uint64_t from, through;
    size_t count;
    unsigned pass, question;
    enum tw_flow_alarm alarm;
    int reason;
    const uint8_t *head; // of ACKNOWLEDGE, as in its ACK; good until the next step
};

#define TW_FLOW_ACTIONS 12 // more than one step can ask for
struct tw_flow_actions {
    struct tw_flow_action list[TW_FLOW_ACTIONS];
    size_t count;
};

struct tw_flow_view {
    enum tw_flow_state state;
    const char *epoch; // lives as long as the flow
    uint64_t through;  // acknowledged
    uint64_t next;     // to be published next
    unsigned window, open;
    unsigned question; // whose answer is awaited; 0: none
    uint64_t session;  // of the newest connection, for its state: 1 .. 2^52; 0: there was none yet
    uint64_t published, acknowledged, rejected, reconnects, no_subscriber;
    bool renewing; // a RENEWED waits for its moment
};

struct tw_flow;

// Begins offline; the first TICK connects. `seed` drives the jitter. NULL: out of memory.
struct tw_flow *tw_flow_new(enum tw_ack_mode mode, uint64_t seed, const struct tw_flow_journal *journal);
void tw_flow_free(struct tw_flow *flow);

// Takes one event at `now_ms`. `out` is overwritten.
void tw_flow_step(struct tw_flow *flow, int64_t now_ms, const struct tw_flow_event *event,
                  struct tw_flow_actions *out);

// When the next TICK is due, monotonic; INT64_MAX: not without another event.
int64_t tw_flow_deadline(const struct tw_flow *flow);

void tw_flow_view(const struct tw_flow *flow, struct tw_flow_view *out);

#endif
