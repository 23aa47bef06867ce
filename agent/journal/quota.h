// SPDX-License-Identifier: Apache-2.0
//
// What is decided when room runs out, apart from looking and doing: sizes in, one action out. The table is
// at the end of quota.c.
//
// Threading: pure. Memory: none. Time: none. Errors: none.
#ifndef TW_QUOTA_H
#define TW_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct tw_quota_view {
    uint64_t max_bytes;     // journal.max_bytes; 0: no limit
    uint64_t used_bytes;    // pages that hold something
    uint64_t free_bytes;    // pages of the file that hold nothing: they take what comes without more disk
    uint64_t reserve_bytes; // journal.reserve_bytes; 0: none
    uint64_t disk_bytes;    // free on the disk
    bool can_shrink;        // remembered sales still have content
    bool can_drop;          // droppable events are queued above the send limit
};

enum tw_quota_action {
    TW_QUOTA_TAKE,   // there is room
    TW_QUOTA_SHRINK, // make room: empty remembered sales, oldest first
    TW_QUOTA_DROP,   // make room: droppable events become gaps
    TW_QUOTA_REFUSE, // nothing more may be given up
};

enum tw_quota_action tw_quota_decide(const struct tw_quota_view *view);

#endif
