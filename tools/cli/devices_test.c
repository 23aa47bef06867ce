// SPDX-License-Identifier: Apache-2.0
//
// tillwire devices test: an installer uses a device, the agent listens, and a sentence says whether it works.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/cli/devices.h"
#include "tools/cli/show.h"

#define LOOK_MS   250  // how often the agent is asked
#define SECONDS   30   // unless said otherwise
#define SETTLE_MS 3000 // bytes without a whole code for so long: none comes

// What is looked at of a device.
struct view {
    int64_t bytes, reads, position, errors;
};

struct trial {
    const struct tw_cli *cli;
    char class_name[16], transport[16];
    struct view before, heard; // `heard` since then
    int64_t characters;        // of the newest scan
    char symbology[32];        // "": not known
    char why[512];             // it is not ready: what the agent says of that
    bool works;
};

// ---- looking ----

static struct view view_of(const tw_json *device)
{
    return (struct view){tw_show_number(device, "bytes", 0), tw_show_number(device, "reads", 0),
                         tw_show_number(device, "position", 0), tw_show_number(device, "errors", 0)};
}

static void take_view(struct trial *trial, const tw_json *device)
{
    struct view now = view_of(device);
    const tw_json *last = tw_json_get(device, "last");
    const char *symbology = tw_json_text(tw_json_get(last, "symbology"));
    const char *why = tw_json_text(tw_json_get(device, "why"));
    bool ready = strcmp(tw_show_text(device, "state"), "ready") == 0;
    trial->heard = (struct view){now.bytes - trial->before.bytes, now.reads - trial->before.reads,
                                 now.position - trial->before.position, now.errors - trial->before.errors};
    trial->characters = tw_show_number(last, "characters", 0);
    (void)snprintf(trial->symbology, sizeof trial->symbology, "%s", symbology != NULL ? symbology : "");
    (void)snprintf(trial->why, sizeof trial->why, "%s", ready ? "" : why != NULL ? why : "it is not open");
}

static int look(struct trial *trial, bool first)
{
    tw_json *all = NULL;
    const tw_json *device = NULL;
    int result = tw_devices_ask(trial->cli, trial->cli->operand, &all, &device);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    if (first) {
        trial->before = view_of(device);
        (void)snprintf(trial->class_name, sizeof trial->class_name, "%s", tw_show_text(device, "class"));
        (void)snprintf(trial->transport, sizeof trial->transport, "%s", tw_show_text(device, "transport"));
    }
    take_view(trial, device);
    tw_json_free(all);
    return TW_EXIT_FINE;
}

// ---- what is expected ----

static const struct kind {
    const char *class_name;
    const char *request;
    const char *thing; // what is counted as read; NULL: bytes are all that can be seen
} kinds[] = {
    {"scanner", "Scan something", "scan"},
    {"stripe", "Swipe a loyalty card", "swipe"},
    {"tap", "Print a receipt", NULL},
    {"poslog", "Let the till export a sale", NULL},
};

static const struct kind *kind_of(const char *class_name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].class_name, class_name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

// A tap's line is never quiet: what counts is printing that was kept.
static bool has_worked(const struct trial *trial, const struct kind *kind)
{
    if (kind->thing != NULL) {
        return trial->heard.reads > 0;
    }
    return strcmp(kind->class_name, "tap") == 0 ? trial->heard.position > 0 : trial->heard.bytes > 0;
}

// A reader of stripes works all the same when it was a card that is not told.
static const char *remedy_for_swipe(const char *transport)
{
    if (strcmp(transport, "serial") == 0) {
        return "Otherwise check `baud`, `bits` and `parity`.";
    }
    return strcmp(transport, "evdev") == 0 ? "Otherwise set `layout` to the layout that the reader types in."
                                           : "Otherwise try another card.";
}

static const char *remedy_for_half(const char *transport)
{
    if (strcmp(transport, "hidraw") == 0) {
        return "Set the scanner to HID POS mode.";
    }
    if (strcmp(transport, "evdev") == 0) {
        return "Set the scanner to end each code with Enter, and `layout` to the layout it types in.";
    }
    return strcmp(transport, "serial") == 0
               ? "Check `baud`, `bits` and `parity`, and that `suffix` is what the scanner ends a code with."
               : "Check that `suffix` is what the scanner ends a code with.";
}

static const char *remedy_for_silence(const char *transport)
{
    if (strcmp(transport, "serial") == 0) {
        return "Check its power and cable, that it is set to serial (USB COM) mode, and `port` and `baud`.";
    }
    return strcmp(transport, "tcp") == 0
               ? "Check its power and its network cable, and the addresses in the configuration."
               : "Check its power and its cable, and that it is the one that is configured "
                 "(`tillwire devices discover`).";
}

// ---- the verdict ----

static void tell_works(const struct trial *trial, const struct kind *kind, struct tw_buf *out)
{
    const char *name = trial->cli->operand;
    if (strcmp(kind->class_name, "tap") == 0) {
        tw_buf_printf(out,
                      "%s works: %" PRId64 " bytes of printing were read and kept; `tillwire events` shows "
                      "what became of them.",
                      name, trial->heard.position);
    } else if (kind->thing == NULL) {
        tw_buf_printf(out, "%s works: heard %" PRId64 " bytes.", name, trial->heard.bytes);
    } else {
        bool one = trial->heard.reads == 1;
        tw_buf_printf(out, "%s works: heard %" PRId64 " bytes, %" PRId64 " %s%s %" PRId64 " characters%s%s.",
                      name, trial->heard.bytes, trial->heard.reads, kind->thing,
                      one ? " of" : "s, the last of", trial->characters,
                      trial->symbology[0] != '\0' ? ", " : "", trial->symbology);
    }
}

static void tell_half(const struct trial *trial, const struct kind *kind, struct tw_buf *out)
{
    bool stripe = strcmp(kind->class_name, "stripe") == 0;
    tw_buf_printf(out, "heard %" PRId64 " bytes, but no complete %s%s. ", trial->heard.bytes, kind->thing,
                  stripe ? " of a loyalty card" : "");
    if (stripe) {
        tw_buf_printf(out,
                      "Either no pattern of `loyalty.cards` matches the card, or it may be a payment card, "
                      "which is always refused. %s",
                      remedy_for_swipe(trial->transport));
        return;
    }
    if (trial->heard.errors > 0) {
        tw_buf_printf(out, "%" PRId64 " were refused as damaged or too long. ", trial->heard.errors);
    }
    tw_buf_add_text(out, remedy_for_half(trial->transport));
}

static void tell_does_not(const struct trial *trial, const struct kind *kind, struct tw_buf *out)
{
    const char *name = trial->cli->operand;
    if (trial->why[0] != '\0') {
        tw_buf_printf(out, "%s does not work: %s", name, trial->why);
    } else if (trial->heard.bytes > 0 && kind->thing != NULL) {
        tw_buf_printf(out, "%s does not work: ", name);
        tell_half(trial, kind, out);
    } else if (trial->heard.bytes > 0) {
        tw_buf_printf(out,
                      "%s does not work: its line is alive, but no printing was kept. Check that the till "
                      "prints through it.",
                      name);
    } else {
        tw_buf_printf(out, "%s does not work: heard nothing. %s", name, remedy_for_silence(trial->transport));
    }
}

static void print_json(const struct trial *trial, const char *verdict)
{
    struct tw_buf out = {0};
    tw_json *json = tw_json_pack(
        "{s:s, s:b, s:I, s:I, s:I, s:o, s:s}", "device", trial->cli->operand, "works", trial->works, "bytes",
        trial->heard.bytes, "reads", trial->heard.reads, "errors", trial->heard.errors, "last",
        trial->heard.reads > 0 ? tw_json_pack("{s:I, s:s?}", "characters", trial->characters, "symbology",
                                              trial->symbology[0] != '\0' ? trial->symbology : NULL)
                               : tw_json_pack("n"),
        "verdict", verdict);
    tw_json_dump(json, &out);
    (void)printf("%s\n", out.ptr != NULL ? (const char *)out.ptr : "{}");
    tw_json_free(json);
    tw_buf_free(&out);
}

static int conclude(const struct trial *trial, const struct kind *kind)
{
    struct tw_buf verdict = {0};
    if (trial->works) {
        tell_works(trial, kind, &verdict);
    } else {
        tell_does_not(trial, kind, &verdict);
    }
    const char *text = verdict.ptr != NULL ? (const char *)verdict.ptr : "";
    if (trial->cli->json) {
        print_json(trial, text);
    } else {
        tw_show_plain(text);
        (void)printf("\n");
    }
    tw_buf_free(&verdict);
    return trial->works ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

// ---- the trial ----

// Until it works, is not ready, has said something that is no whole code, or the time is up.
static int watch(struct trial *trial, const struct kind *kind)
{
    unsigned seconds = trial->cli->seconds != 0 ? trial->cli->seconds : SECONDS;
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t quiet_ms = 0;
    int result = TW_EXIT_FINE;
    for (int64_t left_ms = (int64_t)seconds * 1000; result == TW_EXIT_FINE && left_ms > 0;
         left_ms -= LOOK_MS) {
        int64_t bytes = trial->heard.bytes;
        (void)nanosleep(&pause, NULL);
        result = look(trial, false);
        trial->works = result == TW_EXIT_FINE && has_worked(trial, kind);
        quiet_ms = trial->heard.bytes == bytes ? quiet_ms + LOOK_MS : 0;
        bool no_code = kind->thing != NULL && trial->heard.bytes > 0 && quiet_ms >= SETTLE_MS;
        if (trial->works || trial->why[0] != '\0' || no_code) {
            break;
        }
    }
    return result;
}

int tw_devices_test(const struct tw_cli *cli)
{
    struct trial trial = {.cli = cli};
    int result = look(&trial, true);
    const struct kind *kind = kind_of(trial.class_name);
    if (result == TW_EXIT_FINE && kind == NULL) {
        (void)fprintf(stderr, "tillwire: a %s says nothing that could be listened to; look at it\n",
                      trial.class_name);
        return TW_EXIT_USAGE;
    }
    if (result == TW_EXIT_FINE && trial.why[0] == '\0') {
        if (!cli->json) {
            (void)printf("%s with %s within %u seconds; it counts as always.\n", kind->request, cli->operand,
                         cli->seconds != 0 ? cli->seconds : SECONDS);
            (void)fflush(stdout);
        }
        result = watch(&trial, kind);
    }
    return result == TW_EXIT_FINE ? conclude(&trial, kind) : result;
}
