// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/stripe_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "tests/fakes/hid_scanner.h"

enum { SILENCE_MS = 200 };

static void on_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct stripe_reader *reader = ctx;
    assert_string_equal(device, "reader");
    assert_true(code.len < sizeof reader->told);
    memcpy(reader->told, code.ptr, code.len);
    reader->told[code.len] = '\0';
    reader->scans++;
}

static bool is_loyalty(void *ctx, struct tw_slice code)
{
    (void)ctx;
    return code.len == strlen(STRIPE_CARD) && memcmp(code.ptr, STRIPE_CARD, 7) == 0;
}

static void on_send(void *ctx, struct tw_slice bytes)
{
    (void)ctx;
    (void)bytes;
    fail_msg("readers are only listened to");
}

void stripe_open(struct stripe_reader *reader, tw_driver_create *create)
{
    const struct tw_io_facts facts = {
        .descriptor = tw_slice_make(hid_scanner_descriptor, sizeof hid_scanner_descriptor)};
    struct tw_error_text err = {0};
    *reader = (struct stripe_reader){.config = {.name = "reader"}, .line_end = "\r"};
    reader->sink = (struct tw_device_sink){.ctx = reader, .scan = on_scan, .is_loyalty = is_loyalty};
    reader->host = (struct tw_driver_host){&reader->config, &reader->sink, NULL, on_send};
    assert_int_equal(create(&reader->host, &reader->driver, &err), 0);
    assert_int_equal(reader->driver->ops->opened(reader->driver, &facts, 0, &err), 0);
}

void stripe_close(struct stripe_reader *reader)
{
    reader->driver->ops->free(reader->driver);
}

void stripe_feed(struct stripe_reader *reader, const void *bytes, size_t len)
{
    assert_int_equal(
        reader->driver->ops->feed(reader->driver, tw_slice_make(bytes, len), reader->now_ms, NULL), 0);
}

void stripe_pause(struct stripe_reader *reader)
{
    reader->now_ms += SILENCE_MS;
    assert_int_equal(reader->driver->ops->tick(reader->driver, reader->now_ms, NULL), 0);
    assert_true(reader->driver->ops->deadline(reader->driver) > reader->now_ms);
}

// ---- how each transport carries tracks

static void send_serial(struct stripe_reader *reader, const char *const tracks[STRIPE_TRACKS])
{
    for (size_t i = 0; i < STRIPE_TRACKS; i++) {
        if (tracks[i] != NULL) {
            stripe_feed(reader, tracks[i], strlen(tracks[i]));
            stripe_feed(reader, reader->line_end, strlen(reader->line_end));
        }
    }
}

static void send_report(struct stripe_reader *reader, const char *const tracks[STRIPE_TRACKS])
{
    uint8_t record[2 + 1 + STRIPE_TRACKS + STRIPE_TRACKS * HID_STRIPE_BYTES] = {0};
    size_t len = sizeof record - 2;
    record[0] = (uint8_t)len;
    record[1] = (uint8_t)(len >> 8);
    record[2] = HID_STRIPE_REPORT;
    for (size_t i = 0; i < STRIPE_TRACKS; i++) {
        const char *text = tracks[i] != NULL ? tracks[i] : "";
        size_t size = strlen(text);
        if (reader->bare && size > 2) {
            text++;
            size = strcspn(text, "?");
        }
        assert_true(size <= HID_STRIPE_BYTES);
        record[3 + i] = (uint8_t)size;
        memcpy(record + 3 + STRIPE_TRACKS + i * HID_STRIPE_BYTES, text, size);
    }
    stripe_feed(reader, record, sizeof record);
}

// A US keyboard.
static uint16_t key_of(char c, bool *shift)
{
    static const char plain[] = "1234567890-=qwertyuiop[]asdfghjkl;zxcvbnm,./ \r";
    static const char shifted[] = "!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:ZXCVBNM<>?";
    static const uint16_t codes[] = {
        KEY_1,     KEY_2,     KEY_3,         KEY_4,          KEY_5,     KEY_6,     KEY_7, KEY_8, KEY_9, KEY_0,
        KEY_MINUS, KEY_EQUAL, KEY_Q,         KEY_W,          KEY_E,     KEY_R,     KEY_T, KEY_Y, KEY_U, KEY_I,
        KEY_O,     KEY_P,     KEY_LEFTBRACE, KEY_RIGHTBRACE, KEY_A,     KEY_S,     KEY_D, KEY_F, KEY_G, KEY_H,
        KEY_J,     KEY_K,     KEY_L,         KEY_SEMICOLON,  KEY_Z,     KEY_X,     KEY_C, KEY_V, KEY_B, KEY_N,
        KEY_M,     KEY_COMMA, KEY_DOT,       KEY_SLASH,      KEY_SPACE, KEY_ENTER,
    };
    const char *at = strchr(plain, c);
    *shift = at == NULL;
    at = at != NULL ? at : strchr(shifted, c);
    assert_non_null(at);
    return codes[at - (*shift ? shifted : plain)];
}

static void send_key(struct stripe_reader *reader, uint16_t code, int value)
{
    uint8_t record[TW_IO_KEY_BYTES] = {0};
    uint64_t time_us = (uint64_t)reader->now_ms * 1000;
    for (size_t i = 0; i < 8; i++) {
        record[i] = (uint8_t)(time_us >> (8 * i));
    }
    record[8] = EV_KEY;
    record[10] = (uint8_t)code;
    record[12] = (uint8_t)value;
    stripe_feed(reader, record, sizeof record);
}

void stripe_type(struct stripe_reader *reader, const char *text)
{
    for (; *text != '\0'; text++) {
        bool shift;
        uint16_t code = key_of(*text, &shift);
        reader->now_ms += 2;
        if (shift) {
            send_key(reader, KEY_LEFTSHIFT, 1);
        }
        send_key(reader, code, 1);
        send_key(reader, code, 0);
        if (shift) {
            send_key(reader, KEY_LEFTSHIFT, 0);
        }
    }
}

// With an Enter after each track, or one after the last.
static void send_keys(struct stripe_reader *reader, const char *const tracks[STRIPE_TRACKS])
{
    for (size_t i = 0; i < STRIPE_TRACKS; i++) {
        stripe_type(reader, tracks[i] != NULL ? tracks[i] : "");
        if (tracks[i] != NULL && reader->line_end[0] == '\r') {
            stripe_type(reader, "\r");
        }
    }
    if (reader->line_end[0] != '\r') {
        stripe_type(reader, "\r");
    }
}

const struct stripe_way stripe_ways[STRIPE_WAYS] = {
    {"serial", tw_serial_stripe_new, send_serial, false},
    {"hidraw", tw_hid_stripe_new, send_report, false},
    {"hidraw, without sentinels", tw_hid_stripe_new, send_report, true},
    {"evdev", tw_wedge_stripe_new, send_keys, false},
};

static const char *const line_ends[STRIPE_LINE_ENDS] = {"\r", "\r\n", "",
                                                        "4\r"}; // the last: a check character

void stripe_swipe(struct stripe_reader *reader, const struct stripe_way *way, size_t line_end,
                  const char *const tracks[STRIPE_TRACKS])
{
    reader->line_end = line_ends[line_end];
    reader->bare = way->bare;
    reader->scans = 0;
    reader->told[0] = '\0';
    reader->driver->errors = 0;
    way->send(reader, tracks);
    assert_int_equal(reader->scans, 0); // a track that comes later may be a payment card's
    stripe_pause(reader);
}
