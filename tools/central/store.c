// SPDX-License-Identifier: Apache-2.0
#include "tools/central/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/journal/outbox.h"
#include "central_sql.h"

#define BUCKETS         4096 // a power of two
#define KEEP_UNREADABLE 100

static_assert(TW_STORE_REJECTS >= TW_SEND_AHEAD,
              "all that a terminal may not have heard of must be among the newest");

struct tw_centre_store {
    struct tw_db *db;
    bool open; // a group is
    struct tw_epoch *buckets[BUCKETS];
    struct tw_epoch *dirty;
    unsigned fresh; // the most that one epoch has in the group
};

// FNV-1a (RFC 9923), over both texts.
static size_t bucket_of(const char *source, const char *epoch)
{
    uint32_t hash = 2166136261U;
    for (const char *at = source; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619U;
    }
    for (const char *at = epoch; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619U;
    }
    return hash & (BUCKETS - 1);
}

static struct tw_epoch *remember(struct tw_centre_store *store, const char *source, const char *epoch)
{
    struct tw_epoch *found = calloc(1, sizeof *found);
    if (found != NULL) {
        (void)snprintf(found->source, sizeof found->source, "%s", source);
        (void)snprintf(found->epoch, sizeof found->epoch, "%s", epoch);
        struct tw_epoch **bucket = &store->buckets[bucket_of(source, epoch)];
        found->next = *bucket;
        *bucket = found;
    }
    return found;
}

static void text_of(const struct tw_stmt *stmt, int column, char *out, size_t size)
{
    struct tw_slice text = tw_stmt_get(stmt, column);
    (void)snprintf(out, size, "%.*s", (int)text.len, text.len > 0 ? (const char *)text.ptr : "");
}

static int load_row(struct tw_centre_store *store, const struct tw_stmt *stmt)
{
    char source[100], epoch[37];
    text_of(stmt, 2, source, sizeof source);
    text_of(stmt, 3, epoch, sizeof epoch);
    struct tw_epoch *found = remember(store, source, epoch);
    if (found == NULL) {
        return TW_ERR_NOMEM;
    }
    found->id = tw_stmt_get_int(stmt, 0);
    found->terminal = tw_stmt_get_int(stmt, 1);
    found->through = (uint64_t)tw_stmt_get_int(stmt, 4);
    found->seen = (uint64_t)tw_stmt_get_int(stmt, 5);
    found->duplicates = (uint64_t)tw_stmt_get_int(stmt, 7);
    found->ahead = (uint64_t)tw_stmt_get_int(stmt, 8);
    found->broken = (uint64_t)tw_stmt_get_int(stmt, 9);
    return tw_stmt_get_fixed(stmt, 6, found->head, sizeof found->head);
}

static int load(struct tw_centre_store *store)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_EPOCH_ALL);
    int rc = tw_stmt_step(stmt);
    while (rc == 1) {
        rc = load_row(store, stmt);
        rc = rc == TW_OK ? tw_stmt_step(stmt) : rc;
    }
    tw_stmt_end(stmt);
    return rc;
}

int tw_centre_store_open(const char *path, struct tw_centre_store **out, struct tw_error_text *err)
{
    const struct tw_db_options options = {
        .what = "the centre's database",
        .path = path,
        .sql = tw_central_sql,
        .sql_count = TW_CENTRAL_SQL_COUNT,
        .make = tw_central_make,
        .version = TW_STORE_VERSION,
        .cache_kib = 8192,
        .durable = true,
    };
    struct tw_centre_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "cannot open %s: out of memory", path);
    }
    int rc = tw_db_open(&options, &store->db, err);
    if (rc == TW_OK) {
        rc = load(store);
        if (rc == TW_OK) {
            rc = tw_db_exec(store->db, "CREATE TEMP TABLE listed (store TEXT, pseudonym TEXT, "
                                       "PRIMARY KEY (store, pseudonym)) WITHOUT ROWID");
        }
        if (rc != TW_OK) {
            (void)tw_fail(err, rc, "cannot read %s: %s", path, tw_db_message(store->db));
        }
    }
    if (rc != TW_OK) {
        tw_centre_store_close(store);
        return rc;
    }
    *out = store;
    return TW_OK;
}

void tw_centre_store_close(struct tw_centre_store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (store->buckets[i] != NULL) {
            struct tw_epoch *epoch = store->buckets[i];
            store->buckets[i] = epoch->next;
            free(epoch);
        }
    }
    tw_db_close(store->db);
    free(store);
}

struct tw_db *tw_centre_store_db(struct tw_centre_store *store)
{
    return store->db;
}

// ---- epochs ----

// Runs a statement that returns one number.
static int run_for_id(struct tw_stmt *stmt, int64_t *out)
{
    int rc = tw_stmt_step(stmt);
    if (rc == 1) {
        *out = tw_stmt_get_int(stmt, 0);
        rc = tw_stmt_run(stmt); // RETURNING writes for certain only when stepped to its end
    }
    return rc;
}

static int new_epoch(struct tw_centre_store *store, struct tw_epoch *epoch)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_TERMINAL_PUT);
    tw_stmt_text(stmt, 1, tw_slice_of(epoch->source));
    int rc = run_for_id(stmt, &epoch->terminal);
    if (rc != TW_OK) {
        return rc;
    }
    stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_EPOCH_NEW);
    tw_stmt_int(stmt, 1, epoch->terminal);
    tw_stmt_text(stmt, 2, tw_slice_of(epoch->epoch));
    tw_stmt_blob(stmt, 3, tw_slice_make(epoch->head, sizeof epoch->head));
    return run_for_id(stmt, &epoch->id);
}

int tw_centre_store_epoch(struct tw_centre_store *store, const char *source, const char *epoch, bool make,
                          struct tw_epoch **out)
{
    struct tw_epoch *found = store->buckets[bucket_of(source, epoch)];
    while (found != NULL && (strcmp(found->epoch, epoch) != 0 || strcmp(found->source, source) != 0)) {
        found = found->next;
    }
    if (found == NULL) {
        if (!make) {
            return TW_ERR_NOT_FOUND;
        }
        found = remember(store, source, epoch);
        int rc = found != NULL ? tw_centre_store_begin(store) : TW_ERR_NOMEM;
        rc = rc == TW_OK ? new_epoch(store, found) : rc;
        if (rc != TW_OK) {
            return rc;
        }
    }
    *out = found;
    return TW_OK;
}

void tw_centre_store_touch(struct tw_centre_store *store, struct tw_epoch *epoch)
{
    if (!epoch->dirty) {
        epoch->dirty = true;
        epoch->other = store->dirty;
        store->dirty = epoch;
    }
}

// ---- messages ----

static int is_known(struct tw_centre_store *store, const struct tw_epoch *epoch, const char *id, bool *out)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_MESSAGE_KNOWN);
    tw_stmt_int(stmt, 1, epoch->terminal);
    tw_stmt_text(stmt, 2, tw_slice_of(id));
    int rc = tw_stmt_step(stmt);
    tw_stmt_end(stmt);
    *out = rc == 1;
    return rc < 0 ? rc : TW_OK;
}

static void text_or_null(struct tw_stmt *stmt, int at, const char *text)
{
    if (text != NULL) {
        tw_stmt_text(stmt, at, tw_slice_of(text));
    }
}

static int put_message(struct tw_centre_store *store, const struct tw_epoch *epoch,
                       const struct tw_settling *settling)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_MESSAGE_PUT);
    tw_stmt_int(stmt, 1, epoch->id);
    tw_stmt_int(stmt, 2, (int64_t)settling->sequence);
    tw_stmt_int(stmt, 3, epoch->terminal);
    tw_stmt_int(stmt, 4, settling->status);
    text_or_null(stmt, 5, settling->id);
    text_or_null(stmt, 6, settling->type);
    text_or_null(stmt, 7, settling->time);
    text_or_null(stmt, 8, settling->reason);
    tw_stmt_blob(stmt, 9, settling->payload);
    return tw_stmt_run(stmt);
}

// Whether an id is known is asked only where the index `once` refuses it: that is rare.
int tw_centre_store_settle(struct tw_centre_store *store, struct tw_epoch *epoch,
                           struct tw_settling *settling)
{
    bool known = false;
    int rc = tw_centre_store_begin(store);
    rc = rc == TW_OK ? put_message(store, epoch, settling) : rc;
    if (rc == TW_ERR_EXISTS && settling->status == TW_APPLIED) {
        int asked = is_known(store, epoch, settling->id, &known);
        rc = asked != TW_OK ? asked : rc;
    }
    if (known) {
        settling->status = TW_REPEAT;
        rc = put_message(store, epoch, settling);
    }
    if (rc == TW_OK) {
        epoch->through = settling->sequence;
        epoch->fresh++;
        store->fresh = epoch->fresh > store->fresh ? epoch->fresh : store->fresh;
    }
    return rc;
}

int tw_centre_store_skip(struct tw_centre_store *store, struct tw_epoch *epoch, uint64_t through,
                         const uint8_t head[32])
{
    int rc = tw_centre_store_begin(store);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_MISSING_PUT);
    tw_stmt_int(stmt, 1, epoch->id);
    tw_stmt_int(stmt, 2, (int64_t)epoch->through + 1);
    tw_stmt_int(stmt, 3, (int64_t)through);
    tw_stmt_blob(stmt, 4, tw_slice_make(head, 32));
    rc = tw_stmt_run(stmt);
    if (rc == TW_OK) {
        epoch->through = through;
        epoch->seen = through > epoch->seen ? through : epoch->seen;
        memcpy(epoch->head, head, sizeof epoch->head);
        tw_centre_store_touch(store, epoch);
    }
    return rc;
}

int tw_centre_store_unreadable(struct tw_centre_store *store, const char *source, const char *reason,
                               struct tw_slice payload)
{
    int64_t id = 0;
    int rc = tw_centre_store_begin(store);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_UNREADABLE_PUT);
    tw_stmt_text(stmt, 1, tw_slice_of(source));
    tw_stmt_text(stmt, 2, tw_slice_of(reason));
    tw_stmt_blob(stmt, 3, payload);
    rc = run_for_id(stmt, &id);
    if (rc == TW_OK) {
        stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_UNREADABLE_TRIM);
        tw_stmt_int(stmt, 1, id - KEEP_UNREADABLE);
        rc = tw_stmt_run(stmt);
    }
    return rc;
}

int tw_centre_store_rejects(struct tw_centre_store *store, const struct tw_epoch *epoch, uint64_t above,
                            void (*each)(void *ctx, uint64_t sequence, const char *reason), void *ctx)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_REJECT_ABOVE);
    tw_stmt_int(stmt, 1, epoch->id);
    tw_stmt_int(stmt, 2, (int64_t)above);
    tw_stmt_int(stmt, 3, TW_STORE_REJECTS);
    int rc = tw_stmt_step(stmt);
    while (rc == 1) {
        char reason[513];
        text_of(stmt, 1, reason, sizeof reason);
        each(ctx, (uint64_t)tw_stmt_get_int(stmt, 0), reason);
        rc = tw_stmt_step(stmt);
    }
    return rc;
}

// ---- groups ----

unsigned tw_centre_store_fresh(const struct tw_centre_store *store)
{
    return store->fresh;
}

int tw_centre_store_begin(struct tw_centre_store *store)
{
    if (store->open) {
        return TW_OK;
    }
    int rc = tw_db_begin(store->db);
    store->open = rc == TW_OK;
    return rc;
}

static int write_epoch(struct tw_centre_store *store, const struct tw_epoch *epoch)
{
    struct tw_stmt *stmt = tw_db_sql(store->db, TW_CENTRAL_SQL_EPOCH_PUT);
    tw_stmt_int(stmt, 1, epoch->id);
    tw_stmt_int(stmt, 2, (int64_t)epoch->through);
    tw_stmt_int(stmt, 3, (int64_t)epoch->seen);
    tw_stmt_blob(stmt, 4, tw_slice_make(epoch->head, sizeof epoch->head));
    tw_stmt_int(stmt, 5, (int64_t)epoch->duplicates);
    tw_stmt_int(stmt, 6, (int64_t)epoch->ahead);
    tw_stmt_int(stmt, 7, (int64_t)epoch->broken);
    return tw_stmt_run(stmt);
}

int tw_centre_store_commit(struct tw_centre_store *store, struct tw_epoch **dirty)
{
    int rc = store->dirty != NULL ? tw_centre_store_begin(store) : TW_OK;
    for (const struct tw_epoch *epoch = store->dirty; epoch != NULL && rc == TW_OK; epoch = epoch->other) {
        rc = write_epoch(store, epoch);
    }
    if (rc == TW_OK && store->open) {
        store->open = false;
        rc = tw_db_commit(store->db);
    }
    if (rc != TW_OK) {
        return rc;
    }
    *dirty = store->dirty;
    for (struct tw_epoch *epoch = store->dirty; epoch != NULL; epoch = epoch->other) {
        epoch->dirty = false;
        epoch->fresh = 0;
    }
    store->dirty = NULL;
    store->fresh = 0;
    return TW_OK;
}
