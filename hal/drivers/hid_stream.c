// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/hid_stream.h"

#include <string.h>

// False when what begins here is too long to be a report.
static bool take(struct tw_hid_stream *stream, uint8_t byte, tw_hid_report_fn *report, void *ctx)
{
    if (stream->skip > 0) {
        stream->skip--;
        return true;
    }
    stream->record[stream->have++] = byte;
    if (stream->have < TW_HID_LENGTH_BYTES) {
        return true;
    }
    size_t len = stream->record[0] | (size_t)stream->record[1] << 8;
    if (len > TW_HID_REPORT_BYTES) {
        stream->skip = len;
        stream->have = 0;
        return false;
    }
    if (stream->have == TW_HID_LENGTH_BYTES + len) {
        report(ctx, tw_slice_make(stream->record + TW_HID_LENGTH_BYTES, len));
        explicit_bzero(stream->record, stream->have);
        stream->have = 0;
    }
    return true;
}

unsigned tw_hid_stream_feed(struct tw_hid_stream *stream, struct tw_slice bytes, tw_hid_report_fn *report,
                            void *ctx)
{
    unsigned passed_over = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        passed_over += !take(stream, bytes.ptr[i], report, ctx);
    }
    return passed_over;
}

bool tw_hid_stream_forget(struct tw_hid_stream *stream)
{
    bool half = stream->have > 0;
    explicit_bzero(stream, sizeof *stream);
    return half;
}
