// SPDX-License-Identifier: Apache-2.0
//
// What the desk serves: one table line and one handler a resource.
//
// Threading: handlers run on the loop thread and do not block. Memory: a handler borrows the request.
// Time: none. Errors: answered as problems.
#ifndef TW_AGENT_DESK_ROUTES_H
#define TW_AGENT_DESK_ROUTES_H

#include "agent/desk/request.h"

typedef void tw_route_fn(struct tw_request *request);

struct tw_route {
    const char *path;
    const char *method; // "GET" (HEAD too) or "POST" (a JSON object as body)
    tw_route_fn *handle;
    bool local; // served on the control socket alone
    bool bytes; // what is posted is no JSON, but application/octet-stream
};

// The line for a path, NULL when there is none.
const struct tw_route *tw_route_find(const char *path);
// Whether the line takes this method, and the Allow header when it does not.
bool tw_route_takes(const struct tw_route *route, const char *method);
const char *tw_route_allow(const struct tw_route *route);

tw_route_fn tw_desk_sales, tw_desk_scans, tw_desk_lookup, tw_desk_status, tw_desk_events, tw_desk_metrics,
    tw_desk_health, tw_desk_devices, tw_desk_record, tw_desk_update, tw_desk_queue, tw_desk_dead,
    tw_desk_retry, tw_desk_resync;

// Whether nothing more is taken: by the quota, or because the disk had no room for the last commit.
bool tw_desk_is_full(const struct tw_journal_stats *stats);
// The members of `queue` in GET /v1/status, which GET /v1/queue begins with.
void tw_desk_write_queue(const struct tw_journal_stats *stats, int64_t wall_ms, struct tw_buf *out);

#endif
