// SPDX-License-Identifier: Apache-2.0
//
// USB scanners that are not there: sysfs, nodes and ioctls from umockdev, so that libudev, hidapi,
// libevdev and the transports are the real ones. Run under umockdev-wrapper. A node is a pseudo
// terminal, which keeps no borders between reports: send one, and read it before the next.
//
// Threading: ioctls are answered on umockdev's thread. Memory: until usb_world_free. Time: none.
// Errors: abort().
#ifndef TW_FAKE_USB_WORLD_H
#define TW_FAKE_USB_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usb_world;

struct usb_scanner {
    unsigned number; // of the node: /dev/hidrawN, /dev/input/eventN; 16 in a row at a time
    uint16_t vendor, product;
    const char *serial;
    bool keyboard;
    bool other_mode; // a HID device that does not say it sends codes
    bool busy;       // another program has it: a grab is refused
};

struct usb_world *usb_world_new(void);
void usb_world_free(struct usb_world *world);

void usb_world_plug(struct usb_world *world, const struct usb_scanner *scanner);
void usb_world_unplug(struct usb_world *world, unsigned number);
void usb_world_send(struct usb_world *world, unsigned number, const void *bytes, size_t len);
void usb_world_key(struct usb_world *world, unsigned number, uint16_t type, uint16_t code, int32_t value,
                   int64_t time_ms);

// A serial port of a device 0c2e:0b61: in sysfs only, at a USB port ("1-2"), as one of its interfaces.
void usb_world_plug_tty(struct usb_world *world, const char *at, const char *node, const char *serial,
                        unsigned interface);
void usb_world_unplug_tty(struct usb_world *world, const char *at, const char *node);

// How often the node of a keyboard was opened far enough to be asked its name, and grabbed.
unsigned usb_world_asked(const struct usb_world *world, unsigned number);
unsigned usb_world_grabs(const struct usb_world *world, unsigned number);

#endif
