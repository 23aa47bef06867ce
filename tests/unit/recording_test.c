// SPDX-License-Identifier: Apache-2.0
//
// Recordings: read, written and read again, and what is wrong with one said with its file and line.
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

#include "hal/io/replay.h"

#define HEAD "class scanner\ntransport serial\n"

static struct tw_recording *parse(const char *text)
{
    struct tw_recording *recording = NULL;
    struct tw_error_text err = {0};
    if (tw_recording_parse(tw_slice_of(text), "x.rec", &recording, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return recording;
}

static void everything_is_read(void **state)
{
    (void)state;
    struct tw_recording *recording = parse(
        "# a comment\n\nclass scanner\r\ntransport evdev\nset layout de\nset suffix \"\\t\"\nset prefix "
        "\"\" 02 \"x\"\nusb 1234:0A0b\nname Example  Scanner\nserial S 1\ndescriptor 05 8c\n"
        "0 up\n5 < \"a\\r\\n\\t\\\"\\\\\" 00 fF\n7 report \"ab\" 01\n9 key 30 1\n9 drop\n12 down\n13 up");
    assert_string_equal(recording->config.class_name, "scanner");
    assert_string_equal(recording->config.transport, "evdev");
    assert_string_equal(recording->config.layout, "de");
    assert_string_equal(recording->config.suffix, "\t");
    assert_string_equal(recording->config.prefix, "\002x");
    assert_int_equal(recording->facts.vendor, 0x1234);
    assert_int_equal(recording->facts.product, 0x0a0b);
    assert_string_equal(recording->facts.name, "Example  Scanner");
    assert_string_equal(recording->facts.serial, "S 1");
    assert_int_equal(recording->facts.descriptor.len, 2);
    assert_int_equal(recording->count, 7);
    const struct tw_recording_event *events = recording->events;
    assert_int_equal(events[0].kind, TW_RECORDING_UP);
    assert_int_equal(events[1].at_ms, 5);
    assert_memory_equal(recording->bytes.ptr + events[1].from, "a\r\n\t\"\\\0\xff", events[1].len);
    assert_memory_equal(recording->bytes.ptr + events[2].from, "\3\0ab\1", events[2].len);
    assert_int_equal(events[3].len, 2 * TW_IO_KEY_BYTES); // and its SYN_REPORT
    assert_int_equal(recording->bytes.ptr[events[3].from + 10], KEY_A);
    assert_int_equal(events[4].len, TW_IO_KEY_BYTES);
    assert_int_equal(events[5].kind, TW_RECORDING_DOWN);
    assert_int_equal(events[6].at_ms, 13);
    tw_recording_free(recording);
    tw_recording_free(NULL);
}

// P8: the file, the line and the remedy; nothing is taken of it.
static void p8_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "x.rec:0: `class` and `transport` are missing"},
        {"0 up\n", "`class` and `transport` are missing"},
        {HEAD, "x.rec:2: nothing happens"},
        {HEAD "hello\n", "x.rec:3: a line begins with"},
        {HEAD "0 hello\n", "x.rec:3: what happened is one of"},
        {HEAD "0\n", "x.rec:3: what happened is one of"},
        {HEAD "0 < 4\n", "x.rec:3: bytes are two hex digits"},
        {HEAD "0 < 4g\n", "x.rec:3: bytes are two hex digits"},
        {HEAD "0 < \"a\\x\"\n", "x.rec:3: bytes are two hex digits"},
        {HEAD "0 < \"a\\", "x.rec:3: bytes are two hex digits"},
        {HEAD "0 < \"a\n", "x.rec:3: the quotes are not closed"},
        {HEAD "0 key 30\n", "x.rec:3: a key is its code"},
        {HEAD "0 key 9999 1\n", "x.rec:3: a key is its code"},
        {HEAD "0 key -1 1\n", "x.rec:3: a key is its code"},
        {HEAD "5 up\n4 down\n", "x.rec:4: time goes back"},
        {HEAD "99999999999999999999 up\n", "x.rec:3: a line begins with"},
        {HEAD "set colour red\n", "x.rec:3: a recording sets"},
        {HEAD "usb 12:34\n", "x.rec:3: write vendor and product"},
        {HEAD "set suffix \"\" 00\n", "x.rec:3: there is a NUL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_recording *recording = NULL;
        struct tw_error_text err = {0};
        assert_int_equal(tw_recording_parse(tw_slice_of(cases[i].text), "x.rec", &recording, &err),
                         TW_ERR_INVALID);
        assert_null(recording);
        if (strstr(err.text, cases[i].said) == NULL) {
            fail_msg("\"%s\": %s", cases[i].text, err.text);
        }
    }
    struct tw_recording *recording = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_recording_load("/nowhere/y.rec", &recording, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "/nowhere/y.rec"));
}

// Limits hold: lines about a device, and a report.
static void limits_hold(void **state)
{
    (void)state;
    struct tw_buf text = {0};
    struct tw_recording *recording = NULL;
    struct tw_error_text err = {0};
    tw_buf_add_text(&text, HEAD);
    for (int i = 0; i < 70; i++) {
        tw_buf_add_text(&text, "name x\n");
    }
    assert_int_equal(tw_recording_parse(tw_buf_slice(&text), "x", &recording, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "leave out"));
    tw_buf_clear(&text);
    tw_buf_add_text(&text, HEAD "0 report");
    for (int i = 0; i <= TW_RECORDING_MAX_REPORT; i++) {
        tw_buf_add_text(&text, " 00");
    }
    assert_int_equal(tw_recording_parse(tw_buf_slice(&text), "x", &recording, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "no report is as long"));
    tw_buf_free(&text);
}

// Every byte value, alone and in a row, comes back as it was; names cannot add lines.
static void what_is_written_is_read_back(void **state)
{
    (void)state;
    const struct tw_device_config config = {.name = "d",
                                            .class_name = "scanner",
                                            .transport = "hidraw",
                                            .prefix = "\002p",
                                            .suffix = "\r\n",
                                            .layout = "fr"};
    const struct tw_io_facts facts = {.vendor = 0x05e0,
                                      .product = 0x1200,
                                      .serial = "SECRET",
                                      .name = "evil\n0 < 41\x7f",
                                      .descriptor = tw_slice_make("\x05\x8c\x00", 3)};
    uint8_t all[300];
    struct tw_buf text = {0};
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    tw_recording_write_head(&config, &facts, &text);
    tw_recording_write_up(1, true, &text);
    tw_recording_write_bytes(2, tw_slice_make(all, sizeof all), &text);
    tw_recording_write_report(3, tw_slice_make(all, sizeof all), &text);
    tw_recording_write_key(4, 30, 1, &text);
    tw_recording_write_drop(4, &text);
    tw_recording_write_up(5, false, &text);
    assert_null(strstr((const char *)text.ptr, "SECRET"));
    struct tw_recording *recording = parse((const char *)text.ptr);
    assert_string_equal(recording->config.prefix, config.prefix);
    assert_string_equal(recording->config.suffix, config.suffix);
    assert_string_equal(recording->config.layout, "fr");
    assert_string_equal(recording->facts.name, "evil?0 < 41?");
    assert_int_equal(recording->facts.vendor, 0x05e0);
    assert_memory_equal(recording->facts.descriptor.ptr, "\x05\x8c\x00", 3);
    assert_memory_equal(recording->bytes.ptr, all, sizeof all);
    assert_memory_equal(recording->bytes.ptr + sizeof all + 2, all, sizeof all);
    assert_int_equal(recording->events[recording->count - 1].kind, TW_RECORDING_DOWN);
    tw_recording_free(recording);
    tw_buf_free(&text);
}

// ---- as a transport

static bool is_readable(const struct tw_io *io)
{
    struct pollfd entry = {.fd = io->fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static void a_recording_is_opened_read_and_lost(void **state)
{
    (void)state;
    struct tw_recording *recording = parse(HEAD "10 up\n20 < \"abc\"\n20 < \"d\"\n30 down\n40 < \"lost\"\n50 "
                                                "up\n60 < \"e\"\n");
    struct tw_replay *replay = NULL;
    struct tw_io *io = NULL;
    struct tw_error_text err = {0};
    uint8_t got[8];
    size_t len = 0;
    assert_int_equal(tw_replay_new(recording, &replay, &err), 0);
    assert_int_equal(tw_replay_next_ms(replay), 10);
    assert_int_equal(tw_replay_open(replay, &io, &err), TW_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "not plugged in"));
    tw_replay_pass(replay, 19);
    assert_int_equal(tw_replay_open(replay, &io, &err), 0);
    assert_int_equal(tw_io_read(io, got, 8, &len), TW_ERR_AGAIN);
    assert_false(is_readable(io));
    assert_int_equal(tw_replay_next_ms(replay), 20);
    tw_replay_pass(replay, 30);
    assert_true(is_readable(io));
    assert_int_equal(tw_io_read(io, got, 2, &len), 0);
    assert_int_equal(len, 2);
    assert_int_equal(tw_io_read(io, got, 8, &len), 0);
    assert_int_equal(len, 1); // one event at a time
    assert_int_equal(tw_io_read(io, got, 8, &len), 0);
    assert_int_equal(got[0], 'd');
    assert_int_equal(tw_io_read(io, got, 8, &len), TW_ERR_CLOSED);
    tw_io_close(io);
    tw_replay_pass(replay, 60);
    assert_int_equal(tw_replay_open(replay, &io, &err), 0);
    assert_int_equal(tw_io_read(io, got, 8, &len), 0);
    assert_int_equal(got[0], 'e'); // what came while it was not plugged in nobody heard
    assert_int_equal(tw_io_read(io, got, 8, &len), TW_ERR_AGAIN);
    assert_int_equal(tw_io_write(io, tw_slice_of("?"), &len), 0);
    assert_int_equal(tw_replay_next_ms(replay), INT64_MAX);
    tw_io_close(io);
    tw_replay_free(replay);
    tw_replay_free(NULL);
    tw_recording_free(recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(p8_what_is_wrong_is_named),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_recording_is_opened_read_and_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
