// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hal/io/io.h"

static int from_errno(void)
{
    switch (errno) {
    case EAGAIN:
    case EINTR:
        return TW_ERR_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENXIO:
    case ENODEV:
    case EIO: // a terminal whose other end is gone
        return TW_ERR_CLOSED;
    default:
        return TW_ERR_IO;
    }
}

int tw_io_fd_read(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    ssize_t len = read(io->fd, out, cap);
    if (len < 0) {
        return from_errno();
    }
    if (len == 0) {
        return TW_ERR_CLOSED;
    }
    *got = (size_t)len;
    return 0;
}

int tw_io_fd_write(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    // MSG_NOSIGNAL where it is a socket; a terminal raises no SIGPIPE.
    ssize_t len = send(io->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    if (len < 0 && errno == ENOTSOCK) {
        len = write(io->fd, bytes.ptr, bytes.len);
    }
    if (len < 0) {
        return from_errno();
    }
    *put = (size_t)len;
    return 0;
}

void tw_io_fd_close(struct tw_io *io)
{
    (void)close(io->fd);
    free(io);
}

// TIOCOUTQ is SIOCOUTQ for sockets (tty_ioctl(4), tcp(7)).
size_t tw_io_unsent(const struct tw_io *io)
{
    int bytes = 0;
    return ioctl(io->fd, TIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

static bool read_id(const char *text, uint16_t *out)
{
    unsigned value = 0;
    for (size_t i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
        unsigned char c = (unsigned char)tolower((unsigned char)text[i]);
        value = value << 4 | (unsigned)(isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    *out = (uint16_t)value;
    return true;
}

bool tw_io_usb_ids(const char *text, uint16_t *vendor, uint16_t *product)
{
    uint16_t ids[2];
    if (strlen(text) != 9 || text[4] != ':' || !read_id(text, &ids[0]) || !read_id(text + 5, &ids[1])) {
        return false;
    }
    *vendor = ids[0];
    *product = ids[1];
    return true;
}
