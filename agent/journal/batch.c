// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/batch.h"

// Most sales with their text fit, so that it need not grow.
enum { TEXT_BYTES = 1024 };

struct tw_batch *tw_batch_new(void)
{
    struct tw_batch *batch = calloc(1, sizeof *batch);
    if (batch != NULL) {
        batch->sale = TW_NO_SALE;
        batch->events = batch->first;
        batch->cap = sizeof batch->first / sizeof batch->first[0];
        (void)tw_buf_reserve(&batch->text, TEXT_BYTES); // a failure is told with the first text
    }
    return batch;
}

void tw_batch_free(struct tw_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        tw_buf_free(&batch->events[i].made);
    }
    if (batch->events != batch->first) {
        free(batch->events);
    }
    tw_buf_free(&batch->text);
    tw_buf_free(&batch->packed);
    free(batch);
}

static void wrong(struct tw_batch *batch, int error)
{
    if (batch->error == TW_OK) {
        batch->error = error;
    }
}

static struct tw_span keep(struct tw_batch *batch, struct tw_slice bytes)
{
    struct tw_span span = {batch->text.len, bytes.len};
    tw_buf_add(&batch->text, bytes.ptr, bytes.len);
    if (tw_buf_status(&batch->text) != TW_OK) {
        wrong(batch, TW_ERR_NOMEM);
        span = (struct tw_span){0, 0};
    }
    return span;
}

// Text that must be there and not be longer than `max`.
static struct tw_span keep_text(struct tw_batch *batch, const char *text, size_t max)
{
    struct tw_slice slice = tw_slice_of(text);
    if (slice.len == 0 || slice.len > max) {
        wrong(batch, TW_ERR_INVALID);
    }
    return keep(batch, slice);
}

void tw_batch_time(struct tw_batch *batch, const struct tw_clock *clock)
{
    if (batch->timed || strlen(clock->boot) != 36) {
        wrong(batch, TW_ERR_INVALID);
    }
    batch->timed = true;
    batch->time_ms = clock->wall_ms(clock);
    batch->monotonic_ms = clock->monotonic_ms(clock);
    batch->clock = clock->trust(clock);
    memcpy(batch->boot, clock->boot, sizeof batch->boot);
}

static struct tw_batch_event *new_event(struct tw_batch *batch)
{
    if (batch->count == batch->cap) {
        size_t cap = batch->cap * 2;
        struct tw_batch_event *old = batch->events != batch->first ? batch->events : NULL;
        struct tw_batch_event *grown = realloc(old, cap * sizeof *grown);
        if (grown == NULL) {
            wrong(batch, TW_ERR_NOMEM);
            return NULL;
        }
        if (old == NULL) {
            memcpy(grown, batch->first, sizeof batch->first);
        }
        batch->events = grown;
        batch->cap = cap;
    }
    struct tw_batch_event *event = &batch->events[batch->count++];
    *event = (struct tw_batch_event){0};
    return event;
}

void tw_batch_event(struct tw_batch *batch, enum tw_event_type type, const char *subject,
                    struct tw_slice data)
{
    bool object = data.len >= 2 && data.ptr[0] == '{' && data.ptr[data.len - 1] == '}';
    if (!object || tw_event_type_name(type) == NULL) {
        wrong(batch, TW_ERR_INVALID);
    }
    struct tw_batch_event *event = new_event(batch);
    if (event != NULL) {
        event->given = event->type = type;
        event->subject = keep_text(batch, subject, TW_SUBJECT_MAX_BYTES);
        event->data = keep(batch, data);
        event->marked = batch->sale != TW_NO_SALE &&
                        memmem(data.ptr, data.len, TW_BATCH_SALE_ID, strlen(TW_BATCH_SALE_ID)) != NULL;
    }
}

void tw_batch_sale(struct tw_batch *batch, enum tw_event_type type, const char *key, const char *subject,
                   struct tw_slice data)
{
    if (batch->sale != TW_NO_SALE) {
        wrong(batch, TW_ERR_INVALID);
    }
    tw_batch_event(batch, type, subject, data);
    batch->sale_key = keep_text(batch, key, TW_SUBJECT_MAX_BYTES);
    if (batch->count > 0) {
        batch->sale = batch->count - 1;
    }
}

void tw_batch_sale_again(struct tw_batch *batch, struct tw_slice data)
{
    if (batch->sale == TW_NO_SALE) {
        wrong(batch, TW_ERR_INVALID);
    }
    batch->sale_again = keep(batch, data);
}

void tw_batch_idempotency(struct tw_batch *batch, const char *key, const uint8_t body_sha256[32])
{
    if (batch->has_request) {
        wrong(batch, TW_ERR_INVALID);
    }
    batch->has_request = true;
    tw_seal_sha256(tw_slice_of(key), batch->request_key);
    memcpy(batch->request_body, body_sha256, sizeof batch->request_body);
}

void tw_batch_tap(struct tw_batch *batch, const char *device, const uint8_t boot[16], uint64_t offset,
                  struct tw_slice state)
{
    if (batch->has_tap || state.len > sizeof((struct tw_journal_tap *)0)->state) {
        wrong(batch, TW_ERR_INVALID);
    }
    batch->has_tap = true;
    batch->tap_device = keep_text(batch, device, TW_NAME_MAX_BYTES);
    memcpy(batch->tap_boot, boot, sizeof batch->tap_boot);
    batch->tap_offset = offset;
    batch->tap_state = keep(batch, state);
}

void tw_batch_tap_upon(struct tw_batch *batch, const uint8_t boot[16], uint64_t offset, struct tw_slice state)
{
    batch->has_upon = true;
    memcpy(batch->upon_boot, boot, sizeof batch->upon_boot);
    batch->upon_offset = offset;
    batch->upon_state = keep(batch, state);
}

void tw_batch_lane(struct tw_batch *batch, const char *workstation, struct tw_slice state)
{
    if (batch->has_lane) {
        wrong(batch, TW_ERR_INVALID);
    }
    batch->has_lane = true;
    batch->lane_name = keep_text(batch, workstation, TW_NAME_MAX_BYTES);
    batch->lane_state = keep(batch, state);
}

int tw_batch_check(const struct tw_batch *batch)
{
    if (batch->error == TW_OK && (!batch->timed || (batch->has_upon && !batch->has_tap))) {
        return TW_ERR_INVALID;
    }
    return batch->error;
}

struct tw_slice tw_batch_text(const struct tw_batch *batch, struct tw_span span)
{
    return span.len == 0 ? tw_slice_make(NULL, 0) : tw_slice_make(batch->text.ptr + span.at, span.len);
}

int tw_batch_set_known(struct tw_batch *batch, struct tw_slice subject)
{
    batch->known = keep(batch, subject);
    return tw_buf_status(&batch->text);
}

struct tw_slice tw_batch_key(const struct tw_batch *batch, size_t index)
{
    return index == batch->sale ? tw_batch_text(batch, batch->sale_key) : tw_slice_make(NULL, 0);
}

struct tw_event_row tw_batch_row(const struct tw_batch *batch, size_t index)
{
    const struct tw_batch_event *event = &batch->events[index];
    bool known = index == batch->sale && batch->known.len > 0;
    struct tw_event_row row = {
        .sequence = event->sequence,
        .type = event->type,
        .subject = tw_batch_text(batch, known ? batch->known : event->subject),
        .data = event->made.len > 0 ? tw_buf_slice(&event->made) : tw_batch_text(batch, event->data),
        .time_ms = batch->time_ms,
        .recorded_ms = batch->recorded_ms,
        .monotonic_ms = batch->monotonic_ms,
        .clock = batch->clock,
        .boot = batch->boot,
    };
    if (event->made.len == 0 && event->packed.len > 0) {
        row.packed = tw_slice_make(batch->packed.ptr + event->packed.at, event->packed.len);
    }
    memcpy(row.id, event->id, sizeof row.id);
    return row;
}

int tw_batch_set_sale_id(struct tw_slice data, const char *id, struct tw_buf *out)
{
    const size_t mark = strlen(TW_BATCH_SALE_ID);
    tw_buf_clear(out);
    const uint8_t *at = data.ptr;
    const uint8_t *end = data.ptr + data.len;
    const uint8_t *found = memmem(at, data.len, TW_BATCH_SALE_ID, mark);
    while (found != NULL) {
        tw_buf_add(out, at, (size_t)(found - at));
        tw_buf_add_text(out, id);
        at = found + mark;
        found = memmem(at, (size_t)(end - at), TW_BATCH_SALE_ID, mark);
    }
    tw_buf_add(out, at, (size_t)(end - at));
    return tw_buf_status(out);
}

void tw_batch_unwrite(struct tw_batch *batch)
{
    batch->known = (struct tw_span){0};
    for (size_t i = 0; i < batch->count; i++) {
        struct tw_batch_event *event = &batch->events[i];
        event->written = false;
        event->type = event->given;
        tw_buf_clear(&event->made);
    }
}
