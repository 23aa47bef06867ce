// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/usb_world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <linux/input.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <umockdev.h>

#include "tests/fakes/hid_scanner.h"

enum { MOST = 16 };

struct node {
    struct usb_scanner scanner;
    UMockdevIoctlBase *handler;
    char paths[3][160]; // in sysfs, innermost first
    char dev[32];
    atomic_uint asked, grabs;
};

struct usb_world {
    UMockdevTestbed *bed;
    unsigned plugs;
    struct node nodes[MOST];
};

static void require(bool truth, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "usb world: %s: %s\n", what, strerror(errno));
        abort();
    }
}

// ---- ioctls

struct answer {
    uint8_t bytes[8192];
    size_t len; // written to the caller
    long result;
};

static void answer_text(struct answer *answer, const char *text)
{
    answer->len = strlen(text) + 1;
    memcpy(answer->bytes, text, answer->len);
    answer->result = (long)answer->len;
}

static bool answer_hidraw(struct node *node, unsigned long request, struct answer *answer)
{
    struct hidraw_devinfo info = {BUS_USB, (short)node->scanner.vendor, (short)node->scanner.product};
    static const uint8_t keyboard[] = {0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0xc0};
    const uint8_t *descriptor = node->scanner.other_mode ? keyboard : hid_scanner_descriptor;
    uint32_t size = node->scanner.other_mode ? sizeof keyboard : sizeof hid_scanner_descriptor;
    switch (_IOC_NR(request)) {
    case _IOC_NR(HIDIOCGRDESCSIZE):
        memcpy(answer->bytes, &size, answer->len = sizeof size);
        return true;
    case _IOC_NR(HIDIOCGRDESC):
        memcpy(answer->bytes, &size, sizeof size);
        memcpy(answer->bytes + sizeof size, descriptor, size);
        answer->len = sizeof size + size;
        return true;
    case _IOC_NR(HIDIOCGRAWINFO):
        memcpy(answer->bytes, &info, answer->len = sizeof info);
        return true;
    case 0x04:
        answer_text(answer, "Example HID Scanner");
        return true;
    case 0x08:
        answer_text(answer, node->scanner.serial);
        return true;
    default:
        return false;
    }
}

static void answer_bits(unsigned nr, struct answer *answer)
{
    answer->len = 8;
    answer->result = 8;
    if (nr == 0x20) {
        answer->bytes[0] = 1u << EV_SYN | 1u << EV_KEY;
    } else if (nr == 0x20 + EV_KEY) {
        memset(answer->bytes, 0xff, answer->len = 32);
        answer->result = 32;
    }
}

static bool answer_evdev(struct node *node, unsigned long request, struct answer *answer)
{
    struct input_id id = {BUS_USB, node->scanner.vendor, node->scanner.product, 0x100};
    const int version = EV_VERSION;
    unsigned nr = _IOC_NR(request);
    switch (nr) {
    case _IOC_NR(EVIOCGVERSION):
        memcpy(answer->bytes, &version, answer->len = sizeof version);
        return true;
    case _IOC_NR(EVIOCGID):
        memcpy(answer->bytes, &id, answer->len = sizeof id);
        return true;
    case 0x06:
        node->asked++;
        answer_text(answer, "Example Keyboard Scanner");
        return true;
    case 0x08:
        answer_text(answer, node->scanner.serial);
        return true;
    case _IOC_NR(EVIOCGRAB):
        node->grabs++;
        return !node->scanner.busy;
    case _IOC_NR(EVIOCSCLOCKID):
        return true;
    default:
        answer_bits(nr, answer); // bits, properties, states
        return nr == 0x09 || (nr >= 0x18 && nr < 0x40);
    }
}

static gboolean on_ioctl(UMockdevIoctlBase *handler, UMockdevIoctlClient *client, gpointer ctx)
{
    struct node *node = ctx;
    unsigned long request = umockdev_ioctl_client_get_request(client);
    struct answer answer = {.len = 0};
    (void)handler;
    bool known = node->scanner.keyboard ? _IOC_TYPE(request) == 'E' && answer_evdev(node, request, &answer)
                                        : _IOC_TYPE(request) == 'H' && answer_hidraw(node, request, &answer);
    if (!known) {
        umockdev_ioctl_client_complete(client, -1, _IOC_NR(request) == _IOC_NR(EVIOCGRAB) ? EBUSY : ENOENT);
        return TRUE;
    }
    size_t cap = _IOC_SIZE(request);
    answer.len = answer.len < cap ? answer.len : cap;
    if (answer.len > 0) {
        UMockdevIoctlData *argument = umockdev_ioctl_client_get_arg(client);
        UMockdevIoctlData *target = umockdev_ioctl_data_resolve(argument, 0, answer.len, NULL);
        require(target != NULL, "an ioctl's argument");
        umockdev_ioctl_data_update(target, 0, answer.bytes, (gint)answer.len);
        umockdev_ioctl_data_unref(target);
    }
    umockdev_ioctl_client_complete(client, answer.result, 0);
    return TRUE;
}

// ---- devices

static const char hid_tree[] =
    "P: /devices/usb1/1-@N\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor=@v\nA: "
    "idProduct=@p\n"
    "A: serial=@S\nA: manufacturer=Example\nA: product=Scanner\nA: bcdDevice=0100\n\n"
    "P: /devices/usb1/1-@N/0003:@V:@P.@N\nE: SUBSYSTEM=hid\nE: "
    "HID_ID=0003:0000@V:0000@P\n"
    "E: HID_NAME=Example HID Scanner\nE: HID_UNIQ=@S\nE: HID_PHYS=usb-1/input0\n\n"
    "P: /devices/usb1/1-@N/0003:@V:@P.@N/hidraw/hidraw@N\nN: hidraw@N\nE: "
    "SUBSYSTEM=hidraw\n"
    "E: DEVNAME=/dev/hidraw@N\nE: MAJOR=240\nE: MINOR=@M\nA: dev=240:@M\nL: device=../..\n\n";

static const char keyboard_tree[] =
    "P: /devices/usb1/1-@N\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: serial=@S\n\n"
    "P: /devices/usb1/1-@N/input/input@N\nE: SUBSYSTEM=input\nA: id/vendor=@v\nA: id/product=@p\n"
    "A: uniq=@S\nA: capabilities/key=10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n\n"
    "P: /devices/usb1/1-@N/input/input@N/event@N\nN: input/event@N\nE: SUBSYSTEM=input\n"
    "E: DEVNAME=/dev/input/event@N\nE: MAJOR=13\nE: MINOR=@M\nA: dev=13:@M\nL: "
    "device=../../input@N\n\n";

// @N: number, @M: minor number, never the same twice (umockdev forgets no node), @v @p: ids, @V @P: in
// capitals, @S: serial number.
static void expand(const char *tree, const struct usb_scanner *scanner, unsigned minor, char out[4096])
{
    size_t len = 0;
    for (const char *at = tree; *at != '\0'; at++) {
        const char *what = *at == '@' ? strchr("NMvpVPS", *++at) : NULL;
        switch (what != NULL ? *what : 0) {
        case 'N':
            len += (size_t)snprintf(out + len, 4096 - len, "%u", scanner->number);
            break;
        case 'M':
            len += (size_t)snprintf(out + len, 4096 - len, "%u", minor);
            break;
        case 'v':
        case 'p':
            len += (size_t)snprintf(out + len, 4096 - len, "%04x",
                                    *at == 'v' ? scanner->vendor : scanner->product);
            break;
        case 'V':
        case 'P':
            len += (size_t)snprintf(out + len, 4096 - len, "%04X",
                                    *at == 'V' ? scanner->vendor : scanner->product);
            break;
        case 'S':
            len += (size_t)snprintf(out + len, 4096 - len, "%s", scanner->serial);
            break;
        default:
            len += (size_t)snprintf(out + len, 4096 - len, "%c", *at);
        }
    }
}

static struct node *node_of(struct usb_world *world, unsigned number)
{
    struct node *node = &world->nodes[number % MOST];
    require(node->handler == NULL || node->scanner.number == number, "too many devices at a time");
    return node;
}

static void name_paths(struct node *node)
{
    const struct usb_scanner *scanner = &node->scanner;
    unsigned n = scanner->number;
    char port[40];
    char device[100];
    (void)snprintf(port, sizeof port, "/sys/devices/usb1/1-%u", n);
    memcpy(node->paths[2], port, sizeof port);
    if (scanner->keyboard) {
        (void)snprintf(device, sizeof device, "%s/input/input%u", port, n);
        (void)snprintf(node->paths[0], sizeof node->paths[0], "%s/event%u", device, n);
        (void)snprintf(node->dev, sizeof node->dev, "/dev/input/event%u", n);
    } else {
        (void)snprintf(device, sizeof device, "%s/0003:%04X:%04X.%u", port, scanner->vendor, scanner->product,
                       n);
        (void)snprintf(node->paths[0], sizeof node->paths[0], "%s/hidraw/hidraw%u", device, n);
        (void)snprintf(node->dev, sizeof node->dev, "/dev/hidraw%u", n);
    }
    memcpy(node->paths[1], device, sizeof device);
}

void usb_world_plug(struct usb_world *world, const struct usb_scanner *scanner)
{
    struct node *node = node_of(world, scanner->number);
    char tree[4096];
    node->scanner = *scanner;
    name_paths(node);
    expand(scanner->keyboard ? keyboard_tree : hid_tree, scanner, ++world->plugs, tree);
    require(umockdev_testbed_add_from_string(world->bed, tree, NULL), "adding a device");
    node->handler = umockdev_ioctl_base_new();
    (void)g_signal_connect(node->handler, "handle-ioctl", G_CALLBACK(on_ioctl), node);
    require(umockdev_testbed_attach_ioctl(world->bed, node->dev, node->handler, NULL), "answering ioctls");
    umockdev_testbed_uevent(world->bed, node->paths[0], "add");
}

// umockdev keeps a note of each terminal it took, and fails when the kernel gives that number again.
static void forget_terminal(struct usb_world *world, const char *dev)
{
    char path[512];
    char terminal[64];
    char *root = umockdev_testbed_get_root_dir(world->bed);
    (void)snprintf(path, sizeof path, "%s%s", root, dev);
    ssize_t len = readlink(path, terminal, sizeof terminal - 1);
    require(len > 0, "a node is a link to its terminal");
    terminal[len] = '\0';
    int used = snprintf(path, sizeof path, "%s/dev/.ptymap/", root);
    for (size_t i = 0; terminal[i] != '\0' && (size_t)used + 1 < sizeof path; i++) {
        path[used++] = terminal[i] == '/' ? '_' : terminal[i];
    }
    path[used] = '\0';
    g_free(root);
    require(unlink(path) == 0, path);
}

void usb_world_unplug(struct usb_world *world, unsigned number)
{
    struct node *node = node_of(world, number);
    // umockdev keeps the terminal of a device that is gone; what it takes for that is now no terminal.
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    require(null >= 0 && dup2(null, umockdev_testbed_get_dev_fd(world->bed, node->dev)) >= 0, "unplugging");
    (void)close(null);
    forget_terminal(world, node->dev);
    umockdev_testbed_uevent(world->bed, node->paths[0], "remove");
    (void)umockdev_testbed_detach_ioctl(world->bed, node->dev, NULL);
    g_object_unref(node->handler);
    for (size_t i = 0; i < 3; i++) {
        umockdev_testbed_remove_device(world->bed, node->paths[i]);
    }
    node->handler = NULL;
}

void usb_world_plug_tty(struct usb_world *world, const char *at, const char *node, const char *serial,
                        unsigned interface)
{
    char tree[2048];
    char path[160];
    (void)snprintf(path, sizeof path, "/sys/devices/usb1/%s", at);
    int len = 0;
    if (access(path, F_OK) != 0) { // its other port is there already
        len = snprintf(tree, sizeof tree,
                       "P: /devices/usb1/%s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor=0c2e\n"
                       "A: idProduct=0b61\nA: serial=%s\n\n",
                       at, serial);
    }
    (void)snprintf(tree + len, sizeof tree - (size_t)len,
                   "P: /devices/usb1/%s/%s:1.%u\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n"
                   "A: bInterfaceNumber=%02x\n\n"
                   "P: /devices/usb1/%s/%s:1.%u/tty/%s\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/%s\n\n",
                   at, at, interface, interface, at, at, interface, node, node);
    require(umockdev_testbed_add_from_string(world->bed, tree, NULL), "adding a serial port");
}

void usb_world_unplug_tty(struct usb_world *world, const char *at, const char *node)
{
    char path[160];
    (void)snprintf(path, sizeof path, "/sys/devices/usb1/%s/%s:1.0/tty/%s", at, at, node);
    umockdev_testbed_remove_device(world->bed, path);
    (void)snprintf(path, sizeof path, "/sys/devices/usb1/%s/%s:1.0", at, at);
    umockdev_testbed_remove_device(world->bed, path);
    (void)snprintf(path, sizeof path, "/sys/devices/usb1/%s", at);
    umockdev_testbed_remove_device(world->bed, path);
}

void usb_world_send(struct usb_world *world, unsigned number, const void *bytes, size_t len)
{
    int fd = umockdev_testbed_get_dev_fd(world->bed, node_of(world, number)->dev);
    require(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "sending");
}

void usb_world_key(struct usb_world *world, unsigned number, uint16_t type, uint16_t code, int32_t value,
                   int64_t time_ms)
{
    const struct input_event events[] = {
        {.input_event_sec = time_ms / 1000,
         .input_event_usec = time_ms % 1000 * 1000,
         .type = type,
         .code = code,
         .value = value},
        {.input_event_sec = time_ms / 1000, .input_event_usec = time_ms % 1000 * 1000, .type = EV_SYN},
    };
    usb_world_send(world, number, events, sizeof events);
}

unsigned usb_world_asked(const struct usb_world *world, unsigned number)
{
    return world->nodes[number % MOST].asked;
}

unsigned usb_world_grabs(const struct usb_world *world, unsigned number)
{
    return world->nodes[number % MOST].grabs;
}

struct usb_world *usb_world_new(void)
{
    struct usb_world *world = calloc(1, sizeof *world);
    require(world != NULL, "memory");
    world->bed = umockdev_testbed_new();
    require(umockdev_in_mock_environment(), "run this under umockdev-wrapper");
    return world;
}

void usb_world_free(struct usb_world *world)
{
    for (unsigned i = 0; i < MOST; i++) {
        if (world->nodes[i].handler != NULL) {
            usb_world_unplug(world, world->nodes[i].scanner.number);
        }
    }
    g_object_unref(world->bed);
    free(world);
}
