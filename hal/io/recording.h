// SPDX-License-Identifier: Apache-2.0
//
// A recording of a device: what it is, how it is configured, and what it sent at what time. The same
// text is recorded (`tillwire devices record`), replayed (`tillwire devices replay`, tests/replay) and
// written by hand.
//
//   class scanner          what the driver is found by
//   transport hidraw
//   set code_id zebra      a key of the configuration
//   usb 05e0:1200          what the transport knows: ids, `name`, `serial`, `descriptor` (hex)
//   0 up                   milliseconds, never going back, and what happened
//   120 < "4006\r" 1d 00   bytes from the device: quoted text (\r \n \t \" \\) and hex
//   300 report "..." 00    a report of a HID device: its length is put in front
//   400 key 30 1           evdev: a key of that code, pressed (1), released (0); syn: 401 drop
//   500 show "WELCOME\n"    a display is to show these two lines
//   900 down
//
// Empty lines and lines that begin with # are passed over.
//
// Threading: one thread. Memory: owned until tw_recording_free. Time: as written. Errors:
// TW_ERR_INVALID with file, line and what is wrong there; TW_ERR_TOO_LARGE, TW_ERR_IO, TW_ERR_NOMEM.
#ifndef TW_HAL_RECORDING_H
#define TW_HAL_RECORDING_H

#include "hal/io/io.h"
#include "tillwire/device.h"

#define TW_RECORDING_MAX_BYTES  (16 * 1024 * 1024) // of a file
#define TW_RECORDING_MAX_REPORT 16384              // HID_MAX_BUFFER_SIZE of the Linux kernel

enum tw_recording_kind { TW_RECORDING_UP, TW_RECORDING_BYTES, TW_RECORDING_SHOW, TW_RECORDING_DOWN };

struct tw_recording_event {
    enum tw_recording_kind kind;
    int64_t at_ms;
    size_t from, len; // in `bytes`
};

struct tw_recording {
    struct tw_device_config config; // named "device"; keys that were not set are NULL
    struct tw_io_facts facts;
    struct tw_buf bytes; // of all events, as the transport gives them; of SHOW: the text
    struct tw_recording_event *events;
    size_t count; // at least one
    struct tw_buf descriptor;
    char **strings; // what config and facts point to
    size_t string_count;
};

// Reads the text of a recording; `name` is what errors call it.
int TW_MUST_CHECK tw_recording_parse(struct tw_slice text, const char *name, struct tw_recording **out,
                                     struct tw_error_text *err);
// Reads a file.
int TW_MUST_CHECK tw_recording_load(const char *path, struct tw_recording **out, struct tw_error_text *err);
void tw_recording_free(struct tw_recording *recording); // NULL does nothing

// ---- writing: each appends lines to `out`

// What the device is. `facts` may be NULL (not plugged in). Its serial number is left out: a
// recording is given to others, who do not need it.
void tw_recording_write_head(const struct tw_device_config *config, const struct tw_io_facts *facts,
                             struct tw_buf *out);
void tw_recording_write_up(int64_t at_ms, bool up, struct tw_buf *out);
void tw_recording_write_bytes(int64_t at_ms, struct tw_slice bytes, struct tw_buf *out);
// A whole report, without its length in front.
void tw_recording_write_report(int64_t at_ms, struct tw_slice report, struct tw_buf *out);
void tw_recording_write_key(int64_t at_ms, unsigned code, unsigned value, struct tw_buf *out);
void tw_recording_write_drop(int64_t at_ms, struct tw_buf *out);

#endif
