// SPDX-License-Identifier: Apache-2.0
//
// The TLS side of a connection: an own OpenSSL context for libmosquitto with TLS 1.3 only, the CA, the
// terminal's certificate and key, the check of the broker's name, and a time of verification that is
// never before what is known to have passed (a terminal whose battery is empty starts in 1970). It
// says in a sentence which certificate is at fault, with its dates and this terminal's time.
//
// Threading: one thread. Memory: as said; a context holds the pair, its options are not needed after
// the making. Time: the caller's, wall clock in milliseconds. Errors: a sentence that names the file.
#ifndef TW_TLS_H
#define TW_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/err.h"

struct tw_tls;

struct tw_tls_options {
    const char *ca, *cert, *key; // PEM files
    const char *host;            // what the broker's certificate must be for: a name or an IP address
    const char *alpn;            // RFC 7301, one protocol; NULL: none
    int64_t time_ms;             // for which certificates must be valid
};

// Loads the files. TW_ERR_IO, TW_ERR_INVALID (no certificate, an encrypted key), TW_ERR_MISMATCH (key and
// certificate do not belong together), TW_ERR_NOMEM. A certificate that is not valid at `time_ms` is no
// error: the broker decides. See tw_tls_own.
int TW_MUST_CHECK tw_tls_new(const struct tw_tls_options *options, struct tw_tls **out,
                             struct tw_error_text *err);
void tw_tls_free(struct tw_tls *tls); // NULL is allowed; libmosquitto keeps its own reference

// Of the next handshake; forgets what was refused before.
void tw_tls_set_time(struct tw_tls *tls, int64_t time_ms);

// The next handshake goes through `fd`, a connection to `host` that the context takes (-1: none; an older
// one is closed). libmosquitto can connect by itself only: what it connected is replaced when TLS begins.
void tw_tls_tunnel(struct tw_tls *tls, int fd, const char *host);

void *tw_tls_context(struct tw_tls *tls); // the SSL_CTX

// What was wrong with the certificate the broker showed, in the last handshake. TW_OK: nothing known.
int tw_tls_refused(const struct tw_tls *tls, struct tw_error_text *err);

// Whether that was a certificate whose time is over.
bool tw_tls_too_old(const struct tw_tls *tls);

// Whether the terminal's own certificate is valid at the time set; a sentence if it is not. TW_OK,
// TW_ERR_REFUSED.
int tw_tls_own(const struct tw_tls *tls, struct tw_error_text *err);

#endif
