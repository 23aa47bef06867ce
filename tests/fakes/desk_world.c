// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/desk_world.h"

#include <unistd.h>

struct tw_fake_answer {
    struct tw_lane *lane;
    tw_lane_done_fn *done;
    tw_lane_member_fn *member_done;
    void *ctx;
};

static void answer(void *ctx)
{
    struct tw_fake_answer *pending = ctx;
    const struct tw_lane *lane = pending->lane;
    if (pending->done != NULL) {
        const struct tw_lane_answer result = {
            .error = lane->error,
            .outcome = lane->outcome,
            .id = "018f0000-0000-7000-8000-000000000001",
            .transaction_id = "0042/07/2026-11-22/1",
        };
        pending->done(pending->ctx, &result);
    } else {
        const struct tw_lane_member result = {
            .error = lane->error, .member = lane->member, .age_s = lane->age_s};
        pending->member_done(pending->ctx, &result);
    }
    free(pending);
}

static void later(struct tw_lane *lane, tw_lane_done_fn *done, tw_lane_member_fn *member_done, void *ctx)
{
    struct tw_fake_answer *pending = calloc(1, sizeof *pending);
    if (pending == NULL) {
        abort();
    }
    *pending = (struct tw_fake_answer){lane, done, member_done, ctx};
    if (lane->silent) {
        lane->held = pending;
        return;
    }
    if (tw_loop_post(lane->loop, answer, pending) != TW_OK) {
        abort();
    }
}

void tw_fake_lane_answer(struct tw_lane *lane)
{
    struct tw_fake_answer *held = lane->held;
    lane->held = NULL;
    if (held != NULL) {
        answer(held);
    }
}

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from != NULL ? from : "");
}

void tw_lane_sale(struct tw_lane *lane, struct tw_sale *sale, const char *idempotency_key,
                  struct tw_slice body, tw_lane_done_fn *done, void *ctx)
{
    (void)body;
    lane->sales++;
    lane->total_minor = sale->total.minor;
    copy(lane->idempotency_key, sizeof lane->idempotency_key, idempotency_key);
    tw_sale_free(sale);
    later(lane, done, NULL, ctx);
}

void tw_lane_scan(struct tw_lane *lane, const char *device, const char *workstation, struct tw_slice code,
                  tw_lane_done_fn *done, void *ctx)
{
    lane->scans++;
    copy(lane->device, sizeof lane->device, device);
    copy(lane->workstation, sizeof lane->workstation, workstation);
    (void)snprintf(lane->code, sizeof lane->code, "%.*s", (int)code.len, (const char *)code.ptr);
    later(lane, done, NULL, ctx);
}

void tw_lane_lookup(struct tw_lane *lane, struct tw_slice card, const struct tw_lane_asker *asker,
                    tw_lane_member_fn *done, void *ctx)
{
    (void)card;
    lane->lookups++;
    copy(lane->by, sizeof lane->by, asker->by);
    copy(lane->via, sizeof lane->via, asker->via);
    later(lane, NULL, done, ctx);
}

void tw_lane_devices(const struct tw_lane *lane, struct tw_buf *out)
{
    struct tw_lane *world = (struct tw_lane *)(uintptr_t)lane; // the fake remembers that it was asked
    tw_buf_add_text(out, lane->devices != NULL ? lane->devices : "[]");
    world->devices = lane->later != NULL ? lane->later : lane->devices;
}

int tw_lane_update(struct tw_lane *lane, const char *name, struct tw_slice file, struct tw_error_text *err)
{
    copy(lane->device, sizeof lane->device, name);
    lane->update_bytes = file.len;
    return lane->update_error != TW_OK ? tw_fail(err, lane->update_error, "the lane says why") : TW_OK;
}

int tw_lane_record(struct tw_lane *lane, const char *device, tw_lane_recording_fn *fn, void *ctx,
                   struct tw_lane_recording **out, struct tw_error_text *err)
{
    copy(lane->device, sizeof lane->device, device);
    if (lane->record_error != TW_OK) {
        return tw_fail(err, lane->record_error, "the lane says why");
    }
    lane->record_fn = fn;
    lane->record_ctx = ctx;
    fn(ctx, tw_slice_of("class scanner\ntransport serial\n0 up\n"));
    *out = (struct tw_lane_recording *)lane; // opaque to the desk
    return TW_OK;
}

void tw_lane_record_end(struct tw_lane_recording *recording)
{
    struct tw_lane *lane = (struct tw_lane *)recording;
    if (lane != NULL) {
        lane->record_fn = NULL;
        lane->records_ended++;
    }
}

void tw_journal_stats(struct tw_journal *journal, struct tw_journal_stats *out)
{
    *out = journal->stats;
}

void tw_journal_hold(struct tw_journal *journal, bool held)
{
    journal->held = held;
    journal->holds += held;
}

static void wait_while_busy(struct tw_journal *journal)
{
    atomic_fetch_add(&journal->asked, 1);
    while (atomic_load(&journal->busy)) {
        (void)usleep(1000);
    }
}

int tw_journal_dead_letters(struct tw_journal *journal, uint64_t after, size_t max, tw_dead_letter_fn *letter,
                            void *ctx)
{
    wait_while_busy(journal);
    journal->after = after;
    journal->limit = max;
    int rc = journal->error;
    for (size_t i = 0; rc == TW_OK && i < journal->letter_count && max > 0; i++) {
        if (journal->letters[i].number > after) {
            rc = letter(ctx, &journal->letters[i]);
            max--;
        }
    }
    return rc;
}

int tw_journal_retry(struct tw_journal *journal, uint64_t number, uint64_t *count)
{
    wait_while_busy(journal);
    journal->retried = number;
    int rc = journal->error != TW_OK ? journal->error : journal->retry_error;
    if (rc == TW_OK) {
        *count = journal->queued;
    }
    return rc;
}

int tw_journal_resync(struct tw_journal *journal, uint64_t from, enum tw_resync *out)
{
    wait_while_busy(journal);
    journal->from = from;
    if (journal->error == TW_OK) {
        *out = journal->resync;
    }
    return journal->error;
}

void tw_members_stats(struct tw_members *members, struct tw_members_stats *out)
{
    *out = members->stats;
}

void tw_uplink_resync(struct tw_uplink *uplink, uint64_t from)
{
    uplink->resync_from = from;
}

void tw_uplink_status(struct tw_uplink *uplink, struct tw_uplink_status *out)
{
    *out = uplink->status;
}
