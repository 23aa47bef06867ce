// SPDX-License-Identifier: Apache-2.0
//
// A serial device is found by its USB numbers, wherever it is plugged in (hal/core/usb_tty.h), and when a
// search is spared (hal/core/nodes.h). Runs under umockdev-wrapper; only sysfs is asked, nothing is opened.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hal/core/nodes.h"
#include "hal/core/usb_tty.h"
#include "tests/fakes/usb_world.h"
#include "tillwire/device.h"

// What is found, or the error.
static int find(const char *usb, const char *serial, char out[512])
{
    struct tw_error_text err = {0};
    const struct tw_io_usb which = {.usb = usb, .serial = serial};
    (void)snprintf(out, 512, "untouched");
    int outcome = tw_usb_tty_find(&which, out, 512, &err);
    if (outcome != 0) {
        assert_string_equal(out, "untouched");
        (void)snprintf(out, 512, "%s", err.text);
    }
    return outcome;
}

static void the_serial_number_says_which(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    char found[512];
    assert_int_equal(find("0c2e:0b61", NULL, found), TW_ERR_NOT_FOUND);
    usb_world_plug_tty(world, "1-1", "ttyACM0", "S1", 0);
    assert_int_equal(find("0c2e:0b61", NULL, found), 0);
    assert_string_equal(found, "/dev/ttyACM0");
    usb_world_plug_tty(world, "1-2", "ttyACM1", "S2", 0);
    assert_int_equal(find("0C2E:0B61", "S2", found), 0);
    assert_string_equal(found, "/dev/ttyACM1");
    assert_int_equal(find("0c2e:0b61", NULL, found), TW_ERR_INVALID);
    assert_non_null(strstr(found, "`usb_serial`"));
    assert_int_equal(find("0c2e:0b61", "S3", found), TW_ERR_NOT_FOUND);
    assert_non_null(strstr(found, "serial number S3"));
    assert_int_equal(find("0c2e:0b62", NULL, found), TW_ERR_NOT_FOUND);
    assert_int_equal(find("0c2e", NULL, found), TW_ERR_INVALID);
    usb_world_free(world);
}

static void it_is_found_at_its_new_port(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    char found[512];
    usb_world_plug_tty(world, "1-1", "ttyACM0", "S1", 0);
    usb_world_plug_tty(world, "1-2", "ttyACM1", "S2", 0);
    usb_world_unplug_tty(world, "1-1", "ttyACM0");
    usb_world_plug_tty(world, "1-4", "ttyACM5", "S1", 0);
    assert_int_equal(find("0c2e:0b61", "S1", found), 0);
    assert_string_equal(found, "/dev/ttyACM5");
    usb_world_free(world);
}

// A device with two ports: the first, whatever order sysfs has.
static void the_first_of_several_ports_is_taken(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    char found[512];
    usb_world_plug_tty(world, "1-1", "ttyUSB1", "S1", 1);
    usb_world_plug_tty(world, "1-1", "ttyUSB7", "S1", 0);
    assert_int_equal(find("0c2e:0b61", "S1", found), 0);
    assert_string_equal(found, "/dev/ttyUSB7");
    usb_world_free(world);
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    (void)device;
    assert_false(up);
    (void)snprintf(ctx, 512, "%s", why);
}

// The device asks for it in place of `port`, and is lost with one sentence while it is not there.
static void a_device_needs_no_port(void **state)
{
    (void)state;
    struct usb_world *world = usb_world_new();
    char why[512] = "";
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    const struct tw_device_sink sink = {.ctx = why, .state = on_state};
    const struct tw_device_config config = {.name = "scanner",
                                            .class_name = "scanner",
                                            .transport = "serial",
                                            .usb = "0c2e:0b61",
                                            .usb_serial = "S1"};
    if (tw_device_new(&config, &sink, 1, &device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    tw_device_tick(device, 0);
    assert_non_null(strstr(why, "no serial device 0c2e:0b61, serial number S1 is plugged in"));
    struct tw_device_status status;
    tw_device_status(device, &status);
    assert_int_equal(status.reason, TW_DEVICE_REASON_ABSENT);
    tw_device_free(device);
    usb_world_free(world);
}

// What was searched for and is absent is not searched for again while no node can have come.
static void a_search_is_spared_only_while_nothing_came(void **state)
{
    (void)state;
    static const struct usb_scanner scanner = {
        .number = 1, .vendor = 0x1234, .product = 0x0a0b, .serial = "S1"};
    struct usb_world *world = usb_world_new();
    struct tw_nodes nodes;
    usb_world_plug(world, &scanner); // /dev changed just now: it may again within the grain of its time
    tw_nodes_look(&nodes, 1000);
    assert_false(tw_nodes_unchanged(&nodes, 1000));
    nodes.settled = true; // as if that were long ago
    assert_true(tw_nodes_unchanged(&nodes, 30999));
    assert_false(tw_nodes_unchanged(&nodes, 31000));
    nodes.changed[0].tv_nsec ^= 1; // something came
    assert_false(tw_nodes_unchanged(&nodes, 1000));
    usb_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_serial_number_says_which),
        cmocka_unit_test(it_is_found_at_its_new_port),
        cmocka_unit_test(the_first_of_several_ports_is_taken),
        cmocka_unit_test(a_device_needs_no_port),
        cmocka_unit_test(a_search_is_spared_only_while_nothing_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
