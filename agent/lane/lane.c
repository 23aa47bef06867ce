// SPDX-License-Identifier: Apache-2.0
#include "tillwire/lane.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lane/parts.h"
#include "agent/lane/poslog.h"
#include "tillwire/json.h"

// A request under way: from the loop to the journal (and the member store before it) and back.
struct request {
    struct tw_lane *lane;
    tw_lane_done_fn *done;
    tw_lane_member_fn *member_done;
    void *ctx;
    struct tw_post post; // one answer is on its way at a time
    struct tw_journal_result result;
    char transaction_id[TW_TRANSACTION_ID_MAX];
    bool dateless;            // the sale said no day: it was given today's
    struct tw_identity taken; // of the sale's customer
    uint64_t lost_scans;      // told of in the batch
    bool scanned;             // by a scanner
    struct tw_lane_member answer;
    char scheme[33];
    char asked_by[65];
    char via[8];
};

static struct request *new_request(struct tw_lane *lane, void *ctx)
{
    struct request *request = calloc(1, sizeof *request);
    if (request != NULL) {
        request->lane = lane;
        request->ctx = ctx;
    }
    return request;
}

static const char *workstation_of(const struct tw_lane *lane, const char *workstation)
{
    return workstation != NULL ? workstation : lane->with.config->terminal;
}

// ---- answering ----

// A repeat of a request without a day has that of the first time, which is when its id was made (RFC 9562
// section 5.7), in STORE/WORKSTATION/DAY/NUMBER. An id of a day to come was made after a clock that was ahead
// and says nothing: ids never step back.
static void set_first_day(struct request *request)
{
    int64_t at_ms = 0;
    for (size_t i = 0; i < 6; i++) {
        at_ms = at_ms << 8 | request->result.id[i];
    }
    char first[11];
    tw_lane_day(at_ms, first);
    char *day = strchr(request->transaction_id, '/');
    day = day != NULL ? strchr(day + 1, '/') : NULL;
    if (day != NULL && memcmp(first, day + 1, strlen(first)) < 0) {
        memcpy(day + 1, first, strlen(first));
    }
}

static void answer(void *ctx)
{
    struct request *request = ctx;
    char id[37];
    tw_uuid_text(request->result.id, id);
    bool good = request->result.error == TW_OK;
    if (good && request->dateless && request->result.by_request) {
        set_first_day(request);
    }
    // A repeated request without receipt number got a new random name that was not used.
    bool known = request->transaction_id[0] != '\0' && (request->result.outcome != TW_OUTCOME_REPEAT ||
                                                        strstr(request->transaction_id, "/~") == NULL);
    const struct tw_lane_answer made = {
        .error = request->result.error,
        .outcome = request->result.outcome,
        .id = good ? id : NULL,
        .transaction_id = good && known ? request->transaction_id : NULL,
    };
    if (!good || request->result.outcome != TW_OUTCOME_NEW) {
        tw_identity_give_back(request->lane, &request->taken);
    }
    if (!good) {
        request->lane->lost_scans += request->lost_scans + request->scanned;
    }
    if (request->scanned && !good) {
        (void)fprintf(stderr, "tillwired: a scan could not be kept (%s); see tillwire status\n",
                      tw_err_name(request->result.error));
    }
    if (request->done != NULL) {
        request->done(request->ctx, &made);
    }
    tw_seal_wipe(&request->taken, sizeof request->taken);
    free(request);
}

static void answer_member(void *ctx)
{
    struct request *request = ctx;
    request->member_done(request->ctx, &request->answer);
    tw_seal_wipe(request, sizeof *request);
    free(request);
}

// From any thread to the loop.
static void post_answer(struct request *request, int error)
{
    if (request->member_done != NULL) {
        request->answer.error = error;
        tw_loop_hand(request->lane->with.loop, &request->post, answer_member, request);
    } else {
        request->result.error = error;
        tw_loop_hand(request->lane->with.loop, &request->post, answer, request);
    }
}

// On the journal's thread.
static void on_committed(void *ctx, const struct tw_journal_result *result)
{
    struct request *request = ctx;
    request->result = *result;
    request->result.subject = tw_slice_make(NULL, 0); // is gone behind this call
    if (result->subject.len > 0 && result->subject.len < sizeof request->transaction_id) {
        memcpy(request->transaction_id, result->subject.ptr, result->subject.len);
        request->transaction_id[result->subject.len] = '\0';
    }
    post_answer(request, result->error);
}

static void submit(struct request *request, struct tw_batch *batch)
{
    int rc = request->lane->closing ? TW_ERR_CLOSED : TW_OK;
    if (rc != TW_OK) {
        tw_batch_free(batch);
    } else {
        rc = tw_journal_submit(request->lane->with.journal, batch, on_committed, request);
    }
    if (rc != TW_OK) {
        post_answer(request, rc);
    }
}

static struct tw_batch *new_batch(struct tw_lane *lane)
{
    struct tw_batch *batch = tw_batch_new();
    if (batch != NULL) {
        tw_batch_time(batch, lane->with.clock);
    }
    return batch;
}

// ---- a sale from the API ----

void tw_lane_sale(struct tw_lane *lane, struct tw_sale *sale, const char *idempotency_key,
                  struct tw_slice body, tw_lane_done_fn *done, void *ctx)
{
    struct request *request = new_request(lane, ctx);
    struct tw_batch *batch = new_batch(lane);
    uint8_t random[8];
    if (request == NULL || batch == NULL || tw_seal_random(lane->with.seal, random, sizeof random) != TW_OK) {
        const struct tw_lane_answer failed = {.error = TW_ERR_NOMEM};
        free(request);
        tw_batch_free(batch);
        tw_sale_free(sale);
        done(ctx, &failed);
        return;
    }
    request->done = done;
    char position[17];
    tw_seal_hex(random, sizeof random, position);
    const struct tw_sale_origin origin = {
        .device = "api",
        .via = "api",
        .workstation = workstation_of(lane, sale->workstation),
        .witness = body,
        .position = position,
        .read_ms = lane->with.clock->wall_ms(lane->with.clock),
    };
    int rc = tw_sale_event(lane, sale, &origin, batch, request->transaction_id, &request->taken);
    request->dateless = sale->business_day == NULL && sale->printed_time == NULL;
    tw_sale_free(sale);
    if (rc != TW_OK) {
        tw_batch_free(batch);
        post_answer(request, rc);
        return;
    }
    if (request->taken.present) {
        tw_identity_keep(lane, request->taken.workstation, NULL, batch);
    }
    if (idempotency_key != NULL) {
        uint8_t hash[32];
        tw_seal_sha256(body, hash);
        tw_batch_idempotency(batch, idempotency_key, hash);
    }
    submit(request, batch);
}

// ---- scans ----

static struct tw_batch *scan_batch(struct tw_lane *lane, const char *device, const char *workstation,
                                   const struct tw_lane_reading *reading)
{
    struct tw_batch *batch = new_batch(lane);
    if (batch == NULL) {
        return NULL;
    }
    tw_lane_scan_event(batch, device, workstation, reading);
    if (lane->lost_scans > 0) {
        char detail[64];
        (void)snprintf(detail, sizeof detail, "Scans that could not be kept: %" PRIu64 ".", lane->lost_scans);
        tw_lane_event(batch, TW_EVENT_CAPTURE_GAP, lane->with.config->terminal,
                      tw_json_pack("{s:n, s:s, s:n, s:n, s:n, s:s}", "device", "reason", "quota", "bytes",
                                   "first_sequence", "last_sequence", "detail", detail));
    }
    struct tw_identity *identity = tw_identity_of(lane, workstation);
    if (identity != NULL) {
        tw_identity_set(identity, reading->scan.scheme, reading->scan.card, reading->pseudonym,
                        lane->with.clock->wall_ms(lane->with.clock), batch);
    }
    return batch;
}

void tw_lane_scan(struct tw_lane *lane, const char *device, const char *workstation, struct tw_slice code,
                  tw_lane_done_fn *done, void *ctx)
{
    struct tw_lane_reading reading;
    int rc = tw_lane_identify(lane, code, &reading);
    tw_lane_count_scan(lane, device, rc);
    struct request *request = new_request(lane, ctx);
    struct tw_batch *batch = NULL;
    if (rc == TW_OK) {
        batch = scan_batch(lane, device, workstation_of(lane, workstation), &reading);
        rc = batch != NULL ? TW_OK : TW_ERR_NOMEM;
    }
    tw_seal_wipe(&reading.scan, sizeof reading.scan);
    if (request == NULL) {
        const struct tw_lane_answer failed = {.error = TW_ERR_NOMEM};
        tw_batch_free(batch);
        if (done != NULL) {
            done(ctx, &failed);
        }
        return;
    }
    request->done = done;
    if (rc == TW_OK) {
        request->scanned = done == NULL;
        request->lost_scans = lane->lost_scans;
        lane->lost_scans = 0;
        submit(request, batch);
        tw_lane_greet(lane, workstation_of(lane, workstation), reading.pseudonym);
    } else {
        tw_batch_free(batch);
        post_answer(request, rc);
    }
}

// ---- lookups ----

// On the loop, with the member's answer: the audit event first, then the answer.
static void audit(void *ctx)
{
    struct request *request = ctx;
    struct tw_lane *lane = request->lane;
    const struct tw_member *member = &request->answer.member;
    int64_t now_ms = lane->with.clock->wall_ms(lane->with.clock);
    request->answer.age_s = -1;
    if (member->as_of_ms > 0) {
        request->answer.age_s = now_ms > member->as_of_ms ? (now_ms - member->as_of_ms) / 1000 : 0;
    }
    tw_metrics_add(lane->with.metrics, TW_METRIC_LOOKUPS, member->found ? "hit" : "miss", NULL, 1);
    struct tw_batch *batch = new_batch(lane);
    if (batch == NULL) {
        post_answer(request, TW_ERR_NOMEM);
        return;
    }
    tw_json *age = request->answer.age_s >= 0 ? tw_json_pack("I", request->answer.age_s) : tw_json_pack("n");
    tw_lane_event(batch, TW_EVENT_LOYALTY_LOOKED_UP, member->pseudonym,
                  tw_json_pack("{s:s, s:s, s:s, s:b, s:s?, s:s, s:o}", "workstation",
                               lane->with.config->terminal, "scheme", request->scheme, "pseudonym",
                               member->pseudonym, "found", member->found, "asked_by",
                               request->asked_by[0] != '\0' ? request->asked_by : NULL, "via", request->via,
                               "age_s", age));
    submit(request, batch);
}

// On the member thread.
static void on_member(void *ctx, const struct tw_member *member)
{
    struct request *request = ctx;
    char pseudonym[sizeof request->answer.member.pseudonym];
    memcpy(pseudonym, request->answer.member.pseudonym, sizeof pseudonym);
    request->answer.member = *member;
    memcpy(request->answer.member.pseudonym, pseudonym, sizeof pseudonym);
    (void)snprintf(request->answer.member.scheme, sizeof request->answer.member.scheme, "%s",
                   request->scheme);
    tw_loop_hand(request->lane->with.loop, &request->post, audit, request);
}

void tw_lane_lookup(struct tw_lane *lane, struct tw_slice card, const struct tw_lane_asker *asker,
                    tw_lane_member_fn *done, void *ctx)
{
    struct tw_lane_reading reading;
    struct request *request = new_request(lane, ctx);
    if (request == NULL) {
        const struct tw_lane_member failed = {.error = TW_ERR_NOMEM};
        done(ctx, &failed);
        return;
    }
    request->member_done = done;
    int rc = tw_lane_identify(lane, card, &reading);
    if (rc == TW_OK) {
        memcpy(request->answer.member.pseudonym, reading.pseudonym, sizeof reading.pseudonym);
        (void)snprintf(request->scheme, sizeof request->scheme, "%s", reading.scan.scheme);
        (void)snprintf(request->asked_by, sizeof request->asked_by, "%s", asker->by != NULL ? asker->by : "");
        (void)snprintf(request->via, sizeof request->via, "%s", asker->via);
        rc = tw_members_lookup(lane->with.members, request->answer.member.pseudonym, on_member, request);
    }
    tw_seal_wipe(&reading.scan, sizeof reading.scan);
    if (rc != TW_OK) {
        post_answer(request, rc == TW_ERR_NOT_FOUND ? TW_ERR_INVALID : rc);
    }
}

// ---- life ----

static int make_taps(struct tw_lane *lane, const char *config_path, struct tw_error_text *err)
{
    const struct tw_config *config = lane->with.config;
    lane->taps = calloc(config->device_count + 1, sizeof(struct tw_lane_tap *));
    int rc = lane->taps != NULL ? TW_OK : tw_fail(err, TW_ERR_NOMEM, "starting the lane: out of memory");
    for (size_t i = 0; rc == TW_OK && i < config->device_count; i++) {
        if (strcmp(config->devices[i].class_name, "tap") == 0) {
            rc = tw_lane_tap_new(lane, &config->devices[i], config_path, &lane->taps[lane->tap_count], err);
            lane->tap_count += rc == TW_OK ? 1 : 0;
        }
    }
    return rc;
}

static int make_poslogs(struct tw_lane *lane, struct tw_error_text *err)
{
    const struct tw_config *config = lane->with.config;
    lane->poslogs = calloc(config->device_count + 1, sizeof(struct tw_lane_poslog *));
    int rc = lane->poslogs != NULL ? TW_OK : TW_ERR_NOMEM;
    for (size_t i = 0; rc == TW_OK && i < config->device_count; i++) {
        if (strcmp(config->devices[i].class_name, "poslog") == 0) {
            rc = tw_lane_poslog_new(lane, &config->devices[i], &lane->poslogs[lane->poslog_count]);
            lane->poslog_count += rc == TW_OK ? 1 : 0;
        }
    }
    return rc == TW_OK ? TW_OK : tw_fail(err, rc, "starting the lane: out of memory");
}

int tw_lane_new(const struct tw_lane_options *options, struct tw_lane **out, struct tw_error_text *err)
{
    struct tw_lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "starting the lane: out of memory");
    }
    lane->with = *options;
    int rc = tw_identity_restore(lane, err);
    rc = rc != TW_OK ? rc : make_taps(lane, options->config_path, err);
    rc = rc != TW_OK ? rc : make_poslogs(lane, err);
    if (rc != TW_OK) {
        tw_lane_free(lane);
        return rc;
    }
    *out = lane;
    return TW_OK;
}

void tw_lane_stop(struct tw_lane *lane)
{
    lane->closing = true;
    for (size_t i = 0; i < lane->tap_count; i++) {
        tw_lane_tap_stop(lane->taps[i]);
    }
    tw_lane_devices_free(lane);
}

void tw_lane_free(struct tw_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    tw_lane_stop(lane);
    for (size_t i = 0; i < lane->tap_count; i++) {
        tw_lane_tap_free(lane->taps[i]);
    }
    free(lane->taps);
    for (size_t i = 0; i < lane->poslog_count; i++) {
        tw_lane_poslog_free(lane->poslogs[i]);
    }
    free(lane->poslogs);
    if (lane->identities != NULL) {
        tw_seal_wipe(lane->identities, lane->identity_count * sizeof *lane->identities);
    }
    free(lane->identities);
    free(lane);
}
