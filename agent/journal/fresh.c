// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/fresh.h"

// Before the texts of a row. `row` has the lengths of its texts, and no addresses.
struct head {
    enum tw_record_state state;
    size_t sealed_bytes;
    struct tw_event_row row;
    char boot[37];
};

void tw_fresh_free(struct tw_fresh *fresh)
{
    tw_fresh_forget(fresh);
    tw_buf_free(&fresh->rows);
}

void tw_fresh_forget(struct tw_fresh *fresh)
{
    if (fresh->rows.len > 0) {
        explicit_bzero(fresh->rows.ptr, fresh->rows.len);
    }
    tw_buf_clear(&fresh->rows);
    fresh->first = fresh->next = 0;
}

void tw_fresh_put(struct tw_fresh *fresh, int64_t n, enum tw_record_state state,
                  const struct tw_event_row *row, size_t sealed_bytes)
{
    struct head head = {.state = state, .sealed_bytes = sealed_bytes, .row = *row};
    size_t bytes = sizeof head + row->subject.len + row->data.len;
    if (n != fresh->next || bytes > TW_FRESH_BYTES - fresh->rows.len) {
        tw_fresh_forget(fresh);
        fresh->first = n;
    }
    // At once, so that growing leaves no copies behind.
    if (bytes > TW_FRESH_BYTES || !tw_buf_reserve(&fresh->rows, TW_FRESH_BYTES - fresh->rows.len)) {
        tw_fresh_forget(fresh);
        return;
    }
    head.row.boot = NULL;
    head.row.subject.ptr = head.row.data.ptr = NULL;
    head.row.packed = tw_slice_make(NULL, 0);
    memcpy(head.boot, row->boot, sizeof head.boot);
    tw_buf_add(&fresh->rows, &head, sizeof head);
    tw_buf_add(&fresh->rows, row->subject.ptr, row->subject.len);
    tw_buf_add(&fresh->rows, row->data.ptr, row->data.len);
    fresh->next = n + 1;
}

static struct head head_at(const struct tw_fresh *fresh, size_t at)
{
    struct head head;
    memcpy(&head, fresh->rows.ptr + at, sizeof head);
    return head;
}

bool tw_fresh_seek(struct tw_fresh *fresh, int64_t n)
{
    if (n < fresh->first || n >= fresh->next) {
        return false;
    }
    fresh->at = 0;
    for (fresh->place = fresh->first; fresh->place < n; fresh->place++) {
        const struct head head = head_at(fresh, fresh->at);
        fresh->at += sizeof head + head.row.subject.len + head.row.data.len;
    }
    return true;
}

bool tw_fresh_read(struct tw_fresh *fresh, struct tw_stored *stored, struct tw_event_row *row)
{
    if (fresh->place >= fresh->next) {
        return false;
    }
    const struct head head = head_at(fresh, fresh->at);
    const uint8_t *bytes = fresh->rows.ptr + fresh->at;
    *stored = (struct tw_stored){.n = fresh->place,
                                 .type = head.row.type,
                                 .time_ms = head.row.time_ms,
                                 .state = head.state,
                                 .sealed.len = head.sealed_bytes};
    *row = head.row;
    row->boot = (const char *)bytes + offsetof(struct head, boot);
    row->subject.ptr = bytes + sizeof head;
    row->data.ptr = row->subject.ptr + row->subject.len;
    fresh->at += sizeof head + row->subject.len + row->data.len;
    fresh->place++;
    return true;
}

bool tw_fresh_is_read(const struct tw_fresh *fresh)
{
    return fresh->place == fresh->next;
}
