// SPDX-License-Identifier: Apache-2.0
//
// The newest committed events, kept in memory for those who follow them (GET /v1/events). The journal
// thread pushes and never waits; a follower that is too slow finds that the oldest have gone, and is
// told how many. It is a window to look through, not the outbox: nothing is delivered from here.
//
// Threading: tw_feed_push from any thread, the rest on the loop. Memory: TW_DESK_RECENT_EVENTS and at most
// TW_FEED_MAX_BYTES. Time: the loop's. Errors: TW_ERR_FULL, TW_ERR_NOMEM.
#ifndef TW_AGENT_DESK_FEED_H
#define TW_AGENT_DESK_FEED_H

#include <microhttpd.h>

#include "tillwire/desk.h"

#define TW_FEED_MAX_BYTES     (1024 * 1024)
#define TW_FEED_MAX_FOLLOWERS 32
#define TW_FEED_BEAT_MS       15000 // a comment line this often finds out who has gone

struct tw_feed;
struct tw_follower;
struct tw_request;

int TW_MUST_CHECK tw_feed_new(struct tw_loop *loop, struct tw_feed **out);
// Resumes every follower and forgets the loop; freed with the last follower or posted call.
void tw_feed_close(struct tw_feed *feed);

void tw_feed_push(struct tw_feed *feed, const struct tw_event_row *row);

// A response that streams the `recent` newest events and then, with `follow`, each one as it comes. It
// owns the follower. TW_ERR_FULL when TW_FEED_MAX_FOLLOWERS are there.
int TW_MUST_CHECK tw_feed_follow(struct tw_feed *feed, const struct tw_request *request, uint64_t recent,
                                 bool follow, struct MHD_Response **out);

#endif
