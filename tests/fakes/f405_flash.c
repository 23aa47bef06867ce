// SPDX-License-Identifier: Apache-2.0
//
// The flash of the model (RM0090 3).
#include <string.h>

#include "tests/fakes/f405_parts.h"
#include "tests/fakes/trapped.h"

enum {
    ERRORS = 0xf2,
    WRONG_SEQUENCE = 1 << 7,
    WRONG_WIDTH = 1 << 6,
    WRONG_ALIGNMENT = 1 << 5,
    BUSY = 1 << 16,
    PROGRAM = 1,
    ERASE = 2,
    START = 1 << 16,
    DATA_CACHE = 1 << 10,
    CODE_CACHE = 1 << 9,
    CODE_RESET = 1 << 11,
    DATA_RESET = 1 << 12,
};
#define LOCK 0x80000000u

struct sector {
    uint32_t at, len;
};

// Table 5.
static struct sector sector_of(uint32_t number)
{
    if (number < 4) {
        return (struct sector){F405_FLASH_MEMORY + number * 0x4000, 0x4000};
    }
    if (number == 4) {
        return (struct sector){F405_FLASH_MEMORY + 0x10000, 0x10000};
    }
    return (struct sector){F405_FLASH_MEMORY + (number - 4) * 0x20000, 0x20000};
}

static void end_operation(struct f405 *chip)
{
    struct sector sector = sector_of(trapped_get(F405_FLASH_CR) >> 3 & 0xf);
    if (chip->erases && !chip->fails) {
        memset(trapped_memory(sector.at), 0xff, sector.len);
    }
    f405_change(F405_FLASH_SR, BUSY, chip->fails ? chip->fails_with : 0);
    f405_change(F405_FLASH_CR, START, 0);
}

void f405_flash_look(struct f405 *chip, uint32_t at)
{
    if (at == F405_FLASH_SR && f405_has(F405_FLASH_SR, BUSY) && !chip->busy_for_ever &&
        chip->now_us >= chip->busy_until_us) {
        end_operation(chip);
    }
}

static void begin_operation(struct f405 *chip, bool erases, uint32_t us)
{
    chip->operations++;
    chip->fails = chip->operations == chip->fails_at;
    chip->erases = erases;
    chip->stale = true;
    chip->busy_until_us = chip->now_us + us;
    f405_change(F405_FLASH_SR, 0, BUSY);
}

// 3.6.1: KEY1, then KEY2; anything else bars the register until reset.
static void store_key(struct f405 *chip, uint32_t value)
{
    static const uint32_t keys[2] = {0x45670123, 0xcdef89ab};
    if (!f405_has(F405_FLASH_CR, LOCK) || value != keys[chip->keys]) {
        chip->barred = true;
        f405_object(chip, "a wrong key (3.6.1)");
        return;
    }
    chip->keys = (chip->keys + 1) % 2;
    if (chip->keys == 0 && !chip->barred) {
        f405_change(F405_FLASH_CR, LOCK, 0);
    }
}

static void store_flash_control(struct f405 *chip, uint32_t value)
{
    if (f405_has(F405_FLASH_CR, LOCK)) {
        f405_object(chip, "FLASH_CR while it is locked (3.6.1)");
        return;
    }
    chip->stalls += f405_has(F405_FLASH_SR, BUSY);
    trapped_set(F405_FLASH_CR, value);
    if ((value & START) == 0) {
        return;
    }
    if ((value & (ERASE | PROGRAM)) != ERASE || (value >> 3 & 0xf) > 11) {
        f405_object(chip, "a start of neither sector (3.6.3)");
        return;
    }
    begin_operation(chip, true, chip->erase_us);
}

// 3.5.2: the caches are reset only while they are off.
static void store_access(struct f405 *chip, uint32_t value)
{
    uint32_t before = trapped_get(F405_FLASH_ACR);
    if ((value & (CODE_RESET | DATA_RESET)) != 0 && ((value | before) & (CODE_CACHE | DATA_CACHE)) != 0) {
        f405_object(chip, "a cache that is reset while it is on (3.5.2)");
    } else if ((value & (CODE_RESET | DATA_RESET)) == (CODE_RESET | DATA_RESET)) {
        chip->stale = false;
    }
    trapped_set(F405_FLASH_ACR, value);
}

// 3.6.4, 3.9.4: what a store to the flash itself does.
static void program(struct f405 *chip, uint32_t at, uint32_t value, unsigned width)
{
    uint32_t control = trapped_get(F405_FLASH_CR);
    uint32_t errors = (control & LOCK) != 0 || (control & (PROGRAM | ERASE)) != PROGRAM ? WRONG_SEQUENCE : 0;
    errors |= width != 1u << (control >> 8 & 3) ? WRONG_WIDTH : 0;
    errors |= width == 0 || at % width != 0 ? WRONG_ALIGNMENT : 0;
    if (errors != 0 || f405_has(F405_FLASH_SR, BUSY)) {
        f405_object(chip, "a store to the flash that it does not take (3.6.4)");
        f405_change(F405_FLASH_SR, 0, errors);
        return;
    }
    begin_operation(chip, false, chip->write_us);
    uint8_t *to = trapped_memory(at);
    for (unsigned i = 0; i < width && !chip->fails; i++) {
        to[i] = (uint8_t)(to[i] & (value >> 8 * i | (at + i == chip->sticks_at ? 1u : 0u)));
    }
}

bool f405_flash_store(struct f405 *chip, uint32_t at, uint32_t value, unsigned width)
{
    switch (at) {
    case F405_FLASH_ACR:
        store_access(chip, value);
        return true;
    case F405_FLASH_KEYR:
        store_key(chip, value);
        return true;
    case F405_FLASH_SR:
        f405_change(at, value & ERRORS, 0);
        return true;
    case F405_FLASH_CR:
        store_flash_control(chip, value);
        return true;
    default:
        break;
    }
    bool memory = at >= F405_FLASH_MEMORY && at - F405_FLASH_MEMORY < F405_FLASH_BYTES;
    if (memory) {
        program(chip, at, value, width);
    }
    return memory;
}
