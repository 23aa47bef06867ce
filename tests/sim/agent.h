// SPDX-License-Identifier: Apache-2.0
//
// The agent's process: the real journal without its thread (agent/journal/store.h) on the machine's disk,
// what waits for its writer, and the moments it dies. It does what journal.c does with a thread: takes all
// that waits into one group, tells those who wait once that is committed, answers a read when there are rows.
// After every group the journal is held against the books.
//
// Threading: one thread. Memory: freed by sim_agent_free. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_AGENT_H
#define TW_SIM_AGENT_H

#include "agent/journal/store.h"
#include "tests/sim/sim.h"

struct sim_agent *sim_agent_new(const char *folder); // of the files that are not on the simulated disk
void sim_agent_free(struct sim *sim);

void sim_agent_start(struct sim *sim);
bool sim_agent_is_up(const struct sim_agent *agent);
// What the journal is like; only while it is up.
const struct tw_outbox_state *sim_agent_state(const struct sim_agent *agent);
// Everything queued is acknowledged, and nothing waits.
bool sim_agent_is_drained(const struct sim_agent *agent);

// The power fails (with the disk's loss), or the process is killed; both at once, wherever it is. It starts
// again after `down_ms`.
void sim_agent_power(struct sim *sim, int64_t down_ms);
void sim_agent_kill(struct sim *sim, int64_t down_ms);
// The same in the middle of what the disk does next: after `steps` of its steps.
void sim_agent_doom(struct sim *sim, bool power, uint64_t steps);

// ---- what others ask of it ----
// Takes the batch. False: nobody listens.
bool sim_agent_submit(struct sim *sim, struct tw_batch *batch, uint32_t ticket);
void sim_agent_read(struct sim *sim, uint64_t from, size_t max_rows, unsigned question);
void sim_agent_acknowledge(struct sim *sim, const char *epoch, uint64_t through, const uint8_t *head);
// The centre, or with `refused` the broker, will never take it.
void sim_agent_reject(struct sim *sim, const char *epoch, uint64_t sequence, bool refused);
void sim_agent_resync(struct sim *sim); // the centre wants everything again from somewhere on

#endif
