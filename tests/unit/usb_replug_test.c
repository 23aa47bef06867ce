// SPDX-License-Identifier: Apache-2.0
//
// USB scanners and readers of stripes, unplugged at random moments and plugged in at another node each time,
// under umockdev-wrapper (tests/fakes/replug_rig.h, usb_world.h). `--replugs N` plays more or fewer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "tests/fakes/hid_scanner.h"
#include "tests/fakes/replug_rig.h"
#include "tests/fakes/usb_world.h"

static unsigned replugs;

struct port {
    struct usb_world *world;
    struct usb_scanner scanner;
};

static void plug(void *ctx)
{
    struct port *port = ctx;
    port->scanner.number++; // umockdev has no node twice
    usb_world_plug(port->world, &port->scanner);
}

static void unplug(void *ctx)
{
    struct port *port = ctx;
    usb_world_unplug(port->world, port->scanner.number);
}

// ---- HID POS

static void send_report(struct port *port, const char *code, bool goes_on)
{
    uint8_t report[22] = {2, (uint8_t)strlen(code), ']', 'E', '0'};
    memcpy(report + 5, code, strlen(code));
    report[21] = goes_on;
    usb_world_send(port->world, port->scanner.number, report, sizeof report);
}

static void scan_hid(void *ctx, const char *digits, int64_t now_ms)
{
    (void)now_ms;
    send_report(ctx, digits, false);
}

static void half_hid(void *ctx, int64_t now_ms)
{
    (void)now_ms;
    send_report(ctx, "1000", true);
}

static void send_track(struct port *port, const char *track)
{
    uint8_t report[1 + 3 + 3 * HID_STRIPE_BYTES] = {HID_STRIPE_REPORT, 0, (uint8_t)strlen(track)};
    memcpy(report + 4 + HID_STRIPE_BYTES, track, strlen(track));
    usb_world_send(port->world, port->scanner.number, report, sizeof report);
}

static void swipe_hid(void *ctx, const char *digits, int64_t now_ms)
{
    char track[32];
    (void)now_ms;
    (void)snprintf(track, sizeof track, ";%s?", digits);
    send_track(ctx, track);
}

// Its end is missing.
static void half_swipe_hid(void *ctx, int64_t now_ms)
{
    (void)now_ms;
    send_track(ctx, ";1000");
}

// ---- keyboard wedge

static void type_digits(struct port *port, const char *digits, int64_t now_ms)
{
    for (size_t i = 0; digits[i] != '\0'; i++) {
        uint16_t key = (uint16_t)(digits[i] == '0' ? KEY_0 : KEY_1 + (digits[i] - '1'));
        usb_world_key(port->world, port->scanner.number, EV_KEY, key, 1, now_ms);
        usb_world_key(port->world, port->scanner.number, EV_KEY, key, 0, now_ms);
    }
}

static void type(struct port *port, uint16_t key, int64_t now_ms)
{
    usb_world_key(port->world, port->scanner.number, EV_KEY, key, 1, now_ms);
    usb_world_key(port->world, port->scanner.number, EV_KEY, key, 0, now_ms);
}

static void scan_wedge(void *ctx, const char *digits, int64_t now_ms)
{
    type_digits(ctx, digits, now_ms);
    type(ctx, KEY_ENTER, now_ms);
}

static void swipe_wedge(void *ctx, const char *digits, int64_t now_ms)
{
    struct port *port = ctx;
    type(port, KEY_SEMICOLON, now_ms);
    type_digits(port, digits, now_ms);
    usb_world_key(port->world, port->scanner.number, EV_KEY, KEY_LEFTSHIFT, 1, now_ms);
    type(port, KEY_SLASH, now_ms); // a question mark
    usb_world_key(port->world, port->scanner.number, EV_KEY, KEY_LEFTSHIFT, 0, now_ms);
    type(port, KEY_ENTER, now_ms);
}

static void half_swipe_wedge(void *ctx, int64_t now_ms)
{
    type(ctx, KEY_SEMICOLON, now_ms);
    type_digits(ctx, "1000", now_ms);
}

static void half_wedge(void *ctx, int64_t now_ms)
{
    type_digits(ctx, "1000", now_ms);
}

// ---- both

static void play(struct replug_kind *kind, bool keyboard, bool stripe)
{
    struct port port = {
        .world = usb_world_new(),
        .scanner = {
            .vendor = 0x1234, .product = keyboard ? 0x0c0d : 0x0a0b, .serial = "S7", .keyboard = keyboard}};
    kind->config.name = "scanner";
    kind->config.class_name = stripe ? "stripe" : "scanner";
    kind->config.usb = keyboard ? "1234:0c0d" : "1234:0a0b";
    kind->config.usb_serial = "S7";
    kind->ctx = &port;
    kind->plug = plug;
    kind->unplug = unplug;
    kind->silence_ends = stripe;
    kind->hotplug = true;
    replug_play(kind, replugs);
    usb_world_free(port.world);
}

static void a_hid_pos_scanner(void **state)
{
    (void)state;
    struct replug_kind kind = {.config.transport = "hidraw", .scan = scan_hid, .half = half_hid};
    play(&kind, false, false);
}

static void a_scanner_that_types(void **state)
{
    (void)state;
    struct replug_kind kind = {.config.transport = "evdev", .scan = scan_wedge, .half = half_wedge};
    play(&kind, true, false);
}

static void a_hid_reader_of_stripes(void **state)
{
    (void)state;
    struct replug_kind kind = {.config.transport = "hidraw", .scan = swipe_hid, .half = half_swipe_hid};
    play(&kind, false, true);
}

static void a_reader_of_stripes_that_types(void **state)
{
    (void)state;
    struct replug_kind kind = {.config.transport = "evdev", .scan = swipe_wedge, .half = half_swipe_wedge};
    play(&kind, true, true);
}

int main(int argc, char **argv)
{
    replugs = replug_count(argc, argv, 50); // a second for six: --replugs 500 takes five minutes
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hid_pos_scanner),
        cmocka_unit_test(a_scanner_that_types),
        cmocka_unit_test(a_hid_reader_of_stripes),
        cmocka_unit_test(a_reader_of_stripes_that_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
