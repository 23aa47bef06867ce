// SPDX-License-Identifier: Apache-2.0
#include "agent/config/check.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/lines.h"

#define MAX_DEVICES 64

// ---- where a value came from, for errors ----

// "FILE:LINE" of the last file that has `key` with `value`.
const char *tw_config_place(const struct tw_config_memory *memory, const char *key, const char *value,
                            char out[512])
{
    for (size_t i = memory->file_count; i > 0; i--) {
        const char *path = memory->files[i - 1].path;
        unsigned line = tw_file_line(path, key, value, 1);
        if (line > 0) {
            (void)snprintf(out, 512, "%.480s:%u", path, line);
            return out;
        }
    }
    (void)snprintf(out, 512, "%.500s", memory->files[0].path);
    return out;
}

int tw_config_bad_value(const struct tw_config_memory *memory, const char *key, const char *value,
                        const char *remedy)
{
    char where[512];
    return tw_fail(memory->err, TW_ERR_INVALID, "%s: key '%s' has the value '%s': %s",
                   tw_config_place(memory, key, value, where), key, value, remedy);
}

static int missing(const struct tw_config_memory *memory, const char *key, const char *remedy)
{
    return tw_fail(memory->err, TW_ERR_INVALID, "%s: required key '%s' is missing; %s", memory->files[0].path,
                   key, remedy);
}

// ---- checks the schema cannot make ----

// [A-Za-z0-9_] and those of `also`, 1 to 32 characters.
static bool is_identifier(const char *text, const char *also)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && strchr(also, text[i]) == NULL) {
            return false;
        }
    }
    return len >= 1 && len <= 32;
}

static int check_identifier(const struct tw_config_memory *memory, const char *key, const char *value)
{
    static const char remedy[] =
        "use 1 to 32 letters, digits and underscores, in quotes when it begins with 0";
    if (value == NULL) {
        return missing(memory, key, remedy);
    }
    return is_identifier(value, "") ? TW_OK : tw_config_bad_value(memory, key, value, remedy);
}

static int check_names(const struct tw_config_memory *memory, const struct tw_config *config)
{
    int rc = check_identifier(memory, "tenant", config->tenant);
    rc = rc != TW_OK ? rc : check_identifier(memory, "store", config->store);
    rc = rc != TW_OK ? rc : check_identifier(memory, "terminal", config->terminal);
    if (rc != TW_OK) {
        return rc;
    }
    if (config->currency == NULL) {
        return missing(memory, "currency", "name it by its ISO 4217 code, such as EUR");
    }
    const char *c = config->currency;
    if (strlen(c) != 3 || !isupper((unsigned char)c[0]) || !isupper((unsigned char)c[1]) ||
        !isupper((unsigned char)c[2])) {
        return tw_config_bad_value(memory, "currency", c, "use three capital letters, ISO 4217");
    }
    if (config->timezone != NULL) {
        char path[512];
        (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%.400s", config->timezone);
        FILE *zone = strstr(config->timezone, "..") == NULL ? fopen(path, "re") : NULL;
        if (zone == NULL) {
            return tw_config_bad_value(
                memory, "timezone", config->timezone,
                "use a name of the IANA time zone database, such as Europe/Berlin (package tzdata)");
        }
        (void)fclose(zone);
    }
    return TW_OK;
}

// "host:port" or "[v6]:port".
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0') {
        return false;
    }
    char *end = NULL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    return *end == '\0' && isdigit((unsigned char)colon[1]) && port <= 65535;
}

static bool is_loopback(const char *text)
{
    return strncmp(text, "127.", 4) == 0 || strncmp(text, "localhost:", 10) == 0 ||
           strncmp(text, "[::1]:", 6) == 0;
}

static int device_needs(const struct tw_config_memory *memory, const struct tw_device_config *device,
                        const char *key, const char *value)
{
    char where[512];
    if (value != NULL) {
        return TW_OK;
    }
    return tw_fail(memory->err, TW_ERR_INVALID,
                   "%s: device '%s' (class %s, transport %s) needs the key '%s'; add it",
                   tw_config_place(memory, "name", device->name, where), device->name, device->class_name,
                   device->transport, key);
}

static int check_address(const struct tw_config_memory *memory, const char *key, const char *value,
                         const char *remedy)
{
    return is_address(value) ? TW_OK : tw_config_bad_value(memory, key, value, remedy);
}

// Keys with a few possible values; the first of each is what holds when nothing is said.
static int check_words(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    bool is_relay = strcmp(device->class_name, "tap") == 0 && device->forward != NULL; // it minds DSR itself
    const struct {
        const char *key, *value, *words, *remedy;
    } keys[] = {
        {"parity", device->parity, " none even odd mark space ", "use none, even, odd, mark or space"},
        {"flow", device->flow, is_relay ? " none rtscts xonxoff dtrdsr " : " none rtscts xonxoff ",
         is_relay ? "use none, rtscts, xonxoff or dtrdsr" : "use none, rtscts or xonxoff"},
        {"layout", device->layout, " us uk de fr ", "use us, uk, de or fr, as the scanner is set"},
        {"code_id", device->code_id, " honeywell zebra datalogic ", "use honeywell, zebra or datalogic"},
        {"protocol", device->protocol, " escpos cd5220 ", "use escpos or cd5220, as the display is set"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char word[32];
        (void)snprintf(word, sizeof word, " %s ", keys[i].value != NULL ? keys[i].value : "");
        if (keys[i].value != NULL && (strlen(keys[i].value) > 20 || strchr(keys[i].value, ' ') != NULL ||
                                      strstr(keys[i].words, word) == NULL)) {
            return tw_config_bad_value(memory, keys[i].key, keys[i].value, keys[i].remedy);
        }
    }
    return TW_OK;
}

// What scanners put around codes is a few characters; one that types ends with Enter or Tab.
static int check_frame(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    const char *suffix = device->suffix;
    if (device->prefix != NULL && strlen(device->prefix) > 8) {
        return tw_config_bad_value(memory, "prefix", device->prefix, "use at most 8 bytes");
    }
    if (suffix != NULL && strlen(suffix) > 8) {
        return tw_config_bad_value(memory, "suffix", suffix, "use at most 8 bytes");
    }
    if (suffix != NULL && strcmp(device->transport, "evdev") == 0 && strcmp(suffix, "\r") != 0 &&
        strcmp(suffix, "\t") != 0) {
        return tw_config_bad_value(memory, "suffix", suffix, "use \"\\r\" for Enter or \"\\t\" for Tab");
    }
    return TW_OK;
}

static int check_number(const struct tw_config_memory *memory, const char *key, unsigned value,
                        unsigned least, unsigned most)
{
    char text[16];
    char remedy[48];
    if (value == 0 || (value >= least && value <= most)) {
        return TW_OK;
    }
    (void)snprintf(text, sizeof text, "%u", value);
    (void)snprintf(remedy, sizeof remedy, "use %u to %u", least, most);
    return tw_config_bad_value(memory, key, text, remedy);
}

// Form only: hexadecimal digits, as lsusb prints them.
static bool is_usb(const char *text)
{
    return strlen(text) == 9 && strspn(text, "0123456789abcdefABCDEF") == 4 && text[4] == ':' &&
           strspn(text + 5, "0123456789abcdefABCDEF") == 4;
}

static int check_usb(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    bool port_is_enough = strcmp(device->transport, "hidraw") == 0 && device->port != NULL;
    int rc = port_is_enough ? TW_OK : device_needs(memory, device, "usb", device->usb);
    if (rc == TW_OK && device->usb != NULL && !is_usb(device->usb)) {
        rc = tw_config_bad_value(memory, "usb", device->usb,
                                 "write vendor and product in hex, in quotes, such as \"0c2e:0b61\" (lsusb)");
    }
    return rc;
}

static int check_serial(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    // The agent finds a port by its device's numbers; a relay opens the one it is told.
    int rc = device->usb != NULL && device->port == NULL && device->forward == NULL
                 ? check_usb(memory, device)
                 : device_needs(memory, device, "port", device->port);
    rc = rc != TW_OK ? rc : device_needs(memory, device, "baud", device->baud != 0 ? "" : NULL);
    if (rc == TW_OK && device->forward != NULL && strcmp(device->forward, device->port) == 0) {
        rc = tw_config_bad_value(memory, "forward", device->forward,
                                 "it is the till's port; name the printer's");
    }
    // The link to a board carries every byte value; a relay between two ports takes the till's settings.
    bool board = strcmp(device->class_name, "tap") == 0 && device->forward == NULL;
    rc = rc != TW_OK ? rc : check_number(memory, "bits", device->bits, board ? 8 : 5, 8);
    if (rc == TW_OK && board && device->flow != NULL && strcmp(device->flow, "xonxoff") == 0) {
        rc = tw_config_bad_value(memory, "flow", device->flow, "a tap's line is binary; use none or rtscts");
    }
    return rc != TW_OK ? rc : check_number(memory, "stop", device->stop, 1, 2);
}

static int check_relay(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    int rc = device_needs(memory, device, "listen", device->listen);
    rc = rc != TW_OK ? rc : device_needs(memory, device, "forward", device->forward);
    rc = rc != TW_OK
             ? rc
             : check_address(memory, "listen", device->listen, "write host:port, such as 127.0.0.1:9100");
    return rc != TW_OK ? rc
                       : check_address(memory, "forward", device->forward, "write host:port of the printer");
}

// A board behind a server of serial ports, where a relay would have `listen` and `forward`.
static int check_far_board(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    if (device->listen != NULL || device->forward != NULL) {
        return tw_config_bad_value(memory, "connect", device->connect,
                                   "it is for a board at the other end; a relay has `listen` and `forward` "
                                   "alone");
    }
    return check_address(memory, "connect", device->connect,
                         "write the address in numbers and the port, such as 192.0.2.20:4001");
}

static int check_board_socket(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    int rc = device_needs(memory, device, "path", device->path);
    if (rc == TW_OK && device->path[0] != '/') {
        rc = tw_config_bad_value(memory, "path", device->path,
                                 "write the whole path of the socket, from / on");
    }
    if (rc == TW_OK && device->forward != NULL) {
        rc = tw_config_bad_value(memory, "forward", device->forward,
                                 "a relay uses transport 'tcp' or 'serial'");
    }
    return rc;
}

// What is no tap, and how it may be reached.
struct peripheral {
    const char *class_name, *transports, *remedy;
};

static const struct peripheral *find_peripheral(const char *class_name)
{
    static const struct peripheral peripherals[] = {
        {"scanner", " serial tcp hidraw evdev ",
         "a scanner uses 'serial', 'tcp', 'hidraw' (HID POS) or 'evdev' (keyboard)"},
        {"stripe", " serial hidraw evdev ",
         "a reader of magnetic stripes uses 'serial', 'hidraw' or 'evdev' (keyboard)"},
        {"display", " serial tcp ", "a display uses 'serial' or 'tcp'"},
        {"poslog", " directory ", "a till's sales log is read from a 'directory'"},
    };
    for (size_t i = 0; i < sizeof peripherals / sizeof peripherals[0]; i++) {
        if (strcmp(class_name, peripherals[i].class_name) == 0) {
            return &peripherals[i];
        }
    }
    return NULL;
}

// The text for people: columns of the display, which has 20.
static int check_columns(const struct tw_config_memory *memory, const char *key, const char *value,
                         size_t most)
{
    size_t columns = 0;
    char remedy[64];
    for (const char *at = value; at != NULL && *at != '\0'; at++) {
        columns += ((uint8_t)*at & 0xc0) != 0x80; // RFC 3629: not the rest of a character
        columns += (uint8_t)*at < ' ' ? most : 0;
    }
    (void)snprintf(remedy, sizeof remedy, "use at most %zu characters, and no line breaks", most);
    return columns <= most ? TW_OK : tw_config_bad_value(memory, key, value, remedy);
}

static int check_display(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    if (device->greeting && strcmp(device->class_name, "display") != 0) {
        return tw_config_bad_value(memory, "greeting", "true", "only a device of class display greets");
    }
    int rc = check_columns(memory, "text", device->text, 20);
    return rc != TW_OK ? rc : check_columns(memory, "points", device->points, 10);
}

static int check_directory(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    int rc = device_needs(memory, device, "path", device->path);
    if (rc == TW_OK && device->path[0] != '/') {
        rc = tw_config_bad_value(memory, "path", device->path,
                                 "write the whole path of the folder, from / on");
    }
    return rc != TW_OK ? rc : check_number(memory, "rescan_s", device->rescan_s, 1, 3600);
}

static int check_peripheral(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    if (strcmp(device->transport, "tcp") == 0) {
        int rc = device_needs(memory, device, "connect", device->connect);
        return rc != TW_OK
                   ? rc
                   : check_address(memory, "connect", device->connect,
                                   "write the address in numbers and the port, such as 192.0.2.20:4001");
    }
    if (strcmp(device->transport, "hidraw") == 0 || strcmp(device->transport, "evdev") == 0) {
        return check_usb(memory, device);
    }
    if (strcmp(device->transport, "directory") == 0) {
        return check_directory(memory, device);
    }
    return TW_OK;
}

static int check_transport(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    int rc = check_words(memory, device);
    rc = rc != TW_OK ? rc : check_frame(memory, device);
    rc = rc != TW_OK ? rc : check_display(memory, device);
    rc = rc != TW_OK ? rc : tw_config_check_lines(memory, device);
    if (rc != TW_OK) {
        return rc;
    }
    const struct peripheral *peripheral = find_peripheral(device->class_name);
    char transport[32];
    (void)snprintf(transport, sizeof transport, " %.29s ", device->transport);
    if (peripheral != NULL && strstr(peripheral->transports, transport) == NULL) {
        return tw_config_bad_value(memory, "transport", device->transport, peripheral->remedy);
    }
    if (strcmp(device->transport, "serial") == 0) {
        return check_serial(memory, device);
    }
    if (peripheral != NULL) {
        return check_peripheral(memory, device);
    }
    if (strcmp(device->transport, "tcp") == 0) {
        return device->connect != NULL ? check_far_board(memory, device) : check_relay(memory, device);
    }
    if (strcmp(device->transport, "unix") == 0) {
        return check_board_socket(memory, device);
    }
    return tw_config_bad_value(memory, "transport", device->transport,
                               "a tap uses 'serial' or 'tcp', or 'unix' where its board has a socket");
}

static int check_device(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    if (!is_identifier(device->name, "-")) {
        return tw_config_bad_value(memory, "name", device->name, "use 1 to 32 letters, digits, '_' and '-'");
    }
    char where[512];
    if (device->class_name == NULL || device->transport == NULL) {
        return tw_fail(memory->err, TW_ERR_INVALID, "%s: device '%s' needs the key '%s'; add it",
                       tw_config_place(memory, "name", device->name, where), device->name,
                       device->class_name == NULL ? "class" : "transport");
    }
    if (strcmp(device->class_name, "tap") != 0 && find_peripheral(device->class_name) == NULL) {
        return tw_config_bad_value(memory, "class", device->class_name,
                                   "this version knows 'tap', 'scanner', 'stripe', 'display' and 'poslog'");
    }
    int rc = check_number(memory, "silence_s", device->silence_s, 5, 86400);
    if (rc != TW_OK) {
        return rc;
    }
    if (device->workstation != NULL && !is_identifier(device->workstation, "")) {
        return tw_config_bad_value(memory, "workstation", device->workstation,
                                   "use 1 to 32 letters, digits and underscores");
    }
    return check_transport(memory, device);
}

static int check_loyalty(const struct tw_config_memory *memory, const struct tw_config *config)
{
    for (size_t i = 0; i < config->loyalty.card_count; i++) {
        const struct tw_card_rule *card = &config->loyalty.cards[i];
        if (card->scheme == NULL || !is_identifier(card->scheme, "-")) {
            return missing(memory, "loyalty.cards.scheme",
                           "each card needs a scheme of letters, digits, '_' and '-'");
        }
        if (card->pattern == NULL || card->pattern[0] == '\0') {
            return missing(memory, "loyalty.cards.pattern", "each card needs a pattern (PCRE2)");
        }
        if (card->check != NULL && strcmp(card->check, "luhn") != 0 && strcmp(card->check, "gtin") != 0) {
            return tw_config_bad_value(memory, "check", card->check, "use 'luhn' or 'gtin', or leave it out");
        }
    }
    if (config->loyalty.card_count > 0 && config->loyalty.pseudonym_key == NULL) {
        return missing(memory, "loyalty.pseudonym_key",
                       "name the tenant's key file; cards are kept by pseudonym only");
    }
    return TW_OK;
}

// The value may hold a password: it is not repeated. The rest of it is checked where it is used.
static int check_way(const struct tw_config_memory *memory, const struct tw_config *config)
{
    static const char scheme[] = "socks5://";
    char where[512];
    const char *alpn = config->uplink.alpn;
    if (config->uplink.proxy != NULL && strncmp(config->uplink.proxy, scheme, sizeof scheme - 1) != 0) {
        return tw_fail(memory->err, TW_ERR_INVALID,
                       "%s: key 'proxy' is not of a kind this version speaks; write socks5://HOST:PORT or "
                       "socks5://USER:PASSWORD@HOST:PORT",
                       tw_config_place(memory, "proxy", config->uplink.proxy, where));
    }
    if (alpn != NULL && (strlen(alpn) > 255 || strpbrk(alpn, " \t\r\n") != NULL)) {
        return tw_config_bad_value(memory, "alpn", alpn,
                                   "name one protocol without spaces, as the load balancer knows it");
    }
    return TW_OK;
}

static int check_uplink(const struct tw_config_memory *memory, const struct tw_config *config)
{
    const struct {
        const char *key, *value, *remedy;
    } required[] = {
        {"uplink.url", config->uplink.url, "write mqtts://HOST:PORT of the broker"},
        {"uplink.ca", config->uplink.ca,
         "name the PEM file of the authority that signed the broker's certificate"},
        {"uplink.cert", config->uplink.cert, "name this terminal's certificate (PEM)"},
        {"uplink.key", config->uplink.key, "name this terminal's private key (PEM)"},
    };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (required[i].value == NULL) {
            return missing(memory, required[i].key, required[i].remedy);
        }
    }
    if (strncmp(config->uplink.url, "mqtts://", 8) != 0 || config->uplink.url[8] == '\0') {
        return tw_config_bad_value(memory, "url", config->uplink.url,
                                   "write mqtts://HOST:PORT; MQTT without TLS is not offered");
    }
    return check_way(memory, config);
}

int tw_config_check(const struct tw_config_memory *memory, const struct tw_config *config)
{
    int rc = check_names(memory, config);
    for (size_t i = 0; rc == TW_OK && i < config->device_count; i++) {
        rc = check_device(memory, &config->devices[i]);
    }
    rc = rc != TW_OK ? rc : check_loyalty(memory, config);
    rc = rc != TW_OK ? rc : check_uplink(memory, config);
    if (rc == TW_OK && config->device_count > MAX_DEVICES) {
        rc = tw_fail(memory->err, TW_ERR_TOO_LARGE, "%s: more than %d devices; split the terminal",
                     memory->files[0].path, MAX_DEVICES);
    }
    if (rc == TW_OK && config->desk.listen != NULL &&
        (!is_address(config->desk.listen) || !is_loopback(config->desk.listen))) {
        rc = tw_config_bad_value(
            memory, "listen", config->desk.listen,
            "write a loopback address with a port, such as 127.0.0.1:8787; the desk has no sign-in");
    }
    return rc;
}
