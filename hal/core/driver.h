// SPDX-License-Identifier: Apache-2.0
//
// A driver: turns the bytes of one device into what tw_device_sink tells the agent, and says what
// is to be sent. hal/README.md is the contract in prose. A driver is one file in
// hal/drivers/CLASS/, one line in hal/drivers/registry.def, and a recording for the tests.
//
// Threading: one thread. Memory: an instance owns all its data; host and config outlive it.
// Time: monotonic milliseconds come in. Errors: opened, feed and tick return a negative tw_err with one
// sentence when the device cannot go on; hal/core then closes and reopens it. Odd input is counted
// in `errors` instead.
#ifndef TW_HAL_DRIVER_H
#define TW_HAL_DRIVER_H

#include <stdint.h>

#include "hal/io/io.h"
#include "tillwire/device.h"
#include "tillwire/tap_device.h"

struct tw_driver;

// What hal/core lends a driver.
struct tw_driver_host {
    const struct tw_device_config *config;
    const struct tw_device_sink *sink; // every function is there
    void *ctx;
    void (*send)(void *ctx, struct tw_slice bytes); // queued; copied
};

struct tw_driver_ops {
    // The transport is up, from the start; `facts` are borrowed for the call. A negative return says
    // that the device is not of the kind this driver reads; it is closed and tried again later.
    int (*opened)(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                  struct tw_error_text *err);
    void (*lost)(struct tw_driver *driver); // it is gone: half a message is no message
    int (*feed)(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms, struct tw_error_text *err);
    int (*tick)(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err);
    int64_t (*deadline)(const struct tw_driver *driver); // when to tick; INT64_MAX: no need
    // How long the device may say nothing as things stand; INT64_MAX: as long as it likes. NULL: always so.
    int64_t (*patience_ms)(const struct tw_driver *driver);
    void (*acknowledge)(struct tw_driver *driver, uint64_t offset, int64_t now_ms);
    // Taps only, NULL elsewhere (tillwire/tap_device.h): scans that are durable; what is known of it; new
    // firmware.
    void (*acknowledge_scans)(struct tw_driver *driver, uint64_t number, int64_t now_ms);
    const struct tw_tap_report *(*report)(const struct tw_driver *driver);
    int (*update)(struct tw_driver *driver, struct tw_slice file, int64_t now_ms, struct tw_error_text *err);
    // Two lines for people, UTF-8, to be copied; to be shown again after a loss. NULL: it shows nothing.
    void (*show)(struct tw_driver *driver, const char *upper, const char *lower);
    // What becomes of the file that is read; `why` may be NULL. NULL: it reads no files.
    void (*answer)(struct tw_driver *driver, enum tw_file_answer answer, const char *why);
    void (*free)(struct tw_driver *driver);
};

// The first member of every driver's own struct.
struct tw_driver {
    const struct tw_driver_ops *ops;
    const struct tw_driver_host *host;
    uint64_t errors; // frames or scans refused
};

// Makes an instance; touches no device. TW_ERR_INVALID with a sentence when the configuration lacks
// something this driver needs.
typedef int tw_driver_create(const struct tw_driver_host *host, struct tw_driver **out,
                             struct tw_error_text *err);

// For drivers that have nothing to do there.
static inline int tw_driver_no_opened(struct tw_driver *driver, const struct tw_io_facts *facts,
                                      int64_t now_ms, struct tw_error_text *err)
{
    (void)driver;
    (void)facts;
    (void)now_ms;
    (void)err;
    return 0;
}

static inline int64_t tw_driver_no_deadline(const struct tw_driver *driver)
{
    (void)driver;
    return INT64_MAX;
}

static inline int tw_driver_no_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    (void)driver;
    (void)now_ms;
    (void)err;
    return 0;
}

static inline void tw_driver_no_acknowledge(struct tw_driver *driver, uint64_t offset, int64_t now_ms)
{
    (void)driver;
    (void)offset;
    (void)now_ms;
}

#endif
