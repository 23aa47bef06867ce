// SPDX-License-Identifier: Apache-2.0
#include "tillwire/config.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/lines.h"

static void *own(struct tw_config_memory *memory, void *block)
{
    void **grown = realloc(memory->blocks, (memory->block_count + 1) * sizeof *grown);
    if (grown == NULL || block == NULL) {
        memory->blocks = grown != NULL ? grown : memory->blocks;
        free(block);
        return NULL;
    }
    memory->blocks = grown;
    memory->blocks[memory->block_count++] = block;
    return block;
}

static int out_of_memory(const struct tw_config_memory *memory)
{
    return tw_fail(memory->err, TW_ERR_NOMEM, "reading the configuration: out of memory");
}

// ---- merging ----

static void take(const char **into, char *from)
{
    if (from != NULL && from[0] != '\0') {
        *into = from;
    }
}

// A path relative to the file it stands in.
static int take_path(struct tw_config_memory *memory, const char **into, char *from, const char *file)
{
    if (from == NULL || from[0] == '\0') {
        return TW_OK;
    }
    if (from[0] == '/' || strncmp(from, "credential:", 11) == 0) {
        *into = from;
        return TW_OK;
    }
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s", file);
    char *path = NULL;
    int len = asprintf(&path, "%s/%s", dirname(folder), from);
    path = len < 0 ? NULL : own(memory, path);
    if (path == NULL) {
        return out_of_memory(memory);
    }
    *into = path;
    return TW_OK;
}

// "4096", "64KiB", "2GiB", "512 MB".
static int parse_size(const struct tw_config_memory *memory, const char *key, const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {{"", 1},      {"B", 1},        {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30},
                 {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}};
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    while (*end == ' ') {
        end++;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (isdigit((unsigned char)text[0]) && errno == 0 && strcmp(end, units[i].name) == 0 &&
            number <= (1ULL << 50) / units[i].factor) {
            *out = number * units[i].factor;
            return TW_OK;
        }
    }
    return tw_config_bad_value(memory, key, text, "write a size such as 64MiB or 2GiB");
}

static void merge_scanner(struct tw_device_config *into, const struct tw_file_device *from)
{
    take(&into->connect, from->connect);
    take(&into->parity, from->parity);
    take(&into->flow, from->flow);
    take(&into->usb, from->usb);
    take(&into->usb_serial, from->usb_serial);
    take(&into->layout, from->layout);
    take(&into->prefix, from->prefix);
    take(&into->suffix, from->suffix);
    take(&into->code_id, from->code_id);
    into->baud = from->baud != NULL ? *from->baud : into->baud;
    into->bits = from->bits != NULL ? *from->bits : into->bits;
    into->stop = from->stop != NULL ? *from->stop : into->stop;
}

// libcyaml takes every word it does not know for true.
static int merge_display(const struct tw_config_memory *memory, struct tw_device_config *into,
                         const struct tw_file_device *from)
{
    take(&into->protocol, from->protocol);
    take(&into->text, from->text);
    take(&into->points, from->points);
    if (from->greeting == NULL) {
        return TW_OK;
    }
    into->greeting = strcmp(from->greeting, "true") == 0;
    return into->greeting || strcmp(from->greeting, "false") == 0
               ? TW_OK
               : tw_config_bad_value(memory, "greeting", from->greeting, "use true or false");
}

static int merge_device(struct tw_config_memory *memory, struct tw_device_config *into,
                        const struct tw_file_device *from)
{
    take(&into->class_name, from->class_name);
    take(&into->transport, from->transport);
    take(&into->port, from->port);
    take(&into->listen, from->listen);
    take(&into->forward, from->forward);
    take(&into->path, from->path);
    take(&into->profile, from->profile);
    take(&into->workstation, from->workstation);
    merge_scanner(into, from);
    into->rescan_s = from->rescan_s != NULL ? *from->rescan_s : into->rescan_s;
    into->silence_s = from->silence_s != NULL ? *from->silence_s : into->silence_s;
    if (from->buffer_bytes == NULL) {
        return TW_OK;
    }
    uint64_t bytes = 0;
    int rc = parse_size(memory, "buffer_bytes", from->buffer_bytes, &bytes);
    if (rc == TW_OK && (bytes < 64 * 1024 || bytes > 256 * 1024 * 1024)) {
        rc = tw_config_bad_value(memory, "buffer_bytes", from->buffer_bytes, "use 64KiB to 256MiB");
    }
    into->buffer_bytes = rc == TW_OK ? (uint32_t)bytes : into->buffer_bytes;
    return rc;
}

static int merge_devices(struct tw_config_memory *memory, struct tw_config *config,
                         const struct tw_file *file)
{
    const struct tw_file_content *from = file->content;
    for (unsigned i = 0; i < from->devices_count; i++) {
        const char *name = from->devices[i].name;
        if (name == NULL || name[0] == '\0') {
            char where[512];
            return tw_fail(memory->err, TW_ERR_INVALID,
                           "%s: entry %u of 'devices' has no 'name'; give it one",
                           tw_config_place(memory, "devices", NULL, where), i + 1);
        }
        struct tw_device_config *devices = own(memory, calloc(config->device_count + 1, sizeof *devices));
        if (devices == NULL) {
            return out_of_memory(memory);
        }
        size_t at = 0;
        while (at < config->device_count && strcmp(config->devices[at].name, name) != 0) {
            at++;
        }
        if (config->device_count > 0) {
            memcpy(devices, config->devices, config->device_count * sizeof *devices);
        }
        devices[at].name = name;
        config->devices = devices;
        config->device_count += at == config->device_count ? 1 : 0;
        int rc = merge_device(memory, &devices[at], &from->devices[i]);
        rc = rc != TW_OK ? rc : merge_display(memory, &devices[at], &from->devices[i]);
        rc = rc != TW_OK ? rc : tw_config_merge_lines(memory, &devices[at], &from->devices[i]);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int merge_cards(struct tw_config_memory *memory, struct tw_config *config,
                       const struct tw_file_content *from)
{
    if (from->loyalty.cards == NULL) {
        return TW_OK;
    }
    struct tw_card_rule *cards = own(memory, calloc(from->loyalty.cards_count + 1, sizeof *cards));
    if (cards == NULL) {
        return out_of_memory(memory);
    }
    for (unsigned i = 0; i < from->loyalty.cards_count; i++) {
        const struct tw_file_card *card = &from->loyalty.cards[i];
        cards[i] =
            (struct tw_card_rule){.scheme = card->scheme, .pattern = card->pattern, .check = card->check};
    }
    config->loyalty.cards = cards; // other lists replace
    config->loyalty.card_count = from->loyalty.cards_count;
    return TW_OK;
}

static int merge_uplink(struct tw_config_memory *memory, struct tw_config *config, const struct tw_file *file)
{
    const struct tw_file_content *from = file->content;
    take(&config->uplink.url, from->uplink.url);
    take(&config->uplink.proxy, from->uplink.proxy);
    take(&config->uplink.alpn, from->uplink.alpn);
    int rc = take_path(memory, &config->uplink.ca, from->uplink.ca, file->path);
    rc = rc != TW_OK ? rc : take_path(memory, &config->uplink.cert, from->uplink.cert, file->path);
    rc = rc != TW_OK ? rc : take_path(memory, &config->uplink.key, from->uplink.key, file->path);
    if (rc != TW_OK || from->uplink.ack == NULL) {
        return rc;
    }
    if (strcmp(from->uplink.ack, "central") == 0) {
        config->uplink.ack = TW_ACK_CENTRAL;
    } else if (strcmp(from->uplink.ack, "broker") == 0) {
        config->uplink.ack = TW_ACK_BROKER;
    } else {
        return tw_config_bad_value(memory, "ack", from->uplink.ack, "use 'central' or 'broker'");
    }
    return TW_OK;
}

static int merge_journal(struct tw_config_memory *memory, struct tw_config *config,
                         const struct tw_file *file)
{
    const struct tw_file_content *from = file->content;
    int rc = take_path(memory, &config->journal.key, from->journal.key, file->path);
    if (rc == TW_OK && from->journal.max_bytes != NULL) {
        rc = parse_size(memory, "max_bytes", from->journal.max_bytes, &config->journal.max_bytes);
    }
    if (rc == TW_OK && from->journal.reserve_bytes != NULL) {
        rc = parse_size(memory, "reserve_bytes", from->journal.reserve_bytes, &config->journal.reserve_bytes);
    }
    return rc;
}

static int merge(struct tw_config_memory *memory, struct tw_config *config, const struct tw_file *file)
{
    const struct tw_file_content *from = file->content;
    if (from == NULL) {
        return TW_OK;
    }
    take(&config->tenant, from->tenant);
    take(&config->store, from->store);
    take(&config->terminal, from->terminal);
    take(&config->currency, from->currency);
    take(&config->timezone, from->timezone);
    take(&config->desk.listen, from->desk.listen);
    int rc = take_path(memory, &config->state_dir, from->state_dir, file->path);
    rc = rc != TW_OK ? rc : take_path(memory, &config->run_dir, from->run_dir, file->path);
    rc = rc != TW_OK
             ? rc
             : take_path(memory, &config->loyalty.pseudonym_key, from->loyalty.pseudonym_key, file->path);
    rc = rc != TW_OK ? rc : merge_cards(memory, config, from);
    rc = rc != TW_OK ? rc : merge_devices(memory, config, file);
    rc = rc != TW_OK ? rc : merge_journal(memory, config, file);
    return rc != TW_OK ? rc : merge_uplink(memory, config, file);
}

// ---- loading ----

static int load_file(struct tw_config_memory *memory, struct tw_config *config, const char *path)
{
    struct tw_file *files = realloc(memory->files, (memory->file_count + 1) * sizeof *files);
    if (files == NULL) {
        return out_of_memory(memory);
    }
    memory->files = files;
    int rc = tw_file_load(path, &files[memory->file_count], memory->err);
    if (rc == TW_OK) {
        memory->file_count++;
        rc = merge(memory, config, &files[memory->file_count - 1]);
    }
    return rc;
}

static int load_all(struct tw_config_memory *memory, struct tw_config *config, const char *path)
{
    char absolute[4096];
    if (realpath(path, absolute) == NULL) {
        (void)snprintf(absolute, sizeof absolute, "%s", path);
    }
    int rc = load_file(memory, config, absolute);
    if (rc != TW_OK) {
        return rc;
    }
    char pattern[4200];
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s", absolute);
    (void)snprintf(pattern, sizeof pattern, "%s/conf.d/*.yaml", dirname(folder));
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) { // sorted by name
        for (size_t i = 0; rc == TW_OK && i < found.gl_pathc; i++) {
            rc = load_file(memory, config, found.gl_pathv[i]);
        }
        globfree(&found);
    }
    return rc != TW_OK ? rc : tw_config_check(memory, config);
}

int tw_config_load(const char *path, struct tw_config **out, struct tw_error_text *err)
{
    struct tw_config *config = calloc(1, sizeof *config);
    struct tw_config_memory *memory = calloc(1, sizeof *memory);
    if (config == NULL || memory == NULL) {
        free(config);
        free(memory);
        return tw_fail(err, TW_ERR_NOMEM, "reading the configuration: out of memory");
    }
    config->memory = memory;
    config->state_dir = "/var/lib/tillwire";
    config->run_dir = "/run/tillwire";
    config->journal.max_bytes = 2ULL << 30;
    config->journal.reserve_bytes = 64ULL << 20;
    memory->err = err;
    int rc = load_all(memory, config, path);
    memory->err = NULL;
    if (rc != TW_OK) {
        tw_config_free(config);
        return rc;
    }
    *out = config;
    return TW_OK;
}

void tw_config_free(struct tw_config *config)
{
    if (config == NULL) {
        return;
    }
    struct tw_config_memory *memory = config->memory;
    for (size_t i = 0; i < memory->file_count; i++) {
        tw_file_free(&memory->files[i]);
    }
    for (size_t i = 0; i < memory->block_count; i++) {
        free(memory->blocks[i]);
    }
    free(memory->files);
    free(memory->blocks);
    free(memory);
    free(config);
}

const struct tw_device_config *tw_config_device(const struct tw_config *config, const char *name)
{
    for (size_t i = 0; i < config->device_count; i++) {
        if (strcmp(config->devices[i].name, name) == 0) {
            return &config->devices[i];
        }
    }
    return NULL;
}
