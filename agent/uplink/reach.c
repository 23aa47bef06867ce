// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int bad_url(const char *url, const char *why, struct tw_error_text *err)
{
    return tw_fail(
        err, TW_ERR_INVALID,
        "cannot use the broker's address \"%s\": %s; write it as mqtts://HOST or mqtts://HOST:PORT", url,
        why);
}

static bool parse_port(const char *text, int *out)
{
    char *end = NULL;
    long port = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || port < 1 || port > 65535) {
        return false;
    }
    *out = (int)port;
    return true;
}

const char *tw_address_read(const char *text, struct tw_address *out)
{
    const char *host = text;
    const char *end = host + strcspn(host, ":/");
    const char *rest = end;
    if (*host == '[') {
        host++;
        end = strchr(host, ']');
        if (end == NULL) {
            return "the bracket of the IPv6 address is not closed";
        }
        rest = end + 1;
    }
    struct tw_address address = {.port = out->port};
    if (end == host || (size_t)(end - host) >= sizeof address.host) {
        return "it names no host";
    }
    memcpy(address.host, host, (size_t)(end - host));
    if (*rest == ':' ? !parse_port(rest + 1, &address.port) : *rest != '\0') {
        return *rest == ':' ? "the port is not a number from 1 to 65535"
                            : "there is something after the host";
    }
    *out = address;
    return NULL;
}

int tw_address_parse(const char *url, struct tw_address *out, struct tw_error_text *err)
{
    static const char scheme[] = "mqtts://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        return bad_url(url, "only mqtts:// (MQTT over TLS) is spoken", err);
    }
    struct tw_address address = {.port = TW_MQTTS_PORT};
    const char *wrong = tw_address_read(url + sizeof scheme - 1, &address);
    if (wrong != NULL) {
        return bad_url(url, wrong, err);
    }
    *out = address;
    return TW_OK;
}

int tw_pem_check(const char *what, const char *path, struct tw_error_text *err)
{
    char text[8192];
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return tw_fail(err, TW_ERR_IO, "cannot read the %s file %s: %s; check its path and its owner", what,
                       path != NULL ? path : "(none given)", path != NULL ? strerror(errno) : "no path");
    }
    size_t len = fread(text, 1, sizeof text, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    bool pem = memmem(text, len, "-----BEGIN ", 11) != NULL;
    explicit_bzero(text, sizeof text); // it may be a private key
    if (failed || !pem) {
        return tw_fail(err, TW_ERR_INVALID,
                       "the %s file %s holds no PEM block; give the file that begins with -----BEGIN", what,
                       path);
    }
    return TW_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// 0: connected, an errno otherwise; ECANCELED when called off.
static int try_one(const struct addrinfo *info, int64_t until_ms, int cancel_fd, int *out)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno;
    while (error == EINPROGRESS) {
        struct pollfd fds[2] = {{.fd = fd, .events = POLLOUT}, {.fd = cancel_fd, .events = POLLIN}};
        int64_t left = until_ms - now_ms();
        int ready = left > 0 ? poll(fds, 2, (int)left) : 0;
        if (ready == 0) {
            error = ETIMEDOUT;
        } else if (fds[1].revents != 0) {
            error = ECANCELED;
        } else if (fds[0].revents != 0) {
            socklen_t len = sizeof error;
            (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
        }
    }
    if (error == 0) {
        *out = fd;
    } else {
        (void)close(fd);
    }
    return error;
}

static const char *reach_advice(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "nothing listens there; check the port, and that it runs";
    case ETIMEDOUT:
        return "no answer; check the network and the firewall";
    default:
        return "check the network";
    }
}

int tw_reach_open(const char *what, const char *key, const struct tw_address *address, int limit_ms,
                  int cancel_fd, const char **bind_any, int *fd, struct tw_error_text *err)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%d", address->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
    int rc = getaddrinfo(address->host, port, &hints, &all);
    if (rc != 0) {
        return tw_fail(err, TW_ERR_IO, "cannot find %s's host %s: %s; check %s and the name server", what,
                       address->host, gai_strerror(rc), key);
    }
    int64_t left = limit_ms;
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *one = all; one != NULL && error != 0 && error != ECANCELED;
         one = one->ai_next) {
        int64_t began = now_ms(); // half of what is left for each, so that one dead address is not the end
        error = try_one(one, began + (one->ai_next != NULL ? left / 2 : left), cancel_fd, fd);
        left -= now_ms() - began;
        *bind_any = error != 0 ? *bind_any : one->ai_family == AF_INET6 ? "::" : "0.0.0.0";
    }
    freeaddrinfo(all);
    if (error == ECANCELED) {
        return TW_ERR_CLOSED;
    }
    return error == 0 ? TW_OK
                      : tw_fail(err, TW_ERR_IO, "cannot reach %s %s port %d: %s; %s", what, address->host,
                                address->port, strerror(error), reach_advice(error));
}

int tw_reach(const struct tw_address *address, int limit_ms, int cancel_fd, const char **bind_any,
             struct tw_error_text *err)
{
    int fd = -1;
    int rc = tw_reach_open("the broker", "uplink.url", address, limit_ms, cancel_fd, bind_any, &fd, err);
    if (rc == TW_OK) {
        (void)close(fd);
    }
    return rc;
}
