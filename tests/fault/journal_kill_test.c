// SPDX-License-Identifier: Apache-2.0
//
// P1, P3, P4 under SIGKILL: a child writes to the journal from several threads, reads, acknowledges
// and rejects, and reports through a pipe each id after its `done`; the parent kills it at a random
// moment, opens the journal itself and looks: every reported event can be read once under its number, or is
// among the dead letters, or was acknowledged; nothing is gone that was not, numbers have no hole, ids only
// rise, the chain holds.
//
// usage: journal_kill_test [--rounds N] [--seed N]
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/journal_rig.h"

enum { WRITERS = 4, OPEN = 12, DEFAULT_ROUNDS = 200, WINDOW = 64, SEND_AHEAD = 1024 };

static struct {
    unsigned long rounds;
    uint64_t seed;
} options = {.rounds = DEFAULT_ROUNDS, .seed = 20261122};

// xorshift64* (Vigna 2016): small, seeded, good enough to pick moments.
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

// ---- the child ----

enum report_kind {
    REPORT_EVENT, // `id` is durable under `sequence`
    REPORT_ASKED, // an acknowledgement through `sequence` is about to be given
};

struct report { // one write of at most PIPE_BUF bytes: whole or not at all
    enum report_kind kind;
    uint8_t id[16];
    uint64_t sequence;
};

struct child {
    struct rig *rig;
    int pipe;
    atomic_uint_fast64_t seed;
    sem_t open; // batches that may be submitted
    // Of the writer thread: events committed, waiting for their batch's `done`.
    struct report committed[16];
    size_t count;
};

static void tell_parent(const struct child *child, const struct report *report)
{
    if (write(child->pipe, report, sizeof *report) != (ssize_t)sizeof *report) {
        _exit(3);
    }
}

static void on_commit(void *ctx, const struct tw_event_row *row)
{
    struct child *child = ctx;
    if (child->count < sizeof child->committed / sizeof child->committed[0]) {
        struct report *report = &child->committed[child->count++];
        *report = (struct report){.kind = REPORT_EVENT, .sequence = row->sequence};
        memcpy(report->id, row->id, sizeof report->id);
    }
}

static void on_done(void *ctx, const struct tw_journal_result *result)
{
    struct child *child = ctx;
    if (result->error != TW_OK) {
        _exit(4);
    }
    for (size_t i = 0; i < child->count; i++) {
        tell_parent(child, &child->committed[i]);
    }
    child->count = 0;
    (void)sem_post(&child->open);
}

// A step of the child that must work; the parent sees the exit code.
static void must(int rc)
{
    if (rc != TW_OK) {
        _exit(5);
    }
}

static void on_rows(void *ctx, struct tw_rows *rows)
{
    struct child *child = ctx;
    uint64_t last = rows->rows[rows->count - 1].sequence;
    if (last % 7 == 0) {
        must(tw_journal_reject(child->rig->journal, rows->epoch, last, "a seventh"));
    }
    const struct report report = {.kind = REPORT_ASKED, .sequence = last - last % 3};
    tell_parent(child, &report);
    must(tw_journal_acknowledge(child->rig->journal, rows->epoch, report.sequence, NULL, NULL));
    tw_rows_free(rows);
    must(tw_journal_read(child->rig->journal, last + 1, WINDOW, on_rows, child));
}

static void *write_events(void *arg)
{
    struct child *child = arg;
    uint64_t random = child->seed++ * 2 + 1;
    for (;;) {
        struct tw_batch *batch = tw_batch_new();
        tw_batch_time(batch, &child->rig->clock.clock);
        uint64_t events = 1 + next_random(&random) % 3;
        for (uint64_t i = 0; i < events; i++) {
            tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of("{\"n\":1}"));
        }
        (void)sem_wait(&child->open);
        must(tw_journal_submit(child->rig->journal, batch, on_done, child));
        if (next_random(&random) % 4 == 0) {
            (void)usleep((useconds_t)(next_random(&random) % 300));
        }
    }
    return NULL;
}

// Random numbers of its own: what was forked would give those of the life before again.
static void renew_seal(struct rig *rig)
{
    char key[128];
    (void)snprintf(key, sizeof key, "%s/journal.key", rig->folder);
    must(tw_seal_new(&rig->seal, NULL));
    must(tw_vault_load(rig->seal, key, false, &rig->vault, NULL));
}

static void run_child(struct rig *rig, int out, uint64_t seed)
{
    struct child child = {.rig = rig, .pipe = out, .seed = seed};
    (void)sem_init(&child.open, 0, OPEN);
    rig->on_commit = on_commit;
    rig->ctx = &child;
    renew_seal(rig);
    rig_open(rig);
    must(tw_journal_read(rig->journal, 0, WINDOW, on_rows, &child));
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        if (pthread_create(&threads[i], NULL, write_events, &child) != 0) {
            _exit(6);
        }
    }
    for (;;) {
        (void)pause();
    }
}

// ---- the parent ----

struct round {
    struct report *events;
    size_t count, cap;
    uint64_t asked; // the highest
};

static void collect(int in, struct round *round)
{
    struct report report;
    while (read(in, &report, sizeof report) == (ssize_t)sizeof report) {
        if (report.kind == REPORT_EVENT) {
            if (round->count == round->cap) {
                round->cap = round->cap == 0 ? 1024 : round->cap * 2;
                round->events = realloc(round->events, round->cap * sizeof *round->events);
                assert_non_null(round->events);
            }
            round->events[round->count++] = report;
        } else {
            round->asked = report.sequence > round->asked ? report.sequence : round->asked;
        }
    }
}

// Of the present epoch: sequence = n - base.
#define BASE "(SELECT base FROM lives ORDER BY life DESC LIMIT 1)"

// What can be read of the queue, and the dead letters: ids by sequence, from `first` on. Zeros: not there.
struct seen {
    uint64_t first, end;
    uint8_t (*ids)[16];
};

static void note(struct seen *seen, uint64_t sequence, const char *id)
{
    if (sequence >= seen->first && sequence < seen->end) {
        assert_int_equal(tw_uuid_parse(id, seen->ids[sequence - seen->first]), TW_OK);
    }
}

// Reads as the uplink would: in order, the chain holds, ids rise.
static void read_queue(struct rig *rig, uint64_t live, struct seen *seen)
{
    uint64_t from = 0;
    char before[64] = "";
    while (live > 0) {
        struct tw_rows *rows = rig_read(rig, from);
        rig_check_chain(rows, NULL);
        assert_true(rows->rows[0].sequence >= from);
        for (size_t i = 0; i < rows->count; i++) {
            char id[64];
            rig_attribute(rows->rows[i].bytes, "id", id, sizeof id);
            assert_true(strcmp(id, before) > 0);
            (void)strcpy(before, id);
            note(seen, rows->rows[i].sequence, id);
        }
        from = rows->rows[rows->count - 1].sequence + 1;
        assert_true(live >= rows->count);
        live -= rows->count;
        tw_rows_free(rows);
    }
}

static int note_letter(void *ctx, const struct tw_dead_letter *letter)
{
    note(ctx, letter->sequence, letter->id);
    return TW_OK;
}

// Mostly while it writes, sometimes while it opens.
static void kill_sometime(pid_t child, int pipe, uint64_t *random)
{
    if (next_random(random) % 8 != 0) {
        struct pollfd reports = {.fd = pipe, .events = POLLIN};
        assert_int_equal(poll(&reports, 1, 20000), 1);
    }
    const struct timespec wait = {.tv_nsec = (long)(next_random(random) % 20000000)};
    (void)nanosleep(&wait, NULL);
    (void)kill(child, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
        fail_msg("the child ended by itself, exit code %d", WEXITSTATUS(status));
    }
}

// Every reported event above `through` and below the send limit was seen under its number.
static void check_events(const struct round *round, const struct seen *seen)
{
    for (size_t i = 0; i < round->count; i++) {
        const struct report *event = &round->events[i];
        if (event->sequence >= seen->first && event->sequence < seen->end) {
            assert_memory_equal(seen->ids[event->sequence - seen->first], event->id, sizeof event->id);
        }
    }
}

static void look_at_rows(struct rig *rig, const struct tw_journal_stats *stats, const struct round *round)
{
    struct seen seen = {.first = stats->through + 1, .end = stats->next_sequence};
    seen.ids = calloc(seen.end - seen.first + 1, sizeof seen.ids[0]);
    assert_non_null(seen.ids);
    if (seen.end > stats->through + SEND_AHEAD + 1) {
        seen.end = stats->through + SEND_AHEAD + 1; // beyond it nothing is read until some are acknowledged
    }
    char sql[160];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE state = 0 AND n < %" PRIu64 " + " BASE,
                   seen.end);
    read_queue(rig, (uint64_t)rig_query(rig, sql), &seen);
    assert_int_equal(tw_journal_dead_letters(rig->journal, 0, SIZE_MAX, note_letter, &seen), TW_OK);
    check_events(round, &seen);
    free(seen.ids);
}

static void check_round(struct rig *rig, const struct round *round, struct tw_journal_stats *last)
{
    rig->on_commit = NULL;
    rig_open(rig);
    struct tw_journal_stats stats = rig_stats(rig);
    uint64_t rows = stats.next_sequence - 1 - stats.through;
    assert_true(stats.through >= last->through);
    assert_true(stats.through <= round->asked || stats.through == last->through);
    assert_true(stats.next_sequence >= last->next_sequence);
    assert_true(round->count == 0 || stats.next_sequence > round->events[round->count - 1].sequence);
    assert_int_equal(rig_query(rig, "SELECT count(*) FROM events"), rows);
    assert_int_equal(rig_query(rig, "SELECT coalesce(max(n) - min(n) + 1, 0) FROM events"), rows);
    assert_int_equal(rig_query(rig, "SELECT coalesce(max(n), 0) - " BASE " FROM events"),
                     rows > 0 ? (int64_t)stats.next_sequence - 1 : -rig_query(rig, "SELECT " BASE));
    assert_int_equal(rig_query(rig, "SELECT count(*) FROM events WHERE state = 0"), stats.queued_events);
    assert_int_equal(rig_query(rig, "SELECT coalesce(sum(length(sealed)), 0) FROM events WHERE state = 0"),
                     stats.queued_bytes);
    look_at_rows(rig, &stats, round);
    if (rows > SEND_AHEAD) {
        rig_ack(rig, stats.through + SEND_AHEAD);
        rig_reopen(rig);
        stats = rig_stats(rig);
    }
    *last = stats;
    rig_close(rig);
}

static void P1_nothing_reported_is_lost_to_a_sigkill(void **state)
{
    (void)state;
    uint64_t random = options.seed | 1;
    print_message("seed %" PRIu64 ", %lu rounds\n", options.seed, options.rounds);
    struct rig rig;
    rig_start(&rig);
    struct tw_journal_stats last = {.next_sequence = 1};
    uint64_t events = 0;
    for (unsigned long i = 0; i < options.rounds; i++) {
        struct round round = {.count = 0};
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        uint64_t seed = next_random(&random);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            run_child(&rig, ends[1], seed);
        }
        (void)close(ends[1]);
        kill_sometime(child, ends[0], &random);
        collect(ends[0], &round);
        (void)close(ends[0]);
        check_round(&rig, &round, &last);
        events += round.count;
        free(round.events);
    }
    print_message("%" PRIu64 " events reported durable, %" PRIu64
                  " acknowledged: lost 0, doubled 0, out of order 0\n",
                  events, last.through);
    assert_true(events > 0);
    assert_true(options.rounds < 20 || last.through > 0);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0) {
            options.rounds = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            options.seed = strtoull(argv[i + 1], NULL, 10);
        }
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(P1_nothing_reported_is_lost_to_a_sigkill)};
    return cmocka_run_group_tests_name("journal_kill", tests, NULL, NULL);
}
