// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/outbox.h"

#include <inttypes.h>

#include "agent/journal/uuid.h"
#include "journal_sql.h"

enum {
    COUNT_EVERY = 4096,    // rows after which the size of the queue is stored again
    ENVELOPE_BYTES = 1024, // more than everything of the published form but source, subject and data
    WORST_ESCAPE = 6,      // bytes a byte of text can become in JSON ("\u0000")
};

struct tw_outbox {
    struct tw_db *db; // borrowed
    char *source;
    struct tw_uuid_maker maker;
    uint8_t last_id[16];
    struct tw_chain chain;
    struct tw_outbox_state state;
    char boot[37]; // the boot whose number is boot_id; empty: none
    int64_t boot_id;
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
    outbox->boot[0] = 0; // its row may be gone
}

// ---- the meta row ----

static int meta_put(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_META_PUT);
    tw_stmt_text(stmt, 1, tw_slice_of(state->start.epoch));
    tw_stmt_text(stmt, 2, tw_slice_of(outbox->source));
    tw_stmt_int(stmt, 3, (int64_t)state->start.through);
    tw_stmt_blob(stmt, 4, tw_slice_make(state->start.head, sizeof state->start.head));
    tw_stmt_blob(stmt, 5, tw_slice_make(outbox->last_id, sizeof outbox->last_id));
    tw_stmt_int(stmt, 6, (int64_t)state->next - 1);
    tw_stmt_int(stmt, 7, (int64_t)state->live_bytes);
    int rc = tw_stmt_run(stmt);
    if (rc == TW_OK) {
        state->counted_to = state->next - 1;
    }
    return rc;
}

int tw_outbox_count(struct tw_outbox *outbox, bool force)
{
    uint64_t uncounted = outbox->state.next - 1 - outbox->state.counted_to;
    return uncounted >= (force ? 1 : COUNT_EVERY) ? meta_put(outbox) : TW_OK;
}

static int begin_epoch(struct tw_outbox *outbox)
{
    struct tw_chain_start start = {0};
    int rc = tw_uuid_random(outbox->maker.seal, start.epoch);
    if (rc == TW_OK) {
        outbox->state.start = start;
        tw_ring_clear(&outbox->chain.ring);
    }
    return rc;
}

static int meta_get(struct tw_outbox *outbox, char source[128], bool *found)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_META_GET);
    int rc = tw_stmt_step(stmt);
    *found = rc == 1;
    if (rc != 1) {
        return rc;
    }
    struct tw_slice epoch = tw_stmt_get(stmt, 0);
    struct tw_slice text = tw_stmt_get(stmt, 1);
    rc = epoch.len == 36 && text.len < 128 ? TW_OK : TW_ERR_DAMAGED;
    if (rc == TW_OK) {
        (void)snprintf(state->start.epoch, sizeof state->start.epoch, "%.36s", (const char *)epoch.ptr);
        (void)snprintf(source, 128, "%.*s", (int)text.len, (const char *)text.ptr);
        state->start.through = (uint64_t)tw_stmt_get_int(stmt, 2);
        state->counted_to = (uint64_t)tw_stmt_get_int(stmt, 5);
        state->live_bytes = (uint64_t)tw_stmt_get_int(stmt, 6);
        rc = tw_stmt_get_fixed(stmt, 3, state->start.head, sizeof state->start.head);
    }
    if (rc == TW_OK) {
        rc = tw_stmt_get_fixed(stmt, 4, outbox->last_id, sizeof outbox->last_id);
    }
    tw_stmt_end(stmt);
    return rc;
}

// ---- opening ----

static int oldest(struct tw_outbox *outbox)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_OLDEST);
    tw_stmt_int(stmt, 1, (int64_t)outbox->state.start.through);
    int rc = tw_stmt_step(stmt);
    if (rc >= 0) {
        outbox->state.oldest_ms = rc == 1 ? tw_stmt_get_int(stmt, 0) : 0;
        tw_stmt_end(stmt);
        rc = TW_OK;
    }
    return rc;
}

static int bytes_between(struct tw_outbox *outbox, uint64_t first, uint64_t last, uint64_t *bytes,
                         uint64_t *dead)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_BYTES);
    tw_stmt_int(stmt, 1, (int64_t)first);
    tw_stmt_int(stmt, 2, (int64_t)last);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    *bytes = (uint64_t)tw_stmt_get_int(stmt, 0);
    *dead = (uint64_t)tw_stmt_get_int(stmt, 1);
    tw_stmt_end(stmt);
    return TW_OK;
}

// Sequence and id of the newest row.
static int load_newest(struct tw_outbox *outbox)
{
    outbox->state.next = outbox->state.start.through + 1;
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_LAST);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        outbox->state.next = (uint64_t)tw_stmt_get_int(stmt, 0) + 1;
        rc = tw_stmt_get_fixed(stmt, 1, outbox->last_id, sizeof outbox->last_id);
        tw_stmt_end(stmt);
    }
    return rc;
}

static int load_counts(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_DEAD_COUNT);
    tw_stmt_text(stmt, 1, tw_slice_of(state->start.epoch));
    tw_stmt_int(stmt, 2, (int64_t)state->start.through);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    state->dead_letters = (uint64_t)tw_stmt_get_int(stmt, 0);
    state->dead_rows = (uint64_t)tw_stmt_get_int(stmt, 1);
    tw_stmt_end(stmt);
    uint64_t bytes = 0;
    uint64_t dead = 0;
    rc = bytes_between(outbox, state->counted_to + 1, state->next - 1, &bytes, &dead);
    state->live_bytes += bytes;
    return rc == TW_OK ? oldest(outbox) : rc;
}

static uint64_t live_rows(const struct tw_outbox_state *state)
{
    return state->next - 1 - state->start.through - state->dead_rows;
}

static int mismatch(const struct tw_outbox *outbox, const char *path, const char *theirs,
                    struct tw_error_text *err)
{
    return tw_fail(
        err, TW_ERR_MISMATCH,
        "opening the journal %s: it holds %" PRIu64 " events of %s that were not delivered yet, and this "
        "terminal is now %s; set tenant, store and terminal back until they are delivered, or move the "
        "file away",
        path, live_rows(&outbox->state), theirs, outbox->source);
}

// A new journal, or an empty one of another source: a new epoch of ours.
static int take_over(struct tw_outbox *outbox)
{
    int rc = tw_stmt_run(tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_DELETE_DEAD));
    if (rc == TW_OK) {
        rc = begin_epoch(outbox);
    }
    if (rc == TW_OK) {
        outbox->state.next = 1;
        outbox->state.dead_rows = 0;
        outbox->state.live_bytes = 0;
        rc = meta_put(outbox);
    }
    return rc;
}

static int load(struct tw_outbox *outbox, const char *path, bool *fresh, struct tw_error_text *err)
{
    char theirs[128] = "";
    bool found = false;
    int rc = meta_get(outbox, theirs, &found);
    if (rc == TW_OK) {
        rc = load_newest(outbox);
    }
    if (rc == TW_OK) {
        rc = load_counts(outbox);
    }
    if (rc == TW_OK && !found && outbox->state.next != 1) {
        rc = TW_ERR_DAMAGED; // rows, but no word about whose
    }
    if (rc != TW_OK) {
        return tw_fail(
            err, rc,
            "opening the journal %s: its tables cannot be read (%s); move it away together with its -wal "
            "and -shm files, keep them for recovery, and start again",
            path, tw_err_name(rc));
    }
    tw_uuid_after(&outbox->maker, outbox->last_id);
    *fresh = !found || strcmp(theirs, outbox->source) != 0;
    if (found && *fresh && live_rows(&outbox->state) > 0) {
        return mismatch(outbox, path, theirs, err);
    }
    rc = *fresh ? take_over(outbox) : TW_OK;
    return rc == TW_OK ? TW_OK
                       : tw_fail(err, rc,
                                 "opening the journal %s: its identity cannot be written: %s; check the disk",
                                 path, tw_db_message(outbox->db));
}

int tw_outbox_open(struct tw_db *db, const char *path, const char *source, struct tw_seal *seal,
                   struct tw_outbox **out, bool *fresh, struct tw_error_text *err)
{
    struct tw_outbox *outbox = calloc(1, sizeof *outbox);
    char *copy = strdup(source);
    if (outbox == NULL || copy == NULL) {
        free(outbox);
        free(copy);
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", path);
    }
    outbox->db = db;
    outbox->source = copy;
    outbox->maker.seal = seal;
    outbox->chain.db = db;
    outbox->chain.source = copy;
    int rc = load(outbox, path, fresh, err);
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
        free(outbox->source);
        free(outbox);
    }
}

// ---- writing ----

static int boot_number(struct tw_outbox *outbox, const char *boot, int64_t *out)
{
    if (strcmp(outbox->boot, boot) != 0) {
        int rc = 0;
        const int tries[] = {TW_JOURNAL_SQL_BOOT_GET, TW_JOURNAL_SQL_BOOT_PUT};
        for (size_t i = 0; i < 2 && rc == 0; i++) {
            struct tw_stmt *stmt = tw_db_sql(outbox->db, tries[i]);
            tw_stmt_text(stmt, 1, tw_slice_of(boot));
            rc = tw_stmt_step(stmt);
            if (rc == 1) {
                outbox->boot_id = tw_stmt_get_int(stmt, 0);
                rc = tw_stmt_run(stmt) == TW_OK ? 1 : TW_ERR_IO;
            }
        }
        if (rc != 1) {
            return rc < 0 ? rc : TW_ERR_DAMAGED;
        }
        (void)snprintf(outbox->boot, sizeof outbox->boot, "%s", boot);
    }
    *out = outbox->boot_id;
    return TW_OK;
}

// Only what is near the limit is composed to be measured.
static int check_size(struct tw_outbox *outbox, const struct tw_event_row *row)
{
    size_t bound = row->data.len + WORST_ESCAPE * row->subject.len + strlen(outbox->source) + ENVELOPE_BYTES;
    if (bound <= TW_EVENT_MAX_BYTES) {
        return TW_OK;
    }
    char zeros[TW_HASH_HEX + 1] = "";
    memset(zeros, '0', TW_HASH_HEX);
    struct tw_buf *scratch = &outbox->chain.scratch;
    tw_buf_clear(scratch);
    tw_event_write(row, outbox->source, outbox->state.start.epoch, zeros, scratch);
    int rc = tw_buf_status(scratch);
    if (rc == TW_OK && scratch->len > TW_EVENT_MAX_BYTES) {
        rc = TW_ERR_TOO_LARGE;
    }
    tw_buf_free(scratch);
    return rc;
}

static int insert(struct tw_outbox *outbox, const struct tw_event_row *row, int64_t boot)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_PUT);
    tw_stmt_int(stmt, 1, (int64_t)row->sequence);
    tw_stmt_blob(stmt, 2, tw_slice_make(row->id, sizeof row->id));
    tw_stmt_int(stmt, 3, row->type);
    tw_stmt_text(stmt, 4, row->subject);
    tw_stmt_int(stmt, 5, row->time_ms);
    tw_stmt_int(stmt, 6, row->recorded_ms);
    tw_stmt_int(stmt, 7, row->monotonic_ms);
    tw_stmt_int(stmt, 8, boot);
    tw_stmt_int(stmt, 9, row->clock);
    tw_stmt_blob(stmt, 10, row->data);
    return tw_stmt_run(stmt);
}

int tw_outbox_append(struct tw_outbox *outbox, struct tw_event_row *row)
{
    struct tw_outbox_state *state = &outbox->state;
    row->sequence = state->next;
    int64_t boot = 0;
    int rc = tw_uuid_make(&outbox->maker, row->recorded_ms, row->id);
    if (rc == TW_OK) {
        rc = check_size(outbox, row);
    }
    if (rc == TW_OK) {
        rc = boot_number(outbox, row->boot, &boot);
    }
    if (rc == TW_OK) {
        rc = insert(outbox, row, boot);
    }
    if (rc != TW_OK) {
        return rc;
    }
    memcpy(outbox->last_id, row->id, sizeof outbox->last_id);
    if (live_rows(state) == 0) {
        state->oldest_ms = row->time_ms;
    }
    state->next++;
    state->live_bytes += row->data.len;
    return TW_OK;
}

int64_t tw_outbox_now(const struct tw_outbox *outbox, int64_t wall_ms)
{
    int64_t last_ms = (int64_t)outbox->maker.last_ms;
    return wall_ms > last_ms ? wall_ms : last_ms;
}

int tw_outbox_read(struct tw_outbox *outbox, uint64_t from, size_t max_rows, struct tw_rows **out)
{
    const struct tw_chain_start *start = &outbox->state.start;
    from = from > start->through ? from : start->through + 1;
    if (from >= outbox->state.next) {
        *out = NULL;
        return TW_OK;
    }
    return tw_chain_read(&outbox->chain, start, from, max_rows, out);
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
    int rc = tw_chain_hash(&outbox->chain, &state->start, through, head);
    if (rc == TW_OK) {
        rc = bytes_between(outbox, state->start.through + 1, through, &bytes, &dead);
    }
    if (rc == TW_OK) {
        struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_DELETE);
        tw_stmt_int(stmt, 1, (int64_t)through);
        rc = tw_stmt_run(stmt);
    }
    if (rc != TW_OK) {
        return rc;
    }
    state->start.through = through;
    memcpy(state->start.head, head, sizeof head);
    state->live_bytes -= bytes;
    state->dead_rows -= dead;
    rc = meta_put(outbox);
    return rc == TW_OK ? oldest(outbox) : rc;
}

// In ascending order the new number is always free: it is never above the old one.
static int renumber(struct tw_outbox *outbox, uint64_t *count)
{
    uint64_t from = 0;
    for (*count = 0;; ++*count) {
        struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_NEXT);
        tw_stmt_int(stmt, 1, (int64_t)from);
        int rc = tw_stmt_step(stmt);
        if (rc != 1) {
            return rc;
        }
        from = (uint64_t)tw_stmt_get_int(stmt, 0);
        tw_stmt_end(stmt);
        stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_RENUMBER);
        tw_stmt_int(stmt, 1, (int64_t)from);
        tw_stmt_int(stmt, 2, (int64_t)*count + 1);
        rc = tw_stmt_run(stmt);
        if (rc != TW_OK) {
            return rc;
        }
    }
}

int tw_outbox_renew(struct tw_outbox *outbox)
{
    uint64_t count = 0;
    int rc = tw_stmt_run(tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_DELETE_DEAD));
    if (rc == TW_OK) {
        rc = renumber(outbox, &count);
    }
    if (rc == TW_OK) {
        rc = begin_epoch(outbox);
    }
    if (rc != TW_OK) {
        return rc;
    }
    outbox->state.next = count + 1;
    outbox->state.dead_rows = 0;
    return meta_put(outbox);
}

static int dead_put(struct tw_outbox *outbox, uint64_t sequence, const char *reason, int64_t at_ms)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_DEAD_PUT);
    tw_stmt_text(stmt, 1, tw_slice_of(outbox->state.start.epoch));
    tw_stmt_int(stmt, 2, (int64_t)sequence);
    tw_stmt_text(stmt, 3, tw_slice_of(reason));
    tw_stmt_int(stmt, 4, at_ms);
    int rc = tw_stmt_run(stmt);
    if (rc == TW_OK) {
        stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_KILL);
        tw_stmt_int(stmt, 1, (int64_t)sequence);
        rc = tw_stmt_run(stmt);
    }
    return rc;
}

int tw_outbox_reject(struct tw_outbox *outbox, uint64_t sequence, const char *reason, int64_t at_ms,
                     enum tw_event_type *type)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_stmt *stmt = tw_db_sql(outbox->db, TW_JOURNAL_SQL_OUTBOX_GET);
    tw_stmt_int(stmt, 1, (int64_t)sequence);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_NOT_FOUND;
    }
    enum tw_event_type found = (enum tw_event_type)tw_stmt_get_int(stmt, 0);
    bool dead = tw_stmt_get_int(stmt, 1) != 0;
    uint64_t bytes = (uint64_t)tw_stmt_get_int(stmt, 2);
    tw_stmt_end(stmt);
    rc = dead ? TW_ERR_NOT_FOUND : dead_put(outbox, sequence, reason, at_ms);
    if (rc != TW_OK) {
        return rc;
    }
    state->dead_rows++;
    state->dead_letters++;
    state->live_bytes -= bytes;
    *type = found;
    rc = meta_put(outbox); // the size stored there is no longer right
    return rc == TW_OK ? oldest(outbox) : rc;
}
