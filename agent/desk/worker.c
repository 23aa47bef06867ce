// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/worker.h"

#include <pthread.h>
#include <stdlib.h>

#define STACK_BYTES (256 * 1024)

struct tw_worker {
    struct tw_loop *loop;
    pthread_mutex_t lock; // guards what follows
    struct tw_job *first, *last;
    bool running; // the thread will look at the queue once more
    bool ended;
    bool joinable; // the loop thread's alone
    pthread_t thread;
};

// NULL: the thread is to end.
static struct tw_job *take(struct tw_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    struct tw_job *job = worker->first;
    if (job != NULL) {
        worker->first = job->next;
    } else {
        worker->running = false;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    return job;
}

static void *run(void *ctx)
{
    struct tw_worker *worker = ctx;
    struct tw_job *job;
    while ((job = take(worker)) != NULL) {
        job->work(job->ctx);
        job->ran = true;
        tw_loop_hand(worker->loop, &job->post, job->done, job->ctx);
    }
    return NULL;
}

static void join(struct tw_worker *worker)
{
    if (worker->joinable) {
        (void)pthread_join(worker->thread, NULL);
        worker->joinable = false;
    }
}

static int start(struct tw_worker *worker)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return TW_ERR_NOMEM;
    }
    int failed = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (failed == 0) {
        failed = pthread_create(&worker->thread, &attr, run, worker);
    }
    (void)pthread_attr_destroy(&attr);
    worker->joinable = failed == 0;
    return failed == 0 ? TW_OK : TW_ERR_NOMEM;
}

int tw_worker_do(struct tw_worker *worker, struct tw_job *job)
{
    if (worker->ended) {
        return TW_ERR_CLOSED;
    }
    job->ran = false;
    job->next = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    bool runs = worker->running;
    if (worker->first != NULL) {
        worker->last->next = job;
    } else {
        worker->first = job;
    }
    worker->last = job;
    worker->running = true;
    (void)pthread_mutex_unlock(&worker->lock);
    if (runs) {
        return TW_OK;
    }
    join(worker); // the one before has found nothing more to do
    int rc = start(worker);
    if (rc != TW_OK) { // nobody runs: the queue is this job
        worker->first = NULL;
        worker->running = false;
    }
    return rc;
}

void tw_worker_end(struct tw_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    struct tw_job *job = worker->first;
    worker->first = NULL;
    worker->ended = true;
    (void)pthread_mutex_unlock(&worker->lock);
    while (job != NULL) {
        struct tw_job *next = job->next;
        tw_loop_hand(worker->loop, &job->post, job->done, job->ctx);
        job = next;
    }
    join(worker);
}

int tw_worker_new(struct tw_loop *loop, struct tw_worker **out)
{
    struct tw_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return TW_ERR_NOMEM;
    }
    worker->loop = loop;
    if (pthread_mutex_init(&worker->lock, NULL) != 0) {
        free(worker);
        return TW_ERR_NOMEM;
    }
    *out = worker;
    return TW_OK;
}

void tw_worker_free(struct tw_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    tw_worker_end(worker);
    (void)pthread_mutex_destroy(&worker->lock);
    free(worker);
}
