// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/power_world.h"

#include <inttypes.h>

// ---- faults ----

bool world_is_wrong(const struct world_faults *faults)
{
    return faults->missing + faults->doubled + faults->disordered > 0;
}

void world_fault(struct world_faults *faults, uint64_t *count, const char *format, ...)
{
    ++*count;
    if (faults->text[0] == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(faults->text, sizeof faults->text, format, args);
        va_end(args);
    }
}

// ---- what is done ----

void world_begin(struct world *world)
{
    *world = (struct world){.next = 1, .headed = true};
}

static struct world_event *add_place(struct world *world, struct world_faults *faults)
{
    if (world->count == WORLD_EVENTS) {
        world_fault(faults, &faults->disordered, "the test's world is full; acknowledge more often");
        return NULL;
    }
    struct world_event *added = &world->events[world->count++];
    *added = (struct world_event){.sequence = world->next++};
    world->accepted++;
    return added;
}

static void add_event(struct world *world, const struct tw_batch_event *event, struct world_faults *faults)
{
    if (event->sequence != world->next) {
        world_fault(faults, &faults->disordered, "event %" PRIu64 " was written as %" PRIu64, world->next,
                    event->sequence);
    }
    if (memcmp(event->id, world->last_id, sizeof event->id) <= 0) {
        world_fault(faults, &faults->disordered, "the id of event %" PRIu64 " stepped back", event->sequence);
    }
    struct world_event *added = add_place(world, faults);
    if (added != NULL) {
        added->type = event->type;
        memcpy(added->id, event->id, sizeof added->id);
        memcpy(world->last_id, event->id, sizeof world->last_id);
    }
}

void world_write(struct world *world, const struct tw_batch *batch, struct world_faults *faults)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->events[i].written) {
            add_event(world, &batch->events[i], faults);
        }
    }
}

void world_write_unknown(struct world *world, uint64_t next)
{
    struct world_faults faults = {.missing = 0};
    while (world->next < next && add_place(world, &faults) != NULL) {
    }
}

void world_acknowledge(struct world *world, uint64_t through)
{
    world->asked = through > world->asked ? through : world->asked;
}

bool world_is_delivered(const struct world *world)
{
    return world->asked + 1 == world->next;
}

struct world_event *world_find(struct world *world, uint64_t sequence)
{
    bool held = sequence > world->floor && sequence < world->next;
    return held ? &world->events[sequence - world->floor - 1] : NULL;
}

bool world_reject(struct world *world, uint64_t sequence)
{
    struct world_event *event = sequence > world->asked ? world_find(world, sequence) : NULL;
    if (event == NULL || event->dead) {
        return false;
    }
    event->dead = true;
    world->dead_letters++;
    world->letters_digest = 0;
    return true;
}

void world_drop_through(struct world *world, uint64_t through)
{
    size_t gone = through > world->floor ? (size_t)(through - world->floor) : 0;
    if (gone > 0) {
        world->headed = world->events[gone - 1].read;
        memcpy(world->head, world->events[gone - 1].hash, sizeof world->head);
    }
    world->count -= gone;
    memmove(world->events, world->events + gone, world->count * sizeof world->events[0]);
    world->floor += gone;
}

void world_renew(struct world *world)
{
    world_drop_through(world, world->asked);
    size_t kept = 0;
    for (size_t i = 0; i < world->count; i++) {
        if (!world->events[i].dead) {
            world->events[kept] = world->events[i];
            world->events[kept].sequence = kept + 1;
            world->events[kept].read = false;
            kept++;
        }
    }
    world->count = kept;
    world->next = kept + 1;
    world->floor = 0;
    world->asked = 0;
    world->headed = true;
    memset(world->head, 0, sizeof world->head);
    world->renewed = true;
}

void world_settle(struct world *world)
{
    world_drop_through(world, world->asked);
}

struct world_sale *world_sale(struct world *world, uint64_t number)
{
    struct world_sale *sale = &world->sales[number % WORLD_SALES];
    if (sale->number != number) {
        *sale = (struct world_sale){0};
    }
    return sale;
}

struct world_request *world_request(struct world *world, uint64_t number)
{
    struct world_request *request = &world->requests[number % WORLD_REQUESTS];
    if (request->number != number) {
        *request = (struct world_request){0};
    }
    return request;
}

const char *world_tap_name(size_t tap)
{
    static const char *const names[WORLD_TAPS] = {"tap-left", "tap-right"};
    return names[tap];
}

const char *world_lane_name(size_t lane)
{
    static const char *const names[WORLD_LANES] = {"1", "2"};
    return names[lane];
}
