// SPDX-License-Identifier: Apache-2.0
//
// The till and all who speak to the agent from the shop floor: receipts through a tap, one after the other,
// each kept until the agent has acknowledged it; requests of a program over HTTP with Idempotency-Keys, many
// at once, each repeated until it is answered; scans, and what a device reports of itself. A day's sales,
// reprints, second witnesses and corrections are drawn in advance.
//
// Threading: one thread. Memory: freed by sim_till_free. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_TILL_H
#define TW_SIM_TILL_H

#include "tests/sim/sim.h"
#include "tillwire/journal.h"

struct sim_till *sim_till_new(void);
void sim_till_free(struct sim_till *till);

// Draws a day of `sales` and begins it.
void sim_till_day(struct sim *sim, unsigned sales);
// When one of the day's requests happens, after its beginning: where faults are worth their while.
int64_t sim_till_when(struct sim *sim);
int64_t sim_till_last(const struct sim_till *till); // when the last one does
// Everything that was to be said is said and was accepted.
bool sim_till_is_done(const struct sim_till *till);
size_t sim_till_open(const struct sim_till *till); // requests that were not

// The agent answers request `ticket`.
void sim_till_told(struct sim *sim, uint32_t ticket, const struct tw_journal_result *result);
// The agent is gone, with everything it had not answered; or is there again, with the tap's position as it
// remembers it.
void sim_till_agent_gone(struct sim *sim);
void sim_till_agent_came(struct sim *sim, const struct tw_journal_tap *tap, bool put_back);
// Ticket of a request: the sale it is about, or SIM_NONE.
uint32_t sim_till_sale_of(const struct sim_till *till, uint32_t ticket);
// The journal wrote `event` for it, and may have committed it.
void sim_till_wrote(struct sim_till *till, uint32_t ticket, uint32_t event);

// ---- for the books ----
void sim_till_forget(struct sim *sim, uint32_t sale); // the journal may no longer know its key
void sim_till_arrived(struct sim *sim, uint32_t sale, enum tw_event_type type);
// Every sale that was accepted is completed at the centre once, and corrected as often as was accepted.
void sim_till_balance(struct sim *sim);

// The journal's merge function: a witness with a higher revision corrects, all others agree.
tw_journal_merge_fn sim_till_merge;

#endif
