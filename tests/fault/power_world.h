// SPDX-License-Identifier: Apache-2.0
//
// What the journal must hold, kept by somebody who remembers everything: the events that were accepted, their
// place and published form, what was acknowledged and rejected, positions and keys. A world is a plain
// value, so that there can be two of them: one in which a commit that the power cut interrupted happened,
// one in which it did not. After a restart the journal must be one of the two, to the byte.
//
// Threading: one thread. Memory: none but its own. Time: none.
// Errors: differences are counted and described, not asserted.
#ifndef TW_POWER_WORLD_H
#define TW_POWER_WORLD_H

#include "agent/journal/store.h"

enum {
    WORLD_EVENTS = 2048, // queued at the same time
    WORLD_SALES = 48,    // keys of which repeats come
    WORLD_REQUESTS = 16,
    WORLD_TAPS = 2,
    WORLD_LANES = 2,
    WORLD_TEXT = 200,
};

struct world_event {
    uint8_t id[16]; // zeros: the journal made it and nobody was told; learned when it is seen
    uint64_t sequence;
    bool read;               // it may have been published
    uint8_t hash[32];        // of the published form then
    enum tw_event_type type; // 0: unknown, as the id
    bool dead;
};

struct world_sale {
    uint64_t number; // 0: none
    uint64_t value;
    uint8_t id[16];
};

struct world_request {
    uint64_t number; // 0: none
    uint64_t value;
    uint8_t id[16];
};

struct world {
    char epoch[37]; // empty: there was none yet
    bool renewed;   // the epoch must be another one than `epoch`
    uint64_t next;
    uint64_t asked; // acknowledged; it may be durable or not
    uint64_t floor; // acknowledged and durable
    uint64_t dead_letters;
    uint64_t letters_digest; // of all of them; 0: not known
    bool headed;             // `head` is known: the hash of event `floor`
    uint8_t head[32];
    uint8_t last_id[16];
    struct world_event events[WORLD_EVENTS]; // those after `floor`, in order
    size_t count;
    struct world_sale sales[WORLD_SALES];
    struct world_request requests[WORLD_REQUESTS];
    uint64_t taps[WORLD_TAPS]; // offsets; 0: none
    uint64_t lanes[WORLD_LANES];
    uint64_t accepted; // events, ever
};

// What is wrong, in events or in cases, and the first of it in words.
struct world_faults {
    uint64_t missing, doubled, disordered;
    char text[WORLD_TEXT];
};
bool world_is_wrong(const struct world_faults *faults);
__attribute__((format(printf, 3, 4))) void world_fault(struct world_faults *faults, uint64_t *count,
                                                       const char *format, ...);

void world_begin(struct world *world);
// What the batch wrote was accepted. Ids must go up.
void world_write(struct world *world, const struct tw_batch *batch, struct world_faults *faults);
// So did the journal itself, up to `next`: with ids that nobody was told.
void world_write_unknown(struct world *world, uint64_t next);
void world_acknowledge(struct world *world, uint64_t through);
// Whether there is something to reject: a queued event that is not dead yet.
bool world_reject(struct world *world, uint64_t sequence);
void world_renew(struct world *world);
// Forgets the events up to `through`, but for the hash of the last.
void world_drop_through(struct world *world, uint64_t through);
// The journal was closed in good order: what was acknowledged is so for good.
void world_settle(struct world *world);
bool world_is_delivered(const struct world *world);
struct world_event *world_find(struct world *world, uint64_t sequence);

struct world_sale *world_sale(struct world *world,
                              uint64_t number); // the one with the number, or one to take
struct world_request *world_request(struct world *world, uint64_t number);

const char *world_tap_name(size_t tap);
const char *world_lane_name(size_t lane);

// The journal as it can be seen from outside.
struct world_view;
struct world_view *world_look(struct tw_store *store, int *error); // NULL: it cannot be read, see `error`
void world_view_free(struct world_view *view);
// Counts the differences.
void world_compare(const struct world *world, const struct world_view *view, struct world_faults *faults);
// What was seen is known from now on: the epoch, ids, each published form; with `durable`, as after a start,
// what is acknowledged for good as well.
void world_adopt(struct world *world, const struct world_view *view, bool durable);

// Compares rows that were read with what was read before, and remembers them.
void world_publish(struct world *world, const struct tw_rows *rows, struct world_faults *faults);

#endif
