// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"

#include <argp.h>

#include "tillwire/config.h"

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0,
     "Read the configuration from FILE and conf.d/*.yaml beside it (default " TW_CONFIG_DEFAULT_PATH ")", 0},
    {"check", 'n', NULL, 0, "Say whether the configuration is good, and end", 0},
    {0},
};

static const char doc[] =
    "The agent of one store terminal: reads receipts, scans and API calls, keeps their events safe in "
    "SQLite, and "
    "delivers each of them once, in order, over MQTT with TLS 1.3."
    "\v"
    "tillwired stays in the foreground and logs to standard error; it ends on SIGTERM or SIGINT after what "
    "was "
    "accepted is durable.\n"
    "\n"
    "Files:\n"
    "  STATE_DIR/journal.db    events that wait for the centre\n"
    "  STATE_DIR/journal.key   what seals them, unless journal.key names another; keep a copy\n"
    "  STATE_DIR/quarantine/   damaged journals, the newest few\n"
    "  STATE_DIR/members.db    what the centre knows about the store's members\n"
    "  RUN_DIR/control.sock    where the tillwire command reaches the agent\n"
    "  RUN_DIR/NAME.tap.sock   where the agent reaches tillwire-relay for the tap NAME\n"
    "\n"
    "Signals: SIGHUP reads the journal keys again after one was added or an old one taken out; SIGTERM and "
    "SIGINT end it.\n"
    "\n"
    "Exit status: 0 ended on request or, with --check, the configuration is good; 1 could not start, and the "
    "message "
    "says why and what to do; 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  tillwired --check\n"
    "  tillwired --config /etc/tillwire/tillwire.yaml\n"
    "\n"
    "See also: tillwire(1), tillwire-relay(8).";

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct tw_options *out = state->input;
    switch (key) {
    case 'c':
        out->config = value;
        return 0;
    case 'n':
        out->check = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not an option; the configuration is named with --config FILE", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void tw_options_parse(int argc, char **argv, struct tw_options *out)
{
    static const struct argp argp = {.options = options, .parser = parse, .doc = doc};
    argp_program_version = "tillwired " TW_VERSION;
    argp_err_exit_status = 2;
    *out = (struct tw_options){.config = TW_CONFIG_DEFAULT_PATH};
    (void)argp_parse(&argp, argc, argv, 0, NULL, out);
}
