// SPDX-License-Identifier: Apache-2.0
//
// Idempotency-Keys and what they were answered with, as halves of SHA-256, in the order they came. A table
// that is kept in the order of its keys would have each new one change a page of its own, twice on its way to
// the disk; here all of a commit stand side by side at the end. To find one, 16 bits of each are kept in
// memory in the same order; what looks right there (by chance one of 65,536) is compared with its row. Rows
// leave only at the front, so that numbers have no gaps and a place in memory tells a row's number.
//
// Threading: belongs to the thread of its database. Memory: two bytes a key. Time: none.
// Errors: the database's; TW_ERR_NOMEM; TW_ERR_DAMAGED for a table with gaps. Works inside the caller's
// transaction; after a rollback the caller puts back the range it copied before.
#ifndef TW_REQUESTS_H
#define TW_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/journal/db.h"

struct tw_requests_range {
    int64_t first, end; // numbers of the rows; `end` is behind the last
};

struct tw_requests {
    struct tw_db *db;               // borrowed
    struct tw_requests_range range; // may be put back
    uint16_t *prints;               // from number `origin` on
    size_t cap;                     // reserved
    int64_t origin;
};

struct tw_request {
    uint8_t key[16], body[16], id[16];
};

// Reads all keys. `requests` has its db.
int TW_MUST_CHECK tw_requests_open(struct tw_requests *requests);
void tw_requests_free(struct tw_requests *requests);
// Nothing is to be put back any more: gives memory back.
void tw_requests_settle(struct tw_requests *requests);

// 1: known, `number` and `out` are set; 0: not.
int TW_MUST_CHECK tw_requests_find(struct tw_requests *requests, const uint8_t key[16], int64_t *number,
                                   struct tw_request *out);
// One that is not known yet.
int TW_MUST_CHECK tw_requests_add(struct tw_requests *requests, const struct tw_request *request,
                                  int64_t seen_ms);
// Another one in its place, with the same key.
int TW_MUST_CHECK tw_requests_replace(struct tw_requests *requests, int64_t number,
                                      const struct tw_request *request, int64_t seen_ms);
// Forgets the oldest that were seen at `old_ms` or before, at most `max`.
int TW_MUST_CHECK tw_requests_expire(struct tw_requests *requests, int64_t old_ms, int64_t now_ms, int max);

#endif
