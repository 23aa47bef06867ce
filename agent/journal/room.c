// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/room.h"

#include <sys/statvfs.h>

#include "journal_sql.h"

// While full, what may be given up is looked for again every so many looks.
enum { RETRY_LOOKS = 10 };

static int view_file(struct tw_room *room, struct tw_quota_view *view)
{
    struct tw_stmt *stmt = tw_db_sql(room->db, TW_JOURNAL_SQL_PAGES_USED);
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        uint64_t page = (uint64_t)tw_stmt_get_int(stmt, 2);
        view->used_bytes = (uint64_t)tw_stmt_get_int(stmt, 0) * page;
        view->free_bytes = (uint64_t)tw_stmt_get_int(stmt, 1) * page;
        room->file_bytes = view->used_bytes + view->free_bytes;
    }
    tw_stmt_end(stmt);
    return rc < 0 ? rc : TW_OK;
}

static void view_disk(const struct tw_room *room, struct tw_quota_view *view)
{
    struct statvfs disk;
    view->disk_bytes = UINT64_MAX;
    if (view->reserve_bytes > 0 && statvfs(room->path, &disk) == 0) {
        view->disk_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    }
}

// Gives up to TW_ROOM_STEP rows up; notes when there are no more.
static int give_up(struct tw_room *room, enum tw_quota_action action, bool *given)
{
    bool drop = action == TW_QUOTA_DROP;
    int rc = 1;
    for (int i = 0; i < TW_ROOM_STEP && rc == 1; i++) {
        rc = drop ? tw_outbox_drop(room->outbox) : tw_outbox_shrink(room->outbox, &room->shrunk_to);
        room->dropped += rc == 1 && drop;
        *given = *given || rc == 1;
    }
    if (rc == 0) {
        *(drop ? &room->nothing_to_drop : &room->nothing_to_shrink) = true;
    }
    return rc < 0 ? rc : TW_OK;
}

static enum tw_quota_action decide(struct tw_room *room, struct tw_quota_view *view)
{
    view->can_drop = !room->nothing_to_drop;
    view->can_shrink = !room->nothing_to_shrink;
    return tw_quota_decide(view);
}

bool tw_room_is_due(struct tw_room *room, int64_t monotonic_ms)
{
    bool due = monotonic_ms >= room->next_ms;
    room->next_ms = due ? monotonic_ms + TW_ROOM_EVERY_MS : room->next_ms;
    return due;
}

int tw_room_look(struct tw_room *room)
{
    struct tw_quota_view view = {.max_bytes = room->max_bytes, .reserve_bytes = room->reserve_bytes};
    int rc = view_file(room, &view);
    view_disk(room, &view);
    if (!room->full || ++room->refusals % RETRY_LOOKS == 0) {
        room->nothing_to_drop = room->nothing_to_shrink = false; // there may be something by now
    }
    enum tw_quota_action action = decide(room, &view);
    for (bool given = false;
         rc == TW_OK && !given && (action == TW_QUOTA_SHRINK || action == TW_QUOTA_DROP);) {
        rc = give_up(room, action, &given);
        action = given ? action : decide(room, &view);
    }
    room->full = rc == TW_OK ? action == TW_QUOTA_REFUSE : room->full;
    return rc;
}
