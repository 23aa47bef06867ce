// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/requests.h"

#include <stdlib.h>
#include <string.h>

#include "journal_sql.h"

enum {
    STEP = 4096,      // keys by which the memory grows, and that may lie idle before it shrinks
    LANES = 4,        // fingerprints in a word
    LATE_MS = 600000, // own time may have been stored this long before a row that was dated by it, and more
};

#define LANE_ONES  UINT64_C(0x0001000100010001)
#define LANE_HIGHS UINT64_C(0x8000800080008000)

static uint16_t print_of(const uint8_t *key)
{
    return (uint16_t)(key[0] << 8 | key[1]);
}

static int reserve_one(struct tw_requests *requests)
{
    if ((size_t)(requests->range.end - requests->origin) < requests->cap) {
        return TW_OK;
    }
    size_t cap = requests->cap + STEP;
    uint16_t *grown = realloc(requests->prints, cap * sizeof *grown);
    if (grown == NULL) {
        return TW_ERR_NOMEM;
    }
    requests->prints = grown;
    requests->cap = cap;
    return TW_OK;
}

// Behind the last one; there is room.
static void note(struct tw_requests *requests, const uint8_t *key)
{
    requests->prints[requests->range.end - requests->origin] = print_of(key);
    requests->range.end++;
}

int tw_requests_open(struct tw_requests *requests)
{
    struct tw_stmt *stmt = tw_db_sql(requests->db, TW_JOURNAL_SQL_IDEMPOTENCY_ALL);
    struct tw_request request;
    requests->origin = 1;
    requests->range = (struct tw_requests_range){.first = 1, .end = 1};
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        requests->origin = tw_stmt_get_int(stmt, 0);
        requests->range = (struct tw_requests_range){.first = requests->origin, .end = requests->origin};
    }
    while (rc == 1) {
        int64_t number = tw_stmt_get_int(stmt, 0);
        bool follows = number == requests->range.end && number > 0 && number < INT64_MAX;
        rc = follows ? tw_stmt_get_fixed(stmt, 1, request.key, sizeof request.key) : TW_ERR_DAMAGED;
        rc = rc == TW_OK ? reserve_one(requests) : rc;
        if (rc == TW_OK) {
            note(requests, request.key);
            rc = tw_stmt_step(stmt);
        }
    }
    tw_stmt_end(stmt);
    return rc;
}

void tw_requests_free(struct tw_requests *requests)
{
    free(requests->prints);
}

void tw_requests_settle(struct tw_requests *requests)
{
    size_t gone = (size_t)(requests->range.first - requests->origin);
    size_t left = (size_t)(requests->range.end - requests->range.first);
    if (gone < STEP) {
        return;
    }
    memmove(requests->prints, requests->prints + gone, left * sizeof *requests->prints);
    requests->origin = requests->range.first;
    size_t cap = (left / STEP + 1) * STEP;
    uint16_t *shrunk = realloc(requests->prints, cap * sizeof *shrunk);
    if (shrunk != NULL) { // else it is as good as it was
        requests->prints = shrunk;
        requests->cap = cap;
    }
}

// ---- finding ----

// The first at or after `at` that is `wanted`; `count` when there is none. Four at a time, whatever the
// compiler makes of it: a lane that is 0 after the exclusive or borrows into its highest bit when 1 is taken
// from it, and without such a lane none does.
static size_t look_for(const uint16_t *prints, size_t at, size_t count, uint16_t wanted)
{
    for (; count - at >= LANES; at += LANES) {
        uint64_t word = 0;
        memcpy(&word, prints + at, sizeof word);
        word ^= wanted * LANE_ONES;
        if (((word - LANE_ONES) & ~word & LANE_HIGHS) != 0) {
            break;
        }
    }
    while (at < count && prints[at] != wanted) {
        at++;
    }
    return at;
}

static int get(struct tw_requests *requests, int64_t number, struct tw_request *out)
{
    struct tw_stmt *stmt = tw_db_sql(requests->db, TW_JOURNAL_SQL_IDEMPOTENCY_GET);
    tw_stmt_int(stmt, 1, number);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        rc = tw_stmt_get_fixed(stmt, 0, out->key, sizeof out->key);
        rc = rc == TW_OK ? tw_stmt_get_fixed(stmt, 1, out->body, sizeof out->body) : rc;
        rc = rc == TW_OK ? tw_stmt_get_fixed(stmt, 2, out->id, sizeof out->id) : rc;
    } else if (rc == 0) {
        rc = TW_ERR_DAMAGED;
    }
    tw_stmt_end(stmt);
    return rc;
}

int tw_requests_find(struct tw_requests *requests, const uint8_t key[16], int64_t *number,
                     struct tw_request *out)
{
    size_t count = (size_t)(requests->range.end - requests->origin);
    size_t at = (size_t)(requests->range.first - requests->origin);
    uint16_t wanted = print_of(key);
    struct tw_request known;
    for (; (at = look_for(requests->prints, at, count, wanted)) < count; at++) {
        int rc = get(requests, requests->origin + (int64_t)at, &known);
        if (rc != TW_OK) {
            return rc;
        }
        if (memcmp(known.key, key, sizeof known.key) == 0) {
            *number = requests->origin + (int64_t)at;
            *out = known;
            return 1;
        }
    }
    return 0;
}

// ---- changing ----

int tw_requests_replace(struct tw_requests *requests, int64_t number, const struct tw_request *request,
                        int64_t seen_ms)
{
    struct tw_stmt *stmt = tw_db_sql(requests->db, TW_JOURNAL_SQL_IDEMPOTENCY_PUT);
    tw_stmt_int(stmt, 1, number);
    tw_stmt_blob(stmt, 2, tw_slice_make(request->key, sizeof request->key));
    tw_stmt_blob(stmt, 3, tw_slice_make(request->body, sizeof request->body));
    tw_stmt_blob(stmt, 4, tw_slice_make(request->id, sizeof request->id));
    tw_stmt_int(stmt, 5, seen_ms);
    return tw_stmt_run(stmt);
}

int tw_requests_add(struct tw_requests *requests, const struct tw_request *request, int64_t seen_ms)
{
    int rc = reserve_one(requests);
    rc = rc == TW_OK ? tw_requests_replace(requests, requests->range.end, request, seen_ms) : rc;
    if (rc == TW_OK) {
        note(requests, request->key);
    }
    return rc;
}

int tw_requests_expire(struct tw_requests *requests, int64_t old_ms, int64_t now_ms, int max)
{
    struct tw_requests_range *range = &requests->range;
    int64_t end = range->end - range->first > max ? range->first + max : range->end;
    struct tw_stmt *stmt = tw_db_sql(requests->db, TW_JOURNAL_SQL_IDEMPOTENCY_EDGE);
    tw_stmt_int(stmt, 1, end);
    tw_stmt_int(stmt, 2, old_ms);
    tw_stmt_int(stmt, 3, now_ms + LATE_MS);
    int rc = tw_stmt_step(stmt);
    end = rc == 1 ? tw_stmt_get_int(stmt, 0) : end;
    tw_stmt_end(stmt);
    if (rc < 0 || end == range->first) {
        return rc < 0 ? rc : TW_OK;
    }
    stmt = tw_db_sql(requests->db, TW_JOURNAL_SQL_IDEMPOTENCY_EXPIRE);
    tw_stmt_int(stmt, 1, end);
    rc = tw_stmt_run(stmt);
    range->first = rc == TW_OK ? end : range->first;
    return rc;
}
