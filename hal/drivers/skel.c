// SPDX-License-Identifier: Apache-2.0
//
// The skeleton of a driver, to be copied: hal/drivers/README.md says step by step how. It reads a device that
// ends each message with LF.
#include <stdlib.h>

#include "hal/drivers/drivers.h"

enum { MAX_BYTES = 64 };

struct skel {
    struct tw_driver driver; // first, so that the two are one pointer
    uint8_t bytes[MAX_BYTES];
    size_t len;
    bool overflow;
};

static void skel_lost(struct tw_driver *driver)
{
    struct skel *skel = (struct skel *)driver;
    skel->len = 0;
    skel->overflow = false;
}

static void end_message(struct skel *skel)
{
    const struct tw_driver_host *host = skel->driver.host;
    if (skel->overflow) {
        skel->driver.errors++;
    } else if (skel->len > 0) {
        host->sink->scan(host->sink->ctx, host->config->name, tw_slice_make(skel->bytes, skel->len));
    }
    skel->len = 0;
    skel->overflow = false;
}

static int skel_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                     struct tw_error_text *err)
{
    struct skel *skel = (struct skel *)driver;
    (void)now_ms;
    (void)err;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            end_message(skel);
        } else if (skel->len < MAX_BYTES) {
            skel->bytes[skel->len++] = bytes.ptr[i];
        } else {
            skel->overflow = true;
        }
    }
    return 0;
}

static void skel_free(struct tw_driver *driver)
{
    free(driver);
}

static const struct tw_driver_ops skel_ops = {
    .opened = tw_driver_no_opened,
    .lost = skel_lost,
    .feed = skel_feed,
    .tick = tw_driver_no_tick,
    .deadline = tw_driver_no_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .free = skel_free,
};

int tw_skel_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    struct skel *skel = calloc(1, sizeof *skel);
    if (skel == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    skel->driver = (struct tw_driver){.ops = &skel_ops, .host = host};
    *out = &skel->driver;
    return 0;
}
