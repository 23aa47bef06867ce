// SPDX-License-Identifier: Apache-2.0
#include "hal/core/usb_tty.h"

#include <libudev.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct search {
    uint16_t vendor, product;
    const char *serial; // NULL: any
    char path[PATH_MAX];
    char device[PATH_MAX]; // the USB device in sysfs it was found at; "" when nothing was
    unsigned interface;
    bool ambiguous;
};

static unsigned hex_of(struct udev_device *device, const char *attribute)
{
    const char *text = udev_device_get_sysattr_value(device, attribute);
    return text != NULL ? (unsigned)strtoul(text, NULL, 16) : UINT_MAX;
}

static bool is_meant(struct udev_device *device, const struct search *search)
{
    const char *serial = udev_device_get_sysattr_value(device, "serial");
    return hex_of(device, "idVendor") == search->vendor && hex_of(device, "idProduct") == search->product &&
           (search->serial == NULL || (serial != NULL && strcmp(serial, search->serial) == 0));
}

// Of a device with several ports the one with the lowest interface is taken.
static void consider(struct search *search, struct udev_device *tty)
{
    struct udev_device *usb = udev_device_get_parent_with_subsystem_devtype(tty, "usb", "usb_device");
    struct udev_device *part = udev_device_get_parent_with_subsystem_devtype(tty, "usb", "usb_interface");
    const char *node = udev_device_get_devnode(tty);
    if (usb == NULL || node == NULL || !is_meant(usb, search)) {
        return;
    }
    unsigned interface = part != NULL ? hex_of(part, "bInterfaceNumber") : 0;
    bool same = strcmp(search->device, udev_device_get_syspath(usb)) == 0;
    if (search->device[0] != '\0' && !same) {
        search->ambiguous = true;
    } else if (search->device[0] == '\0' || interface < search->interface) {
        (void)snprintf(search->path, sizeof search->path, "%s", node);
        (void)snprintf(search->device, sizeof search->device, "%s", udev_device_get_syspath(usb));
        search->interface = interface;
    }
}

static void look_through(struct search *search, struct udev *udev, struct udev_enumerate *list)
{
    struct udev_list_entry *entry = NULL;
    if (udev_enumerate_add_match_subsystem(list, "tty") < 0 || udev_enumerate_scan_devices(list) < 0) {
        return;
    }
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list))
    {
        struct udev_device *tty = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
        if (tty != NULL) {
            consider(search, tty);
            (void)udev_device_unref(tty);
        }
    }
}

int tw_usb_tty_find(const struct tw_io_usb *which, char *path, size_t cap, struct tw_error_text *err)
{
    struct search search = {.serial = which->serial};
    if (which->usb == NULL || !tw_io_usb_ids(which->usb, &search.vendor, &search.product)) {
        return tw_fail(err, TW_ERR_INVALID,
                       "a serial device needs `port`, or `usb` (VVVV:PPPP in hex); add one");
    }
    struct udev *udev = udev_new();
    struct udev_enumerate *list = udev != NULL ? udev_enumerate_new(udev) : NULL;
    if (list != NULL) {
        look_through(&search, udev, list);
    }
    (void)udev_enumerate_unref(list);
    (void)udev_unref(udev);
    if (search.ambiguous) {
        return tw_fail(err, TW_ERR_INVALID,
                       "more than one serial device %s is plugged in; say which with `usb_serial` or `port`",
                       which->usb);
    }
    if (search.device[0] == '\0') {
        return tw_fail(err, TW_ERR_NOT_FOUND, "no serial device %s%s%s is plugged in; plug it in", which->usb,
                       which->serial != NULL ? ", serial number " : "",
                       which->serial != NULL ? which->serial : "");
    }
    (void)snprintf(path, cap, "%s", search.path);
    return 0;
}
