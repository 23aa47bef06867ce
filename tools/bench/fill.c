// SPDX-License-Identifier: Apache-2.0
//
// Makes a journal with N sales of 600 bytes queued, as an agent leaves it that was offline while they
// happened: the start of every measurement of a backlog.
//
//   fill --journal FILE --key FILE --source /TENANT/STORE/TERMINAL [--events N]
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tools/bench/figures.h"
#include "tools/bench/world.h"

enum { OPEN = 512 };

struct filling {
    sem_t room;
    atomic_ulong failed;
};

static void on_done(void *ctx, const struct tw_journal_result *result)
{
    struct filling *filling = ctx;
    filling->failed += result->error != TW_OK || result->outcome != TW_OUTCOME_NEW ? 1 : 0;
    (void)sem_post(&filling->room);
}

int main(int argc, char **argv)
{
    const char *journal = bench_option(argc, argv, "--journal", NULL);
    const char *key = bench_option(argc, argv, "--key", NULL);
    const char *source = bench_option(argc, argv, "--source", NULL);
    unsigned long events = bench_number(argc, argv, "--events", 100000);
    struct bench_world world;
    struct filling filling = {.failed = 0};
    if (journal == NULL || key == NULL || source == NULL) {
        (void)fprintf(stderr,
                      "usage: fill --journal FILE --key FILE --source /TENANT/STORE/TERMINAL [--events N]\n");
        return 2;
    }
    bench_world_open(&world, journal, source, key);
    (void)sem_init(&filling.room, 0, OPEN);
    int64_t began = bench_now_ns();
    for (unsigned long n = 0; n < events; n++) {
        (void)sem_wait(&filling.room);
        bench_must("submit", bench_world_sell(&world, n, on_done, &filling));
    }
    for (int i = 0; i < OPEN; i++) {
        (void)sem_wait(&filling.room);
    }
    double seconds = (double)(bench_now_ns() - began) / 1e9;
    bench_world_close(&world);
    if (filling.failed > 0) {
        bench_stop(journal, "not every event was taken; is it a new file, and is there room?");
    }
    (void)printf("{\"events\":%lu,\"seconds\":%.3f}\n", events, seconds);
    return 0;
}
