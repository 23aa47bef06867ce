// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/world.h"

#include <time.h>

#include "tools/bench/figures.h"

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(const struct tw_clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_REALTIME);
}

static int64_t monotonic_ms(const struct tw_clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_MONOTONIC);
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    (void)clock;
    return TW_CLOCK_OK;
}

static int never_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                       struct tw_buf *merged)
{
    (void)old_data, (void)new_data, (void)old_id, (void)merged;
    return 0;
}

void bench_world_open(struct bench_world *world, const char *path, const char *source, const char *key)
{
    struct tw_error_text err = {""};
    *world =
        (struct bench_world){.clock = {wall_ms, monotonic_ms, trust, "0b7a6f0e-5f43-4a6e-9d0e-3f6a0a9f2b11"}};
    int rc = tw_seal_new(&world->seal, &err);
    if (rc == TW_OK) {
        rc = tw_vault_load(world->seal, key, true, &world->vault, &err);
    }
    if (rc == TW_OK) {
        rc = tw_journal_open(&(struct tw_journal_options){.path = path,
                                                          .source = source,
                                                          .clock = &world->clock,
                                                          .seal = world->seal,
                                                          .vault = world->vault,
                                                          .merge = never_merge},
                             &world->journal, &err);
    }
    if (rc != TW_OK) {
        bench_stop(path, err.text);
    }
}

void bench_world_close(struct bench_world *world)
{
    tw_journal_close(world->journal);
    tw_vault_free(world->vault);
    tw_seal_free(world->seal);
}

int bench_world_sell(struct bench_world *world, uint64_t n, tw_journal_done_fn *done, void *ctx)
{
    struct bench_event event = {.key = ""};
    bench_event_make(n, &event);
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        return TW_ERR_NOMEM; // the caller stops
    }
    tw_batch_time(batch, &world->clock);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, event.key, event.key,
                  tw_slice_make(event.data, BENCH_EVENT_BYTES));
    int rc = tw_journal_submit(world->journal, batch, done, ctx);
    if (rc != TW_ERR_FULL) {
        bench_must("submit", rc);
    }
    return rc;
}
