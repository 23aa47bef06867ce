// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/flash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tillwire/err.h"

enum { WORD = 4, ERASE_STEPS = 4 };

uint32_t flash_random(struct flash *flash, uint32_t limit)
{
    flash->random ^= flash->random << 13;
    flash->random ^= flash->random >> 17;
    flash->random ^= flash->random << 5;
    return flash->random % limit;
}

// True when this step is the one at which power goes.
static bool power_goes(struct flash *flash)
{
    bool goes = flash->steps == flash->cut_at;
    flash->steps++;
    flash->off = flash->off || goes;
    return goes;
}

static void write_word(struct flash *flash, uint32_t at, const uint8_t *bytes, size_t len)
{
    bool torn = power_goes(flash);
    bool worn = flash->worn_one > 0 && flash_random(flash, flash->worn_one) == 0;
    if (flash->off && !torn) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(flash->bytes[at + i], 0xff);
        uint32_t left = torn ? flash_random(flash, 256) : worn ? 1 : 0;
        flash->bytes[at + i] = (uint8_t)(bytes[i] | left);
    }
}

static int write_flash(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    struct flash *flash = port;
    assert_true(at <= FLASH_SIZE && len <= FLASH_SIZE - at);
    while (len > 0) {
        size_t part = len < WORD ? len : WORD;
        write_word(flash, at, bytes, part);
        at += (uint32_t)part;
        bytes += part;
        len -= part;
    }
    return flash->off ? TW_ERR_IO : TW_OK;
}

// Some controllers write zeros before they erase: a torn byte is old, erased, zero, or between.
static uint8_t torn_byte(struct flash *flash, uint8_t old)
{
    switch (flash_random(flash, 4)) {
    case 0:
        return old;
    case 1:
        return 0xff;
    case 2:
        return 0;
    default:
        return (uint8_t)(old | flash_random(flash, 256));
    }
}

static int erase_flash(void *port, uint32_t at, uint32_t len)
{
    struct flash *flash = port;
    const struct tw_nvm *nvm = &flash->nvm;
    assert_true(((at == nvm->page_at[0] || at == nvm->page_at[1]) && len == nvm->page_bytes) ||
                ((at == nvm->slot_at[0] || at == nvm->slot_at[1]) && len == nvm->slot_bytes));
    for (uint32_t step = 0; step < ERASE_STEPS; step++) {
        bool torn = power_goes(flash);
        for (uint32_t i = 0; torn && i < len; i++) {
            flash->bytes[at + i] = torn_byte(flash, flash->bytes[at + i]);
        }
    }
    if (flash->off) {
        return TW_ERR_IO;
    }
    memset(flash->bytes + at, 0xff, len);
    return TW_OK;
}

void flash_init(struct flash *flash, uint32_t seed)
{
    memset(flash, 0, sizeof *flash);
    memset(flash->bytes, 0xff, sizeof flash->bytes);
    flash->cut_at = UINT32_MAX;
    flash->random = seed | 1u;
    flash->nvm = (struct tw_nvm){
        .bytes = flash->bytes,
        .page_at = {0, FLASH_PAGE},
        .page_bytes = FLASH_PAGE,
        .slot_at = {2 * FLASH_PAGE, 2 * FLASH_PAGE + FLASH_SLOT},
        .slot_bytes = FLASH_SLOT,
        .erase = erase_flash,
        .write = write_flash,
        .port = flash,
    };
}

void flash_power_on(struct flash *flash, uint32_t steps)
{
    flash->off = false;
    flash->cut_at = steps == UINT32_MAX ? UINT32_MAX : flash->steps + steps;
}
