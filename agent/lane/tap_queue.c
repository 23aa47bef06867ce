// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/tap_queue.h"

#include <stdlib.h>
#include <string.h>

#include "tillwire/json.h"

static struct tw_tap_flight *new_flight(struct tw_tap_queue *queue)
{
    struct tw_tap_flight *flight = calloc(1, sizeof *flight);
    if (flight != NULL) {
        flight->batch = tw_batch_new();
    }
    if (flight != NULL && flight->batch == NULL) {
        free(flight);
        return NULL;
    }
    if (flight != NULL) {
        tw_batch_time(flight->batch, queue->lane->with.clock);
    }
    return flight;
}

static void free_flight(struct tw_tap_flight *flight)
{
    tw_batch_free(flight->batch);
    tw_seal_wipe(flight, sizeof *flight);
    free(flight);
}

static void free_first(struct tw_tap_queue *queue)
{
    struct tw_tap_flight *flight = queue->first;
    queue->first = flight->next;
    queue->last = queue->first == NULL ? NULL : queue->last;
    free_flight(flight);
}

// Its paper will be read again, and its customer is still that paper's.
static void drop_last(struct tw_tap_queue *queue)
{
    struct tw_tap_flight **link = &queue->first;
    struct tw_tap_flight *before = NULL;
    while ((*link)->next != NULL) {
        before = *link;
        link = &(*link)->next;
    }
    tw_identity_give_back(queue->lane, &(*link)->taken, true);
    free_flight(*link);
    *link = NULL;
    queue->last = before;
}

void tw_tap_queue_drop(struct tw_tap_queue *queue, size_t keep)
{
    while (queue->first != NULL && (keep == 0 || queue->first->next != NULL)) {
        drop_last(queue);
    }
    memset(queue->drift, 0, sizeof queue->drift); // a report may have been among them
}

void tw_tap_queue_clear(struct tw_tap_queue *queue)
{
    while (queue->first != NULL) {
        free_first(queue);
    }
}

void tw_tap_queue_settle_first(struct tw_tap_queue *queue)
{
    struct tw_tap_flight *flight = queue->first;
    bool repeat = flight->result.outcome == TW_OUTCOME_REPEAT;
    if (flight->result.outcome != TW_OUTCOME_NEW) { // a new one has used its customer up
        tw_identity_give_back(queue->lane, &flight->taken, false);
    }
    if (flight->counted != NULL) {
        tw_metrics_add(queue->lane->with.metrics, TW_METRIC_RECEIPTS, queue->name,
                       repeat ? "repeat" : flight->counted, 1);
    }
    free_first(queue);
}

static void enqueue(struct tw_tap_queue *queue, struct tw_tap_flight *flight)
{
    if (queue->last != NULL) {
        queue->last->next = flight;
    } else {
        queue->first = flight;
    }
    queue->last = flight;
}

static tw_json *unparsed_data(const struct tw_tap_queue *queue, const char *reason, const char *detail,
                              const struct tw_tap_summary *summary)
{
    return tw_json_pack("{s:s, s:s, s:s?, s:I, s:I, s:s}", "device", queue->name, "reason", reason, "detail",
                        detail, "lines", (int64_t)summary->lines, "bytes", (int64_t)summary->bytes, "sha256",
                        summary->sha256);
}

int tw_tap_queue_replace_first(struct tw_tap_queue *queue)
{
    struct tw_tap_flight *flight = queue->first;
    flight->batch = tw_batch_new();
    if (flight->batch == NULL) {
        return TW_ERR_NOMEM;
    }
    tw_batch_time(flight->batch, queue->lane->with.clock);
    tw_lane_event(flight->batch, TW_EVENT_CAPTURE_UNPARSED, queue->name,
                  unparsed_data(queue, tw_unparsed_name(TW_UNPARSED_TOO_LONG),
                                "The sale is larger than an event may be.", &flight->summary));
    if (flight->taken.present) {
        tw_batch_lane(flight->batch, queue->workstation, (struct tw_slice){NULL, 0});
    }
    flight->counted = "unparsed";
    return TW_OK;
}

// ---- what goes into them ----

static int add_sale(struct tw_tap_queue *queue, struct tw_tap_flight *flight,
                    const struct tw_reader_fact *fact)
{
    char position[32];
    char boot[9];
    tw_seal_hex(flight->after.boot, 4, boot);
    (void)snprintf(position, sizeof position, "%s-%llu", boot, (unsigned long long)fact->end);
    const struct tw_sale_origin origin = {
        .device = queue->name,
        .via = "receipt",
        .workstation = queue->workstation,
        .witness = fact->text,
        .copy = fact->copy,
        .position = position,
    };
    char transaction_id[TW_TRANSACTION_ID_MAX];
    int rc = tw_sale_event(queue->lane, fact->sale, &origin, flight->batch, transaction_id, &flight->taken);
    if (rc == TW_OK) {
        flight->counted = "sale";
        const char *store = queue->lane->with.config->store;
        tw_drift_check(&queue->drift[0], queue->name, "store", store, fact->sale->store, flight->batch);
        tw_drift_check(&queue->drift[1], queue->name, "workstation", queue->workstation,
                       fact->sale->workstation, flight->batch);
    }
    return rc;
}

static void add_unparsed(struct tw_tap_queue *queue, struct tw_tap_flight *flight, const char *reason,
                         const char *detail)
{
    flight->counted = "unparsed";
    tw_lane_event(flight->batch, TW_EVENT_CAPTURE_UNPARSED, queue->name,
                  unparsed_data(queue, reason, detail, &flight->summary));
}

static int add_fact(struct tw_tap_queue *queue, struct tw_tap_flight *flight,
                    const struct tw_reader_fact *fact)
{
    uint8_t hash[32];
    tw_seal_sha256(fact->text, hash);
    tw_seal_hex(hash, sizeof hash, flight->summary.sha256);
    flight->summary.lines = fact->lines;
    flight->summary.bytes = fact->bytes;
    int rc = fact->sale != NULL ? add_sale(queue, flight, fact) : TW_OK;
    if (fact->sale == NULL) {
        add_unparsed(queue, flight, tw_unparsed_name(fact->reason), fact->detail);
    } else if (rc == TW_ERR_NOT_FOUND) {
        rc = TW_OK;
        add_unparsed(
            queue, flight, tw_unparsed_name(TW_UNPARSED_NOT_A_SALE),
            "A copy of a receipt that has no number or is older than 7 days: counted with the original.");
    }
    return rc;
}

static void add_gap(struct tw_tap_queue *queue, struct tw_tap_flight *flight, const char *reason,
                    tw_json *count, const char *detail)
{
    tw_lane_event(flight->batch, TW_EVENT_CAPTURE_GAP, queue->name,
                  tw_json_pack("{s:s, s:s, s:o, s:n, s:n, s:s}", "device", queue->name, "reason", reason,
                               "bytes", count, "first_sequence", "last_sequence", "detail", detail));
}

static void add_lost(struct tw_tap_queue *queue, struct tw_tap_flight *flight, uint64_t bytes)
{
    tw_metrics_add(queue->lane->with.metrics, TW_METRIC_TAP_LOST_BYTES, queue->name, NULL, bytes);
    add_gap(queue, flight, "tap_overrun", tw_json_pack("I", (int64_t)bytes),
            "The tap had no more room for its copy; the printer got every byte.");
}

int tw_tap_queue_add(struct tw_tap_queue *queue, const struct tw_tap_flow_action *action,
                     const struct tw_reader_fact *fact)
{
    struct tw_tap_flight *flight = new_flight(queue);
    if (flight == NULL) {
        return TW_ERR_NOMEM;
    }
    int rc = TW_OK;
    flight->after = action->place;
    if (action->kind == TW_TAP_FLOW_QUEUE_FACT) {
        rc = add_fact(queue, flight, fact);
    } else if (action->kind == TW_TAP_FLOW_QUEUE_RESTARTED) {
        add_gap(queue, flight, "tap_restarted", tw_json_pack("n"),
                "The tap started anew with bytes that nobody had taken yet.");
    } else if (action->kind == TW_TAP_FLOW_QUEUE_LOST) {
        add_lost(queue, flight, action->bytes);
    }
    if (rc != TW_OK) {
        free_flight(flight);
        return rc;
    }
    enqueue(queue, flight);
    return TW_OK;
}
