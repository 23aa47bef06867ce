// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/machine.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "tests/sim/books.h"

struct sim_machine {
    struct tw_clock clock; // first: a tw_clock * is a sim_machine *
    struct sim *sim;
    struct fault_disk *disk;
    struct fault_image *image;
    int64_t booted_ms;
    int64_t offset_ms; // of the wall clock
    enum tw_clock_trust trust;
    uint64_t random; // of the kernel
};

// The C library's functions have no context: the machine of this program.
static struct sim_machine *here;

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    (void)flags;
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) { // a linear congruential step is enough for bytes nobody must guess
        here->random = here->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        at[i] = (uint8_t)(here->random >> 56);
    }
    return (ssize_t)len;
}

// ---- clocks ----

static const struct sim_machine *machine_of(const struct tw_clock *clock)
{
    return (const struct sim_machine *)(const void *)clock;
}

static int64_t wall_ms(const struct tw_clock *clock)
{
    const struct sim_machine *machine = machine_of(clock);
    return SIM_START_MS + machine->sim->now_ms + machine->offset_ms;
}

static int64_t monotonic_ms(const struct tw_clock *clock)
{
    const struct sim_machine *machine = machine_of(clock);
    return 1000 + machine->sim->now_ms - machine->booted_ms;
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    return machine_of(clock)->trust;
}

void sim_machine_boot(struct sim *sim)
{
    struct sim_machine *machine = sim->machine;
    machine->booted_ms = sim->now_ms;
    (void)snprintf(machine->clock.boot, sizeof machine->clock.boot, "%08x-5f43-4a6e-9d0e-3f6a0a9f2b11",
                   (unsigned)sim_roll(sim));
}

// Hours are what a wrong time zone or a slow battery makes; they stay within the 7 days that keys are kept.
static void jump_hours(struct sim *sim)
{
    sim->machine->offset_ms = sim_between(sim, -6 * 3600, 6 * 3600) * 1000;
    sim->machine->trust = sim_chance(sim, 500) ? TW_CLOCK_OK : TW_CLOCK_UNSYNCHRONISED;
}

void sim_machine_jump(struct sim *sim)
{
    struct sim_machine *machine = sim->machine;
    uint64_t kind = sim_below(sim, 4);
    sim->figures->clock_jumps++;
    if (kind == 0) { // a dead battery
        machine->offset_ms = -SIM_START_MS - sim->now_ms;
        machine->trust = TW_CLOCK_SUSPECT;
    } else if (kind == 1) {
        machine->offset_ms = INT64_C(86400000) * sim_between(sim, 400, 4000);
        machine->trust = TW_CLOCK_SUSPECT;
    } else {
        jump_hours(sim);
    }
    sim_say(sim, "the wall clock jumps to %lld s from the truth", (long long)(machine->offset_ms / 1000));
}

void sim_machine_clock_right(struct sim *sim)
{
    sim->machine->offset_ms = 0;
    sim->machine->trust = TW_CLOCK_OK;
}

// ---- images ----

bool sim_machine_has_image(const struct sim_machine *machine)
{
    return machine->image != NULL;
}

void sim_machine_take_image(struct sim *sim)
{
    struct sim_machine *machine = sim->machine;
    fault_image_free(machine->image);
    machine->image = fault_disk_image(machine->disk);
    sim_books_image_taken(sim);
    sim_say(sim, "an image of the disk is taken");
}

bool sim_machine_put_back(struct sim *sim)
{
    struct sim_machine *machine = sim->machine;
    if (machine->image == NULL) {
        return false;
    }
    fault_disk_put_back(machine->disk, machine->image);
    fault_image_free(machine->image);
    machine->image = NULL;
    sim_books_image_put_back(sim);
    sim->figures->images_restored++;
    sim_say(sim, "the disk is put back to the image");
    return true;
}

// ---- life ----

const struct tw_clock *sim_machine_clock(const struct sim_machine *machine)
{
    return &machine->clock;
}

struct fault_disk *sim_machine_disk(const struct sim_machine *machine)
{
    return machine->disk;
}

struct sim_machine *sim_machine_new(struct sim *sim)
{
    struct sim_machine *machine = sim_have(calloc(1, sizeof *machine));
    machine->clock = (struct tw_clock){.wall_ms = wall_ms, .monotonic_ms = monotonic_ms, .trust = trust};
    machine->sim = sim;
    machine->random = sim_roll(sim);
    machine->disk = fault_disk_new(sim_roll(sim));
    if (machine->disk == NULL) {
        sim_fail("no disk");
    }
    here = machine;
    return machine;
}

void sim_machine_free(struct sim_machine *machine)
{
    if (machine != NULL) {
        fault_image_free(machine->image);
        fault_disk_free(machine->disk);
        free(machine);
        here = NULL;
    }
}
