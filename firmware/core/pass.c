// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/pass.h"

// Stack of the copier: it copies out before it believes (see take_piece).
enum { PIECE_BYTES = 64 };

// The producer is an interrupt that is late by so many bytes' wiping: less than a microsecond or two.
enum { WIPED_AT_ONCE = 8 };

void tw_pass_init(struct tw_pass *pass, _Atomic uint8_t *ring, uint32_t size, enum tw_pass_use use)
{
    pass->ring = ring;
    pass->size = size;
    pass->use = use;
    pass->copied = 0;
    pass->wiped = 0;
    atomic_init(&pass->put, 0);
    atomic_init(&pass->taken, 0);
    atomic_init(&pass->overruns, 0);
    atomic_init(&pass->hole_from, 0);
    atomic_init(&pass->hole_to, 0);
    atomic_init(&pass->known, 0);
}

// The rest of the ring is the copier's.
static uint32_t capacity_of(const struct tw_pass *pass)
{
    return pass->size - pass->size / 4;
}

static _Atomic uint8_t *place_of(const struct tw_pass *pass, uint32_t count)
{
    return &pass->ring[count & (pass->size - 1)];
}

// Of the holes that are not known yet the first place and the last are kept. The consumer may come to know of
// them just now: then the range is longer than need be.
void tw_pass_miss(struct tw_pass *pass)
{
    uint32_t put = atomic_load_explicit(&pass->put, memory_order_relaxed);
    uint32_t overruns = atomic_load_explicit(&pass->overruns, memory_order_relaxed);
    if (atomic_load_explicit(&pass->known, memory_order_acquire) == overruns) {
        atomic_store_explicit(&pass->hole_from, put, memory_order_relaxed);
    }
    atomic_store_explicit(&pass->hole_to, put, memory_order_relaxed);
    atomic_store_explicit(&pass->overruns, overruns + 1, memory_order_release);
}

// The byte itself is released too: whoever reads it where an older one was expected, then sees how far `put`
// had come before.
bool tw_pass_put(struct tw_pass *pass, uint8_t byte)
{
    uint32_t put = atomic_load_explicit(&pass->put, memory_order_relaxed);
    uint32_t taken = atomic_load_explicit(&pass->taken, memory_order_acquire);
    if (put - taken >= capacity_of(pass)) {
        tw_pass_miss(pass);
        return false;
    }
    atomic_store_explicit(place_of(pass, put), byte, memory_order_release);
    atomic_store_explicit(&pass->put, put + 1, memory_order_release);
    return true;
}

bool tw_pass_take(struct tw_pass *pass, uint8_t *byte)
{
    uint32_t taken = atomic_load_explicit(&pass->taken, memory_order_relaxed);
    if (taken == atomic_load_explicit(&pass->put, memory_order_acquire)) {
        return false;
    }
    *byte = atomic_load_explicit(place_of(pass, taken), memory_order_relaxed);
    if (pass->use == TW_PASS_ALONE) {
        atomic_store_explicit(place_of(pass, taken), 0, memory_order_relaxed);
    }
    atomic_store_explicit(&pass->taken, taken + 1, memory_order_release);
    return true;
}

// Whether there is a hole before the byte with the number `at` that is not known yet. An acquired count shows
// the places of all the holes it counts.
static bool take_hole(struct tw_pass *pass, uint32_t at)
{
    uint32_t overruns = atomic_load_explicit(&pass->overruns, memory_order_acquire);
    if (overruns == atomic_load_explicit(&pass->known, memory_order_relaxed) ||
        (int32_t)(at - atomic_load_explicit(&pass->hole_from, memory_order_relaxed)) < 0) {
        return false;
    }
    if ((int32_t)(at - atomic_load_explicit(&pass->hole_to, memory_order_relaxed)) >= 0) {
        atomic_store_explicit(&pass->known, overruns, memory_order_release);
    }
    return true;
}

// The byte first: what was missed before it is counted by then.
bool tw_pass_take_whole(struct tw_pass *pass, uint8_t *byte, bool *hole)
{
    bool some = tw_pass_take(pass, byte);
    uint32_t taken = atomic_load_explicit(&pass->taken, memory_order_relaxed);
    *hole = take_hole(pass, some ? taken - 1 : taken);
    return some;
}

uint32_t tw_pass_held(const struct tw_pass *pass)
{
    uint32_t taken = atomic_load_explicit(&pass->taken, memory_order_acquire);
    return atomic_load_explicit(&pass->put, memory_order_acquire) - taken;
}

uint32_t tw_pass_room(const struct tw_pass *pass)
{
    return capacity_of(pass) - tw_pass_held(pass);
}

enum tw_pass_level tw_pass_level(const struct tw_pass *pass)
{
    uint32_t held = tw_pass_held(pass);
    uint32_t capacity = capacity_of(pass);
    if (held >= capacity - capacity / 4) {
        return TW_PASS_HIGH;
    }
    return held <= capacity / 4 ? TW_PASS_LOW : TW_PASS_HALF;
}

uint32_t tw_pass_overruns(const struct tw_pass *pass)
{
    return atomic_load_explicit(&pass->overruns, memory_order_relaxed);
}

// ---- the copy

// How many bytes from `copied` on were overwritten, or may just be: the producer writes at `put` before it
// counts.
static uint32_t overwritten(const struct tw_pass *pass)
{
    uint32_t ahead = atomic_load_explicit(&pass->put, memory_order_acquire) - pass->copied;
    return ahead < pass->size ? 0 : ahead - pass->size + 1;
}

static uint32_t take_piece(const struct tw_pass *pass, uint8_t piece[PIECE_BYTES])
{
    uint32_t len = atomic_load_explicit(&pass->taken, memory_order_acquire) - pass->copied;
    len = len < PIECE_BYTES ? len : PIECE_BYTES;
    for (uint32_t i = 0; i < len; i++) {
        piece[i] = atomic_load_explicit(place_of(pass, pass->copied + i), memory_order_acquire);
    }
    return len;
}

// What was overwritten while it was read is known afterwards.
void tw_pass_copy(struct tw_pass *pass, struct tw_tap *tap, uint64_t now_us)
{
    uint8_t piece[PIECE_BYTES];
    uint32_t len = take_piece(pass, piece);
    while (len > 0) {
        uint32_t gone = overwritten(pass);
        if (gone > 0) {
            tw_tap_skip(tap, gone);
            pass->copied += gone;
        } else {
            tw_tap_print(tap, piece, len, now_us);
            pass->copied += len;
        }
        len = take_piece(pass, piece);
    }
}

// A place belongs to the byte it was copied of until the byte one ring later is put.
bool tw_pass_wipe(struct tw_pass *pass)
{
    uint32_t put = atomic_load_explicit(&pass->put, memory_order_acquire);
    if (put - pass->wiped > pass->size) {
        uint32_t oldest = put - pass->size;
        pass->wiped = pass->copied - oldest <= pass->size ? oldest : pass->copied;
    }
    uint32_t len = pass->copied - pass->wiped;
    len = len < WIPED_AT_ONCE ? len : WIPED_AT_ONCE;
    for (uint32_t i = 0; i < len; i++) {
        atomic_store_explicit(place_of(pass, pass->wiped + i), 0, memory_order_relaxed);
    }
    pass->wiped += len;
    return pass->wiped != pass->copied;
}
