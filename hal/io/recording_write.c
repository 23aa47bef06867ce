// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>

#include "hal/io/recording.h"

enum { LINE_BYTES = 64 }; // of the device, in a line: for the eye

static bool is_plain(uint8_t c)
{
    return (c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || c == '\t';
}

static void write_quoted(uint8_t c, struct tw_buf *out)
{
    static const char escapes[] = "\rr\nn\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof escapes; i += 2) {
        if ((char)c == escapes[i]) {
            const char pair[] = {'\\', escapes[i + 1]};
            tw_buf_add(out, pair, 2);
            return;
        }
    }
    tw_buf_add(out, &c, 1);
}

// Text in quotes, the rest as hex; "" for no bytes.
static void write_bytes(struct tw_slice bytes, struct tw_buf *out)
{
    bool quoted = false;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];
        bool plain = is_plain(c);
        if (plain != quoted) {
            tw_buf_add_text(out, plain ? " \"" : "\"");
            quoted = plain;
        }
        if (plain) {
            write_quoted(c, out);
        } else {
            tw_buf_printf(out, " %02x", c);
        }
    }
    tw_buf_add_text(out, quoted ? "\"\n" : "\n");
}

// Text to the end of a line: what would end it, or move a cursor, becomes '?'.
static void write_text(const char *key, const char *text, struct tw_buf *out)
{
    if (text == NULL) {
        return;
    }
    tw_buf_printf(out, "%s ", key);
    for (const char *at = text; *at != '\0'; at++) {
        bool shown = (unsigned char)*at >= 0x20 && *at != 0x7f;
        tw_buf_add(out, shown ? at : "?", 1);
    }
    tw_buf_add_text(out, "\n");
}

static void write_setting(const char *key, const char *value, struct tw_buf *out)
{
    if (value != NULL) {
        // A value of bytes begins with quotes, if need be around nothing.
        tw_buf_printf(out, "set %s%s", key, is_plain((uint8_t)value[0]) ? "" : " \"\"");
        write_bytes(tw_slice_of(value), out);
    }
}

void tw_recording_write_head(const struct tw_device_config *config, const struct tw_io_facts *facts,
                             struct tw_buf *out)
{
    write_text("class", config->class_name, out);
    write_text("transport", config->transport, out);
    write_setting("prefix", config->prefix, out);
    write_setting("suffix", config->suffix, out);
    write_setting("code_id", config->code_id, out);
    write_setting("layout", config->layout, out);
    if (facts == NULL) {
        return;
    }
    if (facts->vendor != 0 || facts->product != 0) {
        tw_buf_printf(out, "usb %04x:%04x\n", facts->vendor, facts->product);
    }
    write_text("name", facts->name, out);
    if (facts->descriptor.len > 0) {
        tw_buf_add_text(out, "descriptor");
        for (size_t i = 0; i < facts->descriptor.len; i++) {
            tw_buf_printf(out, " %02x", facts->descriptor.ptr[i]);
        }
        tw_buf_add_text(out, "\n");
    }
}

void tw_recording_write_up(int64_t at_ms, bool up, struct tw_buf *out)
{
    tw_buf_printf(out, "%" PRId64 " %s\n", at_ms, up ? "up" : "down");
}

void tw_recording_write_bytes(int64_t at_ms, struct tw_slice bytes, struct tw_buf *out)
{
    for (size_t at = 0; at < bytes.len; at += LINE_BYTES) {
        size_t len = bytes.len - at < LINE_BYTES ? bytes.len - at : LINE_BYTES;
        tw_buf_printf(out, "%" PRId64 " <", at_ms);
        write_bytes(tw_slice_make(bytes.ptr + at, len), out);
    }
}

void tw_recording_write_report(int64_t at_ms, struct tw_slice report, struct tw_buf *out)
{
    tw_buf_printf(out, "%" PRId64 " report", at_ms);
    write_bytes(report, out);
}

void tw_recording_write_key(int64_t at_ms, unsigned code, unsigned value, struct tw_buf *out)
{
    tw_buf_printf(out, "%" PRId64 " key %u %u\n", at_ms, code, value);
}

void tw_recording_write_drop(int64_t at_ms, struct tw_buf *out)
{
    tw_buf_printf(out, "%" PRId64 " drop\n", at_ms);
}
