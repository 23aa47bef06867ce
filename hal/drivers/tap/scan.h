// SPDX-License-Identifier: Apache-2.0
//
// A reading of a tap's scanner: as the board sends it, without line end or after a silence, becomes the code
// that a scanner of the same settings would give (`prefix`, `suffix`, `code_id`).
//
// Threading: pure but for the driver's count of errors. Memory: the caller's. Time: none. Errors: counted.
#ifndef TW_HAL_TAP_SCAN_H
#define TW_HAL_TAP_SCAN_H

#include "hal/drivers/code.h"

// The code, in `room`, to be wiped; empty when the reading is not framed as configured.
struct tw_slice tw_tap_scan_code(struct tw_driver *driver, struct tw_slice reading,
                                 uint8_t room[TW_CODE_ROOM]);

#endif
