// SPDX-License-Identifier: Apache-2.0
//
// One direction of the line through the board: a ring between the interrupt that receives from one
// side and the one that sends to the other. Passing waits for nothing else (P5): the copy for the
// agent reads what was sent afterwards, from the same ring. Three quarters of it are room for bytes
// that wait to be sent; the last quarter keeps what was sent until it is copied, however full the
// rest. A copy that is later than that has lost bytes, which are counted (tw_tap_skip). The same ring,
// without a copy, serves the lines of agent and scanner.
//
// Threading: one producer (tw_pass_put), one consumer (tw_pass_take) and one copier (tw_pass_copy),
// each in its own interrupt or in the main loop; no locks. Memory: the caller's; a power of two.
// Time: a put or take is a few instructions. Errors: a byte without room is not taken and counted.
#ifndef TW_PASS_H
#define TW_PASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/tap.h"

struct tw_pass {
    _Atomic uint8_t *ring;
    uint32_t size;
    // They count all bytes and wrap: 2^32 is a multiple of the size. taken <= put <= taken + size * 3 / 4.
    _Atomic uint32_t put;      // the producer's
    _Atomic uint32_t taken;    // the consumer's
    uint32_t copied;           // the copier's, <= taken
    _Atomic uint32_t overruns; // the producer's: bytes that found no room
};

// How full it is, for telling the sender to stop (RTS, XOFF) and to go on.
enum tw_pass_level {
    TW_PASS_LOW,  // a quarter or less: it may go on
    TW_PASS_HALF, // as it was
    TW_PASS_HIGH, // three quarters or more: it is to stop
};

// `size` is a power of two, 8 at least.
void tw_pass_init(struct tw_pass *pass, _Atomic uint8_t *ring, uint32_t size);

// The producer's: false when there is no room, which is counted.
bool tw_pass_put(struct tw_pass *pass, uint8_t byte);

// The consumer's: false when there is nothing to take.
bool tw_pass_take(struct tw_pass *pass, uint8_t *byte);

// Anybody's. Between two interrupts of different priority the level may be old by the time it is acted
// upon: the main loop looks at it too.
enum tw_pass_level tw_pass_level(const struct tw_pass *pass);

// Anybody's: bytes that wait to be taken, and how many more may be put.
uint32_t tw_pass_held(const struct tw_pass *pass);
uint32_t tw_pass_room(const struct tw_pass *pass);

// The copier's: hands to the tap what was taken since the last call, as printed now.
void tw_pass_copy(struct tw_pass *pass, struct tw_tap *tap, uint64_t now_us);

// Bytes that found no room, since the start.
uint32_t tw_pass_overruns(const struct tw_pass *pass);

#endif
