// SPDX-License-Identifier: Apache-2.0
//
// The board's NVM in memory, as flash behaves and as it fails: writing a byte that is not erased is
// a defect and ends the test; power can go at any step, and what was under way is then any mixture
// of old, new and neither; single words can be worn out. A step is one word written or one part of
// an erase.
//
// Threading: one thread. Memory: inside the object. Time: none. Errors: after power went nothing is
// written any more, and TW_ERR_IO is returned, until flash_power_on.
#ifndef TW_TEST_FLASH_H
#define TW_TEST_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/nvm.h"

enum { FLASH_PAGE = 256, FLASH_SLOT = 1024, FLASH_SIZE = 2 * FLASH_PAGE + 2 * FLASH_SLOT };

struct flash {
    struct tw_nvm nvm;
    uint8_t bytes[FLASH_SIZE];
    uint32_t steps;    // done so far
    uint32_t cut_at;   // the step at which power goes; UINT32_MAX: never
    bool off;          // power is gone
    uint32_t random;   // state of the generator behind torn words
    uint32_t worn_one; // every so many words written one does not take; 0: none
};

// All erased, power on, never cut. `seed` is for what a cut leaves.
void flash_init(struct flash *flash, uint32_t seed);

// Power comes back; it goes again after `steps` more steps (UINT32_MAX: never).
void flash_power_on(struct flash *flash, uint32_t steps);

// A number below `limit`, from the same generator.
uint32_t flash_random(struct flash *flash, uint32_t limit);

#endif
