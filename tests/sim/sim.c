// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// ---- chance ----

// splitmix64 (Steele, Lea, Flood 2014).
uint64_t sim_roll(struct sim *sim)
{
    sim->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = sim->random;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint64_t sim_below(struct sim *sim, uint64_t limit)
{
    return limit > 0 ? sim_roll(sim) % limit : 0;
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)sim_below(sim, (uint64_t)(high - low + 1));
}

bool sim_chance(struct sim *sim, unsigned per_mille)
{
    return per_mille > 0 && sim_below(sim, 1000) < per_mille;
}

// ---- time ----

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

void sim_plan(struct sim *sim, int64_t after_ms, sim_fn *run, struct sim_note note)
{
    sim->heap = sim_grow(sim->heap, sim->heap_count, &sim->heap_cap, sizeof *sim->heap);
    const struct sim_event event = {sim->now_ms + (after_ms > 0 ? after_ms : 0), sim->planned++, run, note};
    size_t at = sim->heap_count++;
    while (at > 0 && is_before(&event, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = event;
}

static struct sim_event take_first(struct sim *sim)
{
    struct sim_event first = sim->heap[0];
    struct sim_event last = sim->heap[--sim->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < sim->heap_count; child = 2 * at + 1) {
        if (child + 1 < sim->heap_count && is_before(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (!is_before(&sim->heap[child], &last)) {
            break;
        }
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

bool sim_happen(struct sim *sim)
{
    if (sim->heap_count == 0) {
        return false;
    }
    struct sim_event event = take_first(sim);
    sim->now_ms = event.at_ms;
    sim->step++;
    sim->figures->steps++;
    event.run(sim, &event.note);
    return true;
}

int64_t sim_next_ms(const struct sim *sim)
{
    return sim->heap_count > 0 ? sim->heap[0].at_ms : INT64_MAX;
}

// ---- words ----

static void print_time(FILE *out, const struct sim *sim)
{
    int64_t ms = sim->now_ms - sim->day_ms;
    (void)fprintf(out, "%8" PRIu64 " day %u %02d:%02d:%02d.%03d ", sim->step, sim->day, (int)(ms / 3600000),
                  (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

void sim_tell(const struct sim *sim, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_time(stdout, sim);
    (void)vprintf(format, args);
    (void)putchar('\n');
    va_end(args);
}

void sim_broken(const struct sim *sim, const char *promise, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s is broken, seed %" PRIu64 ", step ", promise, sim->seed);
    print_time(stderr, sim);
    (void)fputs(": ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nTo see the history that leads there: sim --only %" PRIu64 " --trace\n",
                  sim->seed);
    va_end(args);
    (void)printf("{\"violations\":1,\"promise\":\"%s\",\"seed\":%" PRIu64 ",\"step\":%" PRIu64 "}\n", promise,
                 sim->seed, sim->step);
    (void)fflush(stdout);
    _Exit(1);
}

_Noreturn void sim_fail(const char *what)
{
    (void)fprintf(stderr, "the simulation cannot go on: %s\n", what);
    exit(2);
}

void *sim_have(void *memory)
{
    if (memory == NULL) {
        sim_fail("out of memory");
    }
    return memory;
}

void *sim_grow(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return array;
    }
    *cap = *cap > 0 ? 2 * *cap : 64;
    return sim_have(realloc(array, *cap * size));
}
