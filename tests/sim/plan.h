// SPDX-License-Identifier: Apache-2.0
//
// What is said in a day, drawn in advance: every sale by the tap or by a program; some by both, seen equal or
// different, printed again after minutes or days, sent twice with one Idempotency-Key; scans and devices'
// reports in between. Quiet minutes and rushes alternate.
//
// Threading: pure but for the dice. Memory: the till's. Time: from the beginning of the day. Errors: none.
#ifndef TW_SIM_PLAN_H
#define TW_SIM_PLAN_H

#include "tests/sim/sim.h"

#define SIM_REVISIONS 3 // of a sale, at most: later witnesses that contradict
#define SIM_REPRINT_BACK                                                                                     \
    800 // sales after which a receipt is printed again at most: 4 days, keys are kept for 7

enum sim_plan_kind { SIM_RECEIPT, SIM_REQUEST, SIM_SCAN, SIM_DRIFT };

struct sim_plan_request {
    enum sim_plan_kind kind;
    uint32_t sale;
    unsigned revision;
    unsigned idempotency; // number of its Idempotency-Key; 0 of a receipt
    int64_t after_ms;
    // how it goes
    bool out, done;
    uint32_t event; // what was written for it last
};

// Appends the day's requests for `sales` sales from `first` on.
void sim_plan_day(struct sim *sim, uint32_t first, unsigned sales, struct sim_plan_request **requests,
                  size_t *count, size_t *cap);

#endif
