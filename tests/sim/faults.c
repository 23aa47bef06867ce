// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/faults.h"

#include <stdlib.h>

#include "tests/sim/agent.h"
#include "tests/sim/broker.h"
#include "tests/sim/centre.h"
#include "tests/sim/line.h"
#include "tests/sim/machine.h"
#include "tests/sim/till.h"

enum { DAY_MS = 86400000, FLOOD_ROOM_BYTES = 200 * 1024 };
enum { LATE_MS = 5000 }; // a death that waits for the disk comes by then at the latest

struct sim_faults {
    bool full, no_sync; // the disk
    unsigned images;    // still to be put back today
    uint64_t deaths;    // counts those that were planned
    bool forgetful;     // of this history: its centre loses what it had
};

// ---- the agent ----

static void die_now(struct sim *sim, const struct sim_note *note)
{
    if (note->a == sim->faults->deaths && note->c == sim->day && !sim->weather.calm) {
        if (note->b) {
            sim_agent_power(sim, sim_faults_down_ms(sim, true));
        } else {
            sim_agent_kill(sim, sim_faults_down_ms(sim, false));
        }
    }
}

// In the middle of what the disk does next, else when it has done nothing for long.
static void die(struct sim *sim, bool power)
{
    struct sim_note note = {++sim->faults->deaths, power, sim->day};
    if (sim_agent_is_up(sim->agent)) {
        sim_agent_doom(sim, power, 1 + sim_below(sim, sim_chance(sim, 700) ? 12 : 120));
        sim_plan(sim, sim_between(sim, 0, LATE_MS), die_now, note);
    }
}

static void power_cut(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    die(sim, true);
}

static void kill_agent(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    die(sim, false);
}

int64_t sim_faults_down_ms(struct sim *sim, bool power)
{
    if (sim->weather.calm) {
        return 0;
    }
    return power ? sim_between(sim, 1000, 60000) : sim_between(sim, 50, 3000);
}

bool sim_faults_while_down(struct sim *sim)
{
    struct sim_faults *faults = sim->faults;
    bool put_back = false;
    faults->deaths++; // what was planned for this process is off
    if (faults->images > 0 && sim_machine_has_image(sim->machine) && sim_chance(sim, 500)) {
        faults->images--;
        put_back = sim_machine_put_back(sim);
    } else if (faults->images > 0) {
        sim_machine_take_image(sim);
    }
    if (!sim->weather.calm && sim->weather.power_cuts > 0 &&
        sim_chance(sim, 150)) { // and once more at the start
        sim_agent_doom(sim, true, 1 + sim_below(sim, 10));
    }
    return put_back;
}

// ---- the network and the centre ----

static void break_session(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    if (sim_chance(sim, 300)) {
        sim_broker_swallow(sim);
    } else {
        sim_broker_cut(sim);
    }
}

static void stop_broker(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    sim_broker_stop(sim, sim_between(sim, 500, sim_chance(sim, 200) ? 600000 : 20000));
}

static void stop_centre(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    sim_centre_stop(sim, sim_between(sim, 100, sim_chance(sim, 200) ? 600000 : 20000));
}

static void lose_centre(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    sim_centre_lose(sim);
}

static void resync(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    sim_agent_resync(sim);
}

// ---- the disk and the clock ----

static void make_room(struct sim *sim, const struct sim_note *note)
{
    if (note->c == sim->day) {
        sim->faults->full = sim->faults->no_sync = false;
        fault_disk_set_size(sim_machine_disk(sim->machine), 0);
        fault_disk_fail_sync(sim_machine_disk(sim->machine), false);
    }
}

static void fill_disk(struct sim *sim, const struct sim_note *note)
{
    struct fault_disk *disk = sim_machine_disk(sim->machine);
    (void)note;
    sim->faults->full = true;
    sim->figures->disks_full++;
    fault_disk_set_size(disk, fault_disk_used(disk) + sim_below(sim, 65536));
    sim_say(sim, "the disk is full");
    sim_plan(sim, sim_between(sim, 100, 40000), make_room, (struct sim_note){.c = sim->day});
}

static void fail_sync(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    sim->faults->no_sync = true;
    sim->figures->syncs_failed++;
    fault_disk_fail_sync(sim_machine_disk(sim->machine), true);
    sim_say(sim, "the disk does not sync");
    sim_plan(sim, sim_between(sim, 10, 3000), make_room, (struct sim_note){.c = sim->day});
}

static void jump_clock(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    if (sim_chance(sim, 300)) {
        sim_machine_clock_right(sim);
    } else {
        sim_machine_jump(sim);
    }
}

bool sim_faults_disk(const struct sim_faults *faults)
{
    return faults->full || faults->no_sync;
}

// ---- a day ----

// Of a kind of fault there is none in half of the days, and up to `most` in the others.
static unsigned some(struct sim *sim, unsigned most)
{
    return sim_chance(sim, 500) ? 0 : 1 + (unsigned)sim_below(sim, most);
}

static unsigned one_of(struct sim *sim, unsigned a, unsigned b, unsigned c)
{
    const unsigned of[] = {a, b, c};
    return of[sim_below(sim, 3)];
}

static void draw(struct sim *sim)
{
    bool central = sim_line_mode(sim->line) == TW_ACK_CENTRAL;
    sim->weather = (struct sim_weather){
        .line_ms = one_of(sim, 2, 40, 700),
        .commit_ms = one_of(sim, 1, 8, 120),
        .centre_ms = one_of(sim, 2, 20, 400),
        .refuse_pm = some(sim, 600),
        .silent_pm = some(sim, 150),
        .cut_pm = some(sim, 15),
        .refuse_publish_pm = some(sim, 15),
        .word_late_pm = some(sim, 200),
        .word_twice_pm = some(sim, 300),
        .word_other_pm = some(sim, 200),
        .power_cuts = some(sim, 5),
        .kills = some(sim, 4),
        .sessions = some(sim, 5),
        .broker_stops = some(sim, 2),
        .disks_full = some(sim, 2),
        .sync_fails = some(sim, 2),
        .clock_jumps = some(sim, 4),
        .bulky_pm = sim_chance(sim, 200) ? 5 : 0,
    };
    if (central) {
        sim->weather.centre_dies_pm = some(sim, 40);
        sim->weather.centre_lags_pm = some(sim, 30);
        sim->weather.centre_stops = some(sim, 3);
        sim->weather.centre_losses = sim->faults->forgetful && sim_chance(sim, 400);
        sim->weather.poison_pm = some(sim, 30);
        sim->weather.images = sim_chance(sim, 200);
        sim->weather.resyncs = sim_chance(sim, 100);
    }
}

// A journal that may not grow: it empties the sales it only remembers, gives up what may be given up, and
// refuses the rest until the day is over. The limit is read when the process starts.
static void limit_journal(struct sim *sim)
{
    uint64_t used = fault_disk_used(sim_machine_disk(sim->machine));
    if (sim->flood) {
        sim->weather.quota_bytes = used + FLOOD_ROOM_BYTES;
        sim_broker_stop(sim, DAY_MS);
    } else if (sim_chance(sim, 100)) {
        sim->weather.quota_bytes = used + 4096 + sim_below(sim, 65536);
    }
    if (sim->weather.quota_bytes > 0) {
        sim_agent_kill(sim, 0);
    }
}

static void plan_some(struct sim *sim, unsigned count, sim_fn *fault)
{
    for (unsigned i = 0; i < count; i++) {
        sim_plan(sim, sim_till_when(sim) + sim_between(sim, -20, 400), fault, (struct sim_note){0});
    }
}

void sim_faults_day(struct sim *sim)
{
    draw(sim);
    sim->faults->images = sim->weather.images;
    limit_journal(sim);
    plan_some(sim, sim->weather.power_cuts, power_cut);
    plan_some(sim, sim->weather.kills + 2 * sim->weather.images, kill_agent);
    plan_some(sim, sim->weather.sessions, break_session);
    plan_some(sim, sim->weather.broker_stops, stop_broker);
    plan_some(sim, sim->weather.centre_stops, stop_centre);
    plan_some(sim, sim->weather.centre_losses, lose_centre);
    plan_some(sim, sim->weather.disks_full, fill_disk);
    plan_some(sim, sim->weather.sync_fails, fail_sync);
    plan_some(sim, sim->weather.clock_jumps, jump_clock);
    plan_some(sim, sim->weather.resyncs, resync);
}

void sim_faults_end(struct sim *sim)
{
    struct fault_disk *disk = sim_machine_disk(sim->machine);
    sim_say(sim, "all faults end");
    bool limited = sim->weather.quota_bytes > 0;
    sim->weather = (struct sim_weather){.calm = true, .line_ms = 20, .commit_ms = 2, .centre_ms = 5};
    sim->faults->images = 0;
    sim->faults->deaths++;
    make_room(sim, &(struct sim_note){.c = sim->day});
    if (!fault_disk_is_dead(disk)) {
        fault_disk_cut_at(disk, 0);
    }
    if (limited) {
        sim_agent_kill(sim, 0);
    }
    sim_machine_clock_right(sim);
    sim_broker_mend(sim);
    sim_centre_mend(sim);
    sim_agent_start(sim);
}

// ---- life ----

struct sim_faults *sim_faults_new(struct sim *sim)
{
    struct sim_faults *faults = sim_have(calloc(1, sizeof *faults));
    faults->forgetful = sim_chance(sim, 300);
    return faults;
}

void sim_faults_free(struct sim_faults *faults)
{
    free(faults);
}
