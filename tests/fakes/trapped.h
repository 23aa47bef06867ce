// SPDX-License-Identifier: Apache-2.0
//
// Memory at chosen addresses in which every access is noticed, one by one and in order, so that a model can
// be what code thinks are registers. A page that nobody may touch faults; the fault tells the model, opens
// the page for that one instruction (the processor's single step), and what was stored is handed to the
// model. x86-64 Linux only: addresses below 4 GiB are free in a process there.
//
// Threading: one thread, one trap at a time. Memory: two mappings of each area, for the life of the program.
// Time: some microseconds an access. Errors: false where the addresses are taken; a fault elsewhere is
// handed on to whoever had the signal before.
#ifndef TW_TEST_TRAPPED_H
#define TW_TEST_TRAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trapped_kind {
    TRAPPED_NOT,    // plain memory, read only
    TRAPPED_STORES, // reads are free; which bytes a store wrote is found out
    TRAPPED_ALL,    // 32-bit registers: reads and stores
};

// What a model is told. `touch`: before a register is read, or read and written. `store`: after a store of
// `width` bytes at `at`; in memory now is what was there before, and the model puts what it makes of `value`.
struct trapped_model {
    void (*touch)(void *user, uint32_t at, bool writes);
    void (*store)(void *user, uint32_t at, uint32_t value, unsigned width);
    void *user;
};

// Maps [at, at + len), whole pages, as zeros; false: something is there already, or the kernel refuses.
bool trapped_map(uint32_t at, uint32_t len, enum trapped_kind kind);

// From here on accesses go to `model`. To be called in each test: cmocka takes the signals before every one.
void trapped_watch(const struct trapped_model *model);

// Reads and writes past the trap: for the model and the test.
uint8_t *trapped_memory(uint32_t at);
uint32_t trapped_get(uint32_t at);
void trapped_set(uint32_t at, uint32_t value);

#endif
