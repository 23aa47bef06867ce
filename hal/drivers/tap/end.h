// SPDX-License-Identifier: Apache-2.0
//
// What the two files of the tap driver share: link.c keeps the link up, take.c takes what comes over it in
// order.
//
// Threading, Memory, Time, Errors: as hal/core/driver.h.
#ifndef TW_HAL_TAP_END_H
#define TW_HAL_TAP_END_H

#include "hal/core/driver.h"
#include "hal/drivers/tap/sender.h"
#include "tillwire/tap_link.h"

#define TW_TAP_END_WINDOW_BYTES (256 * 1024) // what a tap may have on its way to us

enum tw_tap_end_state { TW_TAP_END_WAITING, TW_TAP_END_ASKING, TW_TAP_END_STREAMING };

struct tw_tap_end {
    struct tw_driver driver;
    enum tw_tap_end_state state;
    struct tw_link_decoder decoder;
    uint8_t boot[16];
    uint8_t sequence;       // of the next frame we send
    uint8_t tap_sequence;   // of the next frame expected
    uint8_t start_sequence; // of the START whose answer is awaited
    uint64_t at;            // all before was handed on
    uint64_t acknowledged;  // by the agent, of this boot
    uint64_t mark_time_us;  // of the newest mark handed on
    uint32_t consumed;      // handed on since the last CREDIT
    int64_t now_ms;
    int64_t answer_due_ms;
    uint64_t scan;              // handed on
    uint64_t scan_acknowledged; // of this boot
    bool new_boot;              // nothing was said of it yet
    bool may_set;               // its lines were not looked at yet
    struct tw_tap_report report;
    struct tw_tap_sender sender;
};

// Sends a frame, credit, and the frame of an update that is due.
void tw_tap_end_send(struct tw_tap_end *tap, uint8_t type, const uint8_t *payload, size_t len);
void tw_tap_end_credit(struct tw_tap_end *tap, uint32_t bytes);
void tw_tap_end_send_update(struct tw_tap_end *tap);

// ---- take.c ----

// Takes a frame of the stream. False: it is whole, but not what comes next.
bool tw_tap_end_take(struct tw_tap_end *tap, const struct tw_link_frame *frame);

#endif
