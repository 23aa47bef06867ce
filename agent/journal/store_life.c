// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/store_parts.h"
#include "journal_sql.h"

// After so many commits the WAL is brought into the file as soon as nothing is to do; after fewer of them
// later, since each time costs a write of every page that changed.
enum { MANY_COMMITS = 100, VACUUM_PAGES = 512, VACUUM_ROUNDS = 16, VACUUM_SPARE_PAGES = 256 };

// ---- opening ----

static int open_db(struct tw_store *store, struct tw_error_text *err)
{
    const struct tw_db_options options = {
        .what = "the journal",
        .path = store->path,
        .sql = tw_journal_sql,
        .sql_count = TW_JOURNAL_SQL_COUNT,
        .make = tw_journal_make,
        .version = TW_JOURNAL_VERSION,
        .cache_kib = TW_STORE_CACHE_KIB,
        .page_bytes = TW_STORE_PAGE_BYTES,
        .durable = true,
    };
    return tw_db_open(&options, &store->db, err);
}

static int fail_identity(struct tw_store *store, int rc, struct tw_error_text *err)
{
    return tw_fail(err, rc, "opening the journal %s: its identity cannot be written: %s; check the disk",
                   store->path, tw_db_message(store->db));
}

static int read_identity(struct tw_store *store, struct tw_seal *seal, struct tw_error_text *err)
{
    const struct tw_outbox_parts parts = {
        .db = store->db,
        .table = &store->table,
        .marks = &store->marks,
        .seal = seal,
        .source = store->source,
        .path = store->path,
    };
    bool fresh = false;
    int rc = tw_outbox_open(&parts, &store->outbox, &fresh, err);
    if (rc != TW_OK) {
        return rc;
    }
    rc = fresh ? tw_keys_clear(&store->keys) : TW_OK;
    rc = rc == TW_OK && fresh ? tw_marks_clear(&store->marks, TW_MARK_LANE) : rc;
    return rc == TW_OK ? TW_OK : fail_identity(store, rc, err);
}

// A key that opens what it sealed is the right one: then it is the list that is wrong.
static bool opens_the_meta_mark(struct tw_store *store, unsigned key)
{
    return tw_marks_meta_key(&store->marks) == key;
}

// Reads the identity, or writes ours into a journal that is new or has nothing left of another source. Taps
// go on where they were: the devices are the same ones.
static int open_identity(struct tw_store *store, struct tw_seal *seal, struct tw_error_text *err)
{
    int rc = tw_seals_check(&store->seals, store->path, err);
    if (rc != TW_OK) {
        return rc == TW_ERR_MISMATCH && opens_the_meta_mark(store, store->seals.odd) ? TW_ERR_DAMAGED : rc;
    }
    rc = tw_db_begin(store->db);
    if (rc != TW_OK) {
        return fail_identity(store, rc, err);
    }
    rc = read_identity(store, seal, err);
    if (rc != TW_OK) {
        tw_db_rollback(store->db);
        return rc;
    }
    rc = tw_db_commit(store->db);
    return rc == TW_OK ? TW_OK : fail_identity(store, rc, err);
}

static int open_keys(struct tw_store *store, struct tw_error_text *err)
{
    int rc = tw_keys_open(&store->keys);
    return rc == TW_OK ? TW_OK
                       : tw_fail(err, rc, "opening the journal %s: the keys in it cannot be read: %s",
                                 store->path, rc == TW_ERR_DAMAGED ? "it is damaged" : tw_err_name(rc));
}

static void connect_parts(struct tw_store *store, const struct tw_journal_options *options)
{
    store->seals = (struct tw_seals){.db = store->db, .vault = options->vault};
    store->table = (struct tw_table){.db = store->db, .recorder = &store->recorder, .seals = &store->seals};
    store->marks = (struct tw_marks){.db = store->db, .recorder = &store->recorder, .seals = &store->seals};
    store->keys = (struct tw_keys){.db = store->db,
                                   .table = &store->table,
                                   .lived = {.clock = options->clock, .marks = &store->marks},
                                   .requests = {.db = store->db},
                                   .sale_cursor = INT64_MIN};
}

int tw_store_open(const struct tw_journal_options *options, struct tw_store **out, struct tw_error_text *err)
{
    struct tw_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", options->path);
    }
    store->source = strdup(options->source);
    store->path = strdup(options->path);
    store->clock = options->clock;
    store->merge = options->merge;
    int rc = tw_recorder_init(&store->recorder, options->vault);
    if (rc != TW_OK || store->source == NULL || store->path == NULL) {
        tw_store_abandon(store);
        return tw_fail(err, TW_ERR_NOMEM, "opening the journal %s: out of memory; free some", options->path);
    }
    rc = open_db(store, err);
    if (rc == TW_OK) {
        connect_parts(store, options);
        rc = open_identity(store, options->seal, err);
        rc = rc == TW_OK ? open_keys(store, err) : rc;
    }
    if (rc != TW_OK) {
        tw_store_abandon(store);
        return rc;
    }
    store->room = (struct tw_room){.db = store->db,
                                   .outbox = store->outbox,
                                   .path = store->path,
                                   .max_bytes = options->max_bytes,
                                   .reserve_bytes = options->reserve_bytes,
                                   .shrunk_to = INT64_MIN};
    store->committed = *tw_outbox_state(store->outbox);
    *out = store;
    return TW_OK;
}

int tw_store_check(struct tw_store *store, struct tw_error_text *err)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_JOURNAL_SQL_PAGES_CHECK);
    int rc = tw_stmt_step(stmt);
    struct tw_slice word = rc == 1 ? tw_stmt_get(stmt, 0) : tw_slice_make(NULL, 0);
    if (rc >= 0) {
        rc = word.len == 2 && memcmp(word.ptr, "ok", 2) == 0 ? TW_OK : TW_ERR_DAMAGED;
    }
    tw_stmt_end(stmt);
    rc = rc == TW_OK ? tw_marks_check(&store->marks) : rc;
    return rc == TW_OK ? TW_OK
                       : tw_fail(err, rc, "checking the journal %s: %s", store->path,
                                 rc == TW_ERR_DAMAGED ? "it is damaged" : tw_db_message(store->db));
}

int tw_store_settle(struct tw_store *store)
{
    return tw_db_checkpoint(store->db, true);
}

// ---- closing ----

static void free_store(struct tw_store *store)
{
    tw_outbox_free(store->outbox);
    tw_table_free(&store->table);
    tw_marks_free(&store->marks);
    tw_keys_free(&store->keys);
    tw_recorder_free(&store->recorder);
    tw_db_close(store->db);
    free(store->source);
    free(store->path);
    free(store);
}

void tw_store_abandon(struct tw_store *store)
{
    if (store != NULL) {
        if (store->db != NULL) {
            tw_db_keep_wal(store->db); // what it would overwrite may be what can be saved
        }
        free_store(store);
    }
}

void tw_store_close(struct tw_store *store)
{
    if (store == NULL) {
        return;
    }
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    bool unsaved = state->start.through > state->saved || state->next - 1 > state->counted_to;
    // If this fails it only costs time at the next start, and what is sent twice.
    if (unsaved && tw_db_begin(store->db) == TW_OK &&
        (tw_outbox_save(store->outbox) != TW_OK || tw_db_commit(store->db) != TW_OK)) {
        tw_db_rollback(store->db);
    }
    free_store(store);
}

// ---- reading ----

int tw_store_read(struct tw_store *store, uint64_t from, size_t max_rows, struct tw_rows **out)
{
    return tw_outbox_read(store->outbox, from, max_rows, out);
}

int tw_store_letters(struct tw_store *store, uint64_t after, size_t max, tw_dead_letter_fn *letter, void *ctx)
{
    struct tw_dead_letter found = {.number = after};
    struct tw_record record;
    int rc = 1;
    for (size_t i = 0; i < max && rc == 1; i++) {
        rc = tw_outbox_letter(store->outbox, found.number + 1, &found, &record);
        if (rc == 1) {
            int taken = letter(ctx, &found);
            rc = taken == TW_OK ? 1 : taken;
        }
    }
    return rc < 0 ? rc : TW_OK;
}

const struct tw_outbox_state *tw_store_state(const struct tw_store *store)
{
    return tw_outbox_state(store->outbox);
}

void tw_store_stats(const struct tw_store *store, struct tw_journal_stats *out)
{
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    memcpy(out->epoch, state->start.epoch, sizeof out->epoch);
    out->next_sequence = state->next;
    out->through = state->start.through;
    memcpy(out->head, state->start.head, sizeof out->head);
    out->queued_events = state->next - 1 - state->start.through - state->dead_rows;
    out->queued_bytes = state->live_bytes;
    out->oldest_ms = state->oldest_ms;
    out->latest_ms = tw_outbox_now(store->outbox, 0);
    out->dead_letters = state->dead_letters;
    out->send_limit = tw_outbox_send_limit(state);
    out->dropped = store->room.dropped;
    out->file_bytes = store->room.file_bytes;
    out->full = store->room.full;
    out->seal_key = tw_vault_current(store->seals.vault);
    out->oldest_seal_key = store->seals.oldest;
}

// ---- resting ----

static int retire_keys(struct tw_store *store)
{
    int rc = tw_store_begin(store);
    if (rc == TW_OK) {
        store->broken = tw_marks_reseal(&store->marks);
        store->broken = store->broken != TW_OK ? store->broken : tw_seals_retire(&store->seals);
        rc = tw_store_commit(store);
    }
    return rc;
}

// Pages that a long queue left free go back to the disk, a part at a time.
static int give_back_pages(struct tw_store *store)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_JOURNAL_SQL_PAGES_USED);
    bool many = tw_stmt_step(stmt) == 1 &&
                tw_stmt_get_int(stmt, 1) > VACUUM_SPARE_PAGES + tw_stmt_get_int(stmt, 0) / 4;
    tw_stmt_end(stmt);
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    int rc = TW_OK;
    for (int i = 0; many && i < VACUUM_ROUNDS && rc == TW_OK; i++) {
        rc = tw_db_exec(store->db, sql);
    }
    return rc;
}

int tw_store_rest(struct tw_store *store, bool thorough)
{
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    int rc = store->seals.several && thorough ? retire_keys(store) : TW_OK;
    rc = rc == TW_OK && thorough ? give_back_pages(store) : rc;
    if (rc == TW_OK && (thorough || store->commits >= MANY_COMMITS)) {
        rc = tw_db_checkpoint(store->db, state->next == state->start.through + 1);
        store->commits = 0;
    }
    tw_recorder_rest(&store->recorder);
    tw_table_rest(&store->table);
    tw_db_release(store->db);
    return rc;
}
