// SPDX-License-Identifier: Apache-2.0
//
// tillwire devices: what is configured and how it is; and what else one can do with devices.
#include "tools/cli/devices.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli/client.h"
#include "tools/cli/show.h"
#include "tools/cli/text.h"

#define MOST_SECONDS (24 * 60 * 60)

// ---- tillwire devices ----

static bool is_ready(const tw_json *device)
{
    return strcmp(tw_show_text(device, "state"), "ready") == 0;
}

static void print_line(const tw_json *device)
{
    char age[TW_TEXT_MAX];
    char bytes[TW_TEXT_MAX];
    tw_text_age(tw_show_number(device, "last_byte_s", -1), age);
    tw_text_bytes(tw_show_number(device, "bytes", 0), bytes);
    (void)printf("%-16s %-8s %-9s %-6s %9s %10s %7" PRId64 " %8" PRId64 "\n", tw_show_text(device, "name"),
                 tw_show_text(device, "class"), tw_show_text(device, "transport"),
                 tw_show_text(device, "state"), age, bytes, tw_show_number(device, "errors", 0),
                 tw_show_number(device, "reopens", 0));
}

static void print_reason(const tw_json *device)
{
    const char *why = tw_json_text(tw_json_get(device, "why"));
    if (why != NULL) { // also of one that is ready: of a folder, what is wrong with a file
        (void)printf("\n* %s: ", tw_show_text(device, "name"));
        tw_show_plain(why);
        (void)printf("\n");
    }
}

static void print_tap_line(const char *name, const tw_json *line)
{
    static const struct {
        const char *word, *letter;
    } parities[] = {{"none", "N"}, {"even", "E"}, {"odd", "O"}, {"mark", "M"}, {"space", "S"}};
    const char *letter = "?";
    if (tw_json_get(line, "bits") == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof parities / sizeof parities[0]; i++) {
        letter = strcmp(parities[i].word, tw_show_text(line, "parity")) == 0 ? parities[i].letter : letter;
    }
    int64_t baud = tw_show_number(line, "baud", 0);
    (void)printf("; %s ", name);
    if (baud > 0) {
        (void)printf("%" PRId64, baud);
    } else {
        (void)printf("of unknown speed");
    }
    (void)printf(" %" PRId64 "%s%" PRId64, tw_show_number(line, "bits", 0), letter,
                 tw_show_number(line, "stop", 0));
    if (strcmp(tw_show_text(line, "flow"), "none") != 0) {
        (void)printf(" %s", tw_show_text(line, "flow"));
    }
}

// What a tap says of itself.
static void print_tap(const tw_json *device)
{
    char age[TW_TEXT_MAX];
    const tw_json *tap = tw_json_get(device, "tap");
    const char *slot = tw_json_text(tw_json_get(tap, "slot"));
    if (tw_json_text(tw_json_get(tap, "firmware")) == NULL) {
        return;
    }
    tw_text_age(tw_show_number(tap, "uptime_s", 0), age);
    (void)printf("\n* %s: firmware %s on %s", tw_show_text(device, "name"), tw_show_text(tap, "firmware"),
                 tw_show_text(tap, "board"));
    if (slot != NULL) {
        (void)printf(" (place %s, %s)", slot, tw_show_text(tap, "trial"));
    }
    (void)printf(", up %s; %" PRId64 " bytes overrun, %" PRId64 " bytes and %" PRId64 " scans lost", age,
                 tw_show_number(tap, "overruns", 0), tw_show_number(tap, "lost_bytes", 0),
                 tw_show_number(tap, "lost_scans", 0));
    print_tap_line("till", tw_json_get(tap, "till"));
    print_tap_line("printer", tw_json_get(tap, "printer"));
    print_tap_line("scanner", tw_json_get(tap, "scanner"));
    (void)printf(".\n");
}

static void print_devices(const tw_json *devices)
{
    size_t count = tw_json_size(devices);
    if (count == 0) {
        (void)printf("No devices are configured; `tillwire devices discover` shows what is plugged in.\n");
        return;
    }
    (void)printf("%-16s %-8s %-9s %-6s %9s %10s %7s %8s\n", "NAME", "CLASS", "TRANSPORT", "STATE",
                 "LAST BYTE", "RECEIVED", "ERRORS", "REOPENS");
    for (size_t i = 0; i < count; i++) {
        print_line(tw_json_at(devices, i));
    }
    for (size_t i = 0; i < count; i++) {
        print_reason(tw_json_at(devices, i));
        print_tap(tw_json_at(devices, i));
    }
}

static int list(const struct tw_cli *cli)
{
    tw_json *answer = NULL;
    struct tw_buf body = {0};
    int result = tw_client_ask(cli, "/v1/devices", NULL, &answer, &body);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    const tw_json *devices = tw_json_get(answer, "devices");
    if (cli->json) {
        (void)printf("%s\n", (const char *)body.ptr);
    } else {
        print_devices(devices);
    }
    for (size_t i = 0; i < tw_json_size(devices); i++) {
        result = is_ready(tw_json_at(devices, i)) ? result : TW_EXIT_NOT_WELL;
    }
    tw_buf_free(&body);
    tw_json_free(answer);
    return result;
}

int tw_devices_ask(const struct tw_cli *cli, const char *name, tw_json **all, const tw_json **out)
{
    tw_json *answer = NULL;
    int result = tw_client_ask(cli, "/v1/devices", NULL, &answer, NULL);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    const tw_json *devices = tw_json_get(answer, "devices");
    for (size_t i = 0; i < tw_json_size(devices); i++) {
        const tw_json *device = tw_json_at(devices, i);
        if (strcmp(tw_show_text(device, "name"), name) == 0) {
            *all = answer;
            *out = device;
            return TW_EXIT_FINE;
        }
    }
    tw_json_free(answer);
    (void)fprintf(stderr, "tillwire: no device of this name is configured; `tillwire devices` lists them\n");
    return TW_EXIT_NOT_WELL;
}

// A name of the configuration needs no escapes (RFC 3986, section 2.3).
int tw_devices_check_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t len = strlen(name);
    if (len >= 1 && len <= 32 && strspn(name, allowed) == len) {
        return TW_EXIT_FINE;
    }
    (void)fprintf(stderr, "tillwire: no device has such a name; `tillwire devices` lists them\n");
    return TW_EXIT_USAGE;
}

// ---- the command ----

enum { KEY_SECONDS = 't', KEY_SPEED = 'x' };
enum { TAKES_SECONDS = 1, TAKES_SPEED = 2 };

static const struct verb {
    const char *name;
    int (*run)(const struct tw_cli *cli);
    const char *operand; // NULL: it takes none
    size_t operands;     // at most
    unsigned options;
} verbs[] = {
    {"discover", tw_devices_discover, NULL, 0, 0},
    {"record", tw_devices_record, "the DEVICE to record", 2, TAKES_SECONDS},
    {"replay", tw_devices_replay, "the FILE to replay", 1, TAKES_SPEED},
    {"test", tw_devices_test, "the DEVICE to test", 1, TAKES_SECONDS},
    {"update", tw_devices_update, "the DEVICE and the IMAGE for it", 2, 0},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int run_devices(const struct tw_cli *cli)
{
    return cli->verb == NULL ? list(cli) : find_verb(cli->verb)->run(cli);
}

static void take_operand(struct tw_cli *cli, char *arg, struct argp_state *state)
{
    const struct verb *verb = find_verb(cli->verb);
    if (state->arg_num == 0) {
        cli->verb = arg;
        if (find_verb(arg) == NULL) {
            argp_error(state, "with devices one can `discover`, `record`, `replay`, `test` and `update`");
        }
    } else if (verb != NULL && state->arg_num > verb->operands) {
        argp_error(state, "`%s` takes no operand more", verb->name);
    } else if (state->arg_num == 1) {
        cli->operand = arg;
    } else {
        cli->file = arg;
    }
}

static void take_seconds(struct tw_cli *cli, const char *arg, struct argp_state *state)
{
    char *end = NULL;
    unsigned long seconds = strtoul(arg, &end, 10);
    if (*arg < '0' || *arg > '9' || *end != '\0' || seconds < 1 || seconds > MOST_SECONDS) {
        argp_error(state, "--seconds takes a number from 1 to %d", MOST_SECONDS);
    }
    cli->seconds = (unsigned)seconds;
}

static void take_speed(struct tw_cli *cli, const char *arg, struct argp_state *state)
{
    char *end = NULL;
    cli->speed = strtod(arg, &end);
    if (end == arg || *end != '\0' || !isfinite(cli->speed) || cli->speed < 0 ||
        (cli->speed > 0 && cli->speed < 0.001)) {
        argp_error(state, "--speed takes a factor from 0.001 on, such as 1, 0.5 or 10; 0 is at once");
    }
}

static void check_usage(const struct tw_cli *cli, struct argp_state *state)
{
    const struct verb *verb = find_verb(cli->verb);
    unsigned options = verb != NULL ? verb->options : 0;
    bool lacks_file = verb != NULL && verb->run == tw_devices_update && cli->file == NULL;
    if (lacks_file || (verb != NULL && verb->operand != NULL && cli->operand == NULL)) {
        argp_error(state, "name %s", verb->operand);
    } else if (cli->seconds != 0 && (options & TAKES_SECONDS) == 0) {
        argp_error(state, "--seconds goes with `record` and `test`");
    } else if ((cli->speed < 1 || cli->speed > 1) && (options & TAKES_SPEED) == 0) {
        argp_error(state, "--speed goes with `replay`");
    } else if (cli->json && verb != NULL && verb->run == tw_devices_record) {
        argp_error(state, "a recording is text; --json does not go with `record`");
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tw_cli *cli = state->input;
    switch (key) {
    case KEY_SECONDS:
        take_seconds(cli, arg, state);
        return 0;
    case KEY_SPEED:
        take_speed(cli, arg, state);
        return 0;
    case ARGP_KEY_ARG:
        take_operand(cli, arg, state);
        return 0;
    case ARGP_KEY_END:
        check_usage(cli, state);
        return 0;
    default:
        return tw_cli_parse_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    {"seconds", KEY_SECONDS, "N", 0, "record: end after so long; test: wait so long (30)", 0},
    {"speed", KEY_SPEED, "X", 0, "replay: so many times as fast as it was (1); 0 is at once", 0},
    {0},
};
static const struct argp_child children[] = {
    {&tw_cli_output_argp, 0, NULL, 0},
    {&tw_cli_daemon_argp, 0, NULL, 0},
    {0},
};
static const struct argp devices_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "\ndiscover\nrecord DEVICE [FILE]\nreplay FILE\ntest DEVICE\nupdate DEVICE IMAGE",
    .children = children,
    .doc =
        "Shows the configured devices: state, age of the last byte, what was received, what was refused, how "
        "often it was opened again, and what to do about those that are not ready.\v"
        "`discover` shows what is plugged in that could be a device, each with its line for the "
        "configuration. It opens and asks nothing, and needs neither the agent nor root. What hangs on a "
        "built-in serial port cannot be seen. A USB serial port of a maker that is not known for scanners "
        "alone "
        "may be a payment terminal's, which the agent must not take: its line is a comment.\n"
        "\n`record` writes down what a scanner sends, with its timing, so that a driver can be made or "
        "mended: "
        "to FILE (which must not exist, and which only you may read), or to standard output, until Ctrl-C. "
        "Codes can be personal data, so none leaves the agent: whatever is in a code becomes 0. What is left "
        "is when how much came, and what stands around a code: its identifier, the configured `prefix` and "
        "`suffix`, line ends. Other devices than scanners are not recorded.\n"
        "\n`replay` plays a recording through its driver and shows what was read.\n"
        "\n`test` asks you to use a device, listens, and says whether it works. It never shows a code.\n"
        "\n`update` sends new firmware (a .twtap file) to a tap that is a board. Printing goes on meanwhile. "
        "The "
        "board restarts with it, and keeps it after a healthy minute, else it goes back by itself; this "
        "waits for "
        "the outcome, but nothing depends on that.\n"
        "\nDuring `record` and `test` the agent goes on working: what is scanned counts as always.\n"
        "\nExamples:\n"
        "  tillwire devices\n"
        "  tillwire devices discover\n"
        "  tillwire devices test scanner\n"
        "  tillwire devices record scanner scanner.rec --seconds 60\n"
        "  tillwire devices replay scanner.rec --speed 0\n"
        "  tillwire devices update printer tillwire-tap-1.1.0.twtap\n"
        "\n" TW_CLI_EXIT_CODES "\nIt is 1 when a device is not ready, nothing was found, heard or read, or a "
        "device does not work, or was not updated.\n",
};

const struct tw_command tw_command_devices = {"devices", "scanners and printers, and whether they work",
                                              &devices_argp, run_devices};
