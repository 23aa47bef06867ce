// SPDX-License-Identifier: Apache-2.0
//
// What is done with a journal while memory fails.
#include "agent/uplink/shelf.h"
#include "tests/fault/alloc_rig.h"

enum { DELIVERY_TURNS = 400 };

static void prepare_new(struct alloc_rig *rig)
{
    fault_disk_free(rig->disk);
    rig->disk = fault_disk_new(2);
    assert_non_null(rig->disk);
    world_begin(&rig->world);
}

static void prepare_group(struct alloc_rig *rig)
{
    alloc_add_batch(rig, alloc_sale_batch(rig, "new", "{\"total\":1}"));
    alloc_add_batch(rig, alloc_sale_batch(rig, "old", "{\"total\":2}")); // corrects
    alloc_add_batch(rig, alloc_request_batch(rig, "new"));
    alloc_add_batch(rig, alloc_tap_batch(rig, 5000, 999));
}

static int op_read(struct alloc_rig *rig)
{
    struct tw_rows *rows = NULL;
    int rc = tw_store_read(rig->store, 0, 1000, &rows);
    assert_true(rc == TW_OK || rows == NULL);
    struct world_faults faults = {.missing = 0};
    if (rows != NULL) {
        world_publish(&rig->world, rows, &faults);
    }
    tw_rows_free(rows);
    assert_false(world_is_wrong(&faults));
    return rc;
}

static int op_acknowledge(struct alloc_rig *rig)
{
    int rc = tw_store_acknowledge(rig->store, rig->world.epoch, ALLOC_OLD_EVENTS / 2, NULL);
    if (rc == TW_OK) {
        world_acknowledge(&rig->world, ALLOC_OLD_EVENTS / 2);
    }
    return rc;
}

// Acknowledgements become durable with a group, even an empty one.
static void prepare_save(struct alloc_rig *rig)
{
    assert_int_equal(op_acknowledge(rig), TW_OK);
    rig->clock.monotonic_ms += 2 * TW_STORE_SAVE_MS;
}

static int op_save(struct alloc_rig *rig)
{
    int rc = tw_store_begin(rig->store);
    return rc == TW_OK ? tw_store_commit(rig->store) : rc;
}

// What the group wrote counts only when it is committed.
static int end_group(struct alloc_rig *rig, int part, struct tw_batch *gap)
{
    int rc = tw_store_commit(rig->store);
    struct world_faults faults = {.missing = 0};
    if (rc == TW_OK && part == TW_OK && gap != NULL) {
        world_write(&rig->world, gap, &faults);
    }
    tw_batch_free(gap);
    assert_false(world_is_wrong(&faults));
    return rc != TW_OK ? rc : part;
}

static int rejecting(struct alloc_rig *rig, bool refused)
{
    uint64_t sequence = ALLOC_OLD_EVENTS - 2;
    int rc = tw_store_begin(rig->store);
    if (rc != TW_OK) {
        return rc;
    }
    struct world before = rig->world;
    struct tw_batch *gap = NULL;
    int part = tw_store_reject(rig->store, rig->world.epoch, sequence, "no", refused, &gap);
    if (part == TW_OK && world_reject(&rig->world, sequence) && refused) {
        world_renew(&rig->world);
    }
    rc = end_group(rig, part, gap);
    if (rc != TW_OK) {
        rig->world = before;
    }
    return rc;
}

static int op_reject(struct alloc_rig *rig)
{
    return rejecting(rig, false);
}

static int op_refuse(struct alloc_rig *rig)
{
    return rejecting(rig, true);
}

static void prepare_retry(struct alloc_rig *rig)
{
    assert_int_equal(op_reject(rig), TW_OK);
}

static int op_retry(struct alloc_rig *rig)
{
    uint64_t count = 0;
    int rc = tw_store_begin(rig->store);
    if (rc != TW_OK) {
        return rc;
    }
    int part = tw_store_retry(rig->store, 0, &count);
    rc = end_group(rig, part, NULL);
    if (rc == TW_OK && count > 0) {
        rig->world.dead_letters -= count;
        rig->world.letters_digest = 0;
        world_write_unknown(&rig->world, rig->world.next + count);
    }
    return rc;
}

static int count_letter(void *ctx, const struct tw_dead_letter *letter)
{
    assert_true(letter->data.len > 0);
    ++*(uint64_t *)ctx;
    return TW_OK;
}

static int op_letters(struct alloc_rig *rig)
{
    uint64_t count = 0;
    int rc = tw_store_letters(rig->store, 0, 100, count_letter, &count);
    assert_true(rc != TW_OK || count == 1);
    return rc;
}

static void prepare_resync(struct alloc_rig *rig)
{
    assert_int_equal(op_acknowledge(rig), TW_OK);
}

static int op_resync(struct alloc_rig *rig)
{
    enum tw_resync how = TW_RESYNC_READ;
    struct tw_batch *gap = NULL;
    int rc = tw_store_begin(rig->store);
    if (rc != TW_OK) {
        return rc;
    }
    struct world before = rig->world;
    int part = tw_store_resync(rig->store, 3, &how, &gap);
    if (part == TW_OK && how == TW_RESYNC_RENEWED) {
        world_renew(&rig->world);
    }
    rc = end_group(rig, part, gap);
    if (rc != TW_OK) {
        rig->world = before;
    }
    return rc;
}

static int renewing(struct alloc_rig *rig, uint64_t through, const uint8_t *head)
{
    int rc = tw_store_acknowledge(rig->store, rig->world.epoch, through, head);
    if (rc == TW_OK) {
        world_renew(&rig->world);
    }
    return rc;
}

static int op_renew_ahead(struct alloc_rig *rig)
{
    return renewing(rig, 1000000, NULL);
}

static int op_renew_other(struct alloc_rig *rig)
{
    static const uint8_t head[32] = {1};
    return renewing(rig, ALLOC_OLD_EVENTS / 2, head);
}

static int op_checkpoint(struct alloc_rig *rig)
{
    return tw_store_rest(rig->store, true);
}

static int op_positions(struct alloc_rig *rig)
{
    struct tw_journal_tap tap = {.known = false};
    int rc = tw_store_tap(rig->store, world_tap_name(0), &tap);
    if (rc == TW_OK) {
        assert_true(tap.known && tap.offset == rig->world.taps[0]);
        struct tw_buf lane = {0};
        rc = tw_store_lane(rig->store, world_lane_name(0), &lane);
        assert_true(rc != TW_OK || strcmp((const char *)lane.ptr, "17") == 0);
        tw_buf_free(&lane);
    }
    return rc;
}

static int op_close(struct alloc_rig *rig)
{
    alloc_close_store(rig);
    return TW_OK;
}

// A batch that could not be made says so, and is not taken for a smaller one.
static int op_make_batch(struct alloc_rig *rig)
{
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        return TW_ERR_NOMEM;
    }
    tw_batch_time(batch, &rig->clock.clock);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, "k", "k", tw_slice_of("{\"total\":1}"));
    for (int i = 0; i < 20; i++) {
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa",
                       tw_slice_of("{\"pad\":\"0123456789abcdef\"}"));
    }
    int rc = tw_batch_check(batch);
    assert_true(rc != TW_OK || batch->count == 21);
    tw_batch_free(batch);
    return rc;
}

// ---- delivery ----

// What uplink.c does around a flow and its shelf, with a broker that takes everything and a centre that
// acknowledges it. Rows that cannot be read for want of memory are asked for again.
struct delivery {
    struct tw_flow *flow;
    struct tw_shelf shelf;
    int64_t now_ms;
    uint64_t delivered; // last sequence
    int error;
};

static void step(struct alloc_rig *rig, struct delivery *delivery, const struct tw_flow_event *event);

static void answer_read(struct alloc_rig *rig, struct delivery *delivery, const struct tw_flow_action *action)
{
    struct tw_rows *rows = NULL;
    int rc = tw_store_read(rig->store, action->from, action->count, &rows);
    delivery->error = rc != TW_OK ? rc : delivery->error;
    for (int i = 0; rc != TW_OK && i < DELIVERY_TURNS; i++) {
        rc = tw_store_read(rig->store, action->from, action->count, &rows);
    }
    if (rc != TW_OK || rows == NULL) {
        return;
    }
    struct tw_flow_event event = {.kind = TW_FLOW_ROWS};
    event.rows.epoch = rig->world.epoch;
    event.rows.question = action->question;
    event.rows.last = rows->rows[rows->count - 1].sequence;
    if (tw_shelf_put(&delivery->shelf, rows)) {
        step(rig, delivery, &event);
    }
}

static void publish(struct alloc_rig *rig, struct delivery *delivery, const struct tw_flow_action *action)
{
    for (uint64_t sequence = action->from; sequence <= action->through; sequence++) {
        const struct tw_journal_payload *row = NULL;
        bool found = tw_shelf_find(&delivery->shelf, sequence, &row) == TW_SHELF_ROW;
        if (found && sequence > delivery->delivered) {
            assert_int_equal(row->sequence, sequence);
            delivery->delivered = sequence;
        }
        struct tw_flow_event event = {.kind = TW_FLOW_PUBACK};
        event.puback.sequence = sequence;
        event.puback.pass = action->pass;
        step(rig, delivery, &event);
    }
}

static void step(struct alloc_rig *rig, struct delivery *delivery, const struct tw_flow_event *event)
{
    struct tw_flow_actions actions;
    tw_flow_step(delivery->flow, delivery->now_ms, event, &actions);
    for (size_t i = 0; i < actions.count; i++) {
        if (actions.list[i].kind == TW_FLOW_READ) {
            answer_read(rig, delivery, &actions.list[i]);
        } else if (actions.list[i].kind == TW_FLOW_PUBLISH) {
            publish(rig, delivery, &actions.list[i]);
        } else if (actions.list[i].kind == TW_FLOW_FLUSH) {
            tw_shelf_flush(&delivery->shelf);
        }
    }
}

static int op_deliver(struct alloc_rig *rig)
{
    const struct tw_flow_journal journal = {rig->world.epoch, rig->world.asked, rig->world.next};
    struct delivery delivery = {.flow = tw_flow_new(TW_ACK_CENTRAL, 1, &journal), .now_ms = 1000};
    if (delivery.flow == NULL) {
        return TW_ERR_NOMEM;
    }
    step(rig, &delivery, &(struct tw_flow_event){.kind = TW_FLOW_TICK});
    struct tw_flow_event connected = {.kind = TW_FLOW_CONNECTED, .receive_maximum = 20, .journal = journal};
    step(rig, &delivery, &connected);
    for (int i = 0; i < 20; i++) {
        delivery.now_ms += 100;
        step(rig, &delivery, &(struct tw_flow_event){.kind = TW_FLOW_TICK});
    }
    tw_shelf_flush(&delivery.shelf);
    tw_flow_free(delivery.flow);
    assert_true(delivery.error != TW_OK || delivery.delivered > rig->world.asked);
    return delivery.error;
}

const struct alloc_operation alloc_operations[] = {
    {"opening a new journal", true, prepare_new, alloc_begin_life},
    {"opening", true, NULL, alloc_begin_life},
    {"a group of batches", false, prepare_group, alloc_write_batches},
    {"reading", false, NULL, op_read},
    {"an acknowledgement", false, NULL, op_acknowledge},
    {"making acknowledgements durable", false, prepare_save, op_save},
    {"a rejection", false, NULL, op_reject},
    {"a refusal", false, NULL, op_refuse},
    {"trying dead letters again", false, prepare_retry, op_retry},
    {"dead letters", false, prepare_retry, op_letters},
    {"a resync", false, prepare_resync, op_resync},
    {"an acknowledgement ahead", false, NULL, op_renew_ahead},
    {"an acknowledgement of another life", false, NULL, op_renew_other},
    {"a checkpoint", false, NULL, op_checkpoint},
    {"positions", false, NULL, op_positions},
    {"making a batch", false, NULL, op_make_batch},
    {"delivery", false, NULL, op_deliver},
    {"closing", false, prepare_save, op_close},
};

const size_t alloc_operation_count = sizeof alloc_operations / sizeof alloc_operations[0];
