// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/journal/ring.h"

static void put(struct tw_ring *ring, uint64_t sequence)
{
    uint8_t hash[32] = {0};
    memcpy(hash, &sequence, sizeof sequence);
    tw_ring_put(ring, sequence, hash, (uint32_t)(sequence % 1000));
}

// Every sequence from `first` to `last` is held with its own hash and size, and none beside them.
static void check(const struct tw_ring *ring, uint64_t first, uint64_t last)
{
    uint64_t bytes = 0;
    uint64_t sum = 0;
    assert_null(tw_ring_get(ring, first - 1));
    assert_null(tw_ring_get(ring, last + 1));
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        const uint8_t *hash = tw_ring_get(ring, sequence);
        assert_non_null(hash);
        assert_memory_equal(hash, &sequence, sizeof sequence);
        assert_true(tw_ring_bytes(ring, sequence, sequence, &bytes));
        assert_int_equal(bytes, sequence % 1000);
        sum += bytes;
    }
    assert_true(tw_ring_bytes(ring, first, last, &bytes));
    assert_int_equal(bytes, sum);
    assert_false(tw_ring_bytes(ring, first - 1, last, &bytes));
    assert_false(tw_ring_bytes(ring, first, last + 1, &bytes));
}

static void the_window_moves(void **state)
{
    (void)state;
    struct tw_ring ring = {0};
    assert_null(tw_ring_get(&ring, 0));
    assert_int_equal(tw_ring_below(&ring, 5), 0);
    const uint64_t first = 1000003;
    const uint64_t last = first + 3 * TW_RING_MAX;
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        put(&ring, sequence);
        uint64_t oldest = sequence - first < TW_RING_MAX ? first : sequence - TW_RING_MAX + 1;
        assert_int_equal(tw_ring_below(&ring, UINT64_MAX), sequence);
        assert_int_equal(tw_ring_below(&ring, oldest - 1), 0);
        assert_int_equal(tw_ring_below(&ring, oldest), oldest);
    }
    check(&ring, last - TW_RING_MAX + 1, last);
    put(&ring, last + 2); // leaves a hole: not taken
    put(&ring, first);
    check(&ring, last - TW_RING_MAX + 1, last);
    tw_ring_clear(&ring);
    assert_null(tw_ring_get(&ring, last));
    put(&ring, 7);
    check(&ring, 7, 7);
    tw_ring_free(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_window_moves)};
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
