// SPDX-License-Identifier: Apache-2.0
//
// GET /metrics. What other parts keep as their own statistics is copied into the metrics when asked for.
#include "agent/desk/routes.h"

static void refresh_journal(const struct tw_desk_options *with, int64_t now_ms)
{
    static const uint64_t bounds_us[] = TW_COMMIT_BOUNDS_US;
    enum { COUNT = sizeof bounds_us / sizeof bounds_us[0] };
    struct tw_journal_stats stats;
    double bounds[COUNT];
    tw_journal_stats(with->journal, &stats);
    for (size_t i = 0; i < COUNT; i++) {
        bounds[i] = (double)bounds_us[i] / 1e6;
    }
    int64_t age_ms = stats.oldest_ms > 0 && now_ms > stats.oldest_ms ? now_ms - stats.oldest_ms : 0;
    tw_metrics_set(with->metrics, TW_METRIC_QUEUE_EVENTS, NULL, NULL, (double)stats.queued_events);
    tw_metrics_set(with->metrics, TW_METRIC_QUEUE_BYTES, NULL, NULL, (double)stats.queued_bytes);
    tw_metrics_set(with->metrics, TW_METRIC_QUEUE_OLDEST, NULL, NULL, (double)age_ms / 1000);
    tw_metrics_set(with->metrics, TW_METRIC_JOURNAL_FULL, NULL, NULL, tw_desk_is_full(&stats) ? 1 : 0);
    tw_metrics_set(with->metrics, TW_METRIC_JOURNAL_FILE_BYTES, NULL, NULL, (double)stats.file_bytes);
    tw_metrics_set(with->metrics, TW_METRIC_DEAD_LETTERS, NULL, NULL, (double)stats.dead_letters);
    tw_metrics_set(with->metrics, TW_METRIC_EVENTS_DROPPED, NULL, NULL, (double)stats.dropped);
    tw_metrics_set(with->metrics, TW_METRIC_EVENTS_SALVAGED, NULL, NULL, (double)stats.salvaged);
    tw_metrics_set(with->metrics, TW_METRIC_JOURNALS_DAMAGED, NULL, NULL, (double)stats.damaged);
    tw_metrics_histogram(with->metrics, TW_METRIC_COMMIT_SECONDS, bounds, stats.commit_buckets, COUNT,
                         (double)stats.commit_us_total / 1e6);
}

static void refresh_uplink(const struct tw_desk_options *with)
{
    struct tw_uplink_status status = {0};
    if (with->uplink != NULL) {
        tw_uplink_status(with->uplink, &status);
    }
    tw_metrics_set(with->metrics, TW_METRIC_UPLINK_CONNECTED, NULL, NULL, status.connected ? 1 : 0);
    tw_metrics_set(with->metrics, TW_METRIC_UPLINK_RECONNECTS, NULL, NULL, (double)status.reconnects);
    tw_metrics_set(with->metrics, TW_METRIC_UPLINK_NO_SUBSCRIBER, NULL, NULL, (double)status.no_subscriber);
    tw_metrics_set(with->metrics, TW_METRIC_EVENTS_PUBLISHED, NULL, NULL, (double)status.published);
    tw_metrics_set(with->metrics, TW_METRIC_EVENTS_ACKNOWLEDGED, NULL, NULL, (double)status.acknowledged);
    tw_metrics_set(with->metrics, TW_METRIC_EVENTS_REJECTED, NULL, NULL, (double)status.rejected);
}

static void refresh_members(const struct tw_desk_options *with, int64_t now_ms)
{
    struct tw_members_stats stats;
    tw_members_stats(with->members, &stats);
    tw_metrics_set(with->metrics, TW_METRIC_MEMBERS, NULL, NULL, (double)stats.count);
    if (stats.as_of_ms > 0) {
        int64_t age_ms = now_ms > stats.as_of_ms ? now_ms - stats.as_of_ms : 0;
        tw_metrics_set(with->metrics, TW_METRIC_MEMBERS_AGE, NULL, NULL, (double)age_ms / 1000);
    }
}

void tw_desk_metrics(struct tw_request *request)
{
    const struct tw_desk_options *with = &request->desk->with;
    int64_t now_ms = with->clock->wall_ms(with->clock);
    struct tw_buf body = {0};
    refresh_journal(with, now_ms);
    refresh_uplink(with);
    refresh_members(with, now_ms);
    tw_metrics_write(with->metrics, &body);
    tw_request_answer(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &body);
}
