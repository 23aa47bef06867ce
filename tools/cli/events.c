// SPDX-License-Identifier: Apache-2.0
//
// tillwire events: the newest events, and with --follow each one as it is made durable.
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "tools/cli/client.h"
#include "tools/cli/show.h"
#include "tools/cli/text.h"

#define MAX_RECENT 256 // TW_DESK_RECENT_EVENTS: more are not kept in memory

static void print_event(const tw_json *event)
{
    char when[TW_TEXT_MAX];
    int64_t sequence = 0;
    struct tw_buf subject = {0};
    bool known = tw_json_int(tw_json_get(event, "sequence"), &sequence) == TW_OK;
    tw_text_time(tw_json_text(tw_json_get(event, "time")), when);
    tw_text_plain(tw_slice_of(tw_json_text(tw_json_get(event, "subject"))), &subject);
    (void)printf("%8" PRId64 "  %s  %-18s  %s\n", known ? sequence : -1, when, tw_show_type(event),
                 subject.ptr != NULL ? (const char *)subject.ptr : "");
    tw_buf_free(&subject);
}

// One line of the event stream. Comments tell of events this program was too slow for.
static bool on_line(void *ctx, struct tw_slice line)
{
    static const char data[] = "data: ";
    const struct tw_cli *cli = ctx;
    struct tw_error_text ignored;
    tw_json *event = NULL;
    if (line.len > 2 && line.ptr[0] == ':') {
        (void)fprintf(stderr, "tillwire:%.*s\n", (int)line.len - 1, (const char *)line.ptr + 1);
        return true;
    }
    if (line.len < sizeof data - 1 || memcmp(line.ptr, data, sizeof data - 1) != 0) {
        return true;
    }
    struct tw_slice json = tw_slice_make(line.ptr + sizeof data - 1, line.len - (sizeof data - 1));
    if (cli->json) {
        (void)printf("%.*s\n", (int)json.len, (const char *)json.ptr);
    } else if (tw_json_parse(json, &event, &ignored) == TW_OK) {
        print_event(event);
        tw_json_free(event);
    }
    return fflush(stdout) == 0;
}

// A pipe that nobody reads any more (poll(2), POLLERR): also while no event comes.
static bool reader_is_gone(void *ctx)
{
    (void)ctx;
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static int run_events(const struct tw_cli *cli)
{
    char path[64];
    struct tw_cli copy = *cli;
    (void)snprintf(path, sizeof path, "/v1/events?recent=%u&follow=%d", cli->recent, cli->follow ? 1 : 0);
    return tw_client_stream(cli, path, on_line, reader_is_gone, &copy);
}

enum { KEY_FOLLOW = 'f', KEY_RECENT = 'n' };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tw_cli *cli = state->input;
    char *end = NULL;
    switch (key) {
    case KEY_FOLLOW:
        cli->follow = true;
        return 0;
    case KEY_RECENT:
        cli->recent = (unsigned)strtoul(arg, &end, 10);
        if (*arg < '0' || *arg > '9' || *end != '\0' || cli->recent > MAX_RECENT) {
            argp_error(state, "--recent takes a number from 0 to %d", MAX_RECENT);
        }
        return 0;
    default:
        return tw_cli_parse_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    {"follow", KEY_FOLLOW, NULL, 0, "Go on with each event as it is made durable, until interrupted", 0},
    {"recent", KEY_RECENT, "N", 0, "Begin with the newest N events since the agent started (20; at most 256)",
     0},
    {0},
};
static const struct argp_child children[] = {
    {&tw_cli_output_argp, 0, NULL, 0},
    {&tw_cli_daemon_argp, 0, NULL, 0},
    {0},
};
static const struct argp events_argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc =
        "Shows events, one a line: sequence, time, type, subject. With --json each line is one JSON object "
        "{\"sequence\",\"id\",\"type\",\"subject\",\"time\",\"data\"}.\v"
        "The agent keeps the newest events in memory for this; it is a window to look through, and what is "
        "shown here "
        "has nothing to do with what the centre has acknowledged (`tillwire queue`). A reader that is too "
        "slow is told "
        "how many it missed.\n"
        "\nExamples:\n"
        "  tillwire events\n"
        "  tillwire events --follow --recent 0\n"
        "  tillwire events --follow --json | jq 'select(.type|test(\"sale\")).data.total'\n"
        "\n" TW_CLI_EXIT_CODES,
};

const struct tw_command tw_command_events = {"events", "the newest events, or each as it comes", &events_argp,
                                             run_events};
