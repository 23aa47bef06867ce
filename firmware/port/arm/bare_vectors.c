// SPDX-License-Identifier: Apache-2.0
//
// For programs without interrupts: the loader, and tests on the target.
#include "firmware/port/arm/startup.h"

__attribute__((section(".vectors"), used)) static const struct tw_vectors vectors = {
    .handlers =
        {
            [TW_RESET_HANDLER] = tw_start,
            [TW_NMI_HANDLER] = tw_fault,
            [TW_HARD_FAULT_HANDLER] = tw_fault,
            [TW_MEMORY_FAULT_HANDLER] = tw_fault,
            [TW_BUS_FAULT_HANDLER] = tw_fault,
            [TW_USAGE_FAULT_HANDLER] = tw_fault,
        },
};

const void *tw_board_vectors(void)
{
    return &vectors;
}
