// SPDX-License-Identifier: Apache-2.0
#include "tillwire/journal.h"

#include <signal.h>
#include <time.h>

#include "agent/journal/ballast.h"
#include "agent/journal/journal_parts.h"

enum { SLOW_US = 1000, LINGER_PART = 20, LINGER_MAX_US = 400 };
// A group of so much takes in no more: those who came first wait for it.
enum { JOIN_BELOW = 64, JOIN_BELOW_BYTES = TW_MAILBOX_MAX_BYTES / 4 };
// Without work for so long the store rests a little, and once more, thoroughly, much later.
// Repairs come ever more seldom: a disk that damages each new file is not to be filled with them.
enum {
    REST_MS = 2000,
    THOROUGH_REST_MS = 60000,
    REPAIR_MS = 5000,
    REPAIR_MAX_MS = 600000,
    SAVE_AGAIN_MS = 1000
};

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// ---- the writer thread ----

static void note_damage(struct tw_journal *journal, int rc)
{
    if (rc == TW_ERR_DAMAGED && !journal->is_damaged) {
        journal->is_damaged = true;
        journal->damaged_before = journal->rescue.damaged;
    }
}

static bool is_due(const struct tw_journal *journal)
{
    return journal->store != NULL && tw_mailbox_now_ms() >= journal->save_not_before_ms &&
           journal->options.clock->monotonic_ms(journal->options.clock) >= tw_store_due_ms(journal->store);
}

static void run_op(struct tw_journal *journal, struct tw_op *op)
{
    switch (op->kind) {
    case TW_OP_BATCH:
        tw_store_batch(journal->store, op->batch, &op->result);
        break;
    case TW_OP_REJECT:
        op->result.error =
            tw_store_reject(journal->store, op->epoch, op->sequence, op->reason, op->refused, &op->batch);
        break;
    case TW_OP_CHANGE:
        op->result.error = op->run(journal->store, op);
        break;
    case TW_OP_ACKNOWLEDGE: // before the group
    case TW_OP_LOOK:        // after it
        break;
    }
}

static void tell_events(struct tw_journal *journal, const struct tw_batch *batch)
{
    for (size_t i = 0; batch != NULL && journal->options.on_commit != NULL && i < batch->count; i++) {
        if (batch->events[i].written) {
            struct tw_event_row row = tw_batch_row(batch, i);
            journal->options.on_commit(journal->options.ctx, &row);
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
            tw_stats_of_error(journal, op->result.error);
        }
        tw_mailbox_leave(&journal->mailbox, op);
        break;
    case TW_OP_ACKNOWLEDGE:
        tw_op_free(op);
        break;
    case TW_OP_LOOK:
        op->result.error = journal->store != NULL ? op->run(journal->store, op) : TW_ERR_IO;
        note_damage(journal, op->result.error);
        tw_mailbox_answer(&journal->mailbox, op);
        break;
    case TW_OP_CHANGE:
        tell_events(journal, op->batch);
        tw_batch_free(op->batch);
        tw_mailbox_answer(&journal->mailbox, op);
        break;
    }
}

static void acknowledge(struct tw_journal *journal, struct tw_op *op)
{
    if (tw_owed_holds_back(journal, op)) {
        return;
    }
    int rc = tw_store_acknowledge(journal->store, op->epoch, op->sequence, op->has_head ? op->head : NULL);
    (void)pthread_mutex_lock(&journal->stats_mutex);
    tw_stats_of_queue(journal);
    journal->stats.last_error = rc != TW_OK ? rc : journal->stats.last_error;
    (void)pthread_mutex_unlock(&journal->stats_mutex);
    if (rc == TW_OK && op->acknowledged != NULL) {
        op->acknowledged(op->ctx);
    }
    note_damage(journal, rc);
}

// Nothing of it was stored after all. What a rejection or a change has made is theirs to make again.
static void reset_op(struct tw_op *op)
{
    op->result = (struct tw_journal_result){.error = TW_OK};
    if (op->kind == TW_OP_BATCH) {
        tw_batch_unwrite(op->batch);
    } else {
        tw_batch_free(op->batch);
        op->batch = NULL;
    }
}

static void fail_op(struct tw_op *op, int rc)
{
    reset_op(op);
    op->result.error = rc;
}

// Whether an error tells of the journal, not of what was given to it.
static bool is_trouble(int rc)
{
    return rc != TW_OK && rc != TW_ERR_TOO_LARGE && rc != TW_ERR_INVALID && rc != TW_ERR_MISMATCH;
}

// All up to `end` in one commit, and what comes meanwhile where it `may_join` and nothing waits behind them.
// `broken`: one of them failed halfway.
static int commit_group(struct tw_journal *journal, struct tw_op *ops, const struct tw_op *end, bool may_join,
                        bool *broken)
{
    uint64_t begin_us = now_us();
    uint64_t written_us = begin_us;
    int rc = tw_store_begin(journal->store);
    if (rc == TW_OK) {
        size_t count = 0;
        size_t bytes = 0;
        for (struct tw_op *op = ops; op != end; op = op->next) {
            run_op(journal, op);
            note_damage(journal, op->result.error);
            count++;
            bytes += op->bytes;
            bool has_room = count < JOIN_BELOW && bytes < JOIN_BELOW_BYTES;
            if (may_join && op->next == NULL && has_room && !tw_store_is_broken(journal->store)) {
                op->next = tw_mailbox_join(&journal->mailbox);
            }
        }
        *broken = tw_store_is_broken(journal->store);
        written_us = now_us();
        rc = tw_store_commit(journal->store);
    }
    uint64_t end_us = now_us();
    uint64_t synced_us = end_us - written_us;
    journal->save_not_before_ms = is_trouble(rc) ? tw_mailbox_now_ms() + SAVE_AGAIN_MS : 0;
    if (rc == TW_OK || is_trouble(rc)) {
        tw_stats_of_commit(journal, rc, end_us - begin_us, ops, end);
    }
    note_damage(journal, rc);
    bool many = ops != end && ops->next != end;
    journal->linger_us = many && synced_us >= SLOW_US ? synced_us / LINGER_PART : 0;
    return rc;
}

static bool is_written(const struct tw_op *op)
{
    return op->kind != TW_OP_ACKNOWLEDGE && op->kind != TW_OP_LOOK;
}

// One group: where one of them spoils it for all, each has one of its own.
static void run_group(struct tw_journal *journal, struct tw_op *ops, const struct tw_op *end)
{
    bool broken = false;
    int rc = commit_group(journal, ops, end, true, &broken);
    bool alone = broken && ops != end && ops->next != end;
    for (struct tw_op *op = ops; rc != TW_OK && op != end; op = op->next) {
        if (is_written(op)) {
            reset_op(op);
            int again = alone ? commit_group(journal, op, op->next, false, &broken) : rc;
            op->result.error = again != TW_OK ? again : op->result.error;
            if (again == TW_ERR_IO || again == TW_ERR_FULL) { // the disk: the others need not try
                alone = false;
                rc = again;
            }
        }
    }
}

// Runs what can go together and gives the rest. Acknowledgements come first: they need no group, make room,
// and open a new epoch where one of them is of another life. Only one that follows a rejection waits for it:
// `through` includes what was rejected.
static struct tw_op *run_some(struct tw_journal *journal, struct tw_op *ops)
{
    struct tw_op *end = ops;
    int rc = journal->store != NULL ? TW_OK : TW_ERR_IO;
    bool group = false;
    bool rejected = false;
    for (; end != NULL && !(rejected && end->kind == TW_OP_ACKNOWLEDGE); end = end->next) {
        rejected = rejected || end->kind == TW_OP_REJECT;
        group = group || is_written(end);
        if (rc == TW_OK && end->kind == TW_OP_ACKNOWLEDGE) {
            acknowledge(journal, end);
        }
    }
    if (rc == TW_OK && (group || is_due(journal))) {
        run_group(journal, ops, end);
    }
    while (ops != end) {
        struct tw_op *op = ops;
        ops = op->next;
        if (rc != TW_OK && is_written(op)) {
            fail_op(op, rc);
        }
        if (op->kind == TW_OP_REJECT && op->result.error != TW_OK && !op->refused) {
            tw_owed_keep(journal, op);
        } else {
            tell(journal, op);
        }
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
        tw_stats_of_error(journal, rc);
        note_damage(journal, rc);
    } else if (rows != NULL) {
        struct tw_read_request read = journal->read;
        journal->read.rows = NULL;
        memcpy(journal->read_epoch, rows->epoch, sizeof journal->read_epoch);
        read.rows(read.ctx, rows);
    }
}

static void rest(struct tw_journal *journal)
{
    int rc = tw_store_rest(journal->store, journal->rested);
    if (rc != TW_OK && rc != TW_ERR_AGAIN) {
        tw_stats_of_error(journal, rc);
        note_damage(journal, rc);
    }
    (void)pthread_mutex_lock(&journal->pack_mutex);
    tw_squeeze_rest(journal->squeeze);
    tw_buf_free(&journal->pack_text);
    (void)pthread_mutex_unlock(&journal->pack_mutex);
    journal->rest_ms = journal->rested ? 0 : tw_mailbox_now_ms() + THOROUGH_REST_MS - REST_MS;
    journal->rested = true;
}

// When to wake without being asked, CLOCK_MONOTONIC; 0: not at all.
static int64_t wake_ms(const struct tw_journal *journal)
{
    if (journal->is_damaged) {
        return journal->repair_ms > 0 ? journal->repair_ms : 1;
    }
    int64_t due = tw_store_due_ms(journal->store);
    if (due == INT64_MAX) {
        return journal->rest_ms;
    }
    int64_t wait = due - journal->options.clock->monotonic_ms(journal->options.clock);
    due = tw_mailbox_now_ms() + (wait > 0 ? wait : 0);
    due = due < journal->save_not_before_ms ? journal->save_not_before_ms : due;
    return journal->rest_ms != 0 && journal->rest_ms < due ? journal->rest_ms : due;
}

static int open_store(struct tw_journal *journal, bool damaged, struct tw_error_text *err)
{
    const struct tw_journal_options *options = &journal->options;
    uint64_t before = journal->rescue.damaged;
    int rc = tw_rescue_open(options, damaged, &journal->store, &journal->rescue, err);
    if ((rc == TW_ERR_FULL || rc == TW_ERR_IO) && tw_ballast_drop(options->path)) {
        damaged = damaged && journal->rescue.damaged == before; // else it was set aside already
        rc = tw_rescue_open(options, damaged, &journal->store, &journal->rescue, err);
    }
    if (rc == TW_OK) {
        tw_ballast_keep(options->path);
    }
    return rc;
}

// The file turned out to be damaged while it was open. Until it is repaired nothing is taken.
static void repair(struct tw_journal *journal)
{
    struct tw_error_text err;
    if (tw_mailbox_now_ms() < journal->repair_ms) {
        return;
    }
    tw_store_abandon(journal->store);
    journal->store = NULL;
    journal->repair_ms = tw_mailbox_now_ms() + journal->repair_wait_ms;
    journal->repair_wait_ms =
        journal->repair_wait_ms < REPAIR_MAX_MS / 2 ? journal->repair_wait_ms * 2 : REPAIR_MAX_MS;
    bool is_there = journal->rescue.damaged == journal->damaged_before; // else it only could not be opened
    int rc = open_store(journal, is_there, &err);
    if (rc != TW_OK) {
        tw_stats_of_error(journal, rc);
        return;
    }
    journal->is_damaged = false;
    (void)pthread_mutex_lock(&journal->stats_mutex);
    tw_stats_of_queue(journal);
    (void)pthread_mutex_unlock(&journal->stats_mutex);
    if (journal->read.rows != NULL) {
        serve_read(journal);
    }
}

// Many callers and a slow disk: those who were just told come again at once. Without it the first few of them
// would have a sync to themselves, and the others wait for the next. One event that comes alone never waits.
static void linger(struct tw_journal *journal)
{
    uint64_t us = journal->linger_us < LINGER_MAX_US ? journal->linger_us : LINGER_MAX_US;
    const struct timespec pause = {.tv_nsec = (long)us * 1000};
    if (us > 0) {
        (void)nanosleep(&pause, NULL);
    }
    journal->linger_us = 0;
}

static void *run(void *arg)
{
    struct tw_journal *journal = arg;
    struct tw_mail mail = {0};
    while (!mail.stop) {
        linger(journal);
        bool work = tw_mailbox_take(&journal->mailbox, wake_ms(journal), &mail);
        mail.ops = tw_owed_before(journal, mail.ops);
        if (mail.ops != NULL || is_due(journal)) {
            do {
                mail.ops = run_some(journal, mail.ops);
            } while (mail.ops != NULL);
            journal->rest_ms = tw_mailbox_now_ms() + REST_MS;
            journal->rested = false;
            work = true;
        }
        if (mail.read.rows != NULL) {
            journal->read = mail.read;
        }
        if (work && journal->read.rows != NULL && journal->store != NULL && !mail.stop) {
            serve_read(journal);
        }
        if (journal->store != NULL && journal->rest_ms != 0 && tw_mailbox_now_ms() >= journal->rest_ms) {
            rest(journal);
        }
        if (journal->is_damaged) {
            repair(journal);
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
    if (rc == TW_OK && (pthread_mutex_init(&journal->stats_mutex, NULL) != 0 ||
                        pthread_mutex_init(&journal->pack_mutex, NULL) != 0)) {
        rc = TW_ERR_NOMEM;
    }
    if (rc == TW_OK) {
        tw_stats_of_queue(journal);
        rc = start_thread(journal);
    }
    return rc;
}

static void journal_free(struct tw_journal *journal)
{
    tw_ops_free(journal->owed);
    tw_squeeze_free(journal->squeeze);
    tw_buf_free(&journal->pack_text);
    free(journal->path);
    free(journal->source);
    free(journal);
}

int tw_journal_open(const struct tw_journal_options *options, struct tw_journal **out,
                    struct tw_error_text *err)
{
    struct tw_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", options->path);
    }
    journal->options = *options;
    journal->repair_wait_ms = REPAIR_MS;
    journal->options.path = journal->path = strdup(options->path);
    journal->options.source = journal->source = strdup(options->source);
    journal->squeeze = tw_squeeze_new();
    if (journal->options.path == NULL || journal->options.source == NULL || journal->squeeze == NULL) {
        journal_free(journal);
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", options->path);
    }
    int rc = open_store(journal, false, err);
    if (rc != TW_OK) {
        journal_free(journal);
        return rc;
    }
    rc = start(journal);
    if (rc != TW_OK) {
        tw_store_close(journal->store);
        journal_free(journal);
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
    (void)pthread_mutex_destroy(&journal->pack_mutex);
    journal_free(journal);
}
