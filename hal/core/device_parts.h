// SPDX-License-Identifier: Apache-2.0
//
// What the two files of a device share: device_life.c carries out its life (life.h), device.c moves its bytes
// and is its public side.
//
// Threading, Memory, Time, Errors: as tillwire/device.h.
#ifndef TW_HAL_DEVICE_PARTS_H
#define TW_HAL_DEVICE_PARTS_H

#include "hal/core/driver.h"
#include "hal/core/life.h"
#include "hal/core/nodes.h"
#include "hal/io/apart.h"
#include "hal/io/io.h"

struct tw_device {
    struct tw_device_config config; // strings are ours
    struct tw_device_sink sink;
    struct tw_driver_host host;
    struct tw_driver *driver;
    struct tw_apart *apart; // opens what may wait, or NULL
    struct tw_io *io;       // NULL unless ready, stale or on its way to it
    enum tw_device_state state;
    enum tw_device_reason cause;  // of the error in `why`
    enum tw_device_reason reason; // why it is stale or lost, as it was told
    struct tw_buf out;
    struct tw_error_text why; // last error; "" when none
    struct tw_life_delay delay;
    struct tw_nodes nodes; // when it was searched for last
    int64_t retry_ms;
    int64_t up_since_ms;
    int64_t last_byte_ms;
    uint64_t bytes;
    unsigned opens;
    bool silent; // it is open again because it said nothing
    bool faulty; // found while the driver was at work; dealt with when it is done
    uint16_t vendor, product;
    char serial[64];
    tw_device_overhear_fn *overhear; // NULL: nobody does
    void *overhear_ctx;
};

// Ready or stale: the driver is at work.
static inline bool tw_device_is_up(const struct tw_device *device)
{
    return device->state == TW_DEVICE_READY || device->state == TW_DEVICE_STALE;
}

// Behind a node, not at the far end of a connection.
static inline bool tw_device_has_node(const struct tw_device *device)
{
    return device->config.port != NULL || device->config.usb != NULL;
}

// What happened; the table says what is done. `cause` and `why` are set before, where it is an error.
void tw_device_step(struct tw_device *device, enum tw_life_event event, int64_t now_ms);
// While it is being opened: whether it is.
void tw_device_ask_whether_open(struct tw_device *device, int64_t now_ms);
// When its silence becomes too long (INT64_MAX: never); a device that was just opened begins anew.
int64_t tw_device_silent_at(const struct tw_device *device);
// Deals with a silence that is too long by now. The line was found empty.
void tw_device_mind_silence(struct tw_device *device, int64_t now_ms);

#endif
