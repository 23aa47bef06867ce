// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/trapped.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    MOST_AREAS = 32,
    PAGE = 4096,
    TRAP_FLAG = 0x100,  // of EFLAGS: stop after one instruction
    FAULT_WRITES = 0x2, // of a page fault's error code
    WINDOW = 8,         // a store is looked for in as many bytes
};

struct area {
    uint32_t at, len;
    enum trapped_kind kind;
    uint8_t *memory; // the same bytes, where nothing is trapped
};

// The instruction that is let through.
struct step {
    const struct area *area;
    uint32_t at;
    bool writes, again;
    greg_t code;           // where it lies
    uint8_t old[WINDOW];   // around the address
    uint8_t first[WINDOW]; // after its first run
};

// Signal handlers are told nothing else.
static struct {
    struct area areas[MOST_AREAS];
    size_t count;
    struct trapped_model model;
    struct sigaction fault_before;
    struct step step;
} trapped;

static const struct area *area_at(uintptr_t at)
{
    for (size_t i = 0; i < trapped.count; i++) {
        const struct area *area = &trapped.areas[i];
        if (at >= area->at && at - area->at < area->len) {
            return area;
        }
    }
    return NULL;
}

uint8_t *trapped_memory(uint32_t at)
{
    const struct area *area = area_at(at);
    return area == NULL ? NULL : area->memory + (at - area->at);
}

uint32_t trapped_get(uint32_t at)
{
    uint32_t value;
    memcpy(&value, trapped_memory(at), sizeof value);
    return value;
}

void trapped_set(uint32_t at, uint32_t value)
{
    memcpy(trapped_memory(at), &value, sizeof value);
}

// ---- one instruction

static int protection(enum trapped_kind kind)
{
    return kind == TRAPPED_ALL ? PROT_NONE : PROT_READ;
}

static void protect(const struct area *area, int how)
{
    uintptr_t page = area->at + (trapped.step.at - area->at) / PAGE * PAGE;
    (void)mprotect((void *)page, PAGE, how);
}

static uint8_t *window(void)
{
    return trapped_memory(trapped.step.at / WINDOW * WINDOW);
}

// Which bytes a store wrote shows when it runs twice, over zeros and over ones: those that are the same.
static void find_stored(unsigned *from, unsigned *width)
{
    const struct step *step = &trapped.step;
    const uint8_t *second = window();
    *from = step->at % WINDOW;
    *width = 0;
    while (*from + *width < WINDOW && step->first[*from + *width] == second[*from + *width]) {
        *width += 1;
    }
}

static void hand_store_on(void)
{
    struct step *step = &trapped.step;
    unsigned from = step->at % WINDOW;
    unsigned width = sizeof(uint32_t);
    if (step->area->kind == TRAPPED_STORES) {
        find_stored(&from, &width);
    }
    uint32_t value = 0;
    memcpy(&value, window() + from, width < sizeof value ? width : sizeof value);
    memcpy(window(), step->old, WINDOW);
    trapped.model.store(trapped.model.user, step->at, value, width);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t at = (uintptr_t)info->si_addr;
    const struct area *area = area_at(at);
    if (area == NULL || area->kind == TRAPPED_NOT) {
        (void)sigaction(SIGSEGV, &trapped.fault_before, NULL); // it faults again, and is not ours
        return;
    }
    struct step *step = &trapped.step;
    *step = (struct step){.area = area, .at = (uint32_t)at, .code = registers[REG_RIP]};
    step->writes = (registers[REG_ERR] & FAULT_WRITES) != 0;
    if (area->kind == TRAPPED_ALL) {
        trapped.model.touch(trapped.model.user, step->at, step->writes);
    }
    memcpy(step->old, window(), WINDOW);
    if (area->kind == TRAPPED_STORES) {
        memset(window(), 0, WINDOW);
    }
    protect(area, PROT_READ | PROT_WRITE);
    registers[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct step *step = &trapped.step;
    if (step->area->kind == TRAPPED_STORES && !step->again) {
        step->again = true;
        memcpy(step->first, window(), WINDOW);
        memset(window(), 0xff, WINDOW);
        registers[REG_RIP] = step->code;
        return;
    }
    registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    protect(step->area, protection(step->area->kind));
    if (step->writes) {
        hand_store_on();
    }
}

// ---- the interface

bool trapped_map(uint32_t at, uint32_t len, enum trapped_kind kind)
{
    int file = memfd_create("trapped", MFD_CLOEXEC);
    if (file < 0 || trapped.count == MOST_AREAS || ftruncate(file, len) != 0) {
        return false;
    }
    void *wanted = (void *)(uintptr_t)at;
    void *there = mmap(wanted, len, protection(kind), MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0);
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    (void)close(file);
    if (there != wanted || memory == MAP_FAILED) {
        return false;
    }
    trapped.areas[trapped.count++] = (struct area){at, len, kind, memory};
    return true;
}

void trapped_watch(const struct trapped_model *model)
{
    trapped.model = *model;
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    struct sigaction before;
    (void)sigaction(SIGSEGV, &fault, &before);
    if (before.sa_sigaction != on_fault) { // once is enough
        trapped.fault_before = before;
    }
    (void)sigaction(SIGTRAP, &step, NULL);
}
