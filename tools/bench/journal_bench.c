// SPDX-License-Identifier: Apache-2.0
//
// What the journal can do: sales of 600 bytes, built, numbered, sealed and committed. One run, one JSON
// object.
//
//   journal_bench [--dir DIR] [--events N] [--open K] [--callers K] [--read]
//
// Without more, one event at a time: the times are from the call to the callback that says durable.
// --open K     one caller keeps K events on the way, as the agent's loop does with K requests
// --callers K  K threads, each with one event at a time; those who were told wake each other, two at once
// --read       meanwhile a reader follows, who has the published form of every event composed and
//              chained, and acknowledges it, as the uplink does
//
// "rss_growth_bytes" is resident memory after the last event against that after opening, "disk_bytes"
// what the folder takes then, and "closed_bytes" what it takes once the journal is closed.
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/figures.h"
#include "tools/bench/world.h"

enum { MOST_CALLERS = 256, READ_ROWS = 256 };
// So many callers are woken at a time, and wake those behind them: who wakes 64 threads does nothing else.
enum { MOST_WAKING = 2 };

struct bench {
    struct bench_world world;
    char folder[256];
    unsigned long events, open, callers;
    pthread_mutex_t mutex; // of what follows
    pthread_cond_t told;
    struct call *idle, **idle_end; // those that are not on the way, who was told first ahead
    unsigned long waking;          // of --callers
    struct bench_took took;
    unsigned long next, failed;
    // of the reader; on the journal's thread
    unsigned long composed, composed_bytes;
    bool reads;
    sem_t read_all;
};

// One event on the way.
struct call {
    struct bench *bench;
    int64_t began_ns;
    sem_t *wake;       // its caller waits for this; NULL: of --open
    struct call *next; // idle ones
};

// With the mutex held: as many idle callers as may be woken now.
static struct call *take_waking(struct bench *bench)
{
    struct call *calls = NULL;
    while (bench->waking < MOST_WAKING && bench->idle != NULL) {
        struct call *call = bench->idle;
        bench->idle = call->next;
        call->next = calls;
        calls = call;
        bench->waking++;
    }
    bench->idle_end = bench->idle == NULL ? &bench->idle : bench->idle_end;
    return calls;
}

static void wake(struct call *calls)
{
    while (calls != NULL) {
        struct call *call = calls;
        calls = call->next; // it is not ours once its caller runs
        (void)sem_post(call->wake);
    }
}

static void on_done(void *ctx, const struct tw_journal_result *result)
{
    struct call *call = ctx;
    struct bench *bench = call->bench;
    int64_t took = bench_now_ns() - call->began_ns;
    (void)pthread_mutex_lock(&bench->mutex);
    bench_took_add(&bench->took, took);
    bench->failed += result->error != TW_OK || result->outcome != TW_OUTCOME_NEW ? 1 : 0;
    bool tell = bench->idle == NULL || bench->took.count == bench->events; // as the agent's loop is told
    call->next = NULL;
    *bench->idle_end = call;
    bench->idle_end = &call->next;
    struct call *waking = bench->callers > 0 ? take_waking(bench) : NULL;
    (void)pthread_mutex_unlock(&bench->mutex);
    if (bench->callers > 0) {
        wake(waking);
    } else if (tell) {
        (void)pthread_cond_signal(&bench->told);
    }
}

static void sell(struct call *call, uint64_t n)
{
    call->began_ns = bench_now_ns();
    bench_must("submit", bench_world_sell(&call->bench->world, n, on_done, call));
}

// ---- who calls ----

// All who are idle by now, as the agent's loop is told of many at one wake-up.
static struct call *take_idle(struct bench *bench)
{
    (void)pthread_mutex_lock(&bench->mutex);
    while (bench->idle == NULL) {
        (void)pthread_cond_wait(&bench->told, &bench->mutex);
    }
    struct call *calls = bench->idle;
    bench->idle = NULL;
    bench->idle_end = &bench->idle;
    (void)pthread_mutex_unlock(&bench->mutex);
    return calls;
}

static void run_open(struct bench *bench)
{
    struct call calls[MOST_CALLERS];
    struct call *idle = NULL;
    for (unsigned long i = 0; i < bench->open; i++) {
        calls[i] = (struct call){.bench = bench, .next = idle};
        idle = &calls[i];
    }
    for (unsigned long n = 0; n < bench->events; n++) {
        struct call *call = idle != NULL ? idle : take_idle(bench);
        idle = call->next;
        sell(call, n);
    }
    (void)pthread_mutex_lock(&bench->mutex);
    while (bench->took.count < bench->events) {
        (void)pthread_cond_wait(&bench->told, &bench->mutex);
    }
    (void)pthread_mutex_unlock(&bench->mutex);
}

// The number of the next event for a caller who comes, or who was woken.
static unsigned long take_turn(struct bench *bench, bool woken)
{
    (void)pthread_mutex_lock(&bench->mutex);
    unsigned long n = bench->next++;
    bench->waking -= woken ? 1 : 0;
    struct call *waking = take_waking(bench);
    (void)pthread_mutex_unlock(&bench->mutex);
    wake(waking);
    return n;
}

static void *run_caller(void *ctx)
{
    struct bench *bench = ctx;
    sem_t woken;
    (void)sem_init(&woken, 0, 0);
    struct call call = {.bench = bench, .wake = &woken};
    for (unsigned long n = take_turn(bench, false); n < bench->events; n = take_turn(bench, true)) {
        sell(&call, n);
        (void)sem_wait(&woken);
    }
    (void)sem_destroy(&woken);
    return NULL;
}

static void run_callers(struct bench *bench)
{
    pthread_t threads[MOST_CALLERS];
    for (unsigned long i = 0; i < bench->callers; i++) {
        if (pthread_create(&threads[i], NULL, run_caller, bench) != 0) {
            bench_stop("thread", "cannot be made");
        }
    }
    for (unsigned long i = 0; i < bench->callers; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

// ---- who reads ----

static void on_rows(void *ctx, struct tw_rows *rows)
{
    struct bench *bench = ctx;
    uint64_t last = rows->rows[rows->count - 1].sequence;
    for (size_t i = 0; i < rows->count; i++) {
        bench->composed_bytes += rows->rows[i].bytes.len;
    }
    bench->composed += rows->count;
    bench_must("acknowledge", tw_journal_acknowledge(bench->world.journal, rows->epoch, last, NULL, NULL));
    tw_rows_free(rows);
    if (last < bench->events) {
        bench_must("read", tw_journal_read(bench->world.journal, last + 1, READ_ROWS, on_rows, bench));
    } else {
        (void)sem_post(&bench->read_all);
    }
}

// ---- what it took ----

static long resident_bytes(void)
{
    char line[128] = "";
    char *at = line;
    FILE *file = fopen("/proc/self/statm", "re"); // proc(5): size, resident, ...
    if (file != NULL) {
        (void)!fgets(line, sizeof line, file);
        (void)fclose(file);
    }
    (void)strtol(line, &at, 10);
    return strtol(at, NULL, 10) * sysconf(_SC_PAGESIZE);
}

// As du(1): the blocks of every file of the folder; then removes them.
static long folder_bytes(const char *path, bool and_remove)
{
    long bytes = 0;
    struct stat info;
    DIR *folder = opendir(path);
    for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        if (entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &info, 0) == 0) {
            bytes += info.st_blocks * 512;
            if (and_remove) {
                (void)unlinkat(dirfd(folder), entry->d_name, 0);
            }
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return bytes;
}

static void measure(struct bench *bench)
{
    long resident = resident_bytes();
    int64_t began = bench_now_ns();
    if (bench->reads) {
        bench_must("read", tw_journal_read(bench->world.journal, 1, READ_ROWS, on_rows, bench));
    }
    if (bench->callers > 0) {
        run_callers(bench);
    } else {
        run_open(bench);
    }
    double seconds = (double)(bench_now_ns() - began) / 1e9;
    long growth = resident_bytes() - resident;
    if (bench->reads) {
        (void)sem_wait(&bench->read_all);
    }
    double read_seconds = (double)(bench_now_ns() - began) / 1e9;
    if (bench->failed > 0 || bench->took.count != bench->events) {
        bench_stop("journal", "not every event was taken");
    }
    (void)printf("{\"events\":%lu,\"open\":%lu,\"callers\":%lu,", bench->events, bench->open, bench->callers);
    bench_took_print(&bench->took, (double)bench->events / seconds);
    if (bench->reads) {
        (void)printf(",\"composed\":%lu,\"composed_bytes\":%lu,\"composed_per_s\":%.1f", bench->composed,
                     bench->composed_bytes, (double)bench->composed / read_seconds);
    }
    (void)printf(",\"rss_growth_bytes\":%ld,\"disk_bytes\":%ld", growth, folder_bytes(bench->folder, false));
}

int main(int argc, char **argv)
{
    struct bench bench = {.events = bench_number(argc, argv, "--events", 10000),
                          .open = bench_number(argc, argv, "--open", 1),
                          .callers = bench_number(argc, argv, "--callers", 0),
                          .mutex = PTHREAD_MUTEX_INITIALIZER,
                          .told = PTHREAD_COND_INITIALIZER};
    bench.idle_end = &bench.idle;
    char path[300], key[300];
    for (int i = 1; i < argc; i++) {
        bench.reads |= strcmp(argv[i], "--read") == 0;
    }
    (void)snprintf(bench.folder, sizeof bench.folder, "%s/journal-bench-XXXXXX",
                   bench_option(argc, argv, "--dir", "/var/tmp"));
    if (bench.events == 0 || bench.open == 0 || bench.open > MOST_CALLERS || bench.callers > MOST_CALLERS ||
        mkdtemp(bench.folder) == NULL) {
        (void)fprintf(stderr,
                      "usage: journal_bench [--dir DIR] [--events N] [--open 1..%d] [--callers 1..%d] "
                      "[--read]\n",
                      MOST_CALLERS, MOST_CALLERS);
        return 2;
    }
    (void)snprintf(path, sizeof path, "%s/journal.db", bench.folder);
    (void)snprintf(key, sizeof key, "%s/seal.key", bench.folder);
    (void)sem_init(&bench.read_all, 0, 0);
    bench_took_new(&bench.took, bench.events);
    bench_world_open(&bench.world, path, "/acme/0042/07", key);
    measure(&bench);
    bench_world_close(&bench.world);
    (void)printf(",\"closed_bytes\":%ld}\n", folder_bytes(bench.folder, true));
    bench_took_free(&bench.took);
    (void)rmdir(bench.folder);
    return 0;
}
