// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/ring.h"

#include <stdlib.h>
#include <string.h>

void tw_ring_free(struct tw_ring *ring)
{
    free(ring->rows);
    *ring = (struct tw_ring){0};
}

void tw_ring_clear(struct tw_ring *ring)
{
    ring->count = 0;
}

static bool grow(struct tw_ring *ring)
{
    size_t cap = ring->cap == 0 ? 64 : ring->cap * 2;
    struct tw_ring_row *grown = cap <= TW_RING_MAX ? malloc(cap * sizeof *grown) : NULL;
    if (grown == NULL) {
        return false;
    }
    for (size_t i = 0; i < ring->count; i++) {
        uint64_t sequence = ring->first + i;
        grown[sequence & (cap - 1)] = ring->rows[sequence & (ring->cap - 1)];
    }
    free(ring->rows);
    ring->rows = grown;
    ring->cap = cap;
    return true;
}

void tw_ring_put(struct tw_ring *ring, uint64_t sequence, const uint8_t hash[32], uint32_t bytes)
{
    if (ring->count > 0 && sequence != ring->first + ring->count) {
        return;
    }
    if (ring->count == ring->cap && !grow(ring)) {
        if (ring->cap == 0) {
            return;
        }
        ring->first++;
        ring->count--;
    }
    if (ring->count == 0) {
        ring->first = sequence;
    }
    struct tw_ring_row *row = &ring->rows[sequence & (ring->cap - 1)];
    memcpy(row->hash, hash, sizeof row->hash);
    row->bytes = bytes;
    ring->count++;
}

static const struct tw_ring_row *row_of(const struct tw_ring *ring, uint64_t sequence)
{
    bool held = ring->count > 0 && sequence >= ring->first && sequence - ring->first < ring->count;
    return held ? &ring->rows[sequence & (ring->cap - 1)] : NULL;
}

const uint8_t *tw_ring_get(const struct tw_ring *ring, uint64_t sequence)
{
    const struct tw_ring_row *row = row_of(ring, sequence);
    return row != NULL ? row->hash : NULL;
}

bool tw_ring_bytes(const struct tw_ring *ring, uint64_t first, uint64_t last, uint64_t *bytes)
{
    if (row_of(ring, first) == NULL || row_of(ring, last) == NULL) {
        return false;
    }
    *bytes = 0;
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        *bytes += row_of(ring, sequence)->bytes;
    }
    return true;
}

uint64_t tw_ring_below(const struct tw_ring *ring, uint64_t sequence)
{
    if (ring->count == 0 || sequence < ring->first) {
        return 0;
    }
    uint64_t last = ring->first + ring->count - 1;
    return sequence < last ? sequence : last;
}
