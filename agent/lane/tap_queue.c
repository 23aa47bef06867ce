// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/tap_queue.h"

#include <stdlib.h>
#include <string.h>

#include "tillwire/json.h"

static struct tw_tap_flight *new_flight(struct tw_tap_queue *queue)
{
    struct tw_tap_flight *flight = calloc(1, sizeof *flight);
    struct tw_batch *batch = tw_batch_new();
    if (flight == NULL || batch == NULL) {
        tw_batch_free(batch);
        free(flight);
        return NULL;
    }
    tw_batch_time(batch, queue->lane->with.clock);
    flight->batch = batch;
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

// Puts it before what will be read after it.
static void remember(struct tw_tap_queue *queue, struct tw_tap_flight *flight)
{
    tw_batch_free(flight->batch);
    flight->batch = NULL;
    flight->next = queue->again;
    queue->again = flight;
}

// Its paper will be read again, and its customer, or that it had none, is still that paper's.
static void drop_last(struct tw_tap_queue *queue)
{
    struct tw_tap_flight **link = &queue->first;
    struct tw_tap_flight *before = NULL;
    while ((*link)->next != NULL) {
        before = *link;
        link = &(*link)->next;
    }
    struct tw_tap_flight *dropped = *link;
    *link = NULL;
    queue->last = before;
    if (dropped->is_sale) {
        remember(queue, dropped);
    } else {
        free_flight(dropped);
    }
}

// What is known of the paper that ends at `place` from an earlier reading, no longer in the queue; or NULL.
// Papers that should have come before it did not: they are lost, and what was known of them goes.
static struct tw_tap_flight *recall(struct tw_tap_queue *queue, const struct tw_tap_place *place)
{
    struct tw_tap_flight *known = NULL;
    while (queue->again != NULL && (memcmp(queue->again->after.boot, place->boot, sizeof place->boot) != 0 ||
                                    queue->again->after.offset <= place->offset)) {
        if (known != NULL) {
            free_flight(known);
        }
        known = queue->again;
        queue->again = known->next;
    }
    bool is_this = known != NULL && known->after.offset == place->offset &&
                   memcmp(known->after.boot, place->boot, sizeof place->boot) == 0;
    if (known != NULL && !is_this) {
        free_flight(known);
        known = NULL;
    }
    return known;
}

void tw_tap_queue_drop(struct tw_tap_queue *queue, size_t keep)
{
    size_t count = 0;
    for (const struct tw_tap_flight *flight = queue->first; flight != NULL; flight = flight->next) {
        count++;
    }
    for (; count > keep; count--) {
        drop_last(queue);
    }
    memset(queue->drift, 0, sizeof queue->drift); // a report may have been among them
}

void tw_tap_queue_clear(struct tw_tap_queue *queue)
{
    while (queue->first != NULL) {
        free_first(queue);
    }
    while (queue->again != NULL) {
        struct tw_tap_flight *flight = queue->again;
        queue->again = flight->next;
        free_flight(flight);
    }
}

void tw_tap_queue_settle_first(struct tw_tap_queue *queue)
{
    struct tw_tap_flight *flight = queue->first;
    bool repeat = flight->result.outcome == TW_OUTCOME_REPEAT;
    if (flight->result.outcome != TW_OUTCOME_NEW) { // a new one has used its customer up
        tw_identity_give_back(queue->lane, &flight->taken);
    }
    if (flight->counted != NULL) {
        tw_metrics_add(queue->lane->with.metrics, TW_METRIC_RECEIPTS, queue->name,
                       repeat ? "repeat" : flight->counted, 1);
    }
    if (flight->is_scan) {
        tw_lane_count_scan(queue->lane, queue->name, TW_OK);
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
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        return TW_ERR_NOMEM;
    }
    flight->batch = batch;
    tw_batch_time(batch, queue->lane->with.clock);
    tw_lane_event(batch, TW_EVENT_CAPTURE_UNPARSED, queue->name,
                  unparsed_data(queue, tw_unparsed_name(TW_UNPARSED_TOO_LONG),
                                "The sale is larger than an event may be.", &flight->summary));
    flight->counted = "unparsed";
    return TW_OK;
}

// The next behind it that changes who stands at the workstation, or NULL.
static const struct tw_tap_flight *next_change(const struct tw_tap_flight *flight)
{
    const struct tw_tap_flight *next = flight->next;
    while (next != NULL && !next->is_sale && !next->is_scan) {
        next = next->next;
    }
    return next;
}

static bool is_scan_behind(const struct tw_tap_flight *flight)
{
    const struct tw_tap_flight *next = flight->next;
    while (next != NULL && !next->is_scan) {
        next = next->next;
    }
    return next != NULL;
}

static bool took(const struct tw_tap_flight *sale, const struct tw_identity *scanned)
{
    return sale->is_sale && sale->taken.present && strcmp(sale->taken.pseudonym, scanned->pseudonym) == 0;
}

// Whether the scan's sale is here, before another scan, or will be read again.
static bool is_sale_behind(const struct tw_tap_queue *queue, const struct tw_tap_flight *scan)
{
    const struct tw_tap_flight *next = scan->next;
    while (next != NULL && !next->is_scan && !took(next, &scan->scanned)) {
        next = next->next;
    }
    if (next != NULL && !next->is_scan) {
        return true;
    }
    next = queue->again;
    while (next != NULL && !took(next, &scan->scanned)) {
        next = next->next;
    }
    return next != NULL;
}

// Who stands at the workstation once this much is durable. Where scans of the tap wait as well, what is
// remembered of now may be of later ones.
static void keep_identity(struct tw_tap_queue *queue, const struct tw_tap_flight *flight,
                          struct tw_batch *batch)
{
    const struct tw_tap_flight *next = next_change(flight);
    const struct tw_identity *waiting = next != NULL && next->is_sale ? &next->taken : NULL;
    if (flight->is_scan && is_sale_behind(queue, flight)) { // else another device's may have been
        tw_identity_store(queue->workstation, &flight->scanned, batch);
    } else if (flight->taken.present && is_scan_behind(flight)) {
        tw_identity_store(queue->workstation, waiting, batch);
    } else if (flight->taken.present || flight->is_scan) {
        tw_identity_keep(queue->lane, queue->workstation, waiting, batch);
    }
}

struct tw_batch *tw_tap_queue_take(struct tw_tap_queue *queue, struct tw_tap_flight *flight,
                                   const struct tw_tap_flight *ahead)
{
    struct tw_batch *batch = flight->batch;
    uint8_t state[TW_TAP_PLACE_BYTES];
    flight->batch = NULL;
    if (ahead != NULL) {
        tw_tap_place_pack(&ahead->after, state);
        tw_batch_tap_upon(batch, ahead->after.boot, ahead->after.offset, tw_slice_make(state, sizeof state));
    }
    tw_tap_place_pack(&flight->after, state);
    tw_batch_tap(batch, queue->name, flight->after.boot, flight->after.offset,
                 tw_slice_make(state, sizeof state));
    keep_identity(queue, flight, batch);
    return batch;
}

// ---- what goes into them ----

static int add_sale(struct tw_tap_queue *queue, struct tw_tap_flight *flight,
                    const struct tw_reader_fact *fact, struct tw_tap_flight *known)
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
        .read_ms = flight->read_ms,
        .paid_ms = flight->paid_ms,
        .customer = known != NULL ? &known->taken : NULL,
    };
    char transaction_id[TW_TRANSACTION_ID_MAX];
    int rc = tw_sale_event(queue->lane, fact->sale, &origin, flight->batch, transaction_id, &flight->taken);
    if (rc == TW_OK) {
        flight->is_sale = true;
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
                    const struct tw_reader_fact *fact, struct tw_tap_flight *known)
{
    uint8_t hash[32];
    tw_seal_sha256(fact->text, hash);
    tw_seal_hex(hash, sizeof hash, flight->summary.sha256);
    flight->summary.lines = fact->lines;
    flight->summary.bytes = fact->bytes;
    int rc = fact->sale != NULL ? add_sale(queue, flight, fact, known) : TW_OK;
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

// A paper that waited in the tap was paid long before it is read, and so was its card scanned.
static int64_t paid_ms(const struct tw_tap_queue *queue, int64_t read_ms)
{
    bool after_card = queue->card_us != 0 && queue->last_us >= queue->card_us;
    return after_card ? queue->card_at_ms + (int64_t)((queue->last_us - queue->card_us) / 1000) : read_ms;
}

int tw_tap_queue_add(struct tw_tap_queue *queue, const struct tw_tap_flow_action *action,
                     const struct tw_reader_fact *fact)
{
    struct tw_tap_flight *flight = new_flight(queue);
    if (flight == NULL) {
        return TW_ERR_NOMEM;
    }
    int rc = TW_OK;
    const struct tw_clock *clock = queue->lane->with.clock;
    struct tw_tap_flight *known = recall(queue, &action->place);
    flight->after = action->place;
    flight->read_ms = known != NULL ? known->read_ms : clock->wall_ms(clock);
    flight->paid_ms = known != NULL ? known->paid_ms : paid_ms(queue, flight->read_ms);
    if (action->kind == TW_TAP_FLOW_QUEUE_FACT) {
        rc = add_fact(queue, flight, fact, known);
    } else if (action->kind == TW_TAP_FLOW_QUEUE_RESTARTED) {
        add_gap(queue, flight, "tap_restarted", tw_json_pack("n"),
                "The tap started anew with bytes or scans that nobody had taken yet.");
    } else if (action->kind == TW_TAP_FLOW_QUEUE_LOST) {
        add_lost(queue, flight, action->bytes);
    } else if (action->kind == TW_TAP_FLOW_QUEUE_SCANS_LOST) {
        char detail[80];
        (void)snprintf(detail, sizeof detail, "Scans that the tap had no more room for: %llu.",
                       (unsigned long long)action->count);
        add_gap(queue, flight, "tap_overrun", tw_json_pack("n"), detail);
    }
    if (rc != TW_OK) {
        free_flight(flight);
        if (known != NULL) {
            remember(queue, known);
        }
        return rc;
    }
    if (known != NULL) {
        free_flight(known);
    }
    enqueue(queue, flight);
    return TW_OK;
}

// ---- scans ----

static bool was_told(const struct tw_tap_queue *queue, const struct tw_tap_place *place)
{
    return place->scan <= queue->scan_number &&
           memcmp(place->boot, queue->scan_boot, sizeof queue->scan_boot) == 0;
}

static void identify(struct tw_tap_queue *queue, const struct tw_tap_flight *flight,
                     const struct tw_tap_card *card)
{
    struct tw_identity *identity = tw_identity_of(queue->lane, queue->workstation);
    memcpy(queue->scan_boot, flight->after.boot, sizeof queue->scan_boot);
    queue->scan_number = flight->after.scan;
    queue->card_at_ms = flight->scanned.at_ms;
    queue->card_us = card->time_us;
    if (identity != NULL) {
        const char *workstation = identity->workstation;
        *identity = flight->scanned;
        identity->workstation = workstation;
    }
    if (card->is_fresh) {
        tw_lane_greet(queue->lane, queue->workstation, card->reading->pseudonym);
    }
}

int tw_tap_queue_add_scan(struct tw_tap_queue *queue, const struct tw_tap_flow_action *action,
                          const struct tw_tap_card *card)
{
    const struct tw_lane_reading *reading = card->reading;
    struct tw_tap_flight *flight = new_flight(queue);
    if (flight == NULL) {
        return TW_ERR_NOMEM;
    }
    const struct tw_clock *clock = queue->lane->with.clock;
    int64_t now_ms = clock->wall_ms(clock);
    flight->after = action->place;
    flight->is_scan = true;
    flight->is_again = was_told(queue, &action->place);
    tw_identity_remember(&flight->scanned, reading->scan.scheme, reading->pseudonym, reading->scan.card,
                         card->age_ms < now_ms ? now_ms - card->age_ms : 0);
    tw_lane_scan_event(flight->batch, queue->name, queue->workstation, reading);
    if (!flight->is_again) {
        identify(queue, flight, card);
    }
    enqueue(queue, flight);
    return TW_OK;
}

void tw_tap_queue_forget_card(struct tw_tap_queue *queue)
{
    struct tw_identity gone = {0};
    queue->card_us = 0;
    struct tw_identity *identity = tw_identity_of(queue->lane, queue->workstation);
    if (identity != NULL && identity->present && identity->at_ms == queue->card_at_ms) {
        (void)tw_identity_take(identity, &(struct tw_identity_clue){0}, &gone);
        tw_seal_wipe(&gone, sizeof gone);
    }
}
