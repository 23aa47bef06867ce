// SPDX-License-Identifier: Apache-2.0
//
// Where a restarted agent goes on: the place of each tap and what the lane remembers, stored with the events
// that belong to them.
#include <string.h>

#include "agent/journal/batch.h"
#include "agent/journal/store_parts.h"

#define TAP_BYTES 24 // boot id and offset, before the printer's state

static int read_tap(struct tw_store *store, struct tw_slice device, struct tw_journal_tap *out)
{
    struct tw_journal_tap tap = {.known = false};
    struct tw_slice value;
    int rc = tw_marks_get(&store->marks, TW_MARK_TAP, device, &value);
    if (rc == 1) {
        if (value.len < TAP_BYTES || value.len - TAP_BYTES > sizeof tap.state) {
            return TW_ERR_DAMAGED;
        }
        tap.known = true;
        memcpy(tap.boot, value.ptr, sizeof tap.boot);
        for (int i = 0; i < 8; i++) {
            tap.offset = tap.offset << 8 | value.ptr[16 + i];
        }
        tap.state_len = value.len - TAP_BYTES;
        memcpy(tap.state, value.ptr + TAP_BYTES, tap.state_len);
    }
    if (rc >= 0) {
        *out = tap;
    }
    return rc < 0 ? rc : TW_OK;
}

int tw_store_tap(struct tw_store *store, const char *device, struct tw_journal_tap *out)
{
    return read_tap(store, tw_slice_of(device), out);
}

int tw_positions_check(struct tw_store *store, const struct tw_batch *batch)
{
    struct tw_journal_tap stored = {.known = false};
    int rc = batch->has_upon ? read_tap(store, tw_batch_text(batch, batch->tap_device), &stored) : TW_OK;
    if (rc != TW_OK || !batch->has_upon) {
        return rc;
    }
    struct tw_slice state = tw_batch_text(batch, batch->upon_state);
    bool there = stored.known && stored.offset == batch->upon_offset &&
                 memcmp(stored.boot, batch->upon_boot, sizeof stored.boot) == 0 &&
                 state.len == stored.state_len &&
                 (state.len == 0 || memcmp(state.ptr, stored.state, state.len) == 0);
    return there ? TW_OK : TW_ERR_AGAIN;
}

static int write_tap(struct tw_store *store, const struct tw_batch *batch)
{
    struct tw_slice state = tw_batch_text(batch, batch->tap_state);
    uint8_t value[TAP_BYTES + sizeof((struct tw_journal_tap *)0)->state];
    memcpy(value, batch->tap_boot, sizeof batch->tap_boot);
    for (int i = 0; i < 8; i++) {
        value[16 + i] = (uint8_t)(batch->tap_offset >> (56 - 8 * i));
    }
    if (state.len > 0) {
        memcpy(value + TAP_BYTES, state.ptr, state.len);
    }
    return tw_marks_put(&store->marks, TW_MARK_TAP, tw_batch_text(batch, batch->tap_device),
                        tw_slice_make(value, TAP_BYTES + state.len));
}

int tw_positions_write(struct tw_store *store, const struct tw_batch *batch, bool with_lane)
{
    int rc = batch->has_tap ? write_tap(store, batch) : TW_OK;
    if (rc == TW_OK && batch->has_lane && with_lane) {
        rc = tw_marks_put(&store->marks, TW_MARK_LANE, tw_batch_text(batch, batch->lane_name),
                          tw_batch_text(batch, batch->lane_state));
    }
    return rc;
}

int tw_store_lane(struct tw_store *store, const char *workstation, struct tw_buf *out)
{
    struct tw_slice value;
    int rc = tw_marks_get(&store->marks, TW_MARK_LANE, tw_slice_of(workstation), &value);
    if (rc == 1) {
        tw_buf_add(out, value.ptr, value.len);
        rc = tw_buf_status(out);
    }
    return rc;
}
