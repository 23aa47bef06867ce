// SPDX-License-Identifier: Apache-2.0
#include "tools/central/options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "tillwire-central " TW_VERSION;

static const char doc[] =
    "tillwire-central: the reference central service\n"
    "\n"
    "Takes the events of a tenant's terminals from an MQTT broker, holds each against the contract's JSON "
    "Schemas, "
    "stores it once in SQLite and acknowledges it when it is committed. Publishes the stores' members.\n"
    "\n"
    "Without --report it runs until SIGTERM or SIGINT and prints one line for each sale. SIGHUP reads "
    "--members again "
    "and publishes what changed."
    "\v"
    "Events are applied by sequence number. One that comes ahead of its turn is left for the terminal to "
    "send again "
    "and counted; one that is known is counted and acknowledged again; one that breaks the contract is kept "
    "as "
    "rejected, and the terminal is told why.\n"
    "\n"
    "MEMBERS FILE holds JSON, in one piece or line by line: "
    "{\"store\":\"0042\",\"members\":[{\"card\":\"6009…\","
    "\"scheme\":\"club\",\"tier\":\"gold\",\"points\":1240}]}. A member is named by card, which needs "
    "--pseudonym-key, or by pseudonym. A store's version grows by one when its members change; a store that "
    "the file "
    "does not name keeps what it has.\n"
    "\n"
    "Exit status: 0 fine; 1 failed, or --report found something wrong; 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  tillwire-central --url mqtts://localhost:8883 --ca ca.pem --cert central.pem --key central.key \\\n"
    "      --tenant acme --database central.db\n"
    "  tillwire-central --report --database central.db --json";

enum { OPT_CA = 0x100, OPT_CERT, OPT_KEY, OPT_SCHEMAS, OPT_MEMBERS, OPT_PSEUDONYM_KEY, OPT_REPORT, OPT_JSON };

static const struct argp_option table[] = {
    {"url", 'u', "URL", 0, "the broker: mqtts://HOST[:PORT]", 1},
    {"host", 'h', "HOST", 0, "the broker's host (with --port, instead of --url)", 1},
    {"port", 'p', "PORT", 0, "the broker's port, 8883 if not given", 1},
    {"ca", OPT_CA, "FILE", 0, "certificate of the CA that signed the broker's", 1},
    {"cert", OPT_CERT, "FILE", 0, "this service's certificate", 1},
    {"key", OPT_KEY, "FILE", 0, "and its private key", 1},
    {"tenant", 't', "NAME", 0, "whose events: tillwire/v1/NAME/...", 1},
    {"database", 'd', "FILE", 0, "the SQLite database; made if missing", 2},
    {"schemas", OPT_SCHEMAS, "DIR", 0, "the contract's JSON Schemas (default: " TW_SCHEMA_DIR ")", 2},
    {"members", OPT_MEMBERS, "FILE", 0, "the members to publish", 2},
    {"pseudonym-key", OPT_PSEUDONYM_KEY, "FILE", 0,
     "the tenant's key (64 hex digits, mode 0600), for members named by card", 2},
    {"report", OPT_REPORT, NULL, 0, "print what the database holds, check its hash chains, and end", 3},
    {"json", OPT_JSON, NULL, 0, "print each event, or the report, as a line of JSON", 3},
    {"quiet", 'q', NULL, 0, "print no line for each sale", 3},
    {0}};

static void set_broker(struct tw_central_options *options, const char *host, const char *port,
                       const char *url, struct argp_state *state)
{
    char made[300];
    struct tw_error_text err;
    if (url == NULL) {
        bool bare_v6 = host != NULL && strchr(host, ':') != NULL && host[0] != '[';
        (void)snprintf(made, sizeof made, "mqtts://%s%s%s:%s", bare_v6 ? "[" : "",
                       host != NULL ? host : "localhost", bare_v6 ? "]" : "", port != NULL ? port : "8883");
        url = made;
    }
    if (tw_address_parse(url, &options->address, &err) != TW_OK) {
        argp_error(state, "%s", err.text);
    }
}

struct parsing {
    struct tw_central_options *options;
    const char *url, *host, *port;
};

static void finish(struct parsing *parsing, struct argp_state *state)
{
    struct tw_central_options *options = parsing->options;
    if (options->database == NULL) {
        argp_error(state, "--database is missing: name the SQLite file");
    }
    if (options->report) {
        return;
    }
    if (options->tenant == NULL || options->ca == NULL || options->cert == NULL || options->key == NULL) {
        argp_error(state, "--tenant, --ca, --cert and --key are all needed");
    }
    set_broker(options, parsing->host, parsing->port, parsing->url, state);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct tw_central_options *options = parsing->options;
    const struct {
        int key;
        const char **text;
    } texts[] = {{'u', &parsing->url},
                 {'h', &parsing->host},
                 {'p', &parsing->port},
                 {OPT_CA, &options->ca},
                 {OPT_CERT, &options->cert},
                 {OPT_KEY, &options->key},
                 {'t', &options->tenant},
                 {'d', &options->database},
                 {OPT_SCHEMAS, &options->schemas},
                 {OPT_MEMBERS, &options->members},
                 {OPT_PSEUDONYM_KEY, &options->pseudonym_key}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].key == key) {
            *texts[i].text = arg;
            return 0;
        }
    }
    switch (key) {
    case OPT_REPORT:
        options->report = true;
        return 0;
    case OPT_JSON:
        options->json = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s is not an option", arg);
        return 0;
    case ARGP_KEY_END:
        finish(parsing, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void tw_central_options_parse(int argc, char **argv, struct tw_central_options *out)
{
    static const struct argp argp = {.options = table, .parser = take, .doc = doc};
    *out = (struct tw_central_options){.schemas = TW_SCHEMA_DIR};
    struct parsing parsing = {.options = out};
    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}
