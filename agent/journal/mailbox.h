// SPDX-License-Identifier: Apache-2.0
//
// What waits for the writer thread: a bounded queue of operations, one read request, and the order
// to stop.
//
// Threading: put and ask from any thread, take from one. Memory: an operation belongs to the mailbox
// from put to take. Time: waits by CLOCK_MONOTONIC. Errors: TW_ERR_FULL over the bounds.
#ifndef TW_MAILBOX_H
#define TW_MAILBOX_H

#include <pthread.h>

#include "tillwire/journal.h"

#define TW_MAILBOX_MAX       1024              // batches, and as many other operations
#define TW_MAILBOX_MAX_BYTES (8 * 1024 * 1024) // of batches

enum tw_op_kind {
    TW_OP_BATCH,
    TW_OP_ACKNOWLEDGE,
    TW_OP_REJECT,
    TW_OP_CHANGE, // `run` within the group; the asker waits until it is committed
    TW_OP_LOOK,   // `run` outside of groups; likewise
};

struct tw_store;

struct tw_op {
    struct tw_op *next;
    enum tw_op_kind kind;
    void *ctx;
    // batch; for others, the capture.gap that came of it
    struct tw_batch *batch;
    size_t bytes; // counted against TW_MAILBOX_MAX_BYTES
    tw_journal_done_fn *done;
    struct tw_journal_result result;
    // acknowledge, reject
    char epoch[37];
    uint64_t sequence;
    bool refused; // rejected by the broker: it never went out
    bool has_head;
    uint8_t head[32]; // hash of event `sequence`, as the centre knows it
    void (*acknowledged)(void *ctx);
    char *reason; // owned
    // change, look: the asker's, who waits; `ctx` is its argument
    int (*run)(struct tw_store *store, struct tw_op *op);
    bool answered;
};

struct tw_read_request {
    uint64_t from;
    size_t max_rows;
    tw_journal_rows_fn *rows; // NULL: nobody asks
    void *ctx;
};

struct tw_mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    pthread_cond_t answered;
    struct tw_op *first, **last;
    size_t batches, others, bytes;
    struct tw_read_request read;
    bool held; // nobody is woken for a batch
    bool stop;
    struct tw_op *spent;   // for whoever puts next to free; not counted above
    struct tw_op *to_free; // the taker's: what was told since the last take
};

// What a take brought.
struct tw_mail {
    struct tw_op *ops;           // a list, oldest first; the taker's
    struct tw_read_request read; // a new request
    bool stop;
};

int TW_MUST_CHECK tw_mailbox_init(struct tw_mailbox *mailbox);
void tw_mailbox_destroy(struct tw_mailbox *mailbox);

// A new operation; NULL when memory is out. Freed by tw_op_free with all it owns.
struct tw_op *tw_op_new(enum tw_op_kind kind, void *ctx);
void tw_op_free(struct tw_op *op);
void tw_ops_free(struct tw_op *ops); // a list

// Takes the operation, also on failure. TW_ERR_FULL, TW_ERR_CLOSED.
int TW_MUST_CHECK tw_mailbox_put(struct tw_mailbox *mailbox, struct tw_op *op);
// Puts an operation of the caller's and waits until it was answered: result.error.
int TW_MUST_CHECK tw_mailbox_ask(struct tw_mailbox *mailbox, struct tw_op *op);
void tw_mailbox_answer(struct tw_mailbox *mailbox, struct tw_op *op);
void tw_mailbox_read(struct tw_mailbox *mailbox, const struct tw_read_request *read);
// While held, batches wake nobody up; the release does.
void tw_mailbox_hold(struct tw_mailbox *mailbox, bool held);
void tw_mailbox_stop(struct tw_mailbox *mailbox);

// Waits for something to do, at most until `until_ms` (CLOCK_MONOTONIC; 0: without end), and takes
// all of it. True when it brought something.
bool tw_mailbox_take(struct tw_mailbox *mailbox, int64_t until_ms, struct tw_mail *mail);

// For the taker: the batches that came since, oldest first; NULL while there are none, they are held, or
// something else waits among them. Never waits itself.
struct tw_op *tw_mailbox_join(struct tw_mailbox *mailbox);

// For the taker: leaves the operation to those who put, who free a few at a time. Freeing one takes as long
// as making it did, and the taker is who all others wait for. What is still there at the take after the next,
// the taker frees: no more than two groups held, and nothing of a journal at rest.
void tw_mailbox_leave(struct tw_mailbox *mailbox, struct tw_op *op);

int64_t tw_mailbox_now_ms(void); // CLOCK_MONOTONIC

#endif
