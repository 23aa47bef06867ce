// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/world.h"

#include <time.h>

#include "tillwire/sale_json.h"
#include "tillwire/seal.h"
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

// ---- the sale ----

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): the same n
// gives the same event.
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

// The last `width` digits of a number, and no NUL.
static void put_digits(char *out, size_t width, uint64_t number)
{
    for (size_t i = width; i > 0; i--, number /= 10) {
        out[i - 1] = (char)('0' + number % 10);
    }
}

static size_t count_digits(int64_t number)
{
    size_t count = 1;
    for (; number >= 10; number /= 10) {
        count++;
    }
    return count;
}

enum { NUMBER_AT = 19, NUMBER_DIGITS = 10 }; // of a key

static void write_sale(uint64_t n, const char *key, struct tw_buf *out)
{
    static const char name[] = "ANNELIESE-CHARLOTTE VON HOHENSTEIN-WEIDENFELD";
    enum { PLAIN_BYTES = 561 }; // without the name and the digits of the amounts
    uint64_t state = n;
    uint64_t hash[4] = {mix(&state), mix(&state), mix(&state), mix(&state)};
    uint64_t dice = mix(&state);
    int64_t total = 100 + (int64_t)(dice % 20000);
    int64_t tax = total * 19 / 119;
    size_t fill = BENCH_EVENT_BYTES - PLAIN_BYTES - 3 * count_digits(total) - count_digits(tax);
    char sha256[65], printed[] = "2026-11-22T08:00:00+01:00", cashier[4 + sizeof name] = "00 ";
    tw_seal_hex((const uint8_t *)hash, sizeof hash, sha256);
    put_digits(printed + 11, 2, 8 + n / 3600 % 12);
    put_digits(printed + 14, 2, n / 60 % 60);
    put_digits(printed + 17, 2, n % 60);
    put_digits(cashier, 2, dice >> 40);
    memcpy(cashier + 3, name, fill < sizeof name ? fill : 0);
    struct tw_sale_tender cash = {.type = TW_TENDER_CASH, .amount_minor = total};
    const struct tw_sale sale = {
        .receipt_number = key + NUMBER_AT,
        .operator_id = cashier,
        .subtotal = {true, total},
        .tax = {true, tax},
        .tax_included = true,
        .rounding = {true, 0},
        .total = {true, total},
        .change = {true, 0},
        .tenders = &cash,
        .tender_count = 1,
    };
    const struct tw_sale_context context = {
        .transaction_id = key,
        .store = "0042",
        .workstation = "07",
        .business_day = "2026-11-22",
        .printed_time = printed,
        .currency = "EUR",
        .witnesses = &(struct tw_sale_witness){"printer", "receipt", sha256},
        .witness_count = 1,
    };
    tw_sale_write(&sale, &context, out);
    if (out->len != BENCH_EVENT_BYTES) {
        bench_stop("event", "its parts do not fit its size");
    }
}

int bench_world_sell(struct bench_world *world, uint64_t n, tw_journal_done_fn *done, void *ctx)
{
    char key[] = "0042/07/2026-11-22/0000000000";
    struct tw_buf data = {0};
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        return TW_ERR_NOMEM; // the caller stops
    }
    put_digits(key + NUMBER_AT, NUMBER_DIGITS, n);
    write_sale(n, key, &data);
    tw_batch_time(batch, &world->clock);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_buf_slice(&data));
    tw_buf_free(&data);
    int rc = tw_journal_submit(world->journal, batch, done, ctx);
    if (rc != TW_ERR_FULL) {
        bench_must("submit", rc);
    }
    return rc;
}
