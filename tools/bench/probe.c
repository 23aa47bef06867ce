// SPDX-License-Identifier: Apache-2.0
//
// What the agent's libraries cost by themselves: links what tillwired links, initialises each as
// tillwired does, and waits to be measured (footprint.py). It prints "ready" when it is.
#include <cyaml/cyaml.h>
#include <hidapi/hidapi.h>
#include <jansson.h>
#include <libevdev/libevdev.h>
#include <libserialport.h>
#include <libudev.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <microhttpd.h>
#include <mosquitto.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>
#include <zstd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static int start_libraries(void)
{
    static mbedtls_entropy_context entropy;
    static mbedtls_ctr_drbg_context random;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    int failed = mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0);
    failed |= sqlite3_initialize();
    failed |= mosquitto_lib_init();
    failed |= uv_default_loop() == NULL;
    struct udev *udev = udev_new();
    struct udev_monitor *monitor = udev != NULL ? udev_monitor_new_from_netlink(udev, "udev") : NULL;
    failed |= monitor == NULL || udev_monitor_enable_receiving(monitor) < 0;
    // libmosquitto brings OpenSSL, and initialises it with these flags once TLS is asked for.
    failed |= OPENSSL_init_ssl(OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS |
                                   OPENSSL_INIT_LOAD_CONFIG,
                               NULL) != 1;
    static SSL_CTX *tls;
    tls = SSL_CTX_new(TLS_client_method());
    failed |= tls == NULL;
    return failed;
}

// Neither has anything to initialise; what they cost is there once something was packed and hashed.
static int pack_and_hash_once(void)
{
    static const char text[] = "{\"lines\":[{\"n\":1,\"kind\":\"item\"},{\"n\":2,\"kind\":\"item\"}]}";
    char packed[256];
    char back[sizeof text];
    unsigned char hash[SHA256_DIGEST_LENGTH];
    size_t size = ZSTD_compress(packed, sizeof packed, text, sizeof text, 1);
    return ZSTD_isError(size) || ZSTD_decompress(back, sizeof back, packed, size) != sizeof text ||
           SHA256((const unsigned char *)text, sizeof text, hash) == NULL;
}

// A reference to each library that has nothing to initialise, so that it is linked.
static int use_the_others(void)
{
    uint32_t unicode = 0;
    json_decref(json_object());
    return pcre2_config(PCRE2_CONFIG_UNICODE, &unicode) < 0 || cyaml_version_str == NULL ||
           MHD_get_version() == NULL || hid_version_str() == NULL ||
           libevdev_event_type_get_name(0) == NULL || sp_get_lib_version_string() == NULL ||
           sd_notify(0, "") < 0 || pack_and_hash_once() != 0;
}

int main(void)
{
    if (start_libraries() != 0 || use_the_others() != 0) {
        (void)fprintf(stderr, "probe: a library did not start\n");
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}
