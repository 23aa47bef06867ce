// SPDX-License-Identifier: Apache-2.0
//
// The vault: what is sealed opens with its key and its bound data, and with nothing else (NIST SP 800-38D);
// the stored form can be read by any AES-GCM; keys come from files that are complained about in sentences.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <pthread.h>
#include <sys/stat.h>

#include "tillwire/seal.h"

#define HEX_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_2 "f0e0d0c0b0a090807060504030201000f0e0d0c0b0a090807060504030201000"

struct fixture {
    char folder[32];
    char path[64];
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct tw_buf sealed, opened;
    struct tw_error_text err;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/tw-vault-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/journal.key", f->folder);
    assert_int_equal(tw_seal_new(&f->seal, &f->err), TW_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tw_vault_free(f->vault);
    tw_seal_free(f->seal);
    tw_buf_free(&f->sealed);
    tw_buf_free(&f->opened);
    (void)unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0); // nothing else was left there
    free(f);
    return 0;
}

static void load(struct fixture *f, const char *text)
{
    write_file(f->path, text, 0600);
    assert_int_equal(tw_vault_load(f->seal, f->path, false, &f->vault, &f->err), TW_OK);
}

static int seal_text(struct fixture *f, unsigned id, const char *bound, const char *plain)
{
    tw_buf_clear(&f->sealed);
    return tw_vault_seal(f->vault, id, tw_slice_of(bound), tw_slice_of(plain), &f->sealed);
}

static int open_it(struct fixture *f, unsigned id, const char *bound)
{
    tw_buf_clear(&f->opened);
    return tw_vault_open(f->vault, id, tw_slice_of(bound), tw_buf_slice(&f->sealed), &f->opened);
}

// ---- sealing ----

static void what_is_sealed_opens(void **state)
{
    struct fixture *f = *state;
    load(f, "1 " HEX_1 "\n");
    static char text[70001];
    for (size_t len = 0; len < sizeof text; len = len * 3 + 1) {
        memset(text, 'x', len);
        text[len] = '\0';
        tw_buf_add_text(&f->sealed, "before");
        assert_int_equal(tw_vault_seal(f->vault, 1, tw_slice_of("bound"), tw_slice_of(text), &f->sealed),
                         TW_OK);
        assert_int_equal(f->sealed.len, 6 + len + TW_VAULT_OVERHEAD);
        assert_memory_equal(f->sealed.ptr, "before", 6);
        tw_buf_add_text(&f->opened, "also");
        struct tw_slice sealed = tw_slice_make(f->sealed.ptr + 6, f->sealed.len - 6);
        assert_int_equal(tw_vault_open(f->vault, 1, tw_slice_of("bound"), sealed, &f->opened), TW_OK);
        assert_int_equal(f->opened.len, 4 + len);
        assert_string_equal((char *)f->opened.ptr + 4, text);
        tw_buf_clear(&f->sealed);
        tw_buf_clear(&f->opened);
    }
    assert_int_equal(seal_text(f, 1, NULL, NULL), TW_OK);
    assert_int_equal(open_it(f, 1, ""), TW_OK);
    assert_int_equal(f->opened.len, 0);
}

static void every_changed_bit_is_damage(void **state)
{
    struct fixture *f = *state;
    load(f, "1 " HEX_1 "\n");
    char bound[] = "epoch, sequence";
    assert_int_equal(seal_text(f, 1, bound, "a sale of 4,99"), TW_OK);
    for (size_t bit = 0; bit < 8 * f->sealed.len; bit++) {
        f->sealed.ptr[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_int_equal(open_it(f, 1, bound), TW_ERR_DAMAGED);
        assert_int_equal(f->opened.len, 0);
        f->sealed.ptr[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    for (size_t bit = 0; bit < 8 * strlen(bound); bit++) {
        bound[bit / 8] = (char)(bound[bit / 8] ^ (char)(1U << (bit % 8)));
        struct tw_slice changed = tw_slice_make(bound, sizeof bound - 1);
        assert_int_equal(tw_vault_open(f->vault, 1, changed, tw_buf_slice(&f->sealed), &f->opened),
                         TW_ERR_DAMAGED);
        bound[bit / 8] = (char)(bound[bit / 8] ^ (char)(1U << (bit % 8)));
    }
    for (size_t len = f->sealed.len; len-- > 0;) {
        struct tw_slice cut = tw_slice_make(f->sealed.ptr, len);
        assert_int_equal(tw_vault_open(f->vault, 1, tw_slice_of(bound), cut, &f->opened), TW_ERR_DAMAGED);
    }
    assert_int_equal(open_it(f, 1, bound), TW_OK);
    assert_string_equal((char *)f->opened.ptr, "a sale of 4,99");
}

static void another_key_does_not_open(void **state)
{
    struct fixture *f = *state;
    load(f, "1 " HEX_1 "\n2 " HEX_2 "\n");
    assert_int_equal(seal_text(f, 1, "b", "text"), TW_OK);
    assert_int_equal(open_it(f, 2, "b"), TW_ERR_DAMAGED);
    assert_int_equal(open_it(f, 3, "b"), TW_ERR_NOT_FOUND);
    assert_int_equal(f->opened.len, 0);
    assert_int_equal(seal_text(f, 3, "b", "text"), TW_ERR_NOT_FOUND);
    assert_int_equal(f->sealed.len, 0);
    uint8_t one[TW_VAULT_CHECK_BYTES];
    uint8_t two[TW_VAULT_CHECK_BYTES];
    assert_int_equal(tw_vault_check(f->vault, 1, one), TW_OK);
    assert_int_equal(tw_vault_check(f->vault, 2, two), TW_OK);
    assert_memory_not_equal(one, two, sizeof one);
    assert_int_equal(tw_vault_check(f->vault, 3, two), TW_ERR_NOT_FOUND);
}

static int by_nonce(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void nonces_never_come_twice(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 100000 };
    load(f, HEX_1);
    uint8_t(*nonces)[12] = malloc(COUNT * sizeof *nonces);
    assert_non_null(nonces);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(seal_text(f, 1, "", "x"), TW_OK);
        memcpy(nonces[i], f->sealed.ptr, sizeof nonces[i]);
    }
    qsort(nonces, COUNT, sizeof *nonces, by_nonce);
    for (size_t i = 1; i < COUNT; i++) {
        assert_memory_not_equal(nonces[i - 1], nonces[i], sizeof nonces[i]);
    }
    free(nonces);
}

// nonce | ciphertext | tag under HKDF-SHA-256 of the key: opened here with nothing of ours.
static void stored_form_is_plain_aes_gcm(void **state)
{
    struct fixture *f = *state;
    load(f, "7 " HEX_1 "\n");
    assert_int_equal(seal_text(f, 7, "bound", "known to all"), TW_OK);
    uint8_t secret[32];
    for (uint8_t i = 0; i < sizeof secret; i++) {
        secret[i] = i;
    }
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    uint8_t aes[32];
    static const char purpose[] = "tillwire journal seal 1";
    assert_int_equal(mbedtls_hkdf(sha256, NULL, 0, secret, sizeof secret, (const uint8_t *)purpose,
                                  sizeof purpose - 1, aes, sizeof aes),
                     0);
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    assert_int_equal(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, aes, 256), 0);
    char plain[13] = {0};
    assert_int_equal(f->sealed.len, 12 + 12 + 16);
    assert_int_equal(mbedtls_gcm_auth_decrypt(&gcm, 12, f->sealed.ptr, 12, (const uint8_t *)"bound", 5,
                                              f->sealed.ptr + 24, 16, f->sealed.ptr + 12, (uint8_t *)plain),
                     0);
    assert_string_equal(plain, "known to all");
    mbedtls_gcm_free(&gcm);

    static const char check_purpose[] = "tillwire journal check 1";
    uint8_t expected[32];
    uint8_t check[TW_VAULT_CHECK_BYTES];
    assert_int_equal(mbedtls_hkdf(sha256, NULL, 0, secret, sizeof secret, (const uint8_t *)check_purpose,
                                  sizeof check_purpose - 1, expected, sizeof expected),
                     0);
    assert_int_equal(tw_vault_check(f->vault, 7, check), TW_OK);
    assert_memory_equal(check, expected, sizeof check);
}

// openssl kdf -keylen 8 -kdfopt digest:SHA256 -kdfopt hexkey:000102…1f -kdfopt 'info:tillwire journal check
// 1' HKDF
static void check_value_is_as_another_tool_computes_it(void **state)
{
    struct fixture *f = *state;
    load(f, HEX_1);
    uint8_t check[TW_VAULT_CHECK_BYTES];
    char hex[2 * TW_VAULT_CHECK_BYTES + 1];
    assert_int_equal(tw_vault_check(f->vault, 1, check), TW_OK);
    tw_seal_hex(check, sizeof check, hex);
    assert_string_equal(hex, "9b53af3ec0f06c62");
}

// ---- rotation ----

static void rotation_by_reload(void **state)
{
    struct fixture *f = *state;
    load(f, "1 " HEX_1 "\n");
    assert_int_equal(tw_vault_current(f->vault), 1);
    assert_int_equal(seal_text(f, 1, "b", "old"), TW_OK);
    write_file(f->path, "12 " HEX_2 "\r\n\n1 " HEX_1 "\n", 0600);
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_OK);
    assert_int_equal(tw_vault_current(f->vault), 12);
    assert_int_equal(open_it(f, 1, "b"), TW_OK);
    assert_string_equal((char *)f->opened.ptr, "old");
    assert_int_equal(seal_text(f, 12, "b", "new"), TW_OK);
    assert_int_equal(open_it(f, 12, "b"), TW_OK);

    // Nothing that fails changes anything.
    write_file(f->path, "1 " HEX_1 "\n12 nonsense\n", 0600);
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_ERR_INVALID);
    write_file(f->path, "1 " HEX_2 "\n13 " HEX_1 "\n", 0600);
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_ERR_MISMATCH);
    assert_non_null(strstr(f->err.text, "key 1"));
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_ERR_IO);
    assert_int_equal(tw_vault_current(f->vault), 12);
    assert_int_equal(open_it(f, 12, "b"), TW_OK);

    write_file(f->path, "12 " HEX_2, 0600);
    assert_int_equal(tw_vault_reload(f->vault, 1, &f->err), TW_ERR_MISMATCH); // rows under key 1 are there
    assert_non_null(strstr(f->err.text, "no longer holds key 1"));
    assert_int_equal(seal_text(f, 1, "b", "still there"), TW_OK);
    assert_int_equal(tw_vault_reload(f->vault, 2, &f->err), TW_OK);
    assert_int_equal(seal_text(f, 1, "b", "gone"), TW_ERR_NOT_FOUND);
}

static void *reload_many(void *arg)
{
    struct fixture *f = arg;
    int rc = TW_OK;
    for (int i = 0; i < 200 && rc == TW_OK; i++) {
        rc = tw_vault_reload(f->vault, 0, NULL);
    }
    return rc == TW_OK ? f : NULL;
}

// For the thread sanitizer, and for keys freed under a seal.
static void reload_beside_sealing(void **state)
{
    struct fixture *f = *state;
    load(f, "1 " HEX_1 "\n2 " HEX_2 "\n");
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, reload_many, f), 0);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(seal_text(f, tw_vault_current(f->vault), "b", "text"), TW_OK);
        assert_int_equal(open_it(f, 2, "b"), TW_OK);
    }
    void *good = NULL;
    assert_int_equal(pthread_join(other, &good), 0);
    assert_non_null(good);
}

// ---- files ----

static void a_missing_file_is_made_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tw_vault_load(f->seal, f->path, false, &f->vault, &f->err), TW_ERR_IO);
    assert_int_equal(tw_vault_load(f->seal, f->path, true, &f->vault, &f->err), TW_OK);
    assert_int_equal(tw_vault_current(f->vault), 1);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 2 + 64 + 1);
    assert_int_equal(seal_text(f, 1, "b", "stays"), TW_OK);
    tw_vault_free(f->vault);
    f->vault = NULL;
    assert_int_equal(tw_vault_load(f->seal, f->path, true, &f->vault, &f->err), TW_OK);
    assert_int_equal(open_it(f, 1, "b"), TW_OK);
}

static void what_a_cut_start_left_is_replaced(void **state)
{
    struct fixture *f = *state;
    char beside[80];
    (void)snprintf(beside, sizeof beside, "%s.new", f->path);
    write_file(beside, "1 00", 0600);
    assert_int_equal(tw_vault_load(f->seal, f->path, true, &f->vault, &f->err), TW_OK);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tw_vault_load(f->seal, "/nonexistent/journal.key", true, &f->vault, &f->err), TW_ERR_IO);
    assert_non_null(strstr(f->err.text, "/nonexistent/journal.key"));
    assert_null(f->vault);
}

static void bad_files_are_explained(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "holds no key"},
        {" \n\n\r\n", "holds no key"},
        {"1 00\n", ":1: this is not a key"},
        {"x " HEX_1, ":1: this is not a key"},
        {"0 " HEX_1, ":1: this is not a key"},
        {"65536 " HEX_1, ":1: this is not a key"},
        {"4294967297 " HEX_1, ":1: this is not a key"},
        {"-1 " HEX_1, ":1: this is not a key"},
        {"1 " HEX_1 "00", ":1: this is not a key"},
        {"1 " HEX_1 " 2", ":1: this is not a key"},
        {"1 " HEX_1 "\n\n" HEX_2, ":3: this is not a key"},
        {"1 " HEX_1 "\n# comment", ":2: this is not a key"},
        {"1 " HEX_1 "\n2 " HEX_2 "\n1 " HEX_2, ":3: this ID is there twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(f->path, bad[i].text, 0600);
        assert_int_equal(tw_vault_load(f->seal, f->path, true, &f->vault, &f->err), TW_ERR_INVALID);
        assert_non_null(strstr(f->err.text, f->path));
        assert_non_null(strstr(f->err.text, bad[i].says));
        assert_null(strstr(f->err.text, "0001020304")); // no part of a key
    }
    write_file(f->path, HEX_1, 0604);
    assert_int_equal(tw_vault_load(f->seal, f->path, true, &f->vault, &f->err), TW_ERR_REFUSED);
    assert_non_null(strstr(f->err.text, "chmod 0600"));
    assert_null(f->vault);
}

static void as_many_keys_as_allowed(void **state)
{
    struct fixture *f = *state;
    struct tw_buf text = {0};
    for (unsigned i = 0; i < 64; i++) {
        tw_buf_printf(&text, "%u %s\r\n", 65535 - i, HEX_1);
    }
    load(f, (const char *)text.ptr);
    assert_int_equal(tw_vault_current(f->vault), 65535);
    tw_buf_add_text(&text, "1 " HEX_2 "\n");
    write_file(f->path, (const char *)text.ptr, 0600);
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_ERR_INVALID);
    assert_non_null(strstr(f->err.text, "64 keys"));
    tw_buf_free(&text);
}

static void a_credential_is_found(void **state)
{
    struct fixture *f = *state;
    write_file(f->path, HEX_2, 0400);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->folder, 1), 0);
    assert_int_equal(tw_vault_load(f->seal, "credential:journal.key", false, &f->vault, &f->err), TW_OK);
    assert_int_equal(tw_vault_current(f->vault), 1);
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_OK);
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(tw_vault_reload(f->vault, 0, &f->err), TW_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sealed_opens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_bit_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_key_does_not_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonces_never_come_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stored_form_is_plain_aes_gcm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_value_is_as_another_tool_computes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rotation_by_reload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reload_beside_sealing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_file_is_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_cut_start_left_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_files_are_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_keys_as_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_credential_is_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
