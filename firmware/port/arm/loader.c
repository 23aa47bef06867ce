// SPDX-License-Identifier: Apache-2.0
//
// The loader: the first thing that runs. It picks the image to start by what the boot log says
// (firmware/core/boot.h), checks it, starts it; where none is good it tries again every 10 s, for
// ever. The watchdog runs all the while, and in the image that it starts.
#include "firmware/core/boot.h"
#include "firmware/port/arm/board.h"
#include "firmware/port/arm/loader_check.h"

#define RESTART_US 10000000u

static enum tw_image_fault check(void *context, uint8_t slot, uint32_t floor)
{
    const struct tw_nvm *nvm = (const struct tw_nvm *)context;
    const struct tw_image_place place = {tw_board_id, slot, nvm->slot_bytes, floor};
    tw_board_feed_watchdog();
    return tw_loader_check(&nvm->bytes[nvm->slot_at[slot - 1]], &place);
}

_Noreturn static void start(const struct tw_nvm *nvm, uint8_t slot)
{
    const void *vectors = &nvm->bytes[nvm->slot_at[slot - 1] + TW_IMAGE_HEADER];
    tw_board_feed_watchdog();
    tw_board_jump((const uint32_t *)vectors);
}

int main(void)
{
    tw_board_start();
    struct tw_nvm nvm = *tw_board_nvm();
    struct tw_boot_log log;
    tw_boot_log_open(&log, &nvm);
    uint8_t slot = tw_boot_choose(&log, check, &nvm);
    if (slot != TW_IMAGE_SLOT_NONE) {
        start(&nvm, slot);
    }
    while (tw_board_now_us() < RESTART_US) {
        tw_board_feed_watchdog();
    }
    tw_board_restart();
}
