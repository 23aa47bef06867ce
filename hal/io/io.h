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
    const char *why; // half a sentence with TW_ERR_CLOSED or TW_ERR_IO, static; NULL: no more is known
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

// Magnetic Stripe Reader (HID Point of Sale Usage Tables 1.02).
#define TW_IO_STRIPE_PAGE 0x8e

// Which USB device is meant: its ids "VVVV:PPPP" (hex), its serial number, the node; any may be NULL.
struct tw_io_usb {
    const char *usb, *serial, *port;
    uint16_t page; // hidraw: the usage page to prefer; 0: 0x8C, scanners
};

// A raw HID device (Linux hidraw). It is found by hidapi, on the usage page that is preferred where the
// device has several interfaces; hidapi keeps its descriptor to itself, so the node is read here. The stream
// is made of reports as the kernel gives them (report id first where the device numbers them), each with its
// length in front, 2 bytes, little endian. TW_ERR_NOT_FOUND when it is not plugged in, TW_ERR_INVALID when
// more than one device is meant or what is there is another one.
int TW_MUST_CHECK tw_io_hidraw_open(const struct tw_io_usb *which, struct tw_io **out,
                                    struct tw_error_text *err);

// A keyboard that is none (Linux evdev, libevdev), for us alone (EVIOCGRAB). `usb` must be given:
// nodes of other devices are never opened, so that no person's typing is ever seen. The stream is
// made of records of TW_IO_KEY_BYTES: time in microseconds (8, CLOCK_MONOTONIC), type (2), code (2),
// value (4), little endian. Errors as for hidraw.
enum { TW_IO_KEY_BYTES = 16 };
int TW_MUST_CHECK tw_io_evdev_open(const struct tw_io_usb *which, struct tw_io **out,
                                   struct tw_error_text *err);

// A folder whose files are read one after the other, oldest first, and put away in its subfolders `done` and
// `failed`. Read are regular files *.xml that nobody writes any more: closed by who wrote them (inotify), or
// unchanged between two looks; no dot files, and no link is followed. Each record of the stream has a head:
// what (1 byte), how many bytes follow (4, little endian).
//   BEGIN  size in bytes (8), files waiting, this one included (4), its name
//   BEGIN_OPEN  the same of a file that may still be written to: nobody was seen to close it, and it is not
//          unchanged for ten minutes
//   BYTES  the next of the file; then none until MORE was answered
//   END    1: whole, and an answer is waited for; 0: it could not be read to its end, and is begun again
//   TROUBLE  1 and a sentence: something is wrong with a file, which stays; 0: no more
// What is written are answers: what (1), length (2, little endian) of a text that follows, for people.
//   ACCEPTED  after END: it goes to `done`
//   REFUSED   it goes to `failed`, with the text beside it
//   LATER     it stays; nothing is read before the next LOOK
//   UNFINISHED  it stays, and is read again when it was changed, or is unchanged for ten minutes
//   LOOK      time passed: look at the folder; behind it milliseconds (8, little endian), from any moment on
// A file that was changed or replaced while it was read stays, and is read again. TW_ERR_NOT_FOUND when there
// is no folder, TW_ERR_CLOSED when it went, or its files cannot be put away in it.
enum {
    TW_IO_DIRECTORY_HEAD_BYTES = 5,
    TW_IO_DIRECTORY_ANSWER_BYTES = 3,
    TW_IO_DIRECTORY_PIECE_BYTES = 8 * 1024 - TW_IO_DIRECTORY_HEAD_BYTES,
    TW_IO_DIRECTORY_BEGIN = 'B',
    TW_IO_DIRECTORY_BEGIN_OPEN = 'b',
    TW_IO_DIRECTORY_BYTES = 'D',
    TW_IO_DIRECTORY_END = 'E',
    TW_IO_DIRECTORY_TROUBLE = 'T',
    TW_IO_DIRECTORY_TROUBLE_BYTES = 256,
    TW_IO_DIRECTORY_MORE = 'M',
    TW_IO_DIRECTORY_ACCEPTED = 'A',
    TW_IO_DIRECTORY_REFUSED = 'R',
    TW_IO_DIRECTORY_LATER = 'L',
    TW_IO_DIRECTORY_UNFINISHED = 'U',
    TW_IO_DIRECTORY_LOOK = 'S',
};
int TW_MUST_CHECK tw_io_directory_open(const char *path, struct tw_io **out, struct tw_error_text *err);

// Faults on purpose, from a seed: a transport around another one. What `inner` gives in one reading
// is given out whole before it is asked again, so read until TW_ERR_AGAIN.
struct tw_io_faults {
    uint32_t seed;
    bool split;           // readings and writings are cut at any byte
    unsigned again;       // one in so many says TW_ERR_AGAIN though there is something; 0: none, as below
    unsigned garble;      // one byte in so many has one bit changed
    unsigned close;       // one call in so many, and each after it, says TW_ERR_CLOSED
    uint64_t close_after; // closed once so many bytes were read, in the middle of whatever that is
};

// Takes `inner` on success; it goes with the new one. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_io_fault_new(struct tw_io *inner, const struct tw_io_faults *faults, struct tw_io **out);

// For the transports themselves: read and write on io->fd, which is non-blocking.
int TW_MUST_CHECK tw_io_fd_read(struct tw_io *io, uint8_t *out, size_t cap, size_t *got);
int TW_MUST_CHECK tw_io_fd_write(struct tw_io *io, struct tw_slice bytes, size_t *put);
void tw_io_fd_close(struct tw_io *io); // closes io->fd, frees the io

// How many bytes were written and have not left the machine yet, where the kernel says so; 0 elsewhere.
size_t tw_io_unsent(const struct tw_io *io);

// Reads "VVVV:PPPP". False when `text` is not of that form.
bool tw_io_usb_ids(const char *text, uint16_t *vendor, uint16_t *product);

#endif
