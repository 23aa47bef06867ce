// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/keys.h"

#include "journal_sql.h"
#include "tillwire/journal.h"

static const int64_t keep_ms = INT64_C(86400000) * TW_JOURNAL_KEY_DAYS;

static struct tw_slice id_slice(const uint8_t id[16])
{
    return tw_slice_make(id, 16);
}

static struct tw_slice hash_slice(const uint8_t hash[32])
{
    return tw_slice_make(hash, 32);
}

int tw_keys_sale(struct tw_keys *keys, struct tw_slice key, uint8_t id[16], struct tw_slice *data)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALE_GET);
    tw_stmt_text(stmt, 1, key);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        rc = tw_stmt_get_fixed(stmt, 0, id, 16);
        *data = tw_stmt_get(stmt, 1);
        rc = rc == TW_OK ? 1 : rc;
    }
    return rc;
}

void tw_keys_sale_done(struct tw_keys *keys)
{
    tw_stmt_end(tw_db_sql(keys->db, TW_JOURNAL_SQL_SALE_GET));
}

int tw_keys_add_sale(struct tw_keys *keys, struct tw_slice key, const uint8_t id[16], struct tw_slice data,
                     int64_t seen_ms)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALE_PUT);
    tw_stmt_text(stmt, 1, key);
    tw_stmt_blob(stmt, 2, id_slice(id));
    tw_stmt_int(stmt, 3, seen_ms);
    tw_stmt_blob(stmt, 4, data);
    return tw_stmt_run(stmt);
}

int tw_keys_set_sale(struct tw_keys *keys, struct tw_slice key, const uint8_t id[16], struct tw_slice data)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALE_UPDATE);
    tw_stmt_text(stmt, 1, key);
    tw_stmt_blob(stmt, 2, id_slice(id));
    tw_stmt_blob(stmt, 3, data);
    return tw_stmt_run(stmt);
}

int tw_keys_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32], uint8_t id[16])
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_GET);
    tw_stmt_blob(stmt, 1, hash_slice(key));
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc;
    }
    uint8_t stored[32];
    rc = tw_stmt_get_fixed(stmt, 0, stored, sizeof stored);
    if (rc == TW_OK && !tw_seal_equal(stored, body, sizeof stored)) {
        rc = TW_ERR_MISMATCH;
    }
    if (rc == TW_OK) {
        rc = tw_stmt_get_fixed(stmt, 1, id, 16);
    }
    tw_stmt_end(stmt);
    return rc == TW_OK ? 1 : rc;
}

int tw_keys_add_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                        const uint8_t id[16], int64_t seen_ms)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_PUT);
    tw_stmt_blob(stmt, 1, hash_slice(key));
    tw_stmt_blob(stmt, 2, hash_slice(body));
    tw_stmt_blob(stmt, 3, id_slice(id));
    tw_stmt_int(stmt, 4, seen_ms);
    return tw_stmt_run(stmt);
}

// ---- expiry ----

static int expire_sales(struct tw_keys *keys, int64_t wall_ms)
{
    struct tw_stmt *edge = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALE_EDGE);
    tw_stmt_int(edge, 1, keys->sale_cursor);
    tw_stmt_int(edge, 2, TW_KEYS_SLICE);
    int rc = tw_stmt_step(edge);
    if (rc < 0) {
        return rc;
    }
    int64_t end = rc == 1 ? tw_stmt_get_int(edge, 0) : 0; // no row left: NULL, read as 0
    tw_stmt_end(edge);
    const int slices[] = {TW_JOURNAL_SQL_SALE_EXPIRE, TW_JOURNAL_SQL_SALE_CLAMP};
    const int64_t limits[] = {wall_ms - keep_ms, wall_ms};
    rc = TW_OK;
    for (size_t i = 0; i < 2 && rc == TW_OK && end > 0; i++) {
        struct tw_stmt *stmt = tw_db_sql(keys->db, slices[i]);
        tw_stmt_int(stmt, 1, keys->sale_cursor);
        tw_stmt_int(stmt, 2, end);
        tw_stmt_int(stmt, 3, limits[i]);
        rc = tw_stmt_run(stmt);
    }
    keys->sale_cursor = end; // 0: begin again
    return rc;
}

static int expire_requests(struct tw_keys *keys, int64_t wall_ms)
{
    struct tw_slice cursor = tw_slice_make(keys->idempotency_cursor, keys->idempotency_cursor_len);
    struct tw_stmt *edge = tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_EDGE);
    tw_stmt_blob(edge, 1, cursor);
    tw_stmt_int(edge, 2, TW_KEYS_SLICE);
    int rc = tw_stmt_step(edge);
    if (rc < 0) {
        return rc;
    }
    uint8_t end[32];
    bool more = rc == 1 && tw_stmt_get_fixed(edge, 0, end, sizeof end) == TW_OK;
    tw_stmt_end(edge);
    const int slices[] = {TW_JOURNAL_SQL_IDEMPOTENCY_EXPIRE, TW_JOURNAL_SQL_IDEMPOTENCY_CLAMP};
    const int64_t limits[] = {wall_ms - keep_ms, wall_ms};
    rc = TW_OK;
    for (size_t i = 0; i < 2 && rc == TW_OK && more; i++) {
        struct tw_stmt *stmt = tw_db_sql(keys->db, slices[i]);
        tw_stmt_blob(stmt, 1, cursor);
        tw_stmt_blob(stmt, 2, hash_slice(end));
        tw_stmt_int(stmt, 3, limits[i]);
        rc = tw_stmt_run(stmt);
    }
    keys->idempotency_cursor_len = more ? sizeof end : 0;
    if (more) {
        memcpy(keys->idempotency_cursor, end, sizeof end);
    }
    return rc;
}

int tw_keys_expire(struct tw_keys *keys, int64_t wall_ms, int64_t monotonic_ms)
{
    if (keys->expired_once && monotonic_ms - keys->expired_at_ms < TW_KEYS_EVERY_MS) {
        return TW_OK;
    }
    keys->expired_once = true;
    keys->expired_at_ms = monotonic_ms;
    int rc = expire_sales(keys, wall_ms);
    return rc == TW_OK ? expire_requests(keys, wall_ms) : rc;
}

int tw_keys_clear(struct tw_keys *keys)
{
    int rc = tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_SALE_CLEAR));
    return rc == TW_OK ? tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_CLEAR)) : rc;
}
