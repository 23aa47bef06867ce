// SPDX-License-Identifier: Apache-2.0
//
// What the fuzz targets of the scanner drivers share: a driver that is fed in pieces whose lengths the
// input chooses, between ticks and losses, with a sink that insists on sane codes.
//
// Threading: one thread. Memory: none stays. Time: made up. Errors: abort().
#ifndef TW_FUZZ_SCANNER_RUN_H
#define TW_FUZZ_SCANNER_RUN_H

#include "hal/drivers/drivers.h"
#include "tests/fuzz/target.h"

static void scanner_run_scan(void *ctx, const char *device, struct tw_slice code)
{
    (void)ctx;
    (void)device;
    fuzz_require(code.len > 0 && code.len <= 1024);
}

// Any rule will do; this one takes all kinds of lengths.
static bool scanner_run_loyalty(void *ctx, struct tw_slice code)
{
    (void)ctx;
    return code.ptr[0] == '6';
}

static void scanner_run_send(void *ctx, struct tw_slice bytes)
{
    (void)ctx;
    (void)bytes;
    fuzz_require(false); // scanners are only listened to
}

// One byte of the input says how long the next piece is and what happens before it.
static inline void scanner_run(tw_driver_create *create, const struct tw_device_config *config,
                               const struct tw_io_facts *facts, const uint8_t *data, size_t size)
{
    const struct tw_device_sink sink = {.scan = scanner_run_scan, .is_loyalty = scanner_run_loyalty};
    const struct tw_driver_host host = {config, &sink, NULL, scanner_run_send};
    struct tw_driver *driver = NULL;
    int64_t now_ms = 0;
    if (create(&host, &driver, NULL) != 0) {
        return;
    }
    if (driver->ops->opened(driver, facts, now_ms, NULL) == 0) {
        while (size > 0) {
            size_t len = data[0] & 0x3f;
            len = len < size - 1 ? len : size - 1;
            if ((data[0] & 0x80) != 0) {
                now_ms += 1000;
                (void)driver->ops->tick(driver, now_ms, NULL);
            }
            if ((data[0] & 0xc0) == 0x40) {
                driver->ops->lost(driver);
                (void)driver->ops->opened(driver, facts, now_ms, NULL);
            }
            fuzz_require(driver->ops->feed(driver, tw_slice_make(data + 1, len), now_ms, NULL) == 0);
            data += 1 + len;
            size -= 1 + len;
        }
    }
    driver->ops->lost(driver);
    driver->ops->free(driver);
}

#endif
