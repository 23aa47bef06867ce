// SPDX-License-Identifier: Apache-2.0
//
// tillwire COMMAND [OPTION...]: finds the command, parses its options, runs it.
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tillwire/bytes.h"
#include "tillwire/config.h"
#include "tools/cli/command.h"

static const struct tw_command *const commands[] = {
    &tw_command_status, &tw_command_devices, &tw_command_queue,
    &tw_command_events, &tw_command_lookup,  &tw_command_receipt,
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const char *argp_program_version = "tillwire " TW_VERSION;

// ---- options that several commands have ----

enum { KEY_CONFIG = 'c', KEY_JSON = 'j', KEY_SOCKET = 's' };

static error_t parse_shared(int key, char *arg, struct argp_state *state)
{
    struct tw_cli *cli = state->input;
    switch (key) {
    case KEY_JSON:
        cli->json = true;
        return 0;
    case KEY_CONFIG:
        cli->config = arg;
        return 0;
    case KEY_SOCKET:
        cli->socket = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option output_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print JSON whose members stay the same from release to release", 0},
    {0},
};
static const struct argp_option daemon_options[] = {
    {"config", KEY_CONFIG, "FILE", 0, "The agent's configuration (" TW_CONFIG_DEFAULT_PATH ")", 1},
    {"socket", KEY_SOCKET, "PATH", 0,
     "The agent's socket, instead of run_dir/control.sock of the configuration", 1},
    {0},
};
const struct argp tw_cli_output_argp = {.options = output_options, .parser = parse_shared};
const struct argp tw_cli_daemon_argp = {.options = daemon_options, .parser = parse_shared};

error_t tw_cli_parse_none(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key == ARGP_KEY_INIT) { // the children fill the same struct
        for (size_t i = 0; state->root_argp->children[i].argp != NULL; i++) {
            state->child_inputs[i] = state->input;
        }
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "this command takes no operand");
    }
    return ARGP_ERR_UNKNOWN;
}

// ---- the program itself ----

// How many letters must change, be added or be dropped to make `b` of `a` (Wagner and Fischer, 1974).
static size_t distance(const char *a, const char *b)
{
    size_t row[32];
    size_t len = strlen(b);
    if (len >= 32) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            size_t moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = changed < moved ? changed : moved;
        }
    }
    return row[len];
}

static const struct tw_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t best = 3; // further away is no typing mistake
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t far =
            strncmp(commands[i]->name, name, strlen(name)) == 0 ? 0 : distance(name, commands[i]->name);
        if (far < best) {
            best = far;
            nearest = commands[i]->name;
        }
    }
    (void)fprintf(stderr, "tillwire: there is no command of that name%s%s%s `tillwire --help` lists them.\n",
                  nearest != NULL ? "; did you mean `" : ".", nearest != NULL ? nearest : "",
                  nearest != NULL ? "`?" : "");
    return TW_EXIT_USAGE;
}

struct top {
    int command_at; // index in argv, 0: none
};

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
    struct top *top = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_ARG: // the rest is the command's
        top->command_at = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// The list of commands comes from the table.
static char *list_commands(int key, const char *text, void *input)
{
    struct tw_buf list = {0};
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) {
        return (char *)(uintptr_t)text; // argp's own text, handed back as argp asks for it
    }
    tw_buf_add_text(&list, "Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        tw_buf_printf(&list, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    tw_buf_printf(&list, "\n%s", text);
    return (char *)list.ptr;
}

static const struct argp top_argp = {
    .parser = parse_top,
    .args_doc = "COMMAND [OPTION...]",
    .doc = "Looks at the Tillwire agent of this terminal, and at what it makes of receipts.\v"
           "`tillwire COMMAND --help` explains a command. What prints a table for people prints stable JSON "
           "with --json.\n"
           "\nExamples:\n"
           "  tillwire status                      is all well, and if not, what to do\n"
           "  tillwire events --follow             each event as it is made durable\n"
           "  tillwire receipt read capture.bin    what a capture would become\n"
           "\n" TW_CLI_EXIT_CODES,
    .help_filter = list_commands,
};

static int run_command(const struct tw_command *command, int argc, char **argv)
{
    struct tw_cli cli = {.recent = 20, .speed = 1};
    char name[64];
    (void)snprintf(name, sizeof name, "tillwire %s", command->name);
    argv[0] = name;
    char *before = program_invocation_name;
    program_invocation_name = name; // what argp prints
    error_t failed = argp_parse(command->argp, argc, argv, 0, NULL, &cli);
    program_invocation_name = before;
    if (failed != 0) {
        return TW_EXIT_USAGE;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    int result = command->run(&cli);
    curl_global_cleanup();
    // Output that could not be written is not fine, a full disk behind a redirection for example.
    if (fflush(stdout) != 0 && result == TW_EXIT_FINE) {
        perror("tillwire: standard output");
        result = TW_EXIT_NOT_WELL;
    }
    return result;
}

int main(int argc, char **argv)
{
    struct top top = {0};
    argp_err_exit_status = TW_EXIT_USAGE;
    if (argp_parse(&top_argp, argc, argv, ARGP_IN_ORDER, NULL, &top) != 0) {
        return TW_EXIT_USAGE;
    }
    const struct tw_command *command = find_command(argv[top.command_at]);
    if (command == NULL) {
        return unknown_command(argv[top.command_at]);
    }
    return run_command(command, argc - top.command_at, argv + top.command_at);
}
