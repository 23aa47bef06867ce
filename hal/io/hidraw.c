// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <hidapi/hidapi.h>
#include <limits.h>
#include <linux/hidraw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "hal/io/io.h"

enum {
    SCANNER_PAGE = 0x8c, // Bar Code Scanner, HID Point of Sale Usage Tables 1.02
    REPORT_BYTES = 4096, // HID_MAX_DESCRIPTOR_SIZE bounds the description; no scanner's report comes near
    LENGTH_BYTES = 2,
};

struct hidraw {
    struct tw_io io;
    uint8_t record[LENGTH_BYTES + REPORT_BYTES]; // a report that was not taken as a whole yet
    size_t at, len;
    struct hidraw_report_descriptor descriptor;
    char name[128], serial[64];
};

// ---- finding

static bool same_serial(const wchar_t *found, const char *wanted)
{
    if (wanted == NULL) {
        return true;
    }
    size_t len = strlen(wanted);
    if (found == NULL || wcslen(found) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (found[i] != (wchar_t)(unsigned char)wanted[i]) {
            return false;
        }
    }
    return true;
}

static int not_there(const struct tw_io_usb *which, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_NOT_FOUND, "no HID device %s%s%s is plugged in; plug it in",
                   which->usb != NULL ? which->usb : which->port,
                   which->serial != NULL ? ", serial number " : "",
                   which->serial != NULL ? which->serial : "");
}

// One device may have several usages on one node, and several nodes: those of the page are taken.
static int choose(const struct hid_device_info *list, const struct tw_io_usb *which, char path[PATH_MAX],
                  struct tw_error_text *err)
{
    const char *chosen = NULL;
    bool is_page = false;
    for (const struct hid_device_info *info = list; info != NULL; info = info->next) {
        bool better = info->usage_page == (which->page != 0 ? which->page : SCANNER_PAGE);
        if (!same_serial(info->serial_number, which->serial) || (is_page && !better) ||
            (chosen != NULL && strcmp(chosen, info->path) == 0)) {
            continue;
        }
        if (chosen != NULL && better == is_page) {
            return tw_fail(err, TW_ERR_INVALID,
                           "%s and %s are both HID devices %s; say which with `usb_serial` or `port`", chosen,
                           info->path, which->usb);
        }
        chosen = info->path;
        is_page = better;
    }
    if (chosen == NULL) {
        return not_there(which, err);
    }
    (void)snprintf(path, PATH_MAX, "%s", chosen);
    return 0;
}

static int find_node(const struct tw_io_usb *which, char path[PATH_MAX], struct tw_error_text *err)
{
    if (which->port != NULL) {
        (void)snprintf(path, PATH_MAX, "%s", which->port);
        return 0;
    }
    uint16_t vendor = 0;
    uint16_t product = 0;
    if (which->usb == NULL || !tw_io_usb_ids(which->usb, &vendor, &product)) {
        return tw_fail(err, TW_ERR_INVALID, "a HID device needs `usb` (VVVV:PPPP in hex) or `port`; add one");
    }
    struct hid_device_info *list = hid_enumerate(vendor, product);
    int outcome = choose(list, which, path, err);
    hid_free_enumeration(list);
    return outcome;
}

// ---- reading

// Whatever is left of the record, and nothing of it stays here: it may be somebody's card.
static size_t take(struct hidraw *hidraw, uint8_t *out, size_t cap)
{
    size_t len = hidraw->len - hidraw->at < cap ? hidraw->len - hidraw->at : cap;
    memcpy(out, hidraw->record + hidraw->at, len);
    explicit_bzero(hidraw->record + hidraw->at, len);
    hidraw->at += len;
    return len;
}

// A read of a hidraw node gives one report (Linux, Documentation/hid/hidraw.rst).
static int read_hidraw(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    struct hidraw *hidraw = (struct hidraw *)io;
    if (hidraw->at == hidraw->len) {
        size_t len = 0;
        int outcome = tw_io_fd_read(io, hidraw->record + LENGTH_BYTES, REPORT_BYTES, &len);
        if (outcome != 0) {
            return outcome;
        }
        hidraw->record[0] = (uint8_t)(len & 0xff);
        hidraw->record[1] = (uint8_t)(len >> 8);
        hidraw->at = 0;
        hidraw->len = LENGTH_BYTES + len;
    }
    *got = take(hidraw, out, cap);
    return 0;
}

static void close_hidraw(struct tw_io *io)
{
    struct hidraw *hidraw = (struct hidraw *)io;
    explicit_bzero(hidraw->record, sizeof hidraw->record);
    tw_io_fd_close(io);
}

static const struct tw_io_ops hidraw_ops = {read_hidraw, tw_io_fd_write, close_hidraw, NULL};

// ---- opening

// hidapi 0.13 has no call for the descriptor; the kernel has. Name and serial number may be missing.
static int learn(struct hidraw *hidraw, const struct tw_io_usb *which, const char *path,
                 struct tw_error_text *err)
{
    int fd = hidraw->io.fd;
    int size = 0;
    struct hidraw_devinfo info = {0};
    if (ioctl(fd, HIDIOCGRAWINFO, &info) < 0 || ioctl(fd, HIDIOCGRDESCSIZE, &size) < 0 || size <= 0 ||
        size > HID_MAX_DESCRIPTOR_SIZE) {
        return tw_fail(err, TW_ERR_IO, "%s is no HID device; correct `port`", path);
    }
    hidraw->descriptor.size = (uint32_t)size;
    if (ioctl(fd, HIDIOCGRDESC, &hidraw->descriptor) < 0) {
        return tw_fail(err, TW_ERR_IO, "%s does not give its report descriptor: %s; plug it in anew", path,
                       strerror(errno));
    }
    struct tw_io_facts facts = {.vendor = (uint16_t)info.vendor, .product = (uint16_t)info.product};
    uint16_t vendor = 0;
    uint16_t product = 0;
    if (which->usb != NULL && tw_io_usb_ids(which->usb, &vendor, &product) &&
        (vendor != facts.vendor || product != facts.product)) {
        return tw_fail(err, TW_ERR_INVALID, "%s is %04x:%04x and not %s; correct `usb` or `port`", path,
                       facts.vendor, facts.product, which->usb);
    }
    facts.name = ioctl(fd, HIDIOCGRAWNAME(sizeof hidraw->name - 1), hidraw->name) > 0 ? hidraw->name : NULL;
    facts.serial =
        ioctl(fd, HIDIOCGRAWUNIQ(sizeof hidraw->serial - 1), hidraw->serial) > 0 && hidraw->serial[0] != '\0'
            ? hidraw->serial
            : which->serial;
    facts.descriptor = tw_slice_make(hidraw->descriptor.value, hidraw->descriptor.size);
    hidraw->io.facts = facts;
    return 0;
}

static int open_node(const struct tw_io_usb *which, const char *path, int *out, struct tw_error_text *err)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO)) {
        return not_there(which, err);
    }
    if (fd < 0) {
        return tw_fail(err, TW_ERR_IO, "cannot open the HID device %s: %s; %s", path, strerror(errno),
                       errno == EACCES ? "let the service's user into the node's group" : "check its cable");
    }
    *out = fd;
    return 0;
}

int tw_io_hidraw_open(const struct tw_io_usb *which, struct tw_io **out, struct tw_error_text *err)
{
    char path[PATH_MAX];
    int fd = -1;
    int outcome = find_node(which, path, err);
    outcome = outcome != 0 ? outcome : open_node(which, path, &fd, err);
    if (outcome != 0) {
        return outcome;
    }
    struct hidraw *hidraw = calloc(1, sizeof *hidraw);
    if (hidraw == NULL) {
        (void)close(fd);
        return tw_fail(err, TW_ERR_NOMEM, "no memory to open the HID device %s", path);
    }
    hidraw->io = (struct tw_io){.ops = &hidraw_ops, .fd = fd};
    outcome = learn(hidraw, which, path, err);
    if (outcome != 0) {
        close_hidraw(&hidraw->io);
        return outcome;
    }
    *out = &hidraw->io;
    return 0;
}
