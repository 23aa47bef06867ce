// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/alloc_rig.h"

#include <sqlite3.h>
#include <unistd.h>

// ---- the journal ----

static int merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                 struct tw_buf *merged)
{
    (void)old_id;
    if (old_data.len == new_data.len && memcmp(old_data.ptr, new_data.ptr, old_data.len) == 0) {
        return 0;
    }
    tw_buf_add(merged, new_data.ptr, new_data.len);
    return 1;
}

int alloc_open_store(struct alloc_rig *rig)
{
    struct tw_error_text err = {""};
    int rc = tw_store_open(&rig->options, &rig->store, &err);
    assert_true(rc == TW_OK || err.text[0] != 0);
    return rc;
}

void alloc_close_store(struct alloc_rig *rig)
{
    tw_store_close(rig->store);
    rig->store = NULL;
}

static struct tw_batch *new_batch(struct alloc_rig *rig)
{
    struct tw_batch *batch = tw_batch_new();
    assert_non_null(batch);
    tw_batch_time(batch, &rig->clock.clock);
    return batch;
}

struct tw_batch *alloc_sale_batch(struct alloc_rig *rig, const char *key, const char *data)
{
    struct tw_batch *batch = new_batch(rig);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_slice_of(data));
    tw_batch_event(batch, TW_EVENT_COUPON_REDEEMED, "c", tw_slice_of("{\"sale\":\"" TW_BATCH_SALE_ID "\"}"));
    return batch;
}

struct tw_batch *alloc_request_batch(struct alloc_rig *rig, const char *key)
{
    static const uint8_t body[32] = {1};
    struct tw_batch *batch = new_batch(rig);
    tw_batch_idempotency(batch, key, body);
    tw_batch_event(batch, TW_EVENT_LOYALTY_LOOKED_UP, "v1:aa", tw_slice_of("{\"n\":2}"));
    return batch;
}

struct tw_batch *alloc_tap_batch(struct alloc_rig *rig, size_t bytes, uint64_t offset)
{
    static const uint8_t boot[16] = {1};
    char data[8192];
    (void)snprintf(data, sizeof data, "{\"pad\":\"%0*d\"}", (int)bytes, 7);
    struct tw_batch *batch = new_batch(rig);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of(data));
    tw_batch_tap(batch, world_tap_name(0), boot, offset, tw_slice_of("state"));
    tw_batch_lane(batch, world_lane_name(0), tw_slice_of("17"));
    return batch;
}

// ---- groups ----

void alloc_add_batch(struct alloc_rig *rig, struct tw_batch *batch)
{
    size_t i = 0;
    while (rig->batches[i] != NULL) {
        i++;
    }
    rig->batches[i] = batch;
    rig->results[i].error = TW_ERR_AGAIN; // not written yet
}

void alloc_free_batches(struct alloc_rig *rig)
{
    for (size_t i = 0; i < ALLOC_BATCHES; i++) {
        tw_batch_free(rig->batches[i]);
        rig->batches[i] = NULL;
    }
}

// Writes those that are not written yet. A batch fails alone; if the commit fails, all do.
int alloc_write_batches(struct alloc_rig *rig)
{
    bool tried[ALLOC_BATCHES] = {false};
    int failed = TW_OK;
    int rc = tw_store_begin(rig->store);
    for (size_t i = 0; i < ALLOC_BATCHES && rc == TW_OK; i++) {
        tried[i] = rig->batches[i] != NULL && rig->results[i].error != TW_OK;
        if (tried[i]) {
            tw_store_batch(rig->store, rig->batches[i], &rig->results[i]);
            failed = rig->results[i].error != TW_OK ? rig->results[i].error : failed;
        }
    }
    rc = rc == TW_OK ? tw_store_commit(rig->store) : rc;
    struct world_faults faults = {.missing = 0};
    for (size_t i = 0; i < ALLOC_BATCHES; i++) {
        if (tried[i] && rc != TW_OK) {
            rig->results[i].error = rc;
            tw_batch_unwrite(rig->batches[i]);
        } else if (tried[i] && rig->results[i].error == TW_OK) {
            world_write(&rig->world, rig->batches[i], &faults);
            if (rig->batches[i]->has_tap) {
                rig->world.taps[0] = rig->batches[i]->tap_offset;
                rig->world.lanes[0] = 17;
            }
        }
    }
    if (world_is_wrong(&faults)) {
        fail_msg("%s", faults.text);
    }
    return rc != TW_OK ? rc : failed;
}

void alloc_write_one(struct alloc_rig *rig, struct tw_batch *batch)
{
    alloc_add_batch(rig, batch);
    assert_int_equal(alloc_write_batches(rig), TW_OK);
    alloc_free_batches(rig);
}

// ---- checking ----

void alloc_check(struct alloc_rig *rig, const char *when, bool started)
{
    int rc = TW_OK;
    struct world_view *view = world_look(rig->store, &rc);
    if (view == NULL) {
        fail_msg("%s: the journal cannot be read: %s", when, tw_err_name(rc));
    }
    struct world_faults faults = {.missing = 0};
    world_compare(&rig->world, view, &faults);
    if (world_is_wrong(&faults)) {
        fail_msg("%s: %s", when, faults.text);
    }
    world_adopt(&rig->world, view, started);
    world_view_free(view);
}

void alloc_check_file(struct alloc_rig *rig)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(rig->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int alloc_begin_life(struct alloc_rig *rig)
{
    int rc = alloc_open_store(rig);
    if (rc == TW_OK && rig->world.epoch[0] == 0) {
        memcpy(rig->world.epoch, tw_store_state(rig->store)->start.epoch, sizeof rig->world.epoch);
    }
    return rc;
}

// ---- the journal they begin with ----

static void fill(struct alloc_rig *rig)
{
    rig->disk = fault_disk_new(1);
    assert_non_null(rig->disk);
    world_begin(&rig->world);
    assert_int_equal(alloc_begin_life(rig), TW_OK);
    alloc_write_one(rig, alloc_sale_batch(rig, "old", "{\"total\":1}"));
    alloc_write_one(rig, alloc_request_batch(rig, "old"));
    for (uint64_t i = 4; i <= ALLOC_OLD_EVENTS; i++) {
        alloc_write_one(rig, alloc_tap_batch(rig, i % 5 == 0 ? 5000 : 100, i));
    }
    alloc_check(rig, "filled", false);
    alloc_close_store(rig);
    world_settle(&rig->world);
    rig->old = rig->world;
    rig->image = fault_disk_image(rig->disk);
    fault_disk_free(rig->disk);
}

int alloc_set_up(void **state)
{
    struct alloc_rig *rig = *state;
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/tillwire-alloc-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->path, sizeof rig->path, "%s/journal.db", rig->folder);
    assert_int_equal(tw_seal_new(&rig->seal, NULL), TW_OK);
    char key[128];
    (void)snprintf(key, sizeof key, "%s/journal.key", rig->folder);
    assert_int_equal(tw_vault_load(rig->seal, key, true, &rig->vault, NULL), TW_OK);
    manual_clock_init(&rig->clock, INT64_C(1795338900123));
    rig->options = (struct tw_journal_options){.path = rig->path,
                                               .source = "/acme/0042/07",
                                               .clock = &rig->clock.clock,
                                               .seal = rig->seal,
                                               .vault = rig->vault,
                                               .merge = merge};
    fill(rig);
    return 0;
}

int alloc_tear_down(void **state)
{
    struct alloc_rig *rig = *state;
    if (rig->where[0] != 0) {
        print_message("it was %s\n", rig->where);
    }
    static const char *const names[] = {"journal.db", "journal.db-lock", "journal.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", rig->folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(rig->folder), 0);
    fault_image_free(rig->image);
    tw_vault_free(rig->vault);
    tw_seal_free(rig->seal);
    return 0;
}
