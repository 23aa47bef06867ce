// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/quota.h"

// A file with this much free inside can take a group without asking the disk for more.
#define SLACK_BYTES (256 * 1024)

static bool is_large(const struct tw_quota_view *view)
{
    return view->max_bytes > 0 && view->used_bytes >= view->max_bytes;
}

static bool is_tight(const struct tw_quota_view *view)
{
    return view->reserve_bytes > 0 && view->disk_bytes < view->reserve_bytes &&
           view->free_bytes < SLACK_BYTES;
}

//                                   cannot drop         can drop
static const enum tw_quota_action table[2][2] = {
    /* nothing to shrink */ {TW_QUOTA_REFUSE, TW_QUOTA_DROP},
    /* can shrink        */ {TW_QUOTA_SHRINK, TW_QUOTA_SHRINK},
};

enum tw_quota_action tw_quota_decide(const struct tw_quota_view *view)
{
    return is_large(view) || is_tight(view) ? table[view->can_shrink][view->can_drop] : TW_QUOTA_TAKE;
}
