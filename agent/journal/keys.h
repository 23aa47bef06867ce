// SPDX-License-Identifier: Apache-2.0
//
// What was seen before: transaction keys of sales and Idempotency-Keys of requests, for
// TW_JOURNAL_KEY_DAYS, in the commit of the event they stand for (P3). A transaction key points to the
// sale's row, which stays in the file after it was delivered; an Idempotency-Key is kept only as half of
// its SHA-256, since callers put anything into it.
//
// Expiry goes round in small slices (TW_KEYS_SLICE rows a minute). It does nothing while the clock is
// suspect. While nobody vouches for the clock, what is remembered stays TW_KEYS_UNSURE_DAYS. With a clock
// that is vouched for, what was remembered while it ran ahead, or stood before this release was made, counts
// as seen now.
//
// Threading: belongs to the thread of its database. Memory: its own. Time: passed in.
// Errors: the database's. Works inside the caller's transaction.
#ifndef TW_KEYS_H
#define TW_KEYS_H

#include <stdbool.h>

#include "agent/journal/table.h"

#define TW_KEYS_SLICE       500
#define TW_KEYS_UNSURE_DAYS 30
#define TW_KEYS_EVERY_MS    60000

struct tw_keys {
    struct tw_db *db; // borrowed, as the next
    struct tw_table *table;
    int64_t sale_cursor; // place of the row that was looked at last; begins at INT64_MIN
    uint8_t idempotency_cursor[16];
    size_t idempotency_cursor_len;
    bool expired_once;
    int64_t expired_at_ms; // monotonic
};

// 1 when the key is known and `row` is its sale (with no data when that was given up for room); 0 when not.
int TW_MUST_CHECK tw_keys_sale(struct tw_keys *keys, struct tw_slice key, struct tw_table_row *row);
// The sale now stands in the row at `n`.
int TW_MUST_CHECK tw_keys_add_sale(struct tw_keys *keys, struct tw_slice key, int64_t n, int64_t seen_ms);

// 1 when the key came before with this body (`id` is set), 0 when it is new, TW_ERR_MISMATCH when it came
// with another body.
int TW_MUST_CHECK tw_keys_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                                  uint8_t id[16]);
int TW_MUST_CHECK tw_keys_add_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                                      const uint8_t id[16], int64_t seen_ms);

// The same with the halves as they are stored; one that is there already is replaced.
int TW_MUST_CHECK tw_keys_put_request(struct tw_keys *keys, const uint8_t key[16], const uint8_t body[16],
                                      const uint8_t id[16], int64_t seen_ms);

// Forgets one slice of what is too old, at most once in TW_KEYS_EVERY_MS of monotonic time. Rows above
// place `last` are still queued and stay.
int TW_MUST_CHECK tw_keys_expire(struct tw_keys *keys, int64_t last, const struct tw_clock *clock);

// Forgets everything, the remembered rows as well: nothing may be queued.
int TW_MUST_CHECK tw_keys_clear(struct tw_keys *keys);

#endif
