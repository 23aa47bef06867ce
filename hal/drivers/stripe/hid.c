// SPDX-License-Identifier: Apache-2.0
//
// Readers of magnetic stripes on the Magnetic Stripe Reader page of HID (0x8E; USB-IF, HID Point of Sale
// Usage Tables 1.02). Where the tracks are, the reader's report descriptor says; a swipe is one report or
// one a track.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/drivers.h"
#include "hal/drivers/hid_stream.h"
#include "hal/drivers/stripe/swipe.h"

struct stripe {
    struct tw_driver driver;
    struct tw_hid_layout layout;
    struct tw_hid_stream stream;
    struct tw_swipe swipe;
    int64_t now_ms;
};

// ---- reports

// Some readers give the sentinels, and some the characters between them.
static void take_track(struct stripe *stripe, size_t number, struct tw_slice text)
{
    static const char *const starts[TW_HID_TRACKS] = {"%", ";", "+"};
    bool bare = strchr("%;+#", (char)text.ptr[0]) == NULL;
    if (bare) {
        tw_swipe_feed(&stripe->swipe, tw_slice_of(starts[number]), stripe->now_ms);
    }
    tw_swipe_feed(&stripe->swipe, text, stripe->now_ms);
    if (bare) {
        tw_swipe_feed(&stripe->swipe, tw_slice_of("?"), stripe->now_ms);
    }
    tw_swipe_feed(&stripe->swipe, tw_slice_of("\r"), stripe->now_ms);
}

static void take_report(void *ctx, struct tw_slice report)
{
    struct stripe *stripe = ctx;
    const struct tw_hid_report *layout = tw_hid_layout_of(&stripe->layout, report);
    if (layout == NULL) {
        return; // of its settings
    }
    for (size_t i = 0; i < TW_HID_TRACKS; i++) {
        struct tw_slice text;
        if (!tw_hid_bytes(&layout->tracks[i], &layout->track_lengths[i], report, &text)) {
            stripe->driver.errors++;
        } else if (text.len > 0) {
            take_track(stripe, i, text);
        }
    }
}

static int stripe_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                       struct tw_error_text *err)
{
    struct stripe *stripe = (struct stripe *)driver;
    (void)err;
    stripe->now_ms = now_ms;
    driver->errors += tw_hid_stream_feed(&stripe->stream, bytes, take_report, stripe);
    return 0;
}

// ---- life

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
    struct stripe *stripe = (struct stripe *)driver;
    bool half = tw_hid_stream_forget(&stripe->stream) && !stripe->swipe.begun;
    driver->errors += half;
    tw_swipe_drop(&stripe->swipe, driver);
}

static int stripe_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                         struct tw_error_text *err)
{
    struct stripe *stripe = (struct stripe *)driver;
    struct tw_error_text why = {0};
    (void)now_ms;
    int outcome = tw_hid_layout_read(facts->descriptor, TW_HID_STRIPES, &stripe->layout, &why);
    return outcome == 0
               ? 0
               : tw_fail(err, outcome, "device %s: %s; switch the reader to HID mode, or use transport evdev",
                         driver->host->config->name, why.text);
}

static void stripe_free(struct tw_driver *driver)
{
    explicit_bzero(driver, sizeof(struct stripe));
    free(driver);
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

int tw_hid_stripe_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    struct stripe *stripe = calloc(1, sizeof *stripe);
    if (stripe == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    stripe->driver = (struct tw_driver){.ops = &stripe_ops, .host = host};
    *out = &stripe->driver;
    return 0;
}
