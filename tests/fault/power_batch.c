// SPDX-License-Identifier: Apache-2.0
//
// What the script's batches hold, and what the journal has to answer.
#include <inttypes.h>

#include "tests/fakes/fault_platter.h"
#include "tests/fault/power_parts.h"

enum { LARGE_BYTES = 20000 };

uint64_t script_draw(struct script *script, uint64_t below)
{
    return fault_random(&script->random, below);
}

// The value of a sale's body decides whether another witness only agrees.
static uint64_t value_of(struct tw_slice data)
{
    const uint8_t *at = memmem(data.ptr, data.len, "\"v\":", 4);
    return at != NULL ? strtoull((const char *)at + 4, NULL, 10) : 0;
}

int script_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                 struct tw_buf *merged)
{
    if (value_of(old_data) == value_of(new_data)) {
        return 0;
    }
    tw_buf_printf(merged, "{\"corrects\":\"%s\",", old_id);
    tw_buf_add(merged, new_data.ptr + 1, new_data.len - 1);
    return 1;
}

// Letters that do not compress.
static void fill(struct tw_buf *data, const struct script_batch *plan, const char *what)
{
    uint64_t noise = plan->noise;
    tw_buf_printf(data, "{\"n\":%" PRIu64 ",\"v\":%" PRIu64 ",%s\"pad\":\"", plan->number, plan->value, what);
    for (size_t i = 0; i < plan->bytes; i++) {
        char letter = (char)('a' + fault_random(&noise, 26));
        tw_buf_add(data, &letter, 1);
    }
    tw_buf_add_text(data, "\"}");
}

static void add_event(struct tw_batch *batch, const struct script_batch *plan, enum tw_event_type type,
                      const char *what)
{
    struct tw_buf data = {0};
    fill(&data, plan, what);
    tw_batch_event(batch, type, "v1:aa", tw_slice_make(data.ptr, data.len));
    tw_buf_free(&data);
}

static void add_sale(struct tw_batch *batch, const struct script_batch *plan)
{
    struct tw_buf data = {0};
    char key[40];
    (void)snprintf(key, sizeof key, "sale-%" PRIu64, plan->number);
    fill(&data, plan, "");
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_slice_make(data.ptr, data.len));
    tw_buf_free(&data);
    add_event(batch, plan, TW_EVENT_COUPON_REDEEMED, "\"sale\":\"" TW_BATCH_SALE_ID "\",");
}

static void add_request(struct tw_batch *batch, const struct script_batch *plan)
{
    char key[40];
    uint8_t body[32];
    (void)snprintf(key, sizeof key, "request-%" PRIu64, plan->number);
    tw_seal_sha256(tw_slice_make(&plan->value, sizeof plan->value), body);
    tw_batch_idempotency(batch, key, body);
    add_event(batch, plan, TW_EVENT_LOYALTY_LOOKED_UP, "");
}

static struct tw_batch *make_batch(const struct script *script, const struct script_batch *plan)
{
    static const uint8_t boot[16] = {1, 2, 3};
    struct tw_batch *batch = tw_batch_new();
    tw_batch_time(batch, &script->clock.clock);
    if (plan->kind == BATCH_SALE) {
        add_sale(batch, plan);
    } else if (plan->kind == BATCH_REQUEST) {
        add_request(batch, plan);
    }
    for (size_t i = 0; i < plan->events; i++) {
        add_event(batch, plan, plan->kind == BATCH_DRIFT ? TW_EVENT_CAPTURE_DRIFT : TW_EVENT_LOYALTY_SCANNED,
                  "");
    }
    if (plan->tap < WORLD_TAPS) {
        tw_batch_tap(batch, world_tap_name(plan->tap), boot, plan->offset, tw_slice_of("state"));
    }
    if (plan->lane < WORLD_LANES) {
        char state[24];
        (void)snprintf(state, sizeof state, "%" PRIu64, plan->noise % 1000000);
        tw_batch_lane(batch, world_lane_name(plan->lane), tw_slice_of(state));
    }
    return batch;
}

struct script_batch script_plan(struct script *script)
{
    struct script_batch plan = {.kind = BATCH_TAP, .tap = WORLD_TAPS, .lane = WORLD_LANES};
    plan.noise = script_draw(script, UINT64_MAX);
    plan.value = 1 + script_draw(script, 3);
    plan.bytes = script_draw(script, 10) > 0 ? (size_t)script_draw(script, 600)
                                             : (size_t)script_draw(script, LARGE_BYTES);
    uint64_t kind = script_draw(script, 8);
    plan.kind = kind < 4 ? BATCH_SALE : kind < 6 ? BATCH_REQUEST : BATCH_TAP;
    // One in three is about something that came before.
    bool again = script->numbered > 0 && script_draw(script, 3) == 0;
    plan.number = again
                      ? script->numbered - script_draw(script, script->numbered < 12 ? script->numbered : 12)
                      : ++script->numbered;
    plan.events = plan.kind == BATCH_TAP ? 1 + (size_t)script_draw(script, 3) : 0;
    if (plan.kind == BATCH_TAP || (plan.kind == BATCH_SALE && script_draw(script, 2) == 0)) {
        plan.tap = (size_t)script_draw(script, WORLD_TAPS);
        plan.offset = script->next.taps[plan.tap] + 1 + script_draw(script, 500);
    }
    if (plan.kind == BATCH_SALE && script_draw(script, 2) == 0) {
        plan.lane = (size_t)script_draw(script, WORLD_LANES);
    }
    return plan;
}

// ---- answers ----

enum script_end script_broken(struct script *script, int error)
{
    if (fault_disk_is_dead(script->disk)) {
        return SCRIPT_CUT;
    }
    script->error = error;
    return SCRIPT_BROKEN;
}

enum script_end script_checked(const struct script *script)
{
    return world_is_wrong(&script->faults) ? SCRIPT_BROKEN : SCRIPT_DONE;
}

static enum tw_outcome expected_sale(const struct world_sale *sale, uint64_t value)
{
    if (sale->number == 0) {
        return TW_OUTCOME_NEW;
    }
    return sale->value == value ? TW_OUTCOME_REPEAT : TW_OUTCOME_CORRECTED;
}

static bool is_known(const uint8_t id[16])
{
    static const uint8_t unknown[16] = {0};
    return memcmp(id, unknown, sizeof unknown) != 0;
}

static void check_outcome(struct script *script, const struct script_batch *plan,
                          const struct tw_journal_result *result, enum tw_outcome expected,
                          const uint8_t known_id[16])
{
    struct world_faults *faults = &script->faults;
    // A remembered sale whose content was given up for room agrees with everything.
    bool room = script->options.max_bytes > 0 && expected == TW_OUTCOME_CORRECTED &&
                result->outcome == TW_OUTCOME_REPEAT;
    if (result->outcome != expected && !room) {
        bool again = result->outcome == TW_OUTCOME_NEW;
        world_fault(faults, again ? &faults->doubled : &faults->missing,
                    "number %" PRIu64 " is answered with outcome %d instead of %d", plan->number,
                    (int)result->outcome, (int)expected);
    } else if (expected == TW_OUTCOME_REPEAT && is_known(known_id) &&
               memcmp(result->id, known_id, sizeof result->id) != 0) {
        world_fault(faults, &faults->doubled, "the repeat of number %" PRIu64 " has another id",
                    plan->number);
    }
}

static void take_sale(struct script *script, const struct script_batch *plan,
                      const struct tw_journal_result *result)
{
    struct world_sale *sale = world_sale(&script->next, plan->number);
    enum tw_outcome expected = expected_sale(sale, plan->value);
    check_outcome(script, plan, result, expected, sale->id);
    if (result->outcome != TW_OUTCOME_REPEAT) {
        *sale = (struct world_sale){.number = plan->number, .value = plan->value};
        memcpy(sale->id, result->id, sizeof sale->id);
    }
    if (plan->lane < WORLD_LANES && result->outcome == TW_OUTCOME_NEW) {
        script->next.lanes[plan->lane] = plan->noise % 1000000;
    }
}

static void take_request(struct script *script, const struct script_batch *plan,
                         const struct tw_journal_result *result)
{
    struct world_request *request = world_request(&script->next, plan->number);
    check_outcome(script, plan, result, request->number == 0 ? TW_OUTCOME_NEW : TW_OUTCOME_REPEAT,
                  request->id);
    if (request->number == 0) {
        request->number = plan->number;
        request->value = plan->value;
        memcpy(request->id, result->id, sizeof request->id);
    }
}

static bool is_other_body(struct script *script, const struct script_batch *plan)
{
    const struct world_request *request = world_request(&script->next, plan->number);
    return plan->kind == BATCH_REQUEST && request->number != 0 && request->value != plan->value;
}

enum script_end script_write(struct script *script, const struct script_batch *plan)
{
    struct tw_batch *batch = make_batch(script, plan);
    struct tw_journal_result result = {.error = tw_batch_check(batch)};
    bool refused = is_other_body(script, plan);
    if (result.error == TW_OK) {
        tw_store_batch(script->store, batch, &result);
    }
    if (result.error == TW_OK && !refused) {
        if (plan->kind == BATCH_SALE) {
            take_sale(script, plan, &result);
        } else if (plan->kind == BATCH_REQUEST) {
            take_request(script, plan, &result);
        }
        if (plan->tap < WORLD_TAPS) {
            script->next.taps[plan->tap] = plan->offset;
        }
        world_write(&script->next, batch, &script->faults);
    }
    tw_batch_free(batch);
    if (result.error == TW_ERR_FULL && script->options.max_bytes > 0) {
        world_write_unknown(&script->next, tw_store_state(script->store)->next); // it says so once
        return SCRIPT_DONE;
    }
    bool answered = result.error == (refused ? TW_ERR_MISMATCH : TW_OK);
    return answered ? script_checked(script) : script_broken(script, result.error);
}
