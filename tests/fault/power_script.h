// SPDX-License-Identifier: Apache-2.0
//
// A piece of a store's day on a journal: groups of batches (tap bytes, sales, repeats, corrections, requests
// with an Idempotency-Key), reads, acknowledgements in both orders and of other lives, rejects, checkpoints,
// restarts, steps of the clock. One seed is one piece. Beside each step stands what the journal must hold
// then (power_world.h).
//
// Threading: one thread. Memory: one store and two worlds. Time: a manual clock that also steps back.
// Errors: SCRIPT_BROKEN with the fault described.
#ifndef TW_POWER_SCRIPT_H
#define TW_POWER_SCRIPT_H

#include "tests/fakes/fault_vfs.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fault/power_world.h"

enum { SCRIPT_GROUP = 3, SCRIPT_STEPS = 7, SCRIPT_FILL_GROUP = 100 };

enum script_end {
    SCRIPT_DONE,   // to its end, closed
    SCRIPT_CUT,    // the power failed; the store is to be closed
    SCRIPT_BROKEN, // an answer was wrong, or an error came without a cause
};

// What a batch is made of: made twice it is the same.
struct script_batch {
    enum { BATCH_TAP, BATCH_SALE, BATCH_REQUEST, BATCH_DRIFT } kind;
    uint64_t number; // of the sale or request
    uint64_t value;  // of its body
    size_t tap;      // WORLD_TAPS: none
    uint64_t offset;
    size_t lane; // WORLD_LANES: none
    size_t events, bytes;
    uint64_t noise; // seeds the filling
};

struct script {
    struct tw_journal_options options;
    struct fault_disk *disk;
    struct manual_clock clock;
    uint64_t random;
    uint64_t numbered; // sales and requests so far
    struct tw_store *store;
    struct world world; // what was committed
    struct world next;  // with what is in the group
    bool committing;    // the cut may have come before or after the commit of `next`
    struct script_batch group[SCRIPT_GROUP];
    size_t grouped;
    uint64_t given_up; // events, for want of room
    struct world_faults faults;
    int error;        // that came without a cause
    const char *step; // what was done last
};

// Fills in what is the script's own; `world` and `numbered` are the caller's to set.
void script_init(struct script *script, struct fault_disk *disk, const char *path, struct tw_seal *seal,
                 struct tw_vault *vault, uint64_t seed);
int script_open(struct script *script);
enum script_end script_run(struct script *script);
// Does what tills and clients do after a cut: sends again what was in the group.
enum script_end script_again(struct script *script);
// Everything that is queued is read and acknowledged, a window at a time.
enum script_end script_drain(struct script *script);
// Queues `count` events that may be given up for room.
enum script_end script_fill(struct script *script, uint64_t count);
// One batch, to see that writing goes on.
enum script_end script_one(struct script *script);

#endif
