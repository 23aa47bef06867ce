// SPDX-License-Identifier: Apache-2.0
//
// Whether the journal may take more: its own size against journal.max_bytes, and the disk's free space
// against journal.reserve_bytes. Looked at every TW_ROOM_EVERY_MS at most, so both limits are soft by
// what is written in that time.
//
// Threading: the writer thread. Memory: borrows the database, copies the path. Time: monotonic, as argument.
// Errors: a size that cannot be read counts as room; SQLite itself reports a full disk.
#ifndef TW_ROOM_H
#define TW_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/journal/db.h"

#define TW_ROOM_EVERY_MS 100

struct tw_room {
    struct tw_db *db;
    char *path;             // of a file on the disk in question; owned
    uint64_t max_bytes;     // 0: no limit
    uint64_t reserve_bytes; // 0: none
    int64_t next_ms;        // when to look again
    bool full;
};

// Looks if it is time to. Outside of a statement of the same database.
bool tw_room_is_full(struct tw_room *room, int64_t monotonic_ms);

#endif
