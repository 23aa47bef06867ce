// SPDX-License-Identifier: Apache-2.0
//
// Cryptography for the rest of the agent (mbedTLS behind it): SHA-256 (FIPS 180-4), pseudonyms
// (HMAC-SHA-256, RFC 2104), random bytes, key files. Keys are wiped before their memory is freed
// and compared in constant time.
//
// Threading: every function is safe from any thread; the one random generator is behind a mutex.
// Memory: the caller's. Time: none. Errors: TW_ERR_IO, TW_ERR_INVALID name the file and what to do.
#ifndef TW_SEAL_H
#define TW_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_PSEUDONYM_LEN 67 // "v1:" and 64 hex digits

struct tw_seal;

// Seeds the generator from the operating system.
int TW_MUST_CHECK tw_seal_new(struct tw_seal **out, struct tw_error_text *err);
void tw_seal_free(struct tw_seal *seal);

int TW_MUST_CHECK tw_seal_random(struct tw_seal *seal, uint8_t *out, size_t len);

// Loads the tenant's pseudonym key: `where` is a file with 64 hex digits (not readable by others:
// mode 0600 or 0640), or "credential:NAME" for $CREDENTIALS_DIRECTORY/NAME (systemd.exec(5)).
int TW_MUST_CHECK tw_seal_load_key(struct tw_seal *seal, const char *where, struct tw_error_text *err);

// "v1:" + hex HMAC-SHA-256 of "SCHEME:IDENTIFIER" under the loaded key, into out[TW_PSEUDONYM_LEN + 1].
// TW_ERR_NOT_FOUND when no key is loaded.
int TW_MUST_CHECK tw_seal_pseudonym(struct tw_seal *seal, const char *scheme, const char *identifier,
                                    char *out);

void tw_seal_sha256(struct tw_slice bytes, uint8_t out[32]);
void tw_seal_hex(const uint8_t *bytes, size_t len, char *out); // lower case, NUL-terminated
bool tw_seal_equal(const void *a, const void *b, size_t len);  // constant time
void tw_seal_wipe(void *bytes, size_t len);                    // not optimised away

#endif
