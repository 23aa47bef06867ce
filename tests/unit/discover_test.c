// SPDX-License-Identifier: Apache-2.0
//
// What is plugged in, and the lines proposed for it: libudev over what umockdev makes up. Runs under
// umockdev-wrapper; no node may be opened.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <umockdev.h>

#include "tillwire/bytes.h"
#include "tillwire/discover.h"

struct seen {
    struct tw_found found[16];
    char texts[16][5][160];
    size_t count;
};

static const char *keep(struct seen *seen, size_t field, const char *text)
{
    char *into = seen->texts[seen->count][field];
    (void)snprintf(into, 160, "%s", text != NULL ? text : "");
    return text != NULL ? into : NULL;
}

static void on_found(void *ctx, const struct tw_found *found)
{
    struct seen *seen = ctx;
    assert_true(seen->count < 16);
    struct tw_found *into = &seen->found[seen->count];
    *into = *found;
    into->node = keep(seen, 0, found->node);
    into->port = keep(seen, 1, found->port);
    into->serial = keep(seen, 2, found->serial);
    into->name = keep(seen, 3, found->name);
    seen->count++;
}

static const struct tw_found *at(const struct seen *seen, const char *node)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->found[i].node, node) == 0) {
            return &seen->found[i];
        }
    }
    return NULL;
}

static void add(UMockdevTestbed *bed, const char *description)
{
    GError *error = NULL;
    if (!umockdev_testbed_add_from_string(bed, description, &error)) {
        fail_msg("%s", error->message);
    }
}

static void add_usb(UMockdevTestbed *bed, const char *port, const char *ids, const char *more)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "P: /devices/usb1/%s\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor=%.4s\nA: "
                   "idProduct=%s\n%s\n",
                   port, ids, ids + 5, more);
    add(bed, text);
}

static void add_port(UMockdevTestbed *bed, const char *parent, const char *node)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "P: /devices/%s/tty/%s\nN: %s\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/%s\n\n", parent, node,
                   node, node);
    add(bed, text);
}

static void add_hid(UMockdevTestbed *bed, const char *port, const char *node, const char *descriptor)
{
    char text[768];
    (void)snprintf(text, sizeof text,
                   "P: /devices/usb1/%s/of-%s\nE: SUBSYSTEM=hid\nH: report_descriptor=%s\n\n", port, node,
                   descriptor);
    add(bed, text);
    (void)snprintf(text, sizeof text,
                   "P: /devices/usb1/%s/of-%s/hidraw/%s\nN: %s\nE: SUBSYSTEM=hidraw\nE: DEVNAME=/dev/%s\nL: "
                   "device=../..\n\n",
                   port, node, node, node, node);
    add(bed, text);
}

static void add_keyboard(UMockdevTestbed *bed, const char *port, const char *node, const char *keys)
{
    char text[768];
    (void)snprintf(text, sizeof text,
                   "P: /devices/usb1/%s/input/of-%s\nE: SUBSYSTEM=input\nA: capabilities/key=%s\n\n", port,
                   node, keys);
    add(bed, text);
    (void)snprintf(text, sizeof text,
                   "P: /devices/usb1/%s/input/of-%s/%s\nN: input/%s\nE: SUBSYSTEM=input\nE: "
                   "DEVNAME=/dev/input/%s\n\n",
                   port, node, node, node, node);
    add(bed, text);
}

#define ALL_KEYS "10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"

// A world of everything; `folder` gets the testbed's root.
static UMockdevTestbed *new_world(void)
{
    UMockdevTestbed *bed = umockdev_testbed_new();
    assert_true(umockdev_in_mock_environment());
    add_usb(bed, "1-1", "0c2e:0b61", "A: serial=S1\nA: product=Voyager\n");
    add_port(bed, "usb1/1-1", "ttyACM0");
    add_usb(bed, "1-2", "0403:6001", ""); // no serial number, no link
    add_port(bed, "usb1/1-2", "ttyUSB0");
    add_port(bed, "pnp0", "ttyS0"); // built in
    add_usb(bed, "1-9", "0acd:3810", "A: product=PIN Pad\n");
    add_port(bed, "usb1/1-9", "ttyACM1");
    add_usb(bed, "1-3", "1234:0a0b", "A: serial=S\"3\nA: product=HID Scanner\n");
    add_hid(bed, "1-3", "hidraw0", "058C0902A101C0");
    add_usb(bed, "1-4", "0801:0001", "A: product=Stripe\n");
    add_hid(bed, "1-4", "hidraw1", "068E000901A101C0"); // two bytes of page
    add_usb(bed, "1-5", "046d:c31c", "A: product=Keyboard\n");
    add_hid(bed, "1-5", "hidraw2",
            "05010906A101058CFE"); // a page that is not whole counts, the rest is damaged
    add_keyboard(bed, "1-5", "event5", ALL_KEYS);
    add_usb(bed, "1-6", "05e0:1200", "A: serial=K6\nA: product=Wedge\n");
    add_keyboard(bed, "1-6", "event6", ALL_KEYS);
    add_usb(bed, "1-7", "05f9:2206", "A: product=Buttons\n");
    add_keyboard(bed, "1-7", "event7", "2000000 0"); // a scanner with a button
    add_usb(bed, "1-8", "1234:0001", "");
    add_hid(bed, "1-8", "hidraw3", "05010906A101C0");
    return bed;
}

static void add_link(UMockdevTestbed *bed)
{
    char path[512];
    char *root = umockdev_testbed_get_root_dir(bed);
    (void)snprintf(path, sizeof path, "%s/dev/serial", root);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof path, "%s/dev/serial/by-id", root);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/dev/serial/by-id/usb-Voyager_S1-if00", root);
    assert_int_equal(symlink("../../ttyACM0", path), 0);
    g_free(root);
}

static void what_could_be_a_device_is_found(void **state)
{
    (void)state;
    UMockdevTestbed *bed = new_world();
    struct seen seen = {0};
    struct tw_error_text err = {0};
    add_link(bed);
    if (tw_discover(on_found, &seen, &err) != 0) {
        fail_msg("%s", err.text);
    }
    const struct tw_found *found = at(&seen, "/dev/ttyACM0");
    assert_non_null(found);
    assert_string_equal(found->class_name, "scanner");
    assert_string_equal(found->transport, "serial");
    assert_string_equal(found->port, "/dev/serial/by-id/usb-Voyager_S1-if00");
    assert_string_equal(found->usb, "0c2e:0b61");
    assert_string_equal(found->serial, "S1");
    assert_string_equal(found->name, "Voyager");
    assert_false(found->may_be_terminal);
    found = at(&seen, "/dev/ttyUSB0");
    assert_non_null(found);
    assert_null(found->port);
    assert_null(found->serial);
    assert_true(found->may_be_terminal); // any maker's
    found = at(&seen, "/dev/ttyACM1");
    assert_non_null(found);
    assert_true(found->may_be_terminal); // its maker makes PIN pads, too
    found = at(&seen, "/dev/hidraw0");
    assert_non_null(found);
    assert_string_equal(found->class_name, "scanner");
    assert_string_equal(found->transport, "hidraw");
    assert_string_equal(found->serial, "S\"3");
    found = at(&seen, "/dev/hidraw1");
    assert_non_null(found);
    assert_string_equal(found->class_name, "stripe");
    found = at(&seen, "/dev/input/event6");
    assert_non_null(found);
    assert_string_equal(found->transport, "evdev");
    assert_string_equal(found->usb, "05e0:1200");
    // Nobody's keyboard, no built-in port, no button.
    assert_null(at(&seen, "/dev/input/event5"));
    assert_null(at(&seen, "/dev/input/event7"));
    assert_null(at(&seen, "/dev/hidraw3"));
    assert_null(at(&seen, "/dev/ttyS0"));
    g_object_unref(bed);
}

static void an_empty_world_is_no_error(void **state)
{
    (void)state;
    UMockdevTestbed *bed = umockdev_testbed_new();
    struct seen seen = {0};
    struct tw_error_text err = {0};
    assert_int_equal(tw_discover(on_found, &seen, &err), 0);
    assert_int_equal(seen.count, 0);
    g_object_unref(bed);
}

// ---- tillwire devices discover

static char *run_cli(const char *options, int *code)
{
    struct tw_buf text = {0};
    char command[512];
    char piece[4096];
    (void)snprintf(command, sizeof command, "%s devices discover %s 2>&1", TW_CLI, options);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    for (size_t got = fread(piece, 1, sizeof piece, output); got > 0;
         got = fread(piece, 1, sizeof piece, output)) {
        tw_buf_add(&text, piece, got);
    }
    int status = pclose(output);
    assert_true(WIFEXITED(status));
    *code = WEXITSTATUS(status);
    tw_buf_add_text(&text, "");
    return (char *)text.ptr;
}

static void expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no \"%s\" in:\n%s", part, text);
    }
}

static const char config[] =
    "tenant: acme\nstore: \"0042\"\nterminal: \"07\"\ncurrency: EUR\n"
    "uplink: {url: \"mqtts://x:1\", ca: ca.pem, cert: c.pem, key: k.pem}\n"
    "devices:\n  - {name: scanner, class: scanner, transport: hidraw, usb: \"1234:0A0B\"}\n";

static void lines_can_be_pasted(void **state)
{
    (void)state;
    UMockdevTestbed *bed = new_world();
    char path[] = "/tmp/tillwire-discover-XXXXXX";
    char options[64];
    int code = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, config, sizeof config - 1) == (ssize_t)(sizeof config - 1));
    (void)close(fd);
    add_link(bed);
    (void)snprintf(options, sizeof options, "--config %s", path);
    char *text = run_cli(options, &code);
    assert_int_equal(code, 0);
    expect_text(text, "configured as scanner\n");
    // The name that is taken is not proposed again.
    expect_text(text, "- {name: scanner2, class: scanner, transport: serial, port: "
                      "\"/dev/serial/by-id/usb-Voyager_S1-if00\", baud: 9600}\n");
    expect_text(text,
                "USB 0403:6001\n    What hangs on this port is not known. Make sure that it is no payment");
    expect_text(text, "transport: serial, usb: \"0403:6001\", baud: 9600}\n");
    expect_text(text, "transport: evdev, usb: \"05e0:1200\", usb_serial: \"K6\", layout: us}\n");
    expect_text(text, "class: stripe, transport: hidraw, usb: \"0801:0001\"}\n");
    free(text);
    (void)snprintf(options, sizeof options, "--json --config %s", path);
    text = run_cli(options, &code);
    assert_int_equal(code, 0);
    expect_text(text, "\"usb_serial\":\"S\\\"3\",\"name\":\"HID Scanner\",");
    expect_text(text, "\"configured\":\"scanner\",\"line\":null}");
    expect_text(text, "\"may_be_payment_terminal\":true,\"configured\":null,\"line\":\"# - {");
    expect_text(text, "\"may_be_payment_terminal\":false,\"configured\":null,\"line\":\"- {");
    free(text);
    (void)unlink(path);
    g_object_unref(bed);
}

// The lines that were proposed are a configuration, and then everything is configured but what may be a
// payment terminal: its line does nothing as it is pasted.
static void what_is_pasted_is_a_configuration(void **state)
{
    (void)state;
    UMockdevTestbed *bed = new_world();
    char path[] = "/tmp/tillwire-discover-XXXXXX";
    char options[64];
    char *rest = NULL;
    int code = 0;
    unsigned lines = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, config, sizeof config - 1) == (ssize_t)(sizeof config - 1));
    (void)snprintf(options, sizeof options, "--config %s", path);
    char *text = run_cli(options, &code);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "    - {", 7) == 0 || strncmp(line, "    # - {", 9) == 0) {
            assert_true(dprintf(fd, "%s\n", line + 2) > 0); // as deep as the entry that is there
            lines++;
        }
    }
    free(text);
    (void)close(fd);
    assert_int_equal(lines, 6);
    text = run_cli(options, &code);
    if (code != 0 || strstr(text, "    - {") != NULL || strstr(text, "    # - {") == NULL) {
        fail_msg("%s", text);
    }
    free(text);
    (void)unlink(path);
    g_object_unref(bed);
}

static void nothing_is_said(void **state)
{
    (void)state;
    UMockdevTestbed *bed = umockdev_testbed_new();
    int code = 0;
    char *text = run_cli("", &code);
    assert_int_equal(code, 1);
    expect_text(text, "Nothing is plugged in that could be a device.");
    free(text);
    text = run_cli("--json", &code);
    assert_int_equal(code, 1);
    assert_string_equal(text, "{\"found\":[]}\n");
    free(text);
    g_object_unref(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_be_a_device_is_found),
        cmocka_unit_test(an_empty_world_is_no_error),
        cmocka_unit_test(lines_can_be_pasted),
        cmocka_unit_test(what_is_pasted_is_a_configuration),
        cmocka_unit_test(nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
