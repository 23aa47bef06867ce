// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/books.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/payload.h"
#include "tests/sim/till.h"

struct epoch {
    char text[37];
    uint32_t *rows; // by sequence - 1; SIM_NONE where the journal gave none
    size_t count, cap;
    uint64_t published; // highest sequence
    bool again;         // a disk was put back to when it had less
};

struct sim_books {
    struct sim_entry *entries;
    size_t entry_count, entry_cap;
    uint32_t *index; // of ids: event + 1, open addressing
    size_t index_size;
    struct sim_row *rows;
    size_t row_count, row_cap;
    struct epoch *epochs;
    size_t epoch_count, epoch_cap;
    size_t open;          // no event before this one is missing anywhere
    uint32_t last_first;  // the newest event that was published
    unsigned scan;        // number of the last one
    size_t image_entries; // events there were when the image was taken
    uint64_t image_step;
    bool put_back; // since the journal was opened
    bool was_put_back;
    size_t balanced; // events before this one are settled
};

// ---- events by id ----

static size_t slot_of(const struct sim_books *books, const uint8_t id[16])
{
    uint64_t hash;
    memcpy(&hash, id + 8, sizeof hash); // 62 random bits of a UUIDv7
    return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (books->index_size - 1);
}

static void index_put(struct sim_books *books, uint32_t event)
{
    size_t slot = slot_of(books, books->entries[event].id);
    while (books->index[slot] != 0) {
        slot = (slot + 1) & (books->index_size - 1);
    }
    books->index[slot] = event + 1;
}

static void index_grow(struct sim_books *books)
{
    free(books->index);
    books->index_size = books->index_size > 0 ? 4 * books->index_size : 4096;
    books->index = sim_have(calloc(books->index_size, sizeof *books->index));
    for (uint32_t i = 0; i < books->entry_count; i++) {
        index_put(books, i);
    }
}

uint32_t sim_books_find(const struct sim_books *books, const uint8_t id[16])
{
    for (size_t slot = slot_of(books, id); books->index[slot] != 0;
         slot = (slot + 1) & (books->index_size - 1)) {
        uint32_t event = books->index[slot] - 1;
        if (memcmp(books->entries[event].id, id, 16) == 0) {
            return event;
        }
    }
    return SIM_NONE;
}

struct sim_entry *sim_books_entry(const struct sim_books *books, uint32_t event)
{
    return &books->entries[event];
}

const struct sim_row *sim_books_get(const struct sim_books *books, uint32_t row)
{
    return &books->rows[row];
}

uint32_t sim_books_written(struct sim *sim, const uint8_t id[16], enum tw_event_type type, uint32_t sale)
{
    struct sim_books *books = sim->books;
    if (sim_books_find(books, id) != SIM_NONE) {
        sim_broken(sim, "P3", "two events have the same id");
    }
    if (2 * (books->entry_count + 1) > books->index_size) {
        index_grow(books);
    }
    books->entries = sim_grow(books->entries, books->entry_count, &books->entry_cap, sizeof *books->entries);
    uint32_t event = (uint32_t)books->entry_count++;
    struct sim_entry *entry = &books->entries[event];
    *entry = (struct sim_entry){.type = type, .sale = sale, .row = SIM_NONE, .gap = SIM_NONE};
    memcpy(entry->id, id, sizeof entry->id);
    entry->poison = sim_chance(sim, sim->weather.poison_pm);
    entry->bulky = type != TW_EVENT_CAPTURE_GAP && sim_chance(sim, sim->weather.bulky_pm);
    index_put(books, event);
    return event;
}

void sim_books_sure(struct sim *sim, uint32_t event)
{
    struct sim_entry *entry = &sim->books->entries[event];
    sim->figures->events += !entry->sure;
    entry->sure = true;
}

// ---- epochs and rows ----

const char *sim_books_epoch_text(const struct sim_books *books, uint32_t epoch)
{
    return books->epochs[epoch].text;
}

uint32_t sim_books_epochs(const struct sim_books *books)
{
    return (uint32_t)books->epoch_count;
}

uint32_t sim_books_epoch(struct sim *sim, const char *epoch)
{
    struct sim_books *books = sim->books;
    for (size_t i = books->epoch_count; i > 0; i--) { // mostly the newest
        if (strcmp(books->epochs[i - 1].text, epoch) == 0) {
            return (uint32_t)i - 1;
        }
    }
    books->epochs = sim_grow(books->epochs, books->epoch_count, &books->epoch_cap, sizeof *books->epochs);
    struct epoch *added = &books->epochs[books->epoch_count];
    *added = (struct epoch){.published = 0};
    memcpy(added->text, epoch, sizeof added->text);
    sim->figures->epochs++;
    return (uint32_t)books->epoch_count++;
}

static struct epoch *epoch_of(struct sim *sim, const char *text)
{
    uint32_t number = sim_books_epoch(sim, text); // may move the list
    return &sim->books->epochs[number];
}

static uint32_t *row_place(struct epoch *epoch, uint64_t sequence)
{
    while (epoch->count < sequence) {
        epoch->rows = sim_grow(epoch->rows, epoch->count, &epoch->cap, sizeof *epoch->rows);
        epoch->rows[epoch->count++] = SIM_NONE;
    }
    return &epoch->rows[sequence - 1];
}

// An event that nobody here has seen: only the journal itself writes some, about what it lost.
static uint32_t own_event(struct sim *sim, const struct sim_payload *seen)
{
    if (seen->type != TW_EVENT_CAPTURE_GAP) {
        sim_broken(sim, "P4", "the journal gave an event that nobody wrote, at sequence %" PRIu64,
                   seen->sequence);
    }
    uint32_t event = sim_books_written(sim, seen->id, seen->type, SIM_NONE);
    sim_books_sure(sim, event);
    sim->books->entries[event].own = true; // and when, nobody knows
    return event;
}

static uint32_t new_row(struct sim *sim, uint32_t epoch, const struct tw_journal_payload *payload,
                        uint64_t print)
{
    struct sim_books *books = sim->books;
    struct sim_payload seen;
    if (!sim_payload_read(payload->bytes, &seen) || seen.sequence != payload->sequence ||
        strcmp(seen.epoch, books->epochs[epoch].text) != 0) {
        sim_broken(sim, "P4", "the payload of sequence %" PRIu64 " names another place", payload->sequence);
    }
    uint32_t event = sim_books_find(books, seen.id);
    event = event != SIM_NONE ? event : own_event(sim, &seen);
    if (seen.type == TW_EVENT_CAPTURE_GAP && books->entries[event].type == TW_EVENT_CAPTURE_DRIFT) {
        books->entries[event].type = seen.type; // given up for room, in its place (P7)
        sim->figures->drops++;
    }
    if (seen.type != books->entries[event].type) {
        sim_broken(sim, "P3", "event at sequence %" PRIu64 " has become another type", payload->sequence);
    }
    books->rows = sim_grow(books->rows, books->row_count, &books->row_cap, sizeof *books->rows);
    struct sim_row *row = &books->rows[books->row_count];
    *row = (struct sim_row){.event = event,
                            .epoch = epoch,
                            .sequence = payload->sequence,
                            .print = print,
                            .family = payload->family};
    memcpy(row->prevhash, seen.prevhash, sizeof row->prevhash);
    tw_seal_sha256(payload->bytes, row->hash);
    books->entries[event].row = (uint32_t)books->row_count;
    return (uint32_t)books->row_count++;
}

uint32_t sim_books_row(struct sim *sim, const char *epoch_text, const struct tw_journal_payload *payload)
{
    struct sim_books *books = sim->books;
    uint32_t epoch = sim_books_epoch(sim, epoch_text);
    uint64_t print = sim_payload_print(payload->bytes);
    uint32_t known = *row_place(&books->epochs[epoch], payload->sequence);
    if (known == SIM_NONE) {
        known = new_row(sim, epoch, payload, print);
        *row_place(&books->epochs[epoch], payload->sequence) = known;
    } else if (books->rows[known].print != print) {
        sim_broken(sim, "P3",
                   "sequence %" PRIu64 " of epoch %s has other bytes than before: it was changed, or given "
                   "to a second event",
                   payload->sequence, epoch_text);
    }
    return known;
}

bool sim_books_has(struct sim *sim, const char *epoch_text, uint64_t sequence)
{
    const struct epoch *epoch = epoch_of(sim, epoch_text);
    return sequence <= epoch->count && epoch->rows[sequence - 1] != SIM_NONE;
}

void sim_books_passed(struct sim *sim, const char *epoch_text, uint64_t sequence)
{
    struct epoch *epoch = epoch_of(sim, epoch_text);
    uint32_t row = sequence <= epoch->count ? epoch->rows[sequence - 1] : SIM_NONE;
    const struct sim_entry *entry =
        row != SIM_NONE ? &sim->books->entries[sim->books->rows[row].event] : NULL;
    if ((entry == NULL || !(entry->poison || entry->bulky)) && !sim->books->was_put_back) {
        sim_broken(sim, "P4", "sequence %" PRIu64 " of epoch %s is passed over, and is no dead letter",
                   sequence, epoch_text);
    }
    epoch->published = sequence == epoch->published + 1 ? sequence : epoch->published;
}

void sim_books_published(struct sim *sim, uint32_t number)
{
    struct sim_books *books = sim->books;
    const struct sim_row *row = &books->rows[number];
    struct epoch *epoch = &books->epochs[row->epoch];
    struct sim_entry *entry = &books->entries[row->event];
    sim->figures->publishes++;
    if (row->sequence > epoch->published + 1) {
        sim_broken(sim, "P4", "sequence %" PRIu64 " was published when the highest was %" PRIu64,
                   row->sequence, epoch->published);
    }
    epoch->published = row->sequence > epoch->published ? row->sequence : epoch->published;
    if (entry->own) {
        return;
    }
    if (!entry->published && row->event < books->last_first && !books->was_put_back) {
        sim_broken(sim, "P4", "an event overtook another that was written before it");
    }
    books->last_first = row->event > books->last_first ? row->event : books->last_first;
    entry->published = true;
}

void sim_books_arrived(struct sim *sim, uint32_t number)
{
    struct sim_row *row = &sim->books->rows[number];
    row->arrived = true;
    sim->books->entries[row->event].arrived = true;
}

void sim_books_left(struct sim *sim, const char *epoch_text, uint64_t from, uint64_t to)
{
    struct sim_books *books = sim->books;
    struct epoch *epoch = epoch_of(sim, epoch_text);
    for (uint64_t sequence = from; sequence <= to; sequence++) {
        uint32_t row = sequence <= epoch->count ? epoch->rows[sequence - 1] : SIM_NONE;
        if (row == SIM_NONE || !books->rows[row].arrived) {
            sim_broken(sim, "P2", "sequence %" PRIu64 " of epoch %s left the journal and is nowhere else",
                       sequence, epoch_text);
        }
    }
}

void sim_books_refused(struct sim *sim, const char *epoch_text, uint64_t sequence, uint32_t gap, bool sure)
{
    struct sim_books *books = sim->books;
    const struct epoch *epoch = epoch_of(sim, epoch_text);
    uint32_t row = sequence <= epoch->count ? epoch->rows[sequence - 1] : SIM_NONE;
    struct sim_entry *entry = row != SIM_NONE ? &books->entries[books->rows[row].event] : NULL;
    bool quiet = gap == SIM_NONE; // nothing was to do, or it was such a capture.gap itself
    if (quiet && (entry == NULL || entry->type != TW_EVENT_CAPTURE_GAP || entry->arrived)) {
        return;
    }
    if (entry == NULL || (!entry->poison && !entry->bulky && !books->was_put_back)) {
        sim_broken(sim, "P7", "sequence %" PRIu64 " went to the dead letters and the centre never refused it",
                   sequence);
    }
    entry->gap = gap;
    if (!sure) {
        return;
    }
    entry->died = entry->dead ? entry->died : sim->step;
    entry->dead = true;
    entry->refused = true;
    if (!entry->poison && entry->sale != SIM_NONE) {
        sim_till_forget(sim, entry->sale);
    }
    sim->figures->rejects++;
}

// ---- the journal against the books ----

static const char *place_text(const struct sim_books *books, const struct sim_entry *entry, char out[80])
{
    const struct sim_row *row = entry->row != SIM_NONE ? &books->rows[entry->row] : NULL;
    (void)snprintf(out, 80, "event %zu (sequence %" PRIu64 " of epoch %.8s)",
                   (size_t)(entry - books->entries), row != NULL ? row->sequence : 0,
                   row != NULL ? books->epochs[row->epoch].text : "none");
    return out;
}

unsigned sim_books_scan(struct sim *sim)
{
    return ++sim->books->scan;
}

static bool is_at_home(const struct sim_entry *entry)
{
    return entry->sure && !entry->arrived && !entry->lost && !entry->dead;
}

// Its refusal was committed after all, though nobody was told: its gap is there.
static bool was_refused(const struct sim_books *books, const struct sim_entry *entry, unsigned scan)
{
    const struct sim_entry *gap = entry->gap != SIM_NONE ? &books->entries[entry->gap] : NULL;
    return gap != NULL && (gap->arrived || (scan > 0 && gap->scan == scan));
}

void sim_books_scanned(struct sim *sim, unsigned scan, uint64_t unread)
{
    struct sim_books *books = sim->books;
    char place[80];
    for (size_t i = books->open; i < books->entry_count; i++) {
        struct sim_entry *entry = &books->entries[i];
        if (is_at_home(entry) && entry->scan != scan && was_refused(books, entry, scan)) {
            entry->died = sim->step;
            entry->dead = entry->refused = true;
        } else if (is_at_home(entry) && entry->scan != scan && unread-- == 0) {
            sim_broken(sim, "P1", "%s was committed and is neither in the journal nor at the centre",
                       place_text(books, entry, place));
        }
    }
}

void sim_books_opened(struct sim *sim, const struct tw_outbox_state *state)
{
    struct sim_books *books = sim->books;
    struct epoch *epoch = epoch_of(sim, state->start.epoch);
    if (books->put_back) { // from here on the numbers may be given a second time
        books->put_back = false;
        epoch->again = true;
        epoch->count = epoch->count < state->next - 1 ? epoch->count : (size_t)state->next - 1;
    } else if (epoch->published >= state->next && !epoch->again) {
        sim_broken(sim, "P4", "the next sequence is %" PRIu64 ", and up to %" PRIu64 " were published",
                   state->next, epoch->published);
    }
}

// ---- images ----

void sim_books_image_taken(struct sim *sim)
{
    sim->books->image_entries = sim->books->entry_count;
    sim->books->image_step = sim->step;
}

void sim_books_image_put_back(struct sim *sim)
{
    struct sim_books *books = sim->books;
    books->put_back = books->was_put_back = true;
    for (size_t i = books->image_entries; i < books->entry_count; i++) {
        struct sim_entry *entry = &books->entries[i];
        entry->undone = true;
        entry->lost = entry->lost || !entry->arrived;
        if (entry->sale != SIM_NONE) {
            sim_till_forget(sim, entry->sale);
        }
    }
    for (size_t i = books->open; i < books->image_entries; i++) {
        struct sim_entry *entry = &books->entries[i];
        entry->dead = entry->dead && entry->died <= books->image_step; // else it is queued and refused again
    }
}

bool sim_books_was_put_back(const struct sim_books *books)
{
    return books->was_put_back;
}

// ---- the end of a day ----

static void check_refusal(struct sim *sim, const struct sim_entry *entry)
{
    const struct sim_entry *gap = entry->gap != SIM_NONE ? &sim->books->entries[entry->gap] : NULL;
    char place[80];
    if (entry->type != TW_EVENT_CAPTURE_GAP &&
        (gap == NULL || (!gap->arrived && !gap->undone && !gap->dead))) {
        sim_broken(sim, "P7", "the centre refused %s, and no capture.gap that tells so has arrived",
                   place_text(sim->books, entry, place));
    }
}

void sim_books_balance(struct sim *sim)
{
    struct sim_books *books = sim->books;
    char place[80];
    for (size_t i = books->balanced; i < books->entry_count; i++) {
        const struct sim_entry *entry = &books->entries[i];
        if (is_at_home(entry)) {
            sim_broken(sim, "P1", "%s was committed and has not arrived though nothing is queued",
                       place_text(books, entry, place));
        }
        if (entry->refused && !entry->undone) {
            check_refusal(sim, entry);
        }
        if (entry->sale != SIM_NONE &&
            (entry->arrived || entry->dead)) { // a dead letter is told of by its gap
            sim_till_arrived(sim, entry->sale, entry->type);
        }
    }
    books->balanced = books->open = books->entry_count;
}

// ---- life ----

struct sim_books *sim_books_new(void)
{
    struct sim_books *books = sim_have(calloc(1, sizeof *books));
    index_grow(books);
    return books;
}

void sim_books_free(struct sim_books *books)
{
    if (books != NULL) {
        for (size_t i = 0; i < books->epoch_count; i++) {
            free(books->epochs[i].rows);
        }
        free(books->epochs);
        free(books->rows);
        free(books->index);
        free(books->entries);
        free(books);
    }
}
