// SPDX-License-Identifier: Apache-2.0
//
// Which driver serves a class of device on a transport (hal/drivers/registry.def), and which
// transport of hal/io a name in the configuration means.
//
// Threading: any; constant tables. Memory: an io belongs to the caller. Time: none.
// Errors: TW_ERR_NOT_FOUND, TW_ERR_INVALID, or what the transport says, one sentence each.
#ifndef TW_HAL_REGISTRY_H
#define TW_HAL_REGISTRY_H

#include "hal/core/driver.h"
#include "hal/io/apart.h"
#include "hal/io/io.h"

// The maker of the driver for config->class_name on config->transport. Also checks that what the
// transport needs (`port`, `path`) is given. The error lists what there is.
int TW_MUST_CHECK tw_registry_find(const struct tw_device_config *config, tw_driver_create **out,
                                   struct tw_error_text *err);

// Where the transport may wait: from now on it is opened apart (hal/io/apart.h), by `out`, which is the
// caller's; else `out` is left alone.
int TW_MUST_CHECK tw_registry_set_apart(struct tw_device_config *config, struct tw_apart **out,
                                        struct tw_error_text *err);

// Opens the transport.
int TW_MUST_CHECK tw_registry_open(const struct tw_device_config *config, struct tw_io **out,
                                   struct tw_error_text *err);

#endif
