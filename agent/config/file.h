// SPDX-License-Identifier: Apache-2.0
//
// One configuration file as it was written: every key optional, nothing checked but its form.
// Source of the format: YAML 1.1 as libcyaml reads it; the keys are documented in the README.
//
// Threading: one thread at a time. Memory: a file owns its strings. Time: none.
// Errors: one sentence with file, line and key.
#ifndef TW_CONFIG_FILE_H
#define TW_CONFIG_FILE_H

#include <stdint.h>

#include "tillwire/err.h"

struct tw_file_line {
    uint32_t *baud, *bits, *stop;
    char *parity, *flow;
};

struct tw_file_device {
    char *name, *class_name, *transport, *port, *listen, *forward, *path, *connect, *profile, *workstation,
        *buffer_bytes, *parity, *flow, *usb, *usb_serial, *layout, *prefix, *suffix, *code_id, *protocol,
        *text, *points, *greeting;
    uint32_t *baud, *bits, *stop, *silence_s, *rescan_s;
    struct tw_file_line *till, *printer, *scanner;
};

struct tw_file_card {
    char *scheme, *pattern, *check;
};

struct tw_file_content {
    char *tenant, *store, *terminal, *currency, *timezone, *state_dir, *run_dir;
    struct tw_file_device *devices;
    unsigned devices_count;
    struct {
        char *pseudonym_key;
        struct tw_file_card *cards;
        unsigned cards_count;
    } loyalty;
    struct {
        char *max_bytes, *reserve_bytes, *key;
    } journal;
    struct {
        char *url, *ca, *cert, *key, *ack, *proxy, *alpn;
    } uplink;
    struct {
        char *listen;
    } desk;
};

struct tw_file {
    char *path;
    struct tw_file_content *content; // NULL: the file was empty
};

// Reads one file. On success `out` is to be freed with tw_file_free.
int TW_MUST_CHECK tw_file_load(const char *path, struct tw_file *out, struct tw_error_text *err);
void tw_file_free(struct tw_file *file);

// The line (from 1) on which `key` stands, with `value` on it when given, at or after line `from`;
// 0 when there is none.
unsigned tw_file_line(const char *path, const char *key, const char *value, unsigned from);

// A receipt profile as it was written.
struct tw_file_rule {
    char *is, *match;
};
struct tw_file_profile {
    char *name, *decimal;
    uint32_t *columns;
    struct tw_file_rule *rules;
    unsigned rules_count;
};
int TW_MUST_CHECK tw_file_profile_load(const char *path, struct tw_file_profile **out,
                                       struct tw_error_text *err);
void tw_file_profile_free(struct tw_file_profile *profile);

#endif
