// SPDX-License-Identifier: Apache-2.0
//
// tillwire devices discover: what is plugged in, each with a line for the configuration.
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tillwire/bytes.h"
#include "tillwire/config.h"
#include "tillwire/discover.h"
#include "tools/cli/devices.h"
#include "tools/cli/show.h"

#define TERMINAL_WARNING                                                                                     \
    "    What hangs on this port is not known. Make sure that it is no payment terminal, whose port\n"       \
    "    the agent would take for itself, before you take away the #:\n"

struct discovery {
    const struct tw_cli *cli;
    struct tw_config *config; // NULL: none
    tw_json *all;             // of --json
    size_t count;
    unsigned named;
    bool unreadable;
};

// ---- what is configured already ----

static bool is_same_node(const struct tw_found *found, const char *port)
{
    char *real = port != NULL ? realpath(port, NULL) : NULL;
    bool same = port != NULL &&
                (strcmp(port, found->node) == 0 || (found->port != NULL && strcmp(port, found->port) == 0) ||
                 (real != NULL && strcmp(real, found->node) == 0));
    free(real);
    return same;
}

static bool is_same_usb(const struct tw_found *found, const struct tw_device_config *device)
{
    return device->usb != NULL && strcasecmp(device->usb, found->usb) == 0 &&
           (device->usb_serial == NULL ||
            (found->serial != NULL && strcmp(device->usb_serial, found->serial) == 0));
}

// The name of the device that is this one, NULL: none.
static const char *configured_as(const struct tw_config *config, const struct tw_found *found)
{
    for (size_t i = 0; config != NULL && i < config->device_count; i++) {
        const struct tw_device_config *device = &config->devices[i];
        if (strcmp(device->transport, found->transport) == 0 &&
            (is_same_node(found, device->port) || (device->port == NULL && is_same_usb(found, device)))) {
            return device->name;
        }
    }
    return NULL;
}

// ---- a line for it ----

// Not in use yet, and not proposed before.
static void choose_name(struct discovery *discovery, const char *class_name, char out[33])
{
    do {
        discovery->named++;
        char number[12] = "";
        if (discovery->named > 1) {
            (void)snprintf(number, sizeof number, "%u", discovery->named);
        }
        (void)snprintf(out, 33, "%s%s", class_name, number);
    } while (discovery->config != NULL && tw_config_device(discovery->config, out) != NULL);
}

// A quoted scalar of YAML 1.2 takes JSON's escapes (section 5.7).
static void write_key(const char *key, const char *value, struct tw_buf *out)
{
    if (value != NULL) {
        tw_buf_printf(out, ", %s: ", key);
        tw_json_dump_text(tw_slice_of(value), out);
    }
}

static void write_line(struct discovery *discovery, const struct tw_found *found, struct tw_buf *out)
{
    char name[33];
    choose_name(discovery, found->class_name, name);
    tw_buf_printf(out, "%s- {name: %s, class: %s, transport: %s", found->may_be_terminal ? "# " : "", name,
                  found->class_name, found->transport);
    if (found->port != NULL) {
        write_key("port", found->port, out);
    } else {
        write_key("usb", found->usb, out);
        write_key("usb_serial", found->serial, out);
    }
    tw_buf_add_text(out, strcmp(found->transport, "serial") == 0  ? ", baud: 9600}"
                         : strcmp(found->transport, "evdev") == 0 ? ", layout: us}"
                                                                  : "}");
}

// ---- telling it ----

static void add_json(struct discovery *discovery, const struct tw_found *found, const char *configured,
                     const char *line)
{
    (void)tw_json_append(discovery->all,
                         tw_json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s?, s:s?, s:b, s:b, s:s?, s:s?}", "class",
                                      found->class_name, "transport", found->transport, "node", found->node,
                                      "port", found->port, "usb", found->usb, "usb_serial", found->serial,
                                      "name", found->name, "readable", found->readable,
                                      "may_be_payment_terminal", found->may_be_terminal, "configured",
                                      configured, "line", line));
}

static void print_found(const struct tw_found *found, const char *configured, const char *line)
{
    (void)printf("%s  ", found->node);
    tw_show_plain(found->name != NULL ? found->name : "(no name)");
    (void)printf(", USB %s%s", found->usb, found->serial != NULL ? ", serial number " : "");
    tw_show_plain(found->serial != NULL ? found->serial : "");
    if (configured != NULL) {
        (void)printf("\n    configured as %s\n", configured);
        return;
    }
    (void)printf("\n%s    ", found->may_be_terminal ? TERMINAL_WARNING : "");
    tw_show_plain(line != NULL ? line : "?");
    (void)printf("\n");
}

static void on_found(void *ctx, const struct tw_found *found)
{
    struct discovery *discovery = ctx;
    const char *configured = configured_as(discovery->config, found);
    struct tw_buf line = {0};
    if (configured == NULL) {
        write_line(discovery, found, &line);
    }
    discovery->count++;
    discovery->unreadable = discovery->unreadable || !found->readable;
    if (discovery->cli->json) {
        add_json(discovery, found, configured, (const char *)line.ptr);
    } else {
        print_found(found, configured, (const char *)line.ptr);
    }
    tw_buf_free(&line);
}

static void print_end(const struct discovery *discovery)
{
    if (discovery->count == 0) {
        (void)printf("Nothing is plugged in that could be a device.\n");
        return;
    }
    (void)printf(
        "\nPaste the lines you want under `devices:` and check the class and, of a serial port, `baud`.\n"
        "A scanner that types needs the `layout` it is set to: us, uk, de or fr.\n");
    if (discovery->unreadable) {
        (void)printf("\n* You may not open some of these yourself. The agent's user may once it is in the "
                     "group\n  tillwire-devices, which udev's rules give them to.\n");
    }
}

static void print_json(const struct discovery *discovery)
{
    struct tw_buf out = {0};
    tw_json_dump(discovery->all, &out);
    (void)printf("{\"found\":%s}\n", out.ptr != NULL ? (const char *)out.ptr : "[]");
    tw_buf_free(&out);
}

// Without a configuration, and none asked for, there is nothing to mark.
static int load_config(struct discovery *discovery)
{
    struct tw_error_text why = {0};
    const char *path = discovery->cli->config != NULL ? discovery->cli->config : TW_CONFIG_DEFAULT_PATH;
    if (discovery->cli->config == NULL && access(path, R_OK) != 0) {
        return TW_EXIT_FINE;
    }
    if (tw_config_load(path, &discovery->config, &why) != TW_OK) {
        (void)fprintf(stderr, "tillwire: %s\n", why.text);
        return TW_EXIT_USAGE;
    }
    return TW_EXIT_FINE;
}

int tw_devices_discover(const struct tw_cli *cli)
{
    struct discovery discovery = {.cli = cli};
    struct tw_error_text why = {0};
    int result = load_config(&discovery);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    discovery.all = tw_json_pack("[]");
    if (tw_discover(on_found, &discovery, &why) != TW_OK) {
        (void)fprintf(stderr, "tillwire: %s\n", why.text);
        discovery.count = 0;
    } else if (cli->json) {
        print_json(&discovery);
    } else {
        print_end(&discovery);
    }
    tw_json_free(discovery.all);
    tw_config_free(discovery.config);
    return discovery.count > 0 ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}
