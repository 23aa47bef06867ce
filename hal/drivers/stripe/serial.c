// SPDX-License-Identifier: Apache-2.0
//
// Readers of magnetic stripes on a serial line, whatever their make: they send the tracks with their
// sentinels, and line ends after each of them, after the last, or not at all.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/drivers.h"
#include "hal/drivers/stripe/swipe.h"

struct stripe {
    struct tw_driver driver;
    struct tw_swipe swipe;
};

static int stripe_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                       struct tw_error_text *err)
{
    (void)err;
    tw_swipe_feed(&((struct stripe *)driver)->swipe, bytes, now_ms);
    return 0;
}

static int64_t stripe_deadline(const struct tw_driver *driver)
{
    return tw_swipe_deadline(&((const struct stripe *)driver)->swipe);
}

static int stripe_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    (void)err;
    tw_swipe_tick(&((struct stripe *)driver)->swipe, driver, now_ms);
    return 0;
}

static void stripe_lost(struct tw_driver *driver)
{
    tw_swipe_drop(&((struct stripe *)driver)->swipe, driver);
}

static void stripe_free(struct tw_driver *driver)
{
    explicit_bzero(driver, sizeof(struct stripe));
    free(driver);
}

static const struct tw_driver_ops stripe_ops = {
    .opened = tw_driver_no_opened,
    .lost = stripe_lost,
    .feed = stripe_feed,
    .tick = stripe_tick,
    .deadline = stripe_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .free = stripe_free,
};

int tw_serial_stripe_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    struct stripe *stripe = calloc(1, sizeof *stripe);
    if (stripe == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    stripe->driver = (struct tw_driver){.ops = &stripe_ops, .host = host};
    *out = &stripe->driver;
    return 0;
}
