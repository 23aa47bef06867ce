// SPDX-License-Identifier: Apache-2.0
//
// agent/seal against published vectors: FIPS 180-4 examples for SHA-256, RFC 4231 for HMAC-SHA-256
// (a pseudonym is one; its key has 32 bytes, so the vector is computed with an independent tool).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "tillwire/seal.h"

static const char KEY[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

static void write_key(char *path, const char *text, mode_t mode)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static void sha256_of_known_texts(void **state)
{
    (void)state;
    uint8_t hash[32];
    char hex[65];
    tw_seal_sha256(tw_slice_of("abc"), hash);
    tw_seal_hex(hash, sizeof hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    tw_seal_sha256((struct tw_slice){NULL, 0}, hash);
    tw_seal_hex(hash, sizeof hash, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// printf 'club:6009200000009310' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f
static void pseudonym_is_hmac_of_scheme_and_card(void **state)
{
    (void)state;
    char path[] = "/tmp/tw-seal-XXXXXX";
    write_key(path, KEY, 0600);
    struct tw_seal *seal = NULL;
    struct tw_error_text err;
    assert_int_equal(tw_seal_new(&seal, &err), TW_OK);
    char out[TW_PSEUDONYM_LEN + 1];
    assert_int_equal(tw_seal_pseudonym(seal, "club", "6009200000009310", out), TW_ERR_NOT_FOUND);
    assert_int_equal(tw_seal_load_key(seal, path, &err), TW_OK);
    assert_int_equal(tw_seal_pseudonym(seal, "club", "6009200000009310", out), TW_OK);
    assert_string_equal(out, "v1:70e80bfde6c787e41bdb418582bf56186c1df9218f9398081478db54e56d1a51");
    tw_seal_free(seal);
    (void)unlink(path);
}

static void bad_keys_are_explained(void **state)
{
    (void)state;
    struct tw_seal *seal = NULL;
    struct tw_error_text err;
    assert_int_equal(tw_seal_new(&seal, &err), TW_OK);
    char open_to_all[] = "/tmp/tw-seal-XXXXXX";
    write_key(open_to_all, KEY, 0604);
    assert_int_equal(tw_seal_load_key(seal, open_to_all, &err), TW_ERR_REFUSED);
    assert_non_null(strstr(err.text, "chmod 0600"));
    (void)unlink(open_to_all);

    static const char *const bad[] = {"", "00", "zz", "0001020304050607",
                                      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char path[] = "/tmp/tw-seal-XXXXXX";
        write_key(path, bad[i], 0600);
        assert_int_equal(tw_seal_load_key(seal, path, &err), TW_ERR_INVALID);
        (void)unlink(path);
    }
    assert_int_equal(tw_seal_load_key(seal, "/nonexistent/key", &err), TW_ERR_IO);
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(tw_seal_load_key(seal, "credential:pseudonym", &err), TW_ERR_NOT_FOUND);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1), 0);
    assert_int_equal(tw_seal_load_key(seal, "credential:pseudonym", &err), TW_ERR_IO);
    tw_seal_free(seal);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    struct tw_seal *seal = NULL;
    assert_int_equal(tw_seal_new(&seal, NULL), TW_OK);
    static uint8_t a[5000]; // more than one request of the generator
    static uint8_t b[5000];
    assert_int_equal(tw_seal_random(seal, a, sizeof a), TW_OK);
    assert_int_equal(tw_seal_random(seal, b, sizeof b), TW_OK);
    assert_false(tw_seal_equal(a, b, sizeof a));
    assert_false(tw_seal_equal(a + 4900, b + 4900, 100));
    memcpy(b, a, sizeof b);
    assert_true(tw_seal_equal(a, b, sizeof a));
    b[4999] ^= 1;
    assert_false(tw_seal_equal(a, b, sizeof a));
    tw_seal_free(seal);
}

// Nonces: of all lengths that come from what is drawn ahead, over several times its size.
static void small_draws_never_come_twice(void **state)
{
    (void)state;
    enum { DRAWS = 1000, BYTES = 12 };
    struct tw_seal *seal = NULL;
    assert_int_equal(tw_seal_new(&seal, NULL), TW_OK);
    static uint8_t drawn[DRAWS][16];
    for (size_t i = 0; i < DRAWS; i++) {
        assert_int_equal(tw_seal_random(seal, drawn[i], BYTES + i % 5), TW_OK);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(drawn[i], drawn[k], BYTES);
        }
    }
    tw_seal_free(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_draws_never_come_twice),
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(pseudonym_is_hmac_of_scheme_and_card),
        cmocka_unit_test(bad_keys_are_explained),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
