// SPDX-License-Identifier: Apache-2.0
//
// The desk: HTTP on 127.0.0.1 and on run_dir/control.sock (libmicrohttpd, on the loop's thread).
//   POST /v1/sales            201 when durable, 200 for a repeat with the same id
//   POST /v1/scans            201 when the scan identified a member and is durable
//   POST /v1/members/lookup   tier, points and age
//   GET  /v1/devices, /v1/devices/record: on the socket only
//   GET  /v1/queue, /v1/queue/dead; POST /v1/queue/retry, /v1/queue/resync: on the socket only
//   GET  /v1/status /v1/events (server-sent events) /metrics /healthz
// Errors are RFC 9457 problem details that name the field and never quote a value. Requests from
// web pages of other origins are refused (Origin and Host are checked, JSON bodies must say so).
//
// Threading: the loop thread, but for tw_desk_committed. Memory: bounded: TW_DESK_MAX_BODY a request,
// TW_DESK_MAX_CONNECTIONS. Time: none of its own. Errors: a port in use names it and the remedy.
#ifndef TW_DESK_H
#define TW_DESK_H

#include "tillwire/config.h"
#include "tillwire/event.h"
#include "tillwire/journal.h"
#include "tillwire/lane.h"
#include "tillwire/loop.h"
#include "tillwire/member.h"
#include "tillwire/metrics.h"
#include "tillwire/uplink.h"

#define TW_DESK_MAX_BODY        (256 * 1024)
#define TW_DESK_MAX_CONNECTIONS 128
#define TW_DESK_RECENT_EVENTS   256 // kept in memory for GET /v1/events

struct tw_desk;

struct tw_desk_options {
    const struct tw_config *config;
    const struct tw_scan_rules *rules;
    const struct tw_clock *clock;
    struct tw_loop *loop;
    struct tw_lane *lane;
    struct tw_journal *journal;
    struct tw_members *members;
    struct tw_uplink *uplink; // may be NULL: no uplink configured
    struct tw_metrics *metrics;
};

int TW_MUST_CHECK tw_desk_start(const struct tw_desk_options *options, struct tw_desk **out,
                                struct tw_error_text *err);
// Waits for what is being asked of the journal, and asks nothing more of it: before journal and uplink go.
// NULL is allowed.
void tw_desk_settle(struct tw_desk *desk);
void tw_desk_stop(struct tw_desk *desk);

// An event was committed (journal thread): counts it (EVENTS_COMMITTED) and shows it to the followers of
// GET /v1/events. Not before tw_desk_start has returned, nor once tw_desk_stop was called.
void tw_desk_committed(struct tw_desk *desk, const struct tw_event_row *row);

#endif
