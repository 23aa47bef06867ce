// SPDX-License-Identifier: Apache-2.0
#include "tools/central/hash.h"

#include <openssl/evp.h>

#include "tillwire/seal.h"

struct tw_hash {
    EVP_MD *kind; // looked up once; that takes longer than a payload
    EVP_MD_CTX *context;
};

int tw_hash_new(struct tw_hash **out)
{
    struct tw_hash *hash = calloc(1, sizeof *hash);
    if (hash == NULL) {
        return TW_ERR_NOMEM;
    }
    hash->kind = EVP_MD_fetch(NULL, "SHA256", NULL);
    hash->context = EVP_MD_CTX_new();
    if (hash->kind == NULL || hash->context == NULL) {
        tw_hash_free(hash);
        return TW_ERR_NOMEM;
    }
    *out = hash;
    return TW_OK;
}

void tw_hash_free(struct tw_hash *hash)
{
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->context);
        EVP_MD_free(hash->kind);
        free(hash);
    }
}

void tw_hash_sha256(struct tw_hash *hash, struct tw_slice bytes, uint8_t out[32])
{
    if (EVP_DigestInit_ex2(hash->context, hash->kind, NULL) != 1 ||
        EVP_DigestUpdate(hash->context, bytes.ptr, bytes.len) != 1 ||
        EVP_DigestFinal_ex(hash->context, out, NULL) != 1) {
        tw_seal_sha256(bytes, out);
    }
}
