// SPDX-License-Identifier: Apache-2.0
#include "hal/io/recording.h"

#include <ctype.h>
#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#define LATEST_MS   (INT64_C(1) << 40) // 34 years: no sum of times overflows
#define MAX_STRINGS 64                 // about a device

struct reader {
    struct tw_recording *recording;
    const char *name;
    size_t line;
    struct tw_error_text *err;
};

// The rest of a line.
struct cursor {
    const char *at, *end;
};

static int wrong(const struct reader *reader, const char *why)
{
    return tw_fail(reader->err, TW_ERR_INVALID, "%.300s:%zu: %s", reader->name, reader->line, why);
}

static int no_memory(const struct reader *reader)
{
    return tw_fail(reader->err, TW_ERR_NOMEM, "reading the recording %.300s: out of memory", reader->name);
}

static void skip_spaces(struct cursor *cursor)
{
    while (cursor->at < cursor->end && *cursor->at == ' ') {
        cursor->at++;
    }
}

// The next word, "" at the end of the line or where it is too long to be one.
static void take_word(struct cursor *cursor, char out[32])
{
    size_t len = 0;
    skip_spaces(cursor);
    const char *from = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != ' ') {
        cursor->at++;
    }
    len = (size_t)(cursor->at - from);
    len = len < 32 ? len : 0;
    memcpy(out, from, len);
    out[len] = '\0';
    skip_spaces(cursor);
}

// A decimal number of at most `most`.
static bool read_number(const char *word, int64_t most, int64_t *out)
{
    int64_t value = 0;
    for (const char *at = word; *at != '\0'; at++) {
        if (!isdigit((unsigned char)*at) || value > most) {
            return false;
        }
        value = value * 10 + (*at - '0');
    }
    *out = value;
    return word[0] != '\0' && value <= most;
}

// ---- bytes

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One character within quotes; -1: none.
static int take_quoted(struct cursor *cursor)
{
    static const char escapes[] = "r\rn\nt\t\"\"\\\\";
    char c = *cursor->at++;
    if (c != '\\') {
        return (uint8_t)c;
    }
    for (size_t i = 0; cursor->at < cursor->end && i + 1 < sizeof escapes; i += 2) {
        if (*cursor->at == escapes[i]) {
            cursor->at++;
            return escapes[i + 1];
        }
    }
    return -1;
}

static int take_hex(struct cursor *cursor)
{
    int high = hex_digit(cursor->at[0]);
    int low = cursor->end - cursor->at > 1 ? hex_digit(cursor->at[1]) : -1;
    cursor->at += 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int read_bytes(const struct reader *reader, struct cursor *cursor, struct tw_buf *out)
{
    bool quoted = false;
    while (cursor->at < cursor->end) {
        if (*cursor->at == '"') {
            quoted = !quoted;
            cursor->at++;
        } else if (!quoted && *cursor->at == ' ') {
            cursor->at++;
        } else {
            int value = quoted ? take_quoted(cursor) : take_hex(cursor);
            uint8_t byte = (uint8_t)value;
            if (value < 0) {
                return wrong(reader, "bytes are two hex digits each, or text in quotes with \\r \\n \\t "
                                     "\\\" \\\\; correct them");
            }
            tw_buf_add(out, &byte, 1);
        }
    }
    if (quoted) {
        return wrong(reader, "the quotes are not closed; close them");
    }
    return tw_buf_status(out) != TW_OK ? no_memory(reader) : 0;
}

static void add_number(struct tw_buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        tw_buf_add(out, &byte, 1);
    }
}

// As hal/io/evdev.c gives it (TW_IO_KEY_BYTES).
static void add_key(struct tw_buf *out, int64_t at_ms, unsigned type, unsigned code, unsigned value)
{
    add_number(out, (uint64_t)at_ms * 1000, 8);
    add_number(out, type, 2);
    add_number(out, code, 2);
    add_number(out, value, 4);
}

// ---- what happened

static int read_report(const struct reader *reader, struct cursor *rest)
{
    struct tw_buf report = {0};
    int outcome = read_bytes(reader, rest, &report);
    if (outcome == 0 && report.len > TW_RECORDING_MAX_REPORT) {
        outcome = wrong(reader, "no report is as long as this; shorten it");
    }
    if (outcome == 0) {
        add_number(&reader->recording->bytes, report.len, 2);
        tw_buf_add(&reader->recording->bytes, report.ptr, report.len);
    }
    tw_buf_free(&report);
    return outcome;
}

static int read_key(const struct reader *reader, struct cursor *rest, int64_t at_ms)
{
    char code[32];
    char value[32];
    int64_t numbers[2];
    take_word(rest, code);
    take_word(rest, value);
    if (!read_number(code, KEY_MAX, &numbers[0]) || !read_number(value, 2, &numbers[1])) {
        return wrong(reader, "a key is its code and 1 or 0, such as `key 30 1`; correct it");
    }
    add_key(&reader->recording->bytes, at_ms, EV_KEY, (unsigned)numbers[0], (unsigned)numbers[1]);
    add_key(&reader->recording->bytes, at_ms, EV_SYN, SYN_REPORT, 0);
    return 0;
}

static int add_event(const struct reader *reader, const struct tw_recording_event *event)
{
    struct tw_recording *recording = reader->recording;
    if ((recording->count & (recording->count - 1)) == 0) { // full at every power of two
        size_t room = recording->count > 0 ? recording->count * 2 : 1;
        struct tw_recording_event *grown = reallocarray(recording->events, room, sizeof *grown);
        if (grown == NULL) {
            return no_memory(reader);
        }
        recording->events = grown;
    }
    recording->events[recording->count++] = *event;
    return 0;
}

static int read_event(const struct reader *reader, int64_t at_ms, struct cursor *rest)
{
    struct tw_recording *recording = reader->recording;
    struct tw_recording_event event = {TW_RECORDING_BYTES, at_ms, recording->bytes.len, 0};
    char what[32];
    int outcome = 0;
    take_word(rest, what);
    if (strcmp(what, "up") == 0) {
        event.kind = TW_RECORDING_UP;
    } else if (strcmp(what, "down") == 0) {
        event.kind = TW_RECORDING_DOWN;
    } else if (strcmp(what, "<") == 0) {
        outcome = read_bytes(reader, rest, &recording->bytes);
    } else if (strcmp(what, "show") == 0) {
        event.kind = TW_RECORDING_SHOW;
        outcome = read_bytes(reader, rest, &recording->bytes);
    } else if (strcmp(what, "report") == 0) {
        outcome = read_report(reader, rest);
    } else if (strcmp(what, "key") == 0) {
        outcome = read_key(reader, rest, at_ms);
    } else if (strcmp(what, "drop") == 0) {
        add_key(&recording->bytes, at_ms, EV_SYN, SYN_DROPPED, 0);
    } else {
        return wrong(reader, "what happened is one of up, down, <, report, key, drop and show; correct it");
    }
    if (outcome == 0 && recording->count > 0 && recording->events[recording->count - 1].at_ms > at_ms) {
        outcome = wrong(reader, "time goes back here; put the lines in order");
    }
    event.len = recording->bytes.len - event.from;
    return outcome != 0 ? outcome : add_event(reader, &event);
}

// ---- what it is

// A copy with a NUL, which the recording owns.
static int keep(const struct reader *reader, struct tw_slice text, const char **out)
{
    struct tw_recording *recording = reader->recording;
    if (memchr(text.len > 0 ? (const char *)text.ptr : "", '\0', text.len) != NULL) {
        return wrong(reader, "there is a NUL in this value; leave it out");
    }
    if (recording->string_count == MAX_STRINGS) {
        return wrong(reader, "so much is not said of any device; leave out what is said twice");
    }
    char **grown = reallocarray(recording->strings, recording->string_count + 1, sizeof *grown);
    if (grown == NULL) {
        return no_memory(reader);
    }
    recording->strings = grown;
    char *copy = strndup(text.len > 0 ? (const char *)text.ptr : "", text.len);
    if (copy == NULL) {
        return no_memory(reader);
    }
    recording->strings[recording->string_count++] = copy;
    *out = copy;
    return 0;
}

static int keep_rest(const struct reader *reader, const struct cursor *rest, const char **out)
{
    return keep(reader, tw_slice_make(rest->at, (size_t)(rest->end - rest->at)), out);
}

struct setting {
    const char *key;
    size_t at; // in struct tw_device_config
};
#define SETTING(member)                                                                                      \
    {                                                                                                        \
#member, offsetof(struct tw_device_config, member)                                                   \
    }
static const struct setting settings[] = {SETTING(prefix), SETTING(suffix), SETTING(code_id), SETTING(layout),
                                          SETTING(protocol)};
#undef SETTING
enum { SETTINGS = sizeof settings / sizeof settings[0] };

// A value is the rest of the line, or bytes where it begins with quotes.
static int read_setting(const struct reader *reader, struct cursor *rest)
{
    char key[32];
    size_t i = 0;
    const char *value = NULL;
    take_word(rest, key);
    while (i < SETTINGS && strcmp(settings[i].key, key) != 0) {
        i++;
    }
    if (i == SETTINGS) {
        return wrong(reader, "a recording sets prefix, suffix, code_id, layout or protocol; correct it");
    }
    int outcome = 0;
    if (rest->at < rest->end && *rest->at == '"') {
        struct tw_buf bytes = {0};
        outcome = read_bytes(reader, rest, &bytes);
        outcome = outcome != 0 ? outcome : keep(reader, tw_buf_slice(&bytes), &value);
        tw_buf_free(&bytes);
    } else {
        outcome = keep_rest(reader, rest, &value);
    }
    if (outcome == 0) {
        memcpy((char *)&reader->recording->config + settings[i].at, &value, sizeof value);
    }
    return outcome;
}

static int read_usb(const struct reader *reader, const struct cursor *rest)
{
    const char *text = NULL;
    struct tw_io_facts *facts = &reader->recording->facts;
    int outcome = keep_rest(reader, rest, &text);
    if (outcome == 0 && !tw_io_usb_ids(text, &facts->vendor, &facts->product)) {
        outcome = wrong(reader, "write vendor and product as VVVV:PPPP in hex");
    }
    return outcome;
}

static int read_descriptor(const struct reader *reader, struct cursor *rest)
{
    struct tw_recording *recording = reader->recording;
    tw_buf_clear(&recording->descriptor);
    int outcome = read_bytes(reader, rest, &recording->descriptor);
    recording->facts.descriptor = tw_buf_slice(&recording->descriptor);
    return outcome;
}

static int read_fact(const struct reader *reader, const char *what, struct cursor *rest)
{
    struct tw_recording *recording = reader->recording;
    if (strcmp(what, "class") == 0) {
        return keep_rest(reader, rest, &recording->config.class_name);
    }
    if (strcmp(what, "transport") == 0) {
        return keep_rest(reader, rest, &recording->config.transport);
    }
    if (strcmp(what, "name") == 0) {
        return keep_rest(reader, rest, &recording->facts.name);
    }
    if (strcmp(what, "serial") == 0) {
        return keep_rest(reader, rest, &recording->facts.serial);
    }
    if (strcmp(what, "descriptor") == 0) {
        return read_descriptor(reader, rest);
    }
    if (strcmp(what, "usb") == 0) {
        return read_usb(reader, rest);
    }
    return strcmp(what, "set") == 0
               ? read_setting(reader, rest)
               : wrong(reader, "a line begins with a time in milliseconds, or with class, transport, set, "
                               "usb, name, serial or descriptor; correct it");
}

// ---- the whole

static int read_line(const struct reader *reader, struct cursor line)
{
    char first[32];
    int64_t at_ms = 0;
    if (line.at == line.end || *line.at == '#') {
        return 0;
    }
    take_word(&line, first);
    return read_number(first, LATEST_MS, &at_ms) ? read_event(reader, at_ms, &line)
                                                 : read_fact(reader, first, &line);
}

static int read_lines(struct reader *reader, struct tw_slice text)
{
    const char *at = text.len > 0 ? (const char *)text.ptr : "";
    const char *end = at + text.len;
    int outcome = 0;
    while (outcome == 0 && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        reader->line++;
        outcome = read_line(reader, (struct cursor){at, stop > at && stop[-1] == '\r' ? stop - 1 : stop});
        at = stop < end ? stop + 1 : end;
    }
    const struct tw_recording *recording = reader->recording;
    if (outcome == 0 && (recording->config.class_name == NULL || recording->config.transport == NULL)) {
        return wrong(reader, "`class` and `transport` are missing; add them at the top");
    }
    if (outcome == 0 && recording->count == 0) {
        return wrong(reader, "nothing happens in this recording");
    }
    return outcome == 0 && tw_buf_status(&recording->bytes) != TW_OK ? no_memory(reader) : outcome;
}

int tw_recording_parse(struct tw_slice text, const char *name, struct tw_recording **out,
                       struct tw_error_text *err)
{
    struct tw_recording *recording = calloc(1, sizeof *recording);
    struct reader reader = {recording, name, 0, err};
    if (recording == NULL) {
        return no_memory(&reader);
    }
    recording->config.name = "device";
    int outcome = read_lines(&reader, text);
    if (outcome != 0) {
        tw_recording_free(recording);
        return outcome;
    }
    *out = recording;
    return 0;
}

void tw_recording_free(struct tw_recording *recording)
{
    if (recording == NULL) {
        return;
    }
    for (size_t i = 0; i < recording->string_count; i++) {
        free(recording->strings[i]);
    }
    free(recording->strings);
    free(recording->events);
    tw_buf_free(&recording->bytes);
    tw_buf_free(&recording->descriptor);
    free(recording);
}

static int read_file(const char *path, struct tw_buf *out, struct tw_error_text *err)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t got = file != NULL ? fread(piece, 1, sizeof piece, file) : 0;
    while (got > 0 && out->len <= TW_RECORDING_MAX_BYTES) {
        tw_buf_add(out, piece, got);
        got = fread(piece, 1, sizeof piece, file);
    }
    int cause = file == NULL || ferror(file) != 0 ? errno : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (cause != 0) {
        return tw_fail(err, TW_ERR_IO, "cannot read the recording %.300s: %s; check the path", path,
                       strerror(cause));
    }
    if (out->len > TW_RECORDING_MAX_BYTES) {
        return tw_fail(err, TW_ERR_TOO_LARGE, "the recording %.300s is over %d MiB; cut it", path,
                       TW_RECORDING_MAX_BYTES / (1024 * 1024));
    }
    return tw_buf_status(out) == TW_OK
               ? 0
               : tw_fail(err, TW_ERR_NOMEM, "reading the recording %.300s: out of memory", path);
}

int tw_recording_load(const char *path, struct tw_recording **out, struct tw_error_text *err)
{
    struct tw_buf text = {0};
    int outcome = read_file(path, &text, err);
    if (outcome == 0) {
        outcome = tw_recording_parse(tw_buf_slice(&text), path, out, err);
    }
    tw_buf_free(&text);
    return outcome;
}
