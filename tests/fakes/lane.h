// SPDX-License-Identifier: Apache-2.0
//
// The agent's side of a device, which checks and counts what it is told, and a real tap
// (firmware/core) at the far end of a real socket that damages what it carries.
//
// Threading: one thread. Memory: freed by the test. Time: the lane's own. Errors: cmocka assertions.
#ifndef TW_FAKE_LANE_H
#define TW_FAKE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "firmware/core/tap.h"
#include "tillwire/device.h"
#include "tillwire/tap_device.h"

enum { LANE_RING_BYTES = 64 * 1024 };

struct lane {
    struct tw_device *device;
    unsigned calls;
    unsigned scans, ups, downs, hellos, marks, files;
    uint64_t file_bytes;
    char why[512];
    uint64_t committed; // asked for at HELLO
    uint64_t at;
    uint64_t lost;
    uint64_t offered_next;
    uint64_t mark_at[64];
    const uint8_t *stream; // what must come
    uint64_t scan;         // the newest scan told of the boot; each comes once, as lane_read_scan made it
    uint8_t boot;
    uint64_t scans_lost;
    int64_t scan_age_ms; // of the newest
    char code[300];      // likewise
    bool acknowledge;
    int64_t now_ms;
};

struct far_end {
    char folder[64];
    struct sockaddr_un address;
    int listener;
    int line;
    struct tw_tap tap;
    uint8_t ring[LANE_RING_BYTES];
    struct tw_tap_record records[1024];
    struct tw_scans scans;
    struct tw_scan slots[32];
    struct tw_tap_board board; // without `info`: as a tap of the first version of the link
    uint32_t random;
    unsigned damage;
    bool deaf; // what is sent vanishes, and nobody can tell
};

struct tw_device_sink lane_sink_of(struct lane *lane);
uint32_t lane_next_random(uint32_t *state);
// TW_SEED or a fixed one; printed.
uint32_t lane_seed(void);
// The far tap starts anew, with nothing in memory.
void lane_boot_tap(struct far_end *far, uint8_t boot_id);
// Its scanner reads a code that names its number, and the offset where it was.
void lane_read_scan(struct far_end *far, uint64_t now_us);
void lane_hang_up(struct far_end *far);
struct far_end *lane_new_far_end(void);
void lane_free_far_end(struct far_end *far);
// One turn of the far end; whether anything moved.
bool lane_turn_far(struct far_end *far, uint64_t now_us);
// Turns both ends until nothing moves, letting seconds pass: damage heals with time.
void lane_run(struct lane *lane, struct far_end *far, int seconds);
// A device over the far end's socket.
struct tw_device *lane_new_tap(struct lane *lane, const struct far_end *far);

#endif
