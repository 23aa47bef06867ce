// SPDX-License-Identifier: Apache-2.0
//
// The store's SOCKS5 proxy (RFC 1928, user name and password after RFC 1929): its URL, and the bounded way
// to the broker through it. It is walked here and not by libmosquitto, which says little when it fails,
// follows a null pointer where a proxy asks for a password nobody gave, leaks, and leaves the properties
// out of CONNECT (2.0.11, socks_mosq.c).
//
// Threading: no shared state. Memory: the caller's; a proxy holds a password, to be wiped by its owner.
// Time: a limit in milliseconds. Errors: as said; no text ever holds the user name or the password.
#ifndef TW_PROXY_H
#define TW_PROXY_H

#include "agent/uplink/reach.h"

#define TW_SOCKS_PORT 1080 // RFC 1928 section 3

struct tw_proxy {
    struct tw_address address;
    char user[256], password[256]; // "": none
};

// "socks5://[USER[:PASSWORD]@]HOST[:PORT]"; user and password percent-encoded (RFC 3986 section 3.2.1).
// TW_ERR_INVALID.
int TW_MUST_CHECK tw_proxy_parse(const char *url, struct tw_proxy *out, struct tw_error_text *err);

// As tw_reach_open, through the proxy: `fd` gets a connection to the broker.
int TW_MUST_CHECK tw_proxy_open(const struct tw_proxy *proxy, const struct tw_address *broker, int limit_ms,
                                int cancel_fd, const char **bind_any, int *fd, struct tw_error_text *err);

#endif
