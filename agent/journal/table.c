// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/table.h"

#include "journal_sql.h"

void tw_table_free(struct tw_table *table)
{
    tw_buf_free(&table->sealed);
    tw_fresh_free(&table->fresh);
}

void tw_table_rest(struct tw_table *table)
{
    tw_fresh_free(&table->fresh);
}

void tw_table_forget(struct tw_table *table)
{
    table->life = (struct tw_life){0};
    table->boot_id = 0;
    tw_seals_forget(table->seals);
    tw_fresh_forget(&table->fresh);
}

// ---- lives and boots ----

int tw_table_add_life(struct tw_table *table, const char *epoch, int64_t base, struct tw_life *out)
{
    struct tw_stmt *stmt = tw_db_sql(table->db, TW_JOURNAL_SQL_LIVES_PUT);
    tw_stmt_text(stmt, 1, tw_slice_of(epoch));
    tw_stmt_int(stmt, 2, base);
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    struct tw_life life = {.number = tw_stmt_get_int(stmt, 0), .base = base};
    (void)snprintf(life.epoch, sizeof life.epoch, "%s", epoch);
    rc = tw_stmt_run(stmt);
    if (rc == TW_OK) {
        *out = life;
    }
    return rc;
}

static int find_life(struct tw_table *table, int64_t number)
{
    if (table->life.number == number) {
        return TW_OK;
    }
    struct tw_stmt *stmt = tw_db_sql(table->db, TW_JOURNAL_SQL_LIVES_GET);
    tw_stmt_int(stmt, 1, number);
    int rc = tw_stmt_step(stmt);
    struct tw_slice epoch = rc == 1 ? tw_stmt_get(stmt, 0) : tw_slice_make(NULL, 0);
    if (rc < 0 || epoch.len != 36) {
        tw_stmt_end(stmt);
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    table->life = (struct tw_life){.number = number, .base = tw_stmt_get_int(stmt, 1)};
    memcpy(table->life.epoch, epoch.ptr, 36);
    tw_stmt_end(stmt);
    return TW_OK;
}

static int find_boot(struct tw_table *table, int64_t number)
{
    if (table->boot_id == number) {
        return TW_OK;
    }
    struct tw_stmt *stmt = tw_db_sql(table->db, TW_JOURNAL_SQL_BOOT_TEXT);
    tw_stmt_int(stmt, 1, number);
    int rc = tw_stmt_step(stmt);
    struct tw_slice boot = rc == 1 ? tw_stmt_get(stmt, 0) : tw_slice_make(NULL, 0);
    rc = rc < 0 ? rc : boot.len == 36 ? TW_OK : TW_ERR_DAMAGED;
    if (rc == TW_OK) {
        memcpy(table->boot, boot.ptr, 36);
        table->boot[36] = 0;
        table->boot_id = number;
    }
    tw_stmt_end(stmt);
    return rc;
}

static int note_boot(struct tw_table *table, const char *boot)
{
    if (table->boot_id != 0 && strcmp(table->boot, boot) == 0) {
        return TW_OK;
    }
    int rc = 0;
    int64_t number = 0;
    const int tries[] = {TW_JOURNAL_SQL_BOOT_GET, TW_JOURNAL_SQL_BOOT_PUT};
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        struct tw_stmt *stmt = tw_db_sql(table->db, tries[i]);
        tw_stmt_text(stmt, 1, tw_slice_of(boot));
        rc = tw_stmt_step(stmt);
        if (rc == 1) {
            number = tw_stmt_get_int(stmt, 0);
            rc = tw_stmt_run(stmt) == TW_OK ? 1 : TW_ERR_IO;
        }
    }
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    (void)snprintf(table->boot, sizeof table->boot, "%s", boot);
    table->boot_id = number;
    return TW_OK;
}

// ---- writing ----

static int write_row(struct tw_table *table, int sql, const struct tw_stored *stored)
{
    struct tw_stmt *stmt = tw_db_sql(table->db, sql);
    tw_stmt_int(stmt, 1, stored->n);
    tw_stmt_int(stmt, 2, stored->life);
    tw_stmt_int(stmt, 3, stored->type);
    tw_stmt_int(stmt, 4, stored->time_ms);
    tw_stmt_int(stmt, 5, stored->state);
    tw_stmt_int(stmt, 6, stored->key);
    tw_stmt_blob(stmt, 7, stored->sealed);
    return tw_stmt_run(stmt);
}

int tw_table_seal(struct tw_table *table, const char *epoch, uint64_t sequence, struct tw_stored *stored,
                  const struct tw_record *record)
{
    struct tw_record numbered = *record;
    int rc = note_boot(table, record->row.boot);
    rc = rc != TW_OK ? rc : tw_seals_use(table->seals, &stored->key);
    numbered.boot = table->boot_id;
    rc = rc != TW_OK ? rc
                     : tw_record_seal(table->recorder, epoch, sequence, stored, &numbered, &table->sealed);
    stored->sealed = tw_buf_slice(&table->sealed);
    return rc;
}

static int put(struct tw_table *table, int sql, const struct tw_life *life, int64_t n,
               enum tw_record_state state, const struct tw_event_row *row, struct tw_slice sale_key,
               size_t *bytes)
{
    const struct tw_record record = {.row = *row, .sale_key = sale_key};
    struct tw_stored stored = {
        .n = n, .life = life->number, .type = row->type, .time_ms = row->time_ms, .state = state};
    int rc = tw_table_seal(table, life->epoch, (uint64_t)(n - life->base), &stored, &record);
    *bytes = stored.sealed.len;
    return rc == TW_OK ? write_row(table, sql, &stored) : rc;
}

int tw_table_put(struct tw_table *table, const struct tw_life *life, int64_t n, enum tw_record_state state,
                 const struct tw_event_row *row, struct tw_slice sale_key, size_t *bytes)
{
    int rc = put(table, TW_JOURNAL_SQL_EVENTS_PUT, life, n, state, row, sale_key, bytes);
    if (rc == TW_OK) {
        tw_fresh_put(&table->fresh, n, state, row, *bytes);
    }
    return rc == TW_ERR_EXISTS ? TW_ERR_DAMAGED : rc; // places are never used twice
}

int tw_table_replace(struct tw_table *table, const struct tw_life *life, int64_t n,
                     enum tw_record_state state, const struct tw_event_row *row, struct tw_slice sale_key,
                     size_t *bytes)
{
    tw_fresh_forget(&table->fresh);
    return put(table, TW_JOURNAL_SQL_EVENTS_REPLACE, life, n, state, row, sale_key, bytes);
}

int tw_table_delete(struct tw_table *table, int64_t n)
{
    tw_fresh_forget(&table->fresh);
    struct tw_stmt *stmt = tw_db_sql(table->db, TW_JOURNAL_SQL_EVENTS_DELETE);
    tw_stmt_int(stmt, 1, n);
    return tw_stmt_run(stmt);
}

// ---- reading ----

int tw_table_open(struct tw_table *table, const char *epoch, uint64_t sequence,
                  const struct tw_stored *stored, struct tw_record *out)
{
    if (tw_event_type_name(stored->type) == NULL) {
        return TW_ERR_DAMAGED;
    }
    int rc = tw_record_open(table->recorder, epoch, sequence, stored, out);
    rc = rc == TW_ERR_NOT_FOUND ? TW_ERR_IO : rc; // its key is gone: no damage, it can come back
    rc = rc != TW_OK ? rc : find_boot(table, out->boot);
    if (rc == TW_OK) {
        out->row.boot = table->boot;
    }
    return rc;
}

static int open_row(struct tw_table *table, const struct tw_stmt *stmt, struct tw_table_row *out)
{
    struct tw_stored *stored = &out->stored;
    *stored = (struct tw_stored){
        .n = tw_stmt_get_int(stmt, 0),
        .life = tw_stmt_get_int(stmt, 1),
        .type = (enum tw_event_type)tw_stmt_get_int(stmt, 2),
        .time_ms = tw_stmt_get_int(stmt, 3),
        .state = (enum tw_record_state)tw_stmt_get_int(stmt, 4),
        .key = (unsigned)tw_stmt_get_int(stmt, 5),
        .sealed = tw_stmt_get(stmt, 6),
    };
    int rc = find_life(table, stored->life);
    return rc != TW_OK ? rc
                       : tw_table_open(table, table->life.epoch, (uint64_t)(stored->n - table->life.base),
                                       stored, &out->record);
}

int tw_table_get(struct tw_table *table, int64_t n, struct tw_table_row *out)
{
    struct tw_stmt *stmt = tw_db_sql(table->db, TW_JOURNAL_SQL_EVENTS_GET);
    tw_stmt_int(stmt, 1, n);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        rc = open_row(table, stmt, out);
        rc = rc == TW_OK ? 1 : rc;
    }
    tw_stmt_end(stmt);
    return rc;
}

void tw_table_from(struct tw_table *table, int64_t n)
{
    table->passes_fresh = tw_fresh_seek(&table->fresh, n);
    if (!table->passes_fresh) {
        tw_stmt_int(tw_db_sql(table->db, TW_JOURNAL_SQL_EVENTS_FROM), 1, n);
    }
}

int tw_table_next(struct tw_table *table, struct tw_table_row *out)
{
    if (table->passes_fresh) {
        *out = (struct tw_table_row){0};
        if (tw_fresh_read(&table->fresh, &out->stored, &out->record.row)) {
            return 1;
        }
        tw_table_from(table, table->fresh.next); // what follows them, if anything
    }
    struct tw_stmt *stmt = tw_db_running(table->db, TW_JOURNAL_SQL_EVENTS_FROM);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        rc = open_row(table, stmt, out);
        rc = rc == TW_OK ? 1 : rc;
        if (rc < 0) {
            tw_stmt_end(stmt);
        }
    }
    return rc;
}

void tw_table_end(struct tw_table *table)
{
    if (!table->passes_fresh) {
        tw_stmt_end(tw_db_running(table->db, TW_JOURNAL_SQL_EVENTS_FROM));
    } else if (tw_fresh_is_read(&table->fresh)) { // hardly anybody asks twice
        tw_fresh_forget(&table->fresh);
    }
}
