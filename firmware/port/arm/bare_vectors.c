// SPDX-License-Identifier: Apache-2.0
//
// For programs without interrupts: the loader, and tests on the target.
#include "firmware/port/arm/startup.h"

__attribute__((section(".vectors"), used)) static const struct tw_vectors vectors = {
    .handlers = {tw_start, tw_fault, tw_fault, tw_fault, tw_fault, tw_fault},
};

const void *tw_board_vectors(void)
{
    return &vectors;
}
