// SPDX-License-Identifier: Apache-2.0
//
// The makers of all drivers, declared from the one list of them (registry.def), and the skeleton,
// which is compiled and tested and in no configuration.
//
// Threading, Memory, Time, Errors: as hal/core/driver.h says of tw_driver_create.
#ifndef TW_HAL_DRIVERS_H
#define TW_HAL_DRIVERS_H

#include "hal/core/driver.h"

#define TW_DRIVER(class_name, transport, create) tw_driver_create create;
#include "hal/drivers/registry.def"
#undef TW_DRIVER

tw_driver_create tw_skel_new;

#endif
