// SPDX-License-Identifier: Apache-2.0
//
// How fast the journal accepts events, against what SQLite itself does on the same disk in the same
// run: single-row commits (WAL, synchronous=FULL). Bare and journal runs alternate, so that a disk that
// warms up or tires does so for both. Prints one JSON object.
//
// usage: journal_bench [--dir DIR] [--events N] [--rounds N]
#include <inttypes.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/journal/db.h"
#include "tillwire/journal.h"

enum { DATA_BYTES = 600, MANY = 64, MAX_ROUNDS = 32 };

struct bench {
    char folder[256];
    char data[DATA_BYTES + 1];
    size_t events, rounds;
    struct tw_seal *seal;
    struct tw_clock clock;
    uint32_t *took_us; // of one run
};

struct figures { // of one way to write, a value for each round
    double per_s[MAX_ROUNDS];
    double p50_us[MAX_ROUNDS], p99_us[MAX_ROUNDS];
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t wall_ms(const struct tw_clock *clock)
{
    (void)clock;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_ms(const struct tw_clock *clock)
{
    (void)clock;
    return now_us() / 1000;
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    (void)clock;
    return TW_CLOCK_OK;
}

static void stop(const char *what, int rc)
{
    (void)fprintf(stderr, "journal_bench: %s: %s\n", what, tw_err_name(rc));
    exit(1);
}

static void must(const char *what, int rc)
{
    if (rc != TW_OK) {
        stop(what, rc);
    }
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void note(const struct bench *bench, struct figures *figures, size_t round, int64_t total_us)
{
    qsort(bench->took_us, bench->events, sizeof *bench->took_us, compare_u32);
    figures->per_s[round] = (double)bench->events * 1e6 / (double)total_us;
    size_t middle = bench->events / 2;
    size_t last = bench->events * 99 / 100;
    figures->p50_us[round] = bench->took_us[middle];
    figures->p99_us[round] = bench->took_us[last];
}

static void path_of(const struct bench *bench, const char *name, char out[300])
{
    (void)snprintf(out, 300, "%s/%s", bench->folder, name);
}

static void remove_file(const struct bench *bench, const char *name)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[320];
        (void)snprintf(path, sizeof path, "%s/%s%s", bench->folder, name, endings[i]);
        (void)unlink(path);
    }
}

// ---- SQLite alone ----

static void run_bare(const struct bench *bench, struct figures *figures, size_t round)
{
    static const char *const sql[] = {"INSERT INTO rows (data) VALUES (?1)"};
    static const char *const make[] = {"CREATE TABLE rows (n INTEGER PRIMARY KEY, data BLOB NOT NULL)", NULL};
    char path[300];
    path_of(bench, "bare.db", path);
    const struct tw_db_options options = {.what = "the bare database",
                                          .path = path,
                                          .sql = sql,
                                          .sql_count = 1,
                                          .make = make,
                                          .version = 1,
                                          .cache_kib = 2000, // SQLite's own default
                                          .durable = true};
    struct tw_db *db = NULL;
    must("open bare", tw_db_open(&options, &db, NULL));
    int64_t begin_us = now_us();
    int64_t at_us = begin_us;
    for (size_t i = 0; i < bench->events; i++) {
        struct tw_stmt *stmt = tw_db_sql(db, 0);
        tw_stmt_blob(stmt, 1, tw_slice_of(bench->data));
        must("insert", tw_stmt_run(stmt)); // its own transaction
        int64_t done_us = now_us();
        bench->took_us[i] = (uint32_t)(done_us - at_us);
        at_us = done_us;
    }
    note(bench, figures, round, at_us - begin_us);
    tw_db_close(db);
    remove_file(bench, "bare.db");
}

// ---- the journal ----

struct call {
    struct run *run;
    int64_t begin_us;
};

struct run {
    const struct bench *bench;
    sem_t open;
    struct call *calls;
    size_t done;
};

static void on_done(void *ctx, const struct tw_journal_result *result)
{
    struct call *call = ctx;
    must("commit", result->error);
    call->run->bench->took_us[call->run->done++] = (uint32_t)(now_us() - call->begin_us);
    (void)sem_post(&call->run->open);
}

static int never_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                       struct tw_buf *merged)
{
    (void)old_data, (void)new_data, (void)old_id, (void)merged;
    return 0;
}

static struct tw_journal *open_journal(const struct bench *bench)
{
    char path[300];
    path_of(bench, "journal.db", path);
    const struct tw_journal_options options = {.path = path,
                                               .source = "/bench/1/1",
                                               .clock = &bench->clock,
                                               .seal = bench->seal,
                                               .merge = never_merge};
    struct tw_journal *journal = NULL;
    struct tw_error_text err = {""};
    if (tw_journal_open(&options, &journal, &err) != TW_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return journal;
}

static void submit(struct run *run, struct tw_journal *journal, struct call *call)
{
    call->run = run;
    call->begin_us = now_us();
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        stop("batch", TW_ERR_NOMEM);
    }
    tw_batch_time(batch, &run->bench->clock);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:bench", tw_slice_of(run->bench->data));
    must("submit", tw_journal_submit(journal, batch, on_done, call));
}

// Keeps `open` events on the way. `bytes_per_event` is measured once the queue is in the file.
static void run_journal(const struct bench *bench, unsigned open, struct figures *figures, size_t round,
                        double *bytes_per_event)
{
    struct run run = {.bench = bench, .calls = calloc(bench->events, sizeof *run.calls)};
    if (run.calls == NULL) {
        stop("calls", TW_ERR_NOMEM);
    }
    (void)sem_init(&run.open, 0, open);
    struct tw_journal *journal = open_journal(bench);
    int64_t begin_us = now_us();
    for (size_t i = 0; i < bench->events; i++) {
        (void)sem_wait(&run.open);
        submit(&run, journal, &run.calls[i]);
    }
    for (unsigned i = 0; i < open; i++) {
        (void)sem_wait(&run.open);
    }
    note(bench, figures, round, now_us() - begin_us);
    tw_journal_close(journal);
    char path[300];
    path_of(bench, "journal.db", path);
    struct stat info;
    if (stat(path, &info) == 0) {
        *bytes_per_event = (double)info.st_size / (double)bench->events;
    }
    (void)sem_destroy(&run.open);
    free(run.calls);
    remove_file(bench, "journal.db");
}

// ---- the report ----

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_double);
    return values[count / 2];
}

static void print_figures(const char *name, struct figures *figures, size_t rounds)
{
    (void)printf("\"%s\":{\"per_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f},", name,
                 median(figures->per_s, rounds), median(figures->p50_us, rounds),
                 median(figures->p99_us, rounds));
}

static void measure(struct bench *bench)
{
    struct figures bare;
    struct figures one;
    struct figures many;
    double bytes = 0;
    for (size_t round = 0; round < bench->rounds; round++) {
        run_bare(bench, &bare, round);
        run_journal(bench, 1, &one, round, &bytes);
        run_journal(bench, MANY, &many, round, &bytes);
    }
    (void)printf("{\"events\":%zu,\"rounds\":%zu,\"data_bytes\":%d,", bench->events, bench->rounds,
                 DATA_BYTES);
    print_figures("sqlite_single_row", &bare, bench->rounds);
    print_figures("journal_1_open", &one, bench->rounds);
    print_figures("journal_64_open", &many, bench->rounds);
    // The medians above have sorted the values.
    size_t middle = bench->rounds / 2;
    (void)printf("\"ratio_1\":%.2f,\"ratio_64\":%.2f,\"ratio_p50_1\":%.2f,\"ratio_p99_1\":%.2f,"
                 "\"bytes_per_queued_event\":%.0f}\n",
                 one.per_s[middle] / bare.per_s[middle], many.per_s[middle] / bare.per_s[middle],
                 one.p50_us[middle] / bare.p50_us[middle], one.p99_us[middle] / bare.p99_us[middle], bytes);
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .events = strtoul(option(argc, argv, "--events", "10000"), NULL, 10),
        .rounds = strtoul(option(argc, argv, "--rounds", "3"), NULL, 10),
        .clock = {wall_ms, monotonic_ms, trust, "0b7a6f0e-5f43-4a6e-9d0e-3f6a0a9f2b11"},
    };
    const char *dir = option(argc, argv, "--dir", ".");
    (void)snprintf(bench.folder, sizeof bench.folder, "%s/journal-bench-XXXXXX", dir);
    bool sane = bench.events > 0 && bench.rounds > 0 && bench.rounds <= MAX_ROUNDS;
    bench.took_us = sane ? calloc(bench.events, sizeof *bench.took_us) : NULL;
    if (bench.took_us == NULL || mkdtemp(bench.folder) == NULL) {
        (void)fprintf(stderr, "usage: journal_bench [--dir DIR] [--events N] [--rounds 1..%d]\n", MAX_ROUNDS);
        return 2;
    }
    memset(bench.data, 'x', DATA_BYTES);
    memcpy(bench.data, "{\"text\":\"", 9);
    memcpy(bench.data + DATA_BYTES - 2, "\"}", 2);
    must("random generator", tw_seal_new(&bench.seal, NULL));
    measure(&bench);
    tw_seal_free(bench.seal);
    free(bench.took_us);
    (void)rmdir(bench.folder);
    return 0;
}
