// SPDX-License-Identifier: Apache-2.0
//
// What a board's own vector table shares with the others.
//
// Threading: interrupts. Memory: none. Time: none. Errors: a fault resets the board at once: it prints again
// as soon as the loader has checked the image (some 31 million instructions), which nothing else could
// promise.
#ifndef TW_ARM_STARTUP_H
#define TW_ARM_STARTUP_H

#include "firmware/port/arm/cpu.h"

// The entry of an image.
_Noreturn void tw_start(void);

// The board's own table, in RAM: all exceptions and interrupts.
const void *tw_board_vectors(void);

// SysTick: wakes the main loop, which looks at the clock itself.
void tw_tick(void);

// Every fault, the NMI, and interrupts that nobody asked for.
_Noreturn void tw_fault(void);

#endif
