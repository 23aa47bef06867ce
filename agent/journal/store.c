// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/store.h"

#include <limits.h>

#include "agent/journal/gap.h"
#include "agent/journal/keys.h"
#include "agent/journal/room.h"
#include "agent/journal/store_parts.h"
#include "journal_sql.h"

// What is to be done with the batch's sale.
struct plan {
    enum tw_outcome outcome;
    bool write_sale;
    uint8_t known_id[16]; // of a sale that was known
};

// ---- groups ----

int tw_store_begin(struct tw_store *store)
{
    store->broken = TW_OK;
    store->batches = 0;
    store->room_before = store->room;
    store->keys_before = tw_keys_begin(&store->keys);
    return tw_db_begin(store->db);
}

int64_t tw_store_due_ms(const struct tw_store *store)
{
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    uint64_t waiting = state->start.through - state->saved;
    if (waiting == 0) {
        return INT64_MAX;
    }
    bool now = waiting >= TW_STORE_SAVE_EVENTS || store->room.full;
    return now ? 0 : store->unsaved_since_ms + TW_STORE_SAVE_MS;
}

// What is done along with others: acknowledgements, the size of the queue, old keys.
static int in_passing(struct tw_store *store)
{
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    int64_t now_ms = store->clock->monotonic_ms(store->clock);
    bool some = state->start.through > state->saved;
    bool save = state->next - 1 - state->counted_to >= TW_STORE_COUNT_EVERY ||
                (some && (now_ms >= tw_store_due_ms(store) || store->batches >= TW_STORE_BUSY));
    int rc = save ? tw_outbox_save(store->outbox) : TW_OK;
    if (rc == TW_OK && save && store->room.full) {
        rc = tw_room_look(&store->room); // what was acknowledged has made room
    }
    if (rc == TW_OK) {
        rc = tw_keys_expire(&store->keys, tw_outbox_place(store->outbox, state->saved));
    }
    return rc;
}

int tw_store_commit(struct tw_store *store)
{
    int rc = store->broken != TW_OK ? store->broken : in_passing(store);
    if (rc == TW_OK) {
        rc = tw_db_commit(store->db);
        store->commits++;
    } else {
        tw_db_rollback(store->db);
    }
    if (rc == TW_OK) {
        store->committed = *tw_outbox_state(store->outbox);
    } else {
        tw_outbox_restore(store->outbox, &store->committed);
        tw_keys_restore(&store->keys, &store->keys_before);
        store->room = store->room_before;
    }
    return rc;
}

bool tw_store_is_broken(const struct tw_store *store)
{
    return store->broken != TW_OK;
}

// One operation of the group.
struct part {
    struct tw_outbox_state before;
    int64_t written;
};

static int part_begin(struct tw_store *store, struct part *part)
{
    *part = (struct part){*tw_outbox_state(store->outbox), tw_db_written(store->db)};
    if (part->written < 0 && store->broken == TW_OK) {
        store->broken =
            TW_ERR_NOMEM; // without memory SQLite gives a transaction up, even while it only reads
    }
    return store->broken;
}

// One that fails before it has written anything leaves the others alone.
static int part_end(struct tw_store *store, const struct part *part, int rc)
{
    if (rc != TW_OK && store->broken == TW_OK) {
        tw_outbox_restore(store->outbox, &part->before);
        int64_t written = tw_db_written(store->db);
        // Of a damaged tree SQLite may have changed pages without counting it.
        store->broken = written < 0 || written != part->written || rc == TW_ERR_DAMAGED ? rc : TW_OK;
    }
    return rc;
}

// ---- batches ----

static int plan_sale(struct tw_store *store, struct tw_batch *batch, struct plan *plan)
{
    *plan = (struct plan){.outcome = TW_OUTCOME_NEW, .write_sale = true};
    if (batch->sale == TW_NO_SALE) {
        return TW_OK;
    }
    struct tw_batch_event *sale = &batch->events[batch->sale];
    struct tw_slice key = tw_batch_text(batch, batch->sale_key);
    struct tw_table_row known;
    // What stands before the sale is written in any case.
    int64_t place = tw_outbox_place(store->outbox, tw_outbox_state(store->outbox)->next + batch->sale);
    int rc = tw_keys_claim(&store->keys, key, place);
    rc = rc == 0 ? tw_keys_sale(&store->keys, key, &known) : rc < 0 ? rc : 0;
    if (rc != 1) {
        return rc;
    }
    memcpy(plan->known_id, known.record.row.id, sizeof plan->known_id);
    char old_id[37];
    tw_uuid_text(plan->known_id, old_id);
    tw_buf_clear(&sale->made);
    struct tw_slice again = tw_batch_text(batch, batch->sale_again);
    again = again.len > 0 ? again : tw_batch_text(batch, sale->data);
    struct tw_slice old_data = known.record.row.data; // none when it was given up for room: then it agrees
    rc = old_data.len > 0 ? store->merge(old_data, again, old_id, &sale->made) : 0;
    plan->write_sale = rc > 0;
    plan->outcome = rc > 0 ? TW_OUTCOME_CORRECTED : TW_OUTCOME_REPEAT;
    if (rc >= 0 && old_data.len > 0) {
        int kept = tw_batch_set_known(batch, known.record.row.subject); // `key` and `again` end here
        rc = kept != TW_OK ? kept : rc;
    }
    if (rc > 0) {
        sale->type = TW_EVENT_SALE_CORRECTED;
        rc = tw_buf_status(&sale->made);
        struct tw_event_row row = tw_batch_row(batch, batch->sale);
        rc = rc == TW_OK ? tw_outbox_check_size(store->outbox, &row) : rc;
    }
    return rc;
}

// Before anything is written: what is too large would else be found halfway.
static int check_sizes(struct tw_store *store, const struct tw_batch *batch)
{
    int rc = TW_OK;
    for (size_t i = 0; i < batch->count && rc == TW_OK; i++) {
        struct tw_event_row row = tw_batch_row(batch, i);
        rc = tw_outbox_check_size(store->outbox, &row);
    }
    return rc;
}

static int write_event(struct tw_store *store, struct tw_batch *batch, size_t index)
{
    struct tw_event_row row = tw_batch_row(batch, index);
    int rc = tw_outbox_append(store->outbox, &row, tw_batch_key(batch, index), false);
    if (rc == TW_OK) {
        struct tw_batch_event *event = &batch->events[index];
        event->sequence = row.sequence;
        memcpy(event->id, row.id, sizeof event->id);
        event->written = true;
    }
    return rc;
}

static int write_sale(struct tw_store *store, struct tw_batch *batch, const struct plan *plan)
{
    int rc = write_event(store, batch, batch->sale);
    if (rc != TW_OK || plan->outcome == TW_OUTCOME_NEW) { // a new one was claimed
        return rc;
    }
    return tw_keys_add_sale(&store->keys, tw_batch_text(batch, batch->sale_key),
                            tw_outbox_place(store->outbox, batch->events[batch->sale].sequence));
}

static int write_marked(struct tw_store *store, struct tw_batch *batch, size_t index)
{
    char id[37];
    tw_uuid_text(batch->events[batch->sale].id, id);
    struct tw_batch_event *event = &batch->events[index];
    int rc = tw_batch_set_sale_id(tw_batch_text(batch, event->data), id, &event->made);
    return rc == TW_OK ? write_event(store, batch, index) : rc;
}

static int write_events(struct tw_store *store, struct tw_batch *batch, const struct plan *plan)
{
    int rc = TW_OK;
    for (size_t i = 0; i < batch->count && rc == TW_OK; i++) {
        if (i == batch->sale) {
            rc = plan->write_sale ? write_sale(store, batch, plan) : TW_OK;
        } else if (batch->events[i].marked) {
            rc = plan->outcome == TW_OUTCOME_NEW ? write_marked(store, batch, i) : TW_OK;
        } else {
            rc = write_event(store, batch, i);
        }
    }
    return rc;
}

static void set_result(const struct tw_batch *batch, const struct plan *plan,
                       struct tw_journal_result *result)
{
    result->outcome = plan->outcome;
    size_t index = batch->sale != TW_NO_SALE ? batch->sale : 0;
    const uint8_t *id = plan->outcome == TW_OUTCOME_REPEAT ? plan->known_id : batch->events[index].id;
    memcpy(result->id, id, sizeof result->id);
    result->subject = tw_batch_text(batch, batch->known);
}

// A repeat of a request: what its sale was known as, where it is the one that was answered with then.
static int recall(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result)
{
    struct tw_table_row known;
    int rc = batch->sale != TW_NO_SALE
                 ? tw_keys_sale(&store->keys, tw_batch_text(batch, batch->sale_key), &known)
                 : 0;
    if (rc == 1 && memcmp(known.record.row.id, result->id, sizeof result->id) == 0) {
        rc = tw_batch_set_known(batch, known.record.row.subject);
        result->subject = tw_batch_text(batch, batch->known);
    }
    return rc < 0 ? rc : TW_OK;
}

static int write_batch(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result)
{
    struct plan plan;
    int rc = tw_positions_check(store, batch);
    if (rc == TW_OK && batch->has_request) {
        rc = tw_keys_request(&store->keys, batch->request_key, batch->request_body, result->id);
    }
    if (rc == 1) { // answered before: whatever else the batch holds was written then
        result->outcome = TW_OUTCOME_REPEAT;
        result->by_request = true;
        rc = recall(store, batch, result);
        return rc == TW_OK ? tw_positions_write(store, batch, false) : rc;
    }
    rc = rc == TW_OK ? check_sizes(store, batch) : rc;
    if (rc == TW_OK) {
        rc = plan_sale(store, batch, &plan);
    }
    if (rc == TW_OK) {
        rc = write_events(store, batch, &plan);
    }
    if (rc == TW_OK && batch->count > 0) {
        set_result(batch, &plan, result);
    }
    if (rc == TW_OK && batch->has_request) {
        rc = tw_keys_add_request(&store->keys, batch->request_key, batch->request_body, result->id);
    }
    return rc == TW_OK ? tw_positions_write(store, batch, plan.outcome == TW_OUTCOME_NEW) : rc;
}

// The first batch for which there is no room is told of by an event, which the reserve is for.
static int look_for_room(struct tw_store *store)
{
    bool was_full = store->room.full;
    int rc = tw_room_look(&store->room);
    if (rc == TW_OK && store->room.full && !was_full) {
        struct tw_batch *gap =
            tw_gap_batch(store->clock, store->source, TW_GAP_FULL, 0, 0,
                         "The journal is full; what comes is refused until there is room.");
        rc = tw_store_write_gap(store, gap);
        tw_batch_free(gap);
    }
    return rc;
}

int tw_store_write_gap(struct tw_store *store, struct tw_batch *gap)
{
    if (gap == NULL) {
        return TW_ERR_NOMEM;
    }
    gap->recorded_ms = store->clock->wall_ms(store->clock);
    int rc = tw_batch_check(gap);
    return rc == TW_OK ? write_event(store, gap, 0) : rc;
}

static int look_in_part(struct tw_store *store)
{
    struct part part;
    const struct tw_room room = store->room;
    int rc = part_begin(store, &part);
    rc = rc != TW_OK ? rc : part_end(store, &part, look_for_room(store));
    if (rc != TW_OK) {
        store->room = room;
    }
    return rc;
}

static int look_and_write(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result)
{
    struct part part;
    int rc = TW_OK;
    if (tw_room_is_due(&store->room, store->clock->monotonic_ms(store->clock))) {
        rc = look_in_part(store);
    }
    rc = rc != TW_OK ? rc : store->room.full ? TW_ERR_FULL : part_begin(store, &part);
    return rc != TW_OK ? rc : part_end(store, &part, write_batch(store, batch, result));
}

void tw_store_batch(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result)
{
    *result = (struct tw_journal_result){0};
    batch->recorded_ms = store->clock->wall_ms(store->clock);
    store->batches++;
    int rc = look_and_write(store, batch, result);
    if (rc != TW_OK) {
        tw_batch_unwrite(batch);
        *result = (struct tw_journal_result){.error = rc};
    }
}

// ---- acknowledgements and rejections ----

static bool is_ours(const struct tw_store *store, const char *epoch)
{
    return strcmp(epoch, tw_outbox_state(store->outbox)->start.epoch) == 0;
}

// 1: the acknowledgement, one of our epoch, is of another life of this journal; 0: it is not. What cannot be
// told is not believed.
static int is_foreign(struct tw_store *store, uint64_t through, const uint8_t *head)
{
    const struct tw_chain_start *start = &store->committed.start;
    uint8_t ours[32];
    if (through >= store->committed.next || through > tw_outbox_send_limit(&store->committed)) {
        return 1; // nobody can have seen it
    }
    if (head == NULL || through <= start->through) {
        return 0;
    }
    int rc = tw_outbox_hash(store->outbox, through, ours);
    return rc == TW_OK ? !tw_seal_equal(ours, head, sizeof ours) : rc;
}

static int renew(struct tw_store *store)
{
    int rc = tw_store_begin(store);
    if (rc == TW_OK) {
        store->broken = tw_outbox_renew(store->outbox); // a failure undoes all
        rc = tw_store_commit(store);
    }
    return rc;
}

int tw_store_acknowledge(struct tw_store *store, const char *epoch, uint64_t through, const uint8_t *head)
{
    if (!is_ours(store, epoch)) {
        return TW_OK;
    }
    int foreign = is_foreign(store, through, head);
    if (foreign != 0) {
        return foreign < 0 ? foreign : renew(store);
    }
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    if (state->start.through == state->saved) {
        store->unsaved_since_ms = store->clock->monotonic_ms(store->clock);
    }
    int rc = tw_outbox_acknowledge(store->outbox, through);
    if (rc == TW_OK) {
        store->committed = *state;
    } else {
        tw_outbox_restore(store->outbox, &store->committed);
    }
    return rc;
}

// A rejected capture.gap is not followed by another one: a centre that takes none would get them for ever.
static int write_rejection(struct tw_store *store, uint64_t sequence, const char *reason, bool refused,
                           struct tw_batch **gap)
{
    enum tw_event_type type = TW_EVENT_CAPTURE_GAP;
    int rc = tw_outbox_reject(store->outbox, sequence, reason, store->clock->wall_ms(store->clock), &type);
    if (rc == TW_OK && refused) {
        rc = tw_outbox_renew(store->outbox);
    }
    if (rc != TW_OK || type == TW_EVENT_CAPTURE_GAP) {
        return rc == TW_ERR_NOT_FOUND ? TW_OK : rc;
    }
    *gap = tw_gap_batch(store->clock, store->source, TW_GAP_REJECTED, sequence, sequence, reason);
    return tw_store_write_gap(store, *gap);
}

int tw_store_reject(struct tw_store *store, const char *epoch, uint64_t sequence, const char *reason,
                    bool refused, struct tw_batch **gap)
{
    struct tw_batch *made = NULL;
    struct part part;
    *gap = NULL;
    if (!is_ours(store, epoch)) {
        return TW_OK;
    }
    int rc = part_begin(store, &part);
    if (rc == TW_OK) {
        rc = part_end(store, &part, write_rejection(store, sequence, reason, refused, &made));
    }
    if (rc != TW_OK) {
        tw_batch_free(made);
        return rc;
    }
    *gap = made;
    return TW_OK;
}

static int write_resync(struct tw_store *store, uint64_t from, uint64_t through, struct tw_batch **gap)
{
    int rc = tw_outbox_renew(store->outbox);
    *gap = rc == TW_OK ? tw_gap_batch(store->clock, store->source, TW_GAP_RESYNC, from, through,
                                      "The centre asked for what it had acknowledged before.")
                       : NULL;
    return rc == TW_OK ? tw_store_write_gap(store, *gap) : rc;
}

int tw_store_resync(struct tw_store *store, uint64_t from, enum tw_resync *out, struct tw_batch **gap)
{
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    uint64_t through = state->start.through;
    struct part part;
    struct tw_batch *made = NULL;
    *gap = NULL;
    if (from == 0 || from > state->next) {
        return TW_ERR_INVALID;
    }
    if (from > through) {
        *out = TW_RESYNC_READ;
        return TW_OK;
    }
    int rc = part_begin(store, &part);
    rc = rc != TW_OK ? rc : part_end(store, &part, write_resync(store, from, through, &made));
    if (rc != TW_OK) {
        tw_batch_free(made);
        return rc;
    }
    *gap = made;
    *out = TW_RESYNC_RENEWED;
    return TW_OK;
}

static int write_retries(struct tw_store *store, uint64_t number, uint64_t *count)
{
    struct tw_dead_letter letter = {.number = 0};
    struct tw_record record;
    struct tw_event_row row;
    uint64_t others = 0;
    int rc = 1;
    for (*count = 0; rc == 1;) {
        rc = tw_outbox_letter(store->outbox, number != 0 ? number : letter.number + 1, &letter, &record);
        if (rc == 1 && number != 0 && letter.number != number) {
            rc = 0;
        }
        if (rc == 1 && strcmp(letter.source, store->source) != 0) { // not to go out as what happened here
            others++;
            rc = number == 0;
        } else if (rc == 1) {
            record.row.recorded_ms = store->clock->wall_ms(store->clock);
            int done = tw_outbox_retry(store->outbox, &letter, &record, &row);
            *count += done == TW_OK;
            rc = done != TW_OK ? done : number == 0;
        }
    }
    if (rc == TW_OK && *count == 0 && (number != 0 || others > 0)) {
        rc = others > 0 ? TW_ERR_MISMATCH : TW_ERR_NOT_FOUND;
    }
    return rc;
}

int tw_store_retry(struct tw_store *store, uint64_t number, uint64_t *count)
{
    struct part part;
    uint64_t done = 0;
    int rc = store->room.full ? TW_ERR_FULL : part_begin(store, &part);
    rc = rc != TW_OK ? rc : part_end(store, &part, write_retries(store, number, &done));
    if (rc == TW_OK) {
        *count = done;
    }
    return rc;
}
