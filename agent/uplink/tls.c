// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/tls.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define DATE_BYTES 24 // "2026-01-01 00:00 UTC"
#define NAME_BYTES 48 // of a certificate in a sentence

struct tw_tls {
    SSL_CTX *ctx;
    int64_t time_ms;
    int tunnel;              // for the next handshake; -1: none
    char host[256];          // at its other end
    char ca[256], cert[256]; // for sentences
    struct {
        int error; // X509_V_ERR_…; X509_V_OK: none
        bool leaf; // the broker's own certificate; else that of a CA
        char name[NAME_BYTES], from[DATE_BYTES], until[DATE_BYTES];
    } refused;
};

// ---- words ----

static void write_tm(const struct tm *when, char out[DATE_BYTES])
{
    (void)strftime(out, DATE_BYTES, "%Y-%m-%d %H:%M UTC", when);
}

static void write_asn1(const ASN1_TIME *time, char out[DATE_BYTES])
{
    struct tm when;
    (void)snprintf(out, DATE_BYTES, "an unreadable date");
    if (ASN1_TIME_to_tm(time, &when) == 1) {
        write_tm(&when, out);
    }
}

static void write_ms(int64_t time_ms, char out[DATE_BYTES])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm when;
    (void)gmtime_r(&seconds, &when);
    write_tm(&when, out);
}

// The common name as far as it is plain; a certificate of a stranger may hold anything.
static void write_name(X509 *cert, char out[NAME_BYTES])
{
    X509_NAME *subject = X509_get_subject_name(cert);
    (void)X509_NAME_get_text_by_NID(subject, NID_commonName, out, NAME_BYTES);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at >= ' ' && *at <= '~' ? *at : '?';
    }
}

// ---- verification ----

// Told of each fault on the way from the broker's certificate to the CA; the first is kept.
static int on_verify(int fine, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tw_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    if (fine == 0 && tls->refused.error == X509_V_OK) {
        tls->refused.error = X509_STORE_CTX_get_error(store);
        tls->refused.leaf = X509_STORE_CTX_get_error_depth(store) == 0;
        tls->refused.name[0] = tls->refused.from[0] = tls->refused.until[0] = '\0';
        if (cert != NULL) {
            write_name(cert, tls->refused.name);
            write_asn1(X509_get0_notBefore(cert), tls->refused.from);
            write_asn1(X509_get0_notAfter(cert), tls->refused.until);
        }
    }
    return fine;
}

int tw_tls_refused(const struct tw_tls *tls, struct tw_error_text *err)
{
    char now[DATE_BYTES], which[NAME_BYTES + 32];
    write_ms(tls->time_ms, now);
    (void)snprintf(which, sizeof which,
                   tls->refused.leaf ? "its certificate (%s)" : "its CA's certificate (%s)",
                   tls->refused.name);
    switch (tls->refused.error) {
    case X509_V_OK:
        return TW_OK;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return tw_fail(err, TW_ERR_REFUSED,
                       "%s ended on %s and this terminal's clock says %s; renew it, or set the clock", which,
                       tls->refused.until, now);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return tw_fail(err, TW_ERR_REFUSED,
                       "%s begins on %s and this terminal's clock says %s; set the clock, or wait", which,
                       tls->refused.from, now);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return tw_fail(
            err, TW_ERR_REFUSED,
            "its certificate is for another host name; check uplink.url or the certificate's names");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return tw_fail(err, TW_ERR_REFUSED,
                       "its certificate is not signed by the CA in %s; check that this is the broker's CA",
                       tls->ca);
    case X509_V_ERR_INVALID_PURPOSE:
        return tw_fail(err, TW_ERR_REFUSED, "%s is not one for servers; give it one with serverAuth", which);
    default:
        return tw_fail(err, TW_ERR_REFUSED, "%s is refused: %s; replace it", which,
                       X509_verify_cert_error_string(tls->refused.error));
    }
}

bool tw_tls_too_old(const struct tw_tls *tls)
{
    return tls->refused.error == X509_V_ERR_CERT_HAS_EXPIRED;
}

int tw_tls_own(const struct tw_tls *tls, struct tw_error_text *err)
{
    X509 *cert = SSL_CTX_get0_certificate(tls->ctx);
    time_t at = (time_t)(tls->time_ms / 1000);
    char now[DATE_BYTES], date[DATE_BYTES];
    write_ms(tls->time_ms, now);
    if (X509_cmp_time(X509_get0_notAfter(cert), &at) < 0) {
        write_asn1(X509_get0_notAfter(cert), date);
        return tw_fail(
            err, TW_ERR_REFUSED,
            "this terminal's certificate %s ended on %s and its clock says %s; renew it, or set the "
            "clock",
            tls->cert, date, now);
    }
    if (X509_cmp_time(X509_get0_notBefore(cert), &at) > 0) {
        write_asn1(X509_get0_notBefore(cert), date);
        return tw_fail(err, TW_ERR_REFUSED,
                       "this terminal's certificate %s begins on %s and its clock says %s; set the clock, or "
                       "wait",
                       tls->cert, date, now);
    }
    return TW_OK;
}

// ---- tunnel ----

// A handshake begins: the descriptor that libmosquitto connected becomes the tunnel, and the name it gave
// becomes the broker's, both before the first byte is made.
static void on_info(const SSL *ssl, int where, int value)
{
    struct tw_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_START) == 0 || tls->tunnel < 0) {
        return;
    }
    SSL *own = NULL;
    memcpy(&own, &ssl, sizeof own); // only the callback's type says const
    if (dup2(tls->tunnel, SSL_get_fd(ssl)) < 0) {
        (void)shutdown(SSL_get_fd(ssl), SHUT_RDWR); // then nothing may go to the proxy in clear
    }
    (void)SSL_set_tlsext_host_name(own, tls->host);
    tw_tls_tunnel(tls, -1, "");
}

void tw_tls_tunnel(struct tw_tls *tls, int fd, const char *host)
{
    if (tls->tunnel >= 0) {
        (void)close(tls->tunnel);
    }
    tls->tunnel = fd;
    (void)snprintf(tls->host, sizeof tls->host, "%s", host);
}

// ---- making ----

// An encrypted key: without this OpenSSL asks at the terminal for the passphrase.
static int no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static int load_files(SSL_CTX *ctx, const struct tw_tls_options *options, struct tw_error_text *err)
{
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_load_verify_file(ctx, options->ca) != 1) {
        return tw_fail(
            err, TW_ERR_INVALID,
            "the CA file %s cannot be used: it holds no certificate, or cannot be read; replace it",
            options->ca);
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, options->cert) != 1) {
        return tw_fail(err, TW_ERR_INVALID,
                       "the certificate file %s cannot be used: it holds no certificate, or cannot be read; "
                       "replace it",
                       options->cert);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, options->key, SSL_FILETYPE_PEM) == 1) {
        return TW_OK;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
        ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH) {
        return tw_fail(err, TW_ERR_MISMATCH,
                       "the key file %s does not belong to the certificate %s; give the pair that was made "
                       "together",
                       options->key, options->cert);
    }
    return tw_fail(err, TW_ERR_INVALID,
                   "the key file %s cannot be used: it holds no unencrypted private key, or cannot be read; "
                   "replace it",
                   options->key);
}

static bool is_ip(const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

// RFC 9525: the name in full, no wildcard within a label, and only names of the subjectAltName (section 2).
static bool set_rules(SSL_CTX *ctx, const struct tw_tls_options *options)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    bool fine = is_ip(options->host) ? X509_VERIFY_PARAM_set1_ip_asc(param, options->host) == 1
                                     : X509_VERIFY_PARAM_set1_host(param, options->host, 0) == 1;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    fine = fine && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1;
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); // each connection is made anew
    // One read(2) for all records that have come, instead of two for each: acknowledgements are small.
    SSL_CTX_set_read_ahead(ctx, 1);
    if (fine && options->alpn != NULL) {
        uint8_t wire[256];
        size_t len = strlen(options->alpn);
        if (len == 0 || len > 255) {
            return false;
        }
        wire[0] = (uint8_t)len; // RFC 7301 section 3.1
        memcpy(wire + 1, options->alpn, len);
        fine = SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)len + 1) == 0;
    }
    return fine;
}

int tw_tls_new(const struct tw_tls_options *options, struct tw_tls **out, struct tw_error_text *err)
{
    struct tw_tls *tls = calloc(1, sizeof *tls);
    if (tls != NULL) {
        tls->tunnel = -1;
        tls->ctx = SSL_CTX_new(TLS_client_method());
    }
    if (tls == NULL || tls->ctx == NULL || !set_rules(tls->ctx, options)) {
        tw_tls_free(tls);
        ERR_clear_error();
        return tw_fail(err, TW_ERR_NOMEM, "cannot prepare TLS for the host %s: out of memory", options->host);
    }
    SSL_CTX_set_app_data(tls->ctx, tls);
    SSL_CTX_set_info_callback(tls->ctx, on_info);
    (void)snprintf(tls->ca, sizeof tls->ca, "%s", options->ca);
    (void)snprintf(tls->cert, sizeof tls->cert, "%s", options->cert);
    int rc = load_files(tls->ctx, options, err);
    ERR_clear_error(); // what is left there would be taken for the handshake's
    if (rc != TW_OK) {
        tw_tls_free(tls);
        return rc;
    }
    tw_tls_set_time(tls, options->time_ms);
    *out = tls;
    return TW_OK;
}

void tw_tls_free(struct tw_tls *tls)
{
    if (tls != NULL) {
        tw_tls_tunnel(tls, -1, "");
        SSL_CTX_free(tls->ctx);
        free(tls);
    }
}

void tw_tls_set_time(struct tw_tls *tls, int64_t time_ms)
{
    tls->time_ms = time_ms;
    tls->refused.error = X509_V_OK;
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(tls->ctx), (time_t)(time_ms / 1000));
}

void *tw_tls_context(struct tw_tls *tls)
{
    return tls->ctx;
}
