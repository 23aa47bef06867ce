// SPDX-License-Identifier: Apache-2.0
//
// One direction of the line through the board: a ring between the interrupt that receives from one
// side and the one that sends to the other. Passing waits for nothing else (P5): the copy for the
// agent reads what was sent afterwards, from the same ring. Three quarters of it are room for bytes
// that wait to be sent; the last quarter keeps what was sent until it is copied, however full the
// rest. A copy that is later than that has lost bytes, which are counted (tw_tap_skip). The same ring,
// without a copy, serves the lines of agent and scanner. What nobody needs any more is wiped, for it may hold
// card data (P6).
//
// Threading: one producer (tw_pass_put, _miss), one consumer (tw_pass_take, _take_whole) and one copier
// (tw_pass_copy, _wipe), each in its own interrupt or in the main loop; no locks, but for _wipe. Memory: the
// caller's; a power of two. Time: a put or take is a few instructions. Errors: a byte without room is not
// taken and counted.
#ifndef TW_PASS_H
#define TW_PASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/tap.h"

enum tw_pass_use {
    TW_PASS_COPIED, // what was taken stays until it is copied and wiped
    TW_PASS_ALONE,  // nothing is copied: a byte is wiped as it is taken
};

struct tw_pass {
    _Atomic uint8_t *ring;
    uint32_t size;
    enum tw_pass_use use;
    // They count all bytes and wrap: 2^32 is a multiple of the size. taken <= put <= taken + size * 3 / 4.
    _Atomic uint32_t put;      // the producer's
    _Atomic uint32_t taken;    // the consumer's
    uint32_t copied;           // the copier's, <= taken
    uint32_t wiped;            // the copier's, <= copied
    _Atomic uint32_t overruns; // the producer's: bytes that found no room, or never came
    // Where the holes are that the consumer does not know yet: before the bytes of these numbers, and any
    // between.
    _Atomic uint32_t hole_from;
    _Atomic uint32_t hole_to;
    _Atomic uint32_t known; // the consumer's: the overruns whose holes it knows
};

// How full it is, for telling the sender to stop (RTS, XOFF) and to go on.
enum tw_pass_level {
    TW_PASS_LOW,  // a quarter or less: it may go on
    TW_PASS_HALF, // as it was
    TW_PASS_HIGH, // three quarters or more: it is to stop
};

// `size` is a power of two, 8 at least.
void tw_pass_init(struct tw_pass *pass, _Atomic uint8_t *ring, uint32_t size, enum tw_pass_use use);

// The producer's: false when there is no room, which is counted.
bool tw_pass_put(struct tw_pass *pass, uint8_t byte);

// The producer's: a byte was lost before it could be put. Counted as an overrun.
void tw_pass_miss(struct tw_pass *pass);

// The consumer's: false when there is nothing to take.
bool tw_pass_take(struct tw_pass *pass, uint8_t *byte);

// The same for whoever must not take bytes with a hole for whole. `hole`: bytes are missing before this one,
// or, when there is nothing to take, before the next to come; told once. May be true too early, never too
// late.
bool tw_pass_take_whole(struct tw_pass *pass, uint8_t *byte, bool *hole);

// Anybody's. Between two interrupts of different priority the level may be old by the time it is acted
// upon: the main loop looks at it too.
enum tw_pass_level tw_pass_level(const struct tw_pass *pass);

// Anybody's: bytes that wait to be taken, and how many more may be put.
uint32_t tw_pass_held(const struct tw_pass *pass);
uint32_t tw_pass_room(const struct tw_pass *pass);

// The copier's: hands to the tap what was taken since the last call, as printed now.
void tw_pass_copy(struct tw_pass *pass, struct tw_tap *tap, uint64_t now_us);

// The copier's, with the producer held off: wipes some of what was copied. False: there is no more.
bool tw_pass_wipe(struct tw_pass *pass);

// Bytes that found no room or never came, since the start.
uint32_t tw_pass_overruns(const struct tw_pass *pass);

#endif
