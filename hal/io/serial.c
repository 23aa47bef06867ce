// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <libserialport.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#include "hal/io/io.h"

enum {
    DEFAULT_BAUD = 9600,
    LAST_MS = 60, // a display's two lines, and the byte that clears them, at 9600 baud
};

struct serial {
    struct tw_io io;
    struct sp_port *port;
};

// Gives what was written last a moment to leave the machine: it may clear a display.
static bool is_sent(const struct tw_io *io)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (unsigned i = 0; i < LAST_MS && tw_io_unsent(io) > 0; i++) {
        (void)nanosleep(&pause, NULL);
    }
    return tw_io_unsent(io) == 0;
}

static void close_serial(struct tw_io *io)
{
    struct serial *serial = (struct serial *)io;
    // The lock belongs to the terminal, not to our descriptor: it would outlive us while anybody
    // else still has the port open (ioctl_tty(2)).
    (void)ioctl(io->fd, TIOCNXCL);
    // Closing waits up to 30 s for a device that takes nothing (closing_wait, setserial(8)): nothing may
    // wait for so long.
    if (!is_sent(io)) {
        (void)tcflush(io->fd, TCOFLUSH);
    }
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
    // POLLIN alone: a byte came since.
    return poll(&entry, 1, 0) == 0 || entry.revents == POLLIN ? TW_ERR_AGAIN : TW_ERR_CLOSED;
}

static const struct tw_io_ops serial_ops = {read_serial, tw_io_fd_write, close_serial, NULL};

static int refuse(const char *path, struct tw_error_text *err)
{
    int cause = sp_last_error_code();
    const char *remedy = cause == EACCES
                             ? "put the service's user into the group that owns the port (dialout)"
                         : cause == EBUSY ? "another program has the port; stop it"
                                          : "check the cable and the path";
    return tw_fail(err, TW_ERR_IO, "cannot open the serial port %s: %s; %s", path, strerror(cause), remedy);
}

// ---- line settings

struct word {
    const char *word;
    int value;
};

static const struct word parities[] = {{"none", SP_PARITY_NONE},   {"even", SP_PARITY_EVEN},
                                       {"odd", SP_PARITY_ODD},     {"mark", SP_PARITY_MARK},
                                       {"space", SP_PARITY_SPACE}, {NULL, 0}};
static const struct word flows[] = {{"none", SP_FLOWCONTROL_NONE},
                                    {"rtscts", SP_FLOWCONTROL_RTSCTS},
                                    {"xonxoff", SP_FLOWCONTROL_XONXOFF},
                                    {NULL, 0}};

struct line {
    int baud, bits, stop, parity, flow;
};

// The first entry when nothing is said.
static bool find_word(const struct word *words, const char *text, int *out)
{
    for (const struct word *word = words; word->word != NULL; word++) {
        if (text == NULL || strcmp(text, word->word) == 0) {
            *out = word->value;
            return true;
        }
    }
    return false;
}

static int read_line(const char *path, const struct tw_io_line *from, struct line *out,
                     struct tw_error_text *err)
{
    struct line line = {.baud = from->baud != 0 ? (int)from->baud : DEFAULT_BAUD,
                        .bits = from->bits != 0 ? (int)from->bits : 8,
                        .stop = from->stop != 0 ? (int)from->stop : 1};
    const char *wrong = NULL;
    if (from->bits != 0 && (from->bits < 5 || from->bits > 8)) {
        wrong = "`bits` is 5 to 8";
    } else if (from->stop > 2) {
        wrong = "`stop` is 1 or 2";
    } else if (!find_word(parities, from->parity, &line.parity)) {
        wrong = "`parity` is none, even, odd, mark or space";
    } else if (!find_word(flows, from->flow, &line.flow)) {
        wrong = "`flow` is none, rtscts or xonxoff";
    }
    if (wrong != NULL) {
        return tw_fail(err, TW_ERR_INVALID, "cannot set up the serial port %s: %s; correct it", path, wrong);
    }
    *out = line;
    return 0;
}

static int set_line(struct sp_port *port, const struct line *line)
{
    int failed = 0;
    failed |= sp_set_baudrate(port, line->baud) != SP_OK;
    failed |= sp_set_bits(port, line->bits) != SP_OK;
    failed |= sp_set_parity(port, (enum sp_parity)line->parity) != SP_OK;
    failed |= sp_set_stopbits(port, line->stop) != SP_OK;
    failed |= sp_set_flowcontrol(port, (enum sp_flowcontrol)line->flow) != SP_OK;
    return failed ? TW_ERR_IO : 0;
}

// libserialport 0.1.1 puts CRTSCTS into the input flags, where it means nothing (termios(3) has it
// among the control flags), so RTS/CTS is switched here.
static int set_hardware_flow(int fd, bool on)
{
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0) {
        return TW_ERR_IO;
    }
    settings.c_iflag &= ~(tcflag_t)CRTSCTS;
    settings.c_cflag = on ? settings.c_cflag | CRTSCTS : settings.c_cflag & ~(tcflag_t)CRTSCTS;
    return tcsetattr(fd, TCSANOW, &settings) == 0 ? 0 : TW_ERR_IO;
}

static int open_port(struct serial *serial, const char *path, const struct line *line,
                     struct tw_error_text *err)
{
    if (sp_open(serial->port, SP_MODE_READ_WRITE) != SP_OK) {
        return refuse(path, err);
    }
    if (sp_get_port_handle(serial->port, &serial->io.fd) != SP_OK || set_line(serial->port, line) != 0 ||
        set_hardware_flow(serial->io.fd, line->flow == SP_FLOWCONTROL_RTSCTS) != 0) {
        (void)sp_close(serial->port);
        return tw_fail(err, TW_ERR_IO,
                       "the serial port %s does not accept %d baud, %d bits, %d stop and what `parity` and "
                       "`flow` say; correct them",
                       path, line->baud, line->bits, line->stop);
    }
    if (ioctl(serial->io.fd, TIOCEXCL) != 0) {
        (void)sp_close(serial->port);
        return refuse(path, err);
    }
    return 0;
}

// What sysfs says of a port that is a USB device.
static void learn(struct serial *serial)
{
    int vendor = 0;
    int product = 0;
    if (sp_get_port_usb_vid_pid(serial->port, &vendor, &product) == SP_OK) {
        serial->io.facts.vendor = (uint16_t)vendor;
        serial->io.facts.product = (uint16_t)product;
    }
    serial->io.facts.serial = sp_get_port_usb_serial(serial->port);
    serial->io.facts.name = sp_get_port_description(serial->port);
}

int tw_io_serial_open(const char *path, const struct tw_io_line *settings, struct tw_io **out,
                      struct tw_error_text *err)
{
    struct line line = {0};
    int outcome = read_line(path, settings, &line, err);
    if (outcome != 0) {
        return outcome;
    }
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
    outcome = open_port(serial, path, &line, err);
    if (outcome != 0) {
        sp_free_port(serial->port);
        free(serial);
        return outcome;
    }
    learn(serial);
    *out = &serial->io;
    return 0;
}
