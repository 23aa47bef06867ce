// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/record.h"

enum { VERSION = 1, MARK_HEAD_BYTES = 2 };

int tw_recorder_init(struct tw_recorder *recorder, struct tw_vault *vault)
{
    *recorder = (struct tw_recorder){.vault = vault, .squeeze = tw_squeeze_new()};
    return recorder->squeeze != NULL ? TW_OK : TW_ERR_NOMEM;
}

void tw_recorder_free(struct tw_recorder *recorder)
{
    tw_squeeze_free(recorder->squeeze);
    tw_buf_free(&recorder->plain);
    tw_buf_free(&recorder->text);
    tw_buf_free(&recorder->bound);
    tw_buf_free(&recorder->opened);
    tw_buf_free(&recorder->read);
}

void tw_recorder_rest(struct tw_recorder *recorder)
{
    tw_squeeze_rest(recorder->squeeze);
    tw_buf_free(&recorder->plain);
    tw_buf_free(&recorder->text);
    tw_buf_free(&recorder->bound);
    tw_buf_free(&recorder->opened);
    tw_buf_free(&recorder->read);
}

// ---- numbers ----

static void put_big(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

static void add_big(struct tw_buf *out, uint64_t value, size_t bytes)
{
    uint8_t text[8];
    put_big(text, value, bytes);
    tw_buf_add(out, text, bytes);
}

// Seven bits a byte, lowest first; the sign is the lowest bit.
static void add_number(struct tw_buf *out, int64_t value)
{
    uint64_t left = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    do {
        uint8_t byte = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        tw_buf_add(out, &byte, 1);
        left >>= 7;
    } while (left > 0);
}

static int take_number(struct tw_slice *from, int64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && from->len > 0; shift += 7) {
        uint8_t byte = *from->ptr++;
        from->len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
            return TW_OK;
        }
    }
    return TW_ERR_DAMAGED;
}

// ---- what is bound ----

static struct tw_slice bind_event(struct tw_recorder *recorder, const char *epoch, uint64_t sequence,
                                  const struct tw_stored *stored)
{
    struct tw_buf *bound = &recorder->bound;
    uint8_t numbers[41];
    put_big(numbers, sequence, 8);
    put_big(numbers + 8, (uint64_t)stored->n, 8);
    put_big(numbers + 16, (uint64_t)stored->life, 8);
    put_big(numbers + 24, (uint64_t)stored->type, 4);
    put_big(numbers + 28, (uint64_t)stored->time_ms, 8);
    put_big(numbers + 36, (uint64_t)stored->state, 1);
    put_big(numbers + 37, stored->key, 4);
    tw_buf_clear(bound);
    tw_buf_add_text(bound, "event 1 ");
    tw_buf_add_text(bound, epoch);
    tw_buf_add(bound, numbers, sizeof numbers);
    return tw_buf_slice(bound);
}

static struct tw_slice bind_mark(struct tw_recorder *recorder, struct tw_slice name, unsigned key)
{
    struct tw_buf *bound = &recorder->bound;
    tw_buf_clear(bound);
    tw_buf_add_text(bound, "mark 1 ");
    add_big(bound, key, 4);
    tw_buf_add(bound, name.ptr, name.len);
    return tw_buf_slice(bound);
}

// ---- events ----

int tw_record_pack(struct tw_squeeze *squeeze, struct tw_buf *text, const struct tw_event_row *row,
                   struct tw_slice sale_key, struct tw_buf *out)
{
    tw_buf_clear(text);
    tw_buf_add(text, row->subject.ptr, row->subject.len);
    tw_buf_add(text, sale_key.ptr, sale_key.len);
    tw_buf_add(text, row->data.ptr, row->data.len);
    int rc = tw_buf_status(text);
    if (rc == TW_OK && text->len > TW_RECORD_MAX_BYTES) {
        rc = TW_ERR_TOO_LARGE;
    }
    return rc == TW_OK ? tw_squeeze_pack(squeeze, tw_buf_slice(text), out) : rc;
}

static int write_plain(struct tw_recorder *recorder, const struct tw_record *record)
{
    const struct tw_event_row *row = &record->row;
    struct tw_buf *plain = &recorder->plain;
    tw_buf_clear(plain);
    add_big(plain, VERSION, 1);
    tw_buf_add(plain, row->id, sizeof row->id);
    add_number(plain, (int64_t)((uint64_t)row->recorded_ms - (uint64_t)row->time_ms));
    add_number(plain, row->monotonic_ms);
    add_number(plain, record->boot);
    add_big(plain, (uint64_t)row->clock, 1);
    add_number(plain, (int64_t)row->subject.len);
    add_number(plain, (int64_t)record->sale_key.len);
    int rc = TW_OK;
    if (row->packed.len > 0) {
        tw_buf_add(plain, row->packed.ptr, row->packed.len);
    } else {
        rc = tw_record_pack(recorder->squeeze, &recorder->text, row, record->sale_key, plain);
    }
    return rc != TW_OK ? rc : tw_buf_status(plain);
}

int tw_record_seal(struct tw_recorder *recorder, const char *epoch, uint64_t sequence,
                   const struct tw_stored *stored, const struct tw_record *record, struct tw_buf *out)
{
    struct tw_slice bound = bind_event(recorder, epoch, sequence, stored);
    int rc = tw_buf_status(&recorder->bound);
    rc = rc != TW_OK ? rc : write_plain(recorder, record);
    tw_buf_clear(out);
    return rc != TW_OK
               ? rc
               : tw_vault_seal(recorder->vault, stored->key, bound, tw_buf_slice(&recorder->plain), out);
}

// Splits the unsealed bytes; `read` gets subject, key and data.
static int read_plain(struct tw_recorder *recorder, struct tw_record *record, int64_t lens[2])
{
    struct tw_slice rest = tw_buf_slice(&recorder->opened);
    struct tw_event_row *row = &record->row;
    if (rest.len < 1 + sizeof row->id || rest.ptr[0] != VERSION) {
        return TW_ERR_DAMAGED;
    }
    memcpy(row->id, rest.ptr + 1, sizeof row->id);
    rest = tw_slice_make(rest.ptr + 1 + sizeof row->id, rest.len - 1 - sizeof row->id);
    int64_t delay = 0;
    int rc = take_number(&rest, &delay);
    rc = rc != TW_OK ? rc : take_number(&rest, &row->monotonic_ms);
    rc = rc != TW_OK ? rc : take_number(&rest, &record->boot);
    if (rc != TW_OK || rest.len < 1) {
        return TW_ERR_DAMAGED;
    }
    row->recorded_ms = (int64_t)((uint64_t)row->time_ms + (uint64_t)delay);
    row->clock = (enum tw_clock_trust)rest.ptr[0];
    rest = tw_slice_make(rest.ptr + 1, rest.len - 1);
    rc = take_number(&rest, &lens[0]);
    rc = rc != TW_OK ? rc : take_number(&rest, &lens[1]);
    tw_buf_clear(&recorder->read);
    return rc != TW_OK ? rc
                       : tw_squeeze_unpack(recorder->squeeze, rest, TW_RECORD_MAX_BYTES, &recorder->read);
}

int tw_record_open(struct tw_recorder *recorder, const char *epoch, uint64_t sequence,
                   const struct tw_stored *stored, struct tw_record *out)
{
    struct tw_slice bound = bind_event(recorder, epoch, sequence, stored);
    int rc = tw_buf_status(&recorder->bound);
    tw_buf_clear(&recorder->opened);
    rc = rc != TW_OK ? rc
                     : tw_vault_open(recorder->vault, stored->key, bound, stored->sealed, &recorder->opened);
    struct tw_record record = {
        .row = {.sequence = sequence, .type = stored->type, .time_ms = stored->time_ms}};
    int64_t lens[2] = {0, 0};
    rc = rc != TW_OK ? rc : read_plain(recorder, &record, lens);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_slice text = tw_buf_slice(&recorder->read);
    size_t subject = (size_t)lens[0];
    size_t key = (size_t)lens[1];
    if (lens[0] < 0 || lens[1] < 0 || subject > text.len || key > text.len - subject) {
        return TW_ERR_DAMAGED;
    }
    record.row.subject = tw_slice_make(text.ptr, subject);
    record.sale_key = tw_slice_make(text.ptr + subject, key);
    record.row.data = tw_slice_make(text.ptr + subject + key, text.len - subject - key);
    *out = record;
    return TW_OK;
}

// ---- marks ----

int tw_record_seal_mark(struct tw_recorder *recorder, unsigned key, struct tw_slice name,
                        struct tw_slice value, struct tw_buf *out)
{
    struct tw_slice bound = bind_mark(recorder, name, key);
    tw_buf_clear(out);
    add_big(out, key, MARK_HEAD_BYTES);
    int rc = tw_buf_status(&recorder->bound);
    rc = rc != TW_OK ? rc : tw_buf_status(out);
    return rc != TW_OK ? rc : tw_vault_seal(recorder->vault, key, bound, value, out);
}

int tw_record_open_mark(struct tw_recorder *recorder, struct tw_slice name, struct tw_slice stored,
                        struct tw_slice *out)
{
    if (stored.len < MARK_HEAD_BYTES) {
        return TW_ERR_DAMAGED;
    }
    unsigned key = (unsigned)stored.ptr[0] << 8 | stored.ptr[1];
    struct tw_slice bound = bind_mark(recorder, name, key);
    int rc = tw_buf_status(&recorder->bound);
    tw_buf_clear(&recorder->opened);
    rc = rc != TW_OK
             ? rc
             : tw_vault_open(recorder->vault, key, bound,
                             tw_slice_make(stored.ptr + MARK_HEAD_BYTES, stored.len - MARK_HEAD_BYTES),
                             &recorder->opened);
    if (rc == TW_OK) {
        *out = tw_buf_slice(&recorder->opened);
    }
    return rc;
}
