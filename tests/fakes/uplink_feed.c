// SPDX-License-Identifier: Apache-2.0
//
// A journal and an uplink without the rest of the agent, driven by lines on standard input:
//
//   uplink_feed JOURNAL URL CA CERT KEY central|broker TENANT STORE TERMINAL [NAME=VALUE…]
//
//   proxy=URL alpn=NAME        as in the configuration
//   look_ms=N renew_ms=N       how soon changed certificate files are noticed and taken up
//   clock_s=N trust=N          how far the wall clock is ahead; an enum tw_clock_trust
//
//   add N BYTES     appends N events of about BYTES each (published form)
//   bad             appends one that breaks the contract
//   status          prints uplink and journal as one line of JSON
//   resync N        the centre wants everything from N on again
//   members V       asks for members since version V until they came
//   quit            stops the uplink, prints how long that took
//
// Members objects that arrive are printed as they are.
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tillwire/journal.h"
#include "tillwire/json.h"
#include "tillwire/uplink.h"

#define PER_BATCH 100

struct feed {
    struct tw_clock clock;
    int64_t ahead_ms;
    int64_t trust;
    struct tw_uplink_options options;
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct tw_journal *journal;
    struct tw_uplink *uplink;
    unsigned next;
};

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(const struct tw_clock *clock)
{
    return read_clock(CLOCK_REALTIME) + ((const struct feed *)clock)->ahead_ms; // its first member
}

static int64_t monotonic_ms(const struct tw_clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    return (enum tw_clock_trust)((const struct feed *)clock)->trust;
}

static int merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                 struct tw_buf *merged)
{
    (void)old_data;
    (void)new_data;
    (void)old_id;
    (void)merged;
    return 0;
}

static void on_members(void *ctx, struct tw_slice payload)
{
    (void)ctx;
    (void)printf("%.*s\n", (int)payload.len, (const char *)payload.ptr);
    (void)fflush(stdout);
}

static void submit(struct feed *feed, struct tw_batch *batch)
{
    if (tw_journal_submit(feed->journal, batch, NULL, NULL) != TW_OK) {
        (void)fprintf(stderr, "uplink_feed: the journal is full\n");
        exit(1);
    }
}

static struct tw_batch *new_batch(struct feed *feed)
{
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        exit(1);
    }
    tw_batch_time(batch, &feed->clock);
    return batch;
}

// capture.unparsed, its detail filled up to the size wished for.
static void add_event(struct feed *feed, struct tw_batch *batch, int bytes)
{
    char data[1200], detail[513];
    int fill = bytes - 610;
    fill = fill < 8 ? 8 : fill > 500 ? 500 : fill;
    (void)snprintf(
        detail, sizeof detail, "%08u%.*s", feed->next++, fill - 8,
        "................................................................................................"
        "................................................................................................");
    (void)snprintf(
        data, sizeof data,
        "{\"device\":\"printer\",\"reason\":\"not_a_sale\",\"detail\":\"%s\",\"lines\":3,\"bytes\":60,"
        "\"sha256\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}",
        detail);
    tw_batch_event(batch, TW_EVENT_CAPTURE_UNPARSED, "printer", tw_slice_of(data));
}

static void add(struct feed *feed, int count, int bytes)
{
    while (count > 0) {
        struct tw_journal_stats stats;
        struct tw_batch *batch = new_batch(feed);
        for (int i = 0; i < PER_BATCH && count > 0; i++, count--) {
            add_event(feed, batch, bytes);
        }
        submit(feed, batch);
        tw_journal_stats(feed->journal, &stats);
    }
    struct tw_buf unused = {0};
    (void)!tw_journal_lane(feed->journal, "", &unused); // all before it is through
    tw_buf_free(&unused);
    (void)printf("{\"added\":%u}\n", feed->next);
}

static void add_bad(struct feed *feed)
{
    struct tw_batch *batch = new_batch(feed);
    tw_batch_event(batch, TW_EVENT_CAPTURE_UNPARSED, "printer", tw_slice_of("{\"device\":\"printer\"}"));
    submit(feed, batch);
}

static void print_status(struct feed *feed)
{
    struct tw_uplink_status up;
    struct tw_journal_stats journal;
    struct tw_buf why = {0};
    tw_uplink_status(feed->uplink, &up);
    tw_journal_stats(feed->journal, &journal);
    tw_json_dump_text(tw_slice_of(up.why), &why);
    (void)printf("{\"connected\":%s,\"published\":%" PRIu64 ",\"acknowledged\":%" PRIu64
                 ",\"rejected\":%" PRIu64 ",\"reconnects\":%" PRIu64 ",\"no_subscriber\":%" PRIu64
                 ",\"through\":%" PRIu64
                 ",\"window\":%u,\"open\":%u,\"why\":%s,\"epoch\":\"%s\",\"queued\":%" PRIu64
                 ",\"next\":%" PRIu64 ",\"dead\":%" PRIu64 "}\n",
                 up.connected ? "true" : "false", up.published, up.acknowledged, up.rejected, up.reconnects,
                 up.no_subscriber, up.through, up.window, up.open, (const char *)why.ptr, journal.epoch,
                 journal.queued_events, journal.next_sequence, journal.dead_letters);
    tw_buf_free(&why);
}

static void obey(struct feed *feed)
{
    char line[128];
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "quit\n") != 0) {
        int count = 0, bytes = 0;
        unsigned long long version = 0;
        if (sscanf(line, "add %d %d", &count, &bytes) == 2) {
            add(feed, count, bytes);
        } else if (strcmp(line, "bad\n") == 0) {
            add_bad(feed);
        } else if (sscanf(line, "resync %llu", &version) == 1) {
            tw_uplink_resync(feed->uplink, version);
        } else if (sscanf(line, "members %llu", &version) == 1) {
            tw_uplink_want_members(feed->uplink, version, true);
        } else {
            print_status(feed);
        }
        (void)fflush(stdout);
    }
}

static bool take_option(struct feed *feed, const char *text)
{
    long long number = 0;
    if (strncmp(text, "proxy=", 6) == 0) {
        feed->options.proxy = text + 6;
    } else if (strncmp(text, "alpn=", 5) == 0) {
        feed->options.alpn = text + 5;
    } else if (sscanf(text, "look_ms=%lld", &number) == 1) {
        feed->options.look_ms = number;
    } else if (sscanf(text, "renew_ms=%lld", &number) == 1) {
        feed->options.renew_ms = number;
    } else if (sscanf(text, "clock_s=%lld", &number) == 1) {
        feed->ahead_ms = number * 1000;
    } else if (sscanf(text, "trust=%lld", &number) == 1) {
        feed->trust = number;
    } else {
        return false;
    }
    return true;
}

static int begin(struct feed *feed, char **argv, struct tw_error_text *err)
{
    char source[128];
    (void)snprintf(source, sizeof source, "/%s/%s/%s", argv[7], argv[8], argv[9]);
    char key[512];
    (void)snprintf(key, sizeof key, "%s.key", argv[1]);
    int rc = tw_seal_new(&feed->seal, err);
    rc = rc != TW_OK ? rc : tw_vault_load(feed->seal, key, true, &feed->vault, err);
    if (rc == TW_OK) {
        rc = tw_journal_open(&(struct tw_journal_options){.path = argv[1],
                                                          .source = source,
                                                          .clock = &feed->clock,
                                                          .seal = feed->seal,
                                                          .vault = feed->vault,
                                                          .merge = merge},
                             &feed->journal, err);
    }
    if (rc == TW_OK) {
        struct tw_uplink_options *options = &feed->options;
        options->url = argv[2];
        options->ca = argv[3];
        options->cert = argv[4];
        options->key = argv[5];
        options->ack = strcmp(argv[6], "broker") == 0 ? TW_ACK_BROKER : TW_ACK_CENTRAL;
        options->tenant = argv[7];
        options->store = argv[8];
        options->terminal = argv[9];
        options->journal = feed->journal;
        options->clock = &feed->clock;
        options->seal = feed->seal;
        options->on_members = on_members;
        options->ctx = feed;
        rc = tw_uplink_start(options, &feed->uplink, err);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct feed feed = {.clock = {wall_ms, monotonic_ms, trust, "11111111-2222-4333-8444-555555555555"}};
    struct tw_error_text err = {""};
    bool fine = argc >= 10;
    for (int i = 10; fine && i < argc; i++) {
        fine = take_option(&feed, argv[i]);
    }
    if (!fine) {
        (void)fprintf(stderr,
                      "usage: uplink_feed JOURNAL URL CA CERT KEY central|broker TENANT STORE TERMINAL "
                      "[NAME=VALUE...]\n");
        return 2;
    }
    if (begin(&feed, argv, &err) != TW_OK) {
        (void)fprintf(stderr, "uplink_feed: %s\n", err.text);
        tw_journal_close(feed.journal);
        tw_vault_free(feed.vault);
        tw_seal_free(feed.seal);
        return 1;
    }
    obey(&feed);
    int64_t began = read_clock(CLOCK_MONOTONIC);
    tw_uplink_stop(feed.uplink);
    (void)printf("{\"stopped_ms\":%" PRId64 "}\n", read_clock(CLOCK_MONOTONIC) - began);
    tw_journal_close(feed.journal);
    tw_vault_free(feed.vault);
    tw_seal_free(feed.seal);
    return 0;
}
