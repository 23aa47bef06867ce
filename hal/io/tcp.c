// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hal/io/io.h"

enum { ADDRESS_BYTES = 96 };

struct tcp {
    struct tw_io io;
    char address[ADDRESS_BYTES];
};

static int refuse(const char *address, int cause, struct tw_error_text *err)
{
    bool absent =
        cause == ECONNREFUSED || cause == EHOSTUNREACH || cause == ENETUNREACH || cause == ETIMEDOUT;
    return tw_fail(err, absent ? TW_ERR_NOT_FOUND : TW_ERR_IO,
                   "cannot connect to %s: %s; check the device's power, its cable and `connect`", address,
                   strerror(cause));
}

// A connection under way is decided when the socket is writable; SO_ERROR says how (connect(2)).
static int connected_tcp(struct tw_io *io, struct tw_error_text *err)
{
    struct pollfd entry = {.fd = io->fd, .events = POLLOUT};
    if (poll(&entry, 1, 0) == 0) {
        return TW_ERR_AGAIN;
    }
    int cause = 0;
    socklen_t len = sizeof cause;
    if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &cause, &len) != 0) {
        cause = errno;
    }
    return cause == 0 ? 0 : refuse(((struct tcp *)io)->address, cause, err);
}

static const struct tw_io_ops tcp_ops = {tw_io_fd_read, tw_io_fd_write, tw_io_fd_close, connected_tcp};

static int resolve(const char *address, struct addrinfo **out, struct tw_error_text *err)
{
    char host[ADDRESS_BYTES];
    const char *colon = strrchr(address, ':');
    size_t len = colon != NULL ? (size_t)(colon - address) : 0;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (len > 2 && address[0] == '[' && address[len - 1] == ']') { // RFC 3986, 3.2.2
        address++;
        len -= 2;
    }
    if (len == 0 || colon[1] == '\0' || len >= sizeof host || strlen(address) >= ADDRESS_BYTES) {
        return tw_fail(err, TW_ERR_INVALID, "%s is no address; write ADDRESS:PORT, such as 192.0.2.20:4001",
                       address);
    }
    memcpy(host, address, len);
    host[len] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, out) != 0) {
        return tw_fail(err, TW_ERR_INVALID,
                       "%s:%s is no address; write it in numbers, such as 192.0.2.20:4001", host, colon + 1);
    }
    return 0;
}

// A peer that lost its power says nothing: without a word for 10 s the kernel asks, and gives up
// after three answers that did not come (tcp(7)).
static void keep_alive(int fd)
{
    const int on = 1, idle_s = 10, between_s = 5, times = 3;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
}

static int start(struct tcp *tcp, const struct addrinfo *to, struct tw_error_text *err)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        keep_alive(fd);
    }
    if (fd < 0 || (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS)) {
        int cause = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return refuse(tcp->address, cause, err);
    }
    tcp->io.fd = fd;
    return 0;
}

int tw_io_tcp_open(const char *address, struct tw_io **out, struct tw_error_text *err)
{
    struct addrinfo *to = NULL;
    int outcome = resolve(address, &to, err);
    if (outcome != 0 || to == NULL) {
        return outcome != 0 ? outcome : TW_ERR_INVALID;
    }
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL) {
        freeaddrinfo(to);
        return tw_fail(err, TW_ERR_NOMEM, "no memory to connect to %s", address);
    }
    tcp->io.ops = &tcp_ops;
    (void)snprintf(tcp->address, sizeof tcp->address, "%s", address);
    outcome = start(tcp, to, err);
    freeaddrinfo(to);
    if (outcome != 0) {
        free(tcp);
        return outcome;
    }
    *out = &tcp->io;
    return 0;
}
