// SPDX-License-Identifier: Apache-2.0
//
// One serial port as the relay uses it: raw, for us alone, never blocking. Only termios(3) and
// tty_ioctl(2); a pseudo terminal will do where there is no modem line to look at.
//
// Threading: one thread for a port, except that tw_lines (lines.h) waits for its lines on another.
// Memory: none. Time: opening and closing may take as long as the driver does. Errors:
// TW_ERR_NOT_FOUND: nothing is plugged in there; TW_ERR_INVALID, TW_ERR_IO; one sentence each.
#ifndef TW_RELAY_SERIAL_H
#define TW_RELAY_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/err.h"

struct tw_serial_form {
    unsigned baud;
    unsigned bits;      // 5 to 8; 0: 8
    unsigned stop;      // 1 or 2; 0: 1
    const char *parity; // "none", "even", "odd", "mark", "space"; NULL: none. Borrowed
};

// Whether termios has such a line: TW_ERR_INVALID names the key that it has not.
int TW_MUST_CHECK tw_serial_check(const struct tw_serial_form *form, struct tw_error_text *err);

// Links such as /dev/serial/by-id/… are resolved at every opening. `obeys_cts`: the kernel stops
// sending there while the other side's RTS, our CTS, is low. Nothing received so far is discarded.
int TW_MUST_CHECK tw_serial_open(const char *path, const struct tw_serial_form *form, bool obeys_cts,
                                 int *out, struct tw_error_text *err);

// Closes at once: what the driver could not send yet is given up, else closing waits for it (30 s
// while the other side says stop). Ignores -1.
void tw_serial_close(int fd);

// As read(2) and write(2): 0: nothing now; -1: the port is gone.
ptrdiff_t tw_serial_read(int fd, uint8_t *out, size_t cap);
ptrdiff_t tw_serial_write(int fd, const uint8_t *bytes, size_t len);

// Stops and resumes what the driver sends to the other side, bytes it has taken included.
void tw_serial_hold(int fd, bool hold);

// Sends XOFF or XON ahead of everything else.
void tw_serial_say(int fd, bool stop);

// Changes RTS and DTR (TIOCM_RTS, TIOCM_DTR) from what they were to what they are to be.
void tw_serial_set_lines(int fd, int from, int to);

// Bytes the driver has taken and not sent yet.
size_t tw_serial_unsent(int fd);

#endif
