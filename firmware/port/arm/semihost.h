// SPDX-License-Identifier: Apache-2.0
//
// How tests on the target speak and end: Arm's semihosting (Semihosting for AArch32 and AArch64,
// 2.0), which QEMU answers with -semihosting. Never part of what is flashed.
//
// Threading: one caller. Memory: none. Time: none. Errors: none.
#ifndef TW_ARM_SEMIHOST_H
#define TW_ARM_SEMIHOST_H

#include <stdint.h>

enum { TW_SEMIHOST_WRITE0 = 0x04, TW_SEMIHOST_EXIT_EXTENDED = 0x20, TW_SEMIHOST_APPLICATION_EXIT = 0x20026 };

static inline uint32_t tw_semihost(uint32_t operation, const void *parameter)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = parameter;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static inline void tw_semihost_say(const char *text)
{
    (void)tw_semihost(TW_SEMIHOST_WRITE0, text);
}

_Noreturn static inline void tw_semihost_exit(uint32_t code)
{
    const uint32_t reason[2] = {TW_SEMIHOST_APPLICATION_EXIT, code};
    (void)tw_semihost(TW_SEMIHOST_EXIT_EXTENDED, reason);
    for (;;) {
    }
}

#endif
