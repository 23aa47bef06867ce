// SPDX-License-Identifier: Apache-2.0
//
// Stands before firmware/port/arm/cpu.h where the port to the STM32F405 is built for this machine: what
// would be instructions and the processor's own registers is noted here, and never happens.
//
// Threading: one thread. Memory: tw_host_cpu, one for the program. Time: none. Errors: a reset and a jump
// end the program.
#ifndef TW_ARM_CPU_H
#define TW_ARM_CPU_H

#include <stdint.h>
#include <stdlib.h>

struct tw_host_cpu {
    uint32_t primask;    // interrupts are held off
    uint32_t enabled[3]; // one bit an interrupt
    uint32_t raised[3];
    uint32_t wake_cycles; // 0: never
    uint32_t idcode;      // of the debug unit (RM0090 38.6.1)
};
extern struct tw_host_cpu tw_host_cpu;

static inline uint32_t tw_cpu_lock(void)
{
    uint32_t state = tw_host_cpu.primask;
    tw_host_cpu.primask = 1;
    return state;
}

static inline void tw_cpu_unlock(uint32_t state)
{
    tw_host_cpu.primask = state;
}

static inline void tw_cpu_enable(uint32_t interrupt)
{
    tw_host_cpu.enabled[interrupt / 32u] |= 1u << (interrupt % 32u);
}

static inline void tw_cpu_raise(uint32_t interrupt)
{
    tw_host_cpu.raised[interrupt / 32u] |= 1u << (interrupt % 32u);
}

static inline void tw_cpu_wake_every(uint32_t cycles)
{
    tw_host_cpu.wake_cycles = cycles;
}

_Noreturn static inline void tw_cpu_reset(void)
{
    abort();
}

_Noreturn static inline void tw_cpu_jump(const uint32_t *vectors)
{
    (void)vectors;
    abort();
}

#endif
