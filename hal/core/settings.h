// SPDX-License-Identifier: Apache-2.0
//
// A device's own copy of its entry in the configuration. A new key that is text has its line in the one
// list of settings.c, or it dangles.
//
// Threading: any. Memory: the copies belong to `config`. Time: none. Errors: out of memory.
#ifndef TW_HAL_SETTINGS_H
#define TW_HAL_SETTINGS_H

#include <stdbool.h>

#include "tillwire/device.h"

// Replaces every string by a copy. False: out of memory; what was copied is freed by tw_settings_free.
bool tw_settings_copy(struct tw_device_config *config);
void tw_settings_free(struct tw_device_config *config);

#endif
