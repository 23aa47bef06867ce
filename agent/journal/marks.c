// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/marks.h"

#include "journal_sql.h"

void tw_marks_free(struct tw_marks *marks)
{
    tw_buf_free(&marks->name);
    tw_buf_free(&marks->stored);
}

static int set_name(struct tw_marks *marks, const char *kind, struct tw_slice name)
{
    tw_buf_clear(&marks->name);
    tw_buf_add_text(&marks->name, kind);
    tw_buf_add(&marks->name, name.ptr, name.len);
    return tw_buf_status(&marks->name);
}

int tw_marks_get(struct tw_marks *marks, const char *kind, struct tw_slice name, struct tw_slice *out)
{
    int rc = set_name(marks, kind, name);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(marks->db, TW_JOURNAL_SQL_MARKS_GET);
    tw_stmt_text(stmt, 1, tw_buf_slice(&marks->name));
    rc = tw_stmt_step(stmt);
    if (rc == 1) {
        rc = tw_record_open_mark(marks->recorder, tw_buf_slice(&marks->name), tw_stmt_get(stmt, 0), out);
        rc = rc == TW_OK ? 1 : rc;
    }
    tw_stmt_end(stmt);
    return rc;
}

static int put(struct tw_marks *marks, struct tw_slice value)
{
    struct tw_slice name = tw_buf_slice(&marks->name);
    unsigned key = 0;
    int rc = tw_seals_use(marks->seals, &key);
    rc = rc != TW_OK ? rc : tw_record_seal_mark(marks->recorder, key, name, value, &marks->stored);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(marks->db, TW_JOURNAL_SQL_MARKS_PUT);
    tw_stmt_text(stmt, 1, name);
    tw_stmt_blob(stmt, 2, tw_buf_slice(&marks->stored));
    return tw_stmt_run(stmt);
}

int tw_marks_put(struct tw_marks *marks, const char *kind, struct tw_slice name, struct tw_slice value)
{
    int rc = set_name(marks, kind, name);
    return rc == TW_OK ? put(marks, value) : rc;
}

int tw_marks_clear(struct tw_marks *marks, const char *kind)
{
    struct tw_stmt *stmt = tw_db_sql(marks->db, TW_JOURNAL_SQL_MARKS_CLEAR);
    tw_stmt_text(stmt, 1, tw_slice_of(kind));
    return tw_stmt_run(stmt);
}

unsigned tw_marks_meta_key(struct tw_marks *marks)
{
    struct tw_slice name = tw_slice_of(TW_MARK_META);
    struct tw_slice value;
    unsigned key = 0;
    struct tw_stmt *stmt = tw_db_sql(marks->db, TW_JOURNAL_SQL_MARKS_GET);
    tw_stmt_text(stmt, 1, name);
    if (tw_stmt_step(stmt) == 1) {
        struct tw_slice stored = tw_stmt_get(stmt, 0);
        bool opens = tw_record_open_mark(marks->recorder, name, stored, &value) == TW_OK;
        key = opens ? (unsigned)stored.ptr[0] << 8 | stored.ptr[1] : 0;
    }
    tw_stmt_end(stmt);
    return key;
}

// Opens the mark after the one that `name` holds. 1: there; 0: no further one. Borrowed from what reads, so
// that it can be put again.
static int open_next(struct tw_marks *marks, struct tw_slice *value)
{
    struct tw_stmt *stmt = tw_db_sql(marks->db, TW_JOURNAL_SQL_MARKS_NEXT);
    tw_stmt_text(stmt, 1, tw_buf_slice(&marks->name));
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc;
    }
    rc = set_name(marks, "", tw_stmt_get(stmt, 0));
    rc = rc != TW_OK
             ? rc
             : tw_record_open_mark(marks->recorder, tw_buf_slice(&marks->name), tw_stmt_get(stmt, 1), value);
    tw_stmt_end(stmt);
    return rc == TW_OK ? 1 : rc;
}

int tw_marks_check(struct tw_marks *marks)
{
    struct tw_slice value;
    int rc = set_name(marks, "", tw_slice_make(NULL, 0));
    rc = rc == TW_OK ? open_next(marks, &value) : rc;
    while (rc == 1) {
        rc = open_next(marks, &value);
    }
    return rc == TW_ERR_NOT_FOUND ? TW_ERR_DAMAGED : rc; // its key was there at opening
}

int tw_marks_reseal(struct tw_marks *marks)
{
    struct tw_slice value;
    int rc = set_name(marks, "", tw_slice_make(NULL, 0));
    rc = rc == TW_OK ? open_next(marks, &value) : rc;
    while (rc == 1) {
        rc = put(marks, value);
        rc = rc == TW_OK ? open_next(marks, &value) : rc;
    }
    return rc;
}
