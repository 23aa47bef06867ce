// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/plan.h"

#include "tests/sim/books.h"

enum { FLOOD_EVENTS = 1300 };

struct day {
    struct sim *sim;
    struct sim_plan_request **requests;
    size_t *count, *cap;
    unsigned *idempotency;
};

static void add(struct day *day, struct sim_plan_request request)
{
    *day->requests = sim_grow(*day->requests, *day->count, day->cap, sizeof **day->requests);
    if (request.kind != SIM_RECEIPT && request.idempotency == 0) {
        request.idempotency = ++*day->idempotency;
    }
    request.event = SIM_NONE;
    (*day->requests)[(*day->count)++] = request;
}

// A witness of a sale that comes `after_ms`; the tap prints, programs send, and some send twice.
static void add_witness(struct day *day, uint32_t sale, unsigned revision, int64_t after_ms, bool receipt)
{
    struct sim_plan_request request = {.sale = sale, .revision = revision, .after_ms = after_ms};
    request.kind = receipt ? SIM_RECEIPT : SIM_REQUEST;
    add(day, request);
    if (!receipt && sim_chance(day->sim, 60)) {
        request.idempotency = *day->idempotency;
        request.after_ms += sim_chance(day->sim, 500) ? 0 : sim_between(day->sim, 1, 30000);
        add(day, request);
    }
}

static void add_sale(struct day *day, uint32_t sale, int64_t at)
{
    struct sim *sim = day->sim;
    bool receipt = sim_chance(sim, 600);
    unsigned revision = 0;
    if (sim_chance(sim, 200)) {
        add(day, (struct sim_plan_request){
                     .kind = SIM_SCAN, .sale = SIM_NONE, .after_ms = at - sim_between(sim, 0, 5000)});
    }
    add_witness(day, sale, 0, at, receipt);
    if (sim_chance(sim, 100)) {
        add_witness(day, sale, 0, at + sim_between(sim, 0, 5000), !receipt);
    }
    while (revision < SIM_REVISIONS && sim_chance(sim, 50)) {
        add_witness(day, sale, ++revision, at + sim_between(sim, 0, 20000), sim_chance(sim, 500));
    }
    if (sim_chance(sim, 40)) { // late in a third of the days: minutes with hardly any work cost the most
        int64_t most_ms = sim_chance(sim, 50) ? 600000 : 20000;
        add_witness(day, sale, 0, at + sim_between(sim, 0, most_ms), true);
    }
}

// A receipt of the days before: the numbers of sales tell how long ago.
static void add_old(struct day *day, uint32_t sale, int64_t at)
{
    if (sale > 0 && sim_chance(day->sim, 15)) {
        uint64_t back = 1 + sim_below(day->sim, sale < SIM_REPRINT_BACK ? sale : SIM_REPRINT_BACK);
        add_witness(day, sale - (uint32_t)back, 0, at, sim_chance(day->sim, 500));
    }
    if (sim_chance(day->sim, 40)) {
        add(day, (struct sim_plan_request){.kind = SIM_DRIFT, .sale = SIM_NONE, .after_ms = at});
    }
}

// More than the journal may publish ahead of acknowledgements (TW_SEND_AHEAD): only what lies behind that
// is ever given up for room.
static void add_flood(struct day *day, int64_t at)
{
    for (int64_t i = 0; i < FLOOD_EVENTS; i++) {
        add(day, (struct sim_plan_request){.kind = SIM_DRIFT, .sale = SIM_NONE, .after_ms = at + i / 4});
    }
}

void sim_plan_day(struct sim *sim, uint32_t first, unsigned sales, struct sim_plan_request **requests,
                  size_t *count, size_t *cap)
{
    static const int64_t pace_ms[] = {3, 20, 200, 600, 2500};
    struct day day = {sim, requests, count, cap, &sim->idempotency};
    int64_t at = 8 * INT64_C(3600000) + 5000;
    size_t pace = 0;
    if (sim->flood) {
        add_flood(&day, at);
    }
    for (unsigned i = 0; i < sales; i++) {
        if (i % 16 == 0) {
            pace = (size_t)sim_below(sim, sizeof pace_ms / sizeof pace_ms[0]);
        }
        at += sim_between(sim, 0, pace_ms[pace]);
        add_sale(&day, first + i, at);
        add_old(&day, first + i, at);
    }
}
