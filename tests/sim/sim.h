// SPDX-License-Identifier: Apache-2.0
//
// The simulation's ground: virtual time, a queue of what happens next, dice from one seed, and the words
// in which a history is told. One history is one process, one thread, one seed: whatever is decided by
// chance is drawn from here, and nothing asks the real clock or the kernel.
//
// Threading: one thread. Memory: parts are made and freed by history.c; notes own nothing.
// Time: virtual milliseconds, from 0. Errors: a broken promise ends the program (sim_broken).
#ifndef TW_SIM_H
#define TW_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/weather.h"

struct sim_machine;
struct sim_books;
struct sim_till;
struct sim_agent;
struct sim_line;
struct sim_broker;
struct sim_centre;
struct sim_faults;
struct sim;

// What comes with something that happens: numbers only, so that what does not happen costs nothing.
struct sim_note {
    uint64_t a, b, c;
};
typedef void sim_fn(struct sim *sim, const struct sim_note *note);

struct sim_event {
    int64_t at_ms;
    uint64_t number; // what is due at the same time happens in the order it was planned
    sim_fn *run;
    struct sim_note note;
};

struct sim_figures {
    uint64_t histories, days, sales, events, steps;
    uint64_t corrections, repeats, publishes, acknowledgements;
    uint64_t power_cuts, kills, images_restored, disks_full, syncs_failed, clock_jumps;
    uint64_t sessions_lost, refusals, centre_restarts, centre_losses, rejects, drops, epochs;
};

struct sim {
    uint64_t seed, random;
    int64_t now_ms;
    int64_t day_ms; // when this day began
    unsigned day;
    uint64_t step; // events that happened
    bool trace;
    bool flood; // of this day: far more events than may be published, no line, and a small quota
    struct sim_event *heap;
    size_t heap_count, heap_cap;
    uint64_t planned;
    unsigned idempotency; // keys given so far
    struct sim_weather weather;
    struct sim_figures *figures;
    struct sim_machine *machine;
    struct sim_books *books;
    struct sim_till *till;
    struct sim_agent *agent;
    struct sim_line *line;
    struct sim_broker *broker;
    struct sim_centre *centre;
    struct sim_faults *faults;
};

// ---- chance ----
uint64_t sim_roll(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t limit);             // 0 .. limit-1; 0 for 0
int64_t sim_between(struct sim *sim, int64_t low, int64_t high); // both included
bool sim_chance(struct sim *sim, unsigned per_mille);

// ---- time ----
void sim_plan(struct sim *sim, int64_t after_ms, sim_fn *run, struct sim_note note);
// Lets the next thing happen; false: nothing is planned.
bool sim_happen(struct sim *sim);
int64_t sim_next_ms(const struct sim *sim); // when that will be; INT64_MAX: nothing is planned

// ---- words ----
#define sim_say(sim, ...)                                                                                    \
    do {                                                                                                     \
        if ((sim)->trace) {                                                                                  \
            sim_tell((sim), __VA_ARGS__);                                                                    \
        }                                                                                                    \
    } while (0)
__attribute__((format(printf, 2, 3))) void sim_tell(const struct sim *sim, const char *format, ...);
// A promise (P1 .. P9, include/contract/names.md) is broken: says which, when, how to see it again; exits 1.
__attribute__((format(printf, 3, 4), noreturn)) void sim_broken(const struct sim *sim, const char *promise,
                                                                const char *format, ...);
// The simulation itself cannot go on (memory): exits 2.
_Noreturn void sim_fail(const char *what);
// What it is given, which must be there: memory, or what was made of it.
void *sim_have(void *memory);

// An array that grows by doubling, for the parts: gives the place of element `count`.
void *sim_grow(void *array, size_t count, size_t *cap, size_t size);

#endif
