// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 of each payload as it comes, for the chain of its epoch: by OpenSSL, which the connection needs
// anyway and which uses the processor's own instructions. `--report` computes the chain again with the
// agent's library, so that one checks the other.
//
// Threading: an object belongs to one thread. Memory: made once. Time: none.
// Errors: none once it is made: where OpenSSL fails, the agent's library is asked.
#ifndef TW_CENTRAL_HASH_H
#define TW_CENTRAL_HASH_H

#include <stdint.h>

#include "tillwire/bytes.h"

struct tw_hash;

int TW_MUST_CHECK tw_hash_new(struct tw_hash **out);
// NULL is allowed.
void tw_hash_free(struct tw_hash *hash);
void tw_hash_sha256(struct tw_hash *hash, struct tw_slice bytes, uint8_t out[32]);

#endif
