// SPDX-License-Identifier: Apache-2.0
//
// The tap's scanner: gathers bytes to readings, numbers them from 1, and keeps each until the agent
// has it safe. A reading ends with CR or LF, or with 60 ms of silence. When all slots are taken the
// oldest unacknowledged reading is given up, counted, and named by SCAN_LOST; one longer than
// TW_LINK_MAX_SCAN, or with a hole in it, is not a reading that anybody could use, and is named the same way.
// tap.c sends them, each in its place of the printer's stream.
//
// Threading: main loop only. Memory: the caller's. What is acknowledged or given up is wiped at once,
// for it may be a payment card's (P6). Time: the caller's microseconds. Errors: none; loss is counted.
#ifndef TW_SCANS_H
#define TW_SCANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/tap_link.h"

#define TW_SCANS_SILENCE_US 60000u

struct tw_tap;

struct tw_scan {
    uint64_t at;      // bytes printed before it
    uint64_t time_us; // when it was complete
    uint16_t len;     // 0: it was too long, or had a hole
    uint8_t bytes[TW_LINK_MAX_SCAN];
};

struct tw_scans {
    struct tw_scan *slots; // scan `number` lies at number % count
    size_t count;

    // Numbers. acked < first <= next, first <= send once all loss was told.
    uint64_t acked; // the agent has all up to and with it
    uint64_t first; // oldest still held; (acked, first) were given up
    uint64_t next;  // of the reading under way
    uint64_t send;  // next to send

    // The reading under way.
    uint64_t heard_us; // its newest byte
    size_t len;        // more than there is room for: it is lost
    uint8_t bytes[TW_LINK_MAX_SCAN];

    uint64_t lost; // given up; never goes back
};

// Makes it empty; `slots` are zeroed by the caller and at least 2.
void tw_scans_init(struct tw_scans *scans, struct tw_scan *slots, size_t count);

// A byte from the scanner. A reading that is complete takes its place in the tap's stream, behind all that
// was printed so far: copy that first (tw_pass_copy).
void tw_scans_put(struct tw_scans *scans, struct tw_tap *tap, uint8_t byte, uint64_t now_us);

// Bytes of the scanner are missing here: the reading under way, or the next one, is lost.
void tw_scans_miss(struct tw_scans *scans, uint64_t now_us);

// Time passed: silence ends a reading. To be called at least every 20 ms.
void tw_scans_tick(struct tw_scans *scans, struct tw_tap *tap, uint64_t now_us);

// ---- for tap.c

// The agent wants all that is not acknowledged again.
void tw_scans_rewind(struct tw_scans *scans);

// All up to and with `number` is safe: forgotten. False when there is no such reading yet.
bool tw_scans_forget(struct tw_scans *scans, uint64_t number);

// The reading to be sent next, borrowed until the next call; NULL: none. Needs first <= send.
const struct tw_scan *tw_scans_due(const struct tw_scans *scans);

#endif
