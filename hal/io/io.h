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

#include <stdbool.h>
#include <stddef.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

struct tw_io;

struct tw_io_ops {
    int (*read)(struct tw_io *io, uint8_t *out, size_t cap, size_t *got);
    int (*write)(struct tw_io *io, struct tw_slice bytes, size_t *put);
    void (*close)(struct tw_io *io); // frees it
    // NULL: open from the first moment. Else the transport is still connecting: wait for POLLOUT, ask.
    int (*connected)(struct tw_io *io, struct tw_error_text *err);
};

// What a transport knows of the device before the first byte. Borrowed from the io; 0, NULL and
// empty where it does not know.
struct tw_io_facts {
    uint16_t vendor, product;
    const char *serial, *name;
    struct tw_slice descriptor; // HID report descriptor
};

struct tw_io {
    const struct tw_io_ops *ops;
    int fd;
    struct tw_io_facts facts;
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

// Whether the way is open: 0, TW_ERR_AGAIN while it is not decided, else refused with one sentence.
// After 0 it is not asked again.
static inline int TW_MUST_CHECK tw_io_connected(struct tw_io *io, struct tw_error_text *err)
{
    return io->ops->connected != NULL ? io->ops->connected(io, err) : 0;
}

// The settings of a serial line; 0 and NULL stand for 9600, 8, 1, "none" and "none".
struct tw_io_line {
    unsigned baud;
    unsigned bits;      // 5 to 8
    unsigned stop;      // 1, 2
    const char *parity; // "none", "even", "odd", "mark", "space"
    const char *flow;   // "none", "rtscts", "xonxoff"
};

// A serial port for us alone (TIOCEXCL). Links such as /dev/serial/by-id/… are resolved at every
// opening, so that a port that was renamed is found. TW_ERR_NOT_FOUND when nothing is plugged in
// there, TW_ERR_INVALID for a setting that does not exist, TW_ERR_IO otherwise.
int TW_MUST_CHECK tw_io_serial_open(const char *path, const struct tw_io_line *settings, struct tw_io **out,
                                    struct tw_error_text *err);

// A connection to the Unix stream socket at `path`. TW_ERR_NOT_FOUND when nobody listens there.
int TW_MUST_CHECK tw_io_unix_open(const char *path, struct tw_io **out, struct tw_error_text *err);

// A TCP connection to "ADDRESS:PORT" or "[V6]:PORT". Addresses are numbers: looking a name up would
// wait. Returns at once; tw_io_connected says how it went. TW_ERR_INVALID for what is no address.
int TW_MUST_CHECK tw_io_tcp_open(const char *address, struct tw_io **out, struct tw_error_text *err);

// Which USB device is meant: its ids "VVVV:PPPP" (hex), its serial number, the node; any may be NULL.
struct tw_io_usb {
    const char *usb, *serial, *port;
};

// A raw HID device (Linux hidraw). It is found by hidapi, on usage page 0x8C where the device has
// several interfaces; hidapi keeps its descriptor to itself, so the node is read here. The stream is
// made of reports as the kernel gives them (report id first where the device numbers them), each
// with its length in front, 2 bytes, little endian. TW_ERR_NOT_FOUND when it is not plugged in,
// TW_ERR_INVALID when more than one device is meant or what is there is another one.
int TW_MUST_CHECK tw_io_hidraw_open(const struct tw_io_usb *which, struct tw_io **out,
                                    struct tw_error_text *err);

// A keyboard that is none (Linux evdev, libevdev), for us alone (EVIOCGRAB). `usb` must be given:
// nodes of other devices are never opened, so that no person's typing is ever seen. The stream is
// made of records of TW_IO_KEY_BYTES: time in microseconds (8, CLOCK_MONOTONIC), type (2), code (2),
// value (4), little endian. Errors as for hidraw.
enum { TW_IO_KEY_BYTES = 16 };
int TW_MUST_CHECK tw_io_evdev_open(const struct tw_io_usb *which, struct tw_io **out,
                                   struct tw_error_text *err);

// For the transports themselves: read and write on io->fd, which is non-blocking.
int TW_MUST_CHECK tw_io_fd_read(struct tw_io *io, uint8_t *out, size_t cap, size_t *got);
int TW_MUST_CHECK tw_io_fd_write(struct tw_io *io, struct tw_slice bytes, size_t *put);
void tw_io_fd_close(struct tw_io *io); // closes io->fd, frees the io

// Reads "VVVV:PPPP". False when `text` is not of that form.
bool tw_io_usb_ids(const char *text, uint16_t *vendor, uint16_t *product);

#endif
