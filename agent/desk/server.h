// SPDX-License-Identifier: Apache-2.0
//
// One listening socket served by libmicrohttpd without threads of its own: its epoll descriptor is
// watched by the loop, its timeouts are a timer of the loop.
//
// Threading: the loop thread. Memory: bounded by `max_connections` times POOL_BYTES, and TW_DESK_MAX_BODY
// a request. Time: the loop's. Errors: TW_ERR_NOMEM.
#ifndef TW_AGENT_DESK_SERVER_H
#define TW_AGENT_DESK_SERVER_H

#include <stdint.h>

#include "agent/desk/request.h"

// Serves `fd` (taken on success). `listen` is the configured address, NULL for the Unix socket.
int TW_MUST_CHECK tw_server_new(struct tw_desk *desk, int fd, const char *listen, unsigned max_connections,
                                struct tw_server **out);
// Closes every connection. Requests that somebody keeps live on without one.
void tw_server_free(struct tw_server *server);

// Resumes a suspended connection. MHD does not notice by itself without a thread of its own, so the server
// takes a turn as soon as the loop comes round.
void tw_server_resume(struct tw_server *server, struct MHD_Connection *connection);

bool tw_server_is_local(const struct tw_server *server); // the Unix socket

#endif
