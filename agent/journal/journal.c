// SPDX-License-Identifier: Apache-2.0
#include "tillwire/journal.h"

#include <signal.h>
#include <time.h>

#include "agent/journal/mailbox.h"
#include "agent/journal/store.h"

// Without work for this long, the WAL is brought into the database file.
enum { IDLE_MS = 2000 };

struct tw_journal {
    struct tw_store *store; // of the writer thread once that runs
    struct tw_mailbox mailbox;
    pthread_t thread;
    tw_journal_commit_fn *on_commit;
    void *ctx;
    struct tw_read_request read; // of the writer thread: waits for rows
    char read_epoch[37];         // of the rows given last
    int64_t checkpoint_ms;       // when to checkpoint; 0: nothing to do
    pthread_mutex_t stats_mutex;
    struct tw_journal_stats stats;
};

// ---- statistics ----

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// With the mutex held, or before there is a second thread.
static void stats_of_queue(struct tw_journal *journal)
{
    const struct tw_outbox_state *state = tw_store_state(journal->store);
    struct tw_journal_stats *stats = &journal->stats;
    memcpy(stats->epoch, state->start.epoch, sizeof stats->epoch);
    stats->next_sequence = state->next;
    stats->through = state->start.through;
    memcpy(stats->head, state->start.head, sizeof stats->head);
    stats->queued_events = state->next - 1 - state->start.through - state->dead_rows;
    stats->queued_bytes = state->live_bytes;
    stats->oldest_ms = state->oldest_ms;
    stats->dead_letters = state->dead_letters;
}

static void stats_of_batch(struct tw_journal_stats *stats, const struct tw_op *op)
{
    for (size_t i = 0; op->batch != NULL && i < op->batch->count; i++) {
        stats->events += op->batch->events[i].written;
    }
    stats->repeats +=
        op->kind == TW_OP_BATCH && op->result.error == TW_OK && op->result.outcome == TW_OUTCOME_REPEAT;
}

static void stats_of_commit(struct tw_journal *journal, int rc, uint64_t took_us, const struct tw_op *ops,
                            const struct tw_op *end)
{
    static const uint64_t bounds_us[] = TW_COMMIT_BOUNDS_US;
    size_t bucket = 0;
    while (bucket < sizeof bounds_us / sizeof bounds_us[0] && took_us > bounds_us[bucket]) {
        bucket++;
    }
    (void)pthread_mutex_lock(&journal->stats_mutex);
    stats_of_queue(journal);
    journal->stats.last_error = rc;
    if (rc == TW_OK) {
        journal->stats.commits++;
        journal->stats.commit_buckets[bucket]++;
        journal->stats.commit_us_total += took_us;
        for (const struct tw_op *op = ops; op != end; op = op->next) {
            stats_of_batch(&journal->stats, op);
        }
    }
    (void)pthread_mutex_unlock(&journal->stats_mutex);
}

static void stats_of_error(struct tw_journal *journal, int rc)
{
    (void)pthread_mutex_lock(&journal->stats_mutex);
    journal->stats.last_error = rc;
    (void)pthread_mutex_unlock(&journal->stats_mutex);
}

void tw_journal_stats(struct tw_journal *journal, struct tw_journal_stats *out)
{
    (void)pthread_mutex_lock(&journal->stats_mutex);
    *out = journal->stats;
    (void)pthread_mutex_unlock(&journal->stats_mutex);
}

// ---- the writer thread ----

static const uint8_t *head_of(const struct tw_op *op)
{
    return op->has_head ? op->head : NULL;
}

static void run_op(struct tw_journal *journal, struct tw_op *op)
{
    switch (op->kind) {
    case TW_OP_BATCH:
        tw_store_batch(journal->store, op->batch, &op->result);
        break;
    case TW_OP_ACKNOWLEDGE:
        op->result.error = tw_store_acknowledge(journal->store, op->epoch, op->sequence, head_of(op));
        break;
    case TW_OP_REJECT:
        op->result.error = tw_store_reject(journal->store, op->epoch, op->sequence, op->reason, &op->batch);
        break;
    case TW_OP_TAP:
    case TW_OP_LANE:
        break;
    }
}

static void tell_events(struct tw_journal *journal, const struct tw_batch *batch)
{
    for (size_t i = 0; batch != NULL && journal->on_commit != NULL && i < batch->count; i++) {
        if (batch->events[i].written) {
            struct tw_event_row row = tw_batch_row(batch, i);
            journal->on_commit(journal->ctx, &row);
        }
    }
}

// After the commit: what became of each, to those who wait for it.
static void tell(struct tw_journal *journal, struct tw_op *op)
{
    switch (op->kind) {
    case TW_OP_BATCH:
    case TW_OP_REJECT:
        tell_events(journal, op->batch);
        if (op->done != NULL) {
            op->done(op->ctx, &op->result);
        } else if (op->result.error != TW_OK) {
            stats_of_error(journal, op->result.error);
        }
        tw_op_free(op);
        break;
    case TW_OP_ACKNOWLEDGE:
        if (op->result.error != TW_OK) {
            stats_of_error(journal, op->result.error);
        } else if (op->acknowledged != NULL) {
            op->acknowledged(op->ctx);
        }
        tw_op_free(op);
        break;
    case TW_OP_TAP: // these two belong to who asks
        tw_mailbox_answer(&journal->mailbox, op, tw_store_tap(journal->store, op->name, op->tap));
        break;
    case TW_OP_LANE:
        tw_mailbox_answer(&journal->mailbox, op, tw_store_lane(journal->store, op->name, op->lane));
        break;
    }
}

// An acknowledgement that opens a new epoch renumbers what is queued and so stands alone.
static bool stands_alone(const struct tw_journal *journal, const struct tw_op *op)
{
    return op->kind == TW_OP_ACKNOWLEDGE &&
           tw_store_is_foreign(journal->store, op->epoch, op->sequence, head_of(op));
}

// Runs one group from the list and returns the rest.
static struct tw_op *run_group(struct tw_journal *journal, struct tw_op *ops)
{
    struct tw_op *end = ops;
    do {
        end = end->next;
    } while (end != NULL && !stands_alone(journal, ops) && !stands_alone(journal, end));
    uint64_t begin_us = now_us();
    int rc = tw_store_begin(journal->store);
    if (rc == TW_OK) {
        for (struct tw_op *op = ops; op != end; op = op->next) {
            run_op(journal, op);
        }
        rc = tw_store_commit(journal->store);
    }
    stats_of_commit(journal, rc, now_us() - begin_us, ops, end);
    while (ops != end) {
        struct tw_op *op = ops;
        ops = op->next;
        if (rc != TW_OK) {
            op->result = (struct tw_journal_result){.error = rc};
            if (op->batch != NULL) {
                tw_batch_unwrite(op->batch);
            }
        }
        tell(journal, op);
    }
    return end;
}

// Answers the waiting read if there is something to send. The first answer of an epoch begins after
// what is acknowledged: whoever asks cannot know its numbers yet.
static void serve_read(struct tw_journal *journal)
{
    const struct tw_outbox_state *state = tw_store_state(journal->store);
    bool known = strcmp(journal->read_epoch, state->start.epoch) == 0;
    struct tw_rows *rows = NULL;
    int rc = tw_store_read(journal->store, known ? journal->read.from : 0, journal->read.max_rows, &rows);
    if (rc != TW_OK) {
        stats_of_error(journal, rc);
    } else if (rows != NULL) {
        struct tw_read_request read = journal->read;
        journal->read.rows = NULL;
        memcpy(journal->read_epoch, rows->epoch, sizeof journal->read_epoch);
        read.rows(read.ctx, rows);
    }
}

static void when_idle(struct tw_journal *journal)
{
    int rc = tw_store_checkpoint(journal->store);
    if (rc != TW_OK && rc != TW_ERR_AGAIN) {
        stats_of_error(journal, rc);
    }
    journal->checkpoint_ms = 0;
}

static void *run(void *arg)
{
    struct tw_journal *journal = arg;
    struct tw_mail mail = {0};
    while (!mail.stop) {
        bool work = tw_mailbox_take(&journal->mailbox, journal->checkpoint_ms, &mail);
        bool wrote = mail.ops != NULL;
        while (mail.ops != NULL) {
            mail.ops = run_group(journal, mail.ops);
        }
        if (mail.read.rows != NULL) {
            journal->read = mail.read;
        }
        if (work && journal->read.rows != NULL && !mail.stop) {
            serve_read(journal);
        }
        int64_t now_ms = tw_mailbox_now_ms();
        if (wrote) {
            journal->checkpoint_ms = now_ms + IDLE_MS;
        } else if (journal->checkpoint_ms != 0 && now_ms >= journal->checkpoint_ms) {
            when_idle(journal);
        }
    }
    return NULL;
}

// ---- opening and closing ----

// The thread takes no signals: they are the loop's.
static int start_thread(struct tw_journal *journal)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&journal->thread, NULL, run, journal);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? TW_OK : TW_ERR_NOMEM;
}

static int start(struct tw_journal *journal)
{
    int rc = tw_mailbox_init(&journal->mailbox);
    if (rc == TW_OK && pthread_mutex_init(&journal->stats_mutex, NULL) != 0) {
        rc = TW_ERR_NOMEM;
    }
    if (rc == TW_OK) {
        stats_of_queue(journal);
        rc = start_thread(journal);
    }
    return rc;
}

int tw_journal_open(const struct tw_journal_options *options, struct tw_journal **out,
                    struct tw_error_text *err)
{
    struct tw_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", options->path);
    }
    journal->on_commit = options->on_commit;
    journal->ctx = options->ctx;
    int rc = tw_store_open(options, &journal->store, err);
    if (rc != TW_OK) {
        free(journal);
        return rc;
    }
    rc = start(journal);
    if (rc != TW_OK) {
        tw_store_close(journal->store);
        free(journal);
        return tw_fail(err, rc, "opening the journal %s: no thread can be started; free some memory",
                       options->path);
    }
    *out = journal;
    return TW_OK;
}

void tw_journal_close(struct tw_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    tw_mailbox_stop(&journal->mailbox);
    (void)pthread_join(journal->thread, NULL);
    tw_store_close(journal->store);
    tw_mailbox_destroy(&journal->mailbox);
    (void)pthread_mutex_destroy(&journal->stats_mutex);
    free(journal);
}

// ---- from any thread ----

int tw_journal_submit(struct tw_journal *journal, struct tw_batch *batch, tw_journal_done_fn *done, void *ctx)
{
    int rc = tw_batch_check(batch);
    if (rc == TW_OK && batch->text.len > TW_MAILBOX_MAX_BYTES) {
        rc = TW_ERR_TOO_LARGE;
    }
    struct tw_op *op = rc == TW_OK ? tw_op_new(TW_OP_BATCH, ctx) : NULL;
    if (op == NULL) {
        tw_batch_free(batch);
        return rc == TW_OK ? TW_ERR_NOMEM : rc;
    }
    op->batch = batch;
    op->bytes = batch->text.len;
    op->done = done;
    return tw_mailbox_put(&journal->mailbox, op);
}

int tw_journal_read(struct tw_journal *journal, uint64_t from, size_t max_rows, tw_journal_rows_fn *rows,
                    void *ctx)
{
    if (max_rows == 0 || rows == NULL) {
        return TW_ERR_INVALID;
    }
    const struct tw_read_request read = {.from = from, .max_rows = max_rows, .rows = rows, .ctx = ctx};
    tw_mailbox_read(&journal->mailbox, &read);
    return TW_OK;
}

static struct tw_op *sequence_op(enum tw_op_kind kind, const char *epoch, uint64_t sequence, void *ctx)
{
    struct tw_op *op = tw_op_new(kind, ctx);
    if (op != NULL) {
        (void)snprintf(op->epoch, sizeof op->epoch, "%s", epoch);
        op->sequence = sequence;
    }
    return op;
}

int tw_journal_acknowledge(struct tw_journal *journal, const char *epoch, uint64_t through,
                           void (*done)(void *ctx), void *ctx)
{
    return tw_journal_acknowledge_hash(journal, epoch, through, NULL, done, ctx);
}

int tw_journal_acknowledge_hash(struct tw_journal *journal, const char *epoch, uint64_t through,
                                const uint8_t head[32], void (*done)(void *ctx), void *ctx)
{
    struct tw_op *op = sequence_op(TW_OP_ACKNOWLEDGE, epoch, through, ctx);
    if (op == NULL) {
        return TW_ERR_NOMEM;
    }
    op->has_head = head != NULL;
    if (head != NULL) {
        memcpy(op->head, head, sizeof op->head);
    }
    op->acknowledged = done;
    return tw_mailbox_put(&journal->mailbox, op);
}

int tw_journal_reject(struct tw_journal *journal, const char *epoch, uint64_t sequence, const char *reason)
{
    struct tw_op *op = sequence_op(TW_OP_REJECT, epoch, sequence, NULL);
    if (op == NULL) {
        return TW_ERR_NOMEM;
    }
    op->reason = strdup(reason);
    if (op->reason == NULL) {
        tw_op_free(op);
        return TW_ERR_NOMEM;
    }
    return tw_mailbox_put(&journal->mailbox, op);
}

int tw_journal_tap(struct tw_journal *journal, const char *device, struct tw_journal_tap *out)
{
    struct tw_op op = {.kind = TW_OP_TAP, .name = device, .tap = out};
    return tw_mailbox_ask(&journal->mailbox, &op);
}

int tw_journal_lane(struct tw_journal *journal, const char *workstation, struct tw_buf *out)
{
    struct tw_op op = {.kind = TW_OP_LANE, .name = workstation, .lane = out};
    return tw_mailbox_ask(&journal->mailbox, &op);
}
