// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/mailbox.h"

#include <time.h>

int64_t tw_mailbox_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int tw_mailbox_init(struct tw_mailbox *mailbox)
{
    *mailbox = (struct tw_mailbox){.last = NULL};
    mailbox->last = &mailbox->first;
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return TW_ERR_NOMEM;
    }
    bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
              pthread_mutex_init(&mailbox->mutex, NULL) == 0 &&
              pthread_cond_init(&mailbox->filled, &monotonic) == 0 &&
              pthread_cond_init(&mailbox->answered, NULL) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    return ok ? TW_OK : TW_ERR_NOMEM;
}

void tw_mailbox_destroy(struct tw_mailbox *mailbox)
{
    tw_ops_free(mailbox->first);
    tw_ops_free(mailbox->spent);
    tw_ops_free(mailbox->to_free);
    (void)pthread_cond_destroy(&mailbox->answered);
    (void)pthread_cond_destroy(&mailbox->filled);
    (void)pthread_mutex_destroy(&mailbox->mutex);
}

struct tw_op *tw_op_new(enum tw_op_kind kind, void *ctx)
{
    struct tw_op *op = calloc(1, sizeof *op);
    if (op != NULL) {
        op->kind = kind;
        op->ctx = ctx;
    }
    return op;
}

void tw_op_free(struct tw_op *op)
{
    if (op != NULL) {
        tw_batch_free(op->batch);
        free(op->reason);
        free(op);
    }
}

void tw_ops_free(struct tw_op *ops)
{
    while (ops != NULL) {
        struct tw_op *op = ops;
        ops = op->next;
        tw_op_free(op);
    }
}

// With the mutex held.
static int append(struct tw_mailbox *mailbox, struct tw_op *op)
{
    if (mailbox->stop) {
        return TW_ERR_CLOSED;
    }
    // Counted apart: a flood of batches must not keep acknowledgements out, which make room.
    size_t *count = op->kind == TW_OP_BATCH ? &mailbox->batches : &mailbox->others;
    if (*count >= TW_MAILBOX_MAX || op->bytes > TW_MAILBOX_MAX_BYTES - mailbox->bytes) {
        return TW_ERR_FULL;
    }
    op->next = NULL;
    *mailbox->last = op;
    mailbox->last = &op->next;
    ++*count;
    mailbox->bytes += op->bytes;
    return TW_OK;
}

// Many, or large ones, are company enough.
static bool is_held(const struct tw_mailbox *mailbox)
{
    return mailbox->held && mailbox->batches < TW_MAILBOX_MAX / 16 &&
           mailbox->bytes < TW_MAILBOX_MAX_BYTES / 4;
}

// The first few of a list.
static struct tw_op *take_some(struct tw_op **ops)
{
    enum { SOME = 8 };
    struct tw_op *first = *ops;
    struct tw_op **at = ops;
    for (int i = 0; i < SOME && *at != NULL; i++) {
        at = &(*at)->next;
    }
    *ops = *at;
    *at = NULL;
    return first;
}

int tw_mailbox_put(struct tw_mailbox *mailbox, struct tw_op *op)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    int rc = append(mailbox, op);
    bool wake = op->kind != TW_OP_BATCH || !is_held(mailbox);
    struct tw_op *spent = take_some(&mailbox->spent);
    (void)pthread_mutex_unlock(&mailbox->mutex);
    if (rc == TW_OK && wake) {
        (void)pthread_cond_signal(&mailbox->filled); // who is woken finds the mutex free
    } else if (rc != TW_OK) {
        tw_op_free(op);
    }
    tw_ops_free(spent);
    return rc;
}

void tw_mailbox_leave(struct tw_mailbox *mailbox, struct tw_op *op)
{
    op->next = mailbox->to_free;
    mailbox->to_free = op;
}

void tw_mailbox_hold(struct tw_mailbox *mailbox, bool held)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    bool wake = !held && mailbox->batches > 0;
    mailbox->held = held;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    if (wake) {
        (void)pthread_cond_signal(&mailbox->filled);
    }
}

int tw_mailbox_ask(struct tw_mailbox *mailbox, struct tw_op *op)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    int rc = append(mailbox, op);
    (void)pthread_cond_signal(&mailbox->filled);
    while (rc == TW_OK && !op->answered) {
        (void)pthread_cond_wait(&mailbox->answered, &mailbox->mutex);
    }
    (void)pthread_mutex_unlock(&mailbox->mutex);
    return rc == TW_OK ? op->result.error : rc;
}

void tw_mailbox_answer(struct tw_mailbox *mailbox, struct tw_op *op)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    op->answered = true;
    (void)pthread_cond_broadcast(&mailbox->answered);
    (void)pthread_mutex_unlock(&mailbox->mutex);
}

void tw_mailbox_read(struct tw_mailbox *mailbox, const struct tw_read_request *read)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    mailbox->read = *read;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    (void)pthread_cond_signal(&mailbox->filled);
}

void tw_mailbox_stop(struct tw_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    mailbox->stop = true;
    (void)pthread_cond_signal(&mailbox->filled);
    (void)pthread_mutex_unlock(&mailbox->mutex);
}

static bool has_work(const struct tw_mailbox *mailbox)
{
    bool batches = mailbox->batches > 0 && !is_held(mailbox);
    return batches || mailbox->others > 0 || mailbox->read.rows != NULL || mailbox->stop;
}

// Sleeps once; false when the time has come.
static bool sleep_until(struct tw_mailbox *mailbox, int64_t until_ms)
{
    if (until_ms == 0) {
        (void)pthread_cond_wait(&mailbox->filled, &mailbox->mutex);
        return true;
    }
    const struct timespec at = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    return pthread_cond_timedwait(&mailbox->filled, &mailbox->mutex, &at) == 0;
}

// With the mutex held: all that waits, oldest first.
static struct tw_op *take_all(struct tw_mailbox *mailbox)
{
    struct tw_op *first = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->batches = mailbox->others = mailbox->bytes = 0;
    return first;
}

bool tw_mailbox_take(struct tw_mailbox *mailbox, int64_t until_ms, struct tw_mail *mail)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    struct tw_op *left = mailbox->spent;
    mailbox->spent = mailbox->to_free;
    mailbox->to_free = NULL;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    tw_ops_free(left);

    (void)pthread_mutex_lock(&mailbox->mutex);
    bool in_time = true;
    while (!has_work(mailbox) && in_time) {
        in_time = sleep_until(mailbox, until_ms);
    }
    *mail = (struct tw_mail){.read = mailbox->read, .stop = mailbox->stop};
    mailbox->read.rows = NULL;
    mail->ops = take_all(mailbox);
    (void)pthread_mutex_unlock(&mailbox->mutex);
    return mail->ops != NULL || mail->read.rows != NULL || mail->stop;
}

struct tw_op *tw_mailbox_join(struct tw_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->mutex);
    bool may = mailbox->others == 0 && !is_held(mailbox);
    struct tw_op *ops = may ? take_all(mailbox) : NULL;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    return ops;
}
