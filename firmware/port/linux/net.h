// SPDX-License-Identifier: Apache-2.0
//
// Sockets of the relay: "host:port" (numeric or named, "[::1]:9100" for IPv6) to a listener or to
// a connection under way, and the agent's Unix socket. All are non-blocking and close-on-exec.
//
// Threading: any. Memory: none kept. Time: resolving a name blocks as long as the resolver does;
// numeric hosts do not. Errors: TW_ERR_INVALID, TW_ERR_IO, TW_ERR_EXISTS, one sentence each.
#ifndef TW_RELAY_NET_H
#define TW_RELAY_NET_H

#include "tillwire/err.h"

#define TW_NET_ADDRESS_BYTES 80

// Checks the form of "host:port" only.
int TW_MUST_CHECK tw_net_check(const char *address, struct tw_error_text *err);

// Listens on `address`; port 0 lets the system choose. `actual` gets the numeric "host:port".
int TW_MUST_CHECK tw_net_listen(const char *address, char actual[TW_NET_ADDRESS_BYTES], int *out,
                                struct tw_error_text *err);

// The same for a listener that somebody else opened.
void tw_net_adopt(int listener, char actual[TW_NET_ADDRESS_BYTES]);

// Begins to connect; the socket becomes writable when that is decided (tw_net_connected).
int TW_MUST_CHECK tw_net_connect(const char *address, int *out, struct tw_error_text *err);
int TW_MUST_CHECK tw_net_connected(int fd, const char *address, struct tw_error_text *err);

// Options of both sides of the relay: no delay; keep-alive, so that a peer that lost its power is
// noticed within about 30 s of an idle line; and small buffers in the kernel, so that a printer that
// stops is felt by the till nearly as early as over its own connection.
void tw_net_tune(int fd);

// Listens on the Unix stream socket `path` (mode 0660). A file left by a dead process is replaced;
// a living one is TW_ERR_EXISTS.
int TW_MUST_CHECK tw_net_listen_unix(const char *path, int *out, struct tw_error_text *err);

// Closes with a reset, as a printer does that went away. Ignores -1.
void tw_net_abort(int fd);
void tw_net_close(int fd);

// From now on any close but tw_net_close is a reset, also the kernel's when this process is killed: a
// till must not take that for "all is printed".
void tw_net_close_with_reset(int fd);

#endif
