// SPDX-License-Identifier: Apache-2.0
//
// The terminal's computer without the agent: its disk (tests/fakes/fault_vfs.h) with images taken of it and
// put back, its clocks, its boots, and what the kernel would say: random bytes. getrandom(2)
// is answered here for the whole program, since the parts under test ask it by name.
//
// Threading: one thread; one machine at a time. Memory: freed by sim_machine_free. Time: wall = virtual time
// and an offset that jumps; monotonic since the boot. Errors: none.
#ifndef TW_SIM_MACHINE_H
#define TW_SIM_MACHINE_H

#include "tests/fakes/fault_vfs.h"
#include "tests/sim/sim.h"
#include "tillwire/clock.h"

#define SIM_START_MS INT64_C(1793577600000) // 2026-11-02T00:00:00Z: virtual time 0

struct sim_machine *sim_machine_new(struct sim *sim);
void sim_machine_free(struct sim_machine *machine);

const struct tw_clock *sim_machine_clock(const struct sim_machine *machine);
struct fault_disk *sim_machine_disk(const struct sim_machine *machine);

// The computer starts: another boot id, the monotonic clock begins again.
void sim_machine_boot(struct sim *sim);
// The wall clock jumps by hours, or to 1970 or years ahead, in which case it is known to be wrong.
void sim_machine_jump(struct sim *sim);
void sim_machine_clock_right(struct sim *sim);

// With the process gone. `put_back` makes the older image the disk; false: there is none.
void sim_machine_take_image(struct sim *sim);
bool sim_machine_put_back(struct sim *sim);
bool sim_machine_has_image(const struct sim_machine *machine);

#endif
