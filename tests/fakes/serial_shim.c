// SPDX-License-Identifier: Apache-2.0
//
// Lets libserialport open a pseudo terminal. It asks /sys/class/tty/NAME what device a port is, and
// the port for its modem lines; a pty has neither. Linked into a test, or preloaded
// (LD_PRELOAD=libserial_shim.so, with ASAN_OPTIONS=verify_asan_link_order=0 for sanitized
// programs), these functions answer for ptys and pass everything else on.
//
// Threading: any. Memory: none. Time: none. Errors: as the functions they stand for.
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

typedef ssize_t (*readlink_function)(const char *, char *, size_t);
typedef int (*ioctl_function)(int, unsigned long, void *);

static void *next_symbol(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

// glibc before 2.33 gave lstat(2) this name, and Debian's libserialport is bound to it.
int __lxstat(int version, const char *path, struct stat *out);

static const char ptys[] = "/sys/class/tty/pts/";

static int is_pty(const char *path)
{
    return strncmp(path, ptys, sizeof ptys - 1) == 0;
}

int __lxstat(int version, const char *path, struct stat *out)
{
    (void)version;
    if (is_pty(path)) {
        memset(out, 0, sizeof *out);
        out->st_mode = S_IFLNK | 0777;
        return 0;
    }
    return lstat(path, out);
}

ssize_t readlink(const char *path, char *out, size_t cap)
{
    if (is_pty(path)) {
        char target[64];
        int len =
            snprintf(target, sizeof target, "../../devices/virtual/tty/pts%.16s", path + sizeof ptys - 1);
        size_t part = (size_t)len < cap ? (size_t)len : cap;
        memcpy(out, target, part);
        return (ssize_t)part;
    }
    void *symbol = next_symbol("readlink");
    readlink_function real;
    memcpy(&real, &symbol, sizeof real);
    return real(path, out, cap);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    void *symbol = next_symbol("ioctl");
    ioctl_function real;
    memcpy(&real, &symbol, sizeof real);
    int outcome = real(fd, request, argument);
    int modem = request == TIOCMGET || request == TIOCMSET || request == TIOCMBIS || request == TIOCMBIC;
    if (outcome < 0 && modem && isatty(fd)) {
        if (request == TIOCMGET) {
            int lines = TIOCM_DTR | TIOCM_RTS;
            memcpy(argument, &lines, sizeof lines);
        }
        return 0;
    }
    return outcome;
}
