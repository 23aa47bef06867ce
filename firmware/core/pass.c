// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/pass.h"

// Stack of the copier: it copies out before it believes (see take_piece).
enum { PIECE_BYTES = 64 };

void tw_pass_init(struct tw_pass *pass, _Atomic uint8_t *ring, uint32_t size)
{
    pass->ring = ring;
    pass->size = size;
    pass->copied = 0;
    atomic_init(&pass->put, 0);
    atomic_init(&pass->taken, 0);
    atomic_init(&pass->overruns, 0);
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

// The byte itself is released too: whoever reads it where an older one was expected, then sees how far `put`
// had come before.
bool tw_pass_put(struct tw_pass *pass, uint8_t byte)
{
    uint32_t put = atomic_load_explicit(&pass->put, memory_order_relaxed);
    uint32_t taken = atomic_load_explicit(&pass->taken, memory_order_acquire);
    if (put - taken >= capacity_of(pass)) {
        uint32_t overruns = atomic_load_explicit(&pass->overruns, memory_order_relaxed);
        atomic_store_explicit(&pass->overruns, overruns + 1, memory_order_relaxed);
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
    atomic_store_explicit(&pass->taken, taken + 1, memory_order_release);
    return true;
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
