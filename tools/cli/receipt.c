// SPDX-License-Identifier: Apache-2.0
//
// tillwire receipt read FILE: what a capture would become, without the agent: each line with what it was
// taken for, then the sale. The same reader, rules and payment guard as in the agent.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "tillwire/config.h"
#include "tillwire/json.h"
#include "tillwire/reader.h"
#include "tillwire/sale_json.h"
#include "tools/cli/command.h"
#include "tools/cli/text.h"

#define CHUNK 16384

struct reading {
    const struct tw_cli *cli;
    struct tw_config *config; // NULL: none
    struct tw_scan_rules *rules;
    struct tw_profile *profile;
    struct tw_reader *reader;
    tw_json *lines, *receipts; // --json
    size_t sales, unparsed, unreconciled;
};

// ---- what the reader says ----

static void on_line(void *ctx, const char *text, const char *taken_for, int64_t amount_minor, bool has_amount)
{
    struct reading *reading = ctx;
    if (reading->cli->json) {
        tw_json *amount = has_amount ? tw_json_pack("I", amount_minor) : tw_json_pack("n");
        (void)tw_json_append(reading->lines, tw_json_pack("{s:s, s:s, s:o}", "text", text, "taken_for",
                                                          taken_for, "amount", amount));
        return;
    }
    char amount[TW_TEXT_MAX] = "";
    struct tw_buf plain = {0};
    tw_text_plain(tw_slice_of(text), &plain);
    if (has_amount) {
        (void)snprintf(amount, sizeof amount, "%" PRId64, amount_minor);
    }
    (void)printf("%-16s %10s  %s\n", taken_for, amount, plain.ptr != NULL ? (const char *)plain.ptr : "");
    tw_buf_free(&plain);
}

// As the agent would write it; what only the agent knows is null, and without a configuration the rest too.
static tw_json *sale_json(const struct reading *reading, const struct tw_sale *sale)
{
    static const char *const unknown[] = {"transaction_id", "store", "workstation", "currency"};
    const struct tw_config *config = reading->config;
    tw_json *json = NULL;
    const struct tw_sale_context context = {
        .transaction_id = "",
        .store = config != NULL ? config->store : "",
        .workstation = config != NULL ? config->terminal : "",
        .business_day = sale->business_day,
        .printed_time = sale->printed_time,
        .currency = config != NULL ? config->currency : "",
    };
    if (tw_sale_to_json(sale, &context, &json) != TW_OK) {
        return NULL;
    }
    for (size_t i = 0; i < (config != NULL ? 1 : sizeof unknown / sizeof unknown[0]); i++) {
        (void)tw_json_set(json, unknown[i], tw_json_pack("n"));
    }
    return json;
}

static void print_money(const char *name, struct tw_money money)
{
    if (money.has) {
        (void)printf("  %-10s %10" PRId64 "\n", name, money.minor);
    }
}

static void print_sale(const struct tw_sale *sale)
{
    struct tw_buf plain = {0};
    tw_text_plain(tw_slice_of(sale->receipt_number != NULL ? sale->receipt_number : "none"), &plain);
    (void)printf("\n=> %s, receipt number %s, %zu lines, %s\n", tw_sale_kind_name(sale->kind),
                 plain.ptr != NULL ? (const char *)plain.ptr : "", sale->line_count,
                 sale->reconciled ? "reconciled" : "NOT RECONCILED: the amounts do not add up");
    tw_buf_free(&plain);
    print_money("subtotal", sale->subtotal);
    print_money("tax", sale->tax);
    print_money("rounding", sale->rounding);
    print_money("total", sale->total);
    for (size_t i = 0; i < sale->tender_count; i++) {
        (void)printf("  %-10s %10" PRId64 "\n", tw_tender_type_name(sale->tenders[i].type),
                     sale->tenders[i].amount_minor);
    }
    print_money("change", sale->change);
    if (sale->card != NULL || sale->card_tail != NULL) {
        (void)printf("  member     %s\n",
                     sale->card != NULL ? "the card is printed in full" : "the card is masked");
    }
    (void)printf("\n");
}

static void take_unparsed(struct reading *reading, const struct tw_reader_fact *fact)
{
    const char *reason = tw_unparsed_name(fact->reason);
    reading->unparsed++;
    if (reading->cli->json) {
        (void)tw_json_append(reading->receipts,
                             tw_json_pack("{s:s, s:s, s:s?, s:I, s:I}", "kind", "unparsed", "reason", reason,
                                          "detail", fact->detail, "lines", (int64_t)fact->lines, "bytes",
                                          (int64_t)fact->bytes));
        return;
    }
    (void)printf("\n=> not a sale (%s)%s%s\n\n", reason, fact->detail != NULL ? ": " : "",
                 fact->detail != NULL ? fact->detail : "");
}

static void on_fact(void *ctx, struct tw_reader_fact *fact)
{
    struct reading *reading = ctx;
    if (fact->sale == NULL && fact->lines == 0 && fact->reason != TW_UNPARSED_RASTER_ONLY) {
        return; // blank paper
    }
    if (fact->sale == NULL) {
        take_unparsed(reading, fact);
        return;
    }
    reading->sales++;
    reading->unreconciled += fact->sale->reconciled ? 0 : 1;
    if (reading->cli->json) {
        (void)tw_json_append(reading->receipts, sale_json(reading, fact->sale));
    } else {
        print_sale(fact->sale);
    }
}

// ---- preparing and feeding ----

// The configuration brings card rules and profiles; without one, and none asked for, there are none.
static int load_config(struct reading *reading, const char **path)
{
    struct tw_error_text why = {0};
    const struct tw_cli *cli = reading->cli;
    *path = cli->config != NULL ? cli->config : TW_CONFIG_DEFAULT_PATH;
    if (cli->config == NULL && access(*path, R_OK) != 0) {
        return TW_EXIT_FINE;
    }
    if (tw_config_load(*path, &reading->config, &why) != TW_OK ||
        tw_scan_rules_new(reading->config->loyalty.cards, reading->config->loyalty.card_count,
                          &reading->rules, &why) != TW_OK) {
        (void)fprintf(stderr, "tillwire: %s\n", why.text);
        return TW_EXIT_USAGE;
    }
    return TW_EXIT_FINE;
}

static int prepare(struct reading *reading)
{
    struct tw_error_text why = {0};
    const char *path = NULL;
    int result = load_config(reading, &path);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    const char *name = reading->cli->profile != NULL ? reading->cli->profile : "generic";
    if (tw_config_profile(path, name, &reading->profile, &why) != TW_OK) {
        (void)fprintf(stderr, "tillwire: %s\n", why.text);
        return TW_EXIT_USAGE;
    }
    const struct tw_reader_options options = {
        .profile = reading->profile, .rules = reading->rules, .on_fact = on_fact, .ctx = reading};
    reading->lines = tw_json_pack("[]");
    reading->receipts = tw_json_pack("[]");
    if (reading->lines == NULL || reading->receipts == NULL ||
        tw_reader_new(&options, &reading->reader) != TW_OK) {
        (void)fprintf(stderr, "tillwire: out of memory\n");
        return TW_EXIT_NOT_WELL;
    }
    tw_reader_trace(reading->reader, on_line, reading);
    return TW_EXIT_FINE;
}

static int feed(struct reading *reading)
{
    const char *name = reading->cli->operand;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rbe");
    static uint8_t chunk[CHUNK];
    int rc = TW_OK;
    size_t got;
    if (file == NULL) {
        (void)fprintf(stderr, "tillwire: cannot read %s: %s\n", name, strerror(errno));
        return TW_EXIT_USAGE;
    }
    while (rc == TW_OK && (got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        rc = tw_reader_feed(reading->reader, tw_slice_make(chunk, got));
    }
    bool failed = ferror(file) != 0;
    if (failed) {
        (void)fprintf(stderr, "tillwire: cannot read %s: %s\n", name, strerror(errno));
    }
    if (file != stdin) {
        (void)fclose(file);
    }
    if (rc == TW_OK) {
        rc = tw_reader_close(reading->reader);
    }
    if (rc != TW_OK) {
        (void)fprintf(stderr, "tillwire: reading %s: %s\n", name, tw_err_name(rc));
    }
    return failed ? TW_EXIT_USAGE : rc == TW_OK ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

static void print_json(struct reading *reading)
{
    struct tw_buf out = {0};
    tw_buf_add_text(&out, "{\"lines\":");
    tw_json_dump(reading->lines, &out);
    tw_buf_add_text(&out, ",\"receipts\":");
    tw_json_dump(reading->receipts, &out);
    tw_buf_add_text(&out, "}");
    (void)printf("%s\n", out.ptr != NULL ? (const char *)out.ptr : "");
    tw_buf_free(&out);
}

static void print_count(const struct reading *reading)
{
    (void)printf("%zu sales (%zu not reconciled), %zu not a sale. Amounts are in minor units.\n",
                 reading->sales, reading->unreconciled, reading->unparsed);
}

static int run_receipt(const struct tw_cli *cli)
{
    struct reading reading = {.cli = cli};
    int result = prepare(&reading);
    if (result == TW_EXIT_FINE) {
        result = feed(&reading);
    }
    if (result == TW_EXIT_FINE) {
        if (cli->json) {
            print_json(&reading);
        } else {
            print_count(&reading);
        }
        result = reading.sales > 0 && reading.unreconciled == 0 && reading.unparsed == 0 ? TW_EXIT_FINE
                                                                                         : TW_EXIT_NOT_WELL;
    }
    tw_reader_free(reading.reader);
    tw_profile_free(reading.profile);
    tw_scan_rules_free(reading.rules);
    tw_config_free(reading.config);
    tw_json_free(reading.lines);
    tw_json_free(reading.receipts);
    return result;
}

// ---- the command line ----

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tw_cli *cli = state->input;
    switch (key) {
    case 'c':
        cli->config = arg;
        return 0;
    case 'p':
        cli->profile = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0 && strcmp(arg, "read") != 0) {
            argp_error(state, "the only thing to do with a receipt is `read`");
        } else if (state->arg_num == 1) {
            cli->operand = arg;
        } else if (state->arg_num > 1) {
            argp_error(state, "one FILE at a time");
        }
        return 0;
    case ARGP_KEY_END:
        if (cli->operand == NULL) {
            argp_error(state, "name the FILE to read, or - for standard input");
        }
        return 0;
    default:
        return tw_cli_parse_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    {"profile", 'p', "NAME", 0,
     "Receipt profile: a file, or the name of one in profiles/ beside the configuration (generic)", 0},
    {"config", 'c', "FILE", 0,
     "Take card rules and profiles from this configuration (" TW_CONFIG_DEFAULT_PATH ")", 0},
    {0},
};
static const struct argp_child children[] = {{&tw_cli_output_argp, 0, NULL, 0}, {0}};
static const struct argp receipt_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "read FILE",
    .children = children,
    .doc = "Reads a capture of what a till sent to its printer and shows, line by line, what each line was "
           "taken for "
           "and its amount in minor units; then the sale that came out. Nothing is stored or sent, and the "
           "agent need not "
           "run. FILE - is standard input.\v"
           "Card numbers of payment cards are masked as they are in the agent. With --json: {\"lines\": "
           "[{\"text\", "
           "\"taken_for\", \"amount\"}], \"receipts\": [the data of a sale event, or {\"kind\": "
           "\"unparsed\", \"reason\", "
           "\"detail\", \"lines\", \"bytes\"}]}.\n"
           "\nExamples:\n"
           "  tillwire receipt read capture.bin\n"
           "  tillwire receipt read --profile shop.yaml --json capture.bin | jq '.receipts[].total'\n"
           "  nc -l 9100 | tillwire receipt read -\n"
           "\n" TW_CLI_EXIT_CODES "\nIt is 1 here when there is no sale in FILE, or something that is no "
           "sale, or one that does not add up.\n",
};

const struct tw_command tw_command_receipt = {"receipt", "what a printer capture would become", &receipt_argp,
                                              run_receipt};
