// SPDX-License-Identifier: Apache-2.0
//
// What the files of this board know of each other: the clocks that run, the time, and what is done
// while the flash is busy.
//
// Threading: main loop. Memory: none. Time: this is it. Errors: none.
#ifndef TW_STM32F405_CLOCK_H
#define TW_STM32F405_CLOCK_H

#include <stdint.h>

// Of the processor, of both peripheral buses, and of the timers on them.
uint32_t tw_clock_processor_hz(void);
uint32_t tw_clock_bus_hz(void);
uint32_t tw_clock_timer_hz(void);

// TIM2 counts microseconds from here.
void tw_time_start(void);

// Does what tw_board_while_waiting was given, once.
void tw_time_wait(void);

#endif
