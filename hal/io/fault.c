// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "hal/io/io.h"

enum { HELD_BYTES = 8 * 1024 };

struct fault {
    struct tw_io io;
    struct tw_io *inner;
    struct tw_io_faults faults;
    uint32_t random;
    uint64_t read_bytes; // given out
    bool closed;
    size_t held, given; // of what `inner` gave
    uint8_t bytes[HELD_BYTES];
};

static uint32_t next_random(struct fault *fault)
{
    fault->random = fault->random * 1664525u + 1013904223u; // Numerical Recipes, 7.1
    return fault->random >> 8;
}

// Once in `times`, on average; never for 0.
static bool strikes(struct fault *fault, unsigned times)
{
    return times != 0 && next_random(fault) % times == 0;
}

static size_t cut(struct fault *fault, size_t len)
{
    return fault->faults.split && len > 1 ? 1 + next_random(fault) % len : len;
}

static bool must_close(struct fault *fault)
{
    const struct tw_io_faults *faults = &fault->faults;
    fault->closed = fault->closed || strikes(fault, faults->close) ||
                    (faults->close_after > 0 && fault->read_bytes >= faults->close_after);
    return fault->closed;
}

// Holds a reading of `inner`, which may insist on room for a whole record of its own.
static int refill(struct fault *fault)
{
    if (strikes(fault, fault->faults.again)) {
        return TW_ERR_AGAIN;
    }
    size_t got = 0;
    int outcome = tw_io_read(fault->inner, fault->bytes, sizeof fault->bytes, &got);
    if (outcome != 0) {
        return outcome;
    }
    for (size_t i = 0; i < got; i++) {
        if (strikes(fault, fault->faults.garble)) {
            fault->bytes[i] ^= (uint8_t)(1u << (next_random(fault) % 8));
        }
    }
    fault->held = got;
    fault->given = 0;
    return 0;
}

static int read_fault(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    struct fault *fault = (struct fault *)io;
    if (must_close(fault)) {
        return TW_ERR_CLOSED;
    }
    int outcome = fault->given < fault->held ? 0 : refill(fault);
    if (outcome != 0) {
        return outcome;
    }
    size_t len = fault->held - fault->given;
    uint64_t left = fault->faults.close_after - fault->read_bytes;
    len = len < cap ? len : cap;
    len = fault->faults.close_after > 0 && len > left ? (size_t)left : len;
    len = cut(fault, len);
    memcpy(out, fault->bytes + fault->given, len);
    fault->given += len;
    fault->read_bytes += len;
    *got = len;
    return 0;
}

static int write_fault(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    struct fault *fault = (struct fault *)io;
    if (must_close(fault)) {
        return TW_ERR_CLOSED;
    }
    if (strikes(fault, fault->faults.again)) {
        return TW_ERR_AGAIN;
    }
    return tw_io_write(fault->inner, tw_slice_make(bytes.ptr, cut(fault, bytes.len)), put);
}

static void close_fault(struct tw_io *io)
{
    struct fault *fault = (struct fault *)io;
    tw_io_close(fault->inner);
    explicit_bzero(fault->bytes, sizeof fault->bytes); // may be card data (P6)
    free(fault);
}

static int connected_fault(struct tw_io *io, struct tw_error_text *err)
{
    return tw_io_connected(((struct fault *)io)->inner, err);
}

static const struct tw_io_ops fault_ops = {read_fault, write_fault, close_fault, connected_fault};

int tw_io_fault_new(struct tw_io *inner, const struct tw_io_faults *faults, struct tw_io **out)
{
    struct fault *fault = calloc(1, sizeof *fault);
    if (fault == NULL) {
        return TW_ERR_NOMEM;
    }
    fault->io = (struct tw_io){.ops = &fault_ops, .fd = inner->fd, .facts = inner->facts};
    fault->inner = inner;
    fault->faults = *faults;
    fault->random = faults->seed;
    *out = &fault->io;
    return 0;
}
