// SPDX-License-Identifier: Apache-2.0
//
// The transports against real descriptors: a pty behind libserialport, a Unix socket.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>

#include "hal/io/io.h"
#include "tests/fakes/pty.h"

static size_t read_some(struct tw_io *io, uint8_t *out, size_t cap)
{
    struct pollfd entry = {.fd = io->fd, .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    size_t got = 0;
    assert_int_equal(tw_io_read(io, out, cap, &got), 0);
    return got;
}

static void serial_carries_every_byte_value(void **state)
{
    (void)state;
    struct fake_pty pty = {0};
    fake_pty_plug(&pty);
    struct tw_io *io = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_io_serial_open(pty.link, &(struct tw_io_line){0}, &io, &err), 0);
    uint8_t all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    fake_pty_send(&pty, all, sizeof all);
    uint8_t got[256];
    size_t len = 0;
    while (len < sizeof got) {
        len += read_some(io, got + len, sizeof got - len);
    }
    assert_memory_equal(got, all, sizeof all);
    size_t put = 0;
    assert_int_equal(tw_io_write(io, tw_slice_make(all, sizeof all), &put), 0);
    assert_int_equal(put, 256);
    assert_int_equal(read(pty.far, got, sizeof got), 256);
    assert_memory_equal(got, all, sizeof all);
    assert_int_equal(tw_io_read(io, got, sizeof got, &len), TW_ERR_AGAIN);
    tw_io_close(io);
    fake_pty_remove(&pty);
}

// P8, and the port must be free again after closing.
static void serial_is_exclusive_and_says_what_is_wrong(void **state)
{
    (void)state;
    struct tw_io *io = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_io_serial_open("/nonexistent/usb-scanner", &(struct tw_io_line){0}, &io, &err),
                     TW_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/usb-scanner"));
    assert_int_equal(tw_io_serial_open("/dev/null", &(struct tw_io_line){0}, &io, &err), TW_ERR_IO);
    struct fake_pty pty = {0};
    fake_pty_plug(&pty);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tw_io_serial_open(pty.link, &(struct tw_io_line){.baud = 115200}, &io, &err), 0);
        // Root may open it all the same (CAP_SYS_ADMIN, ioctl_tty(2)).
        int second = open(pty.link, O_RDWR | O_NOCTTY);
        assert_true(second < 0 || geteuid() == 0);
        if (second >= 0) {
            (void)close(second);
        }
        tw_io_close(io);
    }
    fake_pty_remove(&pty);
}

static void serial_unplugged_is_closed(void **state)
{
    (void)state;
    struct fake_pty pty = {0};
    fake_pty_plug(&pty);
    struct tw_io *io = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_io_serial_open(pty.link, &(struct tw_io_line){0}, &io, &err), 0);
    fake_pty_unplug(&pty);
    uint8_t byte;
    size_t got = 0;
    assert_int_equal(tw_io_read(io, &byte, 1, &got), TW_ERR_CLOSED);
    tw_io_close(io);
    fake_pty_remove(&pty);
}

static void unix_socket_connects_and_closes(void **state)
{
    (void)state;
    char folder[] = "/tmp/tillwire-io-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    struct tw_io *io = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_io_unix_open(address.sun_path, &io, &err), TW_ERR_NOT_FOUND);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(tw_io_unix_open(address.sun_path, &io, &err), 0);
    int peer = accept(listener, NULL, NULL);
    assert_int_equal(send(peer, "abc", 3, 0), 3);
    uint8_t got[8];
    assert_int_equal(read_some(io, got, sizeof got), 3);
    (void)close(peer);
    size_t len = 0;
    assert_int_equal(tw_io_read(io, got, sizeof got, &len), TW_ERR_CLOSED);
    assert_int_equal(tw_io_write(io, tw_slice_of("x"), &len), TW_ERR_CLOSED); // and no SIGPIPE
    tw_io_close(io);
    (void)close(listener);
    (void)unlink(address.sun_path);
    (void)rmdir(folder);
    char far_too_long[200];
    memset(far_too_long, 'a', sizeof far_too_long - 1);
    far_too_long[sizeof far_too_long - 1] = '\0';
    assert_int_equal(tw_io_unix_open(far_too_long, &io, &err), TW_ERR_INVALID);
}

static void serial_line_is_set_as_configured(void **state)
{
    (void)state;
    struct fake_pty pty = {0};
    fake_pty_plug(&pty);
    struct tw_io *io = NULL;
    struct tw_error_text err = {0};
    struct termios got;
    // A pty has no parity and 8 bits whatever it is told; libserialport's answer is what can be seen.
    const struct tw_io_line wanted = {
        .baud = 19200, .bits = 8, .stop = 2, .parity = "none", .flow = "xonxoff"};
    assert_int_equal(tw_io_serial_open(pty.link, &wanted, &io, &err), 0);
    assert_int_equal(tcgetattr(io->fd, &got), 0);
    assert_int_equal(cfgetispeed(&got), B19200);
    assert_true((got.c_cflag & CSTOPB) != 0);
    assert_true((got.c_iflag & (IXON | IXOFF)) == (IXON | IXOFF));
    assert_true((got.c_cflag & CRTSCTS) == 0);
    tw_io_close(io);
    const struct tw_io_line hardware = {.flow = "rtscts"};
    assert_int_equal(tw_io_serial_open(pty.link, &hardware, &io, &err), 0);
    assert_int_equal(tcgetattr(io->fd, &got), 0);
    assert_true((got.c_cflag & CSTOPB) == 0);
    assert_true((got.c_cflag & CRTSCTS) != 0);
    assert_true((got.c_iflag & (IXON | IXOFF)) == 0);
    tw_io_close(io);
    fake_pty_remove(&pty);
}

// P8
static void serial_settings_that_do_not_exist_are_named(void **state)
{
    (void)state;
    static const struct {
        struct tw_io_line line;
        const char *key;
    } bad[] = {{{.bits = 9}, "`bits`"},
               {{.bits = 4}, "`bits`"},
               {{.stop = 3}, "`stop`"},
               {{.parity = "odd?"}, "`parity`"},
               {{.flow = "dtrdsr"}, "`flow`"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tw_io *io = NULL;
        struct tw_error_text err = {0};
        assert_int_equal(tw_io_serial_open("/dev/null", &bad[i].line, &io, &err), TW_ERR_INVALID);
        assert_non_null(strstr(err.text, bad[i].key));
        assert_null(io);
    }
}

static void tcp_addresses_are_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"scanner.example:4001", "192.0.2.1", "192.0.2.1:", ":4001", "[::1:4001",
                                      "192.0.2.1:http",       "[]:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tw_io *io = NULL;
        struct tw_error_text err = {0};
        assert_int_equal(tw_io_tcp_open(bad[i], &io, &err), TW_ERR_INVALID);
        assert_non_null(strstr(err.text, "192.0.2.20:4001"));
    }
}

static void usb_ids_are_eight_digits(void **state)
{
    (void)state;
    uint16_t vendor = 1;
    uint16_t product = 2;
    static const char *const bad[] = {"",           "12345678",  "123:45678", "0C2E:0b6",
                                      "0c2e:0b611", "0c2g:0b61", "0x2e:0b61"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tw_io_usb_ids(bad[i], &vendor, &product));
    }
    assert_int_equal(vendor, 1); // untouched
    assert_true(tw_io_usb_ids("0C2E:0b61", &vendor, &product));
    assert_int_equal(vendor, 0x0c2e);
    assert_int_equal(product, 0x0b61);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serial_carries_every_byte_value),
        cmocka_unit_test(serial_is_exclusive_and_says_what_is_wrong),
        cmocka_unit_test(serial_unplugged_is_closed),
        cmocka_unit_test(unix_socket_connects_and_closes),
        cmocka_unit_test(serial_line_is_set_as_configured),
        cmocka_unit_test(serial_settings_that_do_not_exist_are_named),
        cmocka_unit_test(tcp_addresses_are_numbers),
        cmocka_unit_test(usb_ids_are_eight_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
