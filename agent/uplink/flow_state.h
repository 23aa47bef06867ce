// SPDX-License-Identifier: Apache-2.0
//
// What a flow remembers, and the rules that flow.c (when to be connected) and flow_window.c (what is
// published, when it is done, what is told to the journal) share. Nobody else includes this.
//
// Threading: as the flow. Memory: none of its own. Time: monotonic milliseconds. Errors: none.
#ifndef TW_FLOW_STATE_H
#define TW_FLOW_STATE_H

#include "agent/uplink/backoff.h"
#include "agent/uplink/flow.h"

#define TW_FLOW_NEVER INT64_MAX

struct tw_flow {
    enum tw_ack_mode mode;
    enum tw_flow_state state;
    char epoch[37];

    // What is acknowledged.
    uint64_t through; // by the centre (or broker)
    uint64_t told;    // of which the journal was told
    uint64_t known;   // highest sequence known to exist in the epoch
    int64_t telling;  // since when an ACKNOWLEDGE is under way; NEVER: none
    uint8_t head[32]; // hash of event `through`,
    bool has_head;    // where the centre told it
    bool foreign;     // it is ahead of the journal: wait for what that makes of it
    bool stands;      // in this pass the centre has said that it has all up to `through`, and no more
    uint64_t hole; // a dead letter that stood first behind `through`: nothing was sent in its place; 0: none
    uint64_t refused_to; // highest sequence the centre rejected in this epoch

    // What is published.
    bool reading;      // a READ is under way:
    bool refused;      // this pass met a refusing PUBACK: nothing more until retry_at
    bool probing;      // only one event until a PUBACK accepts it
    unsigned question; // of the READ
    unsigned pass;
    uint64_t next;              // first sequence not published in this pass
    uint64_t have;              // last sequence read in this pass
    uint64_t suspect;           // refused for its own sake: up to it one at a time; 0: none
    unsigned refusals;          // how often all alone
    unsigned given_up;          // less what is paid back by
    unsigned takes;             // events the broker took since the last such payment
    uint64_t counted;           // highest sequence counted for that: each once in an epoch
    unsigned window;            // of this connection
    unsigned inflight;          // published in any pass of this connection, no PUBACK yet
    int64_t retry_at;           // end of patience; NEVER: nothing open
    int64_t stall_at;           // end of patience with the broker
    bool taken[TW_FLOW_WINDOW]; // broker mode: PUBACKs above `through`, by sequence modulo

    // When to be connected.
    bool alarmed;
    bool twin;            // another client took this one's id: said until a connection has lasted
    bool members_wanted;  // of the member store
    unsigned short_lives; // connections in a row that ended soon and without a word
    struct tw_backoff backoff;
    int64_t connect_at; // offline: when to try; connecting: when to give up
    int64_t renew_at;   // when to take up new certificate files; NEVER: there are none
    int64_t online_since;

    uint64_t seed;    // of sessions
    uint64_t session; // names this connection; see tw_flow_ack
    uint64_t members_version;
    int64_t members_at; // next question

    uint64_t published, acknowledged, rejected, connects, no_subscriber;
};

struct tw_flow_action *tw_flow_add(struct tw_flow_actions *out, enum tw_flow_action_kind kind);
void tw_flow_alarm(struct tw_flow *flow, enum tw_flow_alarm alarm, int reason, struct tw_flow_actions *out);
void tw_flow_fine(struct tw_flow *flow, struct tw_flow_actions *out);

// The journal is the authority for the epoch and for what exists in it.
void tw_flow_believe(struct tw_flow *flow, const struct tw_flow_journal *journal);
// Begins a pass: everything after `through` is to be published (again).
void tw_flow_go_back(struct tw_flow *flow, struct tw_flow_actions *out);
uint64_t tw_flow_open_count(const struct tw_flow *flow);
// Forgets an acknowledgement that was ahead of the journal: what the journal says next holds.
void tw_flow_settle_foreign(struct tw_flow *flow);
// Where the centre waits for an event that is a dead letter here, the journal closes the hole.
void tw_flow_close_hole(struct tw_flow *flow, struct tw_flow_actions *out);
// The broker ended the connection for the sake of a message: which one is found out one at a time.
void tw_flow_end_refused(struct tw_flow *flow, int reason, struct tw_flow_actions *out);

typedef void tw_flow_handler(struct tw_flow *flow, int64_t now, const struct tw_flow_event *event,
                             struct tw_flow_actions *out);
tw_flow_handler tw_flow_rows, tw_flow_puback, tw_flow_ack, tw_flow_reject, tw_flow_journal_settled,
    tw_flow_resync;

// What follows from the state after every event.
void tw_flow_work(struct tw_flow *flow, int64_t now, struct tw_flow_actions *out);

#endif
