// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/seals.h"

#include "journal_sql.h"

// 1: something in the file names the key.
static int is_needed(struct tw_seals *seals, unsigned key)
{
    const uint8_t head[2] = {(uint8_t)(key >> 8), (uint8_t)key}; // as a mark begins (record.h)
    struct tw_stmt *stmt = tw_db_sql(seals->db, TW_JOURNAL_SQL_SEALS_NEEDED);
    tw_stmt_int(stmt, 1, key);
    tw_stmt_blob(stmt, 2, tw_slice_make(head, sizeof head));
    int rc = tw_stmt_step(stmt);
    rc = rc == 1 ? tw_stmt_get_int(stmt, 0) != 0 : rc < 0 ? rc : TW_ERR_DAMAGED;
    tw_stmt_end(stmt);
    return rc;
}

int tw_seals_check(struct tw_seals *seals, const char *path, struct tw_error_text *err)
{
    struct tw_stmt *stmt = tw_db_sql(seals->db, TW_JOURNAL_SQL_SEALS_ALL);
    unsigned count = 0;
    int rc = tw_stmt_step(stmt);
    while (rc == 1) {
        unsigned key = (unsigned)tw_stmt_get_int(stmt, 0);
        uint8_t theirs[TW_VAULT_CHECK_BYTES];
        uint8_t ours[TW_VAULT_CHECK_BYTES];
        rc = tw_stmt_get_fixed(stmt, 1, theirs, sizeof theirs);
        if (rc != TW_OK) {
            break;
        }
        bool there = tw_vault_check(seals->vault, key, ours) == TW_OK;
        bool same = there && tw_seal_equal(ours, theirs, sizeof ours);
        int needed = same ? 0 : is_needed(seals, key);
        if (needed < 0) {
            rc = needed;
            break;
        }
        if (needed == 1) {
            tw_stmt_end(stmt);
            seals->odd = key;
            return tw_fail(err, TW_ERR_MISMATCH,
                           "opening the journal %s: it is sealed with key %u, and the key file %s; put that "
                           "key back into the file, or move the journal away with its -wal and -shm files",
                           path, key, there ? "has another one under that number" : "does not hold it");
        }
        seals->oldest = count == 0 ? key : seals->oldest;
        count++;
        rc = tw_stmt_step(stmt);
    }
    tw_stmt_end(stmt);
    seals->several = count > 1;
    return rc == TW_OK ? TW_OK
                       : tw_fail(err, rc, "opening the journal %s: its list of keys cannot be read (%s)",
                                 path, tw_err_name(rc));
}

int tw_seals_use(struct tw_seals *seals, unsigned *key)
{
    unsigned current = tw_vault_current(seals->vault);
    if (current != seals->noted) {
        uint8_t check[TW_VAULT_CHECK_BYTES];
        int rc = tw_vault_check(seals->vault, current, check);
        if (rc != TW_OK) {
            return rc;
        }
        struct tw_stmt *stmt = tw_db_sql(seals->db, TW_JOURNAL_SQL_SEALS_PUT);
        tw_stmt_int(stmt, 1, current);
        tw_stmt_blob(stmt, 2, tw_slice_make(check, sizeof check));
        rc = tw_stmt_run(stmt);
        if (rc != TW_OK) {
            return rc;
        }
        seals->several = seals->several || (seals->oldest != 0 && seals->oldest != current);
        seals->oldest = seals->oldest == 0 ? current : seals->oldest;
        seals->noted = current;
    }
    *key = current;
    return TW_OK;
}

void tw_seals_forget(struct tw_seals *seals)
{
    seals->noted = 0;
}

int tw_seals_retire(struct tw_seals *seals)
{
    struct tw_stmt *stmt = tw_db_sql(seals->db, TW_JOURNAL_SQL_SEALS_RETIRE);
    tw_stmt_int(stmt, 1, seals->noted); // what the marks were just sealed with
    int rc = tw_stmt_run(stmt);
    stmt = tw_db_sql(seals->db, TW_JOURNAL_SQL_SEALS_COUNT);
    rc = rc != TW_OK ? rc : tw_stmt_step(stmt);
    if (rc == 1) {
        seals->several = tw_stmt_get_int(stmt, 0) > 1;
        seals->oldest = (unsigned)tw_stmt_get_int(stmt, 1);
        rc = TW_OK;
    }
    tw_stmt_end(stmt);
    return rc;
}
