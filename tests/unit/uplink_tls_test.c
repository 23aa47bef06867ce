// SPDX-License-Identifier: Apache-2.0
//
// The uplink's TLS context in handshakes in memory, against servers with certificates of every kind of
// wrong: what is accepted, what is refused, and what is said about it; and how renewed files are taken up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "agent/uplink/creds.h"
#include "tests/fakes/certificate.h"
#include "tillwire/clock.h"

// 2026-06-01, 2026-12-01 and the days between as seconds since 1970.
#define BEGINS INT64_C(1780272000)
#define ENDS   INT64_C(1796083200)
#define NOON   ((BEGINS + ENDS) / 2 * 1000)

struct world {
    char folder[64], ca[96], cert[96], key[96];
    struct certificate root, broker, terminal;
};

// ---- the files ----

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/tw-tls-test-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->ca, sizeof world->ca, "%s/ca.pem", world->folder);
    (void)snprintf(world->cert, sizeof world->cert, "%s/t.pem", world->folder);
    (void)snprintf(world->key, sizeof world->key, "%s/t.key", world->folder);
    world->root = certificate_make("test CA", NULL, NULL, BEGINS, ENDS);
    world->broker =
        certificate_make("the broker", &world->root, "DNS:broker.example,IP:192.0.2.7", BEGINS, ENDS);
    world->terminal = certificate_make("acme-0042-07", &world->root, "", BEGINS, ENDS);
    certificate_write(world->ca, world->root.cert);
    certificate_write(world->cert, world->terminal.cert);
    certificate_write_key(world->key, world->terminal.key, NULL);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    struct certificate *const pairs[] = {&world->root, &world->broker, &world->terminal};
    const char *const files[] = {world->ca, world->cert, world->key};
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(files[i]);
        certificate_unmake(pairs[i]);
    }
    (void)rmdir(world->folder);
    free(world);
    return 0;
}

static struct tw_tls_options options_of(const struct world *world)
{
    return (struct tw_tls_options){
        .ca = world->ca, .cert = world->cert, .key = world->key, .host = "broker.example", .time_ms = NOON};
}

static struct tw_tls *new_tls(const struct tw_tls_options *options)
{
    struct tw_tls *tls = NULL;
    struct tw_error_text err = {""};
    assert_int_equal(tw_tls_new(options, &tls, &err), TW_OK);
    return tls;
}

// ---- handshakes ----

static int pick_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *in, unsigned in_len,
                     void *ctx)
{
    char *seen = ctx;
    (void)ssl;
    (void)snprintf(seen, 64, "%.*s", (int)in[0], (const char *)in + 1);
    (void)in_len;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

struct server {
    const struct certificate *pair;
    int version; // the newest it speaks; 0: TLS 1.3
    char alpn[64];
};

// Whether the terminal's side comes through.
static bool shakes_hands(struct tw_tls *tls, struct server *server)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(ctx, server->pair->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, server->pair->key), 1);
    (void)SSL_CTX_set_max_proto_version(ctx, server->version);
    SSL_CTX_set_alpn_select_cb(ctx, pick_alpn, server->alpn);
    SSL *there = SSL_new(ctx), *here = SSL_new(tw_tls_context(tls));
    BIO *a = NULL, *b = NULL;
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(there, a, a);
    SSL_set_bio(here, b, b);
    SSL_set_accept_state(there);
    SSL_set_connect_state(here);
    bool fine = false;
    for (int i = 0; i < 10 && !fine; i++) {
        int rc = SSL_do_handshake(here);
        fine = rc == 1;
        if (rc != 1 && SSL_get_error(here, rc) != SSL_ERROR_WANT_READ) {
            break;
        }
        (void)SSL_do_handshake(there);
    }
    SSL_free(here);
    SSL_free(there);
    SSL_CTX_free(ctx);
    return fine;
}

static void assert_refused(const struct tw_tls_options *options, const struct certificate *pair,
                           const char *const words[3])
{
    struct server server = {.pair = pair};
    struct tw_tls *tls = new_tls(options);
    struct tw_error_text err = {""};
    assert_false(shakes_hands(tls, &server));
    assert_int_equal(tw_tls_refused(tls, &err), TW_ERR_REFUSED);
    for (size_t i = 0; i < 3 && words[i] != NULL; i++) {
        if (strstr(err.text, words[i]) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", words[i], err.text);
        }
    }
    assert_true(strlen(err.text) < 200); // fits into the status, with the broker's name before it
    tw_tls_free(tls);
}

static void test_a_good_broker_is_accepted(void **state)
{
    const struct world *world = *state;
    static const char *const hosts[] = {"broker.example", "192.0.2.7"};
    for (size_t i = 0; i < 2; i++) {
        struct tw_tls_options options = options_of(world);
        struct tw_error_text err = {""};
        struct server server = {.pair = &world->broker};
        options.host = hosts[i];
        struct tw_tls *tls = new_tls(&options);
        assert_true(shakes_hands(tls, &server));
        assert_int_equal(tw_tls_refused(tls, &err), TW_OK);
        assert_string_equal(server.alpn, "");
        tw_tls_free(tls);
    }
}

// The name is checked by nobody else: with an own context libmosquitto does not.
static void test_another_host_is_refused(void **state)
{
    const struct world *world = *state;
    static const char *const hosts[] = {"broker.example.org", "example", "192.0.2.8", "2001:db8::7"};
    static const char *const words[3] = {"for another host name"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct tw_tls_options options = options_of(world);
        options.host = hosts[i];
        assert_refused(&options, &world->broker, words);
    }
    struct certificate wild = certificate_make("wild", &world->root, "DNS:bro*.example", BEGINS, ENDS);
    const struct tw_tls_options options = options_of(world);
    assert_refused(&options, &wild, words);
    certificate_unmake(&wild);
}

// RFC 9525 section 2: a common name is no name of a service.
static void test_a_common_name_does_not_count(void **state)
{
    const struct world *world = *state;
    static const char *const words[3] = {"for another host name"};
    struct certificate old = certificate_make("broker.example", &world->root, "", BEGINS, ENDS);
    const struct tw_tls_options options = options_of(world);
    assert_refused(&options, &old, words);
    certificate_unmake(&old);
}

static void test_a_stranger_is_refused(void **state)
{
    const struct world *world = *state;
    static const char *const words[3] = {"not signed by the CA in", "/ca.pem"};
    struct certificate other = certificate_make("other CA", NULL, NULL, BEGINS, ENDS);
    struct certificate broker = certificate_make("the broker", &other, "DNS:broker.example", BEGINS, ENDS);
    struct certificate own = certificate_make("the broker", NULL, "DNS:broker.example", BEGINS, ENDS);
    struct tw_tls_options options = options_of(world);
    assert_refused(&options, &broker, words);
    assert_refused(&options, &own, words);
    certificate_unmake(&other);
    certificate_unmake(&broker);
    certificate_unmake(&own);
}

// P12: it names which certificate, its date and the terminal's time.
static void test_p12_dates_are_explained(void **state)
{
    const struct world *world = *state;
    struct tw_tls_options options = options_of(world);
    options.time_ms = (ENDS + 86400) * 1000;
    struct certificate lasting =
        certificate_make("the broker", &world->root, "DNS:broker.example", BEGINS, ENDS * 2);
    static const char *const ca[3] = {"its CA's certificate (test CA) ended on 2026-12-01 00:00 UTC",
                                      "clock says 2026-12-02 00:00 UTC"};
    assert_refused(&options, &lasting, ca);
    struct certificate short_lived =
        certificate_make("the broker", &world->root, "DNS:broker.example", BEGINS, BEGINS + 86400);
    static const char *const ended[3] = {"its certificate (the broker) ended on 2026-06-02 00:00 UTC",
                                         "clock says 2026-08-31"};
    options.time_ms = NOON;
    assert_refused(&options, &short_lived, ended);
    struct certificate early =
        certificate_make("the broker", &world->root, "DNS:broker.example", ENDS - 86400, ENDS);
    static const char *const begins[3] = {"its certificate (the broker) begins on 2026-11-30 00:00 UTC",
                                          "clock says 2026-08-31"};
    assert_refused(&options, &early, begins);
    certificate_unmake(&lasting);
    certificate_unmake(&short_lived);
    certificate_unmake(&early);
}

// P12: the time can be set again for the next handshake, and what was refused before is forgotten.
static void test_p12_the_time_of_verification_is_ours(void **state)
{
    const struct world *world = *state;
    struct tw_tls_options options = options_of(world);
    struct server server = {.pair = &world->broker};
    options.time_ms = 1000; // 1970
    struct tw_tls *tls = new_tls(&options);
    struct tw_error_text err = {""};
    assert_false(shakes_hands(tls, &server));
    assert_false(tw_tls_too_old(tls));
    tw_tls_set_time(tls, (ENDS + 60) * 1000);
    assert_false(shakes_hands(tls, &server));
    assert_true(tw_tls_too_old(tls));
    tw_tls_set_time(tls, NOON);
    assert_true(shakes_hands(tls, &server));
    assert_false(tw_tls_too_old(tls));
    assert_int_equal(tw_tls_refused(tls, &err), TW_OK);
    tw_tls_free(tls);
}

static void test_tls_1_2_is_not_spoken(void **state)
{
    const struct world *world = *state;
    struct tw_tls_options options = options_of(world);
    struct server server = {.pair = &world->broker, .version = TLS1_2_VERSION};
    struct tw_tls *tls = new_tls(&options);
    assert_false(shakes_hands(tls, &server));
    tw_tls_free(tls);
}

static void test_alpn_is_asked_for(void **state)
{
    const struct world *world = *state;
    struct tw_tls_options options = options_of(world);
    struct server server = {.pair = &world->broker};
    options.alpn = "x-amzn-mqtt-ca";
    struct tw_tls *tls = new_tls(&options);
    assert_true(shakes_hands(tls, &server));
    assert_string_equal(server.alpn, "x-amzn-mqtt-ca");
    tw_tls_free(tls);
}

static void test_own_certificate_out_of_its_dates_is_said(void **state)
{
    const struct world *world = *state;
    struct tw_tls_options options = options_of(world);
    struct tw_tls *tls = new_tls(&options);
    struct tw_error_text err = {""};
    assert_int_equal(tw_tls_own(tls, &err), TW_OK);
    tw_tls_set_time(tls, (ENDS + 60) * 1000);
    assert_int_equal(tw_tls_own(tls, &err), TW_ERR_REFUSED);
    assert_non_null(strstr(err.text, "t.pem ended on 2026-12-01 00:00 UTC"));
    tw_tls_set_time(tls, (BEGINS - 60) * 1000);
    assert_int_equal(tw_tls_own(tls, &err), TW_ERR_REFUSED);
    assert_non_null(strstr(err.text, "t.pem begins on 2026-06-01 00:00 UTC"));
    tw_tls_free(tls);
}

static void assert_unusable(const struct tw_tls_options *options, int code, const char *words)
{
    struct tw_tls *tls = NULL;
    struct tw_error_text err = {""};
    assert_int_equal(tw_tls_new(options, &tls, &err), code);
    assert_null(tls);
    if (strstr(err.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    }
}

static void test_files_that_cannot_be_used_are_named(void **state)
{
    const struct world *world = *state;
    struct tw_tls_options options = options_of(world);
    options.ca = world->key;
    assert_unusable(&options, TW_ERR_INVALID, "CA file");
    options = options_of(world);
    options.cert = world->key;
    assert_unusable(&options, TW_ERR_INVALID, "certificate file");
    options = options_of(world);
    options.key = world->cert;
    assert_unusable(&options, TW_ERR_INVALID, "no unencrypted private key");
    options = options_of(world);
    certificate_write_key(world->key, world->terminal.key, "secret"); // nobody is asked for the passphrase
    assert_unusable(&options, TW_ERR_INVALID, "no unencrypted private key");
    certificate_write_key(world->key, world->broker.key, NULL);
    assert_unusable(&options, TW_ERR_MISMATCH, "does not belong to the certificate");
}

// ---- time ----

// P12: never before what is known to have passed, and no glitch of the clock ends certificates for good.
static void test_p12_the_time_that_is_believed(void **state)
{
    (void)state;
    const int64_t release = TW_RELEASE_WALL_MS, day = 86400000;
    assert_int_equal(tw_creds_time(0, false, 0), release);
    assert_int_equal(tw_creds_time(0, true, 0), release); // a kernel that vouches for 1970 is wrong
    assert_int_equal(tw_creds_time(0, true, release + day), release + day);
    assert_int_equal(tw_creds_time(release + 3 * day, false, release + day), release + 3 * day);
    assert_int_equal(tw_creds_time(release + day, false, release + 3 * day), release + 3 * day);
    assert_int_equal(tw_creds_time(release + day, true, release + 3650 * day), release + day);
    assert_int_equal(tw_creds_time(release + day, false, release - day), release + day);
}

// ---- renewed files ----

static struct tw_creds *load(const struct world *world)
{
    struct tw_creds *creds = calloc(1, sizeof *creds);
    struct tw_error_text err = {""};
    tw_creds_init(creds, world->ca, world->cert, world->key, "broker.example", NULL);
    assert_int_equal(tw_creds_load(creds, NOON, &err), TW_OK);
    assert_string_equal(creds->notice, "");
    return creds;
}

static void assert_nothing_new(struct tw_creds *creds)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    }
}

static void unload(struct tw_creds *creds)
{
    tw_creds_free(creds);
    free(creds);
}

static void test_a_new_pair_is_taken_when_it_is_whole(void **state)
{
    const struct world *world = *state;
    struct tw_creds *creds = load(world);
    struct certificate fresh = certificate_make("acme-0042-07", &world->root, "", BEGINS, ENDS - 1);
    assert_nothing_new(creds);
    certificate_write(world->cert, fresh.cert); // the key has not come yet
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    assert_string_equal(creds->notice, "");
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    assert_non_null(strstr(creds->notice, "are not used: the key file"));
    assert_non_null(strstr(creds->notice, "does not belong"));
    certificate_write_key(world->key, fresh.key, NULL);
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_RENEWED);
    assert_string_equal(creds->notice, "");
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME); // said once
    struct tw_error_text err = {""};
    assert_int_equal(tw_creds_load(creds, NOON, &err), TW_OK);
    assert_nothing_new(creds);
    unload(creds);
    certificate_unmake(&fresh);
}

static void test_a_new_pair_that_goes_bad_is_withdrawn(void **state)
{
    const struct world *world = *state;
    struct tw_creds *creds = load(world);
    struct certificate fresh = certificate_make("acme-0042-07", &world->root, "", BEGINS, ENDS - 1);
    certificate_write(world->cert, fresh.cert);
    certificate_write_key(world->key, fresh.key, NULL);
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_RENEWED);
    assert_int_equal(unlink(world->key), 0);
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_WITHDRAWN);
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    assert_non_null(strstr(creds->notice, "cannot be used"));
    struct tw_tls *before = creds->tls; // a connection made meanwhile uses the last good pair
    struct tw_error_text err = {""};
    assert_int_equal(tw_creds_load(creds, NOON, &err), TW_OK);
    assert_ptr_equal(creds->tls, before);
    assert_non_null(strstr(creds->notice, "are not used"));
    unload(creds);
    certificate_unmake(&fresh);
}

static void test_a_new_pair_out_of_its_dates_waits(void **state)
{
    const struct world *world = *state;
    struct tw_creds *creds = load(world);
    struct certificate early = certificate_make("acme-0042-07", &world->root, "", ENDS - 86400, ENDS);
    certificate_write(world->cert, early.cert);
    certificate_write_key(world->key, early.key, NULL);
    assert_nothing_new(creds);
    assert_non_null(strstr(creds->notice, "begins on 2026-11-30"));
    assert_int_equal(tw_creds_look(creds, (ENDS - 3600) * 1000), TW_CREDS_RENEWED); // its day has come
    unload(creds);
    certificate_unmake(&early);
}

// A connection that is made again meanwhile, for whatever reason, uses the pair that is good.
static void test_a_pair_out_of_its_dates_does_not_replace_a_good_one(void **state)
{
    const struct world *world = *state;
    static const int64_t dates[2][2] = {{ENDS - 86400, ENDS}, {BEGINS, BEGINS + 86400}};
    struct tw_creds *creds = load(world);
    struct tw_tls *good = creds->tls;
    struct tw_error_text err = {""};
    for (size_t i = 0; i < 2; i++) {
        struct certificate bad = certificate_make("acme-0042-07", &world->root, "", dates[i][0], dates[i][1]);
        certificate_write(world->cert, bad.cert);
        certificate_write_key(world->key, bad.key, NULL);
        assert_int_equal(tw_creds_load(creds, NOON, &err), TW_OK);
        assert_ptr_equal(creds->tls, good);
        assert_int_equal(tw_tls_own(creds->tls, &err), TW_OK);
        assert_non_null(strstr(creds->notice, "are not used: this terminal's certificate"));
        certificate_unmake(&bad);
    }
    struct certificate early = certificate_make("acme-0042-07", &world->root, "", ENDS - 86400, ENDS + 86400);
    certificate_write(world->cert, early.cert);
    certificate_write_key(world->key, early.key, NULL);
    assert_nothing_new(creds);
    assert_int_equal(tw_creds_load(creds, NOON, &err), TW_OK);
    assert_int_equal(tw_creds_look(creds, (ENDS - 3600) * 1000), TW_CREDS_RENEWED); // its day has come
    assert_int_equal(tw_creds_load(creds, (ENDS + 3600) * 1000, &err), TW_OK);      // and the other's is over
    assert_string_equal(creds->notice, "");
    unload(creds);
    certificate_unmake(&early);
}

static void test_own_certificate_that_ends_while_connected_is_said(void **state)
{
    const struct world *world = *state;
    struct tw_creds *creds = load(world);
    assert_int_equal(tw_creds_look(creds, (ENDS + 60) * 1000), TW_CREDS_SAME);
    assert_non_null(strstr(creds->notice, "ended on 2026-12-01"));
    assert_int_equal(tw_creds_look(creds, NOON), TW_CREDS_SAME);
    assert_string_equal(creds->notice, "");
    unload(creds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_good_broker_is_accepted),
        TEST(test_another_host_is_refused),
        TEST(test_a_common_name_does_not_count),
        TEST(test_a_stranger_is_refused),
        TEST(test_p12_dates_are_explained),
        TEST(test_p12_the_time_of_verification_is_ours),
        TEST(test_tls_1_2_is_not_spoken),
        TEST(test_alpn_is_asked_for),
        TEST(test_own_certificate_out_of_its_dates_is_said),
        TEST(test_files_that_cannot_be_used_are_named),
        TEST(test_p12_the_time_that_is_believed),
        TEST(test_a_new_pair_is_taken_when_it_is_whole),
        TEST(test_a_new_pair_that_goes_bad_is_withdrawn),
        TEST(test_a_new_pair_out_of_its_dates_waits),
        TEST(test_a_pair_out_of_its_dates_does_not_replace_a_good_one),
        TEST(test_own_certificate_that_ends_while_connected_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
