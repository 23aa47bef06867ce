// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/keys.h"

#include "journal_sql.h"
#include "tillwire/journal.h"

#define DAY_MS INT64_C(86400000)

int tw_keys_open(struct tw_keys *keys)
{
    int rc = tw_lived_open(&keys->lived);
    return rc == TW_OK ? tw_requests_open(&keys->requests) : rc;
}

void tw_keys_free(struct tw_keys *keys)
{
    tw_requests_free(&keys->requests);
}

struct tw_requests_range tw_keys_begin(struct tw_keys *keys)
{
    tw_requests_settle(&keys->requests);
    return keys->requests.range;
}

void tw_keys_restore(struct tw_keys *keys, const struct tw_requests_range *before)
{
    keys->requests.range = *before;
    keys->lived.is_due = true; // it may have been stored in what was rolled back
}

// ---- looking and adding ----

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

static int put_sale(struct tw_keys *keys, int sql, struct tw_slice key, int64_t n)
{
    struct tw_stmt *stmt = tw_db_sql(keys->db, sql);
    tw_stmt_text(stmt, 1, key);
    tw_stmt_int(stmt, 2, n);
    tw_stmt_int(stmt, 3, tw_lived_date(&keys->lived));
    return tw_stmt_run(stmt);
}

int tw_keys_claim(struct tw_keys *keys, struct tw_slice key, int64_t n)
{
    int64_t written = tw_db_written(keys->db);
    int rc = put_sale(keys, TW_JOURNAL_SQL_SALES_CLAIM, key, n);
    return rc != TW_OK ? rc : tw_db_written(keys->db) != written;
}

int tw_keys_add_sale(struct tw_keys *keys, struct tw_slice key, int64_t n)
{
    return put_sale(keys, TW_JOURNAL_SQL_SALES_PUT, key, n);
}

int tw_keys_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32], uint8_t id[16])
{
    struct tw_request known;
    int64_t number = 0;
    int rc = tw_requests_find(&keys->requests, key, &number, &known);
    if (rc != 1) {
        return rc;
    }
    if (!tw_seal_equal(known.body, body, sizeof known.body)) {
        return TW_ERR_MISMATCH;
    }
    memcpy(id, known.id, sizeof known.id);
    return 1;
}

static struct tw_request make_request(const uint8_t *key, const uint8_t *body, const uint8_t *id)
{
    struct tw_request request;
    memcpy(request.key, key, sizeof request.key);
    memcpy(request.body, body, sizeof request.body);
    memcpy(request.id, id, sizeof request.id);
    return request;
}

int tw_keys_add_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                        const uint8_t id[16])
{
    struct tw_request request = make_request(key, body, id);
    return tw_requests_add(&keys->requests, &request, tw_lived_date(&keys->lived));
}

int tw_keys_put_request(struct tw_keys *keys, const uint8_t key[16], const uint8_t body[16],
                        const uint8_t id[16])
{
    struct tw_request request = make_request(key, body, id);
    struct tw_request known;
    int64_t number = 0;
    int rc = tw_requests_find(&keys->requests, key, &number, &known);
    if (rc == 1) {
        return tw_requests_replace(&keys->requests, number, &request, tw_lived_date(&keys->lived));
    }
    return rc == 0 ? tw_requests_add(&keys->requests, &request, tw_lived_date(&keys->lived)) : rc;
}

// ---- expiry ----

// One remembered row: goes when its key points to a later one, or when it was seen at `old_ms` or before.
static int expire_sale(struct tw_keys *keys, int64_t place, int64_t old_ms)
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
    if (rc < 0 || (is_ours && seen_ms > old_ms)) {
        return rc < 0 ? rc : TW_OK;
    }
    if (is_ours) {
        struct tw_stmt *stmt = tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_DELETE);
        tw_stmt_text(stmt, 1, key);
        rc = tw_stmt_run(stmt);
    }
    return rc < 0 ? rc : tw_table_delete(keys->table, place);
}

static int expire_sales(struct tw_keys *keys, int64_t last, int64_t old_ms)
{
    int rc = TW_OK;
    for (int i = 0; i < TW_KEYS_ROWS && rc == TW_OK; i++) {
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
        rc = expire_sale(keys, place, old_ms);
    }
    return rc;
}

int tw_keys_expire(struct tw_keys *keys, int64_t last)
{
    struct tw_lived *lived = &keys->lived;
    int64_t now_ms = tw_lived_now(lived);
    bool is_time = !keys->expired_once || lived->monotonic_ms - keys->expired_at_ms >= TW_KEYS_EVERY_MS;
    int rc = is_time || lived->is_due ? tw_lived_save(lived) : TW_OK;
    if (rc != TW_OK || !is_time) {
        return rc;
    }
    keys->expired_once = true;
    keys->expired_at_ms = lived->monotonic_ms;
    int64_t old_ms = now_ms - DAY_MS * TW_JOURNAL_KEY_DAYS;
    rc = expire_sales(keys, last, old_ms);
    return rc == TW_OK ? tw_requests_expire(&keys->requests, old_ms, now_ms, TW_KEYS_SLICE) : rc;
}

int tw_keys_clear(struct tw_keys *keys)
{
    int rc = tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_EVENTS_CLEAR));
    rc = rc != TW_OK ? rc : tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_SALES_CLEAR));
    return rc == TW_OK ? tw_stmt_run(tw_db_sql(keys->db, TW_JOURNAL_SQL_IDEMPOTENCY_CLEAR)) : rc;
}
