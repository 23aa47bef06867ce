// SPDX-License-Identifier: Apache-2.0
//
// Where the desk asks what would make the loop wait: the journal's synchronous questions. A thread carries
// the jobs out one after another and ends when there are none, so that an idle agent has none.
//
// Threading: the loop thread; `work` runs on the worker's. Memory: a job is its owner's until `done` runs.
// Time: none. Errors: TW_ERR_CLOSED once ended, TW_ERR_NOMEM (no thread to be had).
#ifndef TW_AGENT_DESK_WORKER_H
#define TW_AGENT_DESK_WORKER_H

#include <stdbool.h>

#include "tillwire/loop.h"

struct tw_worker;

struct tw_job {
    tw_loop_fn *work; // on the worker's thread
    tw_loop_fn *done; // then on the loop
    void *ctx;        // of both
    bool ran;         // false in `done`: the worker ended first
    struct tw_post post;
    struct tw_job *next;
};

int TW_MUST_CHECK tw_worker_new(struct tw_loop *loop, struct tw_worker **out);
// On success `done` runs exactly once.
int TW_MUST_CHECK tw_worker_do(struct tw_worker *worker, struct tw_job *job);
// Waits for the job under way. Those that wait are done without having run; none is taken any more.
void tw_worker_end(struct tw_worker *worker);
void tw_worker_free(struct tw_worker *worker); // ends it first; NULL is allowed

#endif
