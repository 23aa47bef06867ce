// SPDX-License-Identifier: Apache-2.0
//
// One tap: printer bytes in, committed events out, acknowledgement back. Facts become batches in
// order; one batch is in the journal's hands at a time, so that a position is never committed
// before the one ahead of it. When a commit fails the tap starts again from the last committed
// position: the tap still holds everything after it.
#include <stdlib.h>
#include <string.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"
#include "tillwire/tap_link.h"

#define IDLE_MS  2000 // the printer has been quiet: a receipt that is complete will not go on
#define RETRY_MS 1000 // after a failed commit

// A place in the tap's stream and the printer's state there.
struct place {
    uint8_t boot[16];
    uint64_t offset;
    struct tw_page_state state;
};

// What is told of a fact that cannot be kept as a sale.
struct summary {
    size_t lines, bytes;
    char sha256[65];
};

// A batch on its way, first in the tap's queue, then in the journal's hands.
struct flight {
    struct tw_lane_tap *tap;
    struct tw_batch *batch;
    struct place after;
    struct summary summary;
    struct tw_identity taken; // by its sale
    const char *counted;      // "sale", "unparsed" or NULL
    struct tw_journal_result result;
    struct tw_post post;
    struct flight *next;
};

struct tw_lane_tap {
    struct tw_lane *lane;
    const char *name;
    const char *workstation;
    struct tw_profile *profile;
    struct tw_reader *reader;
    struct tw_lane_device *device;
    struct tw_timer *idle, *retry;
    struct place accounted; // every byte before belongs to a fact
    struct place queued;    // every byte before is in a batch
    struct place committed; // every byte before is durable
    uint8_t boot[16];       // of the tap, as it last said
    uint64_t began;         // where that boot was begun to be read
    uint64_t fed;           // every byte before was given to the reader
    bool owes_gap;          // the boot before ended in the middle of a page; told, but not durable yet
    struct flight *first, *last;
    bool flying;              // `first` is in the journal's hands
    bool waiting;             // a commit failed: what comes is not taken until the tap's next HELLO
    struct tw_drift drift[2]; // store, workstation
};

// ---- committing ----

static bool same_boot(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16) == 0;
}

static struct flight *new_flight(struct tw_lane_tap *tap)
{
    struct flight *flight = calloc(1, sizeof *flight);
    if (flight != NULL) {
        flight->tap = tap;
        flight->batch = tw_batch_new();
    }
    if (flight != NULL && flight->batch == NULL) {
        free(flight);
        return NULL;
    }
    if (flight != NULL) {
        tw_batch_time(flight->batch, tap->lane->with.clock);
    }
    return flight;
}

static void free_flight(struct flight *flight)
{
    tw_batch_free(flight->batch);
    tw_seal_wipe(flight, sizeof *flight);
    free(flight);
}

static void free_first(struct tw_lane_tap *tap)
{
    struct flight *flight = tap->first;
    tap->first = flight->next;
    tap->last = tap->first == NULL ? NULL : tap->last;
    free_flight(flight);
}

// Its paper will be read again, and its customer is still that paper's.
static void drop_last(struct tw_lane_tap *tap)
{
    struct flight **link = &tap->first;
    struct flight *before = NULL;
    while ((*link)->next != NULL) {
        before = *link;
        link = &(*link)->next;
    }
    tw_identity_give_back(tap->lane, &(*link)->taken, true);
    free_flight(*link);
    *link = NULL;
    tap->last = before;
}

// Everything not committed is read again from the tap, once the journal gave back what it holds.
static void fall_back(struct tw_lane_tap *tap)
{
    tap->waiting = true;
    while (tap->first != NULL && !(tap->flying && tap->first->next == NULL)) {
        drop_last(tap);
    }
    if (!tap->flying) {
        tap->accounted = tap->committed;
        tap->queued = tap->committed;
        memset(tap->drift, 0, sizeof tap->drift); // the report may not have been kept
        tw_timer_start(tap->retry, RETRY_MS);
    }
}

static void restart(void *ctx)
{
    struct tw_lane_tap *tap = ctx;
    if (tap->device != NULL) {
        tw_lane_device_restart(tap->device);
    }
}

static void landed(void *ctx);

// On the journal's thread.
static void on_result(void *ctx, const struct tw_journal_result *result)
{
    struct flight *flight = ctx;
    flight->result = *result;
    tw_loop_hand(flight->tap->lane->with.loop, &flight->post, landed, flight);
}

static void submit_first(struct tw_lane_tap *tap)
{
    if (tap->first == NULL || tap->flying || tap->lane->closing) {
        return;
    }
    struct flight *flight = tap->first;
    struct tw_batch *batch = flight->batch;
    flight->batch = NULL;
    tw_batch_tap(batch, tap->name, flight->after.boot, flight->after.offset,
                 tw_slice_make(&flight->after.state, sizeof flight->after.state));
    tap->flying = true;
    int rc = tw_journal_submit(tap->lane->with.journal, batch, on_result, flight);
    if (rc != TW_OK) {
        flight->result.error = rc;
        landed(flight);
    }
}

static tw_json *unparsed_data(const struct tw_lane_tap *tap, const char *reason, const char *detail,
                              const struct summary *summary)
{
    return tw_json_pack("{s:s, s:s, s:s?, s:I, s:I, s:s}", "device", tap->name, "reason", reason, "detail",
                        detail, "lines", (int64_t)summary->lines, "bytes", (int64_t)summary->bytes, "sha256",
                        summary->sha256);
}

// A sale that is larger than an event may be is told of in words, so that the tap gets past it; it was
// its customer's.
static void replace_first(struct tw_lane_tap *tap)
{
    struct flight *flight = tap->first;
    flight->batch = tw_batch_new();
    if (flight->batch == NULL) {
        fall_back(tap);
        return;
    }
    tw_batch_time(flight->batch, tap->lane->with.clock);
    tw_lane_event(flight->batch, TW_EVENT_CAPTURE_UNPARSED, tap->name,
                  unparsed_data(tap, tw_unparsed_name(TW_UNPARSED_TOO_LONG),
                                "The sale is larger than an event may be.", &flight->summary));
    if (flight->taken.present) {
        tw_batch_lane(flight->batch, tap->workstation, (struct tw_slice){NULL, 0});
    }
    flight->counted = "unparsed";
    submit_first(tap);
}

static void landed(void *ctx)
{
    struct flight *flight = ctx;
    struct tw_lane_tap *tap = flight->tap;
    tap->flying = false;
    bool never = flight->result.error == TW_ERR_TOO_LARGE || flight->result.error == TW_ERR_INVALID;
    if (never && !tap->waiting && flight->counted != NULL && strcmp(flight->counted, "sale") == 0) {
        replace_first(tap);
        return;
    }
    if (flight->result.error != TW_OK) {
        fall_back(tap);
        return;
    }
    tap->committed = flight->after;
    tap->owes_gap = tap->owes_gap && !same_boot(tap->committed.boot, tap->boot);
    if (flight->result.outcome != TW_OUTCOME_NEW) {
        tw_identity_give_back(tap->lane, &flight->taken, false);
    }
    flight->taken.present = false; // it is used up
    if (tap->waiting) {
        fall_back(tap);
        return;
    }
    if (flight->counted != NULL) {
        bool repeat = flight->result.outcome == TW_OUTCOME_REPEAT;
        tw_metrics_add(tap->lane->with.metrics, TW_METRIC_RECEIPTS, tap->name,
                       repeat ? "repeat" : flight->counted, 1);
    }
    if (tap->device != NULL) {
        tw_lane_device_acknowledge(tap->device, tap->committed.offset);
    }
    free_first(tap);
    submit_first(tap);
}

static void enqueue(struct tw_lane_tap *tap, struct flight *flight)
{
    flight->after = tap->accounted;
    tap->queued = tap->accounted;
    if (tap->last != NULL) {
        tap->last->next = flight;
    } else {
        tap->first = flight;
    }
    tap->last = flight;
    submit_first(tap);
}

// ---- facts ----

static int add_sale(struct tw_lane_tap *tap, struct flight *flight, const struct tw_reader_fact *fact)
{
    char position[32];
    char boot[9];
    tw_seal_hex(tap->accounted.boot, 4, boot);
    (void)snprintf(position, sizeof position, "%s-%llu", boot, (unsigned long long)fact->end);
    const struct tw_sale_origin origin = {
        .device = tap->name,
        .via = "receipt",
        .workstation = tap->workstation,
        .witness = fact->text,
        .copy = fact->copy,
        .position = position,
    };
    char transaction_id[TW_TRANSACTION_ID_MAX];
    int rc = tw_sale_event(tap->lane, fact->sale, &origin, flight->batch, transaction_id, &flight->taken);
    if (rc == TW_OK) {
        flight->counted = "sale";
        const char *store = tap->lane->with.config->store;
        tw_drift_check(&tap->drift[0], tap->name, "store", store, fact->sale->store, flight->batch);
        tw_drift_check(&tap->drift[1], tap->name, "workstation", tap->workstation, fact->sale->workstation,
                       flight->batch);
    }
    return rc;
}

static void add_unparsed(struct tw_lane_tap *tap, struct flight *flight, const char *reason,
                         const char *detail)
{
    flight->counted = "unparsed";
    tw_lane_event(flight->batch, TW_EVENT_CAPTURE_UNPARSED, tap->name,
                  unparsed_data(tap, reason, detail, &flight->summary));
}

static void on_fact(void *ctx, struct tw_reader_fact *fact)
{
    struct tw_lane_tap *tap = ctx;
    if (tap->waiting) {
        return;
    }
    tap->accounted.offset = fact->end;
    tap->accounted.state = fact->state;
    if (fact->masked > 0) {
        tw_metrics_add(tap->lane->with.metrics, TW_METRIC_GUARD_MASKED, NULL, NULL, fact->masked);
    }
    if (fact->sale == NULL && fact->lines == 0 && fact->reason != TW_UNPARSED_RASTER_ONLY) {
        return; // blank paper: its place is committed with the next batch, or when the printer is quiet
    }
    struct flight *flight = new_flight(tap);
    if (flight == NULL) {
        fall_back(tap);
        return;
    }
    uint8_t hash[32];
    tw_seal_sha256(fact->text, hash);
    tw_seal_hex(hash, sizeof hash, flight->summary.sha256);
    flight->summary.lines = fact->lines;
    flight->summary.bytes = fact->bytes;
    int rc = fact->sale != NULL ? add_sale(tap, flight, fact) : TW_OK;
    if (fact->sale == NULL) {
        add_unparsed(tap, flight, tw_unparsed_name(fact->reason), fact->detail);
    } else if (rc == TW_ERR_NOT_FOUND) {
        add_unparsed(
            tap, flight, tw_unparsed_name(TW_UNPARSED_NOT_A_SALE),
            "A copy of a receipt that has no number or is older than 7 days: counted with the original.");
    } else if (rc != TW_OK) {
        free_flight(flight);
        fall_back(tap);
        return;
    }
    enqueue(tap, flight);
}

// ---- the tap's stream ----

static void read_or_fall_back(struct tw_lane_tap *tap, int rc)
{
    if (rc != TW_OK) {
        fall_back(tap);
    }
}

static void quiet(void *ctx)
{
    struct tw_lane_tap *tap = ctx;
    read_or_fall_back(tap, tw_reader_idle(tap->reader));
    if (!tap->waiting && tap->accounted.offset != tap->queued.offset) {
        struct flight *flight = new_flight(tap);
        if (flight != NULL) {
            enqueue(tap, flight);
        }
    }
}

static void report_gap(struct tw_lane_tap *tap, const char *reason, const uint64_t *bytes, const char *detail)
{
    struct flight *flight = new_flight(tap);
    if (flight == NULL) {
        fall_back(tap);
        return;
    }
    tw_json *count = bytes != NULL ? tw_json_pack("I", (int64_t)*bytes) : tw_json_pack("n");
    tw_lane_event(flight->batch, TW_EVENT_CAPTURE_GAP, tap->name,
                  tw_json_pack("{s:s, s:s, s:o, s:n, s:n, s:s}", "device", tap->name, "reason", reason,
                               "bytes", count, "first_sequence", "last_sequence", "detail", detail));
    enqueue(tap, flight);
}

// A boot that was not accounted for yet: a new one, or one of which nothing could be kept so far.
static void begin_boot(struct tw_lane_tap *tap, const uint8_t boot[16], uint64_t first)
{
    if (!same_boot(boot, tap->boot)) {
        bool known = same_boot(tap->accounted.boot, tap->boot);
        tap->owes_gap = tap->owes_gap || tap->fed > (known ? tap->accounted.offset : tap->began);
        read_or_fall_back(tap, tw_reader_close(tap->reader));
    }
    memcpy(tap->boot, boot, sizeof tap->boot);
    memcpy(tap->accounted.boot, boot, sizeof tap->accounted.boot);
    tap->accounted.offset = first;
    tap->accounted.state = (struct tw_page_state){0};
    tap->began = first;
    if (tap->owes_gap) {
        report_gap(tap, "tap_restarted", NULL, "The tap started anew in the middle of a printed page.");
    }
}

uint64_t tw_lane_tap_hello(struct tw_lane_tap *tap, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    (void)next;
    if (tap->waiting && tap->flying) {
        return first; // not before it is known what of it is kept; then the line is opened again
    }
    tap->waiting = false;
    if (!same_boot(tap->accounted.boot, boot)) {
        begin_boot(tap, boot, first);
    }
    tap->fed = tap->accounted.offset;
    tw_reader_restore(tap->reader, tap->accounted.offset, &tap->accounted.state);
    tw_lane_tap_lost(tap, tap->accounted.offset, first);
    return tap->accounted.offset;
}

void tw_lane_tap_bytes(struct tw_lane_tap *tap, uint64_t offset, struct tw_slice bytes)
{
    if (tap->waiting) {
        return;
    }
    tap->fed = offset + bytes.len;
    tw_metrics_add(tap->lane->with.metrics, TW_METRIC_TAP_BYTES, tap->name, NULL, bytes.len);
    read_or_fall_back(tap, tw_reader_feed(tap->reader, bytes));
    tw_timer_start(tap->idle, IDLE_MS);
}

void tw_lane_tap_mark(struct tw_lane_tap *tap, uint64_t offset, int mark)
{
    (void)offset;
    if (!tap->waiting && mark == TW_LINK_CLOSED) {
        read_or_fall_back(tap, tw_reader_close(tap->reader));
    }
}

void tw_lane_tap_lost(struct tw_lane_tap *tap, uint64_t from, uint64_t to)
{
    if (tap->waiting || to <= tap->fed) {
        return; // told before, at the tap's HELLO
    }
    from = from > tap->fed ? from : tap->fed;
    uint64_t bytes = to - from;
    read_or_fall_back(tap, tw_reader_close(tap->reader));
    tw_metrics_add(tap->lane->with.metrics, TW_METRIC_TAP_LOST_BYTES, tap->name, NULL, bytes);
    tap->accounted.offset = to;
    tap->accounted.state = (struct tw_page_state){0};
    tap->fed = to;
    tw_reader_restore(tap->reader, to, NULL);
    report_gap(tap, "tap_overrun", &bytes,
               "The tap had no more room for its copy; the printer got every byte.");
}

// ---- life ----

struct tw_lane_tap *tw_lane_tap_named(struct tw_lane *lane, const char *device)
{
    for (size_t i = 0; i < lane->tap_count; i++) {
        if (strcmp(lane->taps[i]->name, device) == 0) {
            return lane->taps[i];
        }
    }
    return NULL;
}

static void restore_place(struct tw_lane_tap *tap)
{
    struct tw_journal_tap stored = {0};
    if (tw_journal_tap(tap->lane->with.journal, tap->name, &stored) == TW_OK && stored.known) {
        memcpy(tap->committed.boot, stored.boot, sizeof stored.boot);
        tap->committed.offset = stored.offset;
        if (stored.state_len == sizeof tap->committed.state) {
            memcpy(&tap->committed.state, stored.state, sizeof tap->committed.state);
        }
    }
    tap->queued = tap->committed;
    tap->accounted = tap->committed;
    memcpy(tap->boot, tap->committed.boot, sizeof tap->boot);
    tap->fed = tap->committed.offset;
}

int tw_lane_tap_new(struct tw_lane *lane, const struct tw_device_config *config, const char *config_path,
                    struct tw_lane_tap **out, struct tw_error_text *err)
{
    struct tw_lane_tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "starting tap %s: out of memory", config->name);
    }
    tap->lane = lane;
    tap->name = config->name;
    tap->workstation = config->workstation != NULL ? config->workstation : lane->with.config->terminal;
    tap->idle = tw_timer_new(lane->with.loop, quiet, tap);
    tap->retry = tw_timer_new(lane->with.loop, restart, tap);
    int rc = tap->idle != NULL && tap->retry != NULL ? TW_OK : TW_ERR_NOMEM;
    rc = rc != TW_OK ? rc : tw_config_profile(config_path, config->profile, &tap->profile, err);
    const struct tw_reader_options options = {
        .profile = tap->profile, .rules = lane->with.rules, .on_fact = on_fact, .ctx = tap};
    rc = rc != TW_OK ? rc : tw_reader_new(&options, &tap->reader);
    if (rc != TW_OK) {
        tw_lane_tap_free(tap);
        return rc;
    }
    restore_place(tap);
    *out = tap;
    return TW_OK;
}

void tw_lane_tap_attach(struct tw_lane_tap *tap, struct tw_lane_device *device)
{
    tap->device = device;
}

void tw_lane_tap_free(struct tw_lane_tap *tap)
{
    while (tap->first != NULL) {
        free_first(tap);
    }
    tw_timer_close(tap->idle);
    tw_timer_close(tap->retry);
    tw_reader_free(tap->reader);
    tw_profile_free(tap->profile);
    free(tap);
}
