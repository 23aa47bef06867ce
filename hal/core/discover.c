// SPDX-License-Identifier: Apache-2.0
#include "tillwire/discover.h"

#include <dirent.h>
#include <fcntl.h>
#include <libudev.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BY_ID          "/dev/serial/by-id"
#define DESCRIPTOR_MAX 4096 // HID_MAX_DESCRIPTOR_SIZE of the Linux kernel

// HID Usage Tables for USB 1.5, section 3: pages.
enum { PAGE_SCANNER = 0x8c, PAGE_STRIPE = 0x8e };

// Makers whose keyboards are none, by USB vendor id (the list usb.ids of linux-usb.org).
static const struct maker {
    const char *vendor, *class_name;
    bool terminals; // payment terminals, too
} makers[] = {
    {"0536", "scanner", false}, // Hand Held Products, now Honeywell
    {"05e0", "scanner", false}, // Symbol Technologies, now Zebra
    {"05f9", "scanner", false}, // PSC Scanning, now Datalogic
    {"065a", "scanner", false}, // Optoelectronics (Opticon)
    {"0745", "scanner", false}, // Syntech Information (CipherLab)
    {"0801", "stripe", true},   // MagTek
    {"080c", "scanner", false}, // Datalogic
    {"0acd", "stripe", true},   // ID TECH
    {"0c2e", "scanner", false}, // Metrologic Instruments, now Honeywell
    {"1eab", "scanner", true},  // Fujian Newland
};

struct search {
    struct udev *udev;
    tw_found_fn *fn;
    void *ctx;
};

typedef void look_fn(const struct search *search, struct udev_device *device);

static struct udev_device *usb_device_of(struct udev_device *device)
{
    return udev_device_get_parent_with_subsystem_devtype(device, "usb", "usb_device");
}

static const char *attribute(struct udev_device *device, const char *name)
{
    const char *value = device != NULL ? udev_device_get_sysattr_value(device, name) : NULL;
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void tell(const struct search *search, struct udev_device *device, struct tw_found *found)
{
    struct udev_device *usb = usb_device_of(device);
    const char *vendor = attribute(usb, "idVendor");
    const char *product = attribute(usb, "idProduct");
    found->node = udev_device_get_devnode(device);
    if (found->node == NULL || vendor == NULL || product == NULL) {
        return;
    }
    (void)snprintf(found->usb, sizeof found->usb, "%.4s:%.4s", vendor, product);
    found->serial = attribute(usb, "serial");
    found->name = attribute(usb, "product");
    found->readable = access(found->node, R_OK | W_OK) == 0;
    search->fn(search->ctx, found);
}

// NULL: of no such maker.
static const struct maker *maker_of(struct udev_device *device)
{
    const char *vendor = attribute(usb_device_of(device), "idVendor");
    for (size_t i = 0; vendor != NULL && i < sizeof makers / sizeof makers[0]; i++) {
        if (strcmp(makers[i].vendor, vendor) == 0) {
            return &makers[i];
        }
    }
    return NULL;
}

// ---- serial ports

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// The link whose target is called `node`; udev's rules make it, a container may have none.
static bool find_link(const char *node, char out[PATH_MAX])
{
    DIR *links = opendir(BY_ID);
    bool found = false;
    for (const struct dirent *entry = links != NULL ? readdir(links) : NULL; entry != NULL && !found;
         entry = readdir(links)) {
        char target[PATH_MAX];
        (void)snprintf(out, PATH_MAX, BY_ID "/%s", entry->d_name);
        ssize_t len = readlink(out, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        found = len > 0 && strcmp(last_part(target), last_part(node)) == 0;
    }
    if (links != NULL) {
        (void)closedir(links);
    }
    return found;
}

// A port that is built in says nothing of what hangs on it.
static void look_at_port(const struct search *search, struct udev_device *device)
{
    char link[PATH_MAX];
    const char *node = udev_device_get_devnode(device);
    struct tw_found found = {.class_name = "scanner", .transport = "serial"};
    if (node != NULL && usb_device_of(device) != NULL) {
        const struct maker *maker = maker_of(device);
        found.port = find_link(node, link) ? link : NULL;
        found.may_be_terminal = maker == NULL || maker->terminals;
        tell(search, device, &found);
    }
}

// ---- HID devices

// Whether a report descriptor speaks of `page`: among its items, those of the global Usage Page (Device
// Class Definition for HID 1.11, section 6.2.2).
static bool has_page(const uint8_t *at, size_t len, unsigned page)
{
    enum { LONG_ITEM = 0xfe, USAGE_PAGE = 0x04, TYPE_AND_TAG = 0xfc };
    static const size_t sizes[] = {0, 1, 2, 4};
    while (len > 0) {
        size_t size = sizes[at[0] & 3];
        if (at[0] == LONG_ITEM) {
            size = len > 1 ? (size_t)at[1] + 2 : len;
        }
        if (size >= len) {
            return false;
        }
        unsigned value = size > 0 ? at[1] | (size > 1 ? (unsigned)at[2] << 8 : 0) : 0;
        if ((at[0] & TYPE_AND_TAG) == USAGE_PAGE && value == page) {
            return true;
        }
        at += 1 + size;
        len -= 1 + size;
    }
    return false;
}

static size_t read_descriptor(struct udev_device *hidraw, uint8_t out[DESCRIPTOR_MAX])
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/device/report_descriptor", udev_device_get_syspath(hidraw));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, DESCRIPTOR_MAX) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return len > 0 ? (size_t)len : 0;
}

static void look_at_hid(const struct search *search, struct udev_device *device)
{
    uint8_t descriptor[DESCRIPTOR_MAX];
    size_t len = read_descriptor(device, descriptor);
    struct tw_found found = {.transport = "hidraw"};
    if (has_page(descriptor, len, PAGE_SCANNER)) {
        found.class_name = "scanner";
        tell(search, device, &found);
    } else if (has_page(descriptor, len, PAGE_STRIPE)) {
        found.class_name = "stripe";
        tell(search, device, &found);
    }
}

// ---- keyboards

// Bits of the keys it has, as words in hex, the highest first; letters and digits are in the last. A
// scanner in another mode has buttons at most.
static bool has_letters(const char *keys)
{
    const char *last = keys != NULL ? strrchr(keys, ' ') : NULL;
    last = last != NULL ? last + 1 : keys;
    const uint64_t key_a_and_1 = UINT64_C(1) << 30 | UINT64_C(1) << 2; // linux/input-event-codes.h
    return last != NULL && (strtoull(last, NULL, 16) & key_a_and_1) == key_a_and_1;
}

static void look_at_keyboard(const struct search *search, struct udev_device *device)
{
    struct udev_device *input = udev_device_get_parent(device);
    const struct maker *maker = maker_of(device);
    struct tw_found found = {.class_name = maker != NULL ? maker->class_name : NULL, .transport = "evdev"};
    if (strncmp(udev_device_get_sysname(device), "event", 5) == 0 && maker != NULL &&
        has_letters(attribute(input, "capabilities/key"))) {
        tell(search, device, &found);
    }
}

// ---- all of them

static int search_in(const struct search *search, const char *subsystem, look_fn *look)
{
    struct udev_enumerate *all = udev_enumerate_new(search->udev);
    if (all == NULL) {
        return TW_ERR_NOMEM;
    }
    int failed = udev_enumerate_add_match_subsystem(all, subsystem);
    failed = failed < 0 ? failed : udev_enumerate_scan_devices(all);
    struct udev_list_entry *entry = NULL;
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(all))
    {
        struct udev_device *device =
            udev_device_new_from_syspath(search->udev, udev_list_entry_get_name(entry));
        if (device != NULL) { // it may have gone meanwhile
            look(search, device);
            (void)udev_device_unref(device);
        }
    }
    (void)udev_enumerate_unref(all);
    return failed < 0 ? TW_ERR_NOT_FOUND : 0;
}

int tw_discover(tw_found_fn *fn, void *ctx, struct tw_error_text *err)
{
    static const struct {
        const char *subsystem;
        look_fn *look;
    } places[] = {{"tty", look_at_port}, {"hidraw", look_at_hid}, {"input", look_at_keyboard}};
    const struct search search = {udev_new(), fn, ctx};
    int outcome = search.udev != NULL ? 0 : TW_ERR_NOMEM;
    for (size_t i = 0; outcome == 0 && i < sizeof places / sizeof places[0]; i++) {
        outcome = search_in(&search, places[i].subsystem, places[i].look);
    }
    if (search.udev != NULL) {
        (void)udev_unref(search.udev);
    }
    return outcome == 0
               ? 0
               : tw_fail(err, outcome,
                         "cannot see what is plugged in: %s; /sys must be mounted and libudev work here",
                         tw_err_name(outcome));
}
