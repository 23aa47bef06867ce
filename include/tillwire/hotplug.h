// SPDX-License-Identifier: Apache-2.0
//
// Tells that something was plugged in that could be a device: a terminal, a raw HID device, an input
// device. Whoever hears it tries the devices that are down (tw_device_hurry) instead of waiting for
// their back-off; which node it was does not matter, they find their own.
//
// Threading: one thread. Memory: until tw_hotplug_free. Time: none. Errors: TW_ERR_NOT_FOUND where
// the system has no udev; everything works without, later.
#ifndef TW_HOTPLUG_H
#define TW_HOTPLUG_H

#include <stdbool.h>

#include "tillwire/err.h"

struct tw_hotplug;

int TW_MUST_CHECK tw_hotplug_new(struct tw_hotplug **out, struct tw_error_text *err);
void tw_hotplug_free(struct tw_hotplug *hotplug);

// Wait on it for POLLIN.
int tw_hotplug_fd(const struct tw_hotplug *hotplug);

// Takes all that waits; whether anything came.
bool tw_hotplug_take(struct tw_hotplug *hotplug);

#endif
