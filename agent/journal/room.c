// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/room.h"

#include <sys/statvfs.h>

#include "journal_sql.h"

static bool is_large(const struct tw_room *room)
{
    struct tw_stmt *stmt = tw_db_sql(room->db, TW_JOURNAL_SQL_PAGES_USED);
    bool large = false;
    if (tw_stmt_step(stmt) == 1) {
        uint64_t used = (uint64_t)tw_stmt_get_int(stmt, 0) * (uint64_t)tw_stmt_get_int(stmt, 1);
        large = used >= room->max_bytes;
    }
    tw_stmt_end(stmt);
    return large;
}

static bool is_tight(const struct tw_room *room)
{
    struct statvfs disk;
    return statvfs(room->path, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < room->reserve_bytes;
}

bool tw_room_is_full(struct tw_room *room, int64_t monotonic_ms)
{
    if (monotonic_ms >= room->next_ms) {
        room->next_ms = monotonic_ms + TW_ROOM_EVERY_MS;
        room->full = (room->max_bytes > 0 && is_large(room)) || (room->reserve_bytes > 0 && is_tight(room));
    }
    return room->full;
}
