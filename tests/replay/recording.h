// SPDX-License-Identifier: Apache-2.0
//
// A recording of a device: what it is, how it is configured, and what it sent at what time.
//
//   class scanner          what the driver is found by
//   transport hidraw
//   set code_id zebra      a key of the configuration
//   usb 05e0:1200          what the transport knows: ids, `name`, `serial`, `descriptor` (hex)
//   0 up                   milliseconds, and what happened
//   120 < "4006\r" 1d 00   bytes from the device: quoted text (\r \n \t \" \\) and hex
//   300 report "..." 00    a report of a HID device: its length is put in front
//   400 key 30 1           evdev: a key of that code, pressed (1), released (0); syn: 401 drop
//   900 down
//
// Empty lines and lines that begin with # are passed over.
//
// Threading: one thread. Memory: owned until recording_free. Time: as written. Errors: abort() with
// file and line; recordings are ours.
#ifndef TW_TEST_RECORDING_H
#define TW_TEST_RECORDING_H

#include "hal/io/io.h"
#include "tillwire/device.h"

enum recording_kind { RECORDING_UP, RECORDING_BYTES, RECORDING_DOWN };

struct recording_event {
    enum recording_kind kind;
    int64_t at_ms;
    size_t from, len; // in `bytes`
};

struct recording {
    struct tw_device_config config;
    struct tw_io_facts facts;
    struct tw_buf bytes, descriptor;
    struct recording_event events[512];
    size_t count;
    char *strings[32];
    size_t string_count;
};

void recording_load(const char *path, struct recording *out);
void recording_free(struct recording *recording);

#endif
