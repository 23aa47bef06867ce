// SPDX-License-Identifier: Apache-2.0
//
// Keeps the tap's copy up with the printer, from the main loop and while the flash is busy; so it
// lies in RAM.
//
// Threading: main loop. Memory: none. Time: one ring at most. Errors: none.
#ifndef TW_ARM_COPY_H
#define TW_ARM_COPY_H

#include <stdbool.h>

#include "firmware/port/arm/lines.h"

// Both are borrowed for good.
void tw_copy_init(struct tw_lines *lines, struct tw_tap *tap);

void tw_copy_now(void);

// Copies when enough was printed, or a while ago: a frame on the agent's line for every byte would be no use
// to anybody. `at_once`: what is printed must be in the copy now.
void tw_copy_look(bool at_once, uint64_t now_us);

#endif
