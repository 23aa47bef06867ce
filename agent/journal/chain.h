// SPDX-License-Identifier: Apache-2.0
//
// Composes queued rows into their published form, each with the SHA-256 of the one before
// it (`prevhash`), beginning at the head that was kept when the acknowledged rows were removed. The
// published form is not stored: it is made again on every read, byte for byte the same (P3).
//
// Threading: belongs to the thread of its database. Memory: one scratch buffer, a window of hashes.
// Time: none. Errors: TW_ERR_DAMAGED for a row that is missing or makes no sense, and the database's.
#ifndef TW_CHAIN_H
#define TW_CHAIN_H

#include "agent/journal/ring.h"
#include "agent/journal/table.h"
#include "tillwire/journal.h"

#define TW_READ_BYTES (256 * 1024) // of one answer; a single event may be all of it

// Where the chain begins: `head` is the hash of `through`, zeros at 0. Row `sequence` stands at base +
// sequence.
struct tw_chain_start {
    char epoch[37];
    int64_t base;
    uint64_t through;
    uint8_t head[32];
};

struct tw_chain {
    struct tw_table *table; // borrowed
    const char *source;     // borrowed
    struct tw_ring ring;    // of the epoch of the start last given; cleared by the owner when that changes
    struct tw_buf scratch;
};

void tw_chain_free(struct tw_chain *chain);

// The hash of row `sequence` (>= start->through).
int TW_MUST_CHECK tw_chain_hash(struct tw_chain *chain, const struct tw_chain_start *start, uint64_t sequence,
                                uint8_t out[32]);

// Rows `from` (> start->through) to `last` that are not dead, at most max_rows and about TW_READ_BYTES.
// NULL in `out` when there is none. Freed with tw_rows_free.
int TW_MUST_CHECK tw_chain_read(struct tw_chain *chain, const struct tw_chain_start *start, uint64_t from,
                                uint64_t last, size_t max_rows, struct tw_rows **out);

#endif
