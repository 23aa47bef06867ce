// SPDX-License-Identifier: Apache-2.0
//
// One history: some days of one terminal, drawn from one seed. Each day has its work and its faults, then a
// calm in which everything must drain, and then the books must balance.
//
// Threading: one at a time. Memory: all of it is freed at the end. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_HISTORY_H
#define TW_SIM_HISTORY_H

#include "tests/sim/sim.h"

// Plays history `seed`, of at most `most_days`, and adds to the figures. `folder` is for files that are not
// on the simulated disk.
void sim_history(uint64_t seed, unsigned most_days, const char *folder, bool trace,
                 struct sim_figures *figures);

#endif
