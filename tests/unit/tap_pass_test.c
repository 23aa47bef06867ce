// SPDX-License-Identifier: Apache-2.0
//
// The ring between the two sides of the line against a model, step by step, and between threads, where a
// byte may be overwritten while it is copied: what is passed is what came (P5), and the copy is exact or
// counted (P7).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "firmware/core/pass.h"

enum { SIZE = 64, ROOM = 48, STEPS = 200000, THREAD_BYTES = 400000, THREAD_RING = 1024, TAP_RING = 4096 };

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 5005u;
    print_message("seed %u (TW_SEED)\n", value);
    return value | 1u;
}

static uint32_t pick(uint32_t *random, uint32_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return (*random >> 3) % below;
}

// The byte with this number, in the whole stream; it never repeats within reach of a ring.
static uint8_t byte_at(uint64_t number)
{
    return (uint8_t)((number * 2654435761u) >> 13 ^ number);
}

struct bench {
    struct tw_pass pass;
    _Atomic uint8_t ring[THREAD_RING];
    struct tw_tap tap;
    uint8_t tap_ring[TAP_RING];
    struct tw_tap_record records[64];
    uint64_t put, taken, refused;
    pthread_mutex_t alone;
};

static struct bench *new_bench(uint32_t start)
{
    static const uint8_t boot[16] = {1};
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    struct tw_tap_memory memory = {bench->tap_ring, TAP_RING, bench->records, 64};
    tw_tap_init(&bench->tap, &memory, boot);
    tw_pass_init(&bench->pass, bench->ring, SIZE, TW_PASS_COPIED);
    // As after 4 GiB: the counters wrap in mid-test.
    atomic_store(&bench->pass.put, start);
    atomic_store(&bench->pass.taken, start);
    bench->pass.copied = start;
    bench->pass.wiped = start;
    return bench;
}

static void put_one(struct bench *bench)
{
    bool room = bench->put - bench->taken < ROOM;
    assert_int_equal(tw_pass_put(&bench->pass, byte_at(bench->put)), room);
    bench->put += room;
    bench->refused += !room;
}

static void take_one(struct bench *bench)
{
    uint8_t byte = 0;
    bool some = bench->taken < bench->put;
    assert_int_equal(tw_pass_take(&bench->pass, &byte), some);
    if (some) {
        assert_int_equal(byte, byte_at(bench->taken));
        bench->taken++;
    }
}

// What the tap holds is what was printed at those places.
static void assert_copy(const struct bench *bench, uint64_t printed)
{
    const struct tw_tap *tap = &bench->tap;
    assert_int_equal(tap->next, printed);
    for (uint64_t i = tap->first; i < tap->next; i++) {
        assert_int_equal(tap->memory.ring[(i - tap->base) % TAP_RING], byte_at(i));
    }
}

static void assert_levels(const struct bench *bench)
{
    uint64_t held = bench->put - bench->taken;
    enum tw_pass_level level = tw_pass_level(&bench->pass);
    assert_int_equal(tw_pass_held(&bench->pass), held);
    assert_int_equal(tw_pass_room(&bench->pass), ROOM - held);
    assert_int_equal(level, held <= ROOM / 4       ? TW_PASS_LOW
                            : held >= ROOM * 3 / 4 ? TW_PASS_HIGH
                                                   : TW_PASS_HALF);
}

static void p5_bytes_pass_unchanged_and_in_order(void **state)
{
    (void)state;
    uint32_t random = seed();
    struct bench *bench = new_bench(UINT32_MAX - STEPS / 8);
    for (int i = 0; i < STEPS; i++) {
        // Phases in which one side is faster, so that full and empty both happen.
        bool filling = i / 200 % 2 == 0;
        uint64_t sent = bench->taken - bench->tap.next;
        switch (sent >= SIZE - ROOM - 1 ? 3 : pick(&random, 4)) {
        case 0:
            put_one(bench);
            break;
        case 1:
            take_one(bench);
            break;
        case 2:
            filling ? put_one(bench) : take_one(bench);
            break;
        default:
            tw_pass_copy(&bench->pass, &bench->tap, 1000);
            assert_copy(bench, bench->taken);
        }
        assert_levels(bench);
    }
    assert_true(bench->refused > 100);
    assert_int_equal(tw_pass_overruns(&bench->pass), bench->refused);
    // The copy was never a quarter behind, so only what the tap's own ring could not hold is gone.
    assert_int_equal(bench->tap.lost_bytes, bench->tap.next - TAP_RING);
    free(bench);
}

// Nothing is copied that was not sent, however long it waits.
static void only_what_was_sent_is_copied(void **state)
{
    (void)state;
    struct bench *bench = new_bench(0);
    for (int i = 0; i < ROOM; i++) {
        put_one(bench);
    }
    tw_pass_copy(&bench->pass, &bench->tap, 1);
    assert_copy(bench, 0);
    take_one(bench);
    tw_pass_copy(&bench->pass, &bench->tap, 1);
    assert_copy(bench, 1);
    assert_int_equal(bench->tap.lost_bytes, 0);
    free(bench);
}

// A main loop that was away: what was overwritten meanwhile is given up with all before it, to the byte.
static void p7_a_copy_that_is_a_ring_behind_is_counted(void **state)
{
    (void)state;
    for (uint64_t late = 0; late < 4 * SIZE; late++) {
        struct bench *bench = new_bench((uint32_t)(late * 977));
        for (int i = 0; i < 10; i++) {
            put_one(bench);
            take_one(bench);
        }
        tw_pass_copy(&bench->pass, &bench->tap, 1);
        for (uint64_t i = 0; i < late; i++) {
            put_one(bench);
            take_one(bench);
        }
        tw_pass_copy(&bench->pass, &bench->tap, 2);
        assert_copy(bench, 10 + late);
        // A full ring may be being overwritten: its oldest byte counts as gone.
        uint64_t gone = late < SIZE ? 0 : 10 + late - SIZE + 1;
        assert_int_equal(bench->tap.lost_bytes, gone);
        assert_int_equal(bench->tap.first, gone);
        free(bench);
    }
}

// The same where bytes wait to be sent: they take the room first, and the last quarter is what the copy has.
static void p7_a_copy_that_is_late_in_a_full_ring_is_counted(void **state)
{
    (void)state;
    for (uint64_t unsent = 0; unsent <= ROOM; unsent++) {
        for (uint64_t late = 0; late <= ROOM; late++) {
            struct bench *bench = new_bench(0);
            for (uint64_t i = 0; i < late; i++) {
                put_one(bench);
                take_one(bench);
            }
            for (uint64_t i = 0; i < unsent; i++) {
                put_one(bench);
            }
            tw_pass_copy(&bench->pass, &bench->tap, 1);
            assert_copy(bench, late);
            assert_int_equal(bench->tap.lost_bytes, late + unsent < SIZE ? 0 : late + unsent - SIZE + 1);
            free(bench);
        }
    }
}

// ---- what nobody needs any more is wiped

static unsigned bytes_left(const struct bench *bench)
{
    unsigned left = 0;
    for (int i = 0; i < SIZE; i++) {
        left += atomic_load(&bench->ring[i]) != 0;
    }
    return left;
}

static void put_ff(struct bench *bench, unsigned count)
{
    for (; count > 0; count--) {
        assert_true(tw_pass_put(&bench->pass, 0xff));
    }
}

static void take_ff(struct bench *bench, unsigned count)
{
    for (uint8_t byte = 0; count > 0; count--, byte = 0) {
        assert_true(tw_pass_take(&bench->pass, &byte));
        assert_int_equal(byte, 0xff);
    }
}

static void wipe_all(struct bench *bench)
{
    while (tw_pass_wipe(&bench->pass)) {
    }
}

static void p6_a_byte_is_wiped_as_it_is_taken(void **state)
{
    (void)state;
    struct bench *bench = new_bench(0);
    tw_pass_init(&bench->pass, bench->ring, SIZE, TW_PASS_ALONE);
    for (unsigned round = 0; round < 3 * SIZE; round++) {
        put_ff(bench, 1 + round % ROOM);
        for (unsigned left = round % ROOM + 1; left > 0; left--) {
            assert_int_equal(bytes_left(bench), left);
            take_ff(bench, 1);
        }
        assert_int_equal(bytes_left(bench), 0);
    }
    free(bench);
}

// Whatever the order of steps: what is neither sent nor copied stays, and all else goes, no newer byte with
// it.
static void p6_what_is_copied_is_wiped(void **state)
{
    (void)state;
    uint32_t random = seed();
    struct bench *bench = new_bench(UINT32_MAX - STEPS / 16);
    for (int i = 0; i < STEPS / 4; i++) {
        unsigned held = tw_pass_held(&bench->pass);
        switch (pick(&random, 5)) {
        case 0:
            put_ff(bench, pick(&random, ROOM - held + 1));
            break;
        case 1:
            take_ff(bench, pick(&random, held + 1));
            break;
        case 2:
            tw_pass_copy(&bench->pass, &bench->tap, 1);
            break;
        default:
            wipe_all(bench);
            uint32_t kept = atomic_load(&bench->pass.put) - bench->pass.copied;
            assert_int_equal(bytes_left(bench), kept < SIZE ? kept : SIZE);
        }
    }
    take_ff(bench, tw_pass_held(&bench->pass));
    tw_pass_copy(&bench->pass, &bench->tap, 1);
    wipe_all(bench);
    assert_int_equal(bytes_left(bench), 0);
    free(bench);
}

// ---- holes

// Takes all; returns where holes were told, as digits: 0 before the first byte taken.
static void told_holes(struct bench *bench, char *out)
{
    uint8_t byte = 0;
    bool hole = false;
    bool some = true;
    for (char at = '0'; some; at++) {
        some = tw_pass_take_whole(&bench->pass, &byte, &hole);
        *out = at;
        out += hole;
    }
    *out = '\0';
}

static void assert_holes(struct bench *bench, const char *wanted)
{
    char told[SIZE + 1];
    told_holes(bench, told);
    assert_string_equal(told, wanted);
}

static void p7_a_hole_is_told_in_its_place_and_once(void **state)
{
    (void)state;
    struct bench *bench = new_bench(UINT32_MAX - 3);
    assert_holes(bench, "");
    tw_pass_miss(&bench->pass);
    assert_holes(bench, "0");
    assert_holes(bench, "");
    put_ff(bench, 3);
    tw_pass_miss(&bench->pass);
    put_ff(bench, 3);
    assert_holes(bench, "3");
    put_ff(bench, 5);
    assert_holes(bench, "");
    put_ff(bench, 5);
    tw_pass_miss(&bench->pass);
    tw_pass_miss(&bench->pass);
    assert_holes(bench, "5");
    // Of many the first place and the last are known: all between is doubtful.
    for (int i = 0; i < 4; i++) {
        put_ff(bench, 1);
        tw_pass_miss(&bench->pass);
    }
    put_ff(bench, 2);
    assert_holes(bench, "1234");
    assert_holes(bench, "");
    assert_int_equal(tw_pass_overruns(&bench->pass), 8);
    free(bench);
}

// A full ring: what is in it is whole.
static void p7_a_byte_without_room_is_a_hole_behind_the_others(void **state)
{
    (void)state;
    char told[SIZE + 1];
    struct bench *bench = new_bench(5);
    put_ff(bench, ROOM);
    assert_false(tw_pass_put(&bench->pass, 1));
    assert_false(tw_pass_put(&bench->pass, 1));
    told_holes(bench, told);
    assert_int_equal(strlen(told), 1);
    assert_int_equal(told[0], '0' + ROOM);
    free(bench);
}

// ---- threads

// As on the board, where the interrupts are held off while the copier wipes.
static bool put_alone(struct bench *bench, uint8_t byte)
{
    assert_int_equal(pthread_mutex_lock(&bench->alone), 0);
    bool put = tw_pass_put(&bench->pass, byte);
    assert_int_equal(pthread_mutex_unlock(&bench->alone), 0);
    return put;
}

static void wipe_alone(struct bench *bench)
{
    bool more = true;
    while (more) {
        assert_int_equal(pthread_mutex_lock(&bench->alone), 0);
        more = tw_pass_wipe(&bench->pass);
        assert_int_equal(pthread_mutex_unlock(&bench->alone), 0);
    }
}

static void *produce(void *ctx)
{
    struct bench *bench = ctx;
    for (uint64_t i = 0; i < THREAD_BYTES; i++) {
        while (!put_alone(bench, byte_at(i))) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void *consume(void *ctx)
{
    struct bench *bench = ctx;
    for (uint64_t i = 0; i < THREAD_BYTES;) {
        uint8_t byte = 0;
        if (tw_pass_take(&bench->pass, &byte)) {
            bench->refused += byte != byte_at(i);
            i++;
        } else {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void p7_holds_between_threads(void **state)
{
    (void)state;
    uint32_t random = seed();
    struct bench *bench = new_bench(0);
    tw_pass_init(&bench->pass, bench->ring, THREAD_RING, TW_PASS_COPIED);
    assert_int_equal(pthread_mutex_init(&bench->alone, NULL), 0);
    pthread_t producer;
    pthread_t consumer;
    assert_int_equal(pthread_create(&producer, NULL, produce, bench), 0);
    assert_int_equal(pthread_create(&consumer, NULL, consume, bench), 0);
    uint64_t seen = 0;
    while (bench->tap.next < THREAD_BYTES) {
        tw_pass_copy(&bench->pass, &bench->tap, 1);
        wipe_alone(bench);
        seen = seen < bench->tap.first ? bench->tap.first : seen;
        for (; seen < bench->tap.next; seen++) {
            assert_int_equal(bench->tap_ring[(seen - bench->tap.base) % TAP_RING], byte_at(seen));
        }
        if (pick(&random, 4) == 0) {
            (void)sched_yield(); // late, now and then
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(pthread_join(consumer, NULL), 0);
    assert_int_equal(bench->refused, 0);
    assert_int_equal(bench->tap.next, THREAD_BYTES);
    assert_int_equal(bench->tap.lost_bytes, bench->tap.first);
    wipe_alone(bench);
    for (size_t i = 0; i < THREAD_RING; i++) {
        assert_int_equal(atomic_load(&bench->ring[i]), 0);
    }
    assert_int_equal(pthread_mutex_destroy(&bench->alone), 0);
    free(bench);
}

// A scanner's ring that overruns all the time: where no hole is told, the next byte is the next of the
// stream.
static void *produce_with_holes(void *ctx)
{
    struct bench *bench = ctx;
    for (uint64_t i = 0; i < THREAD_BYTES; i++) {
        (void)tw_pass_put(&bench->pass, (uint8_t)i);
        if (i % 64 == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void p7_holes_are_told_between_threads(void **state)
{
    (void)state;
    struct bench *bench = new_bench(0);
    tw_pass_init(&bench->pass, bench->ring, SIZE, TW_PASS_ALONE);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce_with_holes, bench), 0);
    while (tw_pass_overruns(&bench->pass) == 0) {
        (void)sched_yield();
    }
    uint8_t due = 0;
    uint64_t taken = 0;
    uint64_t holes = 0;
    bool doubt = false; // a hole was told before the byte behind it came
    while (taken + tw_pass_overruns(&bench->pass) < THREAD_BYTES) {
        uint8_t byte = 0;
        bool hole = false;
        bool some = tw_pass_take_whole(&bench->pass, &byte, &hole);
        assert_true(hole || doubt || !some || byte == due);
        doubt = !some && (hole || doubt);
        holes += hole;
        due = some ? (uint8_t)(byte + 1) : due;
        taken += some;
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    uint8_t none = 0;
    bool last = false; // a hole behind the last byte, the only one where the producer was never interrupted
    assert_false(tw_pass_take_whole(&bench->pass, &none, &last));
    assert_true((holes > 0 || last) && taken > 0);
    free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p5_bytes_pass_unchanged_and_in_order),
        cmocka_unit_test(only_what_was_sent_is_copied),
        cmocka_unit_test(p7_a_copy_that_is_a_ring_behind_is_counted),
        cmocka_unit_test(p7_a_copy_that_is_late_in_a_full_ring_is_counted),
        cmocka_unit_test(p6_a_byte_is_wiped_as_it_is_taken),
        cmocka_unit_test(p6_what_is_copied_is_wiped),
        cmocka_unit_test(p7_a_hole_is_told_in_its_place_and_once),
        cmocka_unit_test(p7_a_byte_without_room_is_a_hole_behind_the_others),
        cmocka_unit_test(p7_holds_between_threads),
        cmocka_unit_test(p7_holes_are_told_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
