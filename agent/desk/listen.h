// SPDX-License-Identifier: Apache-2.0
//
// The two sockets the desk listens on, made so that what goes wrong is said in words: a port in use, a
// second agent, a folder that is not there.
//
// Threading: any. Memory: none. Time: none. Errors: TW_ERR_EXISTS (in use), TW_ERR_INVALID, TW_ERR_IO.
#ifndef TW_AGENT_DESK_LISTEN_H
#define TW_AGENT_DESK_LISTEN_H

#include <stdint.h>

#include "tillwire/err.h"

// Listens on "HOST:PORT" ("[::1]:8787" for IPv6); port 0 takes a free one. `out` is a non-blocking
// descriptor the caller closes, `port` the port taken.
int TW_MUST_CHECK tw_listen_tcp(const char *address, int *out, uint16_t *port, struct tw_error_text *err);

// Listens on the Unix socket `path`, mode 0660. A socket nobody answers on is a leftover and replaced;
// one that answers is another agent's: TW_ERR_EXISTS.
int TW_MUST_CHECK tw_listen_unix(const char *path, int *out, struct tw_error_text *err);

#endif
