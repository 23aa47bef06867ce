// SPDX-License-Identifier: Apache-2.0
// OpenSSL calls SHA256_Init and its like old; what came after them allocates and looks the algorithm up at
// every call, which takes as long as hashing an event does.
#define OPENSSL_API_COMPAT 10100

#include "tillwire/seal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <openssl/sha.h>

#include "agent/seal/keyfile.h"

enum { AHEAD_BYTES = 512, SMALL_BYTES = 16 };

struct tw_seal {
    pthread_mutex_t lock; // guards the generator: mbedTLS 2.28 is built without its own locks
    mbedtls_ctr_drbg_context random;
    // Drawing many ids and nonces at a time costs a tenth of one by one.
    uint8_t pool[AHEAD_BYTES];
    size_t pool_left;
    uint8_t key[TW_KEY_BYTES];
    bool has_key;
};

// mbedTLS' own collector holds 38 KiB to mix sources; here the kernel is the only one (getrandom(2)).
static int kernel_entropy(void *ctx, unsigned char *out, size_t len)
{
    (void)ctx;
    for (size_t done = 0; done < len;) {
        ssize_t got = getrandom(out + done, len - done, 0);
        if (got < 0 && errno != EINTR) {
            return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int tw_seal_new(struct tw_seal **out, struct tw_error_text *err)
{
    static const char purpose[] = "tillwire";
    struct tw_seal *seal = calloc(1, sizeof *seal);
    if (seal == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "starting the random generator: out of memory");
    }
    (void)pthread_mutex_init(&seal->lock, NULL);
    mbedtls_ctr_drbg_init(&seal->random);
    int rc = mbedtls_ctr_drbg_seed(&seal->random, kernel_entropy, NULL, (const unsigned char *)purpose,
                                   sizeof purpose - 1);
    if (rc != 0) {
        tw_seal_free(seal);
        return tw_fail(err, TW_ERR_IO,
                       "starting the random generator: the system gave no entropy (mbedTLS -0x%04x); "
                       "check that getrandom(2) works here",
                       (unsigned)-rc);
    }
    *out = seal;
    return TW_OK;
}

void tw_seal_free(struct tw_seal *seal)
{
    if (seal == NULL) {
        return;
    }
    mbedtls_ctr_drbg_free(&seal->random);
    (void)pthread_mutex_destroy(&seal->lock);
    tw_seal_wipe(seal, sizeof *seal);
    free(seal);
}

static int draw(struct tw_seal *seal, uint8_t *out, size_t len)
{
    int rc = 0;
    for (size_t done = 0; done < len && rc == 0;) {
        size_t part = len - done;
        part = part < MBEDTLS_CTR_DRBG_MAX_REQUEST ? part : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        rc = mbedtls_ctr_drbg_random(&seal->random, out + done, part);
        done += part;
    }
    return rc == 0 ? TW_OK : TW_ERR_IO;
}

static int take_from_pool(struct tw_seal *seal, uint8_t *out, size_t len)
{
    if (seal->pool_left < len) {
        int rc = draw(seal, seal->pool, sizeof seal->pool);
        if (rc != TW_OK) {
            seal->pool_left = 0;
            return rc;
        }
        seal->pool_left = sizeof seal->pool;
    }
    seal->pool_left -= len;
    memcpy(out, seal->pool + seal->pool_left, len);
    tw_seal_wipe(seal->pool + seal->pool_left, len);
    return TW_OK;
}

int tw_seal_random(struct tw_seal *seal, uint8_t *out, size_t len)
{
    (void)pthread_mutex_lock(&seal->lock);
    int rc = len <= SMALL_BYTES ? take_from_pool(seal, out, len) : draw(seal, out, len);
    (void)pthread_mutex_unlock(&seal->lock);
    return rc;
}

static int read_key(const char *path, uint8_t key[TW_KEY_BYTES], struct tw_error_text *err)
{
    char text[2 * TW_KEY_BYTES + 17];
    size_t len = 0;
    int rc = tw_keyfile_read("pseudonym key", path, text, sizeof text, &len, err);
    if (rc == TW_OK) {
        const size_t digits = (size_t)(2 * TW_KEY_BYTES);
        bool good = tw_keyfile_digits(text, len, key) && strspn(text + digits, " \t\r\n") == len - digits;
        rc = good
                 ? TW_OK
                 : tw_fail(err, TW_ERR_INVALID,
                           "loading the pseudonym key: %s does not hold 64 hexadecimal digits; make one with "
                           "'openssl rand -hex 32'",
                           path);
    }
    tw_seal_wipe(text, sizeof text);
    return rc;
}

int tw_seal_load_key(struct tw_seal *seal, const char *where, struct tw_error_text *err)
{
    char path[4096];
    int rc = tw_keyfile_path("pseudonym key", where, path, sizeof path, err);
    if (rc == TW_OK) {
        uint8_t key[TW_KEY_BYTES];
        rc = read_key(path, key, err);
        if (rc == TW_OK) {
            memcpy(seal->key, key, sizeof key);
            seal->has_key = true;
        }
        tw_seal_wipe(key, sizeof key);
    }
    return rc;
}

int tw_seal_pseudonym(struct tw_seal *seal, const char *scheme, const char *identifier, char *out)
{
    if (!seal->has_key) {
        return TW_ERR_NOT_FOUND;
    }
    uint8_t mac[32];
    mbedtls_md_context_t md;
    mbedtls_md_init(&md);
    int rc = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1);
    rc = rc != 0 ? rc : mbedtls_md_hmac_starts(&md, seal->key, sizeof seal->key);
    rc = rc != 0 ? rc : mbedtls_md_hmac_update(&md, (const unsigned char *)scheme, strlen(scheme));
    rc = rc != 0 ? rc : mbedtls_md_hmac_update(&md, (const unsigned char *)":", 1);
    rc = rc != 0 ? rc : mbedtls_md_hmac_update(&md, (const unsigned char *)identifier, strlen(identifier));
    rc = rc != 0 ? rc : mbedtls_md_hmac_finish(&md, mac);
    mbedtls_md_free(&md);
    if (rc != 0) {
        return TW_ERR_NOMEM;
    }
    memcpy(out, "v1:", 3);
    tw_seal_hex(mac, sizeof mac, out + 3);
    return TW_OK;
}

void tw_seal_sha256(struct tw_slice bytes, uint8_t out[32])
{
    SHA256_CTX sha256; // never fails: no memory, no look-up of an engine
    (void)SHA256_Init(&sha256);
    (void)SHA256_Update(&sha256, bytes.ptr != NULL ? bytes.ptr : (const uint8_t *)"", bytes.len);
    (void)SHA256_Final(out, &sha256);
    tw_seal_wipe(&sha256, sizeof sha256);
}

void tw_seal_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

bool tw_seal_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++) {
        difference = (uint8_t)(difference | (left[i] ^ right[i]));
    }
    return difference == 0;
}

void tw_seal_wipe(void *bytes, size_t len)
{
    mbedtls_platform_zeroize(bytes, len);
}
