// SPDX-License-Identifier: Apache-2.0
//
// The broker and the lines to it, as Mosquitto and libmosquitto behave: MQTT 5, QoS 1, sessions that start
// clean. What one side sends on a connection comes in order or not at all; when a connection goes, what is on
// it goes too. A PUBACK may refuse (0x97, 0x80, after which Mosquitto hangs up) or say that nobody listens
// (0x10); each connection has its own receive maximum; a line may swallow everything without a word. The
// centre's words may come twice, late, or from another time of the journal's life.
//
// Threading: one thread. Memory: freed by sim_broker_free. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_BROKER_H
#define TW_SIM_BROKER_H

#include "agent/journal/outbox.h"
#include "tests/sim/sim.h"

struct sim_word { // of the centre to the terminal: an ack, or a reject
    bool is_ack;
    char epoch[37];
    uint64_t number;
    bool has_head;
    uint8_t head[32];
    uint64_t session; // of an ack: whose state it follows; 0: nobody's
};

struct sim_state { // of the terminal to the centre
    bool online;
    char epoch[37];
    uint64_t through;
    uint8_t head[32];
    uint64_t session;
};

struct sim_broker *sim_broker_new(void);
void sim_broker_free(struct sim_broker *broker);

// ---- the terminal's side ----
void sim_broker_connect(struct sim *sim);
void sim_broker_disconnect(struct sim *sim); // at once; the will follows
void sim_broker_publish(struct sim *sim, uint32_t row, int mid);
void sim_broker_state(struct sim *sim, const struct tw_outbox_state *state, uint64_t session);

// ---- the centre's side ----
void sim_broker_word(struct sim *sim, const struct sim_word *word);
// The centre subscribed: it gets the state that is kept, if any.
void sim_broker_subscribed(struct sim *sim);

// ---- faults ----
void sim_broker_cut(struct sim *sim);                   // the connection
void sim_broker_swallow(struct sim *sim);               // whatever is sent on it from now on
void sim_broker_stop(struct sim *sim, int64_t down_ms); // nobody can connect for so long
void sim_broker_mend(struct sim *sim);

#endif
