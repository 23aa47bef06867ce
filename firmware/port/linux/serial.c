// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

// ISO/IEC 6429: device controls 1 and 3, which terminals call XON and XOFF.
enum { XON = 0x11, XOFF = 0x13 };

static bool parity_of(const char *name, tcflag_t *out)
{
    static const struct {
        const char *name;
        tcflag_t flags;
    } known[] = {{"none", 0},
                 {"even", PARENB},
                 {"odd", PARENB | PARODD},
                 {"mark", PARENB | PARODD | CMSPAR},
                 {"space", PARENB | CMSPAR}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name != NULL ? name : "none", known[i].name) == 0) {
            *out = known[i].flags;
            return true;
        }
    }
    return false;
}

int tw_serial_check(const struct tw_serial_form *form, struct tw_error_text *err)
{
    struct termios settings = {0};
    tcflag_t parity;
    if (form->baud == 0 || cfsetspeed(&settings, form->baud) != 0) { // glibc takes the number, too
        return tw_fail(err, TW_ERR_INVALID, "`baud` %u is no speed of a serial port; use one such as 9600",
                       form->baud);
    }
    if (form->bits != 0 && (form->bits < 5 || form->bits > 8)) {
        return tw_fail(err, TW_ERR_INVALID, "`bits` %u is not possible; use 5 to 8", form->bits);
    }
    if (form->stop > 2) {
        return tw_fail(err, TW_ERR_INVALID, "`stop` %u is not possible; use 1 or 2", form->stop);
    }
    if (!parity_of(form->parity, &parity)) {
        return tw_fail(err, TW_ERR_INVALID, "`parity` %s is not known; use none, even, odd, mark or space",
                       form->parity);
    }
    return 0;
}

// What cannot be was refused by tw_serial_check.
static void apply(const struct tw_serial_form *form, struct termios *settings)
{
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    tcflag_t parity = 0;
    (void)parity_of(form->parity, &parity);
    (void)cfsetspeed(settings, form->baud);
    settings->c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD | CMSPAR);
    settings->c_cflag |= sizes[form->bits != 0 ? form->bits - 5 : 3] | parity;
    settings->c_cflag |= form->stop == 2 ? CSTOPB : 0;
}

// IXON stays off: the kernel would take XON and XOFF away before they could be passed on, and on the
// till's side out of the middle of pictures.
static int set_up(int fd, const struct tw_serial_form *form, bool obeys_cts)
{
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0) {
        return -1;
    }
    cfmakeraw(&settings);
    settings.c_iflag |= IGNBRK;
    settings.c_cflag &= ~(tcflag_t)CRTSCTS;
    settings.c_cflag |= CREAD | CLOCAL | HUPCL | (obeys_cts ? CRTSCTS : 0);
    settings.c_cc[VMIN] = 1; // without bytes: EAGAIN, so that 0 is the end
    settings.c_cc[VTIME] = 0;
    settings.c_cc[VSTART] = XON;
    settings.c_cc[VSTOP] = XOFF;
    apply(form, &settings);
    return tcsetattr(fd, TCSANOW, &settings) == 0 && ioctl(fd, TIOCEXCL) == 0 ? 0 : -1;
}

static const char *remedy(int cause)
{
    switch (cause) {
    case EACCES:
        return "put the relay's user into the port's group (dialout)";
    case EBUSY:
        return "stop the program that has the port";
    case ENOTTY:
        return "name a serial port";
    default:
        return "check cable and path";
    }
}

int tw_serial_open(const char *path, const struct tw_serial_form *form, bool obeys_cts, int *out,
                   struct tw_error_text *err)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || set_up(fd, form, obeys_cts) != 0) {
        int cause = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        bool absent = cause == ENOENT || cause == ENODEV || cause == ENXIO || cause == EIO;
        return tw_fail(err, absent ? TW_ERR_NOT_FOUND : TW_ERR_IO,
                       "cannot open the port %s at %u baud: %s; %s", path, form->baud, strerror(cause),
                       remedy(cause));
    }
    *out = fd;
    return 0;
}

void tw_serial_close(int fd)
{
    if (fd >= 0) {
        (void)tcflush(fd, TCOFLUSH);
        (void)close(fd);
    }
}

static ptrdiff_t outcome_of(ssize_t moved)
{
    if (moved > 0) {
        return moved;
    }
    return moved < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

ptrdiff_t tw_serial_read(int fd, uint8_t *out, size_t cap)
{
    return outcome_of(read(fd, out, cap));
}

ptrdiff_t tw_serial_write(int fd, const uint8_t *bytes, size_t len)
{
    return outcome_of(write(fd, bytes, len));
}

void tw_serial_hold(int fd, bool hold)
{
    (void)tcflow(fd, hold ? TCOOFF : TCOON);
}

void tw_serial_say(int fd, bool stop)
{
    (void)tcflow(fd, stop ? TCIOFF : TCION);
}

void tw_serial_set_lines(int fd, int from, int to)
{
    int lowered = from & ~to;
    int raised = to & ~from;
    if (lowered != 0) {
        (void)ioctl(fd, TIOCMBIC, &lowered);
    }
    if (raised != 0) {
        (void)ioctl(fd, TIOCMBIS, &raised);
    }
}

size_t tw_serial_unsent(int fd)
{
    int count = 0;
    return ioctl(fd, TIOCOUTQ, &count) == 0 && count > 0 ? (size_t)count : 0;
}
