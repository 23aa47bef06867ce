// SPDX-License-Identifier: Apache-2.0
//
// Dead letters: what was rejected, kept until somebody tries it again. A row goes there as it was sealed,
// with the epoch and sequence it was sealed under.
#include "agent/journal/outbox_parts.h"
#include "journal_sql.h"

static int copy_row(struct tw_outbox *outbox, const struct tw_table_row *row, uint64_t sequence,
                    const char *epoch, const char *reason, int64_t at_ms)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_DEAD_PUT);
    tw_stmt_int(stmt, 1, row->stored.n);
    tw_stmt_text(stmt, 2, tw_slice_of(epoch));
    tw_stmt_int(stmt, 3, (int64_t)sequence);
    tw_stmt_text(stmt, 4, tw_slice_of(reason));
    tw_stmt_int(stmt, 5, at_ms);
    return tw_stmt_run(stmt);
}

int tw_outbox_reject(struct tw_outbox *outbox, uint64_t sequence, const char *reason, int64_t at_ms,
                     enum tw_event_type *type)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_table_row row;
    // Nothing above the send limit was published, so nobody can have refused it.
    uint64_t limit = tw_outbox_send_limit(state);
    if (sequence <= state->start.through || sequence >= state->next || sequence > limit) {
        return TW_ERR_NOT_FOUND;
    }
    int rc = tw_table_get(outbox->with.table, tw_outbox_place(outbox, sequence), &row);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_NOT_FOUND;
    }
    if (row.stored.state == TW_RECORD_DEAD) {
        *type = TW_EVENT_CAPTURE_GAP;
        return TW_OK;
    }
    const struct tw_life sealed_in = outbox->with.table->life;
    const struct tw_life life = tw_outbox_life(outbox);
    rc = copy_row(outbox, &row, (uint64_t)(row.stored.n - sealed_in.base), sealed_in.epoch, reason, at_ms);
    size_t bytes = 0; // the mark is bound, so the row is sealed anew
    rc = rc != TW_OK ? rc
                     : tw_table_replace(outbox->with.table, &life, row.stored.n, TW_RECORD_DEAD,
                                        &row.record.row, row.record.sale_key, &bytes);
    if (rc != TW_OK) {
        return rc;
    }
    state->dead_rows++;
    state->dead_letters++;
    state->live_bytes -= row.stored.sealed.len;
    *type = row.stored.type;
    rc = tw_outbox_oldest(outbox);
    return rc == TW_OK ? tw_outbox_save(outbox) : rc; // the number of the dead stands in the meta mark
}

// ---- whose they are ----
// A letter is of the present source, unless a mark says of its epoch that it is of an earlier one.

static int source_of(struct tw_outbox *outbox, struct tw_dead_letter *letter)
{
    struct tw_slice name;
    int rc = tw_marks_get(outbox->with.marks, TW_MARK_SOURCE, tw_slice_of(letter->epoch), &name);
    name = rc == 1 ? name : tw_slice_of(outbox->with.source);
    (void)snprintf(letter->source, sizeof letter->source, "%.*s", (int)name.len, (const char *)name.ptr);
    return rc < 0 ? rc : TW_OK;
}

int tw_outbox_name_epoch(struct tw_outbox *outbox, const char *epoch, const char *source)
{
    struct tw_slice known;
    int rc = tw_marks_get(outbox->with.marks, TW_MARK_SOURCE, tw_slice_of(epoch), &known);
    if (rc != 0) {
        return rc < 0 ? rc : TW_OK;
    }
    return tw_marks_put(outbox->with.marks, TW_MARK_SOURCE, tw_slice_of(epoch), tw_slice_of(source));
}

int tw_outbox_name_letters(struct tw_outbox *outbox, const char *source)
{
    char epoch[37] = "";
    int rc = outbox->state.dead_letters > 0 ? 1 : tw_marks_clear(outbox->with.marks, TW_MARK_SOURCE);
    while (rc == 1) {
        struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_DEAD_EPOCHS);
        tw_stmt_text(stmt, 1, tw_slice_of(epoch));
        rc = tw_stmt_step(stmt);
        if (rc == 1) {
            struct tw_slice next = tw_stmt_get(stmt, 0);
            bool whole = next.len == sizeof epoch - 1 && memchr(next.ptr, 0, next.len) == NULL;
            memcpy(epoch, next.ptr, whole ? next.len : 0);
            tw_stmt_end(stmt);
            int named = whole ? tw_outbox_name_epoch(outbox, epoch, source) : TW_ERR_DAMAGED;
            rc = named == TW_OK ? 1 : named;
        }
    }
    return rc;
}

// ---- giving them ----

int tw_outbox_letter(struct tw_outbox *outbox, uint64_t number, struct tw_dead_letter *out,
                     struct tw_record *record)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_DEAD_NEXT);
    tw_stmt_int(stmt, 1, (int64_t)number);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc;
    }
    struct tw_dead_letter letter = {
        .number = (uint64_t)tw_stmt_get_int(stmt, 0),
        .sequence = (uint64_t)tw_stmt_get_int(stmt, 2),
        .rejected_ms = tw_stmt_get_int(stmt, 10),
    };
    const struct tw_stored stored = {
        .n = tw_stmt_get_int(stmt, 3),
        .life = tw_stmt_get_int(stmt, 4),
        .type = (enum tw_event_type)tw_stmt_get_int(stmt, 5),
        .time_ms = tw_stmt_get_int(stmt, 6),
        .state = TW_RECORD_LIVE,
        .key = (unsigned)tw_stmt_get_int(stmt, 7),
        .sealed = tw_stmt_get(stmt, 8),
    };
    struct tw_slice epoch = tw_stmt_get(stmt, 1);
    struct tw_slice reason = tw_stmt_get(stmt, 9);
    (void)snprintf(letter.epoch, sizeof letter.epoch, "%.*s", (int)epoch.len, (const char *)epoch.ptr);
    (void)snprintf(letter.reason, sizeof letter.reason, "%.*s", (int)reason.len, (const char *)reason.ptr);
    rc = source_of(outbox, &letter);
    rc = rc != TW_OK ? rc : tw_table_open(outbox->with.table, letter.epoch, letter.sequence, &stored, record);
    tw_stmt_end(stmt);
    if (rc != TW_OK) {
        return rc;
    }
    letter.type = record->row.type;
    letter.time_ms = record->row.time_ms;
    letter.data = record->row.data;
    tw_uuid_text(record->row.id, letter.id);
    *out = letter;
    return 1;
}

// 1: the sale that is remembered for the key is event `id`, and not a later correction of it.
static int stands_for(struct tw_outbox *outbox, struct tw_slice key, const char *id)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_SALES_GET);
    struct tw_table_row known;
    char known_id[37];
    tw_stmt_text(stmt, 1, key);
    int rc = tw_stmt_step(stmt);
    int64_t n = rc == 1 ? tw_stmt_get_int(stmt, 0) : 0;
    tw_stmt_end(stmt);
    rc = rc == 1 ? tw_table_get(outbox->with.table, n, &known) : rc;
    if (rc == 1) {
        tw_uuid_text(known.record.row.id, known_id);
        rc = strcmp(known_id, id) == 0;
    }
    return rc;
}

int tw_outbox_retry(struct tw_outbox *outbox, const struct tw_dead_letter *letter,
                    const struct tw_record *record, struct tw_event_row *row)
{
    struct tw_slice key = record->sale_key;
    *row = record->row;
    int rc = tw_outbox_append(outbox, row, key, false);
    int stood = rc == TW_OK && key.len > 0 ? stands_for(outbox, key, letter->id) : 0;
    rc = stood < 0 ? stood : rc;
    if (rc == TW_OK && stood > 0) {
        struct tw_stmt *point = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_SALES_POINT);
        tw_stmt_text(point, 1, key);
        tw_stmt_int(point, 2, tw_outbox_place(outbox, row->sequence));
        rc = tw_stmt_run(point);
    }
    if (rc == TW_OK) {
        struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_DEAD_DELETE);
        tw_stmt_int(stmt, 1, (int64_t)letter->number);
        rc = tw_stmt_run(stmt);
    }
    outbox->state.dead_letters -= rc == TW_OK;
    return rc;
}

int tw_outbox_put_letter(struct tw_outbox *outbox, const char *epoch, uint64_t sequence,
                         const struct tw_record *record, struct tw_slice reason, int64_t at_ms)
{
    struct tw_table *table = outbox->with.table;
    struct tw_stored stored = {.type = record->row.type, .time_ms = record->row.time_ms};
    int rc = tw_table_seal(table, epoch, sequence, &stored, record);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_DEAD_ADD);
    tw_stmt_text(stmt, 1, tw_slice_of(epoch));
    tw_stmt_int(stmt, 2, (int64_t)sequence);
    tw_stmt_int(stmt, 3, stored.type);
    tw_stmt_int(stmt, 4, stored.time_ms);
    tw_stmt_int(stmt, 5, stored.key);
    tw_stmt_blob(stmt, 6, stored.sealed);
    tw_stmt_text(stmt, 7, reason);
    tw_stmt_int(stmt, 8, at_ms);
    rc = tw_stmt_run(stmt);
    outbox->state.dead_letters += rc == TW_OK;
    return rc;
}
