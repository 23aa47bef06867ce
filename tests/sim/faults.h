// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong: draws each day's weather and lets its faults happen while there is work, since a fault in
// an idle hour finds nothing. Power cuts and kills strike in the middle of what the disk does, or between; a
// process that is down may find its disk put back to an older image, and the start after it cut short again.
//
// Threading: one thread. Memory: freed by sim_faults_free. Time: virtual. Errors: none.
#ifndef TW_SIM_FAULTS_H
#define TW_SIM_FAULTS_H

#include "tests/sim/sim.h"

struct sim_faults *sim_faults_new(struct sim *sim);
void sim_faults_free(struct sim_faults *faults);

// Draws the weather of a day whose requests are drawn, and plans its faults.
void sim_faults_day(struct sim *sim);
// All faults end, and what is down comes up: the rest of the day is a calm.
void sim_faults_end(struct sim *sim);

bool sim_faults_disk(const struct sim_faults *faults); // the disk is full or does not sync: it may fail
int64_t sim_faults_down_ms(struct sim *sim, bool power);
// The process is gone and the disk is closed. True: the disk is not the same any more.
bool sim_faults_while_down(struct sim *sim);

#endif
