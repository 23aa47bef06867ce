// SPDX-License-Identifier: Apache-2.0
//
// tillwire status: is all well, and if not, what to do.
#include <inttypes.h>

#include "tools/cli/client.h"
#include "tools/cli/text.h"

static int64_t number(const tw_json *object, const char *name, int64_t otherwise)
{
    int64_t value = otherwise;
    return tw_json_int(tw_json_get(object, name), &value) == TW_OK ? value : otherwise;
}

static const char *text(const tw_json *object, const char *name)
{
    const char *value = tw_json_text(tw_json_get(object, name));
    return value != NULL ? value : "?";
}

static void print_plain(const char *from)
{
    struct tw_buf plain = {0};
    tw_text_plain(tw_slice_of(from), &plain);
    (void)printf("%s", plain.ptr != NULL ? (const char *)plain.ptr : "");
    tw_buf_free(&plain);
}

static void print_uplink(const tw_json *uplink)
{
    char age[TW_TEXT_MAX], through[TW_TEXT_MAX];
    if (tw_json_get(uplink, "connected") == NULL) {
        (void)printf("uplink    not configured\n");
        return;
    }
    tw_text_age(number(uplink, "since_s", -1), age);
    tw_text_count(number(uplink, "through", 0), through);
    (void)printf("uplink    %s for %s, acknowledged through %s\n",
                 tw_json_is_true(tw_json_get(uplink, "connected")) ? "connected" : "NOT CONNECTED", age,
                 through);
}

static void print_queue(const tw_json *queue)
{
    char events[TW_TEXT_MAX], bytes[TW_TEXT_MAX], age[TW_TEXT_MAX];
    tw_text_count(number(queue, "events", 0), events);
    tw_text_bytes(number(queue, "bytes", 0), bytes);
    if (number(queue, "events", 0) == 0) {
        (void)printf("queue     empty\n");
        return;
    }
    tw_text_age(number(queue, "oldest_s", 0), age);
    (void)printf("queue     %s events, %s, the oldest %s old\n", events, bytes, age);
}

static void print_members(const tw_json *members)
{
    char count[TW_TEXT_MAX], age[TW_TEXT_MAX];
    int64_t age_s = number(members, "age_s", -1);
    tw_text_count(number(members, "count", 0), count);
    tw_text_age(age_s, age);
    (void)printf("members   %s, version %" PRId64 ", %s%s\n", count, number(members, "version", 0),
                 age_s < 0 ? "never heard of" : age, age_s < 0 ? "" : " old");
}

static void print_devices(const tw_json *devices)
{
    for (size_t i = 0; i < tw_json_size(devices); i++) {
        const tw_json *device = tw_json_at(devices, i);
        bool up = tw_json_is_true(tw_json_get(device, "up"));
        (void)printf("%-9s %-16s %s\n", i == 0 ? "devices" : "", text(device, "name"), up ? "up" : "DOWN");
    }
}

static void print_problems(const tw_json *problems)
{
    for (size_t i = 0; i < tw_json_size(problems); i++) {
        const char *problem = tw_json_text(tw_json_at(problems, i));
        (void)printf("%s* ", i == 0 ? "\n" : "");
        print_plain(problem != NULL ? problem : "?");
        (void)printf("\n");
    }
}

static void print_status(const tw_json *status)
{
    char uptime[TW_TEXT_MAX];
    tw_text_age(number(status, "uptime_s", 0), uptime);
    (void)printf("terminal  %s/%s/%s, tillwire %s, up for %s\n", text(status, "tenant"),
                 text(status, "store"), text(status, "terminal"), text(status, "version"), uptime);
    print_uplink(tw_json_get(status, "uplink"));
    print_queue(tw_json_get(status, "queue"));
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

// ---- tillwire queue ----

static void print_queue_page(const tw_json *queue)
{
    char events[TW_TEXT_MAX], bytes[TW_TEXT_MAX], age[TW_TEXT_MAX], dead[TW_TEXT_MAX];
    int64_t count = number(queue, "events", 0);
    tw_text_count(count, events);
    tw_text_bytes(number(queue, "bytes", 0), bytes);
    tw_text_age(number(queue, "oldest_s", -1), age);
    tw_text_count(number(queue, "dead_letters", 0), dead);
    (void)printf("events        %s\nbytes         %s\noldest        %s\ndead letters  %s\n", events, bytes,
                 count == 0 ? "-" : age, dead);
    if (number(queue, "dead_letters", 0) > 0) {
        (void)printf("\n* The centre rejected events and will never take them. They are kept in "
                     "state_dir/journal.db;\n"
                     "  the agent's log names each with the centre's reason.\n");
    }
}

static int run_queue(const struct tw_cli *cli)
{
    tw_json *status = NULL;
    struct tw_buf out = {0};
    int result = tw_client_ask(cli, "/v1/status", NULL, &status, NULL);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    const tw_json *queue = tw_json_get(status, "queue");
    if (cli->json) {
        tw_json_dump(queue, &out);
        (void)printf("%s\n", out.ptr != NULL ? (const char *)out.ptr : "{}");
    } else {
        print_queue_page(queue);
    }
    bool dead = number(queue, "dead_letters", 0) > 0;
    tw_buf_free(&out);
    tw_json_free(status);
    return dead ? TW_EXIT_NOT_WELL : TW_EXIT_FINE;
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

static const struct argp queue_argp = {
    .parser = tw_cli_parse_none,
    .children = children,
    .doc = "Shows what waits for the centre: how many events, their size in the journal, the age of the "
           "oldest, and "
           "the dead letters (events the centre rejected).\v"
           "Examples:\n"
           "  tillwire queue\n"
           "  tillwire queue --json\n"
           "\n" TW_CLI_EXIT_CODES
           "\nIt is 1 here when there are dead letters. A long queue alone is fine: the line may be down.\n",
};

const struct tw_command tw_command_status = {"status", "is all well, and if not, what to do", &status_argp,
                                             run_status};
const struct tw_command tw_command_queue = {"queue", "what waits for the centre", &queue_argp, run_queue};
