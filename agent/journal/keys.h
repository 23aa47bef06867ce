// SPDX-License-Identifier: Apache-2.0
//
// What was seen before: transaction keys of sales and Idempotency-Keys of requests, for
// TW_JOURNAL_KEY_DAYS, in the commit of the event they stand for (P3). An Idempotency-Key is kept
// only as its SHA-256, since callers put anything into it.
//
// Expiry goes round in small slices (TW_KEYS_SLICE rows a minute). It trusts no clock that is
// suspect, and what was remembered while the clock ran ahead counts as seen now.
//
// Threading: belongs to the thread of its database. Memory: its own. Time: passed in.
// Errors: the database's. Works inside the caller's transaction.
#ifndef TW_KEYS_H
#define TW_KEYS_H

#include <stdbool.h>

#include "agent/journal/db.h"

#define TW_KEYS_SLICE    100
#define TW_KEYS_EVERY_MS 60000

struct tw_keys {
    struct tw_db *db; // borrowed
    int64_t sale_cursor;
    uint8_t idempotency_cursor[32];
    size_t idempotency_cursor_len;
    bool expired_once;
    int64_t expired_at_ms; // monotonic
};

// 1 when the key is known: `id` is set, and `data` (may be NULL) borrows the remembered data until
// tw_keys_sale_done. 0 when not.
int TW_MUST_CHECK tw_keys_sale(struct tw_keys *keys, struct tw_slice key, uint8_t id[16],
                               struct tw_slice *data);
void tw_keys_sale_done(struct tw_keys *keys);
int TW_MUST_CHECK tw_keys_add_sale(struct tw_keys *keys, struct tw_slice key, const uint8_t id[16],
                                   struct tw_slice data, int64_t seen_ms);
// The sale now stands as `id` with `data`.
int TW_MUST_CHECK tw_keys_set_sale(struct tw_keys *keys, struct tw_slice key, const uint8_t id[16],
                                   struct tw_slice data);

// 1 when the key came before with this body (`id` is set), 0 when it is new, TW_ERR_MISMATCH when it came
// with another body.
int TW_MUST_CHECK tw_keys_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                                  uint8_t id[16]);
int TW_MUST_CHECK tw_keys_add_request(struct tw_keys *keys, const uint8_t key[32], const uint8_t body[32],
                                      const uint8_t id[16], int64_t seen_ms);

// Forgets one slice of what is too old, at most once in TW_KEYS_EVERY_MS of monotonic time.
int TW_MUST_CHECK tw_keys_expire(struct tw_keys *keys, int64_t wall_ms, int64_t monotonic_ms);

// Forgets everything.
int TW_MUST_CHECK tw_keys_clear(struct tw_keys *keys);

#endif
