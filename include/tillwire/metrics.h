// SPDX-License-Identifier: Apache-2.0
//
// Metrics in the Prometheus text exposition format 0.0.4. The names are those of
// include/contract/names.md; a test compares this table with that page.
//
// Threading: every function is safe from any thread. Memory: at most TW_METRIC_MAX_SERIES label
// combinations, a further one is counted in the series "other". Time: none. Errors: none; a metric
// never makes its caller fail.
#ifndef TW_METRICS_H
#define TW_METRICS_H

#include <stdint.h>

#include "tillwire/bytes.h"

#define TW_METRIC_MAX_SERIES 256

//   symbol, name without "tillwire_", kind, label names (NULL: none), help
#define TW_METRICS(X)                                                                                        \
    X(EVENTS_COMMITTED, "events_committed_total", "counter", "type", NULL, "Events made durable")            \
    X(EVENTS_PUBLISHED, "events_published_total", "counter", NULL, NULL,                                     \
      "Events published, resends included")                                                                  \
    X(EVENTS_ACKNOWLEDGED, "events_acknowledged_total", "counter", NULL, NULL, "Events acknowledged")        \
    X(EVENTS_REJECTED, "events_rejected_total", "counter", NULL, NULL, "Events the centre rejected")         \
    X(QUEUE_EVENTS, "queue_events", "gauge", NULL, NULL, "Events waiting for the centre")                    \
    X(QUEUE_BYTES, "queue_bytes", "gauge", NULL, NULL, "Their size in the journal")                          \
    X(QUEUE_OLDEST, "queue_oldest_seconds", "gauge", NULL, NULL, "Age of the oldest of them")                \
    X(DEAD_LETTERS, "dead_letters", "gauge", NULL, NULL, "Rejected or refused events that are kept")         \
    X(JOURNAL_FULL, "journal_full", "gauge", NULL, NULL, "1 while the journal takes no more events")         \
    X(JOURNAL_FILE_BYTES, "journal_file_bytes", "gauge", NULL, NULL, "Size of the journal's file")           \
    X(EVENTS_DROPPED, "events_dropped_total", "counter", NULL, NULL, "Events given up for room")             \
    X(EVENTS_SALVAGED, "events_salvaged_total", "counter", NULL, NULL, "Events saved from damaged journals") \
    X(JOURNALS_DAMAGED, "journals_damaged_total", "counter", NULL, NULL, "Damaged journals set aside")       \
    X(UPLINK_CONNECTED, "uplink_connected", "gauge", NULL, NULL, "1 while connected to the broker")          \
    X(UPLINK_RECONNECTS, "uplink_reconnects_total", "counter", NULL, NULL, "Connections made anew")          \
    X(UPLINK_NO_SUBSCRIBER, "uplink_no_subscriber_total", "counter", NULL, NULL, "PUBACKs with reason 0x10") \
    X(RECEIPTS, "receipts_total", "counter", "device", "result", "Receipts seen by taps")                    \
    X(POSLOG_FILES, "poslog_files_total", "counter", "device", "result", "POSLog files put away")            \
    X(POSLOG_WAITING, "poslog_files_waiting", "gauge", "device", NULL, "POSLog files that wait")             \
    X(POSLOG_TRANSACTIONS, "poslog_transactions_total", "counter", "device", "result",                       \
      "Transactions in POSLog files")                                                                        \
    X(SCANS, "scans_total", "counter", "device", "result", "Scans")                                          \
    X(GUARD_MASKED, "guard_masked_total", "counter", NULL, NULL, "Card numbers masked by the payment guard") \
    X(TAP_BYTES, "tap_bytes_total", "counter", "device", NULL, "Printer bytes read from a tap")              \
    X(TAP_LOST_BYTES, "tap_lost_bytes_total", "counter", "device", NULL, "Printer bytes a tap gave up")      \
    X(DEVICE_UP, "device_up", "gauge", "device", NULL, "1 while the device is open")                         \
    X(DEVICE_STALE, "device_stale", "gauge", "device", NULL, "1 while it is open but silent for too long")   \
    X(DEVICE_LOSSES, "device_losses_total", "counter", "device", "reason", "Times it went or fell silent")   \
    X(LOOKUPS, "lookups_total", "counter", "result", NULL, "Member lookups")                                 \
    X(MEMBERS, "members", "gauge", NULL, NULL, "Members held on this terminal")                              \
    X(MEMBERS_AGE, "members_age_seconds", "gauge", NULL, NULL, "Age of the member data")                     \
    X(COMMIT_SECONDS, "commit_seconds", "histogram", NULL, NULL, "Duration of journal commits")              \
    X(BUILD_INFO, "build_info", "gauge", "version", NULL, "1, with the version as label")

enum tw_metric {
#define X(symbol, name, kind, label1, label2, help) TW_METRIC_##symbol,
    TW_METRICS(X)
#undef X
        TW_METRIC_COUNT
};

struct tw_metrics;

struct tw_metrics *tw_metrics_new(void); // NULL: out of memory
void tw_metrics_free(struct tw_metrics *metrics);

// Label values are NULL where the metric has none.
void tw_metrics_add(struct tw_metrics *metrics, enum tw_metric metric, const char *label1, const char *label2,
                    uint64_t delta);
void tw_metrics_set(struct tw_metrics *metrics, enum tw_metric metric, const char *label1, const char *label2,
                    double value);
// A histogram as a whole: cumulative counting is done here. `bounds` in seconds, `counts` has one
// element more (+Inf).
void tw_metrics_histogram(struct tw_metrics *metrics, enum tw_metric metric, const double *bounds,
                          const uint64_t *counts, size_t bound_count, double sum);
void tw_metrics_write(struct tw_metrics *metrics, struct tw_buf *out);

#endif
