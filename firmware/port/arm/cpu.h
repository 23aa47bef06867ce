// SPDX-License-Identifier: Apache-2.0
//
// What every Cortex-M4 has: exceptions, interrupts, reset. Section numbers are those of the ARMv7-M
// Architecture Reference Manual (DDI 0403E).
//
// Threading: as each function says. Memory: the processor's registers. Time: none. Errors: none.
#ifndef TW_ARM_CPU_H
#define TW_ARM_CPU_H

#include <stdint.h>

typedef void (*tw_handler)(void);

// B1.5.2, B1.5.3: the vector table. Entry 0 is the stack pointer; the exceptions follow, then the interrupts.
enum {
    TW_EXCEPTIONS = 16,
    TW_RESET_HANDLER = 0,
    TW_NMI_HANDLER = 1,
    TW_HARD_FAULT_HANDLER = 2,
    TW_MEMORY_FAULT_HANDLER = 3,
    TW_BUS_FAULT_HANDLER = 4,
    TW_USAGE_FAULT_HANDLER = 5,
    TW_SYSTICK_HANDLER = 14,
};
struct tw_vectors {
    const void *stack;
    tw_handler handlers[TW_EXCEPTIONS - 1];
};

// B3.2.2: system control block.
#define TW_SCB_VTOR  (*(volatile uint32_t *)0xe000ed08u)
#define TW_SCB_AIRCR (*(volatile uint32_t *)0xe000ed0cu)
// B3.4: nested vectored interrupt controller: set-enable, clear-enable, set-pending, one bit each.
#define TW_NVIC_ISER ((volatile uint32_t *)0xe000e100u)
#define TW_NVIC_ICER ((volatile uint32_t *)0xe000e180u)
#define TW_NVIC_ISPR ((volatile uint32_t *)0xe000e200u)

// B3.3: SysTick, which counts the processor's clock down.
struct tw_systick {
    volatile uint32_t csr;
    volatile uint32_t rvr;
    volatile uint32_t cvr;
    volatile uint32_t calib;
};
#define TW_SYSTICK         ((struct tw_systick *)0xe000e010u)
#define TW_SYSTICK_CSR_RUN 7u // enabled, with an interrupt, from the processor's clock

#define TW_AIRCR_RESET 0x05fa0004u // B3.2.6: VECTKEY, SYSRESETREQ

// B5.2.3, B5.2.2: PRIMASK holds off every interrupt; the counterpart puts back what was.
static inline uint32_t tw_cpu_lock(void)
{
    uint32_t state;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(state)::"memory");
    return state;
}

static inline void tw_cpu_unlock(uint32_t state)
{
    __asm volatile("msr primask, %0" ::"r"(state) : "memory");
}

static inline void tw_cpu_enable(uint32_t interrupt)
{
    TW_NVIC_ISER[interrupt / 32u] = 1u << (interrupt % 32u);
}

static inline void tw_cpu_disable(uint32_t interrupt)
{
    TW_NVIC_ICER[interrupt / 32u] = 1u << (interrupt % 32u);
}

// Makes an interrupt happen, as if its source had asked for it.
static inline void tw_cpu_raise(uint32_t interrupt)
{
    TW_NVIC_ISPR[interrupt / 32u] = 1u << (interrupt % 32u);
}

// An interrupt every so many cycles (24 bits), that does nothing but end a tw_cpu_sleep.
static inline void tw_cpu_wake_every(uint32_t cycles)
{
    TW_SYSTICK->rvr = cycles - 1u;
    TW_SYSTICK->cvr = 0;
    TW_SYSTICK->csr = TW_SYSTICK_CSR_RUN;
}

// Until an interrupt is pending, also one that is held off (B1.5.19): with a lock around it nothing is
// missed.
static inline void tw_cpu_sleep(void)
{
    __asm volatile("dsb\n\twfi" ::: "memory");
}

_Noreturn static inline void tw_cpu_reset(void)
{
    __asm volatile("dsb" ::: "memory");
    TW_SCB_AIRCR = TW_AIRCR_RESET;
    for (;;) {
    }
}

// Continues at a vector table as after reset: its stack, its entry.
_Noreturn static inline void tw_cpu_jump(const uint32_t *vectors)
{
    TW_SCB_VTOR = (uint32_t)(uintptr_t)vectors;
    __asm volatile("dsb\n\tisb\n\tmsr msp, %0\n\tbx %1" ::"r"(vectors[0]), "r"(vectors[1]) : "memory");
    __builtin_unreachable();
}

#endif
