// SPDX-License-Identifier: Apache-2.0
//
// agent/config: what is accepted, how files merge, and that every error names file, line and key.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "tillwire/config.h"

static const char GOOD[] =
    "tenant: acme\n"
    "store: \"0042\"\n"
    "terminal: \"07\"\n"
    "currency: EUR\n"
    "timezone: Europe/Berlin\n"
    "state_dir: state\n"
    "run_dir: /run/tw\n"
    "devices:\n"
    "  - {name: printer, class: tap, transport: tcp, listen: \"127.0.0.1:9100\",\n"
    "     forward: \"192.0.2.10:9100\", profile: generic}\n"
    "  - {name: scanner, class: scanner, transport: serial, port: /dev/ttyS0, baud: 9600}\n"
    "loyalty:\n"
    "  pseudonym_key: pseudonym.key\n"
    "  cards: [{scheme: club, pattern: '^6009200\\d{9}$', check: luhn}]\n"
    "journal: {max_bytes: 2GiB, reserve_bytes: 64MiB, key: journal.key}\n"
    "uplink: {url: \"mqtts://broker.example:8883\", ca: ca.pem, cert: terminal.pem,\n"
    "         key: terminal.key, ack: central}\n"
    "desk: {listen: \"127.0.0.1:8787\"}\n";

struct folder {
    char path[64];
    char main[128];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/tw-config-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->main, sizeof folder->main, "%s/tillwire.yaml", folder->path);
    *state = folder;
    return 0;
}

static int drop_folder(void **state)
{
    struct folder *folder = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
    int rc = system(command); // NOLINT(cert-env33-c): a test's own temporary folder
    free(folder);
    return rc;
}

static void put(const struct folder *folder, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct tw_config *load_good(const struct folder *folder)
{
    struct tw_config *config = NULL;
    struct tw_error_text err = {0};
    if (tw_config_load(folder->main, &config, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    return config;
}

static void the_documented_example_is_read(void **state)
{
    const struct folder *folder = *state;
    put(folder, "tillwire.yaml", GOOD);
    struct tw_config *config = load_good(folder);
    assert_string_equal(config->store, "0042");
    assert_string_equal(config->currency, "EUR");
    assert_int_equal(config->device_count, 2);
    assert_string_equal(tw_config_device(config, "printer")->forward, "192.0.2.10:9100");
    assert_int_equal(tw_config_device(config, "scanner")->baud, 9600);
    assert_null(tw_config_device(config, "nobody"));
    assert_int_equal(config->loyalty.card_count, 1);
    assert_string_equal(config->loyalty.cards[0].pattern, "^6009200\\d{9}$");
    assert_int_equal(config->journal.max_bytes, 2ULL << 30);
    assert_int_equal(config->journal.reserve_bytes, 64ULL << 20);
    assert_int_equal(config->uplink.ack, TW_ACK_CENTRAL);
    char expected[256];
    (void)snprintf(expected, sizeof expected, "%s/ca.pem", folder->path);
    assert_string_equal(config->uplink.ca, expected);
    (void)snprintf(expected, sizeof expected, "%s/state", folder->path);
    assert_string_equal(config->state_dir, expected);
    (void)snprintf(expected, sizeof expected, "%s/journal.key", folder->path);
    assert_string_equal(config->journal.key, expected);
    tw_config_free(config);
}

// Later files win: maps merge by key, devices by name, other lists replace.
static void conf_d_merges(void **state)
{
    const struct folder *folder = *state;
    char sub[128];
    (void)snprintf(sub, sizeof sub, "%s/conf.d", folder->path);
    assert_int_equal(mkdir(sub, 0700), 0);
    put(folder, "tillwire.yaml", GOOD);
    put(folder, "conf.d/10-site.yaml",
        "terminal: \"08\"\nuplink: {ack: broker, ca: site.pem}\n"
        "devices:\n  - {name: printer, forward: \"192.0.2.99:9100\"}\n"
        "  - {name: second, class: scanner, transport: serial, port: /dev/ttyS1, baud: 115200}\n");
    put(folder, "conf.d/20-cards.yaml",
        "loyalty:\n  cards: [{scheme: a, pattern: '^1'}, {scheme: b, pattern: '^2', check: gtin}]\n");
    put(folder, "conf.d/30-empty.yaml", "# nothing here\n");
    struct tw_config *config = load_good(folder);
    assert_string_equal(config->terminal, "08");
    assert_string_equal(config->store, "0042");
    assert_int_equal(config->uplink.ack, TW_ACK_BROKER);
    assert_non_null(strstr(config->uplink.ca, "/conf.d/site.pem"));
    assert_int_equal(config->device_count, 3);
    const struct tw_device_config *printer = tw_config_device(config, "printer");
    assert_string_equal(printer->forward, "192.0.2.99:9100");
    assert_string_equal(printer->listen, "127.0.0.1:9100");
    assert_int_equal(config->loyalty.card_count, 2);
    assert_string_equal(config->loyalty.cards[1].scheme, "b");
    tw_config_free(config);
}

// Replaces the first occurrence of `from` in the good example.
static void put_changed(const struct folder *folder, const char *from, const char *to)
{
    const char *at = strstr(GOOD, from);
    assert_non_null(at);
    char text[4096];
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
    put(folder, "tillwire.yaml", text);
}

static void the_way_to_the_broker_is_read_and_its_password_kept_secret(void **state)
{
    const struct folder *folder = *state;
    put(folder, "tillwire.yaml", GOOD);
    struct tw_config *config = load_good(folder);
    assert_null(config->uplink.proxy);
    assert_null(config->uplink.alpn);
    tw_config_free(config);
    put_changed(folder, "ack: central", "proxy: \"socks5://a:b@proxy:1080\", alpn: mqtt");
    config = load_good(folder);
    assert_string_equal(config->uplink.proxy, "socks5://a:b@proxy:1080");
    assert_string_equal(config->uplink.alpn, "mqtt");
    tw_config_free(config);
    struct tw_error_text err = {0};
    put_changed(folder, "ack: central", "proxy: \"http://store:s3cret@proxy:3128\"");
    assert_int_equal(tw_config_load(folder->main, &config, &err), TW_ERR_INVALID);
    assert_null(strstr(err.text, "s3cret"));
}

// What the four kinds of scanner are told.
static void scanners_of_every_kind_are_read(void **state)
{
    const struct folder *folder = *state;
    put_changed(
        folder, "baud: 9600",
        "baud: 9600, bits: 7, stop: 2, parity: even, flow: rtscts, prefix: \"\\x02\", suffix: \"\\r\\n\", "
        "code_id: zebra}\n"
        "  - {name: net, class: scanner, transport: tcp, connect: \"192.0.2.20:4001\"}\n"
        "  - {name: pos, class: scanner, transport: hidraw, usb: \"0c2e:0b61\", usb_serial: S1}\n"
        "  - {name: node, class: scanner, transport: hidraw, port: /dev/hidraw0}\n"
        "  - {name: usb, class: scanner, transport: serial, usb: \"0c2e:0b61\", usb_serial: S2, baud: 9600, "
        "silence_s: 600}\n"
        "  - {name: keys, class: scanner, transport: evdev, usb: \"05e0:1200\", layout: de");
    struct tw_config *config = load_good(folder);
    const struct tw_device_config *scanner = tw_config_device(config, "scanner");
    assert_int_equal(scanner->bits, 7);
    assert_int_equal(scanner->stop, 2);
    assert_string_equal(scanner->parity, "even");
    assert_string_equal(scanner->flow, "rtscts");
    assert_string_equal(scanner->prefix, "\x02");
    assert_string_equal(scanner->suffix, "\r\n");
    assert_string_equal(scanner->code_id, "zebra");
    assert_string_equal(tw_config_device(config, "net")->connect, "192.0.2.20:4001");
    assert_string_equal(tw_config_device(config, "pos")->usb, "0c2e:0b61");
    assert_string_equal(tw_config_device(config, "pos")->usb_serial, "S1");
    assert_string_equal(tw_config_device(config, "node")->port, "/dev/hidraw0");
    assert_string_equal(tw_config_device(config, "keys")->layout, "de");
    assert_null(tw_config_device(config, "usb")->port);
    assert_string_equal(tw_config_device(config, "usb")->usb_serial, "S2");
    assert_int_equal(tw_config_device(config, "usb")->silence_s, 600);
    assert_int_equal(scanner->silence_s, 0);
    tw_config_free(config);
}

// P8: the error names file, line and key, and nothing is loaded.
struct wrong {
    const char *from, *to, *place, *key;
};

static void expect_places(const struct folder *folder, const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tw_config *config = NULL;
        struct tw_error_text err = {0};
        put_changed(folder, cases[i].from, cases[i].to);
        assert_true(tw_config_load(folder->main, &config, &err) < 0);
        assert_null(config);
        if (strstr(err.text, cases[i].place) == NULL || strstr(err.text, cases[i].key) == NULL) {
            fail_msg("case %zu: '%s' lacks '%s' or '%s'", i, err.text, cases[i].place, cases[i].key);
        }
    }
}

static void errors_of_displays_and_stripes_name_the_place(void **state)
{
    static const struct wrong cases[] = {
        {"class: scanner, transport: serial", "class: display, transport: hidraw",
         "tillwire.yaml:11:", "'transport'"},
        {"class: scanner, transport: serial", "class: stripe, transport: unix",
         "tillwire.yaml:11:", "'transport'"},
        {"class: scanner, transport: serial", "class: stripe, transport: evdev",
         "tillwire.yaml:11:", "'usb'"},
        {"class: scanner, transport: serial", "class: display, transport: tcp",
         "tillwire.yaml:11:", "'connect'"},
        {"baud: 9600", "baud: 9600, greeting: true", "tillwire.yaml:11:", "'greeting'"},
        {"baud: 9600", "baud: 9600, greeting: always", "tillwire.yaml:11:", "'greeting'"},
        {"baud: 9600", "baud: 9600, text: \"Schön, Sie zu sehen!!\"", "tillwire.yaml:11:", "'text'"},
        {"baud: 9600", "baud: 9600, points: \"a\\tb\"", "tillwire.yaml:", "'points'"},
        {"baud: 9600", "baud: 9600, points: elevenchars", "tillwire.yaml:11:", "'points'"},
        {"baud: 9600", "baud: 9600, protocol: morse", "tillwire.yaml:11:", "'protocol'"},
    };
    expect_places(*state, cases, sizeof cases / sizeof cases[0]);
}

static void errors_of_folders_name_the_place(void **state)
{
    static const struct wrong cases[] = {
        {"class: scanner, transport: serial", "class: poslog, transport: serial",
         "tillwire.yaml:11:", "'transport'"},
        {"class: scanner, transport: serial", "class: poslog, transport: directory",
         "tillwire.yaml:11:", "'path'"},
        {"class: scanner, transport: serial", "class: poslog, path: pos, transport: directory",
         "tillwire.yaml:11:", "'path'"},
        {"class: scanner, transport: serial",
         "class: poslog, path: /pos, rescan_s: 3601, transport: directory",
         "tillwire.yaml:11:", "'rescan_s'"},
    };
    expect_places(*state, cases, sizeof cases / sizeof cases[0]);
}

static void a_folder_is_configured(void **state)
{
    const struct folder *folder = *state;
    put_changed(folder, "class: scanner, transport: serial",
                "class: poslog, transport: directory, path: /var/spool/pos/poslog, rescan_s: 30");
    struct tw_config *config = load_good(folder);
    const struct tw_device_config *device = tw_config_device(config, "scanner");
    assert_string_equal(device->path, "/var/spool/pos/poslog");
    assert_int_equal(device->rescan_s, 30);
    tw_config_free(config);
}

static void errors_name_the_place(void **state)
{
    static const struct wrong cases[] = {
        {"currency: EUR\n", "curency: EUR\n", "tillwire.yaml:4:", "'curency'"},
        {"currency: EUR\n", "", "tillwire.yaml:", "'currency'"},
        {"currency: EUR\n", "currency: euro\n", "tillwire.yaml:4:", "'currency'"},
        {"store: \"0042\"", "store: \"00 42\"", "tillwire.yaml:2:", "'store'"},
        {"tenant: acme", "tenant: a/b", "tillwire.yaml:1:", "'tenant'"},
        {"tenant: acme", "tenant: [a]", "tillwire.yaml:1:", "'tenant'"},
        {"timezone: Europe/Berlin", "timezone: Europe/Nowhere", "tillwire.yaml:5:", "'timezone'"},
        {"baud: 9600", "baud: fast", "tillwire.yaml:11:", "fast"},
        {"baud: 9600", "bauds: 9600", "tillwire.yaml:11:", "'bauds'"},
        {", baud: 9600", "", "tillwire.yaml:11:", "'baud'"},
        {"baud: 9600", "baud: 9600, bits: 9", "tillwire.yaml:11:", "'bits'"},
        {"class: scanner", "class: tap, bits: 7", "tillwire.yaml:11:", "'bits'"},
        {"class: scanner", "class: tap, flow: xonxoff", "tillwire.yaml:11:", "'flow'"},
        {"baud: 9600", "baud: 9600, stop: 3", "tillwire.yaml:11:", "'stop'"},
        {"baud: 9600", "baud: 9600, parity: maybe", "tillwire.yaml:11:", "'parity'"},
        {"baud: 9600", "baud: 9600, flow: dtr", "tillwire.yaml:11:", "'flow'"},
        {"baud: 9600", "baud: 9600, code_id: acme", "tillwire.yaml:11:", "'code_id'"},
        {"transport: serial", "transport: tcp", "tillwire.yaml:11:", "'connect'"},
        {"transport: serial", "transport: tcp, connect: \"192.0.2.20\"", "tillwire.yaml:11:", "'connect'"},
        {"transport: serial", "transport: evdev", "tillwire.yaml:11:", "'usb'"},
        {"transport: serial", "transport: evdev, usb: \"0c2e-0b61\"", "tillwire.yaml:11:", "'usb'"},
        {"transport: serial", "transport: evdev, usb: \"0c2e:0b61\", layout: xx",
         "tillwire.yaml:11:", "'layout'"},
        {"baud: 9600", "baud: 9600, prefix: abcdefghi", "tillwire.yaml:11:", "'prefix'"},
        {"baud: 9600", "baud: 9600, suffix: abcdefghi", "tillwire.yaml:11:", "'suffix'"},
        {"transport: serial", "transport: evdev, usb: \"0c2e:0b61\", suffix: x",
         "tillwire.yaml:11:", "'suffix'"},
        {"transport: serial", "transport: smoke", "tillwire.yaml:11:", "'transport'"},
        {"baud: 9600", "baud: 9600, silence_s: 4", "tillwire.yaml:11:", "'silence_s'"},
        {"baud: 9600", "baud: 9600, silence_s: 86401", "tillwire.yaml:11:", "'silence_s'"},
        {"port: /dev/ttyS0", "usb_serial: S1", "tillwire.yaml:11:", "'port'"},
        {"port: /dev/ttyS0", "usb: \"0c2e\"", "tillwire.yaml:11:", "'usb'"},
        {"class: scanner, transport: serial, port: /dev/ttyS0",
         "class: tap, transport: serial, usb: \"0c2e:0b61\", forward: /dev/ttyS0",
         "tillwire.yaml:11:", "'port'"},
        {"baud: 9600", "baud: 9600, flow: dtrdsr", "tillwire.yaml:11:", "'flow'"},
        {"class: scanner, transport: serial, port: /dev/ttyS0",
         "class: tap, transport: serial, port: /dev/ttyS0, forward: /dev/ttyS0",
         "tillwire.yaml:11:", "'forward'"},
        {"class: scanner", "class: scaner", "tillwire.yaml:11:", "'class'"},
        {"transport: tcp", "transport: smoke", "tillwire.yaml:9:", "'transport'"},
        {"forward: \"192.0.2.10:9100\"", "forward: \"192.0.2.10\"", "tillwire.yaml:10:", "'forward'"},
        {"max_bytes: 2GiB", "max_bytes: lots", "tillwire.yaml:15:", "'max_bytes'"},
        {"key: journal.key", "key: [journal.key]", "tillwire.yaml:15:", "'key'"},
        {"  pseudonym_key: pseudonym.key\n", "", "tillwire.yaml:", "pseudonym_key"},
        {"url: \"mqtts:", "url: \"mqtt:", "tillwire.yaml:16:", "'url'"},
        {"ca: ca.pem, ", "", "tillwire.yaml:", "'uplink.ca'"},
        {"ack: central", "ack: maybe", "tillwire.yaml:17:", "'ack'"},
        {"ack: central", "proxy: \"http://a:b@proxy:3128\"", "tillwire.yaml:17:", "'proxy'"},
        {"ack: central", "alpn: \"mqtt http\"", "tillwire.yaml:17:", "'alpn'"},
        {"desk: {listen: \"127.0.0.1:8787\"}", "desk: {listen: \"0.0.0.0:8787\"}",
         "tillwire.yaml:18:", "'listen'"},
        {"{name: scanner,", "{", "tillwire.yaml:8:", "'name'"},
    };
    expect_places(*state, cases, sizeof cases / sizeof cases[0]);
}

static void a_display_may_greet(void **state)
{
    const struct folder *folder = *state;
    put_changed(folder, "class: scanner,",
                "class: display, greeting: true, text: \"Schön, Sie zu sehen!\", points: Pünktchen!, "
                "protocol: cd5220,");
    struct tw_config *config = load_good(folder);
    const struct tw_device_config *display = tw_config_device(config, "scanner");
    assert_true(display->greeting);
    assert_string_equal(display->text, "Schön, Sie zu sehen!");
    assert_string_equal(display->points, "Pünktchen!");
    assert_string_equal(display->protocol, "cd5220");
    tw_config_free(config);
    put_changed(folder, "class: scanner,", "class: display,");
    config = load_good(folder);
    assert_false(tw_config_device(config, "scanner")->greeting);
    tw_config_free(config);
}

// A serial tap with `forward` is the relay's, one without is a board that speaks the tap link.
static void a_serial_tap_may_stand_between_two_ports(void **state)
{
    const struct folder *folder = *state;
    static const char *const flows[] = {"none", "rtscts", "dtrdsr", "xonxoff"};
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        char device[128];
        (void)snprintf(device, sizeof device,
                       "class: tap, transport: serial, port: /dev/ttyS0, forward: /dev/ttyS1, flow: %s",
                       flows[i]);
        put_changed(folder, "class: scanner, transport: serial, port: /dev/ttyS0", device);
        struct tw_config *config = load_good(folder);
        assert_string_equal(tw_config_device(config, "scanner")->forward, "/dev/ttyS1");
        assert_string_equal(tw_config_device(config, "scanner")->flow, flows[i]);
        tw_config_free(config);
    }
}

#define SCANNER "{name: scanner, class: scanner, transport: serial, port: /dev/ttyS0, baud: 9600"

// A board may be reached in three ways, and has lines of its own.
static void a_board_has_lines(void **state)
{
    static const char *const ways[] = {
        "{name: scanner, class: tap, transport: serial, port: /dev/ttyS0, baud: 115200",
        "{name: scanner, class: tap, transport: tcp, connect: \"192.0.2.20:4001\"",
        "{name: scanner, class: tap, transport: unix, path: /run/board",
    };
    const struct folder *folder = *state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char device[256];
        (void)snprintf(device, sizeof device,
                       "%s, till: {baud: 19200, bits: 7, parity: even, stop: 2, flow: dtrdsr}, scanner: {}",
                       ways[i]);
        put_changed(folder, SCANNER, device);
        struct tw_config *config = load_good(folder);
        const struct tw_device_config *tap = tw_config_device(config, "scanner");
        assert_int_equal(tap->till.baud, 19200);
        assert_int_equal(tap->till.bits, 7);
        assert_int_equal(tap->till.parity, TW_LINK_PARITY_EVEN);
        assert_int_equal(tap->till.stop, 2);
        assert_int_equal(tap->till.flow, TW_LINK_FLOW_DTRDSR);
        assert_int_equal(tap->printer.bits, 0); // as the board has it
        assert_int_equal(tap->scanner.baud, 0); // found by the board
        assert_int_equal(tap->scanner.bits, 8);
        assert_int_equal(tap->scanner.stop, 1);
        tw_config_free(config);
    }
}

static void errors_of_a_board_name_the_place(void **state)
{
    static const struct wrong cases[] = {
        {SCANNER, SCANNER ", till: {baud: 9600}", "tillwire.yaml:11:", "'till'"},
        {"profile: generic}", "printer: {baud: 9600}}", "tillwire.yaml:10:", "'printer'"},
        {"class: scanner", "class: tap, till: {baud: 300}", "tillwire.yaml:11:", "'baud'"},
        {"class: scanner", "class: tap, till: {baud: 1000000}", "tillwire.yaml:11:", "'baud'"},
        {"class: scanner", "class: tap, till: {bits: 6}", "tillwire.yaml:11:", "'bits'"},
        {"class: scanner", "class: tap, till: {bits: 7}",
         "tillwire.yaml:11:", "use 8 bits, or even or odd parity"},
        {"class: scanner", "class: tap, scanner: {bits: 7, parity: none}", "tillwire.yaml:11:", "'bits'"},
        {"class: scanner", "class: tap, till: {stop: 0}", "tillwire.yaml:11:", "'stop'"},
        {"class: scanner", "class: tap, printer: {parity: mark}", "tillwire.yaml:11:", "'parity'"},
        {"class: scanner", "class: tap, scanner: {flow: dtr}", "tillwire.yaml:11:", "'flow'"},
        {"class: scanner", "class: tap, till: 9600", "tillwire.yaml:11:", "'till'"},
        {"class: scanner", "class: tap, till: {speed: 9600}", "tillwire.yaml:11:", "'speed'"},
        {SCANNER, "{name: scanner, class: tap, transport: unix", "tillwire.yaml:11:", "'path'"},
        {SCANNER, "{name: scanner, class: tap, transport: unix, path: board", "tillwire.yaml:11:", "'path'"},
        {SCANNER, "{name: scanner, class: tap, transport: tcp, connect: board",
         "tillwire.yaml:11:", "'connect'"},
        {"profile: generic}", "connect: \"192.0.2.20:4001\"}", "tillwire.yaml:10:", "'connect'"},
    };
    expect_places(*state, cases, sizeof cases / sizeof cases[0]);
}

static void the_journal_key_may_be_a_credential_or_none(void **state)
{
    const struct folder *folder = *state;
    put_changed(folder, "key: journal.key", "key: credential:journal");
    struct tw_config *config = load_good(folder);
    assert_string_equal(config->journal.key, "credential:journal");
    tw_config_free(config);
    put_changed(folder, ", key: journal.key", "");
    config = load_good(folder);
    assert_null(config->journal.key);
    tw_config_free(config);
}

static void files_that_are_no_yaml(void **state)
{
    const struct folder *folder = *state;
    static const char *const bad[] = {"\xff\xfe\x00", "a: [", "- 1\n- 2\n", "{{{", "a: &x [*x]\n", "\t: x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tw_config *config = NULL;
        struct tw_error_text err = {0};
        put(folder, "tillwire.yaml", bad[i]);
        assert_int_equal(tw_config_load(folder->main, &config, &err), TW_ERR_INVALID);
        assert_non_null(strstr(err.text, "tillwire.yaml"));
    }
    struct tw_config *config = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_config_load("/nonexistent/tillwire.yaml", &config, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "--config"));
}

static void profiles_are_read_and_explained(void **state)
{
    const struct folder *folder = *state;
    char sub[128];
    (void)snprintf(sub, sizeof sub, "%s/profiles", folder->path);
    assert_int_equal(mkdir(sub, 0700), 0);
    put(folder, "profiles/mine.yaml",
        "name: mine\ndecimal: ','\nrules:\n  - {is: total, match: '^zusammen'}\n");
    struct tw_profile *profile = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_config_profile(folder->main, "mine", &profile, &err), TW_OK);
    tw_profile_free(profile);
    profile = NULL;
    assert_int_equal(tw_config_profile(folder->main, NULL, &profile, &err), TW_OK);
    tw_profile_free(profile);
    profile = NULL;
    put(folder, "profiles/broken.yaml", "name: broken\nrules:\n  - {is: total, match: '(('}\n");
    assert_true(tw_config_profile(folder->main, "broken", &profile, &err) < 0);
    assert_non_null(strstr(err.text, "broken"));
    assert_int_equal(tw_config_profile(folder->main, "absent", &profile, &err), TW_ERR_IO);
    assert_null(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_way_to_the_broker_is_read_and_its_password_kept_secret,
                                        make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(the_documented_example_is_read, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(conf_d_merges, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(scanners_of_every_kind_are_read, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(errors_name_the_place, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(errors_of_displays_and_stripes_name_the_place, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(errors_of_folders_name_the_place, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_folder_is_configured, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_display_may_greet, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_serial_tap_may_stand_between_two_ports, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_board_has_lines, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(errors_of_a_board_name_the_place, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(the_journal_key_may_be_a_credential_or_none, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(files_that_are_no_yaml, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(profiles_are_read_and_explained, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
