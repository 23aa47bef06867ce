// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/gap.h"

#include <inttypes.h>

#include "tillwire/json.h"

static const char *const reasons[] = {
    [TW_GAP_REJECTED] = "rejected", [TW_GAP_QUOTA] = "quota", [TW_GAP_DAMAGED] = "journal_damaged",
    [TW_GAP_RESYNC] = "resync",     [TW_GAP_FULL] = "full",
};

// At most 512 bytes of the text, cut between characters (UTF-8 continuation bytes are 10xxxxxx).
static struct tw_slice cut(const char *detail)
{
    struct tw_slice text = tw_slice_of(detail);
    if (text.len > 512) {
        text.len = 512;
        while (text.len > 0 && (text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static void add_sequence(struct tw_buf *out, const char *name, uint64_t sequence)
{
    if (sequence == 0) {
        tw_buf_printf(out, ",\"%s\":null", name);
    } else {
        tw_buf_printf(out, ",\"%s\":%" PRIu64, name, sequence);
    }
}

void tw_gap_data(enum tw_gap_reason reason, uint64_t first, uint64_t last, const char *detail,
                 struct tw_buf *out)
{
    struct tw_slice text = cut(detail);
    tw_buf_printf(out, "{\"device\":null,\"reason\":\"%s\",\"bytes\":null", reasons[reason]);
    add_sequence(out, "first_sequence", first);
    add_sequence(out, "last_sequence", last);
    tw_buf_add_text(out, ",\"detail\":");
    if (text.len > 0) {
        tw_json_dump_text(text, out);
    } else {
        tw_buf_add_text(out, "null");
    }
    tw_buf_add_text(out, "}");
}

const char *tw_gap_subject(const char *source)
{
    const char *slash = strrchr(source, '/');
    return slash != NULL ? slash + 1 : source;
}

struct tw_batch *tw_gap_batch(const struct tw_clock *clock, const char *source, enum tw_gap_reason reason,
                              uint64_t first, uint64_t last, const char *detail)
{
    struct tw_buf data = {0};
    tw_gap_data(reason, first, last, detail, &data);
    struct tw_batch *batch = tw_buf_status(&data) == TW_OK ? tw_batch_new() : NULL;
    if (batch != NULL) {
        tw_batch_time(batch, clock);
        tw_batch_event(batch, TW_EVENT_CAPTURE_GAP, tw_gap_subject(source), tw_buf_slice(&data));
    }
    tw_buf_free(&data);
    return batch;
}
