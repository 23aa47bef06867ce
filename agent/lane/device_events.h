// SPDX-License-Identifier: Apache-2.0
//
// device.attached and device.lost of one device: presence.c says when, the journal keeps them, and what it
// could not keep is told a minute later. A stale device is lost to whoever waits for its scans. When the
// agent stops nothing is told: nothing happened to the device.
//
// Threading: the loop thread. Memory: a member of its owner. Time: monotonic milliseconds come in.
// Errors: told again later.
#ifndef TW_LANE_DEVICE_EVENTS_H
#define TW_LANE_DEVICE_EVENTS_H

#include "agent/lane/presence.h"
#include "tillwire/device.h"

struct tw_lane;

struct tw_device_events {
    struct tw_lane *lane;
    const struct tw_device_config *config; // as configured, not as reached
    struct tw_presence presence;
};

// `lane` and `config` outlive it.
void tw_device_events_init(struct tw_device_events *events, struct tw_lane *lane,
                           const struct tw_device_config *config, int64_t now_ms);
// The device's state changed: counts it, logs it, and remembers it for the events.
void tw_device_events_note(struct tw_device_events *events, const struct tw_device *device, int64_t now_ms);
// When to call tw_device_events_tell; INT64_MAX: not at all.
int64_t tw_device_events_due(const struct tw_device_events *events);
// Submits what is due.
void tw_device_events_tell(struct tw_device_events *events, const struct tw_device *device, int64_t now_ms);

#endif
