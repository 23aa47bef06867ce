// SPDX-License-Identifier: Apache-2.0
#include "agent/config/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#define MAX_TEXT 4096 // characters of one value

// ---- the schema as data ----

#define TEXT(key, structure, member)                                                                         \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, 0, MAX_TEXT)
#define NUMBER(key, structure, member)                                                                       \
    CYAML_FIELD_UINT_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member)
#define LIST(key, structure, member, entry)                                                                  \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, entry, 0, 1000)
#define SECTION(key, structure, member, fields)                                                              \
    CYAML_FIELD_MAPPING(key, CYAML_FLAG_OPTIONAL, structure, member, fields)

#define LINE(key, structure, member)                                                                         \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, line_fields)

static const cyaml_schema_field_t line_fields[] = {
    NUMBER("baud", struct tw_file_line, baud), NUMBER("bits", struct tw_file_line, bits),
    NUMBER("stop", struct tw_file_line, stop), TEXT("parity", struct tw_file_line, parity),
    TEXT("flow", struct tw_file_line, flow),   CYAML_FIELD_END,
};
static const cyaml_schema_field_t device_fields[] = {
    TEXT("name", struct tw_file_device, name),
    TEXT("class", struct tw_file_device, class_name),
    TEXT("transport", struct tw_file_device, transport),
    TEXT("port", struct tw_file_device, port),
    NUMBER("baud", struct tw_file_device, baud),
    NUMBER("bits", struct tw_file_device, bits),
    NUMBER("stop", struct tw_file_device, stop),
    TEXT("parity", struct tw_file_device, parity),
    TEXT("flow", struct tw_file_device, flow),
    TEXT("usb", struct tw_file_device, usb),
    TEXT("usb_serial", struct tw_file_device, usb_serial),
    TEXT("layout", struct tw_file_device, layout),
    TEXT("prefix", struct tw_file_device, prefix),
    TEXT("suffix", struct tw_file_device, suffix),
    TEXT("code_id", struct tw_file_device, code_id),
    TEXT("listen", struct tw_file_device, listen),
    TEXT("forward", struct tw_file_device, forward),
    TEXT("path", struct tw_file_device, path),
    TEXT("connect", struct tw_file_device, connect),
    TEXT("profile", struct tw_file_device, profile),
    TEXT("workstation", struct tw_file_device, workstation),
    TEXT("buffer_bytes", struct tw_file_device, buffer_bytes),
    TEXT("protocol", struct tw_file_device, protocol),
    TEXT("greeting", struct tw_file_device, greeting),
    TEXT("text", struct tw_file_device, text),
    TEXT("points", struct tw_file_device, points),
    LINE("till", struct tw_file_device, till),
    LINE("printer", struct tw_file_device, printer),
    LINE("scanner", struct tw_file_device, scanner),
    NUMBER("rescan_s", struct tw_file_device, rescan_s),
    NUMBER("silence_s", struct tw_file_device, silence_s),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t device_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct tw_file_device, device_fields),
};

static const cyaml_schema_field_t card_fields[] = {
    TEXT("scheme", struct tw_file_card, scheme),
    TEXT("pattern", struct tw_file_card, pattern),
    TEXT("check", struct tw_file_card, check),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t card_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct tw_file_card, card_fields),
};

// The sections of tw_file_content have no names of their own; their tables use typeof.
#define SECTION_OF(member) __typeof__(((struct tw_file_content *)0)->member)

static const cyaml_schema_field_t loyalty_fields[] = {
    TEXT("pseudonym_key", SECTION_OF(loyalty), pseudonym_key),
    LIST("cards", SECTION_OF(loyalty), cards, &card_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t journal_fields[] = {
    TEXT("max_bytes", SECTION_OF(journal), max_bytes),
    TEXT("reserve_bytes", SECTION_OF(journal), reserve_bytes),
    TEXT("key", SECTION_OF(journal), key),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t uplink_fields[] = {
    TEXT("url", SECTION_OF(uplink), url),   TEXT("ca", SECTION_OF(uplink), ca),
    TEXT("cert", SECTION_OF(uplink), cert), TEXT("key", SECTION_OF(uplink), key),
    TEXT("ack", SECTION_OF(uplink), ack),   TEXT("proxy", SECTION_OF(uplink), proxy),
    TEXT("alpn", SECTION_OF(uplink), alpn), CYAML_FIELD_END,
};
static const cyaml_schema_field_t desk_fields[] = {
    TEXT("listen", SECTION_OF(desk), listen),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t content_fields[] = {
    TEXT("tenant", struct tw_file_content, tenant),
    TEXT("store", struct tw_file_content, store),
    TEXT("terminal", struct tw_file_content, terminal),
    TEXT("currency", struct tw_file_content, currency),
    TEXT("timezone", struct tw_file_content, timezone),
    TEXT("state_dir", struct tw_file_content, state_dir),
    TEXT("run_dir", struct tw_file_content, run_dir),
    LIST("devices", struct tw_file_content, devices, &device_entry),
    SECTION("loyalty", struct tw_file_content, loyalty, loyalty_fields),
    SECTION("journal", struct tw_file_content, journal, journal_fields),
    SECTION("uplink", struct tw_file_content, uplink, uplink_fields),
    SECTION("desk", struct tw_file_content, desk, desk_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t content_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct tw_file_content, content_fields),
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("is", struct tw_file_rule, is),
    TEXT("match", struct tw_file_rule, match),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct tw_file_rule, rule_fields),
};
static const cyaml_schema_field_t profile_fields[] = {
    TEXT("name", struct tw_file_profile, name),
    TEXT("decimal", struct tw_file_profile, decimal),
    NUMBER("columns", struct tw_file_profile, columns),
    LIST("rules", struct tw_file_profile, rules, &rule_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t profile_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct tw_file_profile, profile_fields),
};

// ---- errors with file and line ----

// libcyaml says what is wrong and where only through its log: a first line with the fault, then a
// backtrace whose first entry is the innermost place.
struct complaint {
    char fault[256];
    char key[64];
    unsigned line;
};

__attribute__((format(printf, 3, 0))) static void take_log(cyaml_log_t level, void *ctx, const char *format,
                                                           va_list args)
{
    static const char load[] = "Load: ";
    struct complaint *complaint = ctx;
    char text[512];
    (void)level;
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *start = strncmp(text, load, sizeof load - 1) == 0 ? text + sizeof load - 1 : text;
    const char *place = strstr(start, "(line: ");
    if (place != NULL) {
        if (complaint->line == 0) {
            complaint->line = (unsigned)strtoul(place + 7, NULL, 10);
            (void)sscanf(start, " in mapping field '%63[^']'", complaint->key);
        }
    } else if (complaint->fault[0] == '\0' && strncmp(start, "Backtrace", 9) != 0) {
        (void)snprintf(complaint->fault, sizeof complaint->fault, "%.255s", start);
    }
}

// Says whether `key` stands on `line` as a mapping key, that is, on its own and before a colon.
static bool has_key(const char *line, const char *key)
{
    size_t len = strlen(key);
    for (const char *at = len > 0 ? strstr(line, key) : NULL; at != NULL; at = strstr(at + 1, key)) {
        const char *end = at + len + strspn(at + len, "\"' ");
        if ((at == line || strchr(" \t{,-\"'", at[-1]) != NULL) && *end == ':') {
            return true;
        }
    }
    return false;
}

unsigned tw_file_line(const char *path, const char *key, const char *value, unsigned from)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    unsigned found = 0;
    while (file != NULL && found == 0 && getline(&line, &size, file) >= 0) {
        number++;
        if (number >= from && has_key(line, key) && (value == NULL || strstr(line, value) != NULL)) {
            found = number;
        }
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static int explain(const char *path, const struct complaint *complaint, cyaml_err_t code,
                   struct tw_error_text *err)
{
    static const char unknown[] = "Unexpected key: ";
    if (strncmp(complaint->fault, unknown, sizeof unknown - 1) == 0) {
        const char *key = complaint->fault + sizeof unknown - 1;
        // The place libcyaml names is that of the value before the key.
        unsigned line = tw_file_line(path, key, NULL, complaint->line);
        return tw_fail(
            err, TW_ERR_INVALID,
            "%s:%u: key '%s' is not known here; check its spelling and indentation against the README", path,
            line > 0 ? line : complaint->line, key);
    }
    const char *fault = complaint->fault[0] != '\0' ? complaint->fault : cyaml_strerror(code);
    if (complaint->line == 0) {
        return tw_fail(err, TW_ERR_INVALID, "%s: not a YAML file this program can read: %s", path, fault);
    }
    return tw_fail(err, TW_ERR_INVALID, "%s:%u: key '%s': %s; correct the value", path, complaint->line,
                   complaint->key, fault);
}

static int load(const char *path, const cyaml_schema_value_t *schema, cyaml_data_t **out,
                struct tw_error_text *err)
{
    if (access(path, R_OK) != 0) {
        return tw_fail(err, TW_ERR_IO, "reading the configuration: cannot open %s (%s)%s", path,
                       strerror(errno),
                       errno == ENOENT ? "; name the file with --config FILE" : "; check its owner and mode");
    }
    struct complaint complaint = {0};
    cyaml_config_t config = {
        .log_fn = take_log,
        .log_ctx = &complaint,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_DEFAULT,
    };
    cyaml_err_t code = cyaml_load_file(path, &config, schema, out, NULL);
    return code == CYAML_OK ? TW_OK : explain(path, &complaint, code, err);
}

static void release(const cyaml_schema_value_t *schema, cyaml_data_t *data)
{
    cyaml_config_t config = {.mem_fn = cyaml_mem};
    (void)cyaml_free(&config, schema, data, 0);
}

int tw_file_load(const char *path, struct tw_file *out, struct tw_error_text *err)
{
    cyaml_data_t *content = NULL;
    int rc = load(path, &content_schema, &content, err);
    if (rc != TW_OK) {
        return rc;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        release(&content_schema, content);
        return tw_fail(err, TW_ERR_NOMEM, "reading %s: out of memory", path);
    }
    *out = (struct tw_file){.path = copy, .content = content};
    return TW_OK;
}

void tw_file_free(struct tw_file *file)
{
    release(&content_schema, file->content);
    free(file->path);
    *file = (struct tw_file){0};
}

int tw_file_profile_load(const char *path, struct tw_file_profile **out, struct tw_error_text *err)
{
    cyaml_data_t *profile = NULL;
    int rc = load(path, &profile_schema, &profile, err);
    if (rc == TW_OK && profile == NULL) {
        return tw_fail(err, TW_ERR_INVALID, "%s: the profile is empty; it needs a name and rules", path);
    }
    if (rc == TW_OK) {
        *out = profile;
    }
    return rc;
}

void tw_file_profile_free(struct tw_file_profile *profile)
{
    release(&profile_schema, profile);
}
