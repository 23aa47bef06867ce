// SPDX-License-Identifier: Apache-2.0
//
// What carries out the uplink's decisions in the simulation, as agent/uplink/link.c does with libmosquitto:
// the real flow and the real shelf, between the agent's journal and the simulated broker. It also holds what
// the flow decides against the promises: nothing is published out of order or of another epoch, and no
// acknowledgement is believed that nobody gave for this epoch.
//
// Threading: one thread. Memory: freed by sim_line_free. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_LINE_H
#define TW_SIM_LINE_H

#include "tests/sim/sim.h"
#include "tillwire/journal.h"
#include "tillwire/uplink.h"

struct sim_line *sim_line_new(enum tw_ack_mode mode);
void sim_line_free(struct sim_line *line);
enum tw_ack_mode sim_line_mode(const struct sim_line *line);

// The process begins; it is gone, and its connection with it.
void sim_line_start(struct sim *sim);
void sim_line_stop(struct sim *sim);

// ---- from the journal ----
void sim_line_rows(struct sim *sim, struct tw_rows *rows, unsigned question); // takes the rows
void sim_line_settled(struct sim *sim); // what it was told is done, or it has begun a new epoch
void sim_line_resync(struct sim *sim, uint64_t from);

// ---- from the broker ----
void sim_line_connected(struct sim *sim, unsigned receive_maximum);
void sim_line_lost(struct sim *sim);
void sim_line_puback(struct sim *sim, int mid, int reason);
void sim_line_ack(struct sim *sim, const char *epoch, uint64_t through, const uint8_t *head,
                  uint64_t session);
void sim_line_reject(struct sim *sim, const char *epoch, uint64_t sequence);

#endif
