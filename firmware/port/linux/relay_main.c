// SPDX-License-Identifier: Apache-2.0
//
// tillwire-relay: one tap in front of one printer.
#include <argp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "firmware/port/linux/handed.h"
#include "firmware/port/linux/harden.h"
#include "firmware/port/linux/relay.h"
#include "tillwire/config.h"

struct options {
    const char *config;
    const char *device;
};

static const struct argp_option option_table[] = {
    {"config", 'c', "FILE", 0, "Configuration file (default " TW_CONFIG_DEFAULT_PATH ")", 0},
    {"device", 'd', "NAME", 0, "The entry of `devices` to serve: class tap with `forward`", 0},
    {0},
};

static const char documentation[] =
    "Stands between a till and its printer, forwards every byte both ways, and keeps a copy for "
    "tillwired.\v"
    "Over TCP the till is told to print to the device's `listen` address; the relay forwards each of its "
    "connections, one after another, to `forward`. Between serial ports (transport serial) the till is "
    "plugged into `port` and the printer into `forward`; XON, XOFF and the modem lines go through as well "
    "(`flow`). Bytes go to the printer first. The copy is kept in memory only (`buffer_bytes`, 4 MiB unless "
    "configured) until tillwired has taken it safely over the socket RUN_DIR/NAME.tap.sock; tillwired may be "
    "stopped, upgraded or absent, and printing goes on. When the copy has no room, the oldest bytes are "
    "given "
    "up and tillwired is told how many.\n\n"
    "When a printer cannot be reached over TCP within 5 seconds, the till's connection is reset, as it would "
    "be by a dead printer; a serial till is told to stop. On SIGTERM the relay takes nothing new, forwards "
    "what it has received, waits for tillwired as long as that takes more of the copy (10 seconds at most), "
    "and exits.\n\n"
    "Listening sockets may be handed over by systemd (sd_listen_fds(3)); then they outlive the relay.\n\n"
    "At the start one line on standard output tells where the till is expected, which matters where `listen` "
    "has port 0. Messages go to standard error and never hold what was printed.\n\n"
    "Exit status: 0 after SIGTERM or SIGINT, 1 when it cannot start, 2 for wrong usage.\n\n"
    "Example:\n  tillwire-relay --config /etc/tillwire/tillwire.yaml --device printer";

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'c':
        options->config = argument;
        return 0;
    case 'd':
        options->device = argument;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", argument);
        return 0;
    case ARGP_KEY_END:
        if (options->device == NULL) {
            argp_error(state, "--device NAME is missing");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int find_device(const struct tw_config *config, const struct options *options,
                       struct tw_relay_settings *out, struct tw_error_text *err)
{
    const struct tw_device_config *device = tw_config_device(config, options->device);
    if (device == NULL) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "there is no device %s in %s; add it or correct --device",
                       options->device, options->config);
    }
    bool serial = device->transport != NULL && strcmp(device->transport, "serial") == 0;
    const char *till = serial ? device->port : device->listen;
    if (device->class_name == NULL || strcmp(device->class_name, "tap") != 0 || till == NULL ||
        device->forward == NULL) {
        return tw_fail(err, TW_ERR_INVALID,
                       "device %s in %s is no tap with a relay; it needs class tap, `forward`, and `listen` "
                       "(over tcp) or `port` (serial)",
                       options->device, options->config);
    }
    *out = (struct tw_relay_settings){.name = device->name,
                                      .listen = device->listen,
                                      .port = serial ? device->port : NULL,
                                      .forward = device->forward,
                                      .form = {device->baud, device->bits, device->stop, device->parity},
                                      .flow = device->flow,
                                      .run_dir = config->run_dir,
                                      .buffer_bytes = device->buffer_bytes};
    return 0;
}

// Blocked signals stay pending until the loop reads them: none is lost between two polls.
static int open_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int serve(const struct tw_config *config, const struct options *options, struct tw_error_text *err)
{
    struct tw_relay_settings settings = {0};
    struct tw_handed handed = {-1, -1};
    int outcome = find_device(config, options, &settings, err);
    if (outcome == 0) {
        outcome = tw_handed_take(&handed, err);
    }
    if (outcome != 0) {
        return outcome;
    }
    settings.handed = &handed;
    int signals = open_signals();
    if (signals < 0) {
        return tw_fail(err, TW_ERR_IO, "cannot wait for signals; raise the limit on open files");
    }
    struct tw_relay *relay = NULL;
    outcome = tw_relay_new(&settings, &relay, err);
    if (outcome != 0) {
        return outcome;
    }
    (void)printf("tillwire-relay: %s %s %s, forwards to %s\n", settings.name,
                 settings.port != NULL ? "has the till at" : "listens on", tw_relay_address(relay),
                 settings.forward);
    (void)fflush(stdout);
    tw_relay_run(relay, signals);
    tw_relay_free(relay);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = {.config = TW_CONFIG_DEFAULT_PATH};
    const struct argp argp = {option_table, take_option, NULL, documentation, NULL, NULL, NULL};
    argp_program_version = "tillwire-relay " TW_VERSION;
    argp_err_exit_status = 2;
    tw_harden_process();
    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0) {
        return 2;
    }
    struct tw_error_text err = {0};
    struct tw_config *config = NULL;
    int outcome = tw_config_load(options.config, &config, &err);
    if (outcome == 0) {
        outcome = serve(config, &options, &err);
        tw_config_free(config);
    }
    if (outcome != 0) {
        (void)fprintf(stderr, "tillwire-relay: %s\n", err.text);
        return 1;
    }
    return 0;
}
