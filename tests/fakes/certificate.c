// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void extend(X509 *cert, X509 *issuer, int what, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, what, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct certificate certificate_make(const char *name, const struct certificate *by, const char *names,
                                    int64_t from, int64_t until)
{
    struct certificate made = {X509_new(), EVP_EC_gen("P-256")};
    const struct certificate *issuer = by != NULL ? by : &made;
    X509_NAME *subject = X509_get_subject_name(made.cert);
    assert_int_equal(X509_set_version(made.cert, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made.cert), 1), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(made.cert), (time_t)from));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(made.cert), (time_t)until));
    assert_int_equal(
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert)), 1);
    assert_int_equal(X509_set_pubkey(made.cert, made.key), 1);
    if (names == NULL) {
        extend(made.cert, issuer->cert, NID_basic_constraints, "critical,CA:TRUE");
    } else if (names[0] != '\0') {
        extend(made.cert, issuer->cert, NID_subject_alt_name, names);
    }
    assert_true(X509_sign(made.cert, issuer->key, EVP_sha256()) > 0);
    return made;
}

void certificate_unmake(struct certificate *pair)
{
    X509_free(pair->cert);
    EVP_PKEY_free(pair->key);
}

void certificate_write(const char *path, X509 *cert)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    (void)fclose(file);
}

void certificate_write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
                                               passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0,
                                               NULL, NULL),
                     1);
    (void)fclose(file);
}
