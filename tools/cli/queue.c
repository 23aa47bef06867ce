// SPDX-License-Identifier: Apache-2.0
//
// tillwire queue: what waits for the centre; the events it would not take, and what to do with them.
#include <inttypes.h>

#include "tools/cli/client.h"
#include "tools/cli/show.h"
#include "tools/cli/text.h"

// ---- tillwire queue ----

static void print_summary(const tw_json *queue)
{
    char events[TW_TEXT_MAX], bytes[TW_TEXT_MAX], age[TW_TEXT_MAX], dead[TW_TEXT_MAX];
    int64_t count = tw_show_number(queue, "events", 0);
    int64_t dropped = tw_show_number(queue, "dropped", 0);
    tw_text_count(count, events);
    tw_text_bytes(tw_show_number(queue, "bytes", 0), bytes);
    tw_text_age(tw_show_number(queue, "oldest_s", -1), age);
    tw_text_count(tw_show_number(queue, "dead_letters", 0), dead);
    (void)printf("events        %s\nbytes         %s\noldest        %s\ndead letters  %s\n", events, bytes,
                 count == 0 ? "-" : age, dead);
    if (dropped > 0) {
        tw_text_count(dropped, events);
        (void)printf("given up      %s for want of room since the agent started\n", events);
    }
    if (tw_json_is_true(tw_json_get(queue, "full"))) {
        (void)printf(
            "\n* The journal is FULL: sales and scans are refused, taps keep their copies and wait.\n"
            "  Let the uplink deliver (`tillwire status` says why it does not), make room on the disk,\n"
            "  or raise journal.max_bytes.\n");
    }
    if (tw_show_number(queue, "dead_letters", 0) > 0) {
        (void)printf(
            "\n* Events were rejected by the centre or the broker. `tillwire queue show` says which and\n"
            "  why; once that is mended, `tillwire queue retry --all` sends them again.\n");
    }
}

static int run_summary(const struct tw_cli *cli)
{
    tw_json *queue = NULL;
    struct tw_buf body = {0};
    int result = tw_client_ask(cli, "/v1/queue", NULL, &queue, &body);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    if (cli->json) {
        (void)printf("%s\n", (const char *)body.ptr);
    } else {
        print_summary(queue);
    }
    bool well = tw_show_number(queue, "dead_letters", 0) == 0 && !tw_json_is_true(tw_json_get(queue, "full"));
    tw_buf_free(&body);
    tw_json_free(queue);
    return well ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

// ---- tillwire queue show ----

static void print_json(const tw_json *json)
{
    struct tw_buf text = {0};
    tw_json_dump(json, &text);
    (void)printf("%s\n", text.ptr != NULL ? (const char *)text.ptr : "{}");
    tw_buf_free(&text);
}

static void print_line(const tw_json *letter)
{
    char rejected[TW_TEXT_MAX];
    tw_text_time(tw_show_text(letter, "rejected"), rejected);
    (void)printf("%8" PRId64 "  %s  %-18s  ", tw_show_number(letter, "number", 0), rejected,
                 tw_show_type(letter));
    tw_show_plain(tw_show_text(letter, "reason"));
    (void)printf("\n");
}

static void print_data(const tw_json *data)
{
    struct tw_buf text = {0};
    tw_json_dump(data, &text);
    if (text.ptr != NULL) {
        tw_show_plain((const char *)text.ptr);
    }
    (void)printf("\n");
    tw_buf_free(&text);
}

static void print_letter(const tw_json *letter)
{
    char captured[TW_TEXT_MAX], rejected[TW_TEXT_MAX];
    const tw_json *data = tw_json_get(letter, "data");
    tw_text_time(tw_show_text(letter, "time"), captured);
    tw_text_time(tw_show_text(letter, "rejected"), rejected);
    (void)printf("number    %" PRId64 "\ntype      %s\nid        %s\nsource    %s\ncaptured  %s\n"
                 "rejected  %s\nreason    ",
                 tw_show_number(letter, "number", 0), tw_show_type(letter), tw_show_text(letter, "id"),
                 tw_show_text(letter, "source"), captured, rejected);
    tw_show_plain(tw_show_text(letter, "reason"));
    (void)printf("\nstood at  sequence %" PRId64 " of epoch %s\n", tw_show_number(letter, "sequence", 0),
                 tw_show_text(letter, "epoch"));
    if (data != NULL) {
        (void)printf("data      ");
        print_data(data);
    }
}

// One page behind `after`.
static int ask_letters(const struct tw_cli *cli, int64_t after, int limit, tw_json **out)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/queue/dead?after=%" PRId64 "&limit=%d%s", after, limit,
                   cli->data ? "&data=1" : "");
    return tw_client_ask(cli, path, NULL, out, NULL);
}

static int show_one(const struct tw_cli *cli)
{
    int64_t wanted = strtoll(cli->operand, NULL, 10);
    tw_json *page = NULL;
    int result = ask_letters(cli, wanted - 1, 1, &page);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    const tw_json *letter = tw_json_at(tw_json_get(page, "letters"), 0);
    if (letter == NULL || tw_show_number(letter, "number", 0) != wanted) {
        (void)fprintf(stderr,
                      "tillwire: there is no dead letter %" PRId64 "; `tillwire queue show` lists them\n",
                      wanted);
    } else if (cli->json) {
        print_json(letter);
    } else {
        print_letter(letter);
    }
    tw_json_free(page);
    return TW_EXIT_NOT_WELL;
}

static void add_page(const struct tw_cli *cli, const tw_json *page, struct tw_buf *all, size_t *count)
{
    const tw_json *letters = tw_json_get(page, "letters");
    for (size_t i = 0; i < tw_json_size(letters); i++) {
        const tw_json *letter = tw_json_at(letters, i);
        if (cli->json) {
            tw_buf_add_text(all, *count > 0 ? "," : "");
            tw_json_dump(letter, all);
        } else {
            print_line(letter);
            if (tw_json_get(letter, "data") != NULL) {
                (void)printf("          ");
                print_data(tw_json_get(letter, "data"));
            }
        }
        ++*count;
    }
}

static int show_all(const struct tw_cli *cli)
{
    struct tw_buf all = {0};
    size_t count = 0;
    int64_t after = 0;
    int result = TW_EXIT_FINE;
    while (after >= 0 && result == TW_EXIT_FINE) {
        tw_json *page = NULL;
        result = ask_letters(cli, after, 100, &page);
        if (result == TW_EXIT_FINE) {
            add_page(cli, page, &all, &count);
            after = tw_show_number(page, "next", -1);
        }
        tw_json_free(page);
    }
    if (result == TW_EXIT_FINE && cli->json) {
        (void)printf("{\"letters\":[%s]}\n", all.ptr != NULL ? (const char *)all.ptr : "");
    } else if (result == TW_EXIT_FINE && count == 0) {
        (void)printf("There are no dead letters.\n");
    }
    tw_buf_free(&all);
    return result != TW_EXIT_FINE ? result : count > 0 ? TW_EXIT_NOT_WELL : TW_EXIT_FINE;
}

static int run_show(const struct tw_cli *cli)
{
    return cli->operand != NULL ? show_one(cli) : show_all(cli);
}

// ---- tillwire queue retry, resync ----

static int ask_change(const struct tw_cli *cli, const char *path, struct tw_buf *body, tw_json **out)
{
    struct tw_buf text = {0};
    int result = tw_client_ask(cli, path, body, out, &text);
    if (result == TW_EXIT_FINE && cli->json) {
        (void)printf("%s\n", (const char *)text.ptr);
    }
    tw_buf_free(&text);
    tw_buf_free(body);
    return result;
}

static int run_retry(const struct tw_cli *cli)
{
    struct tw_buf body = {0};
    tw_json *answer = NULL;
    if (cli->all) {
        tw_buf_add_text(&body, "{\"all\":true}");
    } else {
        tw_buf_printf(&body, "{\"number\":%s}", cli->operand);
    }
    int result = ask_change(cli, "/v1/queue/retry", &body, &answer);
    int64_t queued = tw_show_number(answer, "queued", 0);
    if (result == TW_EXIT_FINE && !cli->json && queued == 0) {
        (void)printf("There are no dead letters.\n");
    } else if (result == TW_EXIT_FINE && !cli->json) {
        (void)printf("%" PRId64
                     " %s queued again, with a new number. What the centre rejects again comes back "
                     "to the dead letters.\n",
                     queued, queued == 1 ? "event is" : "events are");
    }
    tw_json_free(answer);
    return result;
}

static int run_resync(const struct tw_cli *cli)
{
    struct tw_buf body = {0};
    tw_json *answer = NULL;
    tw_buf_printf(&body, "{\"from\":%s}", cli->operand);
    int result = ask_change(cli, "/v1/queue/resync", &body, &answer);
    if (result == TW_EXIT_FINE && !cli->json && tw_json_is_true(tw_json_get(answer, "renewed"))) {
        (void)printf(
            "Some of these events were acknowledged before and are gone from this terminal: a capture.gap "
            "tells\nthe centre which. Everything that is still here is sent in a new epoch.\n");
    } else if (result == TW_EXIT_FINE && !cli->json) {
        (void)printf("Everything from %s on is sent again.\n", cli->operand);
    }
    tw_json_free(answer);
    return result;
}

// ---- the command ----

static const struct verb {
    const char *name;
    int (*run)(const struct tw_cli *cli);
} verbs[] = {{"show", run_show}, {"retry", run_retry}, {"resync", run_resync}};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int run_queue(const struct tw_cli *cli)
{
    return cli->verb == NULL ? run_summary(cli) : find_verb(cli->verb)->run(cli);
}

enum { KEY_DATA = 'd', KEY_ALL = 'a' };

static bool is_verb(const struct tw_cli *cli, const char *name)
{
    return cli->verb != NULL && strcmp(cli->verb, name) == 0;
}

static void take_operand(struct tw_cli *cli, char *arg, struct argp_state *state)
{
    if (state->arg_num == 0) {
        cli->verb = arg;
        if (find_verb(arg) == NULL) {
            argp_error(state, "with a queue one can `show`, `retry` and `resync`");
        }
    } else if (state->arg_num > 1) {
        argp_error(state, "one number at a time");
    } else if (strspn(arg, "0123456789") != strlen(arg) || arg[0] == '0' || strlen(arg) > 15) {
        argp_error(state, "a number from 1 on is needed here");
    } else {
        cli->operand = arg;
    }
}

static void check_usage(const struct tw_cli *cli, struct argp_state *state)
{
    if (is_verb(cli, "retry") && (cli->operand != NULL) == cli->all) {
        argp_error(state, "name the NUMBER of a dead letter, or --all");
    } else if (is_verb(cli, "resync") && cli->operand == NULL) {
        argp_error(state, "name the sequence number FROM which on everything is to be sent again");
    } else if (cli->data && !is_verb(cli, "show")) {
        argp_error(state, "--data goes with `show`");
    } else if (cli->all && !is_verb(cli, "retry")) {
        argp_error(state, "--all goes with `retry`");
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tw_cli *cli = state->input;
    switch (key) {
    case KEY_DATA:
        cli->data = true;
        return 0;
    case KEY_ALL:
        cli->all = true;
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
    {"data", KEY_DATA, NULL, 0, "show: also what is in the events, which may be personal data", 0},
    {"all", KEY_ALL, NULL, 0, "retry: every dead letter", 0},
    {0},
};
static const struct argp_child children[] = {
    {&tw_cli_output_argp, 0, NULL, 0},
    {&tw_cli_daemon_argp, 0, NULL, 0},
    {0},
};
static const struct argp queue_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "\nshow [NUMBER]\nretry NUMBER|--all\nresync FROM",
    .children = children,
    .doc =
        "Shows what waits for the centre: how many events, their size in the journal, the age of the oldest, "
        "and "
        "the dead letters (events the centre rejected or the broker refused).\v"
        "`show` lists the dead letters with the centre's reason, or shows one. `retry` queues them again as "
        "new "
        "events, once what the centre did not like is mended. `resync` sends everything again from a "
        "sequence "
        "number on, for a centre that lost it; what is no longer on the terminal is told as a capture.gap.\n"
        "\nExamples:\n"
        "  tillwire queue\n"
        "  tillwire queue show\n"
        "  tillwire queue show 3 --data\n"
        "  tillwire queue retry --all\n"
        "  tillwire queue --json | jq .events\n"
        "\n" TW_CLI_EXIT_CODES "\nIt is 1 for `queue` and `show` when there are dead letters, and for "
        "`queue` when the journal is full. A "
        "long queue alone is fine: the line may be down.\n",
};

const struct tw_command tw_command_queue = {"queue", "what waits for the centre, and what it rejected",
                                            &queue_argp, run_queue};
