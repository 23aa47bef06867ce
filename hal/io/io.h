// SPDX-License-Identifier: Apache-2.0
//
// A transport: bytes in, bytes out, one descriptor to wait on. hal/core opens it by the name in
// the configuration, owns it, and closes it when any call says it is gone. Opening never probes the
// device behind it.
//
// Threading: one thread. Memory: an io is owned by whoever opened it, until tw_io_close.
// Time: nothing here waits. Errors: TW_ERR_AGAIN: nothing now; TW_ERR_CLOSED: unplugged or hung up;
// TW_ERR_IO: broken. After the last two only tw_io_close is useful.
#ifndef TW_HAL_IO_H
#define TW_HAL_IO_H

#include <stddef.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

struct tw_io;

struct tw_io_ops {
    int (*read)(struct tw_io *io, uint8_t *out, size_t cap, size_t *got);
    int (*write)(struct tw_io *io, struct tw_slice bytes, size_t *put);
    void (*close)(struct tw_io *io); // frees it
};

struct tw_io {
    const struct tw_io_ops *ops;
    int fd;
};

// Reads at most `cap` bytes; on success at least one.
static inline int TW_MUST_CHECK tw_io_read(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    return io->ops->read(io, out, cap, got);
}

// Writes what fits now; on success at least one byte.
static inline int TW_MUST_CHECK tw_io_write(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    return io->ops->write(io, bytes, put);
}

static inline void tw_io_close(struct tw_io *io)
{
    if (io != NULL) {
        io->ops->close(io);
    }
}

// A serial port, 8N1, no flow control, for us alone (TIOCEXCL). Links such as
// /dev/serial/by-id/… are resolved at every opening, so that a port that was renamed is found.
// `baud` 0 means 9600. TW_ERR_NOT_FOUND when nothing is plugged in there, TW_ERR_IO otherwise.
int TW_MUST_CHECK tw_io_serial_open(const char *path, unsigned baud, struct tw_io **out,
                                    struct tw_error_text *err);

// A connection to the Unix stream socket at `path`. TW_ERR_NOT_FOUND when nobody listens there.
int TW_MUST_CHECK tw_io_unix_open(const char *path, struct tw_io **out, struct tw_error_text *err);

// For the transports themselves: read and write on io->fd, which is non-blocking.
int TW_MUST_CHECK tw_io_fd_read(struct tw_io *io, uint8_t *out, size_t cap, size_t *got);
int TW_MUST_CHECK tw_io_fd_write(struct tw_io *io, struct tw_slice bytes, size_t *put);

#endif
