// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <libserialport.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "hal/io/io.h"

enum { DEFAULT_BAUD = 9600 };

struct serial {
    struct tw_io io;
    struct sp_port *port;
};

static void close_serial(struct tw_io *io)
{
    struct serial *serial = (struct serial *)io;
    // The lock belongs to the terminal, not to our descriptor: it would outlive us while anybody
    // else still has the port open (ioctl_tty(2)).
    (void)ioctl(io->fd, TIOCNXCL);
    (void)sp_close(serial->port);
    sp_free_port(serial->port);
    free(serial);
}

// libserialport sets VMIN and VTIME to 0 (termios(3)), so an empty line reads as 0 like a port
// that is gone: poll(2) tells them apart.
static int read_serial(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    int outcome = tw_io_fd_read(io, out, cap, got);
    if (outcome != TW_ERR_CLOSED) {
        return outcome;
    }
    struct pollfd entry = {.fd = io->fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 0 ? TW_ERR_AGAIN : TW_ERR_CLOSED;
}

static const struct tw_io_ops serial_ops = {read_serial, tw_io_fd_write, close_serial};

static int refuse(const char *path, struct tw_error_text *err)
{
    int cause = sp_last_error_code();
    const char *remedy = cause == EACCES
                             ? "put the service's user into the group that owns the port (dialout)"
                         : cause == EBUSY ? "another program has the port; stop it"
                                          : "check the cable and the path";
    return tw_fail(err, TW_ERR_IO, "cannot open the serial port %s: %s; %s", path, strerror(cause), remedy);
}

static int set_line(struct sp_port *port, unsigned baud)
{
    int failed = 0;
    failed |= sp_set_baudrate(port, (int)(baud != 0 ? baud : DEFAULT_BAUD)) != SP_OK;
    failed |= sp_set_bits(port, 8) != SP_OK;
    failed |= sp_set_parity(port, SP_PARITY_NONE) != SP_OK;
    failed |= sp_set_stopbits(port, 1) != SP_OK;
    failed |= sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) != SP_OK;
    return failed ? TW_ERR_IO : 0;
}

static int open_port(struct serial *serial, const char *path, unsigned baud, struct tw_error_text *err)
{
    if (sp_open(serial->port, SP_MODE_READ_WRITE) != SP_OK) {
        return refuse(path, err);
    }
    if (set_line(serial->port, baud) != 0) {
        (void)sp_close(serial->port);
        return tw_fail(err, TW_ERR_IO, "the serial port %s does not accept %u baud, 8N1; correct `baud`",
                       path, baud != 0 ? baud : DEFAULT_BAUD);
    }
    if (sp_get_port_handle(serial->port, &serial->io.fd) != SP_OK || ioctl(serial->io.fd, TIOCEXCL) != 0) {
        (void)sp_close(serial->port);
        return refuse(path, err);
    }
    return 0;
}

int tw_io_serial_open(const char *path, unsigned baud, struct tw_io **out, struct tw_error_text *err)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "the serial port %s is not there: %s; plug the device in", path,
                       strerror(errno));
    }
    struct serial *serial = calloc(1, sizeof *serial);
    if (serial == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory to open the serial port %s", path);
    }
    serial->io.ops = &serial_ops;
    if (sp_get_port_by_name(real, &serial->port) != SP_OK) {
        free(serial);
        return tw_fail(err, TW_ERR_IO, "%s is not a serial port; correct `port`", path);
    }
    int outcome = open_port(serial, path, baud, err);
    if (outcome != 0) {
        sp_free_port(serial->port);
        free(serial);
        return outcome;
    }
    *out = &serial->io;
    return 0;
}
