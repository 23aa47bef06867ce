// SPDX-License-Identifier: Apache-2.0
//
// The hashes of the rows that were composed last, and what each takes in the table: a window of consecutive
// sequence numbers, at most TW_RING_MAX long, of one epoch. What has left it can be computed again from the
// rows, so it is only a short cut.
//
// Threading: belongs to one thread. Memory: grows to TW_RING_MAX * 36 bytes. Time: none.
// Errors: a window that cannot grow forgets its oldest.
#ifndef TW_RING_H
#define TW_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_RING_MAX 4096

struct tw_ring_row {
    uint8_t hash[32];
    uint32_t bytes;
};

struct tw_ring {
    struct tw_ring_row *rows;
    size_t cap;     // 0 or a power of two
    uint64_t first; // sequence of the oldest
    size_t count;
};

void tw_ring_free(struct tw_ring *ring);
void tw_ring_clear(struct tw_ring *ring);

// Adds row `sequence` if it continues the window or the window is empty; else does nothing.
void tw_ring_put(struct tw_ring *ring, uint64_t sequence, const uint8_t hash[32], uint32_t bytes);

// The hash of `sequence`, borrowed until the next change, or NULL.
const uint8_t *tw_ring_get(const struct tw_ring *ring, uint64_t sequence);

// What rows `first` to `last` take. False: not all of them are held.
bool tw_ring_bytes(const struct tw_ring *ring, uint64_t first, uint64_t last, uint64_t *bytes);

// The highest sequence held that is not above `sequence`; 0 when there is none.
uint64_t tw_ring_below(const struct tw_ring *ring, uint64_t sequence);

#endif
