// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// RFC 1928 sections 3 to 6.
enum { SOCKS5 = 5, CONNECT = 1, NO_SIGN_IN = 0, USER_AND_PASSWORD = 2 };
enum { IPV4 = 1, DOMAIN_NAME = 3, IPV6 = 4 };

// ---- the URL ----

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

// Decodes `len` characters. False: a percent sign without two digits, a NUL, or too long.
static bool decode(const char *text, size_t len, char out[256])
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || used == 255) {
            return false;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static int bad_url(const char *why, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_INVALID,
                   "cannot use uplink.proxy: %s; write it as socks5://HOST:PORT or "
                   "socks5://USER:PASSWORD@HOST:PORT, with %%40 for @ and %%3a for : in the password",
                   why);
}

int tw_proxy_parse(const char *url, struct tw_proxy *out, struct tw_error_text *err)
{
    static const char scheme[] = "socks5://";
    struct tw_proxy proxy = {.address = {.port = TW_SOCKS_PORT}};
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        return bad_url("only socks5:// is spoken", err);
    }
    const char *who = url + sizeof scheme - 1;
    const char *at = strrchr(who, '@');
    if (at != NULL) {
        size_t len = (size_t)(at - who);
        const char *colon = memchr(who, ':', len);
        size_t user_len = colon != NULL ? (size_t)(colon - who) : len;
        bool fine = user_len > 0 && decode(who, user_len, proxy.user) &&
                    (colon == NULL || decode(colon + 1, len - user_len - 1, proxy.password));
        if (!fine) {
            explicit_bzero(&proxy, sizeof proxy);
            return bad_url("the user name or the password is empty, too long or not percent-encoded", err);
        }
    }
    const char *wrong = tw_address_read(at != NULL ? at + 1 : who, &proxy.address);
    if (wrong == NULL) {
        *out = proxy;
    }
    explicit_bzero(&proxy, sizeof proxy);
    return wrong == NULL ? TW_OK : bad_url(wrong, err);
}

// ---- the try ----

struct talk {
    int fd, cancel_fd;
    int64_t until_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// TW_OK: `events` came. TW_ERR_AGAIN: no time is left. TW_ERR_CLOSED: called off.
static int wait_for(const struct talk *talk, short events)
{
    struct pollfd fds[2] = {{.fd = talk->fd, .events = events}, {.fd = talk->cancel_fd, .events = POLLIN}};
    int64_t left = talk->until_ms - now_ms();
    if (left <= 0 || poll(fds, 2, (int)left) == 0) {
        return TW_ERR_AGAIN;
    }
    return fds[1].revents != 0 ? TW_ERR_CLOSED : TW_OK;
}

// Exactly `want` bytes. TW_ERR_IO: the proxy hung up.
static int receive(const struct talk *talk, uint8_t *answer, size_t want)
{
    for (size_t have = 0; have < want;) {
        int rc = wait_for(talk, POLLIN);
        if (rc != TW_OK) {
            return rc;
        }
        ssize_t got = recv(talk->fd, answer + have, want - have, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return TW_ERR_IO;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return TW_OK;
}

static int exchange(const struct talk *talk, const uint8_t *bytes, size_t len, uint8_t *answer, size_t want)
{
    // A greeting or a request fits into an empty socket buffer.
    return send(talk->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len ? receive(talk, answer, want) : TW_ERR_IO;
}

// RFC 1928 section 6.
static const char *reply_says(uint8_t reply)
{
    static const char *const says[] = {
        [1] = "it failed; see its log",
        [2] = "its rules forbid this connection; have the broker's host and port allowed there",
        [3] = "it says the broker's network cannot be reached",
        [4] = "it says the broker's host cannot be reached; check uplink.url",
        [5] = "it says nothing listens at the broker's port; check uplink.url, and that the broker runs",
        [6] = "it says the broker is too far away",
        [7] = "it does not offer CONNECT; use a SOCKS5 proxy that does",
        [8] = "it does not know this kind of address; write the broker's host in uplink.url in another way",
    };
    return reply < sizeof says / sizeof says[0] ? says[reply] : "it refuses; see its log";
}

static int sign_in(const struct talk *talk, const struct tw_proxy *proxy, const char **wrong)
{
    const uint8_t greeting[] = {SOCKS5, proxy->user[0] != '\0' ? 2 : 1, NO_SIGN_IN, USER_AND_PASSWORD};
    uint8_t answer[2] = {0};
    int rc = exchange(talk, greeting, 2 + (size_t)greeting[1], answer, 2);
    if (rc != TW_OK || (answer[0] == SOCKS5 && answer[1] == NO_SIGN_IN)) {
        return rc;
    }
    *wrong = "what listens there is no SOCKS5 proxy; check the port";
    if (answer[0] != SOCKS5) {
        return TW_ERR_REFUSED;
    }
    *wrong = proxy->user[0] != '\0' ? "it wants another way of signing in than user name and password"
                                    : "it wants a user name and a password; write them into uplink.proxy";
    if (answer[1] != USER_AND_PASSWORD || proxy->user[0] == '\0') {
        return TW_ERR_REFUSED;
    }
    uint8_t text[3 + 255 + 255]; // RFC 1929 section 2
    size_t user = strlen(proxy->user), password = strlen(proxy->password);
    text[0] = 1;
    text[1] = (uint8_t)user;
    memcpy(text + 2, proxy->user, user);
    text[2 + user] = (uint8_t)password;
    memcpy(text + 3 + user, proxy->password, password);
    rc = exchange(talk, text, 3 + user + password, answer, 2);
    explicit_bzero(text, sizeof text);
    *wrong = "it refuses the user name or the password in uplink.proxy; correct them";
    return rc != TW_OK ? rc : answer[1] == 0 ? TW_OK : TW_ERR_REFUSED;
}

static int ask(const struct talk *talk, const struct tw_address *broker, const char **wrong)
{
    uint8_t text[7 + 255] = {SOCKS5, CONNECT, 0}, answer[5 + 255 + 2] = {0};
    size_t len = strlen(broker->host), at = 4;
    if (inet_pton(AF_INET, broker->host, text + 4) == 1) {
        text[3] = IPV4;
        at += 4;
    } else if (inet_pton(AF_INET6, broker->host, text + 4) == 1) {
        text[3] = IPV6;
        at += 16;
    } else {
        text[3] = DOMAIN_NAME;
        text[4] = (uint8_t)len; // at most 255: the size of a host
        memcpy(text + 5, broker->host, len);
        at += 1 + len;
    }
    text[at] = (uint8_t)(broker->port >> 8);
    text[at + 1] = (uint8_t)broker->port;
    int rc = exchange(talk, text, at + 2, answer, 5);
    if (rc != TW_OK) {
        return rc;
    }
    *wrong = reply_says(answer[1]);
    if (answer[0] != SOCKS5 || answer[1] != 0) {
        return TW_ERR_REFUSED;
    }
    // The address it speaks from is of no use, but what follows it is the broker's.
    size_t rest = answer[3] == IPV4 ? 3 : answer[3] == IPV6 ? 15 : answer[4];
    return receive(talk, answer, rest + 2);
}

int tw_proxy_open(const struct tw_proxy *proxy, const struct tw_address *broker, int limit_ms, int cancel_fd,
                  const char **bind_any, int *fd, struct tw_error_text *err)
{
    struct talk talk = {.fd = -1, .cancel_fd = cancel_fd, .until_ms = now_ms() + limit_ms};
    const char *wrong = NULL;
    int on = 1;
    int rc = tw_reach_open("the proxy", "uplink.proxy", &proxy->address, limit_ms, cancel_fd, bind_any,
                           &talk.fd, err);
    if (rc != TW_OK) {
        return rc;
    }
    (void)setsockopt(talk.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    rc = sign_in(&talk, proxy, &wrong);
    rc = rc != TW_OK ? rc : ask(&talk, broker, &wrong);
    if (rc == TW_OK) {
        *fd = talk.fd;
        return TW_OK;
    }
    (void)close(talk.fd);
    wrong = rc == TW_ERR_AGAIN ? "it does not answer in time; check it, and the network behind it"
            : rc == TW_ERR_IO  ? "it closed the connection; see its log"
                               : wrong;
    return rc == TW_ERR_CLOSED
               ? rc
               : tw_fail(err, TW_ERR_IO,
                         "cannot reach the broker %s port %d through the proxy %s port %d: %s", broker->host,
                         broker->port, proxy->address.host, proxy->address.port, wrong);
}
