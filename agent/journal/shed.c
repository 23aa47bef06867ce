// SPDX-License-Identifier: Apache-2.0
//
// What is given up for room, one row at a time: droppable events become a capture.gap in their place (P7),
// and sales that are only remembered (P3) lose their content but not their key and id.
#include "agent/journal/gap.h"
#include "agent/journal/outbox_parts.h"
#include "journal_sql.h"

// A remembered row without content takes no more than this.
enum { HUSK_BYTES = 160 };

static int first_int(struct tw_stmt *stmt, int64_t *out)
{
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        *out = tw_stmt_get_int(stmt, 0);
    }
    tw_stmt_end(stmt);
    return rc;
}

int tw_outbox_drop(struct tw_outbox *outbox)
{
    struct tw_outbox_state *state = &outbox->state;
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_DROPPABLE);
    struct tw_table_row row;
    struct tw_buf data = {0};
    int64_t n = 0;
    tw_stmt_int(stmt, 1, tw_outbox_place(outbox, tw_outbox_send_limit(state)));
    int rc = first_int(stmt, &n);
    rc = rc == 1 ? tw_table_get(outbox->with.table, n, &row) : rc;
    if (rc != 1) {
        return rc;
    }
    uint64_t sequence = (uint64_t)(n - state->start.base);
    const struct tw_life life = tw_outbox_life(outbox);
    struct tw_event_row event = row.record.row;
    tw_gap_data(TW_GAP_QUOTA, sequence, sequence, tw_event_type_name(event.type), &data);
    rc = tw_buf_status(&data);
    event.type = TW_EVENT_CAPTURE_GAP;
    event.subject = tw_slice_of(tw_gap_subject(outbox->with.source));
    event.data = tw_buf_slice(&data);
    size_t bytes = 0;
    rc = rc != TW_OK ? rc
                     : tw_table_replace(outbox->with.table, &life, n, TW_RECORD_LIVE, &event,
                                        tw_slice_make(NULL, 0), &bytes);
    tw_buf_free(&data);
    if (rc == TW_OK) {
        state->live_bytes -= row.stored.sealed.len;
        state->live_bytes += bytes;
    }
    if (rc == TW_OK && sequence <= state->counted_to) {
        rc = tw_outbox_save(outbox); // the sum stored there is no longer right
    }
    return rc == TW_OK ? 1 : rc;
}

int tw_outbox_shrink(struct tw_outbox *outbox, int64_t *cursor)
{
    struct tw_stmt *stmt = tw_db_sql(outbox->with.db, TW_JOURNAL_SQL_EVENTS_LARGE);
    struct tw_table_row row;
    int64_t n = 0;
    tw_stmt_int(stmt, 1, *cursor);
    tw_stmt_int(stmt, 2, tw_outbox_place(outbox, outbox->state.saved));
    tw_stmt_int(stmt, 3, HUSK_BYTES);
    int rc = first_int(stmt, &n);
    rc = rc == 1 ? tw_table_get(outbox->with.table, n, &row) : rc;
    if (rc != 1) {
        return rc;
    }
    const struct tw_life life = tw_outbox_life(outbox);
    struct tw_event_row event = row.record.row;
    event.subject = event.data = tw_slice_make(NULL, 0);
    size_t bytes = 0;
    rc = tw_table_replace(outbox->with.table, &life, n, TW_RECORD_LIVE, &event, row.record.sale_key, &bytes);
    *cursor = rc == TW_OK ? n : *cursor;
    return rc == TW_OK ? 1 : rc;
}
