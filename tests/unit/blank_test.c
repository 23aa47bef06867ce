// SPDX-License-Identifier: Apache-2.0
//
// What is left of a scanner's bytes in a recording: its manners, its timing, and nothing of a code (P6), also
// where the line is set up wrongly and its bytes are others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <linux/input-event-codes.h>

#include "agent/lane/blank.h"
#include "hal/io/recording.h"
#include "tests/fakes/hid_scanner.h"

#define PAN "4111111111111111"
#define TRACK                                                                                                \
    "%B4111111111111111^MUSTERMANN/ERIKA^29121010000000000000?;4111111111111111=29121010000000000000?"

static void take(void *ctx, struct tw_slice lines)
{
    struct tw_buf *out = ctx;
    assert_true(lines.len > 0 && lines.ptr[lines.len - 1] == '\n');
    tw_buf_add(out, lines.ptr, lines.len);
}

static struct tw_blank *new_blank(const struct tw_device_config *config, struct tw_buf *out)
{
    struct tw_blank *blank = NULL;
    tw_buf_add_text(out, "class scanner\ntransport x\n0 up\n");
    assert_int_equal(tw_blank_new(config, take, out, &blank), TW_OK);
    return blank;
}

static const struct tw_device_config serial = {.transport = "serial"};
static const struct tw_device_config hidraw = {.transport = "hidraw"};
static const struct tw_device_config evdev = {.transport = "evdev"};

static struct tw_recording *read_back(const struct tw_buf *out)
{
    struct tw_recording *recording = NULL;
    struct tw_error_text err = {0};
    if (tw_recording_parse(tw_buf_slice(out), "out", &recording, &err) != 0) {
        fail_msg("%s in\n%s", err.text, (const char *)out->ptr);
    }
    return recording;
}

// The lines that `bytes` become, given in pieces of `cut`, 1 ms apart.
static struct tw_buf blanked(const struct tw_device_config *config, const void *bytes, size_t len, size_t cut)
{
    struct tw_buf out = {0};
    struct tw_blank *blank = new_blank(config, &out);
    int64_t at_ms = 10;
    tw_blank_describe(blank, tw_slice_make(hid_scanner_descriptor, sizeof hid_scanner_descriptor));
    for (size_t at = 0; at < len; at += cut, at_ms++) {
        size_t piece = len - at < cut ? len - at : cut;
        uint8_t *copy = malloc(piece); // so that a sanitizer sees who keeps a pointer
        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + at, piece);
        tw_blank_feed(blank, tw_slice_make(copy, piece), at_ms, 0);
        free(copy);
    }
    tw_blank_flush(blank);
    tw_blank_free(blank);
    return out;
}

static void expect_of(const struct tw_device_config *config, const char *code, const char *line)
{
    struct tw_buf out = blanked(config, code, strlen(code), 100);
    const char *at = strstr((const char *)out.ptr, "10 <");
    assert_non_null(at);
    assert_string_equal(at, line);
    tw_buf_free(&out);
}

static void expect(const char *code, const char *line)
{
    expect_of(&serial, code, line);
}

static void the_manners_stay(void **state)
{
    (void)state;
    expect("4006381333931\r\n", "10 < \"0000000000000\\r\\n\"\n");
    expect("\002]E04006381333931\003", "10 < 02 \"]E00000000000000\" 03\n");
    expect("]C10104006381333931\x1d"
           "21abc7\r",
           "10 < \"]C100000000000000000000000\\r\"\n");
    expect("]]d2]77", "10 < \"0000000\"\n");
    expect("]A4]A1]A2\r", "10 < \"]A4000000\\r\"\n");
    expect("A6009200123456789\t", "10 < \"00000000000000000\\t\"\n"); // a loyalty card, too
    expect("12\r34\r", "10 < \"00000\\r\"\n");                        // at the end alone
    expect("\r", "10 < \"0\"\n");                                     // alone it may be anything
    expect("]E0\r", "10 < \"0000\"\n");
}

static void what_is_configured_stays(void **state)
{
    (void)state;
    const struct tw_device_config framed = {.transport = "tcp", .prefix = "S:", .suffix = "#\r"};
    expect_of(&framed, "S:1234#\r", "10 < \"S:0000#\\r\"\n");
    expect_of(&framed, "S:]E01234#\r\n", "10 < \"S:]E000000\\r\\n\"\n"); // another end than is configured
    expect_of(&framed, "S1234\r", "10 < \"00000\\r\"\n");
    const struct tw_device_config beyond = {.transport = "serial", .suffix = "#"};
    expect_of(&beyond, "12#4#\r\n", "10 < \"0000#\\r\\n\"\n");
    const struct tw_device_config zebra = {.transport = "serial", .code_id = "zebra"};
    expect_of(&zebra, "P0QHELLO\r", "10 < \"P0Q00000\\r\"\n");
    expect_of(&zebra, "A4006381333931\r", "10 < \"A0000000000000\\r\"\n");
    expect_of(&zebra, "xA4006\r", "10 < \"000000\\r\"\n");
}

// The bytes of a recording, whatever they were cut into: as many as were sent, and nothing of them.
static void p6_no_code_is_in_it(void **state)
{
    (void)state;
    static const char sent[] = "4006381333931\r" PAN "\r4111 1111 1111 1111\r6009200123456789\r" TRACK "\r";
    for (size_t cut = 1; cut < sizeof sent; cut++) {
        struct tw_buf out = blanked(&serial, sent, sizeof sent - 1, cut);
        struct tw_recording *recording = read_back(&out);
        assert_int_equal(recording->bytes.len, sizeof sent - 1);
        for (size_t i = 0; i + 2 < sizeof sent; i++) {
            assert_int_equal(recording->bytes.ptr[i], '0');
        }
        tw_recording_free(recording);
        tw_buf_free(&out);
    }
}

// ---- wrong lines

// Two cards of the same digits in another order, on a line that makes other bytes of them.
static void compare_cards(const uint8_t table[256])
{
    static const char *const cards[] = {"%B4012345678931236^^29121010?;4012345678931236=2912?\r",
                                        "%B6321398765432104^^10129120?;6321398765432104=1292?\r"};
    struct tw_buf out[2];
    for (size_t card = 0; card < 2; card++) {
        uint8_t bytes[128];
        size_t len = strlen(cards[card]);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = table[(uint8_t)cards[card][i]];
        }
        out[card] = blanked(&serial, bytes, len, 7);
    }
    assert_string_equal((const char *)out[0].ptr, (const char *)out[1].ptr);
    tw_buf_free(&out[0]);
    tw_buf_free(&out[1]);
}

// 7 bits and a parity bit, read as 8 bits.
static uint8_t with_parity(unsigned byte, bool odd)
{
    return (uint8_t)(byte | (((unsigned)__builtin_popcount(byte & 0x7f) + odd) % 2 << 7));
}

static void p6_nothing_of_a_card_is_left_of_a_wrong_line(void **state)
{
    (void)state;
    const char *text = getenv("TW_SEED");
    uint32_t random = (text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 4711u) | 1u;
    uint8_t table[256];
    print_message("seed %u (TW_SEED)\n", random);
    for (unsigned odd = 0; odd < 2; odd++) {
        for (unsigned i = 0; i < 256; i++) {
            table[i] = with_parity(i, odd != 0);
        }
        compare_cards(table);
    }
    for (unsigned run = 0; run < 3000; run++) { // any baud rate: any byte becomes any other
        for (unsigned i = 0; i < 256; i++) {
            random = random * 1664525u + 1013904223u;
            unsigned byte = random >> 16 & (run % 3 == 0 ? 0xff : run % 3 == 1 ? 0x7f : 0x1f);
            table[i] = run % 3 == 2 && byte > 0x1c ? ' ' : (uint8_t)byte;
        }
        compare_cards(table);
    }
}

static void p6_parity_bits_hide_no_card(void **state)
{
    (void)state;
    static const char card[] = ";4111111111111111=2912?\r";
    uint8_t bytes[sizeof card - 1];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = with_parity((uint8_t)card[i], false);
    }
    struct tw_buf out = blanked(&serial, bytes, sizeof bytes, sizeof bytes);
    const char *at = strstr((const char *)out.ptr, "# There are bytes that are no text");
    assert_non_null(at);
    assert_non_null(strstr(at, "\n10 < \"000000000000000000000000\"\n"));
    tw_buf_free(&out);
}

// What is longer than is held has no beginning within.
static void p6_a_long_run_has_one_beginning(void **state)
{
    (void)state;
    uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t) "]E4\r"[i % 4];
    }
    struct tw_buf out = blanked(&serial, bytes, sizeof bytes, 1000);
    struct tw_recording *recording = read_back(&out);
    assert_int_equal(recording->bytes.len, sizeof bytes);
    for (size_t i = 3; i + 1 < sizeof bytes; i++) {
        assert_int_equal(recording->bytes.ptr[i], '0');
    }
    tw_recording_free(recording);
    tw_buf_free(&out);
}

// Where a code ends is known later; its bytes keep the time at which they came.
static void held_bytes_keep_their_time(void **state)
{
    (void)state;
    struct tw_buf out = {0};
    struct tw_blank *blank = new_blank(&serial, &out);
    tw_blank_feed(blank, tw_slice_of("]E040063"), 100, 0);
    tw_blank_feed(blank, tw_slice_of("81333931"), 130, 0);
    size_t before = out.len;
    tw_blank_feed(blank, tw_slice_of("12\r"), 170, 0);
    tw_blank_feed(blank, tw_slice_of("]A0X\n"), 170 + TW_BLANK_PAUSE_MS + 1, 0);
    assert_true(before < out.len);
    tw_blank_flush(blank);
    tw_blank_flush(blank); // nothing more
    const char *lines = strstr((const char *)out.ptr, "0 up\n");
    assert_non_null(lines);
    assert_string_equal(lines,
                        "0 up\n100 < \"]E000000\"\n130 < \"00000000\"\n170 < \"00\\r\"\n221 < \"]A00\\n\"\n");
    tw_blank_free(blank);
    tw_blank_free(NULL);
    tw_buf_free(&out);
}

// ---- reports

static void add_report(struct tw_buf *out, const char *payload, size_t len)
{
    const uint8_t head[2] = {(uint8_t)len, (uint8_t)(len >> 8)};
    tw_buf_add(out, head, 2);
    tw_buf_add(out, payload, len);
}

#define REPORT(out, text) add_report(out, text, sizeof(text) - 1)

static void reports_keep_their_borders_and_fields(void **state)
{
    (void)state;
    struct tw_buf sent = {0};
    REPORT(&sent, "\x02\x0d]E04006381333931\x41\x11\x22\0");
    REPORT(&sent, "\x02\x10]Q1]A4HELLO W]A2 12\x01"); // goes on, so the next one has no beginning
    REPORT(&sent, "\x02\x08]41]A4]A1]A\x41\x11\x11\x11\x11\x11\x11\x11\xfe");
    REPORT(&sent, "");
    REPORT(&sent, "\x02\x02]E042");                                     // shorter than it should be
    REPORT(&sent, "\x02\x7f]E04006381333931\0\0\0\0");                  // damaged: longer than it can be
    REPORT(&sent, "\3B4111111111111111^MUSTERMANN/ERIKA^\x41\x11\x11"); // a stripe
    static const char expected[] = "report 02 \"\\r]E00000000000000\" 00 00 00 00\n"
                                   "report 02 10 \"]Q1]A40000000000000\" 01\n"
                                   "report 02 08 00 00 00 \"00000000\" 00 00 00 00 00 00 00 00 00\n"
                                   "report 02 02 \"]E000\"\n"
                                   "report 02 7f \"]E0\" 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
                                   "report 03 00";
    for (size_t cut = 1; cut <= sent.len; cut += 3) {
        struct tw_buf out = blanked(&hidraw, sent.ptr, sent.len, cut);
        struct tw_recording *recording = read_back(&out);
        struct tw_buf reports = {0};
        assert_int_equal(recording->count, 7); // up, and those that are not empty
        assert_int_equal(recording->bytes.len, sent.len - 2);
        for (char *at = strstr((char *)out.ptr, "report "); at != NULL; at = strstr(at + 1, "report ")) {
            tw_buf_add(&reports, at, strcspn(at, "\n") + 1);
        }
        assert_true(reports.len > sizeof expected);
        assert_memory_equal(reports.ptr, expected, sizeof expected - 1);
        for (const uint8_t *at = reports.ptr + sizeof expected - 1; at < reports.ptr + reports.len - 1;
             at++) {
            assert_true(*at == ' ' || *at == '0');
        }
        tw_buf_free(&reports);
        tw_recording_free(recording);
        tw_buf_free(&out);
    }
    tw_buf_free(&sent);
}

static void p6_undescribed_reports_are_lengths(void **state)
{
    (void)state;
    static const char report[] = "\x05\0]E041\0";
    struct tw_buf out = {0};
    struct tw_blank *blank = new_blank(&hidraw, &out);
    tw_blank_feed(blank, tw_slice_make((const uint8_t *)report, 7), 5, 0);
    assert_non_null(strstr((const char *)out.ptr, "5 report 00 00 00 00 00\n"));
    tw_blank_free(blank);
    tw_buf_free(&out);
}

// ---- keys

static void add_key(struct tw_buf *out, int64_t at_ms, uint16_t type, uint16_t code, uint32_t value)
{
    uint8_t record[TW_IO_KEY_BYTES] = {0};
    uint64_t at_us = (uint64_t)at_ms * 1000 + 499;
    memcpy(record, &at_us, 8); // little endian, as the tests run
    memcpy(record + 8, &type, 2);
    memcpy(record + 10, &code, 2);
    memcpy(record + 12, &value, 4);
    tw_buf_add(out, record, sizeof record);
}

static void keys_say_nothing_but_when(void **state)
{
    (void)state;
    struct tw_buf sent = {0};
    struct tw_buf out = {0};
    struct tw_blank *blank = new_blank(&evdev, &out);
    for (uint16_t code = 0; code < KEY_MAX; code++) {
        add_key(&sent, 5000 + code, EV_MSC, MSC_SCAN, 0x70004); // the scan code says the same
        add_key(&sent, 5000 + code, EV_KEY, code, 1);
        add_key(&sent, 5000 + code, EV_SYN, SYN_REPORT, 0);
    }
    add_key(&sent, 4000, EV_SYN, SYN_DROPPED, 0); // the clock does not go back in a recording
    tw_blank_feed(blank, tw_slice_make(sent.ptr, 7), 1, 5000);
    tw_blank_feed(blank, tw_slice_make(sent.ptr + 7, sent.len - 7), 1, 5000);
    const char *text = (const char *)out.ptr;
    assert_non_null(strstr(text, "\n28 key 28 1\n")); // Enter
    assert_non_null(strstr(text, "\n42 key 42 1\n")); // Shift
    assert_non_null(strstr(text, "\n766 drop\n"));
    struct tw_recording *recording = read_back(&out);
    static const unsigned kept[] = {KEY_A,       KEY_0,         KEY_KP0,        KEY_ENTER,    KEY_KPENTER,
                                    KEY_TAB,     KEY_LEFTSHIFT, KEY_RIGHTSHIFT, KEY_LEFTCTRL, KEY_RIGHTCTRL,
                                    KEY_LEFTALT, KEY_RIGHTALT,  KEY_CAPSLOCK,   KEY_NUMLOCK};
    for (size_t i = 0; i < recording->bytes.len; i += TW_IO_KEY_BYTES) {
        unsigned code = recording->bytes.ptr[i + 10] | (unsigned)recording->bytes.ptr[i + 11] << 8;
        if (recording->bytes.ptr[i + 8] != EV_KEY) {
            continue;
        }
        bool known = false;
        for (size_t key = 0; key < sizeof kept / sizeof kept[0]; key++) {
            known = known || code == kept[key];
        }
        assert_true(known);
    }
    tw_recording_free(recording);
    tw_blank_free(blank);
    tw_buf_free(&sent);
    tw_buf_free(&out);
}

// ---- every recording there is

static void blank_events(const struct tw_recording *from, struct tw_buf *out)
{
    struct tw_blank *blank = new_blank(&from->config, out);
    tw_blank_describe(blank, from->facts.descriptor);
    for (size_t i = 0; i < from->count; i++) {
        const struct tw_recording_event *event = &from->events[i];
        if (event->kind == TW_RECORDING_BYTES) {
            tw_blank_feed(blank, tw_slice_make(from->bytes.ptr + event->from, event->len), event->at_ms, 0);
        } else {
            tw_blank_flush(blank);
        }
    }
    tw_blank_flush(blank);
    tw_blank_free(blank);
}

// When how many bytes had come.
static size_t bytes_until(const struct tw_recording *recording, int64_t at_ms)
{
    size_t len = 0;
    for (size_t i = 0; i < recording->count && recording->events[i].at_ms <= at_ms; i++) {
        len += recording->events[i].len;
    }
    return len;
}

// As many bytes, at the same times.
static void every_recording_keeps_its_shape(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(TW_SOURCE_DIR "/tests/replay/scanner/*.rec", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 10);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct tw_recording *from = NULL;
        struct tw_error_text err = {0};
        struct tw_buf out = {0};
        assert_int_equal(tw_recording_load(found.gl_pathv[i], &from, &err), 0);
        blank_events(from, &out);
        struct tw_recording *got = read_back(&out);
        for (size_t event = 0; event < from->count; event++) {
            int64_t at_ms = from->events[event].at_ms;
            if (bytes_until(from, at_ms) != bytes_until(got, at_ms)) {
                fail_msg("%s differs at %lld ms:\n%s", found.gl_pathv[i], (long long)at_ms,
                         (const char *)out.ptr);
            }
        }
        tw_recording_free(got);
        tw_recording_free(from);
        tw_buf_free(&out);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manners_stay),
        cmocka_unit_test(what_is_configured_stays),
        cmocka_unit_test(p6_no_code_is_in_it),
        cmocka_unit_test(p6_nothing_of_a_card_is_left_of_a_wrong_line),
        cmocka_unit_test(p6_parity_bits_hide_no_card),
        cmocka_unit_test(p6_a_long_run_has_one_beginning),
        cmocka_unit_test(held_bytes_keep_their_time),
        cmocka_unit_test(reports_keep_their_borders_and_fields),
        cmocka_unit_test(p6_undescribed_reports_are_lengths),
        cmocka_unit_test(keys_say_nothing_but_when),
        cmocka_unit_test(every_recording_keeps_its_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
