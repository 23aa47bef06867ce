// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/poslog.h"

#include <stdlib.h>
#include <string.h>

#include "agent/lane/poslog_flight.h"

#define HEAD_BYTES 4096 // of a file, to know it by where it cannot be read

struct tw_lane_poslog {
    struct tw_lane *lane;
    const struct tw_device_config *config;
    struct tw_lane_device *device;
    struct tw_poslog *reader; // NULL: no file is open
    unsigned file;            // counts them, so that nothing of an earlier one is taken for this one's
    size_t flying;            // transactions of this file the journal has not answered
    bool held;                // the device waits for leave to go on
    bool over;                // no more of the file is read
    int error;                // why it cannot be kept now
    bool refused;             // it is no POSLog, or not to its end
    bool open;                // who writes it may go on
    bool unfinished;          // and it stops in the middle
    struct tw_buf head;       // name, size and first bytes of the file, after the payment guard
    struct tw_error_text why; // then
    struct tw_poslog_drift drift;
    uint64_t done, failed;
    uint32_t waiting;
};

// ---- the file's answer ----

static void count_files(struct tw_lane_poslog *poslog)
{
    tw_metrics_set(poslog->lane->with.metrics, TW_METRIC_POSLOG_WAITING, poslog->config->name, NULL,
                   poslog->waiting);
}

static void close_file(struct tw_lane_poslog *poslog)
{
    tw_poslog_free(poslog->reader);
    poslog->reader = NULL;
    poslog->file++;
    poslog->flying = 0;
}

static void answer(struct tw_lane_poslog *poslog, enum tw_file_answer answer, const char *why)
{
    if (poslog->device != NULL) {
        tw_lane_device_file_answer(poslog->device, answer, why);
    }
}

static void put_away(struct tw_lane_poslog *poslog)
{
    struct tw_metrics *metrics = poslog->lane->with.metrics;
    bool refused = poslog->refused;
    poslog->done += !refused;
    poslog->failed += refused;
    poslog->waiting -= poslog->waiting > 0 ? 1 : 0;
    tw_metrics_add(metrics, TW_METRIC_POSLOG_FILES, poslog->config->name, refused ? "failed" : "done", 1);
    count_files(poslog);
    close_file(poslog);
    answer(poslog, refused ? TW_FILE_REFUSED : TW_FILE_ACCEPTED, refused ? poslog->why.text : NULL);
}

// P1: the file is put away when everything of it is durable, and not before. Whatever failed, it stays.
static void settle(struct tw_lane_poslog *poslog)
{
    if (poslog->reader == NULL) {
        return;
    }
    bool over = poslog->over || poslog->error != TW_OK;
    if (over && poslog->flying == 0) {
        if (poslog->error != TW_OK) {
            close_file(poslog);
            answer(poslog, TW_FILE_LATER, NULL);
        } else if (poslog->unfinished) {
            close_file(poslog);
            answer(poslog, TW_FILE_UNFINISHED, NULL);
        } else {
            put_away(poslog);
        }
    } else if (!over && poslog->held && poslog->flying <= TW_LANE_POSLOG_FLYING / 2) {
        poslog->held = false;
        answer(poslog, TW_FILE_MORE, NULL);
    }
}

// ---- transactions ----

static void launch(struct tw_poslog_flight *flight);

static const char *result_of(const struct tw_poslog_flight *flight)
{
    return flight->result.outcome == TW_OUTCOME_REPEAT ? "repeat"
           : flight->sale == NULL                      ? "unparsed"
                                                       : "sale";
}

static void landed(void *ctx)
{
    struct tw_poslog_flight *flight = ctx;
    struct tw_lane_poslog *poslog = flight->poslog;
    int error = flight->result.error;
    if (error != TW_OK && flight->tells) {
        poslog->drift = (struct tw_poslog_drift){0};
    }
    if (error != TW_OK && !poslog->lane->closing && tw_poslog_flight_again(flight, error)) {
        launch(flight);
        return;
    }
    if (error != TW_OK || flight->result.outcome != TW_OUTCOME_NEW) {
        tw_identity_give_back(poslog->lane, &flight->taken);
    }
    if (error == TW_OK) {
        tw_metrics_add(poslog->lane->with.metrics, TW_METRIC_POSLOG_TRANSACTIONS, poslog->config->name,
                       result_of(flight), 1);
    }
    bool is_ours = flight->file == poslog->file;
    tw_poslog_flight_free(flight);
    if (is_ours) {
        poslog->flying--;
        poslog->error = poslog->error != TW_OK ? poslog->error : error;
        settle(poslog);
    }
}

// On the journal's thread.
static void on_result(void *ctx, const struct tw_journal_result *result)
{
    struct tw_poslog_flight *flight = ctx;
    flight->result = *result;
    tw_loop_hand(flight->poslog->lane->with.loop, &flight->post, landed, flight);
}

// Its answer comes later in any case.
static void launch(struct tw_poslog_flight *flight)
{
    struct tw_lane_poslog *poslog = flight->poslog;
    struct tw_batch *batch = NULL;
    int rc = poslog->lane->closing
                 ? TW_ERR_CLOSED
                 : tw_poslog_flight_batch(poslog->lane, poslog->config, flight, &poslog->drift, &batch);
    if (rc == TW_OK) {
        rc = tw_journal_submit(poslog->lane->with.journal, batch, on_result, flight);
    }
    if (rc != TW_OK) {
        flight->result = (struct tw_journal_result){.error = rc};
        tw_loop_hand(poslog->lane->with.loop, &flight->post, landed, flight);
    }
}

// What stands for a file that has no text: two of them are two (P7).
static struct tw_slice head_of(struct tw_lane_poslog *poslog)
{
    const struct tw_guard guard = tw_scan_guard(poslog->lane->with.rules);
    (void)tw_guard_mask(&guard, (char *)poslog->head.ptr, poslog->head.len);
    return tw_buf_slice(&poslog->head);
}

static void wipe_head(struct tw_lane_poslog *poslog)
{
    if (poslog->head.len > 0) {
        tw_seal_wipe(poslog->head.ptr, poslog->head.len); // may hold card numbers (P6)
    }
    tw_buf_clear(&poslog->head);
}

static void on_fact(void *ctx, struct tw_poslog_fact *fact)
{
    struct tw_lane_poslog *poslog = ctx;
    struct tw_metrics *metrics = poslog->lane->with.metrics;
    if (poslog->error != TW_OK) {
        return; // all of it is read again
    }
    if (fact->masked > 0) {
        tw_metrics_add(metrics, TW_METRIC_GUARD_MASKED, NULL, NULL, fact->masked);
    }
    if (fact->kind == TW_POSLOG_OTHER) {
        tw_metrics_add(metrics, TW_METRIC_POSLOG_TRANSACTIONS, poslog->config->name, "other", 1);
        return;
    }
    if (poslog->open && fact->kind == TW_POSLOG_UNPARSED && strcmp(fact->reason, "truncated") == 0) {
        poslog->unfinished = true; // nothing is wrong yet
        return;
    }
    if (fact->text.len == 0) {
        fact->text = head_of(poslog);
    }
    struct tw_poslog_flight *flight = tw_poslog_flight_new(poslog->lane, fact);
    if (flight == NULL) {
        poslog->error = TW_ERR_NOMEM;
        return;
    }
    flight->poslog = poslog;
    flight->file = poslog->file;
    poslog->flying++;
    launch(flight);
}

// ---- the folder ----

void tw_lane_poslog_begin(struct tw_lane_poslog *poslog, const struct tw_device_file *file)
{
    const struct tw_poslog_options options = {.currency = poslog->lane->with.config->currency,
                                              .rules = poslog->lane->with.rules,
                                              .on_fact = on_fact,
                                              .ctx = poslog};
    close_file(poslog);
    poslog->held = poslog->over = poslog->refused = poslog->unfinished = false;
    poslog->open = file->open;
    wipe_head(poslog);
    (void)tw_buf_reserve(&poslog->head, 2 * HEAD_BYTES); // at once, so that no copy is left behind
    tw_buf_printf(&poslog->head, "%s\n%llu\n", file->name, (unsigned long long)file->bytes);
    poslog->error = TW_OK;
    poslog->drift.store_told = poslog->drift.workstation_told = false;
    poslog->waiting = file->waiting;
    count_files(poslog);
    if (tw_poslog_new(&options, &poslog->reader) != TW_OK) {
        answer(poslog, TW_FILE_LATER, NULL);
    }
}

static void take_outcome(struct tw_lane_poslog *poslog, int rc)
{
    if (rc == TW_ERR_DAMAGED) {
        poslog->refused = poslog->over = true;
    } else if (rc != TW_OK) {
        poslog->error = rc;
    }
}

bool tw_lane_poslog_bytes(struct tw_lane_poslog *poslog, struct tw_slice bytes)
{
    if (poslog->reader == NULL || poslog->over || poslog->error != TW_OK) {
        return false;
    }
    if (poslog->head.len < HEAD_BYTES) {
        size_t room = HEAD_BYTES - poslog->head.len;
        tw_buf_add(&poslog->head, bytes.ptr, bytes.len < room ? bytes.len : room);
    }
    take_outcome(poslog, tw_poslog_feed(poslog->reader, bytes, &poslog->why));
    poslog->held = poslog->over || poslog->error != TW_OK || poslog->flying >= TW_LANE_POSLOG_FLYING;
    if (poslog->held) {
        settle(poslog);
    }
    return !poslog->held;
}

void tw_lane_poslog_end(struct tw_lane_poslog *poslog, bool whole)
{
    if (poslog->reader == NULL) {
        return;
    }
    if (!whole) {
        close_file(poslog);
        return;
    }
    if (!poslog->over && poslog->error == TW_OK) {
        take_outcome(poslog, tw_poslog_finish(poslog->reader, &poslog->why));
    }
    poslog->over = true;
    settle(poslog);
}

void tw_lane_poslog_lost(struct tw_lane_poslog *poslog)
{
    close_file(poslog);
}

// ---- life ----

int tw_lane_poslog_new(struct tw_lane *lane, const struct tw_device_config *config,
                       struct tw_lane_poslog **out)
{
    struct tw_lane_poslog *poslog = calloc(1, sizeof *poslog);
    if (poslog == NULL) {
        return TW_ERR_NOMEM;
    }
    poslog->lane = lane;
    poslog->config = config;
    *out = poslog;
    return TW_OK;
}

void tw_lane_poslog_free(struct tw_lane_poslog *poslog)
{
    wipe_head(poslog);
    tw_buf_free(&poslog->head);
    tw_poslog_free(poslog->reader);
    free(poslog);
}

struct tw_lane_poslog *tw_lane_poslog_named(const struct tw_lane *lane, const char *device)
{
    for (size_t i = 0; i < lane->poslog_count; i++) {
        if (strcmp(lane->poslogs[i]->config->name, device) == 0) {
            return lane->poslogs[i];
        }
    }
    return NULL;
}

void tw_lane_poslog_attach(struct tw_lane_poslog *poslog, struct tw_lane_device *device)
{
    poslog->device = device;
    if (device == NULL) {
        close_file(poslog);
    }
}

tw_json *tw_lane_poslog_files(const struct tw_lane_poslog *poslog)
{
    return poslog == NULL ? tw_json_pack("n")
                          : tw_json_pack("{s:I, s:I, s:I}", "done", (int64_t)poslog->done, "failed",
                                         (int64_t)poslog->failed, "waiting", (int64_t)poslog->waiting);
}
