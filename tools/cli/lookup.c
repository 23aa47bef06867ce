// SPDX-License-Identifier: Apache-2.0
//
// tillwire lookup: what the terminal knows about the member of a card. The card comes from standard
// input: a command line stays in the shell's history and is visible to every process.
#include <inttypes.h>
#include <termios.h>
#include <unistd.h>

#include "tools/cli/client.h"
#include "tools/cli/text.h"

#define MAX_CARD 128

// One line, without its end. False: nothing was entered, or too much.
static bool read_line(char card[MAX_CARD + 2])
{
    if (fgets(card, MAX_CARD + 2, stdin) == NULL) {
        return false;
    }
    size_t len = strcspn(card, "\r\n");
    bool whole = card[len] != '\0' || feof(stdin);
    card[len] = '\0';
    return whole && len > 0;
}

// At a terminal the characters are not shown: they would stay on the screen.
static bool read_card(char card[MAX_CARD + 2])
{
    struct termios before;
    if (isatty(STDIN_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before) != 0) {
        return read_line(card);
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)fprintf(stderr, "Card: ");
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool read = read_line(card);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fprintf(stderr, "\n");
    return read;
}

static void print_member(const tw_json *answer)
{
    int64_t points = 0;
    int64_t age_s = -1;
    char count[TW_TEXT_MAX], age[TW_TEXT_MAX];
    const char *tier = tw_json_text(tw_json_get(answer, "tier"));
    bool has_points = tw_json_int(tw_json_get(answer, "points"), &points) == TW_OK;
    bool has_age = tw_json_int(tw_json_get(answer, "age_s"), &age_s) == TW_OK;
    tw_text_count(points, count);
    tw_text_age(age_s, age);
    if (tw_json_is_true(tw_json_get(answer, "found"))) {
        struct tw_buf plain = {0};
        tw_text_plain(tw_slice_of(tier != NULL ? tier : "none"), &plain);
        (void)printf("tier    %s\npoints  %s\n", plain.ptr != NULL ? (const char *)plain.ptr : "",
                     has_points ? count : "none");
        tw_buf_free(&plain);
    } else {
        (void)printf("This terminal knows no member with that card.\n");
    }
    if (has_age) {
        (void)printf("as of   %s ago\n", age);
    } else {
        (void)printf("as of   never: no members have come from the centre yet\n");
    }
}

static int ask(const struct tw_cli *cli, const char *card)
{
    tw_json *answer = NULL;
    struct tw_buf body = {0};
    struct tw_buf text = {0};
    tw_buf_add_text(&body, "{\"card\":");
    tw_json_dump_text(tw_slice_of(card), &body);
    if (cli->operator_id != NULL) {
        tw_buf_add_text(&body, ",\"operator\":");
        tw_json_dump_text(tw_slice_of(cli->operator_id), &body);
    }
    tw_buf_add_text(&body, "}");
    int result = tw_client_ask(cli, "/v1/members/lookup", &body, &answer, &text);
    explicit_bzero(body.ptr, body.cap);
    tw_buf_free(&body);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    if (cli->json) {
        (void)printf("%s\n", (const char *)text.ptr);
    } else {
        print_member(answer);
    }
    bool found = tw_json_is_true(tw_json_get(answer, "found"));
    tw_buf_free(&text);
    tw_json_free(answer);
    return found ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

static int run_lookup(const struct tw_cli *cli)
{
    char card[MAX_CARD + 2] = "";
    if (!read_card(card)) {
        (void)fprintf(stderr, "tillwire: no card came from standard input (one line of 1 to %d characters)\n",
                      MAX_CARD);
        return TW_EXIT_USAGE;
    }
    int result = ask(cli, card);
    explicit_bzero(card, sizeof card);
    return result;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tw_cli *cli = state->input;
    switch (key) {
    case 'o':
        cli->operator_id = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state,
                   "a card is never given on the command line, where the shell's history keeps it and every "
                   "process can see it; send it through standard input");
        return EINVAL;
    default:
        return tw_cli_parse_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    {"operator", 'o', "NAME", 0, "Who asks, for the audit trail; the user running this command otherwise", 0},
    {0},
};
static const struct argp_child children[] = {
    {&tw_cli_output_argp, 0, NULL, 0},
    {&tw_cli_daemon_argp, 0, NULL, 0},
    {0},
};
static const struct argp lookup_argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Looks a loyalty card up in what this terminal keeps, with or without a line to the centre: tier, "
           "points, and "
           "how old they are. The card is read from standard input, or asked for without showing it.\v"
           "Every lookup is recorded with who asked. Payment cards are refused.\n"
           "\nExamples:\n"
           "  tillwire lookup\n"
           "  tillwire lookup --json < card.txt\n"
           "\n" TW_CLI_EXIT_CODES
           "\nIt is 1 here when no member has that card, or it is no card of this tenant.\n",
};

const struct tw_command tw_command_lookup = {"lookup", "tier and points of a member, by card", &lookup_argp,
                                             run_lookup};
