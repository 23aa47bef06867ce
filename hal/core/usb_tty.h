// SPDX-License-Identifier: Apache-2.0
//
// Which /dev/tty… a USB device's serial port is now: found by its numbers, in sysfs through libudev, so that
// it may be plugged in anywhere. Nothing is opened.
//
// Threading: one thread. Memory: the caller's. Time: none; sysfs does not block. Errors: one sentence.
#ifndef TW_HAL_USB_TTY_H
#define TW_HAL_USB_TTY_H

#include "hal/io/io.h"

// The node of the device with `which->usb` and (if given) `which->serial`; of several ports of one device the
// first. TW_ERR_NOT_FOUND when it is not plugged in, TW_ERR_INVALID when several devices are meant.
int TW_MUST_CHECK tw_usb_tty_find(const struct tw_io_usb *which, char *path, size_t cap,
                                  struct tw_error_text *err);

#endif
