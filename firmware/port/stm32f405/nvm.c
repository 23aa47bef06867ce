// SPDX-License-Identifier: Apache-2.0
//
// The chip's flash (RM0090 3.4, table 5): sectors 0 and 1 are the loader's, 2 and 3 the log's, 4 and 5
// the slots. While it erases or programs nothing can be fetched from it, so this file lies in RAM, as
// does all that runs meanwhile (see tap.ld).
#include "firmware/core/nvm.h"

#include <string.h>

#include "firmware/port/arm/board.h"
#include "firmware/port/stm32f405/clock.h"
#include "firmware/port/stm32f405/registers.h"
#include "tillwire/err.h"

#define FLASH ((uint8_t *)0x08000000u)

enum {
    LONGEST_ERASE_US = 8000000, // 4 s at most for 128 KiB by word, twice (DS8626, table of flash programming)
    LONGEST_WRITE_US = 10000,   // 100 us at most
};

struct sector {
    uint32_t at;
    uint32_t len;
    uint32_t number;
};
static const struct sector sectors[] = {
    {0x08000, 0x4000, 2},
    {0x0c000, 0x4000, 3},
    {0x10000, 0x10000, 4},
    {0x20000, 0x20000, 5},
};

// Feeds the watchdog for as long as the flash may take, and not longer.
static int await_flash(uint32_t longest_us)
{
    uint64_t start_us = tw_board_now_us();
    while ((TW_FLASH->sr & TW_FLASH_SR_BUSY) != 0) {
        if (tw_board_now_us() - start_us > longest_us) {
            return TW_ERR_IO;
        }
        tw_board_feed_watchdog();
        tw_time_wait();
    }
    return (TW_FLASH->sr & TW_FLASH_SR_ERRORS) == 0 ? 0 : TW_ERR_IO;
}

static void open_flash(void)
{
    TW_FLASH->keyr = TW_FLASH_KEY1;
    TW_FLASH->keyr = TW_FLASH_KEY2;
    TW_FLASH->sr = TW_FLASH_SR_ERRORS;
}

// The data cache may hold what was there before (RM0090 3.5.2).
static void close_flash(void)
{
    TW_FLASH->cr = TW_FLASH_CR_LOCK;
    uint32_t acr = TW_FLASH->acr;
    TW_FLASH->acr = acr & ~(TW_FLASH_ACR_DCACHE | TW_FLASH_ACR_ICACHE);
    TW_FLASH->acr =
        (acr & ~(TW_FLASH_ACR_DCACHE | TW_FLASH_ACR_ICACHE)) | TW_FLASH_ACR_DCRESET | TW_FLASH_ACR_ICRESET;
    TW_FLASH->acr = acr;
}

static const struct sector *sector_at(uint32_t at)
{
    for (size_t i = 0; i < sizeof sectors / sizeof sectors[0]; i++) {
        if (at >= sectors[i].at && at - sectors[i].at < sectors[i].len) {
            return &sectors[i];
        }
    }
    return NULL;
}

static int erase(void *port, uint32_t at, uint32_t len)
{
    (void)port;
    const struct sector *sector = sector_at(at);
    if (sector == NULL || at != sector->at || len > sector->len) {
        return TW_ERR_INVALID;
    }
    open_flash();
    TW_FLASH->cr = TW_FLASH_CR_BY_WORD | TW_FLASH_CR_ERASE | TW_FLASH_CR_SECTOR(sector->number);
    TW_FLASH->cr |= TW_FLASH_CR_START;
    int outcome = await_flash(LONGEST_ERASE_US);
    close_flash();
    return outcome;
}

static int write_byte(volatile uint8_t *to, uint8_t byte)
{
    TW_FLASH->cr = TW_FLASH_CR_BY_BYTE | TW_FLASH_CR_PROGRAM;
    *to = byte;
    return await_flash(LONGEST_WRITE_US);
}

static int write_word(volatile uint32_t *to, const uint8_t *bytes)
{
    TW_FLASH->cr = TW_FLASH_CR_BY_WORD | TW_FLASH_CR_PROGRAM;
    *to = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return await_flash(LONGEST_WRITE_US);
}

static int write_all(uint32_t at, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        uint8_t *to = &FLASH[at + done];
        bool word = ((at + done) & 3u) == 0 && len - done >= 4;
        int outcome =
            word ? write_word((volatile uint32_t *)(void *)to, &bytes[done]) : write_byte(to, bytes[done]);
        if (outcome != 0) {
            return outcome;
        }
        done += word ? 4 : 1;
    }
    return 0;
}

static int write(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    (void)port;
    const struct sector *sector = sector_at(at);
    if (sector == NULL || len > sector->at + sector->len - at) {
        return TW_ERR_INVALID;
    }
    open_flash();
    int outcome = write_all(at, bytes, len);
    close_flash();
    if (outcome == 0 && memcmp(&FLASH[at], bytes, len) != 0) {
        outcome = TW_ERR_IO;
    }
    return outcome;
}

const struct tw_nvm *tw_board_nvm(void)
{
    static const struct tw_nvm nvm = {
        .bytes = FLASH,
        .page_at = {0x08000, 0x0c000},
        .page_bytes = 0x4000,
        .slot_at = {0x10000, 0x20000},
        .slot_bytes = 0x10000,
        .erase = erase,
        .write = write,
    };
    return &nvm;
}
