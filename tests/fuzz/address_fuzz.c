// SPDX-License-Identifier: Apache-2.0
//
// The addresses of a configuration: the broker's URL and the proxy's, which may hold a password. Either is a
// host and a port, or is refused with a sentence, which for a proxy never quotes it.
#include "agent/uplink/proxy.h"
#include "tests/fuzz/target.h"

static void check_address(const struct tw_address *address)
{
    size_t len = strnlen(address->host, sizeof address->host);
    fuzz_require(len > 0 && len < sizeof address->host && address->port >= 1 && address->port <= 65535);
}

static void read_proxy(const char *url)
{
    struct tw_proxy proxy = {.address = {.port = -1}};
    struct tw_error_text err = {""};
    if (tw_proxy_parse(url, &proxy, &err) == TW_OK) {
        check_address(&proxy.address);
        fuzz_require(strnlen(proxy.user, sizeof proxy.user) < sizeof proxy.user);
        fuzz_require(strnlen(proxy.password, sizeof proxy.password) < sizeof proxy.password);
    } else {
        fuzz_require(proxy.address.port == -1 && err.text[0] != '\0');
        fuzz_require(strlen(url) < 64 || strstr(err.text, url) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_address broker = {.port = -1};
    struct tw_error_text err = {""};
    char *url = fuzz_text(data, size);
    if (tw_address_parse(url, &broker, &err) == TW_OK) {
        check_address(&broker);
    } else {
        fuzz_require(broker.port == -1 && err.text[0] != '\0');
    }
    read_proxy(url);
    free(url);
    return 0;
}
