// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/keys.h"

#include "journal_sql.h"
#include "tillwire/journal.h"

#define DAY_MS INT64_C(86400000)

// What expiry goes by, in one call.
struct when {
    int64_t wall_ms;
    int64_t before_ms; // what was seen earlier is too old
    bool sure;         // the clock is vouched for: what does not fit it is set to it
};

enum { HALF_HASH = 16 };

static struct tw_slice half(const uint8_t *hash)
{
    return tw_slice_make(hash, HALF_HASH);
}

// 1: known; `n` and `seen_ms` are set.
static int find_sale(struct tw_keys *keys, struct tw_slice key, int64_t *n, int64_t *seen_ms)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_GET);
    tw_stmt_text(stmt, 1, key);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        *n = tw_stmt_get_int(stmt, 0);
        *seen_ms = tw_stmt_get_int(stmt, 1);
    }
    tw_stmt_end(stmt);
    return rc;
}

int tw_keys_sale(struct tw_keys *keys, struct tw_slice key, struct tw_table_row *row)
{
    int64_t n = 0;
    int64_t seen_ms = 0;
    int rc = find_sale(keys, key, &n, &seen_ms);
    if (rc != 1) {
        return rc;
    }
    rc = tw_table_get(keys->table, n, row);
    if (rc == 0) {
        return TW_ERR_DAMAGED; // both come and go in one transaction
    }
    struct tw_slice sealed = row->record.sale_key; // the key in the list lies open
    bool same = rc == 1 && sealed.len == key.len && memcmp(sealed.ptr, key.ptr, key.len) == 0;
    return rc < 0 || same ? rc : TW_ERR_DAMAGED;
}

int tw_keys_add_sale(struct tw_keys *keys, struct tw_slice key, int64_t n, int64_t seen_ms)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_PUT);
    tw_stmt_text(stmt, 1, key);
    tw_stmt_int(stmt, 2, n);
    tw_stmt_int(stmt, 3, seen_ms);
    return tw_stmt_run(stmt);
}

int tw_keys_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32], uint8_t id[16])
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_GET);
    tw_stmt_blob(stmt, 1, half(key));
    int rc = tw_stmt_step(stmt);
    if (rc != 1) {
        return rc;
    }
    uint8_t stored[HALF_HASH];
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

static int put_request(struct tw_keys *keys, int sql, const uint8_t key[16], const uint8_t body[16],
                       const uint8_t id[16], int64_t seen_ms)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, sql);
    tw_stmt_blob(stmt, 1, half(key));
    tw_stmt_blob(stmt, 2, half(body));
    tw_stmt_blob(stmt, 3, tw_slice_make(id, 16));
    tw_stmt_int(stmt, 4, seen_ms);
    return tw_stmt_run(stmt);
}

int tw_keys_add_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                        const uint8_t id[16], int64_t seen_ms)
{
    return put_request(keys, TW_JOURNAL_SQL_IDEMPOTENCY_PUT, key, body, id, seen_ms);
}

int tw_keys_put_request(struct tw_keys *keys, const uint8_t key[16], const uint8_t body[16],
                        const uint8_t id[16], int64_t seen_ms)
{
    return put_request(keys, TW_JOURNAL_SQL_IDEMPOTENCY_REPLACE, key, body, id, seen_ms);
}

// ---- expiry ----

// One remembered row: goes when its key points to a later one, or when it is too old.
static int expire_sale(struct tw_keys *keys, int64_t place, const struct when *when)
{
    struct tw_table_row row;
    int64_t n = 0;
    int64_t seen_ms = 0;
    int rc = tw_table_get(keys->table, place, &row);
    if (rc != 1) {
        return rc;
    }
    struct tw_slice key = row.record.sale_key;
    rc = key.len > 0 ? find_sale(keys, key, &n, &seen_ms) : 0;
    bool is_ours = rc == 1 && n == place;
    bool is_dated = seen_ms >= TW_RELEASE_WALL_MS && seen_ms <= when->wall_ms;
    if (rc < 0 || (is_ours && (is_dated ? seen_ms >= when->before_ms : !when->sure))) {
        return rc < 0 ? rc : TW_OK;
    }
    struct tw_stmt *stmt = NULL;
    if (is_ours && !is_dated) {
        stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_CLAMP);
        tw_stmt_text(stmt, 1, key);
        tw_stmt_int(stmt, 2, when->wall_ms);
        return tw_stmt_run(stmt);
    }
    if (is_ours) {
        stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_DELETE);
        tw_stmt_text(stmt, 1, key);
        rc = tw_stmt_run(stmt);
    }
    return rc < 0 ? rc : tw_table_delete(keys->table, place);
}

static int expire_sales(struct tw_keys *keys, int64_t last, const struct when *when)
{
    int rc = TW_OK;
    for (int i = 0; i < TW_KEYS_SLICE && rc == TW_OK; i++) {
        struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_EVENTS_NEXT);
        tw_stmt_int(stmt, 1, keys->sale_cursor);
        rc = tw_stmt_step(stmt);
        int64_t place = rc == 1 ? tw_stmt_get_int(stmt, 0) : INT64_MAX;
        tw_stmt_end(stmt);
        if (rc < 0) {
            return rc;
        }
        if (place > last) {
            keys->sale_cursor = INT64_MIN; // begin again
            return TW_OK;
        }
        keys->sale_cursor = place;
        rc = expire_sale(keys, place, when);
    }
    return rc;
}

static int expire_requests(struct tw_keys *keys, const struct when *when)
{
    struct tw_slice cursor = tw_slice_make(keys->idempotency_cursor, keys->idempotency_cursor_len);
    struct tw_stmt *edge = tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_EDGE);
    tw_stmt_blob(edge, 1, cursor);
    tw_stmt_int(edge, 2, TW_KEYS_SLICE);
    int rc = tw_stmt_step(edge);
    if (rc < 0) {
        return rc;
    }
    uint8_t end[HALF_HASH];
    bool more = rc == 1 && tw_stmt_get_fixed(edge, 0, end, sizeof end) == TW_OK;
    tw_stmt_end(edge);
    const int slices[] = {TW_JOURNAL_SQL_IDEMPOTENCY_EXPIRE, TW_JOURNAL_SQL_IDEMPOTENCY_CLAMP};
    const int64_t limits[] = {when->before_ms, when->wall_ms};
    rc = TW_OK;
    for (size_t i = 0; i < (when->sure ? 2 : 1) && rc == TW_OK && more; i++) {
        struct tw_stmt *stmt = tw_db_sql(keys->db, slices[i]);
        tw_stmt_blob(stmt, 1, cursor);
        tw_stmt_blob(stmt, 2, tw_slice_make(end, sizeof end));
        tw_stmt_int(stmt, 3, limits[i]);
        tw_stmt_int(stmt, 4, TW_RELEASE_WALL_MS);
        rc = tw_stmt_run(stmt);
    }
    keys->idempotency_cursor_len = more ? sizeof end : 0;
    if (more) {
        memcpy(keys->idempotency_cursor, end, sizeof end);
    }
    return rc;
}

int tw_keys_expire(struct tw_keys *keys, int64_t last, const struct tw_clock *clock)
{
    int64_t monotonic_ms = clock->monotonic_ms(clock);
    enum tw_clock_trust trust = clock->trust(clock);
    if (trust == TW_CLOCK_SUSPECT ||
        (keys->expired_once && monotonic_ms - keys->expired_at_ms < TW_KEYS_EVERY_MS)) {
        return TW_OK;
    }
    keys->expired_once = true;
    keys->expired_at_ms = monotonic_ms;
    struct when when = {.wall_ms = clock->wall_ms(clock), .sure = trust == TW_CLOCK_OK};
    when.before_ms = when.wall_ms - DAY_MS * (when.sure ? TW_JOURNAL_KEY_DAYS : TW_KEYS_UNSURE_DAYS);
    int rc = expire_sales(keys, last, &when);
    return rc == TW_OK ? expire_requests(keys, &when) : rc;
}

int tw_keys_clear(struct tw_keys *keys)
{
    int rc = tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_EVENTS_CLEAR));
    rc = rc != TW_OK ? rc : tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_CLEAR));
    return rc == TW_OK ? tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_CLEAR)) : rc;
}
