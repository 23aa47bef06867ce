// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/outbox.h"

#include <inttypes.h>

#include "agent/journal/outbox_parts.h"
#include "journal_sql.h"

enum {
    ENVELOPE_BYTES = 1024, // more than everything of the published form but source, subject and data
    WORST_ESCAPE = 6,      // bytes a byte of text can become in JSON ("\u0000")
    SOURCE_MAX_BYTES = 127,
};

const struct tw_outbox_state *tw_outbox_state(const struct tw_outbox *outbox)
{
    return &outbox->state;
}

void tw_outbox_restore(struct tw_outbox *outbox, const struct tw_outbox_state *state)
{
    if (strcmp(outbox->state.start.epoch, state->start.epoch) != 0) {
        tw_ring_clear(&outbox->chain.ring);
    }
    outbox->state = *state;
    tw_table_forget(outbox->with.table);
}

uint64_t tw_outbox_send_limit(const struct tw_outbox_state *state)
{
    return state->saved + TW_SEND_AHEAD;
}

int64_t tw_outbox_place(const struct tw_outbox *outbox, uint64_t sequence)
{
    return outbox->state.start.base + (int64_t)sequence;
}

struct tw_life tw_outbox_life(const struct tw_outbox *outbox)
{
    const struct tw_outbox_state *state = &outbox->state;
    struct tw_life life = {.number = state->life, .base = state->start.base};
    memcpy(life.epoch, state->start.epoch, sizeof life.epoch);
    return life;
}

uint64_t tw_outbox_live(const struct tw_outbox_state *state)
{
    return state->next - 1 - state->start.through - state->dead_rows;
}

// ---- the meta mark ----
// version(1) epoch(36) life base through counted_to counted_bytes dead_rows (8 each, big-endian) head(32)
// last_id(16) source. counted_to, counted_bytes: size of what was queued up to that sequence, so that
// opening need not add it all up. last_id: ids never step back behind it.

enum { META_VERSION = 1, META_NUMBERS = 6, META_FIXED_BYTES = 1 + 36 + 8 * META_NUMBERS + 32 + 16 };

static void add_number(struct tw_buf *out, uint64_t value)
{
    uint8_t text[8];
    for (int i = 0; i < 8; i++) {
        text[i] = (uint8_t)(value >> (56 - 8 * i));
    }
    tw_buf_add(out, text, sizeof text);
}

static int meta_put(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    const uint64_t numbers[META_NUMBERS] = {
        (uint64_t)state->life, (uint64_t)state->start.base, state->start.through,
        state->next - 1,       state->live_bytes,           state->dead_rows,
    };
    struct tw_buf value = {0};
    tw_buf_add(&value, &(uint8_t){META_VERSION}, 1);
    tw_buf_add(&value, state->start.epoch, 36);
    for (size_t i = 0; i < META_NUMBERS; i++) {
        add_number(&value, numbers[i]);
    }
    tw_buf_add(&value, state->start.head, sizeof state->start.head);
    tw_buf_add(&value, outbox->last_id, sizeof outbox->last_id);
    tw_buf_add_text(&value, outbox->with.source);
    int rc = tw_buf_status(&value);
    rc = rc != TW_OK
             ? rc
             : tw_marks_put(outbox->with.marks, TW_MARK_META, tw_slice_make(NULL, 0), tw_buf_slice(&value));
    tw_buf_free(&value);
    if (rc == TW_OK) {
        state->counted_to = state->next - 1;
        state->saved = state->start.through;
    }
    return rc;
}

int tw_outbox_read_meta(struct tw_slice value, struct tw_outbox_meta *out)
{
    struct tw_outbox_meta meta = {.through = 0};
    if (value.len < META_FIXED_BYTES || value.len > META_FIXED_BYTES + SOURCE_MAX_BYTES ||
        value.ptr[0] != META_VERSION) {
        return TW_ERR_DAMAGED;
    }
    const uint8_t *at = value.ptr + 1 + 36;
    uint64_t numbers[META_NUMBERS] = {0};
    for (size_t i = 0; i < META_NUMBERS; i++) {
        for (int k = 0; k < 8; k++) {
            numbers[i] = numbers[i] << 8 | *at++;
        }
    }
    memcpy(meta.epoch, value.ptr + 1, 36);
    meta.life = (int64_t)numbers[0];
    meta.base = (int64_t)numbers[1];
    meta.through = numbers[2];
    meta.counted_to = numbers[3];
    meta.counted_bytes = numbers[4];
    meta.dead_rows = numbers[5];
    memcpy(meta.head, at, sizeof meta.head);
    memcpy(meta.last_id, at + sizeof meta.head, sizeof meta.last_id);
    memcpy(meta.source, value.ptr + META_FIXED_BYTES, value.len - META_FIXED_BYTES);
    *out = meta;
    return TW_OK;
}

// ---- opening ----

static int meta_get(struct tw_outbox *outbox, char source[SOURCE_MAX_BYTES + 1], bool *found)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_slice value;
    int rc = tw_marks_get(outbox->with.marks, TW_MARK_META, tw_slice_make(NULL, 0), &value);
    *found = rc == 1;
    if (rc != 1) {
        return rc;
    }
    struct tw_outbox_meta meta;
    rc = tw_outbox_read_meta(value, &meta);
    if (rc == TW_OK) {
        memcpy(state->start.epoch, meta.epoch, sizeof meta.epoch);
        state->start.base = meta.base;
        state->start.through = state->saved = meta.through;
        memcpy(state->start.head, meta.head, sizeof meta.head);
        state->life = meta.life;
        state->counted_to = meta.counted_to;
        state->live_bytes = meta.counted_bytes;
        state->dead_rows = meta.dead_rows;
        memcpy(outbox->last_id, meta.last_id, sizeof meta.last_id);
        memcpy(source, meta.source, sizeof meta.source);
    }
    return rc;
}

int tw_outbox_oldest(struct tw_outbox *outbox)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_OLDEST);
    tw_stmt_int(stmt, 1, tw_outbox_place(outbox, outbox->state.start.through));
    int rc = tw_stmt_step(stmt);
    if (rc >= 0) {
        outbox->state.oldest_ms = rc == 1 ? tw_stmt_get_int(stmt, 0) : 0;
        tw_stmt_end(stmt);
        rc = TW_OK;
    }
    return rc;
}

static int size_between(struct tw_outbox *outbox, uint64_t first, uint64_t last, uint64_t *bytes,
                        uint64_t *dead)
{
    // Rows that were composed stay as they are but for a rejection.
    if (outbox->state.dead_rows == 0 && tw_ring_bytes(&outbox->chain.ring, first, last, bytes)) {
        *dead = 0;
        return TW_OK;
    }
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_SIZE);
    tw_stmt_int(stmt, 1, tw_outbox_place(outbox, first));
    tw_stmt_int(stmt, 2, tw_outbox_place(outbox, last));
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    *bytes = (uint64_t)tw_stmt_get_int(stmt, 0);
    *dead = (uint64_t)tw_stmt_get_int(stmt, 1);
    tw_stmt_end(stmt);
    return TW_OK;
}

// Place and id of the newest row.
static int load_newest(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    state->next = state->start.through + 1;
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_LAST);
    int rc = tw_stmt_step(stmt);
    int64_t n = rc == 1 ? tw_stmt_get_int(stmt, 0) : 0;
    tw_stmt_end(stmt);
    if (rc != 1 || n <= tw_outbox_place(outbox, state->start.through)) {
        return rc < 0 ? rc : TW_OK;
    }
    struct tw_table_row row;
    rc = tw_table_get(outbox->with.table, n, &row);
    if (rc == 1) {
        state->next = (uint64_t)(n - state->start.base) + 1;
        // The one in the meta mark is later where the newest row went, rejected, into another place.
        if (memcmp(row.record.row.id, outbox->last_id, sizeof outbox->last_id) > 0) {
            memcpy(outbox->last_id, row.record.row.id, sizeof outbox->last_id);
        }
    }
    return rc < 0 ? rc : TW_OK;
}

static int load_counts(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_DEAD_COUNT);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    state->dead_letters = (uint64_t)tw_stmt_get_int(stmt, 0);
    tw_stmt_end(stmt);
    uint64_t bytes = 0;
    uint64_t dead = 0; // each rejection is counted in the meta mark
    rc = size_between(outbox, state->counted_to + 1, state->next - 1, &bytes, &dead);
    state->live_bytes += bytes;
    return rc == TW_OK ? tw_outbox_oldest(outbox) : rc;
}

static int mismatch(const struct tw_outbox *outbox, const char *theirs, struct tw_error_text *err)
{
    return tw_fail(
        err, TW_ERR_MISMATCH,
        "opening the journal %s: it holds %" PRIu64 " events of %s that were not delivered yet, and this "
        "terminal is now %s; set tenant, store and terminal back until they are delivered, or move the "
        "file away",
        outbox->with.path, tw_outbox_live(&outbox->state), theirs, outbox->with.source);
}

int tw_outbox_begin_epoch(struct tw_outbox *outbox, int64_t base)
{
    struct tw_chain_start start = {.base = base};
    struct tw_life life;
    int rc = tw_uuid_random(outbox->maker.seal, start.epoch);
    rc = rc != TW_OK ? rc : tw_table_add_life(outbox->with.table, start.epoch, base, &life);
    if (rc == TW_OK) {
        outbox->state.start = start;
        outbox->state.life = life.number;
        tw_ring_clear(&outbox->chain.ring);
    }
    return rc;
}

// A new journal, or an empty one of another source: a new epoch of ours after all there was.
static int take_over(struct tw_outbox *outbox)
{
    int rc = tw_outbox_begin_epoch(outbox, tw_outbox_place(outbox, outbox->state.next - 1));
    if (rc == TW_OK) {
        outbox->state.next = 1;
        outbox->state.dead_rows = 0;
        outbox->state.live_bytes = 0;
        rc = meta_put(outbox);
    }
    return rc;
}

static int load(struct tw_outbox *outbox, bool *fresh, struct tw_error_text *err)
{
    char theirs[SOURCE_MAX_BYTES + 1] = "";
    bool found = false;
    int rc = meta_get(outbox, theirs, &found);
    rc = rc < 0 ? rc : load_newest(outbox);
    rc = rc != TW_OK ? rc : load_counts(outbox);
    if (rc == TW_OK && !found && outbox->state.next != 1) {
        rc = TW_ERR_DAMAGED; // rows, but no word about whose
    }
    if (rc != TW_OK) {
        return tw_fail(err, rc, "opening the journal %s: its tables cannot be read (%s)", outbox->with.path,
                       tw_err_name(rc));
    }
    tw_uuid_after(&outbox->maker, outbox->last_id);
    *fresh = !found || strcmp(theirs, outbox->with.source) != 0;
    if (found && *fresh && tw_outbox_live(&outbox->state) > 0) {
        return mismatch(outbox, theirs, err);
    }
    rc = *fresh && found ? tw_outbox_name_letters(outbox, theirs) : TW_OK;
    rc = rc == TW_OK && *fresh ? take_over(outbox) : rc;
    return rc == TW_OK ? TW_OK
                       : tw_fail(err, rc,
                                 "opening the journal %s: its identity cannot be written: %s; check the disk",
                                 outbox->with.path, tw_db_message(outbox->with.db));
}

int tw_outbox_open(const struct tw_outbox_parts *parts, struct tw_outbox **out, bool *fresh,
                   struct tw_error_text *err)
{
    struct tw_outbox *outbox = strlen(parts->source) <= SOURCE_MAX_BYTES ? calloc(1, sizeof *outbox) : NULL;
    if (outbox == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", parts->path);
    }
    outbox->with = *parts;
    outbox->maker.seal = parts->seal;
    outbox->chain.table = parts->table;
    outbox->chain.source = parts->source;
    int rc = load(outbox, fresh, err);
    if (rc != TW_OK) {
        tw_outbox_free(outbox);
        return rc;
    }
    *out = outbox;
    return TW_OK;
}

void tw_outbox_free(struct tw_outbox *outbox)
{
    if (outbox != NULL) {
        tw_chain_free(&outbox->chain);
        free(outbox);
    }
}

// ---- writing ----

// Only what is near the limit is composed to be measured.
int tw_outbox_check_size(struct tw_outbox *outbox, const struct tw_event_row *row)
{
    const char *source = outbox->with.source;
    size_t bound = row->data.len + WORST_ESCAPE * row->subject.len + strlen(source) + ENVELOPE_BYTES;
    if (bound <= TW_EVENT_MAX_BYTES) {
        return TW_OK;
    }
    char zeros[TW_HASH_HEX + 1] = "";
    memset(zeros, '0', TW_HASH_HEX);
    struct tw_buf *scratch = &outbox->chain.scratch;
    tw_buf_clear(scratch);
    tw_event_write(row, source, outbox->state.start.epoch, zeros, scratch);
    int rc = tw_buf_status(scratch);
    if (rc == TW_OK && scratch->len > TW_EVENT_MAX_BYTES) {
        rc = TW_ERR_TOO_LARGE;
    }
    tw_buf_free(scratch);
    return rc;
}

int tw_outbox_append(struct tw_outbox *outbox, struct tw_event_row *row, struct tw_slice sale_key,
                     bool keep_id)
{
    struct tw_outbox_state *state = &outbox->state;
    const struct tw_life life = tw_outbox_life(outbox);
    size_t bytes = 0;
    row->sequence = state->next;
    int rc = keep_id ? TW_OK : tw_uuid_make(&outbox->maker, row->recorded_ms, row->id);
    rc = rc != TW_OK ? rc : tw_outbox_check_size(outbox, row);
    rc = rc != TW_OK ? rc
                     : tw_table_put(outbox->with.table, &life, tw_outbox_place(outbox, state->next),
                                    TW_RECORD_LIVE, row, sale_key, &bytes);
    if (rc != TW_OK) {
        return rc;
    }
    if (keep_id) {
        tw_uuid_after(&outbox->maker, row->id);
    }
    memcpy(outbox->last_id, row->id, sizeof outbox->last_id);
    if (tw_outbox_live(state) == 0) {
        state->oldest_ms = row->time_ms;
    }
    state->next++;
    state->live_bytes += bytes;
    return TW_OK;
}

int64_t tw_outbox_now(const struct tw_outbox *outbox, int64_t wall_ms)
{
    int64_t last_ms = (int64_t)outbox->maker.last_ms;
    return wall_ms > last_ms ? wall_ms : last_ms;
}

// ---- reading ----

int tw_outbox_read(struct tw_outbox *outbox, uint64_t from, size_t max_rows, struct tw_rows **out)
{
    const struct tw_chain_start *start = &outbox->state.start;
    uint64_t last = tw_outbox_send_limit(&outbox->state);
    last = last < outbox->state.next ? last : outbox->state.next - 1;
    from = from > start->through ? from : start->through + 1;
    if (from > last) {
        *out = NULL;
        return TW_OK;
    }
    return tw_chain_read(&outbox->chain, start, from, last, max_rows, out);
}

int tw_outbox_hash(struct tw_outbox *outbox, uint64_t sequence, uint8_t out[32])
{
    return tw_chain_hash(&outbox->chain, &outbox->state.start, sequence, out);
}

// ---- leaving ----

int tw_outbox_acknowledge(struct tw_outbox *outbox, uint64_t through)
{
    struct tw_outbox_state *state = &outbox->state;
    if (through <= state->start.through) {
        return TW_OK;
    }
    uint8_t head[32];
    uint64_t bytes = 0;
    uint64_t dead = 0;
    int rc = tw_outbox_hash(outbox, through, head);
    rc = rc != TW_OK ? rc : size_between(outbox, state->start.through + 1, through, &bytes, &dead);
    if (rc != TW_OK) {
        return rc;
    }
    state->start.through = through;
    memcpy(state->start.head, head, sizeof head);
    state->live_bytes -= bytes;
    state->dead_rows -= dead;
    return tw_outbox_oldest(outbox);
}

int tw_outbox_save(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    int rc = TW_OK;
    if (state->start.through > state->saved) {
        struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_LEAVE);
        tw_stmt_int(stmt, 1, tw_outbox_place(outbox, state->saved));
        tw_stmt_int(stmt, 2, tw_outbox_place(outbox, state->start.through));
        rc = tw_stmt_run(stmt);
    }
    return rc == TW_OK ? meta_put(outbox) : rc;
}
