// SPDX-License-Identifier: Apache-2.0
//
// tillwire-relay: one tap in front of one network printer.
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "firmware/port/linux/harden.h"
#include "firmware/port/linux/relay.h"
#include "tillwire/config.h"

struct options {
    const char *config;
    const char *device;
};

static const struct argp_option option_table[] = {
    {"config", 'c', "FILE", 0, "Configuration file (default " TW_CONFIG_DEFAULT_PATH ")", 0},
    {"device", 'd', "NAME", 0, "The entry of `devices` to serve: class tap, transport tcp", 0},
    {0},
};

static const char documentation[] =
    "Stands between a till and its network printer, forwards every byte both ways, and keeps a copy for "
    "tillwired.\v"
    "The till is told to print to the device's `listen` address; the relay forwards each of its connections, "
    "one after another, to `forward`. Bytes go to the printer first. The copy is kept in memory only "
    "(`buffer_bytes`, 4 MiB unless configured) until tillwired has taken it safely over the socket "
    "RUN_DIR/NAME.tap.sock; tillwired may be stopped, upgraded or absent, and printing goes on. When the "
    "copy "
    "has no room, the oldest bytes are given up and tillwired is told how many.\n\n"
    "When the printer cannot be reached within 5 seconds, the till's connection is reset, as it would be by "
    "a dead printer. On SIGTERM the relay stops listening, forwards what it has received, waits for "
    "tillwired as long as that takes more of the copy (10 seconds at most), and exits.\n\n"
    "At the start one line on standard output tells the address it listens on, which matters where `listen` "
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
    if (device->class_name == NULL || strcmp(device->class_name, "tap") != 0 || device->listen == NULL ||
        device->forward == NULL) {
        return tw_fail(err, TW_ERR_INVALID,
                       "device %s in %s is no tap over tcp; it needs class tap, `listen` and `forward`",
                       options->device, options->config);
    }
    *out = (struct tw_relay_settings){.name = device->name,
                                      .listen = device->listen,
                                      .forward = device->forward,
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
    int outcome = find_device(config, options, &settings, err);
    if (outcome != 0) {
        return outcome;
    }
    int signals = open_signals();
    if (signals < 0) {
        return tw_fail(err, TW_ERR_IO, "cannot wait for signals; raise the limit on open files");
    }
    struct tw_relay *relay = NULL;
    outcome = tw_relay_new(&settings, &relay, err);
    if (outcome != 0) {
        return outcome;
    }
    (void)printf("tillwire-relay: %s listens on %s, forwards to %s\n", settings.name, tw_relay_address(relay),
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
