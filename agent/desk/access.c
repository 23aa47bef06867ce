// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/access.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

// Length of the host in "host:port", with the brackets of an IPv6 address.
static size_t host_len(const char *text)
{
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        return end != NULL ? (size_t)(end - text) + 1 : 0;
    }
    const char *colon = strchr(text, ':');
    return colon != NULL ? (size_t)(colon - text) : strlen(text);
}

static bool same(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

static bool is_loopback4(const char *text, size_t len)
{
    char copy[INET_ADDRSTRLEN];
    struct in_addr address;
    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(AF_INET, copy, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool tw_access_host(const char *host, const char *listen)
{
    size_t len = host != NULL ? host_len(host) : 0;
    if (len == 0) {
        return false;
    }
    if (same(host, len, "localhost") || same(host, len, "[::1]") || is_loopback4(host, len)) {
        return true;
    }
    return listen != NULL && len == host_len(listen) && strncasecmp(host, listen, len) == 0;
}

bool tw_access_origin(const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    if (origin == NULL) {
        return true;
    }
    return host != NULL && strncasecmp(origin, scheme, sizeof scheme - 1) == 0 &&
           strcasecmp(origin + sizeof scheme - 1, host) == 0;
}

bool tw_access_type(const char *content_type, const char *type)
{
    size_t len = strlen(type);
    if (content_type == NULL || strncasecmp(content_type, type, len) != 0) {
        return false;
    }
    char next = content_type[len];
    return next == '\0' || next == ';' || next == ' ' || next == '\t';
}
