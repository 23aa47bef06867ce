// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/recording.h"

#include <ctype.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct recording *recording;
    const char *path;
    unsigned line;
};

static void give_up(const struct reader *reader, const char *why)
{
    (void)fprintf(stderr, "%s:%u: %s\n", reader->path, reader->line, why);
    abort();
}

static const char *keep(struct reader *reader, const char *text)
{
    struct recording *recording = reader->recording;
    char *copy = strdup(text);
    if (copy == NULL || recording->string_count == 32) {
        give_up(reader, "too many settings");
    }
    recording->strings[recording->string_count++] = copy;
    return copy;
}

// ---- bytes

static uint8_t escaped(char c)
{
    return c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : (uint8_t)c;
}

static void read_bytes(const struct reader *reader, const char *text, struct tw_buf *out)
{
    bool quoted = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else if (quoted) {
            uint8_t byte = (uint8_t)(*at == '\\' ? escaped(*++at) : *at);
            tw_buf_add(out, &byte, 1);
        } else if (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
            const char digits[] = {at[0], at[1], '\0'};
            uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);
            tw_buf_add(out, &byte, 1);
            at++;
        } else if (*at != ' ') {
            give_up(reader, "neither hex nor quoted");
        }
    }
    if (quoted || out->failed) {
        give_up(reader, "the quotes are not closed");
    }
}

static void add_number(struct tw_buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        tw_buf_add(out, &byte, 1);
    }
}

static void add_key(struct tw_buf *out, int64_t at_ms, unsigned type, unsigned code, unsigned value)
{
    add_number(out, (uint64_t)at_ms * 1000, 8);
    add_number(out, type, 2);
    add_number(out, code, 2);
    add_number(out, value, 4);
}

// ---- lines

static void read_event(struct reader *reader, int64_t at_ms, const char *what, const char *rest)
{
    struct recording *recording = reader->recording;
    struct recording_event event = {.kind = RECORDING_BYTES, .at_ms = at_ms, .from = recording->bytes.len};
    unsigned code = 0;
    unsigned value = 0;
    if (strcmp(what, "up") == 0) {
        event.kind = RECORDING_UP;
    } else if (strcmp(what, "down") == 0) {
        event.kind = RECORDING_DOWN;
    } else if (strcmp(what, "<") == 0) {
        read_bytes(reader, rest, &recording->bytes);
    } else if (strcmp(what, "report") == 0) {
        struct tw_buf report = {0};
        read_bytes(reader, rest, &report);
        add_number(&recording->bytes, report.len, 2);
        tw_buf_add(&recording->bytes, report.ptr, report.len);
        tw_buf_free(&report);
    } else if (strcmp(what, "key") == 0 && sscanf(rest, "%u %u", &code, &value) == 2) {
        add_key(&recording->bytes, at_ms, EV_KEY, code, value);
        add_key(&recording->bytes, at_ms, EV_SYN, SYN_REPORT, 0);
    } else if (strcmp(what, "drop") == 0) {
        add_key(&recording->bytes, at_ms, EV_SYN, SYN_DROPPED, 0);
    } else {
        give_up(reader, "no such event");
    }
    event.len = recording->bytes.len - event.from;
    if (recording->count == sizeof recording->events / sizeof recording->events[0]) {
        give_up(reader, "too many events");
    }
    recording->events[recording->count++] = event;
}

static void read_setting(struct reader *reader, const char *rest)
{
    struct tw_device_config *config = &reader->recording->config;
    char key[32];
    int at = 0;
    struct tw_buf value = {0};
    if (sscanf(rest, "%31s %n", key, &at) != 1) {
        give_up(reader, "a setting has a key and a value");
    }
    if (rest[at] == '"') {
        read_bytes(reader, rest + at, &value);
    } else {
        tw_buf_add_text(&value, rest + at);
    }
    const char *text = keep(reader, (const char *)value.ptr);
    tw_buf_free(&value);
    const struct {
        const char *key;
        const char **into;
    } settings[] = {{"prefix", &config->prefix},
                    {"suffix", &config->suffix},
                    {"code_id", &config->code_id},
                    {"layout", &config->layout}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            *settings[i].into = text;
            return;
        }
    }
    give_up(reader, "no such setting");
}

static void read_fact(struct reader *reader, const char *what, const char *rest)
{
    struct recording *recording = reader->recording;
    struct tw_io_facts *facts = &recording->facts;
    if (strcmp(what, "class") == 0) {
        recording->config.class_name = keep(reader, rest);
    } else if (strcmp(what, "transport") == 0) {
        recording->config.transport = keep(reader, rest);
    } else if (strcmp(what, "name") == 0) {
        facts->name = keep(reader, rest);
    } else if (strcmp(what, "serial") == 0) {
        facts->serial = keep(reader, rest);
    } else if (strcmp(what, "descriptor") == 0) {
        read_bytes(reader, rest, &recording->descriptor);
        facts->descriptor = tw_buf_slice(&recording->descriptor);
    } else if (strcmp(what, "set") == 0) {
        read_setting(reader, rest);
    } else if (strcmp(what, "usb") != 0 || !tw_io_usb_ids(rest, &facts->vendor, &facts->product)) {
        give_up(reader, "no such line");
    }
}

void recording_load(const char *path, struct recording *out)
{
    *out = (struct recording){.config = {.name = "device"}};
    struct reader reader = {out, path, 0};
    FILE *file = fopen(path, "re");
    char line[2048];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char what[32];
        long long at_ms = 0;
        int end = 0;
        reader.line++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        if (sscanf(line, "%lld %31s %n", &at_ms, what, &end) == 2) {
            read_event(&reader, at_ms, what, line + end);
        } else if (sscanf(line, "%31s %n", what, &end) == 1) {
            read_fact(&reader, what, line + end);
        }
    }
    if (file == NULL || out->count == 0) {
        give_up(&reader, "cannot be read, or is empty");
    }
    (void)fclose(file);
}

void recording_free(struct recording *recording)
{
    for (size_t i = 0; i < recording->string_count; i++) {
        free(recording->strings[i]);
    }
    tw_buf_free(&recording->bytes);
    tw_buf_free(&recording->descriptor);
}
