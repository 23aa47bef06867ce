// SPDX-License-Identifier: Apache-2.0
//
// Carries out what the flow decides: connects, subscribes, publishes rows, asks and tells the
// journal, hands members on; and feeds back what happens. The thread around it is uplink.c.
//
// Threading: one thread, but tw_link_status from any. Memory: copies the texts of its options.
// Time: monotonic from the options' clock. Errors: in the status.
#ifndef TW_LINK_H
#define TW_LINK_H

#include "agent/uplink/inbox.h"
#include "agent/uplink/proxy.h"
#include "agent/uplink/reach.h"
#include "tillwire/uplink.h"

struct tw_link;
struct pollfd;

// `proxy`: NULL where there is none.
int TW_MUST_CHECK tw_link_new(const struct tw_uplink_options *options, const struct tw_address *address,
                              const struct tw_proxy *proxy, struct tw_inbox *inbox, struct tw_link **out,
                              struct tw_error_text *err);
void tw_link_free(struct tw_link *link);

// Fills in what to poll for the connection (fd -1: none) and returns for how long at most, in
// milliseconds; -1: for ever.
int tw_link_wait(struct tw_link *link, struct pollfd *fd);
// After the poll: mail, network, time.
void tw_link_turn(struct tw_link *link, short revents);

// Says goodbye (state offline) and closes, within `wait_ms`.
void tw_link_leave(struct tw_link *link, int wait_ms);

void tw_link_status(struct tw_link *link, struct tw_uplink_status *out);

#endif
