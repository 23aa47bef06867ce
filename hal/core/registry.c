// SPDX-License-Identifier: Apache-2.0
#include "hal/core/registry.h"

#include <limits.h>
#include <string.h>

#include "hal/core/usb_tty.h"
#include "hal/drivers/drivers.h"

struct entry {
    const char *class_name;
    const char *transport;
    tw_driver_create *create;
};

static const struct entry entries[] = {
#define TW_DRIVER(class_name, transport, create) {class_name, transport, create},
#include "hal/drivers/registry.def"
#undef TW_DRIVER
};

enum { ENTRIES = sizeof entries / sizeof entries[0] };

// ---- transports

static int open_serial(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err)
{
    const struct tw_io_line line = {config->baud, config->bits, config->stop, config->parity, config->flow};
    const struct tw_io_usb which = {config->usb, config->usb_serial, NULL, 0};
    char found[PATH_MAX];
    int outcome = config->port != NULL ? 0 : tw_usb_tty_find(&which, found, sizeof found, err);
    return outcome != 0 ? outcome
                        : tw_io_serial_open(config->port != NULL ? config->port : found, &line, out, err);
}

static int open_unix(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err)
{
    return tw_io_unix_open(config->path, out, err);
}

static int open_tcp(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err)
{
    return tw_io_tcp_open(config->connect, out, err);
}

static int open_hidraw(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err)
{
    bool stripe = strcmp(config->class_name, "stripe") == 0;
    const struct tw_io_usb which = {config->usb, config->usb_serial, config->port,
                                    stripe ? TW_IO_STRIPE_PAGE : 0};
    return tw_io_hidraw_open(&which, out, err);
}

static int open_evdev(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err)
{
    const struct tw_io_usb which = {config->usb, config->usb_serial, config->port, 0};
    return tw_io_evdev_open(&which, out, err);
}

struct transport {
    const char *name;
    const char *class_name; // NULL: any
    const char *key;        // what must be configured; NULL: the transport says it
    size_t key_at;          // where it stands in struct tw_device_config
    int (*open)(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err);
    tw_apart_open_fn *open_apart; // instead: what may wait
};

#define AT(member) #member, offsetof(struct tw_device_config, member)
static const struct transport transports[] = {
    {"serial", NULL, AT(port), open_serial, NULL},
    {"unix", NULL, AT(path), open_unix, NULL},
    {"tcp", "tap", AT(path), open_unix, NULL}, // tillwire-relay's socket
    {"tcp", NULL, AT(connect), open_tcp, NULL},
    {"hidraw", NULL, NULL, 0, open_hidraw, NULL}, // `usb` or `port`
    {"evdev", NULL, AT(usb), open_evdev, NULL},
    {"directory", NULL, AT(path), NULL, tw_io_directory_open},
};
#undef AT

static const struct transport *find_transport(const struct tw_device_config *config)
{
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        const struct transport *transport = &transports[i];
        if (strcmp(transport->name, config->transport) == 0 &&
            (transport->class_name == NULL || strcmp(transport->class_name, config->class_name) == 0)) {
            return transport;
        }
    }
    return NULL;
}

// ---- finding

static int not_found(const struct tw_device_config *config, struct tw_error_text *err)
{
    char known[256] = "";
    for (size_t i = 0; i < ENTRIES; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s over %s", i > 0 ? ", " : "",
                       entries[i].class_name, entries[i].transport);
    }
    return tw_fail(err, TW_ERR_NOT_FOUND,
                   "device %s: no driver for class %s over transport %s; there are: %s", config->name,
                   config->class_name, config->transport, known);
}

static int check_key(const struct tw_device_config *config, struct tw_error_text *err)
{
    const struct transport *transport = find_transport(config);
    if (transport == NULL) {
        return not_found(config, err);
    }
    if (transport->key == NULL || config->open != NULL) {
        return 0;
    }
    const char *value;
    memcpy(&value, (const char *)config + transport->key_at, sizeof value);
    bool by_usb = transport->open == open_serial && config->usb != NULL;
    if (value == NULL && !by_usb) {
        return tw_fail(err, TW_ERR_INVALID, "device %s: transport %s needs `%s`; add it", config->name,
                       transport->name, transport->key);
    }
    return 0;
}

int tw_registry_find(const struct tw_device_config *config, tw_driver_create **out, struct tw_error_text *err)
{
    if (config->class_name == NULL || config->transport == NULL) {
        return tw_fail(err, TW_ERR_INVALID, "device %s needs `class` and `transport`; add them",
                       config->name);
    }
    for (size_t i = 0; i < ENTRIES; i++) {
        if (strcmp(entries[i].class_name, config->class_name) == 0 &&
            strcmp(entries[i].transport, config->transport) == 0) {
            int outcome = check_key(config, err);
            if (outcome == 0) {
                *out = entries[i].create;
            }
            return outcome;
        }
    }
    return not_found(config, err);
}

int tw_registry_open(const struct tw_device_config *config, struct tw_io **out, struct tw_error_text *err)
{
    return config->open != NULL ? config->open(config->open_ctx, out, err)
                                : find_transport(config)->open(config, out, err);
}

int tw_registry_set_apart(struct tw_device_config *config, struct tw_apart **out, struct tw_error_text *err)
{
    tw_apart_open_fn *open = find_transport(config)->open_apart;
    if (open == NULL || config->open != NULL) {
        return TW_OK;
    }
    int outcome = tw_apart_new(open, config->path, out, err);
    if (outcome == TW_OK) {
        config->open = tw_apart_open;
        config->open_ctx = *out;
    }
    return outcome;
}
