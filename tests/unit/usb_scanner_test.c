// SPDX-License-Identifier: Apache-2.0
//
// HID POS and keyboard-wedge scanners through everything real but the kernel: libudev, hidapi,
// libevdev, the transports, the device's life, the drivers. Runs under umockdev-wrapper.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>
#include <poll.h>

#include "hal/io/io.h"
#include "tests/fakes/usb_world.h"
#include "tillwire/device.h"
#include "tillwire/hotplug.h"

struct seen {
    char scan[600];
    unsigned scans, ups, downs;
    char why[512];
};

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct seen *seen = ctx;
    (void)device;
    assert_true(code.len < sizeof seen->scan);
    memcpy(seen->scan, code.ptr, code.len);
    seen->scan[code.len] = '\0';
    seen->scans++;
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct seen *seen = ctx;
    (void)device;
    seen->ups += up;
    seen->downs += !up;
    if (!up) {
        (void)snprintf(seen->why, sizeof seen->why, "%s", why);
    }
}

static struct tw_device *new_device(struct seen *seen, const struct tw_device_config *more)
{
    struct tw_device_config config = *more;
    struct tw_device_sink sink = {.ctx = seen, .scan = on_scan, .state = on_state};
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    config.name = "scanner";
    config.class_name = "scanner";
    if (tw_device_new(&config, &sink, 1, &device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return device;
}

static void receive(struct tw_device *device, int64_t now_ms)
{
    struct pollfd entry = {.fd = tw_device_fd(device), .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_ready(device, entry.revents, now_ms);
}

static const struct usb_scanner hid = {.number = 3, .vendor = 0x1234, .product = 0x0a0b, .serial = "S3"};
static const struct usb_scanner twin = {.number = 4, .vendor = 0x1234, .product = 0x0a0b, .serial = "S4"};
static const struct usb_scanner wedge = {
    .number = 5, .vendor = 0x1234, .product = 0x0c0d, .serial = "K5", .keyboard = true};
static const struct usb_scanner persons = {
    .number = 6, .vendor = 0x046d, .product = 0xc31c, .serial = "", .keyboard = true};

static const struct tw_device_config by_ids = {.transport = "hidraw", .usb = "1234:0A0B"};

static void send_report(struct usb_world *world, unsigned number, const char *code, bool goes_on)
{
    uint8_t report[22] = {2, (uint8_t)strlen(code), ']', 'E', '0'};
    memcpy(report + 5, code, strlen(code));
    report[21] = goes_on;
    usb_world_send(world, number, report, sizeof report);
}

static void a_hid_scanner_is_found_and_read(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    struct tw_device *device = new_device(&seen, &by_ids);
    tw_device_tick(device, 0);
    assert_int_equal(seen.downs, 1);
    assert_non_null(strstr(seen.why, "plug it in"));
    usb_world_plug(world, &hid);
    usb_world_plug(world, &persons);
    int64_t now_ms = tw_device_deadline(device);
    tw_device_tick(device, now_ms);
    if (seen.ups != 1) {
        struct tw_device_status status;
        tw_device_status(device, &status);
        fail_msg("%s", status.why);
    }
    send_report(world, 3, "4006381333931", false);
    receive(device, now_ms);
    assert_int_equal(seen.scans, 1);
    assert_string_equal(seen.scan, "]E04006381333931");
    send_report(world, 3, "0104006381333931", true);
    receive(device, now_ms);
    send_report(world, 3, "10AB", false);
    receive(device, now_ms);
    assert_int_equal(seen.scans, 2);
    assert_string_equal(seen.scan, "]E0010400638133393110AB");
    tw_device_free(device);
    usb_world_free(world);
}

// What the transport tells the driver before the first byte.
static void a_hid_device_brings_its_facts(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct tw_error_text err = {0};
    struct tw_io *io = NULL;
    usb_world_plug(world, &hid);
    const struct tw_io_usb which = {.port = "/dev/hidraw3"};
    assert_int_equal(tw_io_hidraw_open(&which, &io, &err), 0);
    assert_int_equal(io->facts.vendor, 0x1234);
    assert_int_equal(io->facts.product, 0x0a0b);
    assert_string_equal(io->facts.name, "Example HID Scanner");
    assert_string_equal(io->facts.serial, "S3");
    assert_int_equal(io->facts.descriptor.ptr[0], 0x05);
    assert_true(io->facts.descriptor.len > 60);
    tw_io_close(io);
    const struct tw_io_usb other = {.port = "/dev/hidraw3", .usb = "1234:ffff"};
    assert_int_equal(tw_io_hidraw_open(&other, &io, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "1234:0a0b and not 1234:ffff"));
    usb_world_free(world);
}

// Two alike are told apart by their serial numbers, whatever their nodes are called.
static void twins_are_told_apart(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    usb_world_plug(world, &hid);
    usb_world_plug(world, &twin);
    struct tw_device *any = new_device(&seen, &by_ids);
    tw_device_tick(any, 0);
    assert_int_equal(seen.ups, 0);
    assert_non_null(strstr(seen.why, "usb_serial"));
    tw_device_free(any);
    const struct tw_device_config by_serial = {.transport = "hidraw", .usb = "1234:0a0b", .usb_serial = "S4"};
    struct tw_device *device = new_device(&seen, &by_serial);
    tw_device_tick(device, 0);
    assert_int_equal(seen.ups, 1);
    send_report(world, 4, "42", false);
    receive(device, 0);
    assert_string_equal(seen.scan, "]E042");
    tw_device_free(device);
    usb_world_free(world);
}

// Pulled in the middle of a code, and plugged in elsewhere: another node, the same serial number.
static void a_hid_scanner_comes_back_at_another_node(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    struct usb_scanner moving = hid;
    const struct tw_device_config by_serial = {.transport = "hidraw", .usb = "1234:0a0b", .usb_serial = "S3"};
    struct tw_device *device = new_device(&seen, &by_serial);
    int64_t now_ms = 0;
    for (unsigned round = 1; round <= 5; round++) {
        moving.number = 5 + round; // umockdev has no node twice
        usb_world_plug(world, &moving);
        tw_device_tick(device, now_ms);
        assert_int_equal(seen.ups, round);
        send_report(world, moving.number, "4006381333931", false);
        receive(device, now_ms);
        assert_int_equal(seen.scans, round);
        send_report(world, moving.number, "half of a code", true);
        receive(device, now_ms);
        usb_world_unplug(world, moving.number);
        receive(device, now_ms);
        assert_int_equal(tw_device_fd(device), -1);
        now_ms = tw_device_deadline(device);
        tw_device_tick(device, now_ms); // nothing there
        assert_int_equal(tw_device_fd(device), -1);
        now_ms = tw_device_deadline(device);
    }
    tw_device_free(device);
    usb_world_free(world);
}

// Told once, and not tried in a spin.
static void a_scanner_in_another_mode_is_down_with_the_reason(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    struct usb_scanner other = hid;
    other.other_mode = true;
    usb_world_plug(world, &other);
    struct tw_device *device = new_device(&seen, &by_ids);
    int64_t now_ms = 0;
    for (int i = 0; i < 20; i++) {
        tw_device_tick(device, now_ms);
        assert_int_equal(tw_device_fd(device), -1);
        assert_true(tw_device_deadline(device) >= now_ms + 50);
        now_ms = tw_device_deadline(device);
    }
    assert_true(now_ms > 20000);
    assert_int_equal(seen.ups, 0);
    assert_int_equal(seen.downs, 1);
    assert_non_null(strstr(seen.why, "switch the scanner to HID POS mode"));
    tw_device_free(device);
    usb_world_free(world);
}

static bool wait_for_news(struct tw_hotplug *hotplug)
{
    struct pollfd entry = {.fd = tw_hotplug_fd(hotplug), .events = POLLIN};
    return poll(&entry, 1, 5000) == 1 && tw_hotplug_take(hotplug);
}

// Down for an hour the back-off is at its longest; plugged in, the device is open at once.
static void what_is_plugged_in_is_opened_at_once(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    struct tw_hotplug *hotplug = NULL;
    struct tw_error_text err = {0};
    if (tw_hotplug_new(&hotplug, &err) != 0) {
        fail_msg("%s", err.text);
    }
    struct tw_device *device = new_device(&seen, &by_ids);
    int64_t now_ms = 0;
    while (now_ms < 3600 * 1000) {
        tw_device_tick(device, now_ms);
        now_ms = tw_device_deadline(device);
    }
    tw_device_tick(device, now_ms);
    assert_true(tw_device_deadline(device) >= now_ms + 800);
    assert_false(tw_hotplug_take(hotplug));
    usb_world_plug(world, &persons); // something else: tried, and not found
    assert_true(wait_for_news(hotplug));
    tw_device_hurry(device, now_ms);
    assert_int_equal(tw_device_deadline(device), now_ms);
    tw_device_tick(device, now_ms);
    assert_int_equal(seen.ups, 0);
    assert_in_range(tw_device_deadline(device), now_ms + 50, now_ms + 100);
    usb_world_plug(world, &hid);
    assert_true(wait_for_news(hotplug));
    tw_device_hurry(device, now_ms);
    tw_device_tick(device, now_ms);
    assert_int_equal(seen.ups, 1);
    tw_device_hurry(device, now_ms); // one that is up is left alone
    assert_true(tw_device_deadline(device) > now_ms);
    usb_world_unplug(world, hid.number);
    struct pollfd entry = {.fd = tw_hotplug_fd(hotplug), .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    assert_false(tw_hotplug_take(hotplug)); // gone is no news: its line says so itself
    tw_hotplug_free(hotplug);
    tw_device_free(device);
    usb_world_free(world);
}

// ---- keyboard wedge

static const struct tw_device_config by_keys = {.transport = "evdev", .usb = "1234:0c0d"};

static void press(struct usb_world *world, uint16_t code, int64_t at_ms)
{
    usb_world_key(world, 5, EV_KEY, code, 1, at_ms);
    usb_world_key(world, 5, EV_KEY, code, 0, at_ms + 2);
}

static void a_scanner_that_types_is_grabbed_and_read(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    usb_world_plug(world, &persons);
    usb_world_plug(world, &wedge);
    struct tw_device *device = new_device(&seen, &by_keys);
    tw_device_tick(device, 0);
    if (seen.ups != 1) {
        fail_msg("%s", seen.why);
    }
    assert_int_equal(usb_world_grabs(world, 5), 1);
    static const uint16_t keys[] = {KEY_4, KEY_2, KEY_A, KEY_ENTER};
    for (size_t i = 0; i < 4; i++) {
        press(world, keys[i], 1000 + (int64_t)i * 5);
    }
    while (seen.scans == 0) {
        receive(device, 1020);
    }
    assert_string_equal(seen.scan, "42a");
    // Nobody else's keyboard was opened, let alone grabbed.
    assert_int_equal(usb_world_asked(world, 6), 0);
    assert_int_equal(usb_world_grabs(world, 6), 0);
    tw_device_free(device);
    usb_world_free(world);
}

static void what_is_not_configured_is_not_taken(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct tw_error_text err = {0};
    struct tw_io *io = NULL;
    usb_world_plug(world, &persons);
    const struct tw_io_usb absent = {.usb = "1234:0c0d"};
    const struct tw_io_usb by_node = {.usb = "1234:0c0d", .port = "/dev/input/event6"};
    const struct tw_io_usb no_ids = {.port = "/dev/input/event6"};
    assert_int_equal(tw_io_evdev_open(&absent, &io, &err), TW_ERR_NOT_FOUND);
    assert_int_equal(tw_io_evdev_open(&by_node, &io, &err), TW_ERR_INVALID);
    const struct tw_io_usb pulled = {.usb = "1234:0c0d", .port = "/dev/input/event7"};
    assert_int_equal(tw_io_evdev_open(&pulled, &io, &err), TW_ERR_NOT_FOUND);
    assert_int_equal(tw_io_evdev_open(&no_ids, &io, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "`usb`"));
    assert_int_equal(usb_world_asked(world, 6), 0);
    usb_world_free(world);
}

// Read together with another program every scan would come twice, or half: it is not read at all.
static void a_scanner_that_another_program_has_is_down(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    struct usb_scanner busy = wedge;
    busy.busy = true;
    usb_world_plug(world, &busy);
    struct tw_device *device = new_device(&seen, &by_keys);
    tw_device_tick(device, 0);
    assert_int_equal(seen.ups, 0);
    assert_non_null(strstr(seen.why, "stop the other program"));
    tw_device_free(device);
    usb_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hid_scanner_is_found_and_read),
        cmocka_unit_test(a_hid_device_brings_its_facts),
        cmocka_unit_test(twins_are_told_apart),
        cmocka_unit_test(a_hid_scanner_comes_back_at_another_node),
        cmocka_unit_test(a_scanner_in_another_mode_is_down_with_the_reason),
        cmocka_unit_test(what_is_plugged_in_is_opened_at_once),
        cmocka_unit_test(a_scanner_that_types_is_grabbed_and_read),
        cmocka_unit_test(what_is_not_configured_is_not_taken),
        cmocka_unit_test(a_scanner_that_another_program_has_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
