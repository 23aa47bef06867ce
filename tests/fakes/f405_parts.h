// SPDX-License-Identifier: Apache-2.0
//
// What the parts of the model in tests/fakes/f405.h know of each other.
//
// Threading: one thread. Memory: the chip's. Time: none. Errors: f405_object.
#ifndef TW_TEST_F405_PARTS_H
#define TW_TEST_F405_PARTS_H

#include "tests/fakes/f405.h"

// Whether a register has all of these bits; and clears some in it, then sets some.
bool f405_has(uint32_t at, uint32_t bits);
void f405_change(uint32_t at, uint32_t clear, uint32_t set);

// Notes what the manual forbids; the first counts.
void f405_object(struct f405 *chip, const char *what);

// The flash's part of each access; f405_flash_store returns whether it was one.
void f405_flash_look(struct f405 *chip, uint32_t at);
bool f405_flash_store(struct f405 *chip, uint32_t at, uint32_t value, unsigned width);

#endif
