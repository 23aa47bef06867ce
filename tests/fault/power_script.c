// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/power_script.h"

#include <inttypes.h>

#include "tests/fault/power_parts.h"

void script_init(struct script *script, struct fault_disk *disk, const char *path, struct tw_seal *seal,
                 struct tw_vault *vault, uint64_t seed)
{
    script->disk = disk;
    script->random = seed;
    manual_clock_init(&script->clock, INT64_C(1795338900123)); // 2026-11-22T09:15:00.123Z
    script->options = (struct tw_journal_options){
        .path = path,
        .source = "/acme/0042/07",
        .clock = &script->clock.clock,
        .seal = seal,
        .vault = vault,
        .merge = script_merge,
    };
    script->store = NULL;
    script->committing = false;
    script->grouped = 0;
    script->given_up = 0;
    script->faults = (struct world_faults){.missing = 0};
    script->error = TW_OK;
}

// ---- groups ----

// A sale that was tried again from the dead letters has a new id.
static void forget_sales(struct world *world)
{
    for (size_t i = 0; i < WORLD_SALES; i++) {
        memset(world->sales[i].id, 0, sizeof world->sales[i].id);
    }
}

static enum script_end begin(struct script *script)
{
    script->next = script->world;
    script->grouped = 0;
    script->committing = false;
    int rc = tw_store_begin(script->store);
    return rc == TW_OK ? SCRIPT_DONE : script_broken(script, rc);
}

// In an epoch of its own making the journal tells the new name only now.
static void learn_epoch(struct script *script)
{
    const struct tw_outbox_state *state = tw_store_state(script->store);
    if (script->world.renewed) {
        if (strcmp(script->world.epoch, state->start.epoch) == 0) {
            world_fault(&script->faults, &script->faults.disordered, "the epoch was to change");
        }
        memcpy(script->world.epoch, state->start.epoch, sizeof script->world.epoch);
        script->world.renewed = false;
    }
}

static enum script_end committed(struct script *script)
{
    struct tw_journal_stats stats;
    tw_store_stats(script->store, &stats);
    script->given_up = stats.dropped > script->given_up ? stats.dropped : script->given_up;
    script->committing = false;
    script->grouped = 0;
    script->world = script->next;
    learn_epoch(script);
    return script_checked(script);
}

static enum script_end commit(struct script *script)
{
    script->committing = true;
    int rc = tw_store_commit(script->store);
    if (rc != TW_OK) {
        return script_broken(script, rc);
    }
    return committed(script);
}

// Only what was read can have been acknowledged.
static uint64_t highest_read(const struct world *world)
{
    uint64_t highest = world->asked;
    for (size_t i = 0; i < world->count; i++) {
        bool passes = world->events[i].read || world->events[i].dead;
        if (world->events[i].sequence == highest + 1 && passes) {
            highest++;
        }
    }
    return highest;
}

static enum script_end acknowledge(struct script *script)
{
    struct world *world = &script->world;
    uint64_t highest = highest_read(world);
    if (highest == 0) {
        return SCRIPT_DONE;
    }
    // Mostly forward, sometimes one that was overtaken.
    uint64_t through = script_draw(script, 4) == 0 ? 1 + script_draw(script, highest) : highest;
    int rc = tw_store_acknowledge(script->store, world->epoch, through, NULL);
    if (rc == TW_OK) {
        world_acknowledge(world, through);
    }
    return rc == TW_OK ? SCRIPT_DONE : script_broken(script, rc);
}

// One in four by the broker: it never went out, so that a new epoch begins.
static enum script_end reject(struct script *script)
{
    struct world *next = &script->next;
    bool refused = script_draw(script, 4) == 0;
    uint64_t limit = tw_outbox_send_limit(tw_store_state(script->store)); // a broker saw none above it
    uint64_t highest = refused ? next->next - 1 : highest_read(&script->world);
    highest = highest < limit ? highest : limit;
    if (highest <= next->asked) {
        return SCRIPT_DONE;
    }
    uint64_t sequence = next->asked + 1 + script_draw(script, highest - next->asked);
    struct tw_batch *gap = NULL;
    int rc = tw_store_reject(script->store, next->epoch, sequence, "the centre says no", refused, &gap);
    if (rc == TW_OK && world_reject(next, sequence)) {
        if (refused) {
            world_renew(next);
        }
        if (gap != NULL) {
            world_write(next, gap, &script->faults);
        }
    } else if (gap != NULL) {
        world_fault(&script->faults, &script->faults.doubled, "a gap was written for nothing");
    }
    tw_batch_free(gap);
    return rc == TW_OK ? script_checked(script) : script_broken(script, rc);
}

static enum script_end resync(struct script *script)
{
    struct world *next = &script->next;
    uint64_t from = 1 + script_draw(script, next->next);
    enum tw_resync how = TW_RESYNC_READ;
    struct tw_batch *gap = NULL;
    int rc = tw_store_resync(script->store, from, &how, &gap);
    if (rc == TW_OK && (how == TW_RESYNC_RENEWED) != (from <= next->asked)) {
        world_fault(&script->faults, &script->faults.disordered,
                    "resync from %" PRIu64 " was answered with %d", from, (int)how);
    }
    if (rc == TW_OK && how == TW_RESYNC_RENEWED) {
        world_renew(next);
        world_write(next, gap, &script->faults);
    }
    tw_batch_free(gap);
    return rc == TW_OK ? script_checked(script) : script_broken(script, rc);
}

// One dead letter or all of them.
static int note_number(void *ctx, const struct tw_dead_letter *letter)
{
    *(uint64_t *)ctx = letter->number;
    return TW_OK;
}

static enum script_end retry(struct script *script)
{
    struct world *next = &script->next;
    if (next->dead_letters == 0) {
        return reject(script);
    }
    uint64_t number = 0;
    uint64_t count = 0;
    int rc =
        script_draw(script, 2) == 0
            ? TW_OK
            : tw_store_letters(script->store, 0, 1 + (size_t)script_draw(script, 3), note_number, &number);
    rc = rc != TW_OK ? rc : tw_store_retry(script->store, number, &count);
    if (rc == TW_OK && count != (number != 0 ? 1 : next->dead_letters)) {
        world_fault(&script->faults, &script->faults.missing,
                    "%" PRIu64 " dead letters were tried again of %" PRIu64, count, next->dead_letters);
    }
    if (rc == TW_OK && count > 0) {
        next->dead_letters -= count;
        next->letters_digest = 0;
        world_write_unknown(next, next->next + count);
        forget_sales(next);
    }
    return rc == TW_OK ? script_checked(script) : script_broken(script, rc);
}

// Acknowledgements are made durable with any group, also with an empty one.
static enum script_end nothing(struct script *script)
{
    (void)script;
    return SCRIPT_DONE;
}

static enum script_end group(struct script *script)
{
    uint64_t order = script_draw(script, 4); // 0: acknowledged before, 1: behind the batches
    uint64_t batches = 1 + script_draw(script, SCRIPT_GROUP);
    enum script_end end = order == 0 ? acknowledge(script) : SCRIPT_DONE;
    end = end == SCRIPT_DONE ? begin(script) : end;
    for (uint64_t i = 0; i < batches && end == SCRIPT_DONE; i++) {
        script->group[script->grouped] = script_plan(script);
        end = script_write(script, &script->group[script->grouped++]);
    }
    end = end == SCRIPT_DONE ? commit(script) : end;
    return end == SCRIPT_DONE && order == 1 ? acknowledge(script) : end;
}

static enum script_end alone(struct script *script, enum script_end (*what)(struct script *))
{
    enum script_end end = begin(script);
    end = end == SCRIPT_DONE ? what(script) : end;
    return end == SCRIPT_DONE ? commit(script) : end;
}

// An acknowledgement of another life: beyond the newest event, or with another hash for one that is queued.
static enum script_end renew(struct script *script)
{
    struct world *next = &script->next;
    uint8_t head[32] = {1};
    *next = script->world;
    bool ahead = script_draw(script, 2) == 0 || next->next - 1 <= next->asked;
    uint64_t through = ahead ? next->next + script_draw(script, 100) : next->next - 1;
    world_renew(next);
    script->committing = true;
    int rc = tw_store_acknowledge(script->store, next->epoch, through, ahead ? NULL : head);
    return rc == TW_OK ? committed(script) : script_broken(script, rc);
}

// ---- other steps ----

static enum script_end read_some(struct script *script)
{
    uint64_t from = script_draw(script, 2) == 0 ? 0 : 1 + script_draw(script, script->world.next);
    struct tw_rows *rows = NULL;
    int rc = tw_store_read(script->store, from, 1 + (size_t)script_draw(script, 200), &rows);
    if (rc == TW_OK && rows != NULL) {
        world_publish(&script->world, rows, &script->faults);
    }
    tw_rows_free(rows);
    return rc == TW_OK ? script_checked(script) : script_broken(script, rc);
}

static enum script_end checkpoint(struct script *script)
{
    int rc = tw_store_rest(script->store, script_draw(script, 2) == 0);
    return rc == TW_OK ? SCRIPT_DONE : script_broken(script, rc);
}

int script_open(struct script *script)
{
    struct tw_error_text err = {""};
    int rc = tw_store_open(&script->options, &script->store, &err);
    if (rc != TW_OK) {
        script->store = NULL;
        (void)snprintf(script->faults.text, sizeof script->faults.text, "%.199s", err.text);
        return rc;
    }
    return TW_OK;
}

// After a restart in good order everything is as it was.
static enum script_end look(struct script *script, bool started)
{
    int rc = TW_OK;
    struct world_view *view = world_look(script->store, &rc);
    if (view == NULL) {
        return script_broken(script, rc);
    }
    world_compare(&script->world, view, &script->faults);
    if (!world_is_wrong(&script->faults)) {
        world_adopt(&script->world, view, started);
    }
    world_view_free(view);
    return script_checked(script);
}

static enum script_end start(struct script *script)
{
    int rc = script_open(script);
    if (rc != TW_OK) {
        if (fault_disk_is_dead(script->disk)) {
            script->faults.text[0] = 0;
            return SCRIPT_CUT;
        }
        return script_broken(script, rc);
    }
    return look(script, true);
}

static enum script_end stop(struct script *script)
{
    tw_store_close(script->store);
    script->store = NULL;
    if (fault_disk_is_dead(script->disk)) {
        return SCRIPT_CUT;
    }
    world_settle(&script->world);
    return SCRIPT_DONE;
}

static enum script_end restart(struct script *script)
{
    enum script_end end = stop(script);
    return end == SCRIPT_DONE ? start(script) : end;
}

static void pass_time(struct script *script)
{
    int64_t ms = (int64_t)script_draw(script, 5000);
    script->clock.monotonic_ms += ms;
    script->clock.wall_ms += script_draw(script, 12) == 0 ? -ms * 700 : ms;
}

static enum script_end step(struct script *script)
{
    static const struct {
        uint64_t weight;
        const char *name;
        enum script_end (*run)(struct script *);
        enum script_end (*alone)(struct script *);
    } steps[] = {
        {16, "a group", group, NULL},
        {8, "reading", read_some, NULL},
        {4, "an acknowledgement", acknowledge, NULL},
        {3, "a rejection", NULL, reject},
        {4, "dead letters", NULL, retry},
        {1, "a resync", NULL, resync},
        {1, "a new epoch", renew, NULL},
        {2, "nothing", NULL, nothing},
        {2, "a checkpoint", checkpoint, NULL},
        {2, "a restart", restart, NULL},
    };
    uint64_t at = script_draw(script, 43);
    size_t i = 0;
    for (; at >= steps[i].weight; i++) {
        at -= steps[i].weight;
    }
    script->step = steps[i].name;
    script->committing = false;
    script->grouped = 0;
    return steps[i].run != NULL ? steps[i].run(script) : alone(script, steps[i].alone);
}

enum script_end script_run(struct script *script)
{
    script->step = "opening";
    enum script_end end = start(script);
    for (int i = 0; i < SCRIPT_STEPS && end == SCRIPT_DONE; i++) {
        pass_time(script);
        end = step(script);
        if (end == SCRIPT_DONE && fault_disk_is_dead(script->disk)) {
            end = SCRIPT_CUT;
        }
    }
    if (end == SCRIPT_DONE) {
        script->step = "closing";
        script->committing = false;
        end = stop(script);
    }
    return end;
}

enum script_end script_again(struct script *script)
{
    struct script_batch again[SCRIPT_GROUP];
    size_t count = script->grouped;
    memcpy(again, script->group, sizeof again);
    enum script_end end = begin(script);
    for (size_t i = 0; i < count && end == SCRIPT_DONE; i++) {
        // A tap goes on from the position that is stored, so that only keyed batches come again.
        if (again[i].kind == BATCH_SALE || again[i].kind == BATCH_REQUEST) {
            again[i].tap = WORLD_TAPS;
            end = script_write(script, &again[i]);
        }
    }
    return end == SCRIPT_DONE ? commit(script) : end;
}

enum script_end script_drain(struct script *script)
{
    enum script_end end = look(script, false);
    while (end == SCRIPT_DONE && !world_is_delivered(&script->world)) {
        uint64_t through = highest_read(&script->world);
        if (through == script->world.asked) {
            world_fault(&script->faults, &script->faults.missing, "nothing to send after event %" PRIu64,
                        through);
            return SCRIPT_BROKEN;
        }
        int rc = tw_store_acknowledge(script->store, script->world.epoch, through, NULL);
        if (rc != TW_OK) {
            return script_broken(script, rc);
        }
        world_acknowledge(&script->world, through);
        script->clock.monotonic_ms += TW_STORE_SAVE_MS;
        end = alone(script, nothing);
        end = end == SCRIPT_DONE ? look(script, false) : end;
    }
    return end;
}

enum script_end script_fill(struct script *script, uint64_t count)
{
    enum script_end end = start(script);
    for (uint64_t i = 0; i < count && end == SCRIPT_DONE; i += SCRIPT_FILL_GROUP) {
        end = begin(script);
        for (int k = 0; k < SCRIPT_FILL_GROUP && end == SCRIPT_DONE; k++) {
            const struct script_batch plan = {.kind = BATCH_DRIFT,
                                              .events = 1,
                                              .bytes = 300,
                                              .tap = WORLD_TAPS,
                                              .lane = WORLD_LANES,
                                              .noise = script_draw(script, UINT64_MAX)};
            end = script_write(script, &plan);
        }
        end = end == SCRIPT_DONE ? commit(script) : end;
    }
    return end == SCRIPT_DONE ? stop(script) : end;
}

enum script_end script_one(struct script *script)
{
    enum script_end end = begin(script);
    struct script_batch plan = script_plan(script);
    plan.kind = BATCH_TAP;
    plan.events = 1;
    plan.lane = WORLD_LANES;
    end = end == SCRIPT_DONE ? script_write(script, &plan) : end;
    return end == SCRIPT_DONE ? commit(script) : end;
}
