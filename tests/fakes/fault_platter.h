// SPDX-License-Identifier: Apache-2.0
//
// One file on a disk that can lose its power: what a reader sees now, what is on the platter, and the
// writes between the two. A write that was not synced is on the platter or not, sector by sector; a
// sector holds its writes up to one of them, as a page cache writes them back. Lengths are metadata of
// their own and in order, as on a journaling file system: a truncation that is lost takes along what was
// written after it; an append may leave the old length, or the new one and zeros.
//
// Threading: one thread at a time. Memory: freed by fault_platter_free. Time: none.
// Errors: false is out of memory; nothing changed then.
#ifndef TW_FAULT_PLATTER_H
#define TW_FAULT_PLATTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fakes/fault_vfs.h"

#define FAULT_SECTOR_BYTES 512 // what drives of today write in one piece or not at all

struct fault_bytes {
    uint8_t *ptr;
    size_t len, cap;
};

struct fault_platter {
    struct fault_bytes now;  // as read
    struct fault_bytes kept; // on the platter
    struct fault_bytes log;  // writes and truncations since the last sync, oldest first
};

// A number below `below`, which is not 0 (splitmix64, Steele et al. 2014).
uint64_t fault_random(uint64_t *state, uint64_t below);

void fault_platter_free(struct fault_platter *platter);
bool fault_platter_write(struct fault_platter *platter, uint64_t at, const void *bytes, size_t len);
bool fault_platter_truncate(struct fault_platter *platter, uint64_t size);
bool fault_platter_sync(struct fault_platter *platter);

// Ends the writes since the last sync as `loss` says: they are on the platter or lost for good. What is read
// stays. `safe` tells that a torn write leaves the bytes beside it alone (SQLITE_IOCAP_POWERSAFE_OVERWRITE).
bool fault_platter_lose(struct fault_platter *platter, enum fault_loss loss, bool safe, uint64_t *random);
// What is on the platter is read from now on.
bool fault_platter_reload(struct fault_platter *platter);

#endif
