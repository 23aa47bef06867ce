// SPDX-License-Identifier: Apache-2.0
//
// Squeezing: everything comes back as it was; what is damaged is said to be and gives nothing; a small input
// cannot become a large output; at rest no memory is held.
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "agent/journal/squeeze.h"
#include "tillwire/seal.h"
#include "words.h"

#define LARGEST ((size_t)(64 + 4) * 1024)

static const char SALE[] =
    "{\"transaction_id\":\"0042/07/2026-11-22/001234\",\"kind\":\"sale\",\"store\":\"0042\",\"workstation\":"
    "\"07\",\"business_day\":\"2026-11-22\",\"receipt_number\":\"001234\",\"printed_time\":"
    "\"2026-11-22T10:15:00+01:00\",\"operator\":\"17\",\"currency\":\"EUR\",\"lines\":[{\"n\":1,\"kind\":"
    "\"item\","
    "\"gtin\":\"4006381333931\",\"sku\":null,\"description\":\"TEXTMARKER GELB\",\"quantity\":\"2\","
    "\"unit_price\":129,\"amount\":258,\"voided\":false}],\"subtotal\":258,\"discount\":null,\"tax\":41,"
    "\"tax_included\":true,\"rounding\":null,\"total\":258,\"tenders\":[{\"type\":\"cash\",\"amount\":500}],"
    "\"change\":242,\"customer\":null,\"coupons\":[],\"corrects\":null,\"witnesses\":[{\"device\":"
    "\"printer\","
    "\"via\":\"receipt\",\"sha256\":\"08e548c038b1608847f6285d147959da2c6632aca2cda9fd1166ec8f32b460e7\"}],"
    "\"reconciled\":true}";

static unsigned seed;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

struct fixture {
    struct tw_squeeze *squeeze;
    struct tw_buf packed, plain;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->squeeze = tw_squeeze_new();
    assert_non_null(f->squeeze);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tw_squeeze_free(f->squeeze);
    tw_buf_free(&f->packed);
    tw_buf_free(&f->plain);
    free(f);
    return 0;
}

// Returns the packed length; the packed form stays in f->packed.
static size_t round_trip(struct fixture *f, struct tw_slice plain)
{
    tw_buf_clear(&f->packed);
    tw_buf_clear(&f->plain);
    tw_buf_add_text(&f->packed, "header");
    assert_int_equal(tw_squeeze_pack(f->squeeze, plain, &f->packed), TW_OK);
    assert_memory_equal(f->packed.ptr, "header", 6);
    struct tw_slice packed = tw_slice_make(f->packed.ptr + 6, f->packed.len - 6);
    assert_true(packed.len <= plain.len + 1);
    tw_buf_add_text(&f->plain, "before");
    assert_int_equal(tw_squeeze_unpack(f->squeeze, packed, plain.len, &f->plain), TW_OK);
    assert_int_equal(f->plain.len, 6 + plain.len);
    assert_memory_equal(f->plain.ptr, "before", 6);
    if (plain.len > 0) {
        assert_memory_equal(f->plain.ptr + 6, plain.ptr, plain.len);
    }
    assert_int_equal(f->plain.ptr[f->plain.len], 0);
    return packed.len;
}

// ---- forth and back ----

static void an_event_becomes_small(void **state)
{
    struct fixture *f = *state;
    size_t len = round_trip(f, tw_slice_of(SALE));
    assert_true(len < strlen(SALE) / 4);
    assert_int_equal(f->packed.ptr[6], 1);
    assert_int_equal(round_trip(f, tw_slice_make(NULL, 0)), 1);
    assert_int_equal(round_trip(f, tw_slice_of("x")), 2);
}

static void whatever_it_is_comes_back(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = malloc(LARGEST);
    assert_non_null(bytes);
    print_message("seed %u\n", seed);
    for (int i = 0; i < 300; i++) {
        size_t len = i % 10 == 0 ? LARGEST - next_random() % 5 : next_random() % 3000;
        unsigned letters = 1 + next_random() % 256; // from one letter to noise
        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)(next_random() % letters);
        }
        (void)round_trip(f, tw_slice_make(bytes, len));
        if (i % 50 == 0) {
            tw_squeeze_rest(f->squeeze);
        }
    }
    free(bytes);
}

static void json_of_every_length_comes_back(void **state)
{
    struct fixture *f = *state;
    struct tw_buf text = {0};
    while (text.len < LARGEST) {
        tw_buf_printf(&text, "%s%08x", SALE, next_random());
    }
    for (size_t len = 0; len <= LARGEST; len += 1 + len / 8) {
        size_t packed = round_trip(f, tw_slice_make(text.ptr, len));
        assert_true(len < 64 || packed < len);
    }
    assert_true(round_trip(f, tw_slice_make(text.ptr, LARGEST)) < LARGEST / 8);
    tw_buf_free(&text);
}

static void noise_is_kept_as_it_is(void **state)
{
    struct fixture *f = *state;
    uint8_t noise[600];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)next_random();
    }
    assert_int_equal(round_trip(f, tw_slice_make(noise, sizeof noise)), 1 + sizeof noise);
    assert_int_equal(f->packed.ptr[6], 0);
}

// A journal that was written by an earlier release must open: this is what the first one wrote.
static void what_was_written_once_opens(void **state)
{
    struct fixture *f = *state;
    static const uint8_t packed[] = {
        0x01, 0x60, 0xca, 0x01, 0xad, 0x04, 0x00, 0x23, 0xc8, 0x13, 0xef, 0xd0, 0x79, 0xe9, 0x3e, 0xc4,
        0x9c, 0x7b, 0x66, 0x7b, 0x49, 0x35, 0xa6, 0x8a, 0x29, 0x5d, 0x77, 0xa6, 0xaa, 0xa5, 0x4e, 0xcf,
        0xd9, 0x1a, 0xa9, 0xbf, 0x67, 0x84, 0xd0, 0x73, 0xa1, 0x45, 0x86, 0xb8, 0x1d, 0x42, 0x65, 0xed,
        0xe4, 0x56, 0x1d, 0x29, 0xc1, 0x64, 0x2c, 0x27, 0x98, 0x18, 0x9c, 0x88, 0x98, 0x6c, 0x6a, 0x80,
        0xd9, 0x6c, 0xda, 0xdd, 0x44, 0xeb, 0x88, 0x1c, 0xf2, 0xf8, 0x74, 0x3e, 0x98, 0x9b, 0x57, 0xe6,
        0xd5, 0x44, 0x74, 0x54, 0x2f, 0x99, 0x8f, 0x8e, 0x72, 0x1d, 0xfc, 0x40, 0xb3, 0x06, 0x78, 0xd3,
        0xc8, 0xd0, 0x8b, 0x36, 0x7d, 0xc5, 0x3c, 0xcc, 0x88, 0x32, 0x90, 0xac, 0xc8, 0x51, 0xfb, 0xc1,
        0x02, 0x4c, 0xbf, 0x14, 0x58, 0xfe, 0x4b, 0xe8, 0xf8, 0x77, 0xac, 0x45, 0x70, 0x68, 0x44, 0x1e,
        0xc4, 0x9a, 0x65, 0x6b, 0x87, 0xae, 0xd8, 0x5b, 0x49, 0x49, 0x64, 0xde, 0x27, 0xa4, 0x1d, 0x46,
        0xcb, 0xe5, 0x0f, 0x7a, 0x67, 0x32, 0x63, 0xd0, 0xdd, 0x28, 0x91, 0x22};
    assert_int_equal(tw_squeeze_unpack(f->squeeze, tw_slice_make(packed, sizeof packed), 4096, &f->plain),
                     TW_OK);
    assert_string_equal((char *)f->plain.ptr, SALE);
}

// A dictionary never changes: what was written with it could not be read any more.
static void the_dictionary_is_as_released(void **state)
{
    (void)state;
    uint8_t hash[32];
    char hex[65];
    tw_seal_sha256(tw_slice_make(tw_words_1, tw_words_1_len), hash);
    tw_seal_hex(hash, sizeof hash, hex);
    assert_string_equal(hex, "81be989753244782696235090beaccd7558caeb2de3b5bb26a1eaaccbe899b9f");
}

// ---- damage ----

static void unpack_fails(struct fixture *f, struct tw_slice packed, size_t max_bytes, int error)
{
    tw_buf_clear(&f->plain);
    tw_buf_add_text(&f->plain, "stays");
    assert_int_equal(tw_squeeze_unpack(f->squeeze, packed, max_bytes, &f->plain), error);
    assert_int_equal(f->plain.len, 5);
    assert_string_equal((char *)f->plain.ptr, "stays");
}

static void what_is_cut_off_is_damage(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tw_squeeze_pack(f->squeeze, tw_slice_of(SALE), &f->packed), TW_OK);
    for (size_t len = 0; len < f->packed.len; len++) {
        unpack_fails(f, tw_slice_make(f->packed.ptr, len), 4096, TW_ERR_DAMAGED);
    }
    // And what is more than a frame: a byte, or a frame to be skipped (RFC 8878, section 3.1.2).
    static const uint8_t more[] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    size_t len = f->packed.len;
    tw_buf_add(&f->packed, more, sizeof more);
    unpack_fails(f, tw_slice_make(f->packed.ptr, len + 1), 4096, TW_ERR_DAMAGED);
    unpack_fails(f, tw_buf_slice(&f->packed), 4096, TW_ERR_DAMAGED);
}

static void garbage_is_never_an_answer_too_large(void **state)
{
    struct fixture *f = *state;
    uint8_t garbage[400];
    size_t damaged = 0;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 20000; i++) {
        size_t len = 1 + next_random() % sizeof garbage;
        for (size_t at = 0; at < len; at++) {
            garbage[at] = (uint8_t)next_random();
        }
        garbage[0] = (uint8_t)(i % 2 == 0 ? 1 : next_random() % 255 + 1);
        tw_buf_clear(&f->plain);
        int rc = tw_squeeze_unpack(f->squeeze, tw_slice_make(garbage, len), 4096, &f->plain);
        assert_true(rc == TW_OK || rc == TW_ERR_DAMAGED || rc == TW_ERR_TOO_LARGE);
        assert_true(f->plain.len <= (rc == TW_OK ? 4096 : 0));
        damaged += rc == TW_ERR_DAMAGED;
    }
    assert_true(damaged > 10000);
}

static void a_changed_byte_does_no_harm(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tw_squeeze_pack(f->squeeze, tw_slice_of(SALE), &f->packed), TW_OK);
    for (size_t at = 0; at < f->packed.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            f->packed.ptr[at] ^= (uint8_t)(1u << bit);
            tw_buf_clear(&f->plain);
            int rc = tw_squeeze_unpack(f->squeeze, tw_buf_slice(&f->packed), 4096, &f->plain);
            assert_true(rc == TW_OK || rc == TW_ERR_DAMAGED || rc == TW_ERR_TOO_LARGE);
            f->packed.ptr[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(tw_squeeze_unpack(f->squeeze, tw_buf_slice(&f->packed), 4096, &f->plain), TW_OK);
}

static void forms_not_known_are_damage(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tw_squeeze_pack(f->squeeze, tw_slice_of(SALE), &f->packed), TW_OK);
    for (unsigned form = 2; form < 256; form++) {
        f->packed.ptr[0] = (uint8_t)form;
        unpack_fails(f, tw_buf_slice(&f->packed), 4096, TW_ERR_DAMAGED);
    }
}

// ---- bounds ----

static void no_more_than_asked_for(void **state)
{
    struct fixture *f = *state;
    size_t len = strlen(SALE);
    assert_int_equal(tw_squeeze_pack(f->squeeze, tw_slice_of(SALE), &f->packed), TW_OK);
    unpack_fails(f, tw_buf_slice(&f->packed), len - 1, TW_ERR_TOO_LARGE);
    unpack_fails(f, tw_buf_slice(&f->packed), 0, TW_ERR_TOO_LARGE);
    assert_int_equal(tw_squeeze_unpack(f->squeeze, tw_buf_slice(&f->packed), len, &f->plain), TW_OK);
    const uint8_t kept[] = {0, 'a', 'b'};
    unpack_fails(f, tw_slice_make(kept, sizeof kept), 1, TW_ERR_TOO_LARGE);
}

static void a_bomb_does_not_go_off(void **state)
{
    struct fixture *f = *state;
    const size_t size = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, size);
    assert_non_null(zeros);
    assert_int_equal(tw_squeeze_pack(f->squeeze, tw_slice_make(zeros, size), &f->packed), TW_OK);
    free(zeros);
    assert_true(f->packed.len < size / 1000);
    unpack_fails(f, tw_buf_slice(&f->packed), LARGEST, TW_ERR_TOO_LARGE);
    assert_true(f->plain.cap < 4096);
    // The same, lying about its length: header of a frame of 256 bytes (RFC 8878, section 3.1.1.1), then a
    // run-length block of 128 KiB (section 3.1.1.2).
    static const uint8_t liar[] = {1, 0x60, 0, 0, 0x03, 0x00, 0x10, 'x'};
    unpack_fails(f, tw_slice_make(liar, sizeof liar), LARGEST, TW_ERR_DAMAGED);
    static const uint8_t honest[] = {1, 0x60, 0, 0, 0x03, 0x08, 0x00, 'x'};
    assert_int_equal(tw_squeeze_unpack(f->squeeze, tw_slice_make(honest, sizeof honest), LARGEST, &f->plain),
                     TW_OK);
}

// ---- memory ----

// Of a sanitizer, where there is one.
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes()
                                                           : mallinfo2().uordblks;
}

static void at_rest_nothing_is_held(void **state)
{
    struct fixture *f = *state;
    uint8_t *large = calloc(1, LARGEST);
    assert_non_null(large);
    (void)round_trip(f, tw_slice_make(large, LARGEST)); // so that the buffers are large already
    tw_squeeze_rest(f->squeeze);
    size_t before = allocated();
    for (int i = 0; i < 10; i++) {
        (void)round_trip(f, tw_slice_of(SALE));
    }
    size_t working = allocated() - before;
    (void)round_trip(f, tw_slice_make(large, LARGEST));
    size_t large_working = allocated() - before;
    print_message("working: %zu bytes, after a large one: %zu\n", working, large_working);
    assert_true(working > 0 && working < (size_t)256 * 1024);
    assert_true(large_working < (size_t)400 * 1024);
    tw_squeeze_rest(f->squeeze);
    // The C library counts freed pieces that it keeps at hand for the thread.
    assert_true(allocated() <= before + (__sanitizer_get_current_allocated_bytes != NULL ? 0 : 1024));
    tw_squeeze_rest(f->squeeze);
    (void)round_trip(f, tw_slice_of(SALE));
    free(large);
}

int main(void)
{
    const char *wanted = getenv("TW_SEED");
    seed = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : (unsigned)time(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_becomes_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_it_is_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_of_every_length_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(noise_is_kept_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_written_once_opens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dictionary_is_as_released, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_cut_off_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_is_never_an_answer_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_byte_does_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forms_not_known_are_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_than_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bomb_does_not_go_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_rest_nothing_is_held, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
