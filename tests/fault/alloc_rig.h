// SPDX-License-Identifier: Apache-2.0
//
// A journal on the fault disk for alloc_test: what it begins with, batches, groups, and the comparison with
// what it must hold; and the operations whose memory fails.
//
// Threading: one thread. Memory: alloc_tear_down frees all. Time: a manual clock. Errors: cmocka assertions,
// but those of the operation that is tried.
#ifndef TW_ALLOC_RIG_H
#define TW_ALLOC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fakes/fault_vfs.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fault/power_world.h"

enum { ALLOC_OLD_EVENTS = 40, ALLOC_BATCHES = 4 };

struct alloc_rig {
    char folder[64];
    char path[96];
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct manual_clock clock;
    struct tw_journal_options options;
    struct fault_disk *disk;
    struct fault_image *image; // of a journal that has something in it
    struct world old;          // what that is
    struct world world;
    struct tw_store *store;
    struct tw_batch *batches[ALLOC_BATCHES];
    struct tw_journal_result results[ALLOC_BATCHES];
    unsigned long every;
    char where[96]; // the failure that is being tried; empty at the end
};

// An operation: what it does, with memory failing; 0 or an error.
struct alloc_operation {
    const char *name;
    bool starts_closed;
    void (*prepare)(struct alloc_rig *rig);
    int (*run)(struct alloc_rig *rig);
};

extern const struct alloc_operation alloc_operations[];
extern const size_t alloc_operation_count;

int alloc_set_up(void **state); // *state is the rig
int alloc_tear_down(void **state);

int alloc_open_store(struct alloc_rig *rig);
int alloc_begin_life(struct alloc_rig *rig); // opens; a new journal gives itself its epoch
void alloc_close_store(struct alloc_rig *rig);

struct tw_batch *alloc_sale_batch(struct alloc_rig *rig, const char *key, const char *data);
struct tw_batch *alloc_request_batch(struct alloc_rig *rig, const char *key);
struct tw_batch *alloc_tap_batch(struct alloc_rig *rig, size_t bytes, uint64_t offset);
// Takes the batch for the next group.
void alloc_add_batch(struct alloc_rig *rig, struct tw_batch *batch);
void alloc_free_batches(struct alloc_rig *rig);
// Writes those that are not written yet. A batch fails alone; if the commit fails, all do.
int alloc_write_batches(struct alloc_rig *rig);
void alloc_write_one(struct alloc_rig *rig, struct tw_batch *batch);

// The journal is what it must be. `started`: it was opened and nothing else.
void alloc_check(struct alloc_rig *rig, const char *when, bool started);
void alloc_check_file(struct alloc_rig *rig); // PRAGMA integrity_check

#endif
