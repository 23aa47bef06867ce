// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/store.h"

#include "agent/journal/gap.h"
#include "agent/journal/keys.h"
#include "agent/journal/room.h"
#include "journal_sql.h"

struct tw_store {
    const struct tw_clock *clock;
    tw_journal_merge_fn *merge;
    struct tw_db *db;
    struct tw_outbox *outbox;
    struct tw_keys keys;
    struct tw_room room;
    char *source;
    struct tw_outbox_state committed; // outside of a group: the current one
    int broken;                       // why SQLite gave the running transaction up; 0: it did not
};

// What is to be done with the batch's sale.
struct plan {
    enum tw_outcome outcome;
    bool write_sale;
    uint8_t known_id[16]; // of a sale that was known
};

// ---- opening ----

static int open_db(struct tw_store *store, const char *path, struct tw_error_text *err)
{
    const struct tw_db_options options = {
        .what = "the journal",
        .path = path,
        .sql = tw_journal_sql,
        .sql_count = TW_JOURNAL_SQL_COUNT,
        .make = tw_journal_make,
        .version = TW_JOURNAL_VERSION,
        .cache_kib = TW_STORE_CACHE_KIB,
        .durable = true,
    };
    return tw_db_open(&options, &store->db, err);
}

static int fail_identity(struct tw_store *store, const char *path, int rc, struct tw_error_text *err)
{
    return tw_fail(err, rc, "opening the journal %s: its identity cannot be written: %s; check the disk",
                   path, tw_db_message(store->db));
}

// Reads the identity, or writes ours into a journal that is new or has nothing left of another source. Taps
// go on where they were: the devices are the same ones.
static int open_identity(struct tw_store *store, const struct tw_journal_options *options,
                         struct tw_error_text *err)
{
    int rc = tw_db_begin(store->db);
    if (rc != TW_OK) {
        return fail_identity(store, options->path, rc, err);
    }
    bool fresh = false;
    rc =
        tw_outbox_open(store->db, options->path, options->source, options->seal, &store->outbox, &fresh, err);
    if (rc != TW_OK) {
        tw_db_rollback(store->db);
        return rc;
    }
    if (fresh) {
        rc = tw_keys_clear(&store->keys);
    }
    if (fresh && rc == TW_OK) {
        rc = tw_stmt_run(tw_db_sql(store->db, TW_JOURNAL_SQL_LANE_CLEAR));
    }
    if (rc == TW_OK) {
        rc = tw_db_commit(store->db);
    } else {
        tw_db_rollback(store->db);
    }
    return rc == TW_OK ? TW_OK : fail_identity(store, options->path, rc, err);
}

int tw_store_open(const struct tw_journal_options *options, struct tw_store **out, struct tw_error_text *err)
{
    struct tw_store *store = calloc(1, sizeof *store);
    char *source = strdup(options->source);
    if (store == NULL || source == NULL) {
        free(store);
        free(source);
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", options->path);
    }
    store->source = source;
    store->clock = options->clock;
    store->merge = options->merge;
    store->room.max_bytes = options->max_bytes;
    store->room.reserve_bytes = options->reserve_bytes;
    store->room.path = strdup(options->path);
    int rc = store->room.path != NULL ? open_db(store, options->path, err) : TW_ERR_NOMEM;
    if (rc == TW_OK) {
        store->keys.db = store->db;
        store->room.db = store->db;
        rc = open_identity(store, options, err);
    }
    if (rc != TW_OK) {
        tw_store_close(store);
        return rc;
    }
    store->committed = *tw_outbox_state(store->outbox);
    *out = store;
    return TW_OK;
}

// Stores the size of the queue, so that the next start need not add it up. If that fails it only costs time.
static void store_count(struct tw_store *store)
{
    if (tw_db_begin(store->db) == TW_OK) {
        if (tw_outbox_count(store->outbox, true) != TW_OK || tw_db_commit(store->db) != TW_OK) {
            tw_db_rollback(store->db);
        }
    }
}

void tw_store_close(struct tw_store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->outbox != NULL) {
        store_count(store);
    }
    tw_outbox_free(store->outbox);
    tw_db_close(store->db);
    free(store->source);
    free(store->room.path);
    free(store);
}

// ---- groups ----

int tw_store_begin(struct tw_store *store)
{
    store->broken = TW_OK;
    return tw_db_begin(store->db);
}

static int in_passing(struct tw_store *store)
{
    int rc = tw_outbox_count(store->outbox, false);
    if (rc == TW_OK && store->clock->trust(store->clock) != TW_CLOCK_SUSPECT) {
        rc = tw_keys_expire(&store->keys, store->clock->wall_ms(store->clock),
                            store->clock->monotonic_ms(store->clock));
    }
    return rc;
}

int tw_store_commit(struct tw_store *store)
{
    int rc = store->broken != TW_OK ? store->broken : in_passing(store);
    if (rc == TW_OK) {
        rc = tw_db_commit(store->db);
    } else {
        tw_db_rollback(store->db);
    }
    if (rc == TW_OK) {
        store->committed = *tw_outbox_state(store->outbox);
    } else {
        tw_outbox_restore(store->outbox, &store->committed);
    }
    return rc;
}

static int part_begin(struct tw_store *store, struct tw_outbox_state *before)
{
    *before = *tw_outbox_state(store->outbox);
    return store->broken != TW_OK ? store->broken : tw_db_save(store->db);
}

static int part_end(struct tw_store *store, const struct tw_outbox_state *before, int rc)
{
    if (rc == TW_OK) {
        rc = tw_db_keep(store->db);
    }
    if (rc != TW_OK && store->broken == TW_OK) {
        tw_outbox_restore(store->outbox, before);
        int undone = tw_db_undo(store->db);
        if (undone != TW_OK) {
            store->broken = rc;
        }
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
    struct tw_slice old_data;
    int rc = tw_keys_sale(&store->keys, tw_batch_text(batch, batch->sale_key), plan->known_id, &old_data);
    if (rc == 1) {
        char old_id[37];
        tw_uuid_text(plan->known_id, old_id);
        tw_buf_clear(&sale->made);
        struct tw_slice again = tw_batch_text(batch, batch->sale_again);
        again = again.len > 0 ? again : tw_batch_text(batch, sale->data);
        rc = store->merge(old_data, again, old_id, &sale->made);
        plan->write_sale = rc > 0;
        plan->outcome = rc > 0 ? TW_OUTCOME_CORRECTED : TW_OUTCOME_REPEAT;
        if (rc > 0) {
            sale->type = TW_EVENT_SALE_CORRECTED;
            rc = tw_buf_status(&sale->made);
        }
    }
    tw_keys_sale_done(&store->keys);
    return rc;
}

static int write_event(struct tw_store *store, struct tw_batch *batch, size_t index)
{
    struct tw_event_row row = tw_batch_row(batch, index);
    int rc = tw_outbox_append(store->outbox, &row);
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
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_batch_event *sale = &batch->events[batch->sale];
    struct tw_slice key = tw_batch_text(batch, batch->sale_key);
    struct tw_slice data = tw_batch_row(batch, batch->sale).data;
    return plan->outcome == TW_OUTCOME_CORRECTED
               ? tw_keys_set_sale(&store->keys, key, sale->id, data)
               : tw_keys_add_sale(&store->keys, key, sale->id, data,
                                  tw_outbox_now(store->outbox, batch->recorded_ms));
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

static int write_positions(struct tw_store *store, const struct tw_batch *batch, bool with_lane)
{
    int rc = TW_OK;
    if (batch->has_tap) {
        struct tw_stmt *stmt = tw_db_sql(store->db, TW_JOURNAL_SQL_TAP_PUT);
        tw_stmt_text(stmt, 1, tw_batch_text(batch, batch->tap_device));
        tw_stmt_blob(stmt, 2, tw_slice_make(batch->tap_boot, sizeof batch->tap_boot));
        tw_stmt_int(stmt, 3, (int64_t)batch->tap_offset);
        tw_stmt_blob(stmt, 4, tw_batch_text(batch, batch->tap_state));
        rc = tw_stmt_run(stmt);
    }
    if (rc == TW_OK && batch->has_lane && with_lane) {
        struct tw_stmt *stmt = tw_db_sql(store->db, TW_JOURNAL_SQL_LANE_PUT);
        tw_stmt_text(stmt, 1, tw_batch_text(batch, batch->lane_name));
        tw_stmt_blob(stmt, 2, tw_batch_text(batch, batch->lane_state));
        rc = tw_stmt_run(stmt);
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
}

static int write_batch(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result)
{
    struct plan plan;
    int rc = batch->has_request
                 ? tw_keys_request(&store->keys, batch->request_key, batch->request_body, result->id)
                 : 0;
    if (rc == 1) { // answered before: whatever else the batch holds was written then
        result->outcome = TW_OUTCOME_REPEAT;
        return write_positions(store, batch, false);
    }
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
        rc = tw_keys_add_request(&store->keys, batch->request_key, batch->request_body, result->id,
                                 tw_outbox_now(store->outbox, batch->recorded_ms));
    }
    return rc == TW_OK ? write_positions(store, batch, plan.outcome == TW_OUTCOME_NEW) : rc;
}

void tw_store_batch(struct tw_store *store, struct tw_batch *batch, struct tw_journal_result *result)
{
    struct tw_outbox_state before;
    *result = (struct tw_journal_result){0};
    batch->recorded_ms = store->clock->wall_ms(store->clock);
    bool full = tw_room_is_full(&store->room, store->clock->monotonic_ms(store->clock));
    int rc = full ? TW_ERR_FULL : part_begin(store, &before);
    if (rc == TW_OK) {
        rc = part_end(store, &before, write_batch(store, batch, result));
    }
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

bool tw_store_is_foreign(struct tw_store *store, const char *epoch, uint64_t through, const uint8_t *head)
{
    if (!is_ours(store, epoch) || through >= store->committed.next) {
        return is_ours(store, epoch);
    }
    uint8_t ours[32];
    return head != NULL && through > store->committed.start.through &&
           tw_outbox_hash(store->outbox, through, ours) == TW_OK && !tw_seal_equal(ours, head, sizeof ours);
}

int tw_store_acknowledge(struct tw_store *store, const char *epoch, uint64_t through, const uint8_t *head)
{
    if (!is_ours(store, epoch)) {
        return TW_OK;
    }
    struct tw_outbox_state before;
    int rc = part_begin(store, &before);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_store_is_foreign(store, epoch, through, head) ? tw_outbox_renew(store->outbox)
                                                          : tw_outbox_acknowledge(store->outbox, through);
    return part_end(store, &before, rc);
}

// A rejected capture.gap is not followed by another one: a centre that takes none would get them for ever.
static int write_rejection(struct tw_store *store, uint64_t sequence, const char *reason,
                           struct tw_batch **gap)
{
    enum tw_event_type type = TW_EVENT_CAPTURE_GAP;
    int64_t now_ms = store->clock->wall_ms(store->clock);
    int rc = tw_outbox_reject(store->outbox, sequence, reason, now_ms, &type);
    if (rc != TW_OK || type == TW_EVENT_CAPTURE_GAP) {
        return rc == TW_ERR_NOT_FOUND ? TW_OK : rc;
    }
    struct tw_batch *batch = tw_gap_rejected(store->clock, store->source, sequence, reason);
    if (batch == NULL) {
        return TW_ERR_NOMEM;
    }
    batch->recorded_ms = now_ms;
    rc = tw_batch_check(batch);
    if (rc == TW_OK) {
        rc = write_event(store, batch, 0);
    }
    if (rc != TW_OK) {
        tw_batch_free(batch);
        return rc;
    }
    *gap = batch;
    return TW_OK;
}

int tw_store_reject(struct tw_store *store, const char *epoch, uint64_t sequence, const char *reason,
                    struct tw_batch **gap)
{
    struct tw_batch *made = NULL;
    struct tw_outbox_state before;
    int rc = is_ours(store, epoch) ? part_begin(store, &before) : TW_ERR_NOT_FOUND;
    if (rc == TW_OK) {
        rc = part_end(store, &before, write_rejection(store, sequence, reason, &made));
    }
    if (rc != TW_OK && rc != TW_ERR_NOT_FOUND) {
        tw_batch_free(made);
        return rc;
    }
    *gap = made;
    return TW_OK;
}

// ---- reading ----

int tw_store_read(struct tw_store *store, uint64_t from, size_t max_rows, struct tw_rows **out)
{
    return tw_outbox_read(store->outbox, from, max_rows, out);
}

static int get_tap(struct tw_stmt *stmt, struct tw_journal_tap *out)
{
    struct tw_journal_tap tap = {.known = true};
    struct tw_slice state = tw_stmt_get(stmt, 2);
    if (state.len > sizeof tap.state) {
        return TW_ERR_DAMAGED;
    }
    int rc = tw_stmt_get_fixed(stmt, 0, tap.boot, sizeof tap.boot);
    if (rc == TW_OK) {
        tap.offset = (uint64_t)tw_stmt_get_int(stmt, 1);
        tap.state_len = state.len;
        if (state.len > 0) {
            memcpy(tap.state, state.ptr, state.len);
        }
        *out = tap;
    }
    return rc;
}

int tw_store_tap(struct tw_store *store, const char *device, struct tw_journal_tap *out)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_JOURNAL_SQL_TAP_GET);
    tw_stmt_text(stmt, 1, tw_slice_of(device));
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        rc = get_tap(stmt, out);
    } else if (rc == 0) {
        *out = (struct tw_journal_tap){0};
    }
    tw_stmt_end(stmt);
    return rc;
}

int tw_store_lane(struct tw_store *store, const char *workstation, struct tw_buf *out)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_JOURNAL_SQL_LANE_GET);
    tw_stmt_text(stmt, 1, tw_slice_of(workstation));
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        struct tw_slice state = tw_stmt_get(stmt, 0);
        tw_buf_add(out, state.ptr, state.len);
        rc = tw_buf_status(out);
    }
    tw_stmt_end(stmt);
    return rc;
}

int tw_store_checkpoint(struct tw_store *store)
{
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    int rc = tw_db_checkpoint(store->db, state->next == state->start.through + 1);
    tw_db_release(store->db);
    return rc;
}

const struct tw_outbox_state *tw_store_state(const struct tw_store *store)
{
    return tw_outbox_state(store->outbox);
}
