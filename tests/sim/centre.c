// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/centre.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/books.h"

struct place { // an epoch, as the database has it
    bool dirty;
    uint64_t through;
    uint8_t head[32];
    uint64_t session;  // of the state that was heard last,
    uint64_t heard_on; // on this connection of the centre's
};

struct settled { // a message in the log; row SIM_NONE: all up to `through` is missing for good
    uint32_t epoch, row;
    bool refused;
    uint64_t through;
    uint8_t head[32];
};

struct sim_centre {
    bool up;
    uint64_t session;
    bool committing; // a commit is planned
    struct settled *log;
    size_t count, cap;
    size_t committed; // of the log
    size_t backup;    // of the log, when the last copy was made
    struct place *places;
    size_t place_count, place_cap;
};

static void come_back(struct sim *sim, const struct sim_note *note);

static struct place *place_of(struct sim *sim, uint32_t epoch)
{
    struct sim_centre *centre = sim->centre;
    while (centre->place_count <= epoch) {
        centre->places =
            sim_grow(centre->places, centre->place_count, &centre->place_cap, sizeof *centre->places);
        centre->places[centre->place_count++] = (struct place){.dirty = false};
    }
    return &centre->places[epoch];
}

// ---- the database ----

static void put(struct sim *sim, const struct settled *settled)
{
    struct place *place = place_of(sim, settled->epoch);
    place->through = settled->through;
    memcpy(place->head, settled->head, sizeof place->head);
}

static void append(struct sim *sim, const struct settled *settled)
{
    struct sim_centre *centre = sim->centre;
    centre->log = sim_grow(centre->log, centre->count, &centre->cap, sizeof *centre->log);
    centre->log[centre->count++] = *settled;
    put(sim, settled);
}

static void cut_back(struct sim *sim, size_t count)
{
    struct sim_centre *centre = sim->centre;
    centre->count = count;
    centre->committed = centre->committed < count ? centre->committed : count;
    for (size_t i = 0; i < centre->place_count; i++) { // what was heard on a connection is no part of it
        struct place *place = &centre->places[i];
        *place = (struct place){.session = place->session, .heard_on = place->heard_on};
    }
    for (size_t i = 0; i < count; i++) {
        put(sim, &centre->log[i]);
    }
}

// ---- answers ----

static void send_ack(struct sim *sim, uint32_t epoch)
{
    const struct place *place = place_of(sim, epoch);
    struct sim_word word = {.is_ack = true, .number = place->through, .has_head = place->through > 0};
    memcpy(word.epoch, sim_books_epoch_text(sim->books, epoch), sizeof word.epoch);
    memcpy(word.head, place->head, sizeof word.head);
    word.session = place->heard_on == sim->centre->session ? place->session : 0;
    sim_broker_word(sim, &word);
}

static void send_reject(struct sim *sim, const struct settled *settled)
{
    struct sim_word word = {.is_ack = false, .number = settled->through};
    memcpy(word.epoch, sim_books_epoch_text(sim->books, settled->epoch), sizeof word.epoch);
    sim_broker_word(sim, &word);
}

// ---- commits ----

static void die(struct sim *sim, int64_t down_ms)
{
    struct sim_centre *centre = sim->centre;
    centre->up = centre->committing = false;
    centre->session++;
    cut_back(sim, centre->committed);
    sim->figures->centre_restarts++;
    sim_say(sim, "the centre stops for %" PRId64 " ms", down_ms);
    sim_plan(sim, down_ms, come_back, (struct sim_note){.a = centre->session});
}

static void enter_arrived(struct sim *sim, const struct settled *settled)
{
    if (settled->row != SIM_NONE) {
        struct sim_entry *entry = sim_books_entry(sim->books, sim_books_get(sim->books, settled->row)->event);
        sim_books_arrived(sim, settled->row);
        entry->refused = entry->refused || settled->refused;
    }
}

static void commit_log(struct sim *sim)
{
    struct sim_centre *centre = sim->centre;
    for (size_t i = centre->committed; i < centre->count; i++) {
        enter_arrived(sim, &centre->log[i]);
    }
    centre->committed = centre->count;
    if (sim_chance(sim, 20)) {
        centre->backup = centre->count;
    }
}

// Rejects before the ack that covers them. Where a centre may lose its database it is then that it hurts: the
// terminal knows of the reject, and nobody else.
static void answer(struct sim *sim, size_t from)
{
    struct sim_centre *centre = sim->centre;
    bool rejected = false;
    for (size_t i = from; i < centre->count; i++) {
        if (centre->log[i].refused) {
            send_reject(sim, &centre->log[i]);
            rejected = true;
        }
    }
    if (rejected && sim->weather.centre_losses > 0 && sim_chance(sim, 300)) {
        sim_centre_lose(sim);
        return;
    }
    for (uint32_t epoch = 0; epoch < centre->place_count; epoch++) {
        if (centre->places[epoch].dirty) {
            centre->places[epoch].dirty = false;
            send_ack(sim, epoch);
        }
    }
}

static void commit(struct sim *sim, const struct sim_note *note)
{
    struct sim_centre *centre = sim->centre;
    if (note->a != centre->session || !centre->committing) {
        return;
    }
    centre->committing = false;
    size_t from = centre->committed;
    bool dies = sim_chance(sim, sim->weather.centre_dies_pm);
    bool before = dies && sim_chance(sim, 300);
    if (!before) {
        commit_log(sim);
    }
    if (dies) {
        die(sim, sim_between(sim, 100, 20000));
    } else {
        answer(sim, from);
    }
}

static void plan_commit(struct sim *sim)
{
    struct sim_centre *centre = sim->centre;
    if (!centre->committing) {
        centre->committing = true;
        sim_plan(sim, sim_between(sim, 0, sim->weather.centre_ms), commit,
                 (struct sim_note){.a = centre->session});
    }
}

// ---- events ----

// One that does not follow from the last is of another life of the terminal's disk. It is not taken: the
// acknowledgement says by its hash what is here, and the terminal begins a new epoch.
static bool is_chained(struct sim *sim, const struct place *place, const struct sim_row *row)
{
    bool chained = memcmp(place->head, row->prevhash, sizeof place->head) == 0;
    if (!chained && !sim_books_was_put_back(sim->books)) {
        sim_broken(sim, "P7", "the hash chain is broken at sequence %" PRIu64 " of epoch %s", row->sequence,
                   sim_books_epoch_text(sim->books, row->epoch));
    }
    return chained;
}

static void apply(struct sim *sim, uint32_t number)
{
    const struct sim_row *row = sim_books_get(sim->books, number);
    const struct place *place = place_of(sim, row->epoch);
    if (row->sequence == place->through + 1 && is_chained(sim, place, row)) { // else a duplicate, or ahead
        struct settled settled = {.epoch = row->epoch, .row = number, .through = row->sequence};
        settled.refused = sim_books_entry(sim->books, row->event)->poison;
        memcpy(settled.head, row->hash, sizeof settled.head);
        append(sim, &settled);
    }
}

void sim_centre_take(struct sim *sim, uint32_t number, uint64_t session)
{
    struct sim_centre *centre = sim->centre;
    if (centre->up && session == centre->session) {
        place_of(sim, sim_books_get(sim->books, number)->epoch)->dirty =
            true; // whatever it is, it is answered
        plan_commit(sim);
        apply(sim, number);
    }
}

void sim_centre_keep(struct sim *sim, uint32_t number)
{
    apply(sim, number);
    commit_log(sim);
}

// ---- states ----

// What the terminal has removed and this database lacks is missing for good: all goes on after it.
static void skip_lost(struct sim *sim, uint32_t epoch, const struct sim_state *state)
{
    if (state->through > place_of(sim, epoch)->through) {
        sim_say(sim, "the centre misses all up to %" PRIu64, state->through);
        struct settled settled = {.epoch = epoch, .row = SIM_NONE, .through = state->through};
        memcpy(settled.head, state->head, sizeof settled.head);
        append(sim, &settled);
    }
}

static void repeat_rejects(struct sim *sim, uint32_t epoch, uint64_t above)
{
    struct sim_centre *centre = sim->centre;
    size_t first = centre->count;
    while (first > 0 && (centre->log[first - 1].epoch != epoch || centre->log[first - 1].through > above)) {
        first--;
    }
    for (size_t i = first; i < centre->count; i++) {
        if (centre->log[i].refused && centre->log[i].epoch == epoch) {
            send_reject(sim, &centre->log[i]);
        }
    }
}

void sim_centre_state(struct sim *sim, const struct sim_state *state, uint64_t session)
{
    struct sim_centre *centre = sim->centre;
    if (!centre->up || session != centre->session || !state->online) {
        return;
    }
    uint32_t epoch = sim_books_epoch(sim, state->epoch);
    size_t from = centre->committed;
    skip_lost(sim, epoch, state);
    commit_log(sim);
    answer(sim, from);
    if (!centre->up) {
        return;
    }
    place_of(sim, epoch)->session = state->session;
    place_of(sim, epoch)->heard_on = centre->session;
    repeat_rejects(sim, epoch, state->through);
    send_ack(sim, epoch);
}

// ---- faults ----

static void come_back(struct sim *sim, const struct sim_note *note)
{
    if (!sim->centre->up && note->a == sim->centre->session) {
        sim_say(sim, "the centre is there again");
        sim->centre->up = true;
        sim_broker_subscribed(sim);
    }
}

void sim_centre_stop(struct sim *sim, int64_t down_ms)
{
    if (sim->centre->up) {
        die(sim, down_ms);
    }
}

void sim_centre_lose(struct sim *sim)
{
    struct sim_centre *centre = sim->centre;
    size_t left = sim_chance(sim, 500) && centre->backup <= centre->committed ? centre->backup : 0;
    sim_centre_stop(sim, sim_between(sim, 1000, 60000));
    sim_say(sim, "the centre's database of %zu messages goes back to %zu", centre->committed, left);
    cut_back(sim, left);
    centre->backup = centre->backup < left ? centre->backup : left;
    sim->figures->centre_losses++;
}

void sim_centre_mend(struct sim *sim)
{
    come_back(sim, &(struct sim_note){.a = sim->centre->session});
}

// ---- life ----

bool sim_centre_listens(const struct sim_centre *centre)
{
    return centre->up;
}

uint64_t sim_centre_session(const struct sim_centre *centre)
{
    return centre->session;
}

bool sim_centre_is_idle(const struct sim_centre *centre)
{
    return centre->up && !centre->committing;
}

struct sim_centre *sim_centre_new(void)
{
    struct sim_centre *centre = sim_have(calloc(1, sizeof *centre));
    centre->up = true;
    centre->session = 1;
    return centre;
}

void sim_centre_free(struct sim_centre *centre)
{
    if (centre != NULL) {
        free(centre->log);
        free(centre->places);
        free(centre);
    }
}
