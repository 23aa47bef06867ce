// SPDX-License-Identifier: Apache-2.0
//
// USB readers of magnetic stripes, HID and typing, through everything real but the kernel, as
// usb_scanner_test.c does it. Runs under umockdev-wrapper.
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

#include "tests/fakes/hid_scanner.h"
#include "tests/fakes/usb_world.h"
#include "tillwire/device.h"

#define CARD "6009200000009310"

enum { NODE = 3 };

struct seen {
    char scan[64];
    unsigned scans, ups, downs;
    char why[512];
};

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct seen *seen = ctx;
    (void)device;
    (void)snprintf(seen->scan, sizeof seen->scan, "%.*s", (int)code.len, (const char *)code.ptr);
    seen->scans++;
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct seen *seen = ctx;
    (void)device;
    seen->ups += up;
    seen->downs += !up;
    (void)snprintf(seen->why, sizeof seen->why, "%s", why != NULL ? why : "");
}

static bool is_loyalty(void *ctx, struct tw_slice code)
{
    (void)ctx;
    return code.len == strlen(CARD) && memcmp(code.ptr, CARD, 7) == 0;
}

static struct tw_device *new_reader(struct seen *seen, const char *transport)
{
    const struct tw_device_config config = {
        .name = "stripe", .class_name = "stripe", .transport = transport, .usb = "1234:0a0b"};
    const struct tw_device_sink sink = {
        .ctx = seen, .scan = on_scan, .state = on_state, .is_loyalty = is_loyalty};
    struct tw_device *device = NULL;
    struct tw_error_text err = {0};
    if (tw_device_new(&config, &sink, 1, &device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    tw_device_tick(device, 0);
    return device;
}

static void receive(struct tw_device *device, int64_t now_ms)
{
    struct pollfd entry = {.fd = tw_device_fd(device), .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_ready(device, entry.revents, now_ms);
}

static void send_track(struct usb_world *world, size_t track, const char *text)
{
    uint8_t report[1 + 3 + 3 * HID_STRIPE_BYTES] = {HID_STRIPE_REPORT};
    report[1 + track] = (uint8_t)strlen(text);
    memcpy(report + 4 + track * HID_STRIPE_BYTES, text, strlen(text));
    usb_world_send(world, NODE, report, sizeof report);
}

static void a_hid_reader_is_found_and_read(void **state)
{
    (void)state;
    const struct usb_scanner reader = {.number = NODE, .vendor = 0x1234, .product = 0x0a0b, .serial = "S3"};
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    usb_world_plug(world, &reader);
    struct tw_device *device = new_reader(&seen, "hidraw");
    if (seen.ups != 1) {
        fail_msg("%s", seen.why);
    }
    send_track(world, 1, ";" CARD "=4912?");
    receive(device, 1000);
    assert_int_equal(seen.scans, 0);
    tw_device_tick(device, tw_device_deadline(device));
    assert_int_equal(seen.scans, 1);
    assert_string_equal(seen.scan, CARD);
    send_track(world, 1, ";4000000123456782=2912?"); // a payment card's
    receive(device, 5000);
    tw_device_tick(device, tw_device_deadline(device));
    struct tw_device_status status;
    tw_device_status(device, &status);
    assert_int_equal(status.errors, 1);
    assert_int_equal(seen.scans, 1);
    usb_world_unplug(world, NODE);
    receive(device, 6000);
    assert_int_equal(seen.downs, 1);
    tw_device_free(device);
    usb_world_free(world);
}

static void a_reader_in_another_mode_is_down_with_the_reason(void **state)
{
    (void)state;
    const struct usb_scanner reader = {
        .number = NODE, .vendor = 0x1234, .product = 0x0a0b, .serial = "S3", .other_mode = true};
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    usb_world_plug(world, &reader);
    struct tw_device *device = new_reader(&seen, "hidraw");
    assert_int_equal(seen.ups, 0);
    assert_non_null(strstr(seen.why, "use transport evdev"));
    tw_device_free(device);
    usb_world_free(world);
}

static void press(struct usb_world *world, uint16_t code, bool shift, int64_t at_ms)
{
    if (shift) {
        usb_world_key(world, NODE, EV_KEY, KEY_LEFTSHIFT, 1, at_ms);
    }
    usb_world_key(world, NODE, EV_KEY, code, 1, at_ms);
    usb_world_key(world, NODE, EV_KEY, code, 0, at_ms);
    if (shift) {
        usb_world_key(world, NODE, EV_KEY, KEY_LEFTSHIFT, 0, at_ms);
    }
}

// The node of the configured device is grabbed, like a scanner's that types, and no other.
static void a_reader_that_types_is_grabbed_and_read(void **state)
{
    (void)state;
    static const uint16_t digits[] = {KEY_0, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7, KEY_8, KEY_9};
    const struct usb_scanner reader = {
        .number = NODE, .vendor = 0x1234, .product = 0x0a0b, .serial = "K3", .keyboard = true};
    const struct usb_scanner persons = {
        .number = 6, .vendor = 0x046d, .product = 0xc31c, .serial = "", .keyboard = true};
    struct usb_world *world = usb_world_new();
    struct seen seen = {0};
    usb_world_plug(world, &reader);
    usb_world_plug(world, &persons);
    struct tw_device *device = new_reader(&seen, "evdev");
    if (seen.ups != 1) {
        fail_msg("%s", seen.why);
    }
    assert_int_equal(usb_world_grabs(world, NODE), 1);
    assert_int_equal(usb_world_asked(world, 6), 0);
    int64_t at_ms = 1000;
    press(world, KEY_SEMICOLON, false, at_ms);
    for (const char *digit = CARD; *digit != '\0'; digit++) {
        press(world, digits[*digit - '0'], false, at_ms += 4);
    }
    press(world, KEY_SLASH, true, at_ms += 4);
    press(world, KEY_ENTER, false, at_ms += 4);
    // Each key with its release, its shift and its release, and an end of report after each of them.
    const size_t events = 2 * (2 + 16 * 2 + 4 + 2);
    for (struct tw_device_status status = {0}; status.bytes < events * 16;) {
        receive(device, at_ms);
        tw_device_status(device, &status);
    }
    assert_int_equal(seen.scans, 0);
    tw_device_tick(device, at_ms + 100);
    assert_int_equal(seen.scans, 1);
    assert_string_equal(seen.scan, CARD);
    tw_device_free(device);
    usb_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hid_reader_is_found_and_read),
        cmocka_unit_test(a_reader_in_another_mode_is_down_with_the_reason),
        cmocka_unit_test(a_reader_that_types_is_grabbed_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
