// SPDX-License-Identifier: Apache-2.0
//
// The central service, as tools/central: it applies each epoch's events by sequence, is idempotent by id,
// refuses what it cannot use, commits in groups and only then acknowledges, with the hash of the last event.
// Its database is a log that can be cut back: a crash loses what was not committed, a restored backup all
// after it. What it ever committed stays in the books.
//
// Threading: one thread. Memory: freed by sim_centre_free. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_CENTRE_H
#define TW_SIM_CENTRE_H

#include "tests/sim/broker.h"
#include "tests/sim/sim.h"

struct sim_centre *sim_centre_new(void);
void sim_centre_free(struct sim_centre *centre);

bool sim_centre_listens(const struct sim_centre *centre);
uint64_t
sim_centre_session(const struct sim_centre *centre); // of its connection: what was sent to another is lost
bool sim_centre_is_idle(const struct sim_centre *centre); // nothing waits to be committed

void sim_centre_take(struct sim *sim, uint32_t row, uint64_t session);
// With `ack: broker`: the broker has it, and keeps it for the centre.
void sim_centre_keep(struct sim *sim, uint32_t row);
void sim_centre_state(struct sim *sim, const struct sim_state *state, uint64_t session);

// ---- faults ----
void sim_centre_stop(struct sim *sim, int64_t down_ms);
void sim_centre_lose(struct sim *sim); // its database: back to an older copy, or empty
void sim_centre_mend(struct sim *sim);

#endif
