// SPDX-License-Identifier: Apache-2.0
//
// A new epoch over what is queued. Rows stay where they are, sealed as they were written; only their
// numbering begins anew. The rejected have no number in it: what is queued below one of them moves up by a
// place, and since rejections are of what was published, that is never more than a window.
#include "agent/journal/outbox_parts.h"
#include "journal_sql.h"

// Moves the row at `n` to `to`, as one of the new life.
static int move_row(struct tw_outbox *outbox, const struct tw_life *life, int64_t n, int64_t to)
{
    struct tw_table_row row;
    size_t bytes = 0;
    int rc = tw_table_get(outbox->with.table, n, &row);
    if (rc != 1) {
        return rc < 0 ? rc : TW_ERR_DAMAGED;
    }
    struct tw_slice key = row.record.sale_key;
    rc = tw_table_put(outbox->with.table, life, to, TW_RECORD_LIVE, &row.record.row, key, &bytes);
    if (rc == TW_OK && key.len > 0) {
        struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_SALES_MOVE);
        tw_stmt_text(stmt, 1, key);
        tw_stmt_int(stmt, 2, n);
        tw_stmt_int(stmt, 3, to);
        rc = tw_stmt_run(stmt);
    }
    return rc == TW_OK ? tw_table_delete(outbox->with.table, n) : rc;
}

// A dead sale is still remembered (P3): it goes below all others.
static int set_aside(struct tw_outbox *outbox, const struct tw_life *life, int64_t n, bool is_sale)
{
    if (!is_sale) {
        return tw_table_delete(outbox->with.table, n);
    }
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_FIRST);
    int rc = tw_stmt_step(stmt);
    int64_t first = rc == 1 ? tw_stmt_get_int(stmt, 0) : 0;
    tw_stmt_end(stmt);
    return rc == 1 ? move_row(outbox, life, n, first - 1) : rc < 0 ? rc : TW_ERR_DAMAGED;
}

// From the newest down: a row moves up past the dead ones above it. Only what may have been published can
// have been rejected, so that is where it begins.
static int close_ranks(struct tw_outbox *outbox, const struct tw_life *life, int64_t floor, int64_t top)
{
    int64_t shift = 0;
    int rc = TW_OK;
    for (int64_t n = top + 1; rc == TW_OK;) {
        struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_BELOW);
        tw_stmt_int(stmt, 1, n);
        tw_stmt_int(stmt, 2, floor);
        rc = tw_stmt_step(stmt);
        if (rc != 1) {
            return rc;
        }
        n = tw_stmt_get_int(stmt, 0);
        bool is_dead = tw_stmt_get_int(stmt, 1) == TW_RECORD_DEAD;
        bool is_sale = tw_event_is_sale((enum tw_event_type)tw_stmt_get_int(stmt, 2));
        tw_stmt_end(stmt);
        if (is_dead) {
            rc = set_aside(outbox, life, n, is_sale);
            shift++;
        } else {
            rc = shift > 0 ? move_row(outbox, life, n, n + shift) : TW_OK;
        }
    }
    return rc;
}

int tw_outbox_renew(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    int rc = tw_outbox_save(outbox);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t floor = tw_outbox_place(outbox, state->start.through);
    int64_t top = tw_outbox_place(outbox, state->next - 1);
    int64_t limit = tw_outbox_place(outbox, tw_outbox_send_limit(state));
    uint64_t live = tw_outbox_live(state);
    bool any_dead = state->dead_rows > 0;
    rc = tw_outbox_begin_epoch(outbox, top - (int64_t)live);
    if (rc == TW_OK && any_dead) {
        const struct tw_life life = tw_outbox_life(outbox);
        rc = close_ranks(outbox, &life, floor, top < limit ? top : limit);
    }
    if (rc != TW_OK) {
        return rc;
    }
    state->next = live + 1;
    state->dead_rows = 0;
    return tw_outbox_save(outbox);
}
