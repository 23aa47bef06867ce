// SPDX-License-Identifier: Apache-2.0
//
// What was seen before: transaction keys of sales and Idempotency-Keys of requests, for
// TW_JOURNAL_KEY_DAYS, in the commit of the event they stand for (P3). A transaction key points to the
// sale's row, which stays in the file after it was delivered; an Idempotency-Key is kept only as half of
// its SHA-256, since callers put anything into it.
//
// Both are dated in the journal's own time (lived.h), which no jump of a wall clock moves: nothing is
// forgotten early, whatever clock the machine has. Expiry takes a small slice a minute (TW_KEYS_ROWS
// sales, TW_KEYS_SLICE requests).
//
// Threading: belongs to the thread of its database. Memory: its own. Time: own time.
// Errors: the database's. Works inside the caller's transaction.
#ifndef TW_KEYS_H
#define TW_KEYS_H

#include <stdbool.h>

#include "agent/journal/lived.h"
#include "agent/journal/requests.h"
#include "agent/journal/table.h"

#define TW_KEYS_SLICE    500
#define TW_KEYS_ROWS     100 // each is opened to learn its key; more than a till can sell in a minute
#define TW_KEYS_EVERY_MS 60000

struct tw_keys {
    struct tw_db *db; // borrowed, as the next
    struct tw_table *table;
    struct tw_lived lived;
    struct tw_requests requests;
    int64_t sale_cursor; // place of the row that was looked at last; begins at INT64_MIN
    bool expired_once;
    int64_t expired_at_ms; // monotonic
};

// `keys` has db and table, `lived` and `requests` have what they need. To be freed also when this fails.
int TW_MUST_CHECK tw_keys_open(struct tw_keys *keys);
void tw_keys_free(struct tw_keys *keys);

// At the begin of a transaction, and what to put back when it was rolled back.
struct tw_requests_range tw_keys_begin(struct tw_keys *keys);
void tw_keys_restore(struct tw_keys *keys, const struct tw_requests_range *before);

// 1 when the key is known and `row` is its sale (with no data when that was given up for room); 0 when not.
int TW_MUST_CHECK tw_keys_sale(struct tw_keys *keys, struct tw_slice key, struct tw_table_row *row);
// 1 when the key was new: the sale is to be written at `n` in the same transaction. 0 when it is known.
int TW_MUST_CHECK tw_keys_claim(struct tw_keys *keys, struct tw_slice key, int64_t n);
// The sale now stands in the row at `n`.
int TW_MUST_CHECK tw_keys_add_sale(struct tw_keys *keys, struct tw_slice key, int64_t n);

// 1 when the key came before with this body (`id` is set), 0 when it is new, TW_ERR_MISMATCH when it came
// with another body.
int TW_MUST_CHECK tw_keys_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                                  uint8_t id[16]);
int TW_MUST_CHECK tw_keys_add_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                                      const uint8_t id[16]);

// The same with the halves as they are stored; one that is there already is replaced.
int TW_MUST_CHECK tw_keys_put_request(struct tw_keys *keys, const uint8_t key[16], const uint8_t body[16],
                                      const uint8_t id[16]);

// What belongs into the commit of whatever was added; and forgets one slice of what is too old, at most once
// in TW_KEYS_EVERY_MS of monotonic time. Rows above place `last` are still queued and stay.
int TW_MUST_CHECK tw_keys_expire(struct tw_keys *keys, int64_t last);

// Before tw_keys_open: forgets everything, the remembered rows as well. Nothing may be queued.
int TW_MUST_CHECK tw_keys_clear(struct tw_keys *keys);

#endif
