// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/journal_parts.h"

// With the mutex held, or before there is a second thread.
void tw_stats_of_queue(struct tw_journal *journal)
{
    tw_store_stats(journal->store, &journal->stats);
    journal->stats.damaged = journal->rescue.damaged;
    journal->stats.salvaged = journal->rescue.salvaged;
    memcpy(journal->stats.set_aside, journal->rescue.set_aside, sizeof journal->stats.set_aside);
}

static void stats_of_batch(struct tw_journal_stats *stats, const struct tw_op *op)
{
    for (size_t i = 0; op->batch != NULL && i < op->batch->count; i++) {
        stats->events += op->batch->events[i].written;
    }
    stats->repeats +=
        op->kind == TW_OP_BATCH && op->result.error == TW_OK && op->result.outcome == TW_OUTCOME_REPEAT;
}

void tw_stats_of_commit(struct tw_journal *journal, int rc, uint64_t took_us, const struct tw_op *ops,
                        const struct tw_op *end)
{
    static const uint64_t bounds_us[] = TW_COMMIT_BOUNDS_US;
    size_t bucket = 0;
    while (bucket < sizeof bounds_us / sizeof bounds_us[0] && took_us > bounds_us[bucket]) {
        bucket++;
    }
    (void)pthread_mutex_lock(&journal->stats_mutex);
    tw_stats_of_queue(journal);
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

void tw_stats_of_error(struct tw_journal *journal, int rc)
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
