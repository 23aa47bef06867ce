// SPDX-License-Identifier: Apache-2.0
//
// Whether the journal may take more: looks at its own size and at the disk, asks tw_quota what to do, and
// does it. Looked at every TW_ROOM_EVERY_MS at most, so both limits are soft by what is written in that time.
//
// Threading: the writer thread. Memory: borrows the database and the outbox, copies the path. Time:
// monotonic, as argument. Errors: the database's; a disk whose size cannot be read counts as room, and SQLite
// itself reports a full disk.
#ifndef TW_ROOM_H
#define TW_ROOM_H

#include "agent/journal/outbox.h"
#include "agent/journal/quota.h"

#define TW_ROOM_EVERY_MS 100
#define TW_ROOM_STEP     256 // rows given up at a time

struct tw_room {
    struct tw_db *db;
    struct tw_outbox *outbox;
    char *path;                              // of a file on the disk in question; owned
    uint64_t max_bytes;                      // 0: no limit
    uint64_t reserve_bytes;                  // 0: none
    int64_t next_ms;                         // when to look again
    int64_t shrunk_to;                       // remembered sales up to this place are empty
    bool nothing_to_drop, nothing_to_shrink; // as far as was seen at the last try
    unsigned refusals;
    bool full;
    uint64_t dropped; // events, since opening
    uint64_t file_bytes;
};

// Whether it is time to look again; says so once.
bool tw_room_is_due(struct tw_room *room, int64_t monotonic_ms);
// Looks, and makes room where that is allowed. Within the caller's transaction. Negative: the database's
// error.
int TW_MUST_CHECK tw_room_look(struct tw_room *room);

#endif
