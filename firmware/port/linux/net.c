// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, KEEPALIVE_IDLE_S = 15, KEEPALIVE_INTERVAL_S = 5, KEEPALIVE_PROBES = 3 };
enum { KERNEL_BYTES = 64 * 1024 }; // each way of each connection; the kernel doubles it, tcp(7)

struct parts {
    char host[256];
    char port[8];
};

static int split(const char *address, struct parts *parts, struct tw_error_text *err)
{
    const char *colon = strrchr(address, ':');
    const char *host = address;
    size_t len = colon != NULL ? (size_t)(colon - address) : 0;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
    if (len == 0 || len >= sizeof parts->host || digits == 0 || digits > 5 || colon[1 + digits] != '\0' ||
        strtoul(colon + 1, NULL, 10) > 65535) {
        return tw_fail(err, TW_ERR_INVALID, "%s is not an address; write host:port, as in 127.0.0.1:9100",
                       address);
    }
    memcpy(parts->host, host, len);
    parts->host[len] = '\0';
    memcpy(parts->port, colon + 1, digits + 1);
    return 0;
}

int tw_net_check(const char *address, struct tw_error_text *err)
{
    struct parts parts;
    return split(address, &parts, err);
}

static int resolve(const char *address, int flags, struct addrinfo **out, struct tw_error_text *err)
{
    struct parts parts;
    int outcome = split(address, &parts, err);
    if (outcome != 0) {
        return outcome;
    }
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    int cause = getaddrinfo(parts.host, parts.port, &hints, out);
    if (cause != 0) {
        return tw_fail(err, TW_ERR_IO, "cannot find the host of %s: %s; correct the name or use its number",
                       address, gai_strerror(cause));
    }
    return 0;
}

static void set_linger(int fd, int on)
{
    const struct linger linger = {.l_onoff = on, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void tw_net_close_with_reset(int fd)
{
    set_linger(fd, 1);
}

void tw_net_close(int fd)
{
    if (fd >= 0) {
        set_linger(fd, 0);
        (void)close(fd);
    }
}

void tw_net_abort(int fd)
{
    if (fd >= 0) {
        set_linger(fd, 1);
        (void)close(fd);
    }
}

static void set_int(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

void tw_net_tune(int fd)
{
    set_int(fd, SOL_SOCKET, SO_RCVBUF, KERNEL_BYTES);
    set_int(fd, SOL_SOCKET, SO_SNDBUF, KERNEL_BYTES);
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

// ---- TCP

static int listen_on(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int cause = errno;
        (void)close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static void name_of(int fd, char actual[TW_NET_ADDRESS_BYTES])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[64] = "?";
    char port[8] = "?";
    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    (void)getnameinfo((const struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV);
    if (address.ss_family == AF_INET6) {
        (void)snprintf(actual, TW_NET_ADDRESS_BYTES, "[%s]:%s", host, port);
    } else {
        (void)snprintf(actual, TW_NET_ADDRESS_BYTES, "%s:%s", host, port);
    }
}

void tw_net_adopt(int listener, char actual[TW_NET_ADDRESS_BYTES])
{
    set_int(listener, SOL_SOCKET, SO_RCVBUF, KERNEL_BYTES); // connections inherit it
    name_of(listener, actual);
}

static const char *listen_remedy(int cause)
{
    switch (cause) {
    case EADDRINUSE:
        return "stop the program that has the port, or choose another `listen`";
    case EACCES:
        return "choose a port above 1023 or grant CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
        return "this machine has no such address; correct `listen`";
    default:
        return "correct `listen`";
    }
}

int tw_net_listen(const char *address, char actual[TW_NET_ADDRESS_BYTES], int *out, struct tw_error_text *err)
{
    struct addrinfo *infos = NULL;
    int outcome = resolve(address, AI_PASSIVE, &infos, err);
    if (outcome != 0) {
        return outcome;
    }
    int fd = -1;
    for (const struct addrinfo *info = infos; info != NULL && fd < 0; info = info->ai_next) {
        fd = listen_on(info);
    }
    int cause = errno;
    freeaddrinfo(infos);
    if (fd < 0) {
        return tw_fail(err, TW_ERR_IO, "cannot listen on %s: %s; %s", address, strerror(cause),
                       listen_remedy(cause));
    }
    tw_net_adopt(fd, actual);
    *out = fd;
    return 0;
}

static int no_connection(const char *address, int cause, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_IO,
                   "cannot reach the printer at %s: %s; check that it is switched on and `forward`", address,
                   strerror(cause));
}

int tw_net_connect(const char *address, int *out, struct tw_error_text *err)
{
    struct addrinfo *info = NULL;
    int outcome = resolve(address, 0, &info, err);
    if (outcome != 0) {
        return outcome;
    }
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);
    tw_net_tune(fd); // before: the window is announced when connecting
    int connected = fd < 0 ? -1 : connect(fd, info->ai_addr, info->ai_addrlen);
    int cause = errno;
    freeaddrinfo(info);
    if (connected != 0 && (fd < 0 || cause != EINPROGRESS)) {
        tw_net_close(fd);
        return no_connection(address, cause, err);
    }
    *out = fd;
    return 0;
}

int tw_net_connected(int fd, const char *address, struct tw_error_text *err)
{
    int cause = 0;
    socklen_t len = sizeof cause;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) != 0) {
        cause = errno;
    }
    return cause == 0 ? 0 : no_connection(address, cause, err);
}

// ---- the agent's socket

static int somebody_listens(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int outcome = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof *address);
    int cause = errno;
    tw_net_close(fd);
    return outcome == 0 || cause == EAGAIN; // EAGAIN: its backlog is full
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0117);
    int outcome = bind(fd, (const struct sockaddr *)address, sizeof *address);
    int cause = errno;
    (void)umask(before);
    errno = cause;
    return outcome != 0 ? -1 : listen(fd, BACKLOG);
}

int tw_net_listen_unix(const char *path, int *out, struct tw_error_text *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return tw_fail(err, TW_ERR_INVALID, "the socket path %s is longer than %zu bytes; shorten `run_dir`",
                       path, sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (somebody_listens(&address)) {
        return tw_fail(err, TW_ERR_EXISTS, "a relay for this device runs already, it listens on %s; stop it",
                       path);
    }
    struct stat stale;
    if (lstat(path, &stale) == 0 && S_ISSOCK(stale.st_mode)) {
        (void)unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind_unix(fd, &address) != 0) {
        int cause = errno;
        tw_net_close(fd);
        return tw_fail(err, TW_ERR_IO,
                       "cannot make the socket %s: %s; make the folder (`run_dir`) writable for "
                       "this user",
                       path, strerror(cause));
    }
    *out = fd;
    return 0;
}
