// SPDX-License-Identifier: Apache-2.0
//
// Certificates with any dates and names, for tests of TLS. Keys are EC P-256.
//
// Threading: one thread. Memory: unmade by who made it. Time: seconds since 1970. Errors: fail the test.
#ifndef TW_CERTIFICATE_H
#define TW_CERTIFICATE_H

#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

struct certificate {
    X509 *cert;
    EVP_PKEY *key;
};

// `by` NULL: signs itself. `names` are the alternative names as in openssl.cnf, "" for none, NULL for a CA.
struct certificate certificate_make(const char *name, const struct certificate *by, const char *names,
                                    int64_t from, int64_t until);
void certificate_unmake(struct certificate *made);

// As PEM; a key with a passphrase is encrypted (NULL: none).
void certificate_write(const char *path, X509 *cert);
void certificate_write_key(const char *path, EVP_PKEY *key, const char *passphrase);

#endif
