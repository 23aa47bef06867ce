// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/gap.h"

#include <inttypes.h>

#include "tillwire/json.h"

// At most 512 bytes of the reason, cut between characters (UTF-8 continuation bytes are 10xxxxxx).
static struct tw_slice cut_reason(const char *reason)
{
    struct tw_slice text = tw_slice_of(reason);
    if (text.len > 512) {
        text.len = 512;
        while (text.len > 0 && (text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

struct tw_batch *tw_gap_rejected(const struct tw_clock *clock, const char *source, uint64_t sequence,
                                 const char *reason)
{
    const char *slash = strrchr(source, '/');
    const char *terminal = slash != NULL ? slash + 1 : source;
    struct tw_buf data = {0};
    tw_buf_printf(&data,
                  "{\"device\":null,\"reason\":\"rejected\",\"bytes\":null,\"first_sequence\":%" PRIu64
                  ",\"last_sequence\":%" PRIu64 ",\"detail\":",
                  sequence, sequence);
    struct tw_slice detail = cut_reason(reason);
    if (detail.len > 0) {
        tw_json_dump_text(detail, &data);
    } else {
        tw_buf_add_text(&data, "null");
    }
    tw_buf_add_text(&data, "}");
    struct tw_batch *batch = tw_buf_status(&data) == TW_OK ? tw_batch_new() : NULL;
    if (batch != NULL) {
        tw_batch_time(batch, clock);
        tw_batch_event(batch, TW_EVENT_CAPTURE_GAP, terminal, tw_buf_slice(&data));
    }
    tw_buf_free(&data);
    return batch;
}
