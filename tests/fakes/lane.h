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
