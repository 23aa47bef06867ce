// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/ring.h"

#include <stdlib.h>
#include <string.h>

void tw_ring_free(struct tw_ring *ring)
{
    free(ring->hashes);
    *ring = (struct tw_ring){0};
}

void tw_ring_clear(struct tw_ring *ring)
{
    ring->count = 0;
}

static bool grow(struct tw_ring *ring)
{
    size_t cap = ring->cap == 0 ? 64 : ring->cap * 2;
    uint8_t(*grown)[32] = cap <= TW_RING_MAX ? malloc(cap * sizeof *grown) : NULL;
    if (grown == NULL) {
        return false;
    }
    for (size_t i = 0; i < ring->count; i++) {
        uint64_t sequence = ring->first + i;
        memcpy(grown[sequence & (cap - 1)], ring->hashes[sequence & (ring->cap - 1)], sizeof *grown);
    }
    free(ring->hashes);
    ring->hashes = grown;
    ring->cap = cap;
    return true;
}

void tw_ring_put(struct tw_ring *ring, uint64_t sequence, const uint8_t hash[32])
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
    memcpy(ring->hashes[sequence & (ring->cap - 1)], hash, sizeof *ring->hashes);
    ring->count++;
}

const uint8_t *tw_ring_get(const struct tw_ring *ring, uint64_t sequence)
{
    bool held = ring->count > 0 && sequence >= ring->first && sequence - ring->first < ring->count;
    return held ? ring->hashes[sequence & (ring->cap - 1)] : NULL;
}

uint64_t tw_ring_below(const struct tw_ring *ring, uint64_t sequence)
{
    if (ring->count == 0 || sequence < ring->first) {
        return 0;
    }
    uint64_t last = ring->first + ring->count - 1;
    return sequence < last ? sequence : last;
}
