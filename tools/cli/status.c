// SPDX-License-Identifier: Apache-2.0
//
// tillwire status: is all well, and if not, what to do.
#include <inttypes.h>
#include <string.h>

#include "tools/cli/client.h"
#include "tools/cli/show.h"
#include "tools/cli/text.h"

static void print_uplink(const tw_json *uplink)
{
    char age[TW_TEXT_MAX], through[TW_TEXT_MAX];
    if (tw_json_get(uplink, "connected") == NULL) {
        (void)printf("uplink    not configured\n");
        return;
    }
    tw_text_age(tw_show_number(uplink, "since_s", -1), age);
    tw_text_count(tw_show_number(uplink, "through", 0), through);
    (void)printf("uplink    %s for %s, acknowledged through %s\n",
                 tw_json_is_true(tw_json_get(uplink, "connected")) ? "connected" : "NOT CONNECTED", age,
                 through);
}

static void print_queue(const tw_json *queue)
{
    char events[TW_TEXT_MAX], bytes[TW_TEXT_MAX], age[TW_TEXT_MAX];
    tw_text_count(tw_show_number(queue, "events", 0), events);
    tw_text_bytes(tw_show_number(queue, "bytes", 0), bytes);
    const char *full = tw_json_is_true(tw_json_get(queue, "full")) ? ", the journal is FULL" : "";
    if (tw_show_number(queue, "events", 0) == 0) {
        (void)printf("queue     empty%s\n", full);
        return;
    }
    tw_text_age(tw_show_number(queue, "oldest_s", 0), age);
    (void)printf("queue     %s events, %s, the oldest %s old%s\n", events, bytes, age, full);
}

static void print_journal(const tw_json *journal)
{
    char bytes[TW_TEXT_MAX];
    int64_t key = tw_show_number(journal, "seal_key", 0);
    int64_t oldest = tw_show_number(journal, "oldest_seal_key", 0);
    tw_text_bytes(tw_show_number(journal, "file_bytes", 0), bytes);
    (void)printf("journal   %s", bytes);
    if (key > 0) {
        (void)printf(", sealed with key %" PRId64, key);
    }
    if (oldest > 0 && oldest < key) {
        (void)printf("; keys from %" PRId64 " on are still needed", oldest);
    }
    (void)printf("\n");
}

static void print_members(const tw_json *members)
{
    char count[TW_TEXT_MAX], age[TW_TEXT_MAX];
    int64_t age_s = tw_show_number(members, "age_s", -1);
    tw_text_count(tw_show_number(members, "count", 0), count);
    tw_text_age(age_s, age);
    (void)printf("members   %s, version %" PRId64 ", %s%s\n", count, tw_show_number(members, "version", 0),
                 age_s < 0 ? "never heard of" : age, age_s < 0 ? "" : " old");
}

static void print_devices(const tw_json *devices)
{
    for (size_t i = 0; i < tw_json_size(devices); i++) {
        const tw_json *device = tw_json_at(devices, i);
        const char *state = tw_show_text(device, "state");
        const tw_json *files = tw_json_get(device, "files");
        (void)printf("%-9s %-16s %s%s", i == 0 ? "devices" : "", tw_show_text(device, "name"), state,
                     strcmp(state, "ready") == 0 ? "" : " !");
        if (tw_json_get(files, "done") != NULL) {
            (void)printf(", files: %" PRId64 " done, %" PRId64 " failed, %" PRId64 " waiting",
                         tw_show_number(files, "done", 0), tw_show_number(files, "failed", 0),
                         tw_show_number(files, "waiting", 0));
        }
        (void)printf("\n");
    }
}

static void print_problems(const tw_json *problems)
{
    for (size_t i = 0; i < tw_json_size(problems); i++) {
        const char *problem = tw_json_text(tw_json_at(problems, i));
        (void)printf("%s* ", i == 0 ? "\n" : "");
        tw_show_plain(problem != NULL ? problem : "?");
        (void)printf("\n");
    }
}

static void print_status(const tw_json *status)
{
    char uptime[TW_TEXT_MAX];
    tw_text_age(tw_show_number(status, "uptime_s", 0), uptime);
    (void)printf("terminal  %s/%s/%s, tillwire %s, up for %s\n", tw_show_text(status, "tenant"),
                 tw_show_text(status, "store"), tw_show_text(status, "terminal"),
                 tw_show_text(status, "version"), uptime);
    print_uplink(tw_json_get(status, "uplink"));
    print_queue(tw_json_get(status, "queue"));
    print_journal(tw_json_get(status, "journal"));
    print_members(tw_json_get(status, "members"));
    print_devices(tw_json_get(status, "devices"));
    print_problems(tw_json_get(status, "problems"));
    if (tw_json_is_true(tw_json_get(status, "well"))) {
        (void)printf("\nAll is well.\n");
    }
}

static int run_status(const struct tw_cli *cli)
{
    tw_json *status = NULL;
    struct tw_buf body = {0};
    int result = tw_client_ask(cli, "/v1/status", NULL, &status, &body);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    if (cli->json) {
        (void)printf("%s\n", (const char *)body.ptr);
    } else {
        print_status(status);
    }
    bool well = tw_json_is_true(tw_json_get(status, "well"));
    tw_json_free(status);
    tw_buf_free(&body);
    return well ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

static const struct argp_child children[] = {
    {&tw_cli_output_argp, 0, NULL, 0},
    {&tw_cli_daemon_argp, 0, NULL, 0},
    {0},
};

static const struct argp status_argp = {
    .parser = tw_cli_parse_none,
    .children = children,
    .doc = "Says how the agent of this terminal is: uplink, queue, members, devices; and in words what is "
           "not well "
           "and what to do about it.\v"
           "Examples:\n"
           "  tillwire status\n"
           "  tillwire status --json | jq .queue.events\n"
           "\n" TW_CLI_EXIT_CODES,
};

const struct tw_command tw_command_status = {"status", "is all well, and if not, what to do", &status_argp,
                                             run_status};
