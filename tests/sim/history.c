// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/history.h"

#include <stdlib.h>

#include "tests/sim/agent.h"
#include "tests/sim/books.h"
#include "tests/sim/broker.h"
#include "tests/sim/centre.h"
#include "tests/sim/faults.h"
#include "tests/sim/line.h"
#include "tests/sim/machine.h"
#include "tests/sim/till.h"

#define DAY_MS   INT64_C(86400000)
#define DRAIN_MS INT64_C(3600000) // a calm in which a day must drain

enum { SALES_MIN = 200, SALES_MAX = 208, DAYS_MAX = 9, FLOOD_PM = 8 };

static bool is_drained(const struct sim *sim)
{
    return sim_till_is_done(sim->till) && sim_agent_is_drained(sim->agent) && sim_centre_is_idle(sim->centre);
}

static void end_faults(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    sim_faults_end(sim);
}

static void check_drained(struct sim *sim)
{
    if (!is_drained(sim)) {
        bool up = sim_agent_is_up(sim->agent);
        const struct tw_outbox_state *state = up ? sim_agent_state(sim->agent) : NULL;
        sim_broken(sim, "P1",
                   "after an hour of calm %zu requests are open and the journal, %s, is at %llu of %llu",
                   sim_till_open(sim->till), up ? "open" : "closed",
                   (unsigned long long)(up ? state->start.through : 0),
                   (unsigned long long)(up ? state->next - 1 : 0));
    }
}

static void play_day(struct sim *sim)
{
    sim->day_ms = sim->now_ms;
    sim->flood = sim_chance(sim, FLOOD_PM);
    sim_till_day(sim, (unsigned)sim_between(sim, SALES_MIN, SALES_MAX));
    sim_faults_day(sim);
    sim_say(sim, "the day begins");
    sim_plan(sim, sim_till_last(sim->till) + sim_between(sim, 0, 60000), end_faults, (struct sim_note){0});
    while (!sim->weather.calm && sim_happen(sim)) {
    }
    int64_t until_ms = sim->now_ms + DRAIN_MS;
    while (!is_drained(sim) && sim->now_ms < until_ms && sim_happen(sim)) {
    }
    check_drained(sim);
    sim_books_balance(sim);
    sim_till_balance(sim);
    sim_say(sim, "the books balance");
    sim->figures->days++;
}

// To the next day: what is still on its way arrives before.
static void pass_night(struct sim *sim)
{
    int64_t morning_ms = sim->day_ms + DAY_MS;
    while (sim_next_ms(sim) <= morning_ms && sim_happen(sim)) {
    }
    sim->now_ms = morning_ms;
    sim->day++;
}

static void begin(struct sim *sim, const char *folder)
{
    sim->books = sim_books_new();
    sim->machine = sim_machine_new(sim);
    sim->till = sim_till_new();
    sim->broker = sim_broker_new();
    sim->centre = sim_centre_new();
    sim->faults = sim_faults_new(sim);
    sim->line = sim_line_new(sim_chance(sim, 150) ? TW_ACK_BROKER : TW_ACK_CENTRAL);
    sim->agent = sim_agent_new(folder);
    sim_machine_boot(sim);
    sim->weather.calm = true;
    sim_agent_start(sim);
}

static void end(struct sim *sim)
{
    sim_agent_free(sim);
    sim_line_free(sim->line);
    sim_faults_free(sim->faults);
    sim_centre_free(sim->centre);
    sim_broker_free(sim->broker);
    sim_till_free(sim->till);
    sim_machine_free(sim->machine);
    sim_books_free(sim->books);
    free(sim->heap);
}

void sim_history(uint64_t seed, unsigned most_days, const char *folder, bool trace,
                 struct sim_figures *figures)
{
    struct sim sim = {.seed = seed, .random = seed, .trace = trace, .figures = figures};
    begin(&sim, folder);
    unsigned days = 1 + (unsigned)sim_below(&sim, DAYS_MAX);
    days = days < most_days ? days : most_days;
    while (sim.day < days) {
        play_day(&sim);
        pass_night(&sim);
    }
    figures->histories++;
    end(&sim);
}
