// SPDX-License-Identifier: Apache-2.0
//
// Where the broker is, and whether it can be reached: the URL of the configuration taken apart, the
// files a connection needs looked at, and a bounded try of TCP. libmosquitto's connect has no time
// limit of its own (a dropped SYN costs two minutes); this one has, and can be called off.
//
// Threading: no shared state. Memory: the caller's. Time: a limit in milliseconds.
// Errors: as said; every text names the host or file and what to do.
#ifndef TW_REACH_H
#define TW_REACH_H

#include <stdbool.h>

#include "tillwire/err.h"

#define TW_MQTTS_PORT 8883 // registered for MQTT over TLS (IANA, secure-mqtt)

struct tw_address {
    char host[256]; // without brackets
    int port;
};

// "mqtts://HOST[:PORT]", HOST a name, an IPv4 address or an IPv6 address in brackets (RFC 3986
// section 3.2.2). TW_ERR_INVALID.
int TW_MUST_CHECK tw_address_parse(const char *url, struct tw_address *out, struct tw_error_text *err);
// "HOST[:PORT]" alone, with the port of `out` where it names none. Gives NULL or what is wrong with it.
const char *tw_address_read(const char *text, struct tw_address *out);

// Whether `path` can be read and looks like PEM (RFC 7468). `what` names it in the text.
int TW_MUST_CHECK tw_pem_check(const char *what, const char *path, struct tw_error_text *err);

// Tries each address of the host for up to `limit_ms` together and closes the connection again.
// `bind_any` gets the unspecified address of the family that answered: given to the real connect it
// keeps that one from the family that does not. Readable `cancel_fd` (-1: none) ends the try with
// TW_ERR_CLOSED; otherwise TW_ERR_IO with a sentence.
int TW_MUST_CHECK tw_reach(const struct tw_address *address, int limit_ms, int cancel_fd,
                           const char **bind_any, struct tw_error_text *err);

// The same for any host; `what` ("the broker") and `key` ("uplink.url") name it in sentences. `fd` gets the
// connection, non-blocking, the caller's to close.
int TW_MUST_CHECK tw_reach_open(const char *what, const char *key, const struct tw_address *address,
                                int limit_ms, int cancel_fd, const char **bind_any, int *fd,
                                struct tw_error_text *err);

#endif
