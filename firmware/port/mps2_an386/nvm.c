// SPDX-License-Identifier: Apache-2.0
//
// PSRAM that QEMU keeps in a file, used as if it were flash: erased to 0xff by areas, written once.
// Writing twice, or outside, is an error here, so that tests find what a chip would not say.
#include "firmware/core/nvm.h"

#include "firmware/port/arm/board.h"
#include "firmware/port/mps2_an386/registers.h"
#include "tillwire/err.h"

enum {
    PAGE_BYTES = 0x4000,
    SLOT_BYTES = 0x10000,
    LOG_AT = 0x0,
    SLOTS_AT = 0x10000,
    END_AT = SLOTS_AT + 2 * SLOT_BYTES,
    WORK_EVERY = 4096, // bytes between two looks at what must go on
};

static void (*waiting)(void);

void tw_board_while_waiting(void (*work)(void))
{
    waiting = work;
}

static void go_on(void)
{
    tw_board_feed_watchdog();
    if (waiting != NULL) {
        waiting();
    }
}

// How long the area is that starts at `at`; 0: none does.
static uint32_t area_at(uint32_t at)
{
    if (at == LOG_AT || at == LOG_AT + PAGE_BYTES) {
        return PAGE_BYTES;
    }
    return at == SLOTS_AT || at == SLOTS_AT + SLOT_BYTES ? SLOT_BYTES : 0;
}

static int erase(void *port, uint32_t at, uint32_t len)
{
    (void)port;
    uint32_t area = area_at(at);
    if (area == 0 || len > area) {
        return TW_ERR_INVALID;
    }
    for (uint32_t i = 0; i < area; i++) {
        TW_PSRAM[at + i] = 0xff;
        if (i % WORK_EVERY == 0) {
            go_on();
        }
    }
    return 0;
}

static int write(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    (void)port;
    if (at >= END_AT || len > END_AT - at) {
        return TW_ERR_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        if (TW_PSRAM[at + i] != 0xff) {
            return TW_ERR_IO;
        }
        TW_PSRAM[at + i] = bytes[i];
    }
    go_on();
    return 0;
}

const struct tw_nvm *tw_board_nvm(void)
{
    static const struct tw_nvm nvm = {
        .bytes = TW_PSRAM,
        .page_at = {LOG_AT, LOG_AT + PAGE_BYTES},
        .page_bytes = PAGE_BYTES,
        .slot_at = {SLOTS_AT, SLOTS_AT + SLOT_BYTES},
        .slot_bytes = SLOT_BYTES,
        .erase = erase,
        .write = write,
    };
    return &nvm;
}
