// SPDX-License-Identifier: Apache-2.0
//
// The journal seen from outside, and compared with a world.
#include <inttypes.h>

#include "tests/fault/power_world.h"

struct seen {
    uint8_t id[16];
    uint64_t sequence;
    uint8_t hash[32];
    char type[48];
};

struct world_view {
    char epoch[37];
    uint64_t next, through, dead_letters;
    uint64_t limit; // what is above it cannot be read yet
    uint64_t letters_digest;
    uint8_t head[32];
    struct seen *seen;
    size_t count, cap;
    uint64_t taps[WORLD_TAPS];
    uint64_t lanes[WORLD_LANES];
    char chain[TW_HASH_HEX + 1]; // hash of the event before the next one
    uint64_t chained;            // its sequence
    struct world_faults faults;  // of the view in itself
};

// ---- looking ----

// FNV-1a, never 0.
static uint64_t digest_of(struct tw_slice bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash | 1;
}

// The value of a text attribute; empty when there is none.
static struct tw_slice attribute(struct tw_slice event, const char *name)
{
    char pattern[32];
    size_t len = (size_t)snprintf(pattern, sizeof pattern, "\"%s\":\"", name);
    const uint8_t *at = memmem(event.ptr, event.len, pattern, len);
    const uint8_t *end =
        at != NULL ? memchr(at + len, '"', (size_t)(event.ptr + event.len - at) - len) : NULL;
    return end != NULL ? tw_slice_make(at + len, (size_t)(end - at) - len) : tw_slice_make("", 0);
}

static bool reads(struct tw_slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.ptr, text, slice.len) == 0;
}

// A row names its place, and follows the one before.
static void look_at_chain(struct world_view *view, const struct tw_journal_payload *row,
                          const uint8_t hash[32])
{
    char sequence[32];
    (void)snprintf(sequence, sizeof sequence, "%020" PRIu64, row->sequence);
    struct world_faults *faults = &view->faults;
    if (!reads(attribute(row->bytes, "sequence"), sequence) ||
        !reads(attribute(row->bytes, "epoch"), view->epoch)) {
        world_fault(faults, &faults->disordered, "event %" PRIu64 " names another place", row->sequence);
    }
    bool follows = row->sequence == view->chained + 1;
    if (follows && !reads(attribute(row->bytes, "prevhash"), view->chain)) {
        world_fault(faults, &faults->disordered, "the chain breaks before event %" PRIu64, row->sequence);
    }
    if (row->sequence <= view->chained) {
        world_fault(faults, &faults->disordered, "event %" PRIu64 " comes after %" PRIu64, row->sequence,
                    view->chained);
    }
    tw_seal_hex(hash, 32, view->chain);
    view->chained = row->sequence;
}

static int look_at_row(struct world_view *view, const struct tw_journal_payload *row)
{
    if (view->count == view->cap) {
        view->cap = view->cap == 0 ? 64 : view->cap * 2;
        struct seen *grown = realloc(view->seen, view->cap * sizeof *grown);
        if (grown == NULL) {
            return TW_ERR_NOMEM;
        }
        view->seen = grown;
    }
    struct seen *seen = &view->seen[view->count++];
    *seen = (struct seen){.sequence = row->sequence};
    tw_seal_sha256(row->bytes, seen->hash);
    char id[37];
    struct tw_slice text = attribute(row->bytes, "id");
    (void)snprintf(id, sizeof id, "%.*s", (int)text.len, (const char *)text.ptr);
    text = attribute(row->bytes, "type");
    (void)snprintf(seen->type, sizeof seen->type, "%.*s", (int)text.len, (const char *)text.ptr);
    look_at_chain(view, row, seen->hash);
    return tw_uuid_parse(id, seen->id);
}

static int look_at_rows(struct world_view *view, struct tw_store *store)
{
    int rc = TW_OK;
    for (uint64_t from = view->through + 1; rc == TW_OK;) {
        struct tw_rows *rows = NULL;
        rc = tw_store_read(store, from, 1000, &rows);
        if (rc != TW_OK || rows == NULL) {
            return rc;
        }
        for (size_t i = 0; i < rows->count && rc == TW_OK; i++) {
            rc = look_at_row(view, &rows->rows[i]);
            from = rows->rows[i].sequence + 1;
        }
        tw_rows_free(rows);
    }
    return rc;
}

static int look_at_letter(void *ctx, const struct tw_dead_letter *letter)
{
    struct world_view *view = ctx;
    view->letters_digest += digest_of(letter->data) ^ digest_of(tw_slice_of(letter->id)) ^ letter->number;
    return TW_OK;
}

static int look_at_positions(struct world_view *view, struct tw_store *store)
{
    int rc = TW_OK;
    for (size_t i = 0; i < WORLD_TAPS && rc == TW_OK; i++) {
        struct tw_journal_tap tap = {.known = false};
        rc = tw_store_tap(store, world_tap_name(i), &tap);
        view->taps[i] = tap.known ? tap.offset : 0;
    }
    for (size_t i = 0; i < WORLD_LANES && rc == TW_OK; i++) {
        struct tw_buf lane = {0};
        rc = tw_store_lane(store, world_lane_name(i), &lane);
        view->lanes[i] = lane.len > 0 ? strtoull((const char *)lane.ptr, NULL, 10) : 0;
        tw_buf_free(&lane);
    }
    return rc;
}

struct world_view *world_look(struct tw_store *store, int *error)
{
    struct world_view *view = calloc(1, sizeof *view);
    if (view == NULL) {
        *error = TW_ERR_NOMEM;
        return NULL;
    }
    const struct tw_outbox_state *state = tw_store_state(store);
    memcpy(view->epoch, state->start.epoch, sizeof view->epoch);
    view->next = state->next;
    view->through = state->start.through;
    view->dead_letters = state->dead_letters;
    view->limit = tw_outbox_send_limit(state);
    view->letters_digest = 1;
    memcpy(view->head, state->start.head, sizeof view->head);
    view->chained = view->through;
    tw_seal_hex(state->start.head, sizeof state->start.head, view->chain);
    int rc = look_at_rows(view, store);
    rc = rc == TW_OK ? look_at_positions(view, store) : rc;
    rc = rc == TW_OK ? tw_store_letters(store, 0, SIZE_MAX, look_at_letter, view) : rc;
    if (rc != TW_OK) {
        world_view_free(view);
        *error = rc;
        return NULL;
    }
    return view;
}

void world_view_free(struct world_view *view)
{
    if (view != NULL) {
        free(view->seen);
        free(view);
    }
}

// ---- comparing ----

// The chain goes on behind what was acknowledged with the hash it was published with.
static void compare_head(const struct world *world, const struct world_view *view,
                         struct world_faults *faults)
{
    const uint8_t *head = world->headed ? world->head : NULL;
    if (view->through > world->floor && view->through - world->floor <= world->count) {
        const struct world_event *last = &world->events[view->through - world->floor - 1];
        head = last->read ? last->hash : NULL;
    }
    if (head != NULL && memcmp(head, view->head, sizeof view->head) != 0) {
        world_fault(faults, &faults->disordered, "the head of the chain at %" PRIu64 " is another one",
                    view->through);
    }
}

static void compare_identity(const struct world *world, const struct world_view *view,
                             struct world_faults *faults)
{
    bool same = strcmp(world->epoch, view->epoch) == 0;
    if (world->epoch[0] != 0 && same == world->renewed) {
        world_fault(faults, &faults->disordered, same ? "the epoch did not change" : "the epoch changed");
    }
    if (view->through < world->floor || view->through > world->asked) {
        world_fault(faults, view->through > world->asked ? &faults->missing : &faults->disordered,
                    "acknowledged is %" PRIu64 ", not between %" PRIu64 " and %" PRIu64, view->through,
                    world->floor, world->asked);
    }
    if (view->next != world->next) {
        world_fault(faults, view->next < world->next ? &faults->missing : &faults->doubled,
                    "the next event is %" PRIu64 " instead of %" PRIu64, view->next, world->next);
    }
    if (view->dead_letters != world->dead_letters) {
        world_fault(faults, &faults->disordered, "%" PRIu64 " dead letters instead of %" PRIu64,
                    view->dead_letters, world->dead_letters);
    } else if (world->letters_digest != 0 && world->letters_digest != view->letters_digest) {
        world_fault(faults, &faults->missing, "the dead letters are not the same");
    }
}

// What may be given up when room runs out becomes a capture.gap in its place; nothing else does.
static bool is_of_type(const struct world_event *event, const struct seen *seen)
{
    bool gave_up = event->type == TW_EVENT_CAPTURE_DRIFT &&
                   strcmp(seen->type, tw_event_type_name(TW_EVENT_CAPTURE_GAP)) == 0;
    return event->type == 0 || gave_up || strcmp(seen->type, tw_event_type_name(event->type)) == 0;
}

static void compare_event(const struct world_event *event, const struct seen *seen,
                          struct world_faults *faults)
{
    static const uint8_t unknown[16] = {0};
    bool known = memcmp(event->id, unknown, sizeof unknown) != 0;
    if (known && memcmp(event->id, seen->id, sizeof event->id) != 0) {
        world_fault(faults, &faults->disordered, "event %" PRIu64 " is another one", event->sequence);
    } else if (!is_of_type(event, seen)) {
        world_fault(faults, &faults->missing, "event %" PRIu64 " became %s", event->sequence, seen->type);
    } else if (event->read && memcmp(event->hash, seen->hash, sizeof event->hash) != 0) {
        world_fault(faults, &faults->disordered, "event %" PRIu64 " is not what was published",
                    event->sequence);
    }
}

static void compare_events(const struct world *world, const struct world_view *view,
                           struct world_faults *faults)
{
    size_t at = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct world_event *event = &world->events[i];
        if (event->sequence <= view->through || event->sequence > view->limit || event->dead) {
            continue;
        }
        while (at < view->count && view->seen[at].sequence < event->sequence) {
            world_fault(faults, &faults->doubled, "event %" PRIu64 " should not be there",
                        view->seen[at++].sequence);
        }
        if (at < view->count && view->seen[at].sequence == event->sequence) {
            compare_event(event, &view->seen[at++], faults);
        } else {
            world_fault(faults, &faults->missing, "event %" PRIu64 " is missing", event->sequence);
        }
    }
    for (; at < view->count; at++) {
        world_fault(faults, &faults->doubled, "event %" PRIu64 " should not be there",
                    view->seen[at].sequence);
    }
}

// A position ahead of its events means that a printer's bytes are never read again.
static void compare_positions(const struct world *world, const struct world_view *view,
                              struct world_faults *faults)
{
    for (size_t i = 0; i < WORLD_TAPS; i++) {
        if (view->taps[i] != world->taps[i]) {
            world_fault(faults, view->taps[i] > world->taps[i] ? &faults->missing : &faults->doubled,
                        "%s is at %" PRIu64 " instead of %" PRIu64, world_tap_name(i), view->taps[i],
                        world->taps[i]);
        }
    }
    for (size_t i = 0; i < WORLD_LANES; i++) {
        if (view->lanes[i] != world->lanes[i]) {
            world_fault(faults, &faults->disordered, "lane %s has state %" PRIu64 " instead of %" PRIu64,
                        world_lane_name(i), view->lanes[i], world->lanes[i]);
        }
    }
}

void world_compare(const struct world *world, const struct world_view *view, struct world_faults *faults)
{
    if (world_is_wrong(&view->faults)) {
        world_fault(faults, &faults->disordered, "%s", view->faults.text);
    }
    compare_identity(world, view, faults);
    compare_head(world, view, faults);
    compare_events(world, view, faults);
    compare_positions(world, view, faults);
}

void world_adopt(struct world *world, const struct world_view *view, bool durable)
{
    memcpy(world->epoch, view->epoch, sizeof world->epoch);
    world->renewed = false;
    world->letters_digest = view->letters_digest;
    if (durable) {
        world->asked = view->through;
        world_drop_through(world, view->through);
    }
    for (size_t i = 0; i < view->count; i++) {
        struct world_event *event = world_find(world, view->seen[i].sequence);
        if (event != NULL) {
            event->read = true;
            memcpy(event->hash, view->seen[i].hash, sizeof event->hash);
            memcpy(event->id, view->seen[i].id, sizeof event->id);
            if (memcmp(event->id, world->last_id, sizeof event->id) > 0) {
                memcpy(world->last_id, event->id, sizeof event->id);
            }
        }
    }
}

void world_publish(struct world *world, const struct tw_rows *rows, struct world_faults *faults)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct tw_journal_payload *row = &rows->rows[i];
        struct world_event *event = world_find(world, row->sequence);
        uint8_t hash[32];
        tw_seal_sha256(row->bytes, hash);
        if (event == NULL || event->dead) {
            world_fault(faults, &faults->doubled, "event %" PRIu64 " was given to be sent", row->sequence);
        } else if (event->read && memcmp(event->hash, hash, sizeof hash) != 0) {
            world_fault(faults, &faults->disordered, "event %" PRIu64 " changed between two reads",
                        row->sequence);
        } else {
            event->read = true;
            memcpy(event->hash, hash, sizeof event->hash);
        }
    }
}
