// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/blank.h"

#include <ctype.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/code.h"
#include "hal/drivers/hid_report.h"
#include "hal/io/recording.h"

enum {
    HOLD_BYTES = 1024, // longer than any code (TW_CODE_BYTES): more is held in pieces of so much
    ENDINGS = 3,       // CR LF ETX
    IDENTIFIER = 3,    // "]E0"
    STX = 0x02,
    ETX = 0x03,
    EOT = 0x04,
    FS = 0x1c, // to US: separators within codes
    US = 0x1f,
};

struct tw_blank {
    tw_blank_fn *fn;
    void *ctx;
    const struct tw_device_config *config;
    bool reports, keys;
    uint8_t bytes[HOLD_BYTES]; // of a code, until its end is known
    int64_t came_ms[HOLD_BYTES];
    size_t len;
    bool goes_on; // what is held or comes next is within a code
    bool warned;  // that there were bytes that are no text
    struct tw_hid_layout layout;
    bool report_goes_on;  // so does the code of the last report
    struct tw_buf part;   // half a report with its length, half a key
    struct tw_buf report; // blanked
    int64_t at_ms;        // of the newest line: time does not go back
    struct tw_buf lines;
};

static void give(struct tw_blank *blank)
{
    if (blank->lines.len > 0 && tw_buf_status(&blank->lines) == TW_OK) {
        blank->fn(blank->ctx, tw_buf_slice(&blank->lines));
    }
    tw_buf_clear(&blank->lines);
}

static int64_t next_time(struct tw_blank *blank, int64_t at_ms)
{
    blank->at_ms = at_ms > blank->at_ms ? at_ms : blank->at_ms;
    return blank->at_ms;
}

// ---- bytes

static bool is_ending(uint8_t c)
{
    return c == '\r' || c == '\n' || c == '\t' || c == ETX || c == EOT;
}

static bool is_text(uint8_t c)
{
    return (c >= ' ' && c <= '~') || is_ending(c) || c == STX || (c >= FS && c <= US);
}

// Of an AIM identifier in front, or 0.
static size_t identifier_len(struct tw_slice code)
{
    bool has_one =
        code.len >= IDENTIFIER && code.ptr[0] == ']' && isalpha(code.ptr[1]) && isdigit(code.ptr[2]);
    return has_one ? IDENTIFIER : 0;
}

// How much in front of the code is structure.
static size_t head_len(const struct tw_device_config *config, struct tw_slice code)
{
    struct tw_slice prefix = tw_slice_of(config->prefix);
    char aim[4];
    size_t len = code.len > 0 && code.ptr[0] == STX ? 1 : 0;
    if (prefix.len > 0 && code.len >= prefix.len && memcmp(code.ptr, prefix.ptr, prefix.len) == 0) {
        len = prefix.len;
    }
    struct tw_slice rest = tw_slice_make(code.ptr + len, code.len - len);
    size_t theirs = config->code_id != NULL ? tw_code_id_to_aim(config->code_id, rest, aim) : 0;
    return len + (theirs > 0 ? theirs : identifier_len(rest));
}

static bool ends_with(struct tw_slice code, struct tw_slice end)
{
    return end.len > 0 && code.len >= end.len && memcmp(code.ptr + code.len - end.len, end.ptr, end.len) == 0;
}

// How much at the end of the code is structure.
static size_t tail_len(const struct tw_device_config *config, struct tw_slice code)
{
    struct tw_slice suffix = tw_slice_of(config->suffix);
    if (ends_with(code, suffix)) {
        return suffix.len;
    }
    size_t len = 0;
    while (len < ENDINGS && len < code.len && is_ending(code.ptr[code.len - 1 - len])) {
        len++;
    }
    return len + (ends_with(tw_slice_make(code.ptr, code.len - len), suffix) ? suffix.len : 0);
}

// Once a recording: which codes it were would already say something of them.
static void warn(struct tw_blank *blank)
{
    if (!blank->warned) {
        blank->warned = true;
        tw_buf_add_text(&blank->lines, "# There are bytes that are no text, and codes with such are without "
                                       "structure here. If the codes are plain: check baud, bits, parity.\n");
    }
}

static void blank_bytes(struct tw_blank *blank, bool ends)
{
    struct tw_slice code = tw_slice_make(blank->bytes, blank->len);
    size_t head = blank->goes_on ? 0 : head_len(blank->config, code);
    size_t tail = ends ? tail_len(blank->config, tw_slice_make(code.ptr + head, code.len - head)) : 0;
    size_t clean = head;
    while (clean < code.len - tail && is_text(code.ptr[clean])) {
        clean++;
    }
    if (clean < code.len - tail) {
        warn(blank);
    }
    if (clean < code.len - tail || head + tail == code.len) {
        head = tail = 0; // alone it may be anything
    }
    memset(blank->bytes + head, '0', code.len - head - tail);
}

// `ends`: nothing that comes later belongs to it.
static void write_code(struct tw_blank *blank, bool ends)
{
    if (blank->len > 0) {
        blank_bytes(blank, ends);
    }
    for (size_t from = 0, to = 0; from < blank->len; from = to) {
        while (to < blank->len && blank->came_ms[to] == blank->came_ms[from]) {
            to++;
        }
        tw_recording_write_bytes(next_time(blank, blank->came_ms[from]),
                                 tw_slice_make(blank->bytes + from, to - from), &blank->lines);
    }
    explicit_bzero(blank->bytes, sizeof blank->bytes);
    blank->len = 0;
    blank->goes_on = !ends;
}

static void take_bytes(struct tw_blank *blank, struct tw_slice bytes, int64_t at_ms)
{
    if (blank->len > 0 && at_ms - blank->came_ms[blank->len - 1] > TW_BLANK_PAUSE_MS) {
        write_code(blank, true);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        if (blank->len == HOLD_BYTES) {
            write_code(blank, false);
        }
        blank->bytes[blank->len] = bytes.ptr[i];
        blank->came_ms[blank->len++] = at_ms;
    }
}

// ---- reports

static void put_value(const struct tw_hid_field *field, uint32_t value, struct tw_buf *out)
{
    for (uint32_t i = 0; i < field->bits; i++) {
        uint32_t at = field->at_bits + i;
        if (at / 8 < out->len && (value >> i & 1) != 0) {
            out->ptr[at / 8] |= (uint8_t)(1u << at % 8);
        }
    }
}

// With or without its flag character.
static void keep_symbology(const struct tw_hid_report *layout, struct tw_slice report, struct tw_buf *out)
{
    uint32_t values[IDENTIFIER];
    for (size_t i = 0; i < IDENTIFIER; i++) {
        values[i] = tw_hid_value(&layout->symbology[i], report, 0);
    }
    size_t flag = values[0] == ']' ? 1 : 0;
    bool is_one = isalpha((int)values[flag]) && isdigit((int)values[flag + 1]);
    for (size_t i = 0; is_one && i < flag + 2; i++) {
        put_value(&layout->symbology[i], values[i], out);
    }
}

static void keep_data(struct tw_blank *blank, const struct tw_hid_report *layout, struct tw_slice report)
{
    struct tw_slice data;
    if (!tw_hid_bytes(&layout->data, &layout->byte_count, report, &data)) {
        return;
    }
    uint8_t *into = blank->report.ptr + (data.ptr - report.ptr);
    size_t head = blank->report_goes_on ? 0 : identifier_len(data);
    memcpy(into, data.ptr, head);
    memset(into + head, '0', data.len - head);
}

static void take_report(struct tw_blank *blank, struct tw_slice report, int64_t at_ms)
{
    const struct tw_hid_report *layout = tw_hid_layout_of(&blank->layout, report);
    tw_buf_clear(&blank->report);
    tw_buf_add(&blank->report, report.ptr, report.len);
    if (report.len == 0 || tw_buf_status(&blank->report) != TW_OK) {
        return;
    }
    memset(blank->report.ptr, 0, report.len);
    if (blank->layout.count > 0 && (layout == NULL || layout->id != 0)) {
        blank->report.ptr[0] = report.ptr[0]; // its number
    }
    if (layout != NULL) {
        uint32_t continued = tw_hid_value(&layout->continued, report, 0);
        put_value(&layout->byte_count, tw_hid_value(&layout->byte_count, report, 0), &blank->report);
        put_value(&layout->continued, continued, &blank->report);
        keep_symbology(layout, report, &blank->report);
        keep_data(blank, layout, report);
        blank->report_goes_on = continued != 0;
    }
    tw_recording_write_report(next_time(blank, at_ms), tw_buf_slice(&blank->report), &blank->lines);
}

// ---- keys

static bool is_between(unsigned code, unsigned first, unsigned last)
{
    return code >= first && code <= last;
}

static bool is_keypad_digit(unsigned code)
{
    return is_between(code, KEY_KP7, KEY_KP9) || is_between(code, KEY_KP4, KEY_KP6) ||
           is_between(code, KEY_KP1, KEY_KP0);
}

// Keys that are no character in any layout, and that scanners press.
static bool is_structure(unsigned code)
{
    static const unsigned kept[] = {KEY_ENTER,      KEY_KPENTER,  KEY_TAB,       KEY_LEFTSHIFT,
                                    KEY_RIGHTSHIFT, KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTALT,
                                    KEY_RIGHTALT,   KEY_CAPSLOCK, KEY_NUMLOCK};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (code == kept[i]) {
            return true;
        }
    }
    return false;
}

static unsigned blank_key(unsigned code)
{
    if (is_between(code, KEY_1, KEY_0)) {
        return KEY_0;
    }
    if (is_keypad_digit(code)) {
        return KEY_KP0;
    }
    return is_structure(code) ? code : KEY_A;
}

static uint64_t number_at(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static void take_key(struct tw_blank *blank, const uint8_t record[TW_IO_KEY_BYTES], int64_t start_ms)
{
    int64_t at_ms = (int64_t)(number_at(record, 8) / 1000) - start_ms;
    unsigned type = (unsigned)number_at(record + 8, 2);
    unsigned code = (unsigned)number_at(record + 10, 2);
    if (type == EV_KEY) {
        tw_recording_write_key(next_time(blank, at_ms), blank_key(code), (unsigned)number_at(record + 12, 4),
                               &blank->lines);
    } else if (type == EV_SYN && code == SYN_DROPPED) {
        tw_recording_write_drop(next_time(blank, at_ms), &blank->lines);
    }
}

// ---- records

// How long the record is that `part` begins with, as far as that can be said; of a report its length
// (2 bytes) stands in front.
static size_t record_len(const struct tw_blank *blank)
{
    if (blank->keys) {
        return TW_IO_KEY_BYTES;
    }
    return blank->part.len < 2 ? 2 : 2 + (size_t)number_at(blank->part.ptr, 2);
}

static void take_record(struct tw_blank *blank, int64_t at_ms, int64_t start_ms)
{
    const struct tw_buf *part = &blank->part;
    if (blank->keys) {
        take_key(blank, part->ptr, start_ms);
    } else {
        take_report(blank, tw_slice_make(part->ptr + 2, part->len - 2), at_ms);
    }
    explicit_bzero(part->ptr, part->len);
    tw_buf_clear(&blank->part);
}

static void take_records(struct tw_blank *blank, struct tw_slice bytes, int64_t at_ms, int64_t start_ms)
{
    while (bytes.len > 0) {
        size_t want = record_len(blank) - blank->part.len;
        size_t len = want < bytes.len ? want : bytes.len;
        tw_buf_add(&blank->part, bytes.ptr, len);
        if (tw_buf_status(&blank->part) != TW_OK) {
            tw_buf_clear(&blank->part);
            return;
        }
        bytes = tw_slice_make(bytes.ptr + len, bytes.len - len);
        if (blank->part.len >= 2 && blank->part.len == record_len(blank)) {
            take_record(blank, at_ms, start_ms);
        }
    }
}

// ---- the public side

void tw_blank_describe(struct tw_blank *blank, struct tw_slice descriptor)
{
    blank->report_goes_on = false;
    if (!blank->reports || tw_hid_layout_read(descriptor, TW_HID_SCANS, &blank->layout, NULL) != 0) {
        blank->layout = (struct tw_hid_layout){0};
    }
}

void tw_blank_feed(struct tw_blank *blank, struct tw_slice bytes, int64_t at_ms, int64_t start_ms)
{
    if (blank->reports || blank->keys) {
        take_records(blank, bytes, at_ms, start_ms);
    } else {
        take_bytes(blank, bytes, at_ms);
    }
    give(blank);
}

static void wipe(struct tw_buf *buf)
{
    if (buf->ptr != NULL) {
        explicit_bzero(buf->ptr, buf->cap);
    }
    tw_buf_clear(buf);
}

void tw_blank_flush(struct tw_blank *blank)
{
    write_code(blank, true);
    wipe(&blank->part);
    give(blank);
}

int tw_blank_new(const struct tw_device_config *config, tw_blank_fn *fn, void *ctx, struct tw_blank **out)
{
    struct tw_blank *blank = calloc(1, sizeof *blank);
    if (blank == NULL) {
        return TW_ERR_NOMEM;
    }
    blank->fn = fn;
    blank->ctx = ctx;
    blank->config = config;
    blank->reports = strcmp(config->transport, "hidraw") == 0;
    blank->keys = strcmp(config->transport, "evdev") == 0;
    *out = blank;
    return TW_OK;
}

void tw_blank_free(struct tw_blank *blank)
{
    if (blank == NULL) {
        return;
    }
    wipe(&blank->part);
    tw_buf_free(&blank->part);
    tw_buf_free(&blank->report);
    tw_buf_free(&blank->lines);
    explicit_bzero(blank, sizeof *blank);
    free(blank);
}
