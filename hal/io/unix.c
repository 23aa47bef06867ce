// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hal/io/io.h"

static const struct tw_io_ops unix_ops = {tw_io_fd_read, tw_io_fd_write, tw_io_fd_close, NULL};

// One sentence for what connect(2) says.
static int refuse(const char *path, int cause, struct tw_error_text *err)
{
    if (cause == ENOENT || cause == ECONNREFUSED) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "nobody listens on %s; start tillwire-relay for this device",
                       path);
    }
    return tw_fail(err, TW_ERR_IO, "cannot connect to %s: %s; check its permissions", path, strerror(cause));
}

int tw_io_unix_open(const char *path, struct tw_io **out, struct tw_error_text *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return tw_fail(err, TW_ERR_INVALID, "the socket path %s is longer than %zu bytes; shorten run_dir",
                       path, sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct tw_io *io = calloc(1, sizeof *io);
    if (io == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory to connect to %s", path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int cause = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        free(io);
        return refuse(path, cause, err);
    }
    *io = (struct tw_io){.ops = &unix_ops, .fd = fd};
    *out = io;
    return 0;
}
