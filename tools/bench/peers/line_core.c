// SPDX-License-Identifier: Apache-2.0
//
// Contender "tillwire-core": the journal and the uplink in one process behind the harness' line door,
// without what makes an agent of them. It shows what the two cost by themselves; the agent is
// line_desk.c.
//
//   line_core SOCKET FOLDER URL CA CERT KEY
//
// A line becomes the data of a sale as it is, but that the zeros in front of its "seq", which JSON does
// not have, become spaces. Its transaction key is that number.
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tillwire/uplink.h"
#include "tools/bench/figures.h"
#include "tools/bench/peers/lines.h"
#include "tools/bench/world.h"

enum { OPEN = 512, LINE_BYTES = 2048 };

struct core {
    struct bench_world world;
    struct tw_uplink *uplink;
    struct bench_lines *lines;
    atomic_uint open;
};

struct asked {
    struct core *core;
    uint64_t client, seq;
};

static void on_done(void *ctx, const struct tw_journal_result *result)
{
    struct asked *asked = ctx;
    struct core *core = asked->core;
    core->open--;
    if (result->error == TW_OK) {
        bench_lines_answer(core->lines, asked->client, asked->seq);
    }
    free(asked);
}

static struct tw_batch *batch_of(struct core *core, uint64_t seq, struct tw_slice line)
{
    char key[32], data[LINE_BYTES];
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL || line.len > sizeof data) {
        bench_stop("line", "too long, or out of memory");
    }
    memcpy(data, line.ptr, line.len);
    for (char *zero = data + strlen("{\"seq\":"); zero[0] == '0' && zero[1] >= '0' && zero[1] <= '9';
         zero++) {
        *zero = ' ';
    }
    (void)snprintf(key, sizeof key, "%010" PRIu64, seq);
    tw_batch_time(batch, &core->world.clock);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_slice_make(data, line.len));
    return batch;
}

static bool on_line(void *ctx, uint64_t client, uint64_t seq, struct tw_slice line)
{
    struct core *core = ctx;
    if (core->open >= OPEN) {
        return false;
    }
    struct asked *asked = malloc(sizeof *asked);
    if (asked == NULL) {
        return false;
    }
    *asked = (struct asked){core, client, seq};
    core->open++;
    int rc = tw_journal_submit(core->world.journal, batch_of(core, seq, line), on_done, asked);
    if (rc != TW_OK) {
        core->open--;
        free(asked);
    }
    if (rc != TW_ERR_FULL) {
        bench_must("submit", rc);
    }
    return rc == TW_OK;
}

static void on_members(void *ctx, struct tw_slice payload)
{
    (void)ctx, (void)payload;
}

static void start(struct core *core, char **argv)
{
    struct tw_error_text err = {""};
    char journal[300], key[300];
    (void)snprintf(journal, sizeof journal, "%s/journal.db", argv[2]);
    (void)snprintf(key, sizeof key, "%s/seal.key", argv[2]);
    bench_world_open(&core->world, journal, "/acme/0042/07", key);
    const struct tw_uplink_options options = {.url = argv[3],
                                              .ca = argv[4],
                                              .cert = argv[5],
                                              .key = argv[6],
                                              .ack = TW_ACK_BROKER, // the harness' centre says nothing
                                              .tenant = "acme",
                                              .store = "0042",
                                              .terminal = "07",
                                              .journal = core->world.journal,
                                              .clock = &core->world.clock,
                                              .seal = core->world.seal,
                                              .on_members = on_members};
    if (tw_uplink_start(&options, &core->uplink, &err) != TW_OK) {
        bench_stop("uplink", err.text);
    }
    core->lines = bench_lines_new(argv[1], on_line, core);
}

int main(int argc, char **argv)
{
    struct core core = {.open = 0};
    if (argc != 7) {
        (void)fprintf(stderr, "usage: line_core SOCKET FOLDER URL CA CERT KEY\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    start(&core, argv);
    for (;;) { // until it is killed
        struct pollfd wait = {.fd = bench_lines_fd(core.lines), .events = POLLIN};
        (void)poll(&wait, 1, -1);
        bench_lines_run(core.lines);
    }
}
