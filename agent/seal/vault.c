// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>

#include "agent/seal/keyfile.h"
#include "tillwire/seal.h"

#define WHAT        "journal key"
#define NONCE_BYTES 12
#define TAG_BYTES   16
#define DIGITS      ((size_t)(2 * TW_KEY_BYTES))
#define ID_MAX      65535
#define KEYS_MAX    64
#define FILE_BYTES  (KEYS_MAX * (DIGITS + 8)) // "65535 HEX\r\n" is 73

static_assert(TW_VAULT_OVERHEAD == NONCE_BYTES + TAG_BYTES, "what tillwire/seal.h promises");

struct key {
    unsigned id;
    uint8_t check[TW_VAULT_CHECK_BYTES];
    mbedtls_gcm_context gcm; // prepared: the AES rounds and GHASH tables of the derived key
};

// The keys of one reading of the file.
struct keys {
    size_t count;
    unsigned highest;
    struct key list[];
};

struct tw_vault {
    struct tw_seal *seal;
    char *where;
    pthread_mutex_t *lock; // guards what follows; apart, so that those who may only look can take it
    struct keys *keys;
};

// ---- keys ----

static void keys_free(struct keys *keys)
{
    if (keys != NULL) {
        for (size_t i = 0; i < keys->count; i++) {
            mbedtls_gcm_free(&keys->list[i].gcm); // wipes
        }
        free(keys);
    }
}

static struct key *key_of(struct keys *keys, unsigned id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->list[i].id == id) {
            return &keys->list[i];
        }
    }
    return NULL;
}

static int derive(const uint8_t secret[TW_KEY_BYTES], const char *purpose, uint8_t *out, size_t len)
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    int rc = mbedtls_hkdf(sha256, NULL, 0, secret, TW_KEY_BYTES, (const unsigned char *)purpose,
                          strlen(purpose), out, len);
    return rc == 0 ? TW_OK : TW_ERR_NOMEM;
}

static int add_key(struct keys *keys, unsigned id, const uint8_t secret[TW_KEY_BYTES])
{
    struct key *key = &keys->list[keys->count];
    uint8_t aes[32];
    key->id = id;
    int rc = derive(secret, "tillwire journal check 1", key->check, sizeof key->check);
    rc = rc != TW_OK ? rc : derive(secret, "tillwire journal seal 1", aes, sizeof aes);
    if (rc == TW_OK) {
        mbedtls_gcm_init(&key->gcm);
        keys->count++;
        rc = mbedtls_gcm_setkey(&key->gcm, MBEDTLS_CIPHER_ID_AES, aes, 8 * sizeof aes) == 0 ? TW_OK
                                                                                            : TW_ERR_NOMEM;
    }
    keys->highest = id > keys->highest ? id : keys->highest;
    tw_seal_wipe(aes, sizeof aes);
    return rc;
}

// ---- the file ----

// "ID HEX" from `text` to `end`; the ID is 0 where it is missing or no such number.
static bool parse_line(const char *text, const char *end, unsigned *id, uint8_t secret[TW_KEY_BYTES])
{
    unsigned number = 0;
    const char *at = text;
    for (; at < end && isdigit((unsigned char)*at) && number <= ID_MAX; at++) {
        number = 10 * number + (unsigned)(*at - '0');
    }
    bool separated = at < end && (*at == ' ' || *at == '\t');
    at = separated ? at + strspn(at, " \t") : text;
    *id = separated && number <= ID_MAX ? number : 0;
    if ((size_t)(end - at) < DIGITS || !tw_keyfile_digits(at, (size_t)(end - at), secret)) {
        return false;
    }
    return at + DIGITS == end;
}

static int bad_line(const char *path, unsigned line, const char *fault, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_INVALID, "loading the " WHAT ": %s:%u: %s", path, line, fault);
}

static int take_line(const char *path, unsigned line, const char *text, const char *end, bool alone,
                     struct keys *keys, struct tw_error_text *err)
{
    unsigned id = 0;
    uint8_t secret[TW_KEY_BYTES];
    bool good = parse_line(text, end, &id, secret);
    bool bare = good && id == 0 && alone && end - text == (ptrdiff_t)DIGITS;
    id = bare ? 1 : id;
    int rc = TW_OK;
    if (!good || id == 0) {
        rc = bad_line(
            path, line,
            "this is not a key; write 'ID HEX' with an ID from 1 to 65535 and 64 hexadecimal digits, "
            "such as 'openssl rand -hex 32' makes",
            err);
    } else if (key_of(keys, id) != NULL) {
        rc = bad_line(path, line, "this ID is there twice; give every key an ID of its own", err);
    } else if (add_key(keys, id, secret) != TW_OK) {
        rc = tw_fail(err, TW_ERR_NOMEM, "loading the " WHAT " %s: out of memory", path);
    }
    tw_seal_wipe(secret, sizeof secret);
    return rc;
}

// The next line that is not empty, from its first to behind its last character, and the place to go on from;
// NULL: there is none. `line` counts all lines.
static const char *next_line(const char *at, const char **start, const char **end, unsigned *line)
{
    for (; *at != '\0'; at++) {
        ++*line;
        *start = at + strspn(at, " \t\r");
        at = *start + strcspn(*start, "\n");
        for (*end = at; *end > *start && isspace((unsigned char)(*end)[-1]);) {
            --*end;
        }
        if (*end > *start) {
            return *at != '\0' ? at + 1 : at;
        }
        if (*at == '\0') {
            break;
        }
    }
    return NULL;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    unsigned line = 0;
    const char *start = NULL;
    const char *end = NULL;
    while ((text = next_line(text, &start, &end, &line)) != NULL) {
        count++;
    }
    return count;
}

static int parse(const char *path, const char *text, struct keys **out, struct tw_error_text *err)
{
    size_t count = count_lines(text);
    if (count == 0 || count > KEYS_MAX) {
        return tw_fail(err, TW_ERR_INVALID,
                       count == 0
                           ? "loading the " WHAT ": %s holds no key; make one with 'openssl rand -hex 32'"
                           : "loading the " WHAT ": %s holds more than 64 keys; remove the oldest ones",
                       path);
    }
    struct keys *keys = calloc(1, sizeof *keys + count * sizeof keys->list[0]);
    int rc =
        keys != NULL ? TW_OK : tw_fail(err, TW_ERR_NOMEM, "loading the " WHAT " %s: out of memory", path);
    unsigned line = 0;
    const char *start = NULL;
    const char *end = NULL;
    while (rc == TW_OK && (text = next_line(text, &start, &end, &line)) != NULL) {
        rc = take_line(path, line, start, end, count == 1, keys, err);
    }
    if (rc != TW_OK) {
        keys_free(keys);
        return rc;
    }
    *out = keys;
    return TW_OK;
}

static int read_keys(const char *path, struct keys **out, struct tw_error_text *err)
{
    char text[FILE_BYTES + 2];
    size_t len = 0;
    int rc = tw_keyfile_read(WHAT, path, text, sizeof text, &len, err);
    if (rc == TW_OK && (len > FILE_BYTES || strlen(text) != len)) {
        rc = tw_fail(err, TW_ERR_INVALID,
                     "loading the " WHAT
                     ": %s is not a text of at most 64 keys; check that it is the right file",
                     path);
    }
    rc = rc != TW_OK ? rc : parse(path, text, out, err);
    tw_seal_wipe(text, sizeof text);
    return rc;
}

// A file with one new key, where there is none.
static int make_file(struct tw_seal *seal, const char *path, struct tw_error_text *err)
{
    uint8_t secret[TW_KEY_BYTES];
    char text[2 + DIGITS + 2] = "1 ";
    int rc = tw_seal_random(seal, secret, sizeof secret);
    if (rc == TW_OK) {
        tw_seal_hex(secret, sizeof secret, text + 2);
        text[2 + DIGITS] = '\n';
        text[2 + DIGITS + 1] = '\0';
        rc = tw_keyfile_make(WHAT, path, text, err);
    } else {
        rc = tw_fail(err, rc, "making the " WHAT " %s: the random generator failed; start again", path);
    }
    tw_seal_wipe(secret, sizeof secret);
    tw_seal_wipe(text, sizeof text);
    return rc == TW_ERR_EXISTS ? TW_OK : rc; // another start was faster
}

static int load(struct tw_seal *seal, const char *where, bool make, struct keys **out,
                struct tw_error_text *err)
{
    char path[4096];
    int rc = tw_keyfile_path(WHAT, where, path, sizeof path, err);
    if (rc == TW_OK && make && access(path, F_OK) != 0) {
        rc = make_file(seal, path, err);
    }
    return rc != TW_OK ? rc : read_keys(path, out, err);
}

// ---- the vault ----

void tw_vault_free(struct tw_vault *vault)
{
    if (vault != NULL) {
        keys_free(vault->keys);
        if (vault->lock != NULL) {
            (void)pthread_mutex_destroy(vault->lock);
        }
        free(vault->lock);
        free(vault->where);
        free(vault);
    }
}

int tw_vault_load(struct tw_seal *seal, const char *where, bool make, struct tw_vault **out,
                  struct tw_error_text *err)
{
    struct tw_vault *vault = calloc(1, sizeof *vault);
    pthread_mutex_t *lock = malloc(sizeof(pthread_mutex_t));
    char *copy = strdup(where);
    if (vault == NULL || lock == NULL || copy == NULL || pthread_mutex_init(lock, NULL) != 0) {
        free(vault);
        free(lock);
        free(copy);
        return tw_fail(err, TW_ERR_NOMEM, "loading the " WHAT " %s: out of memory", where);
    }
    *vault = (struct tw_vault){.seal = seal, .where = copy, .lock = lock};
    int rc = load(seal, where, make, &vault->keys, err);
    if (rc != TW_OK) {
        tw_vault_free(vault);
        return rc;
    }
    *out = vault;
    return TW_OK;
}

// Another secret under an ID in use is a mistake: what is sealed with the first would be lost.
static int compare(struct keys *old, struct keys *fresh, const char *where, struct tw_error_text *err)
{
    for (size_t i = 0; i < fresh->count; i++) {
        const struct key *was = key_of(old, fresh->list[i].id);
        if (was != NULL && !tw_seal_equal(was->check, fresh->list[i].check, sizeof was->check)) {
            return tw_fail(err, TW_ERR_MISMATCH,
                           "loading the " WHAT
                           ": key %u in %s is another one than before; put the old one back and "
                           "give the new one the next ID",
                           was->id, where);
        }
    }
    return TW_OK;
}

// A key that something is still sealed with must stay: its rows would not open any more.
static int check_needed(const struct keys *old, struct keys *fresh, unsigned oldest_needed, const char *where,
                        struct tw_error_text *err)
{
    for (size_t i = 0; oldest_needed > 0 && i < old->count; i++) {
        unsigned id = old->list[i].id;
        if (id >= oldest_needed && key_of(fresh, id) == NULL) {
            return tw_fail(err, TW_ERR_MISMATCH,
                           "loading the " WHAT
                           ": %s no longer holds key %u, and the journal still needs it; put it back until "
                           "`tillwire status` names a higher one as the oldest in use",
                           where, id);
        }
    }
    return TW_OK;
}

int tw_vault_reload(struct tw_vault *vault, unsigned oldest_needed, struct tw_error_text *err)
{
    struct keys *fresh = NULL;
    int rc = load(vault->seal, vault->where, false, &fresh, err);
    if (rc != TW_OK || fresh == NULL) {
        return rc;
    }
    (void)pthread_mutex_lock(vault->lock);
    struct keys *gone = fresh;
    rc = compare(vault->keys, fresh, vault->where, err);
    rc = rc != TW_OK ? rc : check_needed(vault->keys, fresh, oldest_needed, vault->where, err);
    if (rc == TW_OK) {
        gone = vault->keys;
        vault->keys = fresh;
    }
    (void)pthread_mutex_unlock(vault->lock);
    keys_free(gone);
    return rc;
}

unsigned tw_vault_current(const struct tw_vault *vault)
{
    (void)pthread_mutex_lock(vault->lock);
    unsigned id = vault->keys->highest;
    (void)pthread_mutex_unlock(vault->lock);
    return id;
}

int tw_vault_check(const struct tw_vault *vault, unsigned id, uint8_t out[TW_VAULT_CHECK_BYTES])
{
    (void)pthread_mutex_lock(vault->lock);
    const struct key *key = key_of(vault->keys, id);
    if (key != NULL) {
        memcpy(out, key->check, TW_VAULT_CHECK_BYTES);
    }
    (void)pthread_mutex_unlock(vault->lock);
    return key != NULL ? TW_OK : TW_ERR_NOT_FOUND;
}

// ---- sealing ----

int tw_vault_seal(struct tw_vault *vault, unsigned id, struct tw_slice bound, struct tw_slice plain,
                  struct tw_buf *out)
{
    if (!tw_buf_reserve(out, plain.len + TW_VAULT_OVERHEAD)) {
        return TW_ERR_NOMEM;
    }
    uint8_t *nonce = out->ptr + out->len;
    uint8_t *cipher = nonce + NONCE_BYTES;
    (void)pthread_mutex_lock(vault->lock);
    struct key *key = key_of(vault->keys, id);
    int rc = key != NULL ? tw_seal_random(vault->seal, nonce, NONCE_BYTES) : TW_ERR_NOT_FOUND;
    if (rc == TW_OK &&
        mbedtls_gcm_crypt_and_tag(&key->gcm, MBEDTLS_GCM_ENCRYPT, plain.len, nonce, NONCE_BYTES, bound.ptr,
                                  bound.len, plain.ptr, cipher, TAG_BYTES, cipher + plain.len) != 0) {
        rc = TW_ERR_TOO_LARGE; // the one fault it has: over 2^36 bytes
    }
    (void)pthread_mutex_unlock(vault->lock);
    out->len += rc == TW_OK ? plain.len + TW_VAULT_OVERHEAD : 0;
    out->ptr[out->len] = 0;
    return rc;
}

int tw_vault_open(struct tw_vault *vault, unsigned id, struct tw_slice bound, struct tw_slice sealed,
                  struct tw_buf *out)
{
    if (sealed.len < TW_VAULT_OVERHEAD) {
        return TW_ERR_DAMAGED;
    }
    size_t len = sealed.len - TW_VAULT_OVERHEAD;
    if (!tw_buf_reserve(out, len)) {
        return TW_ERR_NOMEM;
    }
    const uint8_t *cipher = sealed.ptr + NONCE_BYTES;
    (void)pthread_mutex_lock(vault->lock);
    struct key *key = key_of(vault->keys, id);
    int rc = key != NULL ? TW_OK : TW_ERR_NOT_FOUND;
    if (rc == TW_OK && mbedtls_gcm_auth_decrypt(&key->gcm, len, sealed.ptr, NONCE_BYTES, bound.ptr, bound.len,
                                                cipher + len, TAG_BYTES, cipher, out->ptr + out->len) != 0) {
        rc = TW_ERR_DAMAGED; // mbedTLS wiped what it had opened
    }
    (void)pthread_mutex_unlock(vault->lock);
    out->len += rc == TW_OK ? len : 0;
    out->ptr[out->len] = 0;
    return rc;
}
