// SPDX-License-Identifier: Apache-2.0
//
// A reader of magnetic stripes and a customer display on serial ports, unplugged at random moments: no swipe
// that was over is lost, none comes twice or in halves, nothing old is shown, no descriptor stays open, and
// the device is open again within 2 s of its node's return. TW_SEED; TW_REPLUGS for more than 500.
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
#include <unistd.h>

#include "tests/fakes/pty.h"
#include "tillwire/device.h"

#define CARD_FORMAT "60092000%08u"

enum { BACK_MS = 2000, START_BYTES = 11, LINES_BYTES = 48 };

struct rig {
    struct fake_pty pty;
    struct tw_device *device;
    int64_t now_ms;
    uint32_t random;
    unsigned ups, downs, scans;
    char told[64];
};

static uint32_t draw(struct rig *rig, uint32_t below)
{
    rig->random = rig->random * 1664525u + 1013904223u;
    return (rig->random >> 8) % below;
}

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct rig *rig = ctx;
    (void)device;
    (void)snprintf(rig->told, sizeof rig->told, "%.*s", (int)code.len, (const char *)code.ptr);
    rig->scans++;
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct rig *rig = ctx;
    (void)device;
    (void)why;
    rig->ups += up;
    rig->downs += !up;
}

static bool is_loyalty(void *ctx, struct tw_slice code)
{
    (void)ctx;
    return code.len == 16 && memcmp(code.ptr, "60092000", 8) == 0;
}

static unsigned number(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void open_rig(struct rig *rig, const char *class_name)
{
    *rig = (struct rig){.pty = {.far = -1}, .random = number("TW_SEED", 20261122)};
    print_message("seed %u (TW_SEED)\n", rig->random);
    fake_pty_plug(&rig->pty);
    const struct tw_device_config config = {
        .name = "d", .class_name = class_name, .transport = "serial", .port = rig->pty.link};
    const struct tw_device_sink sink = {
        .ctx = rig, .scan = on_scan, .state = on_state, .is_loyalty = is_loyalty};
    assert_int_equal(tw_device_new(&config, &sink, 1, &rig->device, NULL), 0);
    tw_device_tick(rig->device, 0);
    assert_int_equal(rig->ups, 1);
}

static void close_rig(struct rig *rig)
{
    tw_device_free(rig->device);
    fake_pty_remove(&rig->pty);
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

// Away for up to ten seconds, looked for at its own pace, and back.
static void replug(struct rig *rig)
{
    unsigned ups = rig->ups;
    fake_pty_unplug(&rig->pty);
    tw_device_ready(rig->device, POLLIN | POLLHUP, rig->now_ms);
    assert_int_equal(tw_device_fd(rig->device), -1);
    int64_t until_ms = rig->now_ms + draw(rig, 10000);
    while (tw_device_deadline(rig->device) <= until_ms) {
        assert_true(tw_device_deadline(rig->device) > rig->now_ms); // no spin
        rig->now_ms = tw_device_deadline(rig->device);
        tw_device_tick(rig->device, rig->now_ms);
    }
    fake_pty_plug(&rig->pty);
    assert_true(tw_device_deadline(rig->device) - until_ms <= BACK_MS);
    rig->now_ms = tw_device_deadline(rig->device);
    tw_device_tick(rig->device, rig->now_ms);
    assert_int_equal(rig->ups, ups + 1);
}

// ---- the reader

static void send(struct rig *rig, const char *text, size_t len)
{
    struct tw_device_status status;
    tw_device_status(rig->device, &status);
    uint64_t expected = status.bytes + len;
    fake_pty_send(&rig->pty, text, len);
    while (status.bytes < expected) {
        struct pollfd entry = {.fd = tw_device_fd(rig->device), .events = POLLIN};
        assert_int_equal(poll(&entry, 1, 5000), 1);
        tw_device_ready(rig->device, entry.revents, rig->now_ms);
        tw_device_status(rig->device, &status);
    }
}

static void swipe(struct rig *rig, unsigned card)
{
    char digits[32];
    char text[160];
    unsigned scans = rig->scans;
    (void)snprintf(digits, sizeof digits, CARD_FORMAT, card);
    int len = snprintf(text, sizeof text, "%%B%s^DOE/JANE^4912?;%s=4912?\r", digits, digits);
    send(rig, text, (size_t)len);
    rig->now_ms = tw_device_deadline(rig->device);
    tw_device_tick(rig->device, rig->now_ms);
    assert_int_equal(rig->scans, scans + 1);
    assert_string_equal(rig->told, digits);
}

static void a_reader_loses_and_doubles_nothing(void **state)
{
    (void)state;
    struct rig rig;
    unsigned rounds = number("TW_REPLUGS", 500);
    unsigned card = 0;
    open_rig(&rig, "stripe");
    unsigned files = open_files();
    for (unsigned round = 0; round < rounds; round++) {
        for (uint32_t i = draw(&rig, 3); i > 0; i--) {
            swipe(&rig, card++);
        }
        unsigned scans = rig.scans;
        if (draw(&rig, 2) == 0) { // pulled in the middle of one, or before its silence
            static const char half[] = ";6009200099999999=4912?\r";
            send(&rig, half, 1 + draw(&rig, sizeof half - 1));
        }
        replug(&rig);
        assert_int_equal(rig.scans, scans);
        swipe(&rig, card++);
    }
    assert_int_equal(rig.scans, card);
    assert_int_equal(rig.downs, rounds);
    assert_int_equal(open_files(), files);
    close_rig(&rig);
}

// ---- the display

static void expect_display(const struct rig *rig, const char *expected, size_t len)
{
    char bytes[256];
    size_t got = 0;
    while (got < len) {
        struct pollfd entry = {.fd = rig->pty.far, .events = POLLIN};
        assert_int_equal(poll(&entry, 1, 5000), 1);
        ssize_t more = read(rig->pty.far, bytes + got, sizeof bytes - got);
        assert_true(more > 0);
        got += (size_t)more;
    }
    assert_int_equal(got, len);
    assert_memory_equal(bytes, expected, len);
}

#define START "\x1b@\x1bt\0\x1f\x01\x1f\x43\0\x0c"

static void a_display_shows_what_is_meant_now(void **state)
{
    (void)state;
    struct rig rig;
    unsigned rounds = number("TW_REPLUGS", 500);
    char expected[START_BYTES + LINES_BYTES + 1] = START;
    open_rig(&rig, "display");
    unsigned files = open_files();
    bool shown = false;
    for (unsigned round = 0; round < rounds; round++) {
        expect_display(&rig, expected, shown ? START_BYTES + LINES_BYTES : START_BYTES);
        tw_device_show(rig.device, "for somebody else", "", rig.now_ms);
        if (draw(&rig, 2) == 0) {
            tw_device_show(rig.device, "", "", rig.now_ms);
        }
        char text[21];
        (void)snprintf(text, sizeof text, "%-20u", round);
        shown = draw(&rig, 2) == 0;
        fake_pty_unplug(&rig.pty); // while something is on its way
        tw_device_show(rig.device, shown ? text : "", "", rig.now_ms);
        (void)snprintf(expected + START_BYTES, LINES_BYTES + 1, "\x1f$\x01\x01%-20s\x1f$\x01\x02%-20s", text,
                       "");
        replug(&rig);
    }
    assert_int_equal(rig.downs, rounds);
    assert_int_equal(open_files(), files);
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_loses_and_doubles_nothing),
        cmocka_unit_test(a_display_shows_what_is_meant_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
