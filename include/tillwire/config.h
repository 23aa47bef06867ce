// SPDX-License-Identifier: Apache-2.0
//
// The configuration: /etc/tillwire/tillwire.yaml and conf.d/*.yaml beside it, later files win
// (maps merge by key, `devices` by name, other lists replace); required keys are checked after the
// merge. An error names file, line and key. Relative paths are relative to the file they stand in
// and come out absolute. Unknown keys are errors.
//
// Threading: a loaded configuration is immutable and may be shared. Memory: it owns all its
// strings until tw_config_free. Time: none. Errors: TW_ERR_INVALID, TW_ERR_IO, one sentence each.
#ifndef TW_CONFIG_H
#define TW_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "tillwire/device.h"
#include "tillwire/err.h"
#include "tillwire/reader.h"
#include "tillwire/scan.h"
#include "tillwire/uplink.h"

#define TW_CONFIG_DEFAULT_PATH "/etc/tillwire/tillwire.yaml"

struct tw_config {
    const char *tenant, *store, *terminal; // [A-Za-z0-9_]{1,32}
    const char *currency;                  // ISO 4217, three capital letters
    const char *timezone;                  // IANA name; default: the system's
    const char *state_dir;                 // default /var/lib/tillwire
    const char *run_dir;                   // default /run/tillwire
    const struct tw_device_config *devices;
    size_t device_count;
    struct {
        const char *pseudonym_key; // file or credential:NAME; NULL when no cards are configured
        const struct tw_card_rule *cards;
        size_t card_count;
    } loyalty;
    struct {
        uint64_t max_bytes;     // of journal.db; default 2 GiB
        uint64_t reserve_bytes; // of the disk to leave free; default 64 MiB
        const char *key; // file or credential:NAME; NULL: journal.key in state_dir, made at the first start
    } journal;
    struct {
        const char *url, *ca, *cert, *key; // files: absolute
        const char *proxy, *alpn;          // NULL: none; the port's. The proxy may hold a password
        enum tw_ack_mode ack;
    } uplink;
    struct {
        const char *listen; // "127.0.0.1:8787"; NULL: the Unix socket only
    } desk;
    void *memory; // private
};

// Loads `path` and conf.d beside it.
int TW_MUST_CHECK tw_config_load(const char *path, struct tw_config **out, struct tw_error_text *err);
void tw_config_free(struct tw_config *config);

// The device called `name`, or NULL.
const struct tw_device_config *tw_config_device(const struct tw_config *config, const char *name);

// Loads a receipt profile: "generic" is built in, anything else is a path to a YAML file or the name
// of one in profiles/ beside the configuration. Compiled and owned by the caller.
int TW_MUST_CHECK tw_config_profile(const char *config_path, const char *name, struct tw_profile **out,
                                    struct tw_error_text *err);

#endif
