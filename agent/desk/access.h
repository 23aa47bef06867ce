// SPDX-License-Identifier: Apache-2.0
//
// Who may speak to the desk. A web page on another site can make a cashier's browser send requests to
// 127.0.0.1, and can make its own name resolve there (DNS rebinding). So the name in Host must be ours,
// Origin, where a browser sends it, must be the same, and what changes something must say that it is
// JSON (or a file, on the control socket), which no plain form can.
//
// Threading: pure functions. Memory: none. Time: none. Errors: none.
#ifndef TW_AGENT_DESK_ACCESS_H
#define TW_AGENT_DESK_ACCESS_H

#include <stdbool.h>

// `host` is the request's Host (RFC 9110 section 7.2), NULL when absent: refused. Right are localhost,
// 127.0.0.0/8, [::1], and the host of `listen` ("HOST:PORT", NULL for the Unix socket). Ports do not
// matter: rebinding is about names, and a tunnel changes the port.
bool tw_access_host(const char *host, const char *listen);

// `origin` (RFC 6454 section 7) is absent, or "http://" and exactly what Host says.
bool tw_access_origin(const char *origin, const char *host);

// `content_type` is `type`, with or without parameters (RFC 9110 section 8.3).
bool tw_access_type(const char *content_type, const char *type);

#endif
