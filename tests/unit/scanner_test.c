// SPDX-License-Identifier: Apache-2.0
//
// A serial scanner through everything real: libserialport, the device's life, the driver, on a pty.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <poll.h>

#include "tests/fakes/pty.h"
#include "tillwire/device.h"

enum { REPLUGS = 500 };

struct seen {
    char scans[16][600];
    size_t count;
    int ups, downs;
};

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct seen *seen = ctx;
    assert_string_equal(device, "scanner");
    assert_true(seen->count < 16 && code.len < 600);
    memcpy(seen->scans[seen->count], code.ptr, code.len);
    seen->scans[seen->count][code.len] = '\0';
    seen->count++;
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct seen *seen = ctx;
    (void)device;
    assert_true(up == (why == NULL));
    seen->ups += up;
    seen->downs += !up;
}

static struct tw_device *new_scanner(struct seen *seen, const char *port)
{
    struct tw_device_config config = {
        .name = "scanner", .class_name = "scanner", .transport = "serial", .port = port};
    struct tw_device_sink sink = {.ctx = seen, .scan = on_scan, .state = on_state};
    struct tw_device *device = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, &err), 0);
    return device;
}

// A scanner that is plugged in and open.
struct rig {
    struct seen seen;
    struct fake_pty pty;
    struct tw_device *device;
};

static void open_rig(struct rig *rig)
{
    *rig = (struct rig){0};
    fake_pty_plug(&rig->pty);
    rig->device = new_scanner(&rig->seen, rig->pty.link);
    tw_device_tick(rig->device, 0);
    assert_int_equal(rig->seen.ups, 1);
}

static struct tw_device_status status_of(const struct rig *rig)
{
    struct tw_device_status status;
    tw_device_status(rig->device, &status);
    return status;
}

static void close_rig(struct rig *rig)
{
    tw_device_free(rig->device);
    fake_pty_remove(&rig->pty);
}

// Waits for bytes on the line, so that no test depends on how fast a pty is.
static void receive(struct tw_device *device, int64_t now_ms)
{
    struct pollfd entry = {.fd = tw_device_fd(device), .events = tw_device_events(device)};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_ready(device, entry.revents, now_ms);
}

static void every_ending_ends_a_scan(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    static const char line[] = "]E04006381333931\r4006381333932\n6009200000017\r\n"
                               "\x02]C1abc\x03plain\tg\x1ds\r\0nul\0s\r\r\n\n";
    for (size_t i = 0; i < sizeof line - 1; i++) { // byte by byte
        fake_pty_send(&rig.pty, line + i, 1);
        receive(rig.device, 10);
    }
    static const char *const expected[] = {
        "]E04006381333931", "4006381333932", "6009200000017", "]C1abc", "plain", "g\x1ds", "nuls"};
    assert_int_equal(rig.seen.count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(rig.seen.scans[i], expected[i]);
    }
    assert_int_equal(status_of(&rig).errors, 0);
    assert_int_equal(status_of(&rig).bytes, sizeof line - 1);
    close_rig(&rig);
}

static void silence_ends_a_scan(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    assert_int_equal(tw_device_deadline(rig.device), INT64_MAX);
    fake_pty_send(&rig.pty, "12345", 5);
    receive(rig.device, 1000);
    assert_int_equal(tw_device_deadline(rig.device), 1050);
    tw_device_tick(rig.device, 1049);
    assert_int_equal(rig.seen.count, 0);
    tw_device_tick(rig.device, 1050);
    assert_int_equal(rig.seen.count, 1);
    assert_string_equal(rig.seen.scans[0], "12345");
    // An agent that was late does not cut a scan in two: what waits on the line is read first.
    fake_pty_send(&rig.pty, "abc", 3);
    receive(rig.device, 2000);
    fake_pty_send(&rig.pty, "def", 3);
    struct pollfd entry = {.fd = tw_device_fd(rig.device), .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_tick(rig.device, 2500);
    assert_int_equal(rig.seen.count, 1);
    tw_device_tick(rig.device, 2550);
    assert_int_equal(rig.seen.count, 2);
    assert_string_equal(rig.seen.scans[1], "abcdef");
    close_rig(&rig);
}

static void too_long_is_dropped_and_counted(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    char bytes[520];
    memset(bytes, '7', sizeof bytes);
    bytes[512] = '\r'; // exactly the limit
    fake_pty_send(&rig.pty, bytes, 513);
    while (rig.seen.count < 1) {
        receive(rig.device, 1);
    }
    assert_int_equal(strlen(rig.seen.scans[0]), 512);
    bytes[512] = '7';
    bytes[513] = '\r'; // one more
    fake_pty_send(&rig.pty, bytes, 514);
    fake_pty_send(&rig.pty, "42\r", 3);
    while (rig.seen.count < 2) {
        receive(rig.device, 2);
    }
    assert_string_equal(rig.seen.scans[1], "42");
    assert_int_equal(status_of(&rig).errors, 1);
    close_rig(&rig);
}

static unsigned open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

// Half a scan dies with the cable; the device is found again behind its link, at another node.
static void unplugged_and_plugged_in_again(void **state)
{
    (void)state;
    struct rig rig;
    int64_t now_ms = 0;
    open_rig(&rig);
    unsigned files = open_files();
    for (int i = 0; i < REPLUGS; i++) {
        fake_pty_send(&rig.pty, "half", 4);
        receive(rig.device, now_ms);
        fake_pty_unplug(&rig.pty);
        receive(rig.device, now_ms);
        assert_int_equal(tw_device_fd(rig.device), -1);
        assert_int_equal(rig.seen.downs, i + 1);
        now_ms = tw_device_deadline(rig.device);
        tw_device_tick(rig.device, now_ms); // nothing there
        assert_int_equal(tw_device_fd(rig.device), -1);
        fake_pty_plug(&rig.pty);
        now_ms = tw_device_deadline(rig.device);
        tw_device_tick(rig.device, now_ms);
        assert_int_equal(rig.seen.ups, i + 2);
        fake_pty_send(&rig.pty, "77\r", 3);
        receive(rig.device, now_ms);
        assert_int_equal(rig.seen.count, 1);
        assert_string_equal(rig.seen.scans[0], "77");
        rig.seen.count = 0;
    }
    assert_int_equal(status_of(&rig).reopens, REPLUGS);
    assert_int_equal(status_of(&rig).errors, REPLUGS); // the halves
    assert_int_equal(open_files(), files);
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending_ends_a_scan),
        cmocka_unit_test(silence_ends_a_scan),
        cmocka_unit_test(too_long_is_dropped_and_counted),
        cmocka_unit_test(unplugged_and_plugged_in_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
