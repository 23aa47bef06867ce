// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "tests/sim/agent_parts.h"
#include "tests/sim/books.h"
#include "tests/sim/faults.h"
#include "tests/sim/line.h"
#include "tests/sim/machine.h"
#include "tests/sim/till.h"

#define REST_MS   2000 // as in journal.c
#define THOROUGH  15   // of so many rests one is thorough
#define AGAIN_MS  250
#define SCAN_ROWS 256

// ---- the journal against the books ----

void sim_writer_scan(struct sim *sim)
{
    struct tw_store *store = sim->agent->store;
    const struct tw_outbox_state *state = tw_store_state(store);
    unsigned number = sim_books_scan(sim);
    uint64_t limit = tw_outbox_send_limit(state);
    uint64_t end = state->next - 1 > limit ? limit + 1 : state->next; // no further may be read
    for (uint64_t from = state->start.through + 1; from < end;) {
        struct tw_rows *rows = NULL;
        int rc = tw_store_read(store, from, SCAN_ROWS, &rows);
        if (rc != TW_OK) {
            sim_broken(sim, "P1", "the journal cannot be read from sequence %" PRIu64 " on: %s", from,
                       tw_err_name(rc));
        }
        from = rows != NULL ? rows->rows[rows->count - 1].sequence + 1 : end;
        for (size_t i = 0; rows != NULL && i < rows->count; i++) {
            uint32_t row = sim_books_row(sim, rows->epoch, &rows->rows[i]);
            sim_books_entry(sim->books, sim_books_get(sim->books, row)->event)->scan = number;
        }
        tw_rows_free(rows);
    }
    sim_books_scanned(sim, number, state->next - end);
}

static void check_journal(struct sim *sim, const struct tw_outbox_state *before)
{
    const struct tw_outbox_state *now = tw_store_state(sim->agent->store);
    if (strcmp(before->start.epoch, now->start.epoch) != 0) {
        sim_say(sim, "epoch %s begins with %" PRIu64 " events", now->start.epoch, now->next - 1);
        sim_writer_scan(sim);
        return;
    }
    if (now->next < before->next || now->start.through < before->start.through) {
        sim_broken(sim, "P4", "the journal went back from %" PRIu64 "/%" PRIu64 " to %" PRIu64 "/%" PRIu64,
                   before->start.through, before->next, now->start.through, now->next);
    }
    sim_books_left(sim, now->start.epoch, before->start.through + 1, now->start.through);
}

// ---- groups ----

static void enter_events(struct sim *sim, struct sim_op *op)
{
    uint32_t sale = op->kind == BATCH ? sim_till_sale_of(sim->till, op->ticket) : SIM_NONE;
    for (size_t i = 0; op->batch != NULL && i < op->batch->count; i++) {
        const struct tw_batch_event *event = &op->batch->events[i];
        if (!event->written) {
            continue;
        }
        uint32_t entry =
            sim_books_written(sim, event->id, event->type, i == op->batch->sale ? sale : SIM_NONE);
        op->first_event = op->events++ == 0 ? entry : op->first_event;
        if (op->kind == BATCH && i == op->batch->sale) {
            sim_till_wrote(sim->till, op->ticket, entry);
        }
    }
}

// Outside of the group; in memory at once.
static void acknowledge(struct sim *sim, struct sim_op *op)
{
    struct tw_store *store = sim->agent->store;
    struct tw_outbox_state before = *tw_store_state(store);
    op->result.error = sim->agent->owes ? TW_ERR_AGAIN
                                        : tw_store_acknowledge(store, op->epoch, op->sequence,
                                                               op->has_head ? op->head : NULL);
    if (!fault_disk_is_dead(sim_machine_disk(sim->machine))) {
        check_journal(sim, &before);
    }
}

static void run_op(struct sim *sim, struct sim_op *op)
{
    struct tw_store *store = sim->agent->store;
    switch (op->kind) {
    case BATCH:
        tw_store_batch(store, op->batch, &op->result);
        break;
    case ACKNOWLEDGE: // before the group
        return;
    case REJECT:
        op->result.error = tw_store_reject(store, op->epoch, op->sequence, "poison", op->refused, &op->batch);
        sim->agent->owes = sim->agent->owes || op->result.error != TW_OK;
        sim_say(sim, "the journal rejects %" PRIu64 ": %s%s", op->sequence, tw_err_name(op->result.error),
                op->batch != NULL ? ", with a gap" : "");
        break;
    case RESYNC:
        op->result.error = tw_store_resync(store, op->sequence, &op->resync, &op->batch);
        break;
    }
    enter_events(sim, op);
}

static void settle_op(struct sim *sim, struct sim_op *op, int rc)
{
    if (op->kind == ACKNOWLEDGE) {
        return;
    }
    if (rc != TW_OK) {
        op->result = (struct tw_journal_result){.error = rc};
        sim->agent->owes = sim->agent->owes || op->kind == REJECT;
        if (op->kind == REJECT && op->events > 0) {
            sim_books_refused(sim, op->epoch, op->sequence, op->first_event, false);
        }
        return;
    }
    for (uint32_t i = 0; i < op->events && op->result.error == TW_OK; i++) {
        sim_books_sure(sim, op->first_event + i);
    }
    if (op->kind == REJECT && op->result.error == TW_OK) {
        sim_books_refused(sim, op->epoch, op->sequence, op->events > 0 ? op->first_event : SIM_NONE, true);
    }
}

// A reject names a number: the books must know which event that is.
static void look_up_rejects(struct sim *sim, size_t first, size_t end)
{
    const struct tw_outbox_state *state = tw_store_state(sim->agent->store);
    for (size_t i = first; i < end; i++) {
        const struct sim_op *op = &sim->agent->running.list[i];
        if (op->kind == REJECT && op->sequence > state->start.through && op->sequence < state->next &&
            strcmp(op->epoch, state->start.epoch) == 0 && !sim_books_has(sim, op->epoch, op->sequence)) {
            sim_writer_scan(sim);
        }
    }
}

static bool is_due(const struct sim *sim)
{
    const struct tw_clock *clock = sim_machine_clock(sim->machine);
    return clock->monotonic_ms(clock) >= tw_store_due_ms(sim->agent->store);
}

static void run_group(struct sim *sim, size_t first, size_t end)
{
    struct sim_agent *agent = sim->agent;
    struct tw_outbox_state before = *tw_store_state(agent->store);
    look_up_rejects(sim, first, end);
    int rc = tw_store_begin(agent->store);
    if (rc == TW_OK) {
        for (size_t i = first; i < end; i++) {
            run_op(sim, &agent->running.list[i]);
        }
        rc = tw_store_commit(agent->store);
    }
    for (size_t i = first; i < end; i++) {
        settle_op(sim, &agent->running.list[i], rc);
    }
    sim_say(sim, "the journal commits %zu: %s", end - first, tw_err_name(rc));
    if (!fault_disk_is_dead(sim_machine_disk(sim->machine))) {
        check_journal(sim, &before);
    }
}

// Runs what can go together, as journal.c does; gives where the rest begins. An acknowledgement waits for a
// rejection before it, since `through` includes what was rejected.
static size_t run_some(struct sim *sim, size_t first)
{
    struct sim_ops *ops = &sim->agent->running;
    size_t end = first;
    bool group = false;
    bool rejected = false;
    for (; end < ops->count && !(rejected && ops->list[end].kind == ACKNOWLEDGE); end++) {
        rejected = rejected || ops->list[end].kind == REJECT;
        group = group || ops->list[end].kind != ACKNOWLEDGE;
        if (ops->list[end].kind == ACKNOWLEDGE) {
            acknowledge(sim, &ops->list[end]);
        }
    }
    if (group || is_due(sim)) {
        run_group(sim, first, end);
    }
    return end;
}

// ---- the writer's turns ----

void sim_writer_forget(struct sim_ops *ops)
{
    for (size_t i = 0; i < ops->count; i++) {
        tw_batch_free(ops->list[i].batch);
    }
    ops->count = 0;
}

void sim_writer_serve(struct sim *sim)
{
    struct sim_agent *agent = sim->agent;
    struct tw_rows *rows = NULL;
    bool known = strcmp(agent->read_epoch, tw_store_state(agent->store)->start.epoch) == 0;
    int rc = agent->read_from > 0
                 ? tw_store_read(agent->store, known ? agent->read_from : 0, agent->read_rows, &rows)
                 : TW_OK;
    if (rc != TW_OK && !sim_faults_disk(sim->faults)) {
        sim_broken(sim, "P1", "the journal cannot be read: %s", tw_err_name(rc));
    }
    if (rows != NULL) {
        agent->read_from = 0;
        memcpy(agent->read_epoch, rows->epoch, sizeof agent->read_epoch);
        sim_line_rows(sim, rows, agent->question);
    }
}

static bool has_died(struct sim *sim)
{
    bool died = fault_disk_is_dead(sim_machine_disk(sim->machine));
    if (died && sim->agent->power) {
        sim_agent_power(sim, sim_faults_down_ms(sim, true));
    } else if (died) {
        sim_agent_kill(sim, sim_faults_down_ms(sim, false));
    }
    return died;
}

static void tell_op(struct sim *sim, struct sim_op *op)
{
    if (op->kind == BATCH) {
        sim_till_told(sim, op->ticket, &op->result);
    } else if (op->kind == RESYNC && op->result.error == TW_OK && op->resync == TW_RESYNC_READ) {
        sim_line_resync(sim, op->sequence);
    } else if (op->result.error == TW_OK) {
        sim_line_settled(sim);
    }
}

static void idle(struct sim *sim, const struct sim_note *note);

// The sooner of a rest, once after work, and of what is due; a saving that is overdue has failed, and is
// tried again after a while.
static void plan_idle(struct sim *sim)
{
    struct sim_agent *agent = sim->agent;
    const struct tw_clock *clock = sim_machine_clock(sim->machine);
    int64_t due_ms = tw_store_due_ms(agent->store);
    int64_t wait_ms = due_ms != INT64_MAX ? due_ms - clock->monotonic_ms(clock) : INT64_MAX;
    wait_ms = wait_ms > 0 ? wait_ms : AGAIN_MS;
    if (agent->rested != agent->writes && wait_ms > REST_MS) {
        agent->rested = agent->writes;
        wait_ms = REST_MS;
    }
    if (wait_ms != INT64_MAX) {
        sim_plan(sim, wait_ms, idle, (struct sim_note){agent->life, agent->writes, ++agent->idles});
    }
}

// Time passes without work: what is due is saved, then the store rests.
static void idle(struct sim *sim, const struct sim_note *note)
{
    struct sim_agent *agent = sim->agent;
    if (note->a != agent->life || note->b != agent->writes || note->c != agent->idles || agent->busy) {
        return;
    }
    if (is_due(sim)) {
        run_group(sim, 0, 0);
    } else {
        (void)!tw_store_rest(agent->store, sim_below(sim, THOROUGH) == 0); // what fails is tried again later
    }
    if (!has_died(sim)) {
        plan_idle(sim);
    }
}

// What could not be stored is tried again, before everything else.
static bool pay_rejects(struct sim *sim)
{
    struct sim_agent *agent = sim->agent;
    struct sim_ops *ops = &agent->waiting;
    bool owed = agent->owes;
    agent->owes = false;
    for (size_t i = agent->running.count; i > 0; i--) {
        const struct sim_op *op = &agent->running.list[i - 1];
        if (op->kind == REJECT && op->result.error != TW_OK) {
            ops->list = sim_grow(ops->list, ops->count, &ops->cap, sizeof *ops->list);
            memmove(ops->list + 1, ops->list, ops->count++ * sizeof *ops->list);
            ops->list[0] = (struct sim_op){.kind = REJECT, .sequence = op->sequence, .refused = op->refused};
            memcpy(ops->list[0].epoch, op->epoch, sizeof op->epoch);
        }
    }
    return owed;
}

static void told(struct sim *sim, const struct sim_note *note)
{
    struct sim_agent *agent = sim->agent;
    if (note->a != agent->life || agent->store == NULL) {
        return;
    }
    for (size_t i = 0; i < agent->running.count; i++) {
        tell_op(sim, &agent->running.list[i]);
    }
    bool owed = pay_rejects(sim);
    sim_writer_forget(&agent->running);
    agent->busy = false;
    sim_writer_serve(sim);
    if (owed) {
        sim_plan(sim, AGAIN_MS, sim_writer_turn, *note);
    } else if (agent->waiting.count > 0) {
        sim_writer_turn(sim, note);
    } else {
        plan_idle(sim);
    }
}

void sim_writer_turn(struct sim *sim, const struct sim_note *note)
{
    struct sim_agent *agent = sim->agent;
    if (note->a != agent->life || agent->store == NULL || agent->busy || agent->waiting.count == 0) {
        return;
    }
    struct sim_ops taken = agent->waiting;
    agent->waiting = agent->running;
    agent->running = taken;
    agent->busy = true;
    agent->writes++;
    for (size_t at = 0; at < agent->running.count;) {
        at = run_some(sim, at);
    }
    if (!has_died(sim)) {
        int64_t takes_ms = sim_between(sim, 0, sim->weather.commit_ms);
        sim_plan(sim, takes_ms, told, (struct sim_note){.a = agent->life});
    }
}
