// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/journal_parts.h"
#include "tillwire/journal.h"

// Makes small what is written as it was given. What cannot be, the writer thread does, or says why not.
static void pack_ahead(struct tw_journal *journal, struct tw_batch *batch)
{
    (void)pthread_mutex_lock(&journal->pack_mutex);
    for (size_t i = 0; i < batch->count; i++) {
        struct tw_batch_event *event = &batch->events[i];
        size_t at = batch->packed.len;
        struct tw_event_row row = tw_batch_row(batch, i);
        if (!event->marked && tw_record_pack(journal->squeeze, &journal->pack_text, &row,
                                             tw_batch_key(batch, i), &batch->packed) == TW_OK) {
            event->packed = (struct tw_span){at, batch->packed.len - at};
        }
    }
    (void)pthread_mutex_unlock(&journal->pack_mutex);
}

int tw_journal_submit(struct tw_journal *journal, struct tw_batch *batch, tw_journal_done_fn *done, void *ctx)
{
    int rc = tw_batch_check(batch);
    if (rc == TW_OK && batch->text.len > TW_MAILBOX_MAX_BYTES / 4) { // with what is made of it
        rc = TW_ERR_TOO_LARGE;
    }
    struct tw_op *op = rc == TW_OK ? tw_op_new(TW_OP_BATCH, ctx) : NULL;
    if (op == NULL) {
        tw_batch_free(batch);
        return rc == TW_OK ? TW_ERR_NOMEM : rc;
    }
    pack_ahead(journal, batch);
    op->batch = batch;
    op->bytes = batch->text.len + batch->packed.cap;
    op->done = done;
    return tw_mailbox_put(&journal->mailbox, op);
}

void tw_journal_hold(struct tw_journal *journal, bool held)
{
    tw_mailbox_hold(&journal->mailbox, held);
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

static int reject(struct tw_journal *journal, const char *epoch, uint64_t sequence, const char *reason,
                  bool refused)
{
    struct tw_op *op = sequence_op(TW_OP_REJECT, epoch, sequence, NULL);
    if (op == NULL) {
        return TW_ERR_NOMEM;
    }
    op->refused = refused;
    op->reason = strdup(reason);
    if (op->reason == NULL) {
        tw_op_free(op);
        return TW_ERR_NOMEM;
    }
    return tw_mailbox_put(&journal->mailbox, op);
}

int tw_journal_reject(struct tw_journal *journal, const char *epoch, uint64_t sequence, const char *reason)
{
    return reject(journal, epoch, sequence, reason, false);
}

int tw_journal_refuse(struct tw_journal *journal, const char *epoch, uint64_t sequence, const char *reason)
{
    return reject(journal, epoch, sequence, reason, true);
}

// ---- asking ----

struct question {
    const char *name;
    uint64_t number;
    size_t max;
    tw_dead_letter_fn *letter;
    void *ctx;
    void *out;
};

static int ask(struct tw_journal *journal, enum tw_op_kind kind,
               int (*look)(struct tw_store *store, struct tw_op *op), struct question *question)
{
    struct tw_op op = {.kind = kind, .run = look, .ctx = question};
    return tw_mailbox_ask(&journal->mailbox, &op);
}

static int look_tap(struct tw_store *store, struct tw_op *op)
{
    const struct question *question = op->ctx;
    return tw_store_tap(store, question->name, question->out);
}

int tw_journal_tap(struct tw_journal *journal, const char *device, struct tw_journal_tap *out)
{
    return ask(journal, TW_OP_LOOK, look_tap, &(struct question){.name = device, .out = out});
}

static int look_lane(struct tw_store *store, struct tw_op *op)
{
    const struct question *question = op->ctx;
    return tw_store_lane(store, question->name, question->out);
}

int tw_journal_lane(struct tw_journal *journal, const char *workstation, struct tw_buf *out)
{
    return ask(journal, TW_OP_LOOK, look_lane, &(struct question){.name = workstation, .out = out});
}

static int look_letters(struct tw_store *store, struct tw_op *op)
{
    const struct question *question = op->ctx;
    return tw_store_letters(store, question->number, question->max, question->letter, question->ctx);
}

int tw_journal_dead_letters(struct tw_journal *journal, uint64_t after, size_t max, tw_dead_letter_fn *letter,
                            void *ctx)
{
    return ask(journal, TW_OP_LOOK, look_letters,
               &(struct question){.number = after, .max = max, .letter = letter, .ctx = ctx});
}

static int change_retry(struct tw_store *store, struct tw_op *op)
{
    const struct question *question = op->ctx;
    return tw_store_retry(store, question->number, question->out);
}

int tw_journal_retry(struct tw_journal *journal, uint64_t number, uint64_t *count)
{
    return ask(journal, TW_OP_CHANGE, change_retry, &(struct question){.number = number, .out = count});
}

static int change_resync(struct tw_store *store, struct tw_op *op)
{
    const struct question *question = op->ctx;
    return tw_store_resync(store, question->number, question->out, &op->batch);
}

int tw_journal_resync(struct tw_journal *journal, uint64_t from, enum tw_resync *out)
{
    return ask(journal, TW_OP_CHANGE, change_resync, &(struct question){.number = from, .out = out});
}
