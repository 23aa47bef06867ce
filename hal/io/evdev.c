// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hal/io/io.h"

struct evdev {
    struct tw_io io;
    struct libevdev *device;
    bool catching_up; // the kernel dropped events: libevdev is telling what changed meanwhile
};

struct ids {
    uint16_t vendor, product;
};

// ---- finding, by sysfs alone: nobody else's keyboard is opened

// The first word of /sys/class/input/eventN/device/WHAT; "" when there is none.
static void read_attribute(const char *node, const char *what, char out[128])
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/device/%s", node, what);
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(out, 128, file) == NULL) {
            out[0] = '\0';
        }
        out[strcspn(out, "\n")] = '\0';
        (void)fclose(file);
    }
}

// A scanner has more input nodes than its keyboard: those without the key A are not it.
static bool has_letters(const char *node)
{
    char keys[128];
    read_attribute(node, "capabilities/key", keys);
    const char *lowest = strrchr(keys, ' '); // words of a long, the lowest last
    unsigned long word = strtoul(lowest != NULL ? lowest + 1 : keys, NULL, 16);
    return (word >> KEY_A & 1) != 0;
}

static bool is_meant(const char *node, const struct tw_io_usb *which, struct ids ids)
{
    char text[128];
    read_attribute(node, "id/vendor", text);
    bool meant = strtoul(text, NULL, 16) == ids.vendor;
    read_attribute(node, "id/product", text);
    meant = meant && strtoul(text, NULL, 16) == ids.product;
    read_attribute(node, "uniq", text);
    return meant && (which->serial == NULL || strcmp(text, which->serial) == 0) && has_letters(node);
}

static int not_there(const struct tw_io_usb *which, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_NOT_FOUND, "no keyboard-wedge scanner %s%s%s is plugged in; plug it in",
                   which->usb, which->serial != NULL ? ", serial number " : "",
                   which->serial != NULL ? which->serial : "");
}

// `path` names the one node that is meant.
static int choose(DIR *nodes, const struct tw_io_usb *which, struct ids ids, char path[PATH_MAX],
                  struct tw_error_text *err)
{
    char chosen[32] = "";
    for (const struct dirent *entry = readdir(nodes); entry != NULL; entry = readdir(nodes)) {
        char node[PATH_MAX];
        (void)snprintf(node, sizeof node, "/sys/class/input/%.200s", entry->d_name);
        if (strncmp(entry->d_name, "event", 5) != 0 || !is_meant(node, which, ids)) {
            continue;
        }
        if (chosen[0] != '\0') {
            return tw_fail(err, TW_ERR_INVALID,
                           "%s and %s are both scanners %s; say which with `usb_serial` or `port`", chosen,
                           entry->d_name, which->usb);
        }
        (void)snprintf(chosen, sizeof chosen, "%.31s", entry->d_name);
    }
    if (chosen[0] == '\0') {
        return not_there(which, err);
    }
    (void)snprintf(path, PATH_MAX, "/dev/input/%s", chosen);
    return 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// The node's name, "eventN"; udev's links (/dev/input/by-id/…) are one step away from it.
static bool event_of(const char *port, char out[256])
{
    char target[256];
    const char *name = last_part(port);
    if (strncmp(name, "event", 5) != 0) {
        ssize_t len = readlink(port, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        name = last_part(target);
    }
    (void)snprintf(out, 256, "%s", name);
    return strncmp(name, "event", 5) == 0;
}

static int find_node(const struct tw_io_usb *which, struct ids ids, char path[PATH_MAX],
                     struct tw_error_text *err)
{
    if (which->port != NULL) {
        char event[256];
        char node[PATH_MAX];
        if (!event_of(which->port, event)) {
            return not_there(which, err);
        }
        (void)snprintf(path, PATH_MAX, "/dev/input/%s", event);
        (void)snprintf(node, sizeof node, "/sys/class/input/%s", event);
        if (access(node, F_OK) != 0) {
            return not_there(which, err);
        }
        return is_meant(node, which, ids)
                   ? 0
                   : tw_fail(err, TW_ERR_INVALID,
                             "%s is not the keyboard-wedge scanner %s; correct `usb` or `port`", which->port,
                             which->usb);
    }
    DIR *nodes = opendir("/sys/class/input");
    if (nodes == NULL) {
        return not_there(which, err);
    }
    int outcome = choose(nodes, which, ids, path, err);
    (void)closedir(nodes);
    return outcome;
}

// ---- reading

static void put(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_event(uint8_t *out, const struct input_event *event)
{
    put(out, (uint64_t)event->input_event_sec * 1000000 + (uint64_t)event->input_event_usec, 8);
    put(out + 8, event->type, 2);
    put(out + 10, event->code, 2);
    put(out + 12, (uint32_t)event->value, 4);
}

// After an overrun (SYN_DROPPED) libevdev tells what changed meanwhile; the driver gets it all, with
// the overrun in front, and drops what it was reading.
static int next_event(struct evdev *evdev, struct input_event *event)
{
    unsigned flag = evdev->catching_up ? LIBEVDEV_READ_FLAG_SYNC : LIBEVDEV_READ_FLAG_NORMAL;
    int outcome = libevdev_next_event(evdev->device, flag, event);
    if (outcome == -EAGAIN && evdev->catching_up) {
        evdev->catching_up = false;
        outcome = libevdev_next_event(evdev->device, LIBEVDEV_READ_FLAG_NORMAL, event);
    }
    evdev->catching_up = evdev->catching_up || outcome == LIBEVDEV_READ_STATUS_SYNC;
    return outcome >= 0 ? 0 : outcome;
}

static int read_evdev(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    size_t len = 0;
    while (cap - len >= TW_IO_KEY_BYTES) {
        struct input_event event;
        int outcome = next_event((struct evdev *)io, &event);
        if (outcome != 0) {
            if (len > 0) {
                break; // said again at the next reading
            }
            return outcome == -EAGAIN || outcome == -EINTR ? TW_ERR_AGAIN : TW_ERR_CLOSED;
        }
        put_event(out + len, &event);
        len += TW_IO_KEY_BYTES;
    }
    *got = len;
    return len > 0 ? 0 : TW_ERR_INVALID;
}

static int write_nothing(struct tw_io *io, struct tw_slice bytes, size_t *put_bytes)
{
    (void)io;
    (void)bytes;
    (void)put_bytes;
    return TW_ERR_IO;
}

static void close_evdev(struct tw_io *io)
{
    struct evdev *evdev = (struct evdev *)io;
    libevdev_free(evdev->device); // closing the descriptor gives the grab back
    tw_io_fd_close(io);
}

static const struct tw_io_ops evdev_ops = {read_evdev, write_nothing, close_evdev, NULL};

// ---- opening

static int grab(struct evdev *evdev, const char *path, struct ids ids, struct tw_error_text *err)
{
    if (libevdev_new_from_fd(evdev->io.fd, &evdev->device) < 0) {
        return tw_fail(err, TW_ERR_IO, "%s is no input device; correct `port`", path);
    }
    // The node may be another one by now than the one sysfs told about.
    if (libevdev_get_id_vendor(evdev->device) != ids.vendor ||
        libevdev_get_id_product(evdev->device) != ids.product) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "%s is %04x:%04x and not %04x:%04x; it is not touched", path,
                       (unsigned)libevdev_get_id_vendor(evdev->device),
                       (unsigned)libevdev_get_id_product(evdev->device), ids.vendor, ids.product);
    }
    if (libevdev_set_clock_id(evdev->device, CLOCK_MONOTONIC) < 0 ||
        libevdev_grab(evdev->device, LIBEVDEV_GRAB) < 0) {
        return tw_fail(err, TW_ERR_IO,
                       "cannot have the scanner at %s for ourselves: %s; stop the other program", path,
                       strerror(errno));
    }
    const char *serial = libevdev_get_uniq(evdev->device);
    evdev->io.facts = (struct tw_io_facts){.vendor = ids.vendor,
                                           .product = ids.product,
                                           .serial = serial != NULL && serial[0] != '\0' ? serial : NULL,
                                           .name = libevdev_get_name(evdev->device)};
    return 0;
}

static int open_node(const char *path, struct ids ids, struct tw_io **out, struct tw_error_text *err)
{
    struct evdev *evdev = calloc(1, sizeof *evdev);
    if (evdev == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory to open %s", path);
    }
    evdev->io = (struct tw_io){.ops = &evdev_ops, .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (evdev->io.fd < 0) {
        int cause = errno;
        free(evdev);
        return tw_fail(err, TW_ERR_IO, "cannot open the scanner at %s: %s; %s", path, strerror(cause),
                       cause == EACCES ? "let the service's user into the node's group" : "check its cable");
    }
    int outcome = grab(evdev, path, ids, err);
    if (outcome != 0) {
        close_evdev(&evdev->io);
        return outcome;
    }
    *out = &evdev->io;
    return 0;
}

int tw_io_evdev_open(const struct tw_io_usb *which, struct tw_io **out, struct tw_error_text *err)
{
    char path[PATH_MAX];
    struct ids ids = {0};
    if (which->usb == NULL || !tw_io_usb_ids(which->usb, &ids.vendor, &ids.product)) {
        return tw_fail(
            err, TW_ERR_INVALID,
            "a keyboard-wedge scanner needs `usb` (VVVV:PPPP in hex), so that nobody's keyboard is "
            "taken; add it");
    }
    int outcome = find_node(which, ids, path, err);
    return outcome != 0 ? outcome : open_node(path, ids, out, err);
}
