// SPDX-License-Identifier: Apache-2.0
//
// Two-line customer displays: what is sent to them, byte for byte, and that one which is slow, deaf or away
// holds nobody up (P5) and never shows what was meant for somebody else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <iconv.h>
#include <poll.h>
#include <unistd.h>

#include "hal/drivers/display/characters.h"
#include "hal/drivers/drivers.h"
#include "tests/fakes/pty.h"
#include "tillwire/device.h"

#define BLANK "                    "

// Stands for the C library's: on a pseudo terminal it may or may not lose bytes that are on their way.
static unsigned flushes;

int tcflush(int fd, int queue);

int tcflush(int fd, int queue)
{
    (void)fd;
    (void)queue;
    flushes++;
    return 0;
}

// ---- characters

// Every character of code page 437 that Latin-1 has, as iconv knows them.
static void letters_are_those_of_the_code_page(void **state)
{
    (void)state;
    iconv_t table = iconv_open("CP437", "UTF-8");
    assert_true(table != (iconv_t)-1);
    for (unsigned c = 0xa1; c <= 0xff; c++) {
        char utf8[] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)), '\0'};
        char expected[2] = "";
        char *from = utf8;
        char *to = expected;
        size_t left = 2;
        size_t room = 1;
        uint8_t shown[1];
        uint8_t ascii[1];
        tw_display_characters(utf8, true, shown, 1);
        tw_display_characters(utf8, false, ascii, 1);
        assert_in_range(ascii[0], ' ', '~');
        if (iconv(table, &from, &left, &to, &room) == 0 && (uint8_t)expected[0] >= 0x80) {
            assert_int_equal(shown[0], (uint8_t)expected[0]);
        } else {
            assert_int_equal(shown[0], ascii[0]);
        }
    }
    (void)iconv_close(table);
}

static void check_characters(const char *text, bool cp437, const char *expected)
{
    uint8_t shown[20];
    tw_display_characters(text, cp437, shown, sizeof shown);
    if (memcmp(shown, expected, sizeof shown) != 0) {
        fail_msg("%s: %.20s", text, (const char *)shown);
    }
}

static void what_a_page_lacks_is_shown_plainly(void **state)
{
    (void)state;
    check_characters("", true, BLANK);
    check_characters("Grüße, Müller", true,
                     "Gr\x81\xe1"
                     "e, M\x81ller       ");
    check_characters("Grüße, Müller", false, "Gruse, Muller       ");
    check_characters("Élan À bientôt", true, "\x90lan A bient\x93t      ");
    check_characters("Złoty Čeština Őrség", true, "Zloty Cestina Ors\x82g ");
    check_characters("5 € – “now”", true, "5 E - \"now\"         ");
    check_characters("日本 \xf0\x9f\x98\x80!", true, "?\? ?!               ");
    check_characters("a\xff\xc3(\xe2\x82", true, "a?\?(?\?              ");
    check_characters("a\x07\x1b\x7f", true, "a?\?\?                ");
    check_characters("12345678901234567890123", true, "12345678901234567890");
}

// ---- what is sent

struct wire {
    uint8_t bytes[1024];
    size_t len;
};

static void on_send(void *ctx, struct tw_slice bytes)
{
    struct wire *wire = ctx;
    assert_true(wire->len + bytes.len <= sizeof wire->bytes);
    memcpy(wire->bytes + wire->len, bytes.ptr, bytes.len);
    wire->len += bytes.len;
}

static void expect_wire(struct wire *wire, const char *expected, size_t len)
{
    assert_int_equal(wire->len, len);
    assert_memory_equal(wire->bytes, expected, len);
    wire->len = 0;
}

#define EXPECT(wire, text) expect_wire(wire, text, sizeof(text) - 1)

static struct tw_driver *new_driver(const struct tw_driver_host *host)
{
    struct tw_driver *driver = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_two_line_display_new(host, &driver, &err), 0);
    return driver;
}

static void escpos_is_spoken(void **state)
{
    (void)state;
    struct wire wire = {.len = 0};
    const struct tw_device_config config = {.name = "d"};
    const struct tw_device_sink sink = {.ctx = NULL};
    const struct tw_driver_host host = {&config, &sink, &wire, on_send};
    struct tw_driver *driver = new_driver(&host);
    driver->ops->show(driver, "too early", ""); // not open: kept
    EXPECT(&wire, "");
    assert_int_equal(driver->ops->opened(driver, NULL, 0, NULL), 0);
    EXPECT(&wire, "\x1b@\x1bt\0\x1f\x01\x1f"
                  "C\0\x0c"
                  "\x1f$\x01\x01too early           \x1f$\x01\x02" BLANK);
    driver->ops->show(driver, "Willkommen!", "Punkte         1 240");
    EXPECT(&wire, "\x1f$\x01\x01Willkommen!         \x1f$\x01\x02Punkte         1 240");
    driver->ops->show(driver, "", "");
    EXPECT(&wire, "\x0c");
    assert_int_equal(driver->ops->feed(driver, tw_slice_of("\x06\x15"), 0, NULL), 0);
    driver->ops->lost(driver);
    driver->ops->show(driver, "while away", "");
    driver->ops->show(driver, "", "");
    EXPECT(&wire, "");
    assert_int_equal(driver->ops->opened(driver, NULL, 0, NULL), 0); // nothing old
    EXPECT(&wire, "\x1b@\x1bt\0\x1f\x01\x1f"
                  "C\0\x0c");
    assert_int_equal(driver->errors, 0);
    driver->ops->free(driver);
}

static void cd5220_is_spoken(void **state)
{
    (void)state;
    struct wire wire = {.len = 0};
    const struct tw_device_config config = {.name = "d", .protocol = "cd5220"};
    const struct tw_device_sink sink = {.ctx = NULL};
    const struct tw_driver_host host = {&config, &sink, &wire, on_send};
    struct tw_driver *driver = new_driver(&host);
    assert_int_equal(driver->ops->opened(driver, NULL, 0, NULL), 0);
    EXPECT(&wire, "\x1b@\x1b_\0\x0c");
    driver->ops->show(driver, "Schön, Sie zu sehen!", "7");
    EXPECT(&wire, "\x1bQASchon, Sie zu sehen!\r\x1bQB7                   \r");
    driver->ops->show(driver, "", "");
    EXPECT(&wire, "\x0c");
    driver->ops->free(driver);
}

static void an_unknown_protocol_is_named(void **state)
{
    (void)state;
    const struct tw_device_config config = {.name = "pole", .protocol = "morse"};
    const struct tw_driver_host host = {&config, NULL, NULL, on_send};
    struct tw_driver *driver = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_two_line_display_new(&host, &driver, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "device pole: `protocol`"));
}

// ---- on a line

struct seen {
    int ups, downs;
    char why[512];
};

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    struct seen *seen = ctx;
    (void)device;
    seen->ups += up;
    seen->downs += !up;
    (void)snprintf(seen->why, sizeof seen->why, "%s", why != NULL ? why : "");
}

static struct tw_device *new_display(struct seen *seen, const char *port)
{
    const struct tw_device_config config = {
        .name = "display", .class_name = "display", .transport = "serial", .port = port};
    const struct tw_device_sink sink = {.ctx = seen, .state = on_state};
    struct tw_device *device = NULL;
    struct tw_error_text err = {0};
    if (tw_device_new(&config, &sink, 1, &device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return device;
}

// What came to the display until nothing more comes.
static size_t read_display(const struct fake_pty *pty, char *out, size_t cap)
{
    size_t len = 0;
    struct pollfd entry = {.fd = pty->far, .events = POLLIN};
    while (len < cap && poll(&entry, 1, 200) == 1 && (entry.revents & POLLIN) != 0) {
        ssize_t got = read(pty->far, out + len, cap - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    return len;
}

// P5: nobody waits for a display that takes nothing. It is opened anew, and then shows what is meant now.
static void p5_a_deaf_display_shows_nothing_old(void **state)
{
    (void)state;
    static char bytes[256 * 1024];
    struct seen seen = {0};
    struct fake_pty pty = {.far = -1};
    fake_pty_plug(&pty);
    struct tw_device *device = new_display(&seen, pty.link);
    tw_device_tick(device, 0);
    assert_int_equal(seen.ups, 1);
    int64_t now_ms = 0;
    unsigned shows = 0;
    while (seen.downs == 0) { // the line takes a few thousand bytes
        char text[32];
        (void)snprintf(text, sizeof text, "for member %u", shows++);
        tw_device_show(device, text, "Points", now_ms += 1000);
        assert_true(shows < 10000);
    }
    assert_non_null(strstr(seen.why, "does not take what it is sent"));
    tw_device_show(device, "for this member", "", now_ms);
    (void)read_display(&pty, bytes, sizeof bytes); // what the line had taken
    now_ms = tw_device_deadline(device);
    tw_device_tick(device, now_ms);
    assert_int_equal(seen.ups, 2);
    size_t len = read_display(&pty, bytes, sizeof bytes - 1);
    bytes[len] = '\0';
    assert_non_null(memmem(bytes, len, "for this member     ", 20));
    assert_null(memmem(bytes, len, "for member", 10));
    tw_device_free(device);
    fake_pty_remove(&pty);
}

static void an_unplugged_display_shows_what_is_meant_when_it_returns(void **state)
{
    (void)state;
    char bytes[1024];
    struct seen seen = {0};
    struct fake_pty pty = {.far = -1};
    fake_pty_plug(&pty);
    struct tw_device *device = new_display(&seen, pty.link);
    int64_t now_ms = 0;
    tw_device_tick(device, now_ms);
    for (int round = 1; round <= 4; round++) {
        tw_device_show(device, "for one member", "", now_ms);
        fake_pty_unplug(&pty);
        tw_device_ready(device, POLLHUP, now_ms);
        assert_int_equal(seen.downs, round);
        tw_device_show(device, round % 2 == 0 ? "for the next" : "", "", now_ms);
        fake_pty_plug(&pty);
        now_ms = tw_device_deadline(device);
        tw_device_tick(device, now_ms);
        assert_int_equal(seen.ups, round + 1);
        size_t len = read_display(&pty, bytes, sizeof bytes);
        assert_memory_equal(bytes, "\x1b@", 2);
        assert_null(memmem(bytes, len, "for one member", 14));
        assert_true((memmem(bytes, len, "for the next", 12) != NULL) == (round % 2 == 0));
    }
    tw_device_free(device);
    fake_pty_remove(&pty);
}

// What clears it is written last, and then it is closed.
static void a_display_is_cleared_when_it_is_closed(void **state)
{
    (void)state;
    char bytes[1024];
    struct seen seen = {0};
    struct fake_pty pty = {.far = -1};
    fake_pty_plug(&pty);
    struct tw_device *device = new_display(&seen, pty.link);
    tw_device_tick(device, 0);
    tw_device_show(device, "for one member", "", 0);
    tw_device_show(device, "", "", 0);
    flushes = 0;
    tw_device_free(device);
    assert_int_equal(flushes, 0);
    size_t len = read_display(&pty, bytes, sizeof bytes);
    assert_true(len > 0 && bytes[len - 1] == '\x0c');
    fake_pty_remove(&pty);
}

static void other_devices_show_nothing(void **state)
{
    (void)state;
    const struct tw_device_config config = {
        .name = "scanner", .class_name = "scanner", .transport = "serial", .port = "/nowhere"};
    struct seen seen = {0};
    const struct tw_device_sink sink = {.ctx = &seen, .state = on_state};
    struct tw_device *device = NULL;
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, NULL), 0);
    tw_device_show(device, "a", "b", 0);
    tw_device_free(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_those_of_the_code_page),
        cmocka_unit_test(what_a_page_lacks_is_shown_plainly),
        cmocka_unit_test(escpos_is_spoken),
        cmocka_unit_test(cd5220_is_spoken),
        cmocka_unit_test(an_unknown_protocol_is_named),
        cmocka_unit_test(p5_a_deaf_display_shows_nothing_old),
        cmocka_unit_test(an_unplugged_display_shows_what_is_meant_when_it_returns),
        cmocka_unit_test(a_display_is_cleared_when_it_is_closed),
        cmocka_unit_test(other_devices_show_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
