// SPDX-License-Identifier: Apache-2.0
//
// Readers of magnetic stripes that type, as most do: what they type is put together as for a scanner that
// types, with all its rules (a burst that ends with Enter, the configured device and no other), and read as
// tracks here.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/drivers.h"
#include "hal/drivers/stripe/swipe.h"

struct stripe {
    struct tw_driver driver;
    struct tw_device_sink sink; // of the keys: lines come here
    struct tw_driver_host host;
    struct tw_driver *keys;
    uint64_t counted; // of the keys' errors
    struct tw_swipe swipe;
    int64_t now_ms;
};

static void on_line(void *ctx, const char *device, struct tw_slice line)
{
    struct stripe *stripe = ctx;
    (void)device;
    tw_swipe_feed(&stripe->swipe, line, stripe->now_ms);
    tw_swipe_feed(&stripe->swipe, tw_slice_of("\r"), stripe->now_ms);
}

static void count_errors(struct stripe *stripe)
{
    stripe->driver.errors += stripe->keys->errors - stripe->counted;
    stripe->counted = stripe->keys->errors;
}

static int stripe_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                       struct tw_error_text *err)
{
    struct stripe *stripe = (struct stripe *)driver;
    stripe->now_ms = now_ms;
    int outcome = stripe->keys->ops->feed(stripe->keys, bytes, now_ms, err);
    stripe->swipe.last_ms = now_ms; // the next track is being typed
    count_errors(stripe);
    return outcome;
}

static int64_t stripe_deadline(const struct tw_driver *driver)
{
    const struct stripe *stripe = (const struct stripe *)driver;
    int64_t keys = stripe->keys->ops->deadline(stripe->keys);
    int64_t swipe = tw_swipe_deadline(&stripe->swipe);
    return keys < swipe ? keys : swipe;
}

static int stripe_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    struct stripe *stripe = (struct stripe *)driver;
    stripe->now_ms = now_ms;
    int outcome = stripe->keys->ops->tick(stripe->keys, now_ms, err);
    count_errors(stripe);
    tw_swipe_tick(&stripe->swipe, driver, now_ms);
    return outcome;
}

static int stripe_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                         struct tw_error_text *err)
{
    struct stripe *stripe = (struct stripe *)driver;
    return stripe->keys->ops->opened(stripe->keys, facts, now_ms, err);
}

static void stripe_lost(struct tw_driver *driver)
{
    struct stripe *stripe = (struct stripe *)driver;
    stripe->keys->ops->lost(stripe->keys);
    count_errors(stripe);
    tw_swipe_drop(&stripe->swipe, driver);
}

static void stripe_free(struct tw_driver *driver)
{
    struct stripe *stripe = (struct stripe *)driver;
    stripe->keys->ops->free(stripe->keys);
    explicit_bzero(stripe, sizeof *stripe);
    free(stripe);
}

static const struct tw_driver_ops stripe_ops = {
    .opened = stripe_opened,
    .lost = stripe_lost,
    .feed = stripe_feed,
    .tick = stripe_tick,
    .deadline = stripe_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .free = stripe_free,
};

int tw_wedge_stripe_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    struct stripe *stripe = calloc(1, sizeof *stripe);
    if (stripe == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    stripe->driver = (struct tw_driver){.ops = &stripe_ops, .host = host};
    stripe->sink = (struct tw_device_sink){.ctx = stripe, .scan = on_line};
    stripe->host = *host;
    stripe->host.sink = &stripe->sink;
    int outcome = tw_wedge_scanner_new(&stripe->host, &stripe->keys, err);
    if (outcome != 0) {
        free(stripe);
        return outcome;
    }
    *out = &stripe->driver;
    return 0;
}
