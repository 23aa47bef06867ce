// SPDX-License-Identifier: Apache-2.0
//
// GET /v1/events: server-sent events (HTML Living Standard, section 9.2). `recent` says how many of the
// newest come first (all that are held), `follow=0` ends the stream after them.
#include "agent/desk/feed.h"
#include "agent/desk/routes.h"

void tw_desk_events(struct tw_request *request)
{
    uint64_t recent = TW_DESK_RECENT_EVENTS;
    const char *follow = tw_request_query(request, "follow");
    if (!tw_request_query_number(request, "recent", 0, 999999, &recent)) {
        return;
    }
    int rc = tw_feed_follow(request->desk->feed, request, recent, follow == NULL || strcmp(follow, "0") != 0,
                            &request->stream);
    if (rc == TW_ERR_FULL) {
        tw_request_problem(request, TW_PROBLEM_FOLLOWERS, "end one of the others, or ask with follow=0",
                           NULL);
    } else if (rc != TW_OK) {
        tw_request_failed(request, rc);
    } else {
        request->status = MHD_HTTP_OK;
        request->type = "text/event-stream";
    }
}
