// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/till.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/agent.h"
#include "tests/sim/books.h"
#include "tests/sim/machine.h"
#include "tests/sim/plan.h"

struct sale {
    unsigned day, number;         // its key
    unsigned accepted, corrected; // as new, as corrections: what the agent said
    unsigned arrived, arrived_corrected;
    bool forgotten; // the journal lost its memory of it with a disk
};

struct told { // what an Idempotency-Key was answered with
    bool known;
    uint8_t id[16];
};

struct sim_till {
    struct sale *sales;
    size_t sale_count, sale_cap;
    struct sim_plan_request *requests; // of the day
    size_t request_count, request_cap;
    size_t open; // requests that were not accepted
    struct told *told;
    size_t told_cap;
    uint32_t *tap; // tickets of the receipts, as printed
    size_t tap_count, tap_cap;
    size_t tap_done; // acknowledged
    bool tap_out;    // the next one is with the agent
    uint64_t tap_base;
    uint64_t tap_durable; // what the journal knows at least
    struct tw_buf data;   // of the sale that is said
};

static const uint8_t tap_boot[16] = {0x42};

static void try_tap(struct sim *sim);
static void try_request(struct sim *sim, const struct sim_note *note);

// ---- what is said ----

static void key_of(const struct sale *sale, char out[40])
{
    (void)snprintf(out, 40, "0042/07/2026-11-%02u/%06u", 2 + sale->day, sale->number);
}

static void add_number(struct tw_buf *out, unsigned value)
{
    char digits[12];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    tw_buf_add(out, digits + at, sizeof digits - at);
}

// By hand, since printf would be a tenth of the simulation's time.
static void data_of(const char *key, unsigned number, unsigned revision, struct tw_buf *out)
{
    (void)tw_buf_reserve(out, 1024);
    tw_buf_add_text(out, "{\"transaction_id\":\"");
    tw_buf_add_text(out, key);
    tw_buf_add_text(out, "\",\"kind\":\"sale\",\"revision\":");
    add_number(out, revision);
    tw_buf_add_text(out, ",\"corrects\":null,\"currency\":\"EUR\",\"lines\":[");
    for (unsigned i = 0; i <= number % 3; i++) {
        tw_buf_add_text(out, i > 0 ? ",{\"n\":" : "{\"n\":");
        add_number(out, i + 1);
        tw_buf_add_text(
            out, ",\"kind\":\"item\",\"gtin\":\"4006381333931\",\"sku\":null,\"description\":\"ARTICLE ");
        add_number(out, number * 7 + i);
        tw_buf_add_text(out, "\",\"quantity\":\"1\",\"amount\":");
        add_number(out, number % 50 * 10 + 99);
        tw_buf_add_text(out, ",\"voided\":false}");
    }
    tw_buf_add_text(out, "],\"tenders\":[{\"type\":\"cash\",\"amount\":5000}],\"reconciled\":true}");
}

static void add_sale(struct sim *sim, const struct sim_plan_request *request, struct tw_batch *batch)
{
    const struct sale *sale = &sim->till->sales[request->sale];
    char key[40];
    struct tw_buf *data = &sim->till->data;
    key_of(sale, key);
    tw_buf_clear(data);
    data_of(key, sale->number, request->revision, data);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_buf_slice(data));
    if (sale->number % 8 == 0) {
        tw_batch_event(batch, TW_EVENT_COUPON_REDEEMED, "10000085477",
                       tw_slice_of("{\"code\":\"10000085477\",\"sale_id\":\"" TW_BATCH_SALE_ID "\"}"));
    }
}

static void add_identity(const struct sim_till *till, const struct sim_plan_request *request,
                         struct tw_batch *batch)
{
    if (request->kind == SIM_RECEIPT) {
        uint64_t offset = till->tap_base + till->tap_done + 1;
        tw_batch_tap(batch, "printer", tap_boot, offset, tw_slice_of("state"));
    } else {
        uint8_t body[32] = {(uint8_t)request->idempotency, (uint8_t)(request->idempotency >> 8)};
        char key[32];
        (void)snprintf(key, sizeof key, "request-%u", request->idempotency);
        tw_batch_idempotency(batch, key, body);
    }
}

static struct tw_batch *make_batch(struct sim *sim, uint32_t ticket)
{
    const struct sim_plan_request *request = &sim->till->requests[ticket];
    struct tw_batch *batch = sim_have(tw_batch_new());
    tw_batch_time(batch, sim_machine_clock(sim->machine));
    if (request->kind == SIM_SCAN) {
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "07", tw_slice_of("{\"scheme\":\"club\"}"));
    } else if (request->kind == SIM_DRIFT) {
        tw_batch_event(batch, TW_EVENT_CAPTURE_DRIFT, "printer", tw_slice_of("{\"what\":\"store\"}"));
    } else {
        add_sale(sim, request, batch);
    }
    add_identity(sim->till, request, batch);
    return batch;
}

// ---- saying it ----

static bool submit(struct sim *sim, uint32_t ticket)
{
    struct sim_plan_request *request = &sim->till->requests[ticket];
    request->event = SIM_NONE;
    request->out = sim_agent_submit(sim, make_batch(sim, ticket), ticket);
    return request->out;
}

static void try_tap_again(struct sim *sim, const struct sim_note *note)
{
    (void)note;
    try_tap(sim);
}

static void try_tap(struct sim *sim)
{
    struct sim_till *till = sim->till;
    if (!till->tap_out && till->tap_done < till->tap_count) {
        till->tap_out = submit(sim, till->tap[till->tap_done]); // else the agent asks when it comes
    }
}

static void again(struct sim *sim, uint32_t ticket)
{
    int64_t wait_ms = sim_between(sim, 200, 8000);
    if (sim->till->requests[ticket].kind == SIM_RECEIPT) {
        sim_plan(sim, wait_ms, try_tap_again, (struct sim_note){0});
    } else {
        sim_plan(sim, wait_ms, try_request, (struct sim_note){.a = ticket, .b = sim->day});
    }
}

static void try_request(struct sim *sim, const struct sim_note *note)
{
    uint32_t ticket = (uint32_t)note->a;
    struct sim_plan_request *request = &sim->till->requests[ticket];
    if (note->b == sim->day && !request->done && !request->out && !submit(sim, ticket)) {
        again(sim, ticket);
    }
}

static void happen(struct sim *sim, const struct sim_note *note)
{
    struct sim_till *till = sim->till;
    uint32_t ticket = (uint32_t)note->a;
    if (till->requests[ticket].kind == SIM_RECEIPT) {
        till->tap = sim_grow(till->tap, till->tap_count, &till->tap_cap, sizeof *till->tap);
        till->tap[till->tap_count++] = ticket;
        try_tap(sim);
    } else {
        try_request(sim, &(struct sim_note){.a = ticket, .b = sim->day});
    }
}

// ---- what is answered ----

static void close_request(struct sim *sim, uint32_t ticket)
{
    struct sim_till *till = sim->till;
    struct sim_plan_request *request = &till->requests[ticket];
    till->open -= !request->done;
    request->done = true;
    if (request->kind == SIM_RECEIPT) {
        till->tap_done++;
        till->tap_durable = till->tap_base + till->tap_done;
        try_tap(sim);
    }
}

static void check_repeat(struct sim *sim, const struct sim_plan_request *request,
                         const struct tw_journal_result *result)
{
    bool forgotten = request->sale != SIM_NONE && sim->till->sales[request->sale].forgotten;
    uint32_t event = sim_books_find(sim->books, result->id);
    if (event == SIM_NONE || sim_books_entry(sim->books, event)->sale != request->sale) {
        sim_broken(sim, "P3", "a repeat was answered with the id of another event");
    }
    if (!forgotten) {
        sim_books_sure(sim, event); // it may have been written when nobody was told
    }
    sim->figures->repeats++;
}

static void check_sale(struct sim *sim, const struct sim_plan_request *request,
                       const struct tw_journal_result *result)
{
    struct sale *sale = &sim->till->sales[request->sale];
    if (result->outcome == TW_OUTCOME_NEW) {
        if (sale->accepted > 0 && !sale->forgotten) {
            sim_broken(sim, "P3", "sale %u of day %u was accepted as new a second time", sale->number,
                       sale->day);
        }
        sale->accepted++;
        sim->figures->sales++;
        const struct tw_clock *clock = sim_machine_clock(sim->machine);
        // On an old disk and with a clock that was lost nothing tells the journal when this is.
        sale->forgotten = sale->forgotten ||
                          (sim_books_was_put_back(sim->books) && clock->trust(clock) == TW_CLOCK_SUSPECT);
    } else {
        sale->corrected++;
        sim->figures->corrections++;
    }
}

static void check_told(struct sim *sim, const struct sim_plan_request *request,
                       const struct tw_journal_result *result)
{
    struct told *told = &sim->till->told[request->idempotency];
    bool forgotten = sim_books_was_put_back(sim->books); // with the keys that came after the image
    if (told->known && !forgotten && memcmp(told->id, result->id, sizeof told->id) != 0) {
        sim_broken(sim, "P3", "an Idempotency-Key was answered with two ids");
    }
    told->known = true;
    memcpy(told->id, result->id, sizeof told->id);
}

void sim_till_told(struct sim *sim, uint32_t ticket, const struct tw_journal_result *result)
{
    struct sim_plan_request *request = &sim->till->requests[ticket];
    request->out = false;
    if (request->kind == SIM_RECEIPT) {
        sim->till->tap_out = false;
    }
    if (result->error == TW_ERR_MISMATCH || result->error == TW_ERR_INVALID ||
        result->error == TW_ERR_TOO_LARGE) {
        sim_broken(sim, "P8", "a good request was refused: %s", tw_err_name(result->error));
    }
    if (result->error != TW_OK) {
        again(sim, ticket);
        return;
    }
    if (result->outcome == TW_OUTCOME_REPEAT) {
        check_repeat(sim, request, result);
    } else if (request->sale != SIM_NONE) {
        check_sale(sim, request, result);
    }
    if (request->kind != SIM_RECEIPT) {
        check_told(sim, request, result);
    }
    close_request(sim, ticket);
}

void sim_till_agent_gone(struct sim *sim)
{
    struct sim_till *till = sim->till;
    till->tap_out = false;
    for (uint32_t i = 0; i < till->request_count; i++) {
        if (till->requests[i].out && till->requests[i].kind != SIM_RECEIPT) {
            till->requests[i].out = false;
            again(sim, i);
        }
    }
}

// The position is committed with the events that were made up to it: those are durable though nobody was
// told.
static void skip_receipt(struct sim *sim)
{
    struct sim_till *till = sim->till;
    struct sim_plan_request *request = &till->requests[till->tap[till->tap_done]];
    if (request->event != SIM_NONE) {
        sim_books_sure(sim, request->event);
        struct sale *sale = &till->sales[request->sale];
        enum tw_event_type type = sim_books_entry(sim->books, request->event)->type;
        sale->accepted += type == TW_EVENT_SALE_COMPLETED;
        sale->corrected += type == TW_EVENT_SALE_CORRECTED;
        sim->figures->sales += type == TW_EVENT_SALE_COMPLETED;
    }
    request->out = false;
    till->tap_out = true; // not yet: the agent is about to say where it is
    close_request(sim, till->tap[till->tap_done]);
    till->tap_out = false;
}

void sim_till_agent_came(struct sim *sim, const struct tw_journal_tap *tap, bool put_back)
{
    struct sim_till *till = sim->till;
    uint64_t done = till->tap_base + till->tap_done;
    uint64_t at = tap->known ? tap->offset : 0;
    till->tap_durable = put_back && at < till->tap_durable ? at : till->tap_durable;
    if (at < till->tap_durable) {
        sim_broken(sim, "P1",
                   "the tap was told %" PRIu64 " receipts are durable, the journal knows of %" PRIu64,
                   till->tap_durable, at);
    }
    if (at > done + 1 || (at > done && till->tap_done == till->tap_count)) {
        sim_broken(sim, "P1", "the journal knows of %" PRIu64 " receipts, %" PRIu64 " were printed", at,
                   till->tap_base + till->tap_count);
    }
    if (at > done) {
        skip_receipt(sim);
    }
    try_tap(sim);
}

uint32_t sim_till_sale_of(const struct sim_till *till, uint32_t ticket)
{
    return till->requests[ticket].sale;
}

void sim_till_wrote(struct sim_till *till, uint32_t ticket, uint32_t event)
{
    till->requests[ticket].event = event;
}

// ---- the day ----

static uint32_t new_sale(struct sim *sim, unsigned number)
{
    struct sim_till *till = sim->till;
    till->sales = sim_grow(till->sales, till->sale_count, &till->sale_cap, sizeof *till->sales);
    till->sales[till->sale_count] = (struct sale){.day = sim->day, .number = number};
    return (uint32_t)till->sale_count++;
}

void sim_till_day(struct sim *sim, unsigned sales)
{
    struct sim_till *till = sim->till;
    till->tap_base += till->tap_count;
    till->tap_count = till->tap_done = 0;
    till->request_count = 0;
    uint32_t first = (uint32_t)till->sale_count;
    for (unsigned i = 0; i < sales; i++) {
        (void)new_sale(sim, i + 1);
    }
    sim_plan_day(sim, first, sales, &till->requests, &till->request_count, &till->request_cap);
    till->open = till->request_count;
    while (till->told_cap <= sim->idempotency) {
        size_t before = till->told_cap;
        till->told = sim_grow(till->told, before, &till->told_cap, sizeof *till->told);
        memset(till->told + before, 0, (till->told_cap - before) * sizeof *till->told);
    }
    for (uint32_t i = 0; i < till->request_count; i++) {
        sim_plan(sim, till->requests[i].after_ms, happen, (struct sim_note){.a = i});
    }
}

int64_t sim_till_when(struct sim *sim)
{
    const struct sim_till *till = sim->till;
    return till->requests[sim_below(sim, till->request_count)].after_ms;
}

int64_t sim_till_last(const struct sim_till *till)
{
    int64_t last_ms = 0;
    for (size_t i = 0; i < till->request_count; i++) {
        last_ms = till->requests[i].after_ms > last_ms ? till->requests[i].after_ms : last_ms;
    }
    return last_ms;
}

bool sim_till_is_done(const struct sim_till *till)
{
    return till->open == 0;
}

size_t sim_till_open(const struct sim_till *till)
{
    return till->open;
}

// ---- for the books ----

void sim_till_forget(struct sim *sim, uint32_t sale)
{
    sim->till->sales[sale].forgotten = true;
}

void sim_till_arrived(struct sim *sim, uint32_t number, enum tw_event_type type)
{
    struct sale *sale = &sim->till->sales[number];
    sale->arrived += type == TW_EVENT_SALE_COMPLETED;
    sale->arrived_corrected += type == TW_EVENT_SALE_CORRECTED;
}

void sim_till_balance(struct sim *sim)
{
    for (size_t i = 0; i < sim->till->sale_count; i++) {
        const struct sale *sale = &sim->till->sales[i];
        if (sale->forgotten) {
            continue;
        }
        if (sale->arrived != 1) {
            sim_broken(sim, "P3", "sale %u of day %u is completed %u times at the centre", sale->number,
                       sale->day, sale->arrived);
        }
        if (sale->arrived_corrected < sale->corrected || sale->arrived_corrected > SIM_REVISIONS) {
            sim_broken(sim, "P3", "sale %u of day %u is corrected %u times at the centre, %u were accepted",
                       sale->number, sale->day, sale->arrived_corrected, sale->corrected);
        }
    }
}

// ---- merging ----

static unsigned revision_of(struct tw_slice data)
{
    static const char key[] = "\"revision\":";
    const char *at = data.len > 0 ? memmem(data.ptr, data.len, key, sizeof key - 1) : NULL;
    return at != NULL ? (unsigned)(at[sizeof key - 1] - '0') : 0;
}

int sim_till_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                   struct tw_buf *merged)
{
    static const char none[] = "\"corrects\":null";
    if (revision_of(new_data) <= revision_of(old_data)) {
        return 0;
    }
    const uint8_t *at = memmem(new_data.ptr, new_data.len, none, sizeof none - 1);
    if (at == NULL) {
        return TW_ERR_INVALID;
    }
    size_t before = (size_t)(at - new_data.ptr);
    size_t after = before + sizeof none - 1;
    tw_buf_add(merged, new_data.ptr, before);
    tw_buf_printf(merged, "\"corrects\":\"%s\"", old_id);
    tw_buf_add(merged, new_data.ptr + after, new_data.len - after);
    return 1;
}

// ---- life ----

struct sim_till *sim_till_new(void)
{
    struct sim_till *till = sim_have(calloc(1, sizeof *till));
    return till;
}

void sim_till_free(struct sim_till *till)
{
    if (till != NULL) {
        free(till->sales);
        free(till->requests);
        free(till->told);
        free(till->tap);
        tw_buf_free(&till->data);
        free(till);
    }
}
