// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

// Cuts "HOST:PORT" or "[HOST]:PORT" in two.
static bool split(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || strlen(colon + 1) == 0 || strlen(colon + 1) > 5) {
        return false;
    }
    size_t skip = address[0] == '[' ? 1 : 0;
    size_t len = (size_t)(colon - address) - 2 * skip;
    if (len >= 256 || (skip == 1 && colon[-1] != ']')) {
        return false;
    }
    memcpy(host, address + skip, len);
    host[len] = '\0';
    (void)strcpy(port, colon + 1);
    return strspn(port, "0123456789") == strlen(port);
}

static int refused(int fd, const char *address, int code, struct tw_error_text *err)
{
    if (fd >= 0) {
        (void)close(fd);
    }
    if (code == EADDRINUSE) {
        return tw_fail(err, TW_ERR_EXISTS,
                       "cannot listen on %s (desk.listen): the port is in use; stop the other program or "
                       "choose another port",
                       address);
    }
    return tw_fail(err, TW_ERR_IO, "cannot listen on %s (desk.listen): %s; choose an address of this machine",
                   address, strerror(code));
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len = sizeof at;
    memset(&at, 0, sizeof at);
    if (getsockname(fd, &at.any, &len) != 0) {
        return 0;
    }
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

int tw_listen_tcp(const char *address, int *out, uint16_t *port, struct tw_error_text *err)
{
    char host[256], service[8];
    if (!split(address, host, service)) {
        return tw_fail(err, TW_ERR_INVALID, "desk.listen must be HOST:PORT, for example 127.0.0.1:8787");
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int answer = getaddrinfo(host, service, &hints, &found);
    if (answer != 0) {
        return tw_fail(err, TW_ERR_INVALID, "desk.listen: %s is no address of this machine (%s)", host,
                       gai_strerror(answer));
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int code = errno;
    freeaddrinfo(found);
    if (!good) {
        return refused(fd, address, code, err);
    }
    *out = fd;
    *port = bound_port(fd);
    return TW_OK;
}

// TW_ERR_EXISTS when somebody answers on it; removes it when nobody does.
static int clear_leftover(const char *path, const struct sockaddr_un *at, struct tw_error_text *err)
{
    struct stat what;
    if (lstat(path, &what) != 0) {
        return TW_OK;
    }
    if (!S_ISSOCK(what.st_mode)) {
        return tw_fail(err, TW_ERR_EXISTS, "%s is there and is no socket: move it away", path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return tw_fail(err, TW_ERR_IO, "cannot make a socket: %s", strerror(errno));
    }
    int answer = connect(fd, (const struct sockaddr *)at, sizeof *at);
    int code = errno;
    (void)close(fd);
    if (answer == 0 || code == EAGAIN) {
        return tw_fail(err, TW_ERR_EXISTS, "another tillwired is running: %s answers; stop it first", path);
    }
    if (code != ECONNREFUSED || unlink(path) != 0) {
        return tw_fail(err, TW_ERR_IO, "cannot use %s: %s", path, strerror(errno));
    }
    return TW_OK;
}

int tw_listen_unix(const char *path, int *out, struct tw_error_text *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        return tw_fail(err, TW_ERR_INVALID,
                       "%s is too long for a socket (%zu characters): use a shorter run_dir", path,
                       sizeof at.sun_path - 1);
    }
    (void)strcpy(at.sun_path, path);
    int cleared = clear_leftover(path, &at, err);
    if (cleared != TW_OK) {
        return cleared;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // The mode before bind is the mode the file is made with (unix(7)): never open to all, not even briefly.
    if (fd < 0 || fchmod(fd, 0660) != 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
        chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0) {
        int code = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return tw_fail(err, TW_ERR_IO, "cannot listen on %s: %s; make run_dir and let this user write there",
                       path, strerror(code));
    }
    *out = fd;
    return TW_OK;
}
