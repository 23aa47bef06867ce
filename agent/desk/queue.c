// SPDX-License-Identifier: Apache-2.0
//
// What waits for the centre, and what it will not take; on the control socket only:
//   GET  /v1/queue          counts, and where the queue stands
//   GET  /v1/queue/dead     the dead letters: after=N, limit=M, and data=1 for what is in them
//   POST /v1/queue/retry    {"number"} or {"all": true}: queues dead letters again
//   POST /v1/queue/resync   {"from"}: sends again from there on
// All but the first ask the journal and wait for it, on the worker's thread.
#include <inttypes.h>

#include "agent/desk/routes.h"
#include "agent/desk/worker.h"
#include "tillwire/event.h"

#define LETTERS       100 // an answer has, unless asked for another number
#define LETTERS_MAX   1000
#define LETTERS_BYTES (1024 * 1024) // an answer ends with the letter that passes this

// A question to the journal under way.
struct errand {
    struct tw_job job;
    struct tw_request *request;
    struct tw_journal *journal;
    struct tw_uplink *uplink;
    uint64_t number; // after which letter; which letter, 0: all; from which sequence
    uint64_t limit;
    bool data;
    int error;
    uint64_t count; // letters written; events queued again
    uint64_t last;  // letter written
    bool more;
    enum tw_resync outcome;
    struct tw_buf body;
};

// ---- GET /v1/queue ----

static void write_time(struct tw_buf *out, const char *name, int64_t time_ms)
{
    char text[25];
    if (time_ms > 0) {
        tw_event_time(time_ms, text);
        tw_buf_printf(out, ",\"%s\":\"%s\"", name, text);
    } else {
        tw_buf_printf(out, ",\"%s\":null", name);
    }
}

bool tw_desk_is_full(const struct tw_journal_stats *stats)
{
    return stats->full || stats->last_error == TW_ERR_FULL;
}

void tw_desk_write_queue(const struct tw_journal_stats *stats, int64_t wall_ms, struct tw_buf *out)
{
    tw_buf_printf(out, "\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"oldest_s\":", stats->queued_events,
                  stats->queued_bytes);
    if (stats->oldest_ms > 0) {
        int64_t age_ms = wall_ms > stats->oldest_ms ? wall_ms - stats->oldest_ms : 0;
        tw_buf_printf(out, "%" PRId64, age_ms / 1000);
    } else {
        tw_buf_add_text(out, "null");
    }
    tw_buf_printf(out, ",\"dead_letters\":%" PRIu64 ",\"full\":%s,\"dropped\":%" PRIu64, stats->dead_letters,
                  tw_desk_is_full(stats) ? "true" : "false", stats->dropped);
}

void tw_desk_queue(struct tw_request *request)
{
    const struct tw_desk_options *with = &request->desk->with;
    struct tw_journal_stats stats;
    struct tw_buf body = {0};
    tw_journal_stats(with->journal, &stats);
    tw_buf_add_text(&body, "{");
    tw_desk_write_queue(&stats, with->clock->wall_ms(with->clock), &body);
    write_time(&body, "oldest", stats.oldest_ms);
    tw_buf_printf(&body,
                  ",\"epoch\":\"%s\",\"next_sequence\":%" PRIu64 ",\"through\":%" PRIu64
                  ",\"send_limit\":%" PRIu64 "}",
                  stats.epoch, stats.next_sequence, stats.through, stats.send_limit);
    tw_request_answer(request, MHD_HTTP_OK, "application/json", &body);
}

// ---- errands ----

static void free_errand(struct errand *errand)
{
    if (errand->body.ptr != NULL) { // what is left holds what nobody was told
        explicit_bzero(errand->body.ptr, errand->body.cap);
    }
    tw_buf_free(&errand->body);
    free(errand);
}

// Sends the errand off; the request is answered later, or now with what went wrong.
static void send_off(struct tw_request *request, const struct errand *asked, tw_loop_fn *work,
                     tw_loop_fn *done)
{
    struct errand *errand = malloc(sizeof *errand);
    if (errand == NULL) {
        tw_request_failed(request, TW_ERR_NOMEM);
        return;
    }
    *errand = *asked;
    errand->request = request;
    errand->journal = request->desk->with.journal;
    errand->uplink = request->desk->with.uplink;
    errand->job = (struct tw_job){.work = work, .done = done, .ctx = errand};
    tw_request_keep(request);
    int rc = tw_worker_do(request->desk->worker, &errand->job);
    if (rc != TW_OK) {
        tw_request_failed(request, rc);
        tw_request_release(request);
        free_errand(errand);
    }
}

// The outcome of an errand that is back.
static int outcome_of(const struct errand *errand)
{
    return errand->job.ran ? errand->error : TW_ERR_CLOSED;
}

static void end_errand(struct errand *errand)
{
    tw_request_release(errand->request);
    free_errand(errand);
}

// ---- GET /v1/queue/dead ----

static void write_letter(const struct tw_dead_letter *letter, bool data, struct tw_buf *out)
{
    const char *type = tw_event_type_name(letter->type);
    tw_buf_printf(out, "{\"number\":%" PRIu64 ",\"epoch\":\"%s\",\"sequence\":%" PRIu64 ",\"type\":",
                  letter->number, letter->epoch, letter->sequence);
    if (type != NULL) {
        tw_buf_printf(out, "\"%s\"", type);
    } else {
        tw_buf_add_text(out, "null");
    }
    tw_buf_printf(out, ",\"id\":\"%s\",\"source\":", letter->id);
    tw_json_dump_text(tw_slice_of(letter->source), out);
    write_time(out, "time", letter->time_ms);
    write_time(out, "rejected", letter->rejected_ms);
    tw_buf_add_text(out, ",\"reason\":");
    tw_json_dump_text(tw_slice_of(letter->reason), out);
    if (data) {
        tw_buf_add_text(out, ",\"data\":");
        tw_buf_add(out, letter->data.ptr, letter->data.len);
    }
    tw_buf_add_text(out, "}");
}

// On the journal's thread.
static int take_letter(void *ctx, const struct tw_dead_letter *letter)
{
    struct errand *errand = ctx;
    if (errand->count == errand->limit || errand->body.len > LETTERS_BYTES) {
        errand->more = true;
        return TW_ERR_AGAIN;
    }
    tw_buf_add_text(&errand->body, errand->count > 0 ? "," : "");
    write_letter(letter, errand->data, &errand->body);
    errand->count++;
    errand->last = letter->number;
    return TW_OK;
}

static void read_letters(void *ctx)
{
    struct errand *errand = ctx;
    tw_buf_add_text(&errand->body, "{\"letters\":[");
    errand->error = tw_journal_dead_letters(errand->journal, errand->number, (size_t)errand->limit + 1,
                                            take_letter, errand);
    if (errand->more) { // ended by take_letter
        errand->error = TW_OK;
        tw_buf_printf(&errand->body, "],\"next\":%" PRIu64 "}", errand->last);
    } else {
        tw_buf_add_text(&errand->body, "],\"next\":null}");
    }
}

static void answer_letters(void *ctx)
{
    struct errand *errand = ctx;
    int rc = outcome_of(errand);
    if (rc != TW_OK) {
        tw_request_failed(errand->request, rc);
    } else {
        tw_request_answer(errand->request, MHD_HTTP_OK, "application/json", &errand->body);
    }
    end_errand(errand);
}

void tw_desk_dead(struct tw_request *request)
{
    const char *data = tw_request_query(request, "data");
    struct errand asked = {.limit = LETTERS, .data = data != NULL && strcmp(data, "1") == 0};
    if (!tw_request_query_number(request, "after", 0, UINT64_C(1) << 53, &asked.number) ||
        !tw_request_query_number(request, "limit", 1, LETTERS_MAX, &asked.limit)) {
        return;
    }
    send_off(request, &asked, read_letters, answer_letters);
}

// ---- POST /v1/queue/retry ----

// On the journal's thread. Another letter than was asked for: that one has gone meanwhile.
static int note_source(void *ctx, const struct tw_dead_letter *letter)
{
    struct errand *errand = ctx;
    if (letter->number != errand->number) {
        return TW_OK;
    }
    tw_buf_printf(
        &errand->body,
        "it is of %s, which this terminal was before: set tenant, store and terminal back to send it "
        "again, or leave it; tillwire queue show shows it",
        letter->source);
    return TW_OK;
}

static void retry(void *ctx)
{
    struct errand *errand = ctx;
    errand->error = tw_journal_retry(errand->journal, errand->number, &errand->count);
    if (errand->error == TW_ERR_NOT_FOUND && errand->number == 0) { // all of none
        errand->error = TW_OK;
    } else if (errand->error == TW_ERR_MISMATCH && errand->number != 0) {
        (void)!tw_journal_dead_letters(errand->journal, errand->number - 1, 1, note_source, errand);
    }
}

// To whoever asked for it: of an earlier source, or all there are.
static void refuse_retry(struct errand *errand)
{
    const char *words = "all there are, are of what this terminal was before; tillwire queue show NUMBER "
                        "names it: set tenant, store and terminal back to send them again";
    tw_buf_add(&errand->body, "", 1);
    if (errand->number != 0 && tw_buf_status(&errand->body) == TW_OK && errand->body.len > 1) {
        words = (const char *)errand->body.ptr;
    } else if (errand->number != 0) {
        words =
            "it is of what this terminal was before: set tenant, store and terminal back to send it again";
    }
    tw_request_problem(errand->request, TW_PROBLEM_OTHER_SOURCE, words, NULL);
}

static void answer_retry(void *ctx)
{
    struct errand *errand = ctx;
    int rc = outcome_of(errand);
    if (rc == TW_ERR_NOT_FOUND) {
        tw_request_problem(errand->request, TW_PROBLEM_NOT_FOUND,
                           "there is no dead letter of this number; tillwire queue show lists them",
                           "/number");
    } else if (rc == TW_ERR_MISMATCH) {
        refuse_retry(errand);
    } else if (rc != TW_OK) {
        tw_request_failed(errand->request, rc);
    } else {
        tw_buf_printf(&errand->body, "{\"queued\":%" PRIu64 "}", errand->count);
        tw_request_answer(errand->request, MHD_HTTP_OK, "application/json", &errand->body);
    }
    end_errand(errand);
}

void tw_desk_retry(struct tw_request *request)
{
    struct errand asked = {0};
    if (!tw_request_object(request)) {
        return;
    }
    const tw_json *all = tw_json_get(request->json, "all");
    if (all != NULL && (!tw_json_is_true(all) || tw_json_get(request->json, "number") != NULL)) {
        tw_request_problem(request, TW_PROBLEM_FIELD, "all is true, or absent where there is a number",
                           "/all");
        return;
    }
    if (all == NULL && !tw_request_number(request, "number", &asked.number)) {
        return;
    }
    send_off(request, &asked, retry, answer_retry);
}

// ---- POST /v1/queue/resync ----

static void resync(void *ctx)
{
    struct errand *errand = ctx;
    errand->error = tw_journal_resync(errand->journal, errand->number, &errand->outcome);
    // A new epoch shows in the rows the uplink reads next; within the old one it has to go back.
    if (errand->error == TW_OK && errand->outcome == TW_RESYNC_READ && errand->uplink != NULL) {
        tw_uplink_resync(errand->uplink, errand->number);
    }
}

static void answer_resync(void *ctx)
{
    struct errand *errand = ctx;
    int rc = outcome_of(errand);
    if (rc == TW_ERR_INVALID) {
        tw_request_problem(errand->request, TW_PROBLEM_FIELD,
                           "the journal has not come so far; next_sequence of GET /v1/queue says how far",
                           "/from");
    } else if (rc != TW_OK) {
        tw_request_failed(errand->request, rc);
    } else {
        tw_buf_printf(&errand->body, "{\"renewed\":%s}",
                      errand->outcome == TW_RESYNC_RENEWED ? "true" : "false");
        tw_request_answer(errand->request, MHD_HTTP_OK, "application/json", &errand->body);
    }
    end_errand(errand);
}

void tw_desk_resync(struct tw_request *request)
{
    struct errand asked = {0};
    if (tw_request_object(request) && tw_request_number(request, "from", &asked.number)) {
        send_off(request, &asked, resync, answer_resync);
    }
}
