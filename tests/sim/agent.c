// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/agent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/agent_parts.h"
#include "tests/sim/books.h"
#include "tests/sim/faults.h"
#include "tests/sim/line.h"
#include "tests/sim/machine.h"
#include "tests/sim/till.h"

// ---- what others ask of it ----

static struct sim_op *add_op(struct sim *sim)
{
    struct sim_agent *agent = sim->agent;
    struct sim_ops *ops = &agent->waiting;
    ops->list = sim_grow(ops->list, ops->count, &ops->cap, sizeof *ops->list);
    ops->list[ops->count] = (struct sim_op){.ticket = SIM_NONE};
    if (!agent->busy) {
        sim_plan(sim, 0, sim_writer_turn, (struct sim_note){.a = agent->life});
    }
    return &ops->list[ops->count++];
}

bool sim_agent_submit(struct sim *sim, struct tw_batch *batch, uint32_t ticket)
{
    if (tw_batch_check(batch) != TW_OK) {
        sim_broken(sim, "P8", "a good batch was refused");
    }
    if (sim->agent->store == NULL) {
        tw_batch_free(batch);
        return false;
    }
    struct sim_op *op = add_op(sim);
    op->kind = BATCH;
    op->batch = batch;
    op->ticket = ticket;
    return true;
}

static void read_turn(struct sim *sim, const struct sim_note *note)
{
    if (note->a == sim->agent->life && sim->agent->store != NULL && !sim->agent->busy) {
        sim_writer_serve(sim);
    }
}

void sim_agent_read(struct sim *sim, uint64_t from, size_t max_rows, unsigned question)
{
    struct sim_agent *agent = sim->agent;
    agent->read_from = from;
    agent->read_rows = max_rows;
    agent->question = question;
    sim_plan(sim, 0, read_turn, (struct sim_note){.a = agent->life});
}

void sim_agent_acknowledge(struct sim *sim, const char *epoch, uint64_t through, const uint8_t *head)
{
    struct sim_op *op = add_op(sim);
    op->kind = ACKNOWLEDGE;
    memcpy(op->epoch, epoch, sizeof op->epoch);
    op->sequence = through;
    op->has_head = head != NULL;
    memcpy(op->head, head != NULL ? head : op->head, sizeof op->head);
    sim->figures->acknowledgements++;
}

void sim_agent_reject(struct sim *sim, const char *epoch, uint64_t sequence, bool refused)
{
    struct sim_op *op = add_op(sim);
    op->kind = REJECT;
    memcpy(op->epoch, epoch, sizeof op->epoch);
    op->sequence = sequence;
    op->refused = refused;
}

void sim_agent_resync(struct sim *sim)
{
    if (sim->agent->store != NULL) {
        struct sim_op *op = add_op(sim);
        op->kind = RESYNC;
        op->sequence = 1 + sim_below(sim, tw_store_state(sim->agent->store)->next);
        sim_say(sim, "the centre wants everything from %" PRIu64 " again", op->sequence);
    }
}

// ---- death and birth ----

static void start_again(struct sim *sim, const struct sim_note *note)
{
    if (note->a == sim->agent->life) {
        sim_agent_start(sim);
    }
}

// What the process held is gone; the disk keeps what its loss lets it.
static void end(struct sim *sim, bool power, int64_t down_ms)
{
    struct sim_agent *agent = sim->agent;
    struct fault_disk *disk = sim_machine_disk(sim->machine);
    agent->life++;
    agent->busy = agent->power = agent->owes = false;
    agent->read_from = 0;
    agent->read_epoch[0] = '\0';
    if (!fault_disk_is_dead(disk)) {
        fault_disk_cut_at(disk, 1); // closing must not tidy up
    }
    tw_store_close(agent->store);
    agent->store = NULL;
    tw_vault_free(agent->vault);
    tw_seal_free(agent->seal);
    agent->seal = NULL;
    agent->vault = NULL;
    sim_writer_forget(&agent->waiting);
    sim_writer_forget(&agent->running);
    fault_disk_restart(disk);
    if (power) {
        sim_machine_boot(sim);
    }
    sim_line_stop(sim);
    sim_till_agent_gone(sim);
    agent->put_back = sim_faults_while_down(sim) || agent->put_back;
    sim_plan(sim, down_ms, start_again, (struct sim_note){.a = agent->life});
}

void sim_agent_power(struct sim *sim, int64_t down_ms)
{
    if (sim->agent->store != NULL) {
        sim->figures->power_cuts++;
        sim_say(sim, "the power is cut for %" PRId64 " ms", down_ms);
        end(sim, true, down_ms);
    }
}

void sim_agent_kill(struct sim *sim, int64_t down_ms)
{
    if (sim->agent->store != NULL) {
        sim->figures->kills++;
        sim_say(sim, "the agent is killed");
        fault_disk_set_loss(sim_machine_disk(sim->machine), FAULT_LOSE_NONE);
        end(sim, false, down_ms);
    }
}

void sim_agent_doom(struct sim *sim, bool power, uint64_t steps)
{
    struct fault_disk *disk = sim_machine_disk(sim->machine);
    sim->agent->power = power;
    fault_disk_set_loss(disk, power ? (enum fault_loss)sim_below(sim, FAULT_LOSSES) : FAULT_LOSE_NONE);
    fault_disk_cut_at(disk, steps);
}

static int try_open(struct sim *sim, struct tw_error_text *err)
{
    struct sim_agent *agent = sim->agent;
    if (agent->seal == NULL && (tw_seal_new(&agent->seal, err) != TW_OK ||
                                tw_vault_load(agent->seal, agent->key, false, &agent->vault, err) != TW_OK)) {
        sim_fail(err->text);
    }
    const struct tw_journal_options options = {
        .path = agent->path,
        .source = "/sim/0042/07",
        .clock = sim_machine_clock(sim->machine),
        .seal = agent->seal,
        .vault = agent->vault,
        .max_bytes = sim->weather.quota_bytes,
        .merge = sim_till_merge,
    };
    return tw_store_open(&options, &agent->store, err);
}

// A start that is cut short, or finds no room, is tried again; any other refusal breaks P9.
static void open_failed(struct sim *sim, const struct tw_error_text *err)
{
    struct fault_disk *disk = sim_machine_disk(sim->machine);
    if (fault_disk_is_dead(disk)) {
        sim->figures->power_cuts++;
        sim_say(sim, "the power is cut while the agent starts");
    } else if (sim_faults_disk(sim->faults)) {
        sim_say(sim, "the agent does not start: %s", err->text);
    } else {
        sim_broken(sim, "P9", "the agent does not start: %s", err->text);
    }
    fault_disk_restart(disk); // what a failed sync left in memory only must not be found by the next start
    sim_plan(sim, 1000, start_again, (struct sim_note){.a = sim->agent->life});
}

void sim_agent_start(struct sim *sim)
{
    struct sim_agent *agent = sim->agent;
    struct tw_error_text err = {""};
    struct tw_journal_tap tap = {0};
    if (agent->store != NULL) {
        return;
    }
    if (try_open(sim, &err) != TW_OK) {
        open_failed(sim, &err);
        return;
    }
    const struct tw_outbox_state *state = tw_store_state(agent->store);
    sim_say(sim, "the agent starts: epoch %s, through %" PRIu64 ", next %" PRIu64, state->start.epoch,
            state->start.through, state->next);
    sim_books_opened(sim, state);
    sim_writer_scan(sim);
    if (tw_store_tap(agent->store, "printer", &tap) != TW_OK) {
        sim_broken(sim, "P1", "the tap's position cannot be read");
    }
    sim_line_start(sim);
    sim_till_agent_came(sim, &tap, agent->put_back);
    agent->put_back = false;
}

// ---- life ----

bool sim_agent_is_up(const struct sim_agent *agent)
{
    return agent->store != NULL;
}

const struct tw_outbox_state *sim_agent_state(const struct sim_agent *agent)
{
    return tw_store_state(agent->store);
}

bool sim_agent_is_drained(const struct sim_agent *agent)
{
    if (agent->store == NULL || agent->busy || agent->waiting.count > 0) {
        return false;
    }
    const struct tw_outbox_state *state = tw_store_state(agent->store);
    return state->start.through + 1 == state->next && state->saved == state->start.through;
}

struct sim_agent *sim_agent_new(const char *folder)
{
    struct sim_agent *agent = sim_have(calloc(1, sizeof *agent));
    (void)snprintf(agent->path, sizeof agent->path, "%s/journal.db", folder);
    (void)snprintf(agent->key, sizeof agent->key, "%s/journal.key", folder);
    return agent;
}

void sim_agent_free(struct sim *sim)
{
    struct sim_agent *agent = sim->agent;
    if (agent != NULL) {
        sim_writer_forget(&agent->waiting);
        sim_writer_forget(&agent->running);
        tw_store_close(agent->store);
        tw_vault_free(agent->vault);
        tw_seal_free(agent->seal);
        free(agent->waiting.list);
        free(agent->running.list);
        free(agent);
    }
}
