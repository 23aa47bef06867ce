// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/board.h"

#include <string.h>

#include "firmware/port/arm/cpu.h"
#include "firmware/port/mps2_an386/registers.h"

const uint32_t tw_board_id = TW_LINK_BOARD_MPS2_AN386;

// What a factory would write: the machine's serial number and a few bytes of chance, between log and slots.
enum { FACTORY_AT = 0x8000, SERIAL_BYTES = 12, CHANCE_BYTES = 16 };

// Both run out after 8 s without being fed; the second time is a reset, the first an NMI, which resets as
// well.
enum { WATCHDOG_S = 8 };

void tw_board_start(void)
{
    TW_TIMER0->reload = UINT32_MAX;
    TW_TIMER0->value = UINT32_MAX;
    TW_TIMER0->ctrl = TW_TIMER_CTRL_ENABLE;
    TW_WATCHDOG->lock = TW_WATCHDOG_KEY;
    TW_WATCHDOG->load = WATCHDOG_S * TW_CLOCK_HZ;
    TW_WATCHDOG->control = TW_WATCHDOG_CTRL_NMI | TW_WATCHDOG_CTRL_RESET;
    tw_board_feed_watchdog();
}

_Noreturn void tw_board_restart(void)
{
    tw_cpu_reset();
}

_Noreturn void tw_board_jump(const uint32_t *vectors)
{
    tw_cpu_jump(vectors);
}

uint32_t tw_board_lock(void)
{
    return tw_cpu_lock();
}

void tw_board_unlock(uint32_t state)
{
    tw_cpu_unlock(state);
}

void tw_board_serial(uint8_t serial[12])
{
    (void)memcpy(serial, &TW_PSRAM[FACTORY_AT], SERIAL_BYTES);
}

void tw_board_entropy(uint8_t bytes[16])
{
    (void)memcpy(bytes, &TW_PSRAM[FACTORY_AT + SERIAL_BYTES], CHANCE_BYTES);
}
