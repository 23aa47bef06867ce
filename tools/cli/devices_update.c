// SPDX-License-Identifier: Apache-2.0
//
// tillwire devices update: hands a tap's new firmware to the agent, and looks on until the tap has confirmed
// it or gone back. The agent goes on by itself when nobody looks.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tillwire/desk.h"
#include "tillwire/tap_image.h"
#include "tools/cli/client.h"
#include "tools/cli/devices.h"
#include "tools/cli/show.h"

#define LOOK_MS   500
#define PATIENT_S 600 // without any change; a trial takes a minute

struct watch {
    const struct tw_cli *cli;
    char state[16], version[24], why[512];
    int64_t sent, bytes;
    bool gone;     // the agent was started anew: it knows of no update
    bool progress; // a line that is written over stands on the terminal
};

// ---- the file

static int read_file(const char *name, struct tw_buf *out)
{
    char block[16384];
    size_t got = 0;
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "tillwire: cannot read %s: %s\n", name, strerror(errno));
        return TW_EXIT_USAGE;
    }
    while (out->len <= TW_DESK_MAX_BODY && (got = fread(block, 1, sizeof block, file)) > 0) {
        tw_buf_add(out, block, got);
    }
    int cause = ferror(file) != 0 ? errno : 0;
    (void)fclose(file);
    if (cause != 0 || tw_buf_status(out) != TW_OK) {
        (void)fprintf(stderr, "tillwire: cannot read %s: %s\n", name, strerror(cause != 0 ? cause : ENOMEM));
        return TW_EXIT_USAGE;
    }
    size_t magic = sizeof TW_IMAGE_FILE_MAGIC - 1;
    if (out->len > TW_DESK_MAX_BODY || out->len < magic ||
        memcmp(out->ptr, TW_IMAGE_FILE_MAGIC, magic) != 0) {
        (void)fprintf(stderr, "tillwire: %s is no update file for taps (.twtap); name one\n", name);
        return TW_EXIT_USAGE;
    }
    return TW_EXIT_FINE;
}

static int hand_over(const struct tw_cli *cli)
{
    struct tw_buf file = {0};
    char path[128];
    int result = tw_devices_check_name(cli->operand);
    result = result != TW_EXIT_FINE ? result : read_file(cli->file, &file);
    if (result == TW_EXIT_FINE) {
        (void)snprintf(path, sizeof path, "/v1/devices/update?device=%s", cli->operand);
        result = tw_client_send(cli, path, tw_buf_slice(&file));
    }
    tw_buf_free(&file);
    return result;
}

// ---- looking on

static int look(struct watch *watch)
{
    tw_json *all = NULL;
    const tw_json *device = NULL;
    int result = tw_devices_ask(watch->cli, watch->cli->operand, &all, &device);
    if (result != TW_EXIT_FINE) {
        return result;
    }
    const tw_json *update = tw_json_get(device, "update");
    const char *why = tw_json_text(tw_json_get(update, "why"));
    watch->gone = tw_json_text(tw_json_get(update, "state")) == NULL;
    (void)snprintf(watch->state, sizeof watch->state, "%s", tw_show_text(update, "state"));
    (void)snprintf(watch->version, sizeof watch->version, "%s", tw_show_text(update, "version"));
    (void)snprintf(watch->why, sizeof watch->why, "%s", why != NULL ? why : "");
    watch->sent = tw_show_number(update, "sent", 0);
    watch->bytes = tw_show_number(update, "bytes", 0);
    tw_json_free(all);
    return TW_EXIT_FINE;
}

static bool is_over(const struct watch *watch)
{
    return watch->gone || strcmp(watch->state, "confirmed") == 0 || strcmp(watch->state, "reverted") == 0 ||
           strcmp(watch->state, "failed") == 0;
}

static void show_progress(struct watch *watch, const char *before)
{
    static const struct {
        const char *state, *sentence;
    } stages[] = {
        {"checking", "It has all of it, and checks it."},
        {"restarting", "It restarts as soon as nothing is printed."},
        {"trial", "The new firmware runs; after a healthy minute it stays."},
    };
    if (watch->cli->json) {
        return;
    }
    if (strcmp(watch->state, "sending") == 0 && isatty(STDOUT_FILENO) != 0) {
        (void)printf("\rSent %" PRId64 " of %" PRId64 " bytes. ", watch->sent, watch->bytes);
        watch->progress = true;
    }
    for (size_t i = 0; strcmp(before, watch->state) != 0 && i < sizeof stages / sizeof stages[0]; i++) {
        if (strcmp(watch->state, stages[i].state) == 0) {
            (void)printf("%s%s\n", watch->progress ? "\n" : "", stages[i].sentence);
            watch->progress = false;
        }
    }
    (void)fflush(stdout);
}

// Until it is over, or nothing moves any more.
static int look_on(struct watch *watch)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t still_ms = 0;
    int result = TW_EXIT_FINE;
    while (result == TW_EXIT_FINE && !is_over(watch) && still_ms < PATIENT_S * INT64_C(1000)) {
        char before[sizeof watch->state];
        int64_t sent = watch->sent;
        memcpy(before, watch->state, sizeof before);
        if (still_ms > 0 || before[0] != '\0') {
            (void)nanosleep(&pause, NULL);
        }
        result = look(watch);
        still_ms = strcmp(before, watch->state) == 0 && sent == watch->sent ? still_ms + LOOK_MS : 0;
        if (result == TW_EXIT_FINE) {
            show_progress(watch, before);
        }
    }
    return result;
}

static void print_json(const struct watch *watch, bool good)
{
    struct tw_buf out = {0};
    tw_json *json =
        tw_json_pack("{s:s, s:s?, s:s, s:b, s:s?}", "device", watch->cli->operand, "version",
                     watch->gone ? NULL : watch->version, "state", watch->gone ? "unknown" : watch->state,
                     "confirmed", good, "why", watch->why[0] != '\0' ? watch->why : NULL);
    tw_json_dump(json, &out);
    (void)printf("%s\n", out.ptr != NULL ? (const char *)out.ptr : "{}");
    tw_json_free(json);
    tw_buf_free(&out);
}

static int conclude(struct watch *watch)
{
    bool good = strcmp(watch->state, "confirmed") == 0;
    if (watch->gone) {
        (void)snprintf(watch->why, sizeof watch->why, "%s",
                       "the agent was started anew meanwhile; `tillwire devices` says what runs");
    } else if (!is_over(watch)) {
        (void)snprintf(watch->why, sizeof watch->why,
                       "nothing has changed for %d minutes; check its power and its line, `tillwire devices` "
                       "says how it goes on",
                       PATIENT_S / 60);
    }
    if (watch->cli->json) {
        print_json(watch, good);
    } else if (good) {
        (void)printf("%s%s runs firmware %s, confirmed.\n", watch->progress ? "\n" : "", watch->cli->operand,
                     watch->version);
    } else {
        (void)printf("%s", watch->progress ? "\n" : "");
        (void)fprintf(stderr, "tillwire: %s was not updated: %s\n", watch->cli->operand, watch->why);
    }
    return good ? TW_EXIT_FINE : TW_EXIT_NOT_WELL;
}

int tw_devices_update(const struct tw_cli *cli)
{
    struct watch watch = {.cli = cli};
    int result = hand_over(cli);
    if (result == TW_EXIT_FINE && !cli->json) {
        (void)printf("The agent sends it to %s; printing goes on meanwhile.\n", cli->operand);
        (void)fflush(stdout);
    }
    result = result != TW_EXIT_FINE ? result : look_on(&watch);
    return result != TW_EXIT_FINE ? result : conclude(&watch);
}
