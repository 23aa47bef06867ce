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

// From a generator (CTR_DRBG, NIST SP 800-90A) that any thread may ask. 16 bytes and fewer come from what was
// drawn ahead and lie in memory until then: ids and nonces; a key has more.
int TW_MUST_CHECK tw_seal_random(struct tw_seal *seal, uint8_t *out, size_t len);

// Loads the tenant's pseudonym key: `where` is a file with 64 hex digits (not readable by others:
// mode 0600 or 0640), or "credential:NAME" for $CREDENTIALS_DIRECTORY/NAME (systemd.exec(5)).
int TW_MUST_CHECK tw_seal_load_key(struct tw_seal *seal, const char *where, struct tw_error_text *err);

// "v1:" + hex HMAC-SHA-256 of "SCHEME:IDENTIFIER" under the loaded key, into out[TW_PSEUDONYM_LEN + 1].
// TW_ERR_NOT_FOUND when no key is loaded.
int TW_MUST_CHECK tw_seal_pseudonym(struct tw_seal *seal, const char *scheme, const char *identifier,
                                    char *out);

// ---- sealing at rest ----
// AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. The keys come from a file or a systemd
// credential (which may itself be sealed by a TPM: systemd-creds(1), LoadCredentialEncrypted=): one key a
// line, "ID HEX" with an ID from 1 to 65535 and 64 hex digits; a file of 64 hex digits alone is key 1. The
// key with the highest ID seals, every one opens. What AES uses is derived from it (HKDF-SHA-256, RFC 5869),
// so that the same key may serve nothing else by accident. One key is good for 2^32 seals.
struct tw_vault;
#define TW_VAULT_OVERHEAD    28 // 12 bytes of nonce before, 16 of tag behind
#define TW_VAULT_CHECK_BYTES 8

// Loads the keys. `where` as in tw_seal_load_key. With `make` a file that does not exist is made with one
// new key (mode 0600, durable before this returns). Safe from any thread afterwards.
int TW_MUST_CHECK tw_vault_load(struct tw_seal *seal, const char *where, bool make, struct tw_vault **out,
                                struct tw_error_text *err);
void tw_vault_free(struct tw_vault *vault);
// Reads the file again (rotation without a stop). On an error the keys stay as they were. TW_ERR_MISMATCH: an
// ID has another key than before, or one from `oldest_needed` on (0: none is needed) is missing.
int TW_MUST_CHECK tw_vault_reload(struct tw_vault *vault, unsigned oldest_needed, struct tw_error_text *err);

unsigned tw_vault_current(const struct tw_vault *vault); // the ID that seals now
// A value that tells two keys of one ID apart and nothing about the key. TW_ERR_NOT_FOUND.
int TW_MUST_CHECK tw_vault_check(const struct tw_vault *vault, unsigned id,
                                 uint8_t out[TW_VAULT_CHECK_BYTES]);

// Appends nonce, ciphertext and tag. TW_ERR_NOT_FOUND: no such key.
int TW_MUST_CHECK tw_vault_seal(struct tw_vault *vault, unsigned id, struct tw_slice bound,
                                struct tw_slice plain, struct tw_buf *out);
// Appends what was sealed. TW_ERR_DAMAGED: another key, other bound data, or changed; nothing is appended.
int TW_MUST_CHECK tw_vault_open(struct tw_vault *vault, unsigned id, struct tw_slice bound,
                                struct tw_slice sealed, struct tw_buf *out);

void tw_seal_sha256(struct tw_slice bytes, uint8_t out[32]);
void tw_seal_hex(const uint8_t *bytes, size_t len, char *out); // lower case, NUL-terminated
bool tw_seal_equal(const void *a, const void *b, size_t len);  // constant time
void tw_seal_wipe(void *bytes, size_t len);                    // not optimised away

#endif
