// SPDX-License-Identifier: Apache-2.0
//
// Handlers that are the same on every board. They lie in RAM: a fault may come while the flash is busy.
#include "firmware/port/arm/startup.h"

_Noreturn void tw_fault(void)
{
    tw_cpu_reset();
}

void tw_tick(void)
{
}
