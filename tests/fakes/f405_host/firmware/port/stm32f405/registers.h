// SPDX-License-Identifier: Apache-2.0
//
// The port's own registers, but one: the debug unit lies at 0xe0042000, where AddressSanitizer keeps its
// shadow, so that it is moved to where the processor's registers are.
//
// Threading: one thread. Memory: tw_host_cpu. Time: none. Errors: none.
#ifndef TW_HOST_REGISTERS_H
#define TW_HOST_REGISTERS_H

#include "../../../../../../firmware/port/stm32f405/registers.h"
#include "firmware/port/arm/cpu.h"

#undef TW_DBGMCU_IDCODE
#define TW_DBGMCU_IDCODE (tw_host_cpu.idcode)

#endif
