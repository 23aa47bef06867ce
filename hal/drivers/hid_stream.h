// SPDX-License-Identifier: Apache-2.0
//
// The stream of a raw HID device (tw_io_hidraw_open) cut into its reports again: each has its length in
// front, 2 bytes, little endian.
//
// Threading: one thread. Memory: part of a driver's instance; a report is wiped once it was taken, since it
// may be somebody's card. Time: none. Errors: what is too long to be a report is passed over and counted.
#ifndef TW_HAL_HID_STREAM_H
#define TW_HAL_HID_STREAM_H

#include "hal/drivers/hid_report.h"

enum {
    TW_HID_LENGTH_BYTES = 2,
    TW_HID_REPORT_BYTES = TW_HID_REPORT_BITS / 8,
};

struct tw_hid_stream {
    uint8_t record[TW_HID_LENGTH_BYTES + TW_HID_REPORT_BYTES];
    size_t have, skip;
};

typedef void tw_hid_report_fn(void *ctx, struct tw_slice report);

// Takes bytes in any pieces. Returns how many reports were passed over.
unsigned tw_hid_stream_feed(struct tw_hid_stream *stream, struct tw_slice bytes, tw_hid_report_fn *report,
                            void *ctx);

// Begins anew. True when half a report was there.
bool tw_hid_stream_forget(struct tw_hid_stream *stream);

#endif
