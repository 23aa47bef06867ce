// SPDX-License-Identifier: Apache-2.0
//
// Headers of images: what is taken, and the reason for what is not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/image.h"
#include "tillwire/tap_link.h"

enum { BODY = 100, LENGTH = TW_IMAGE_HEADER + BODY };

static const struct tw_image_place place = {
    .board = 1, .slot = TW_IMAGE_SLOT_B, .slot_bytes = 4096, .floor = 0x10200};

// Not SHA-256, but every byte counts: the boards bring their own.
static void toy_hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH])
{
    uint32_t crc = 0;
    for (size_t i = 0; i < TW_IMAGE_HASH; i += 4) {
        crc = tw_link_crc32(crc, bytes, len);
        tw_link_put(digest + i, crc, 4);
    }
}

// An image by the numbers of the format, not by the code that reads it.
static void make(uint8_t *image, uint32_t board, uint32_t version, uint32_t slot, uint32_t length)
{
    static const uint8_t magic[8] = {'T', 'W', 'T', 'A', 'P', 0, 1, 0};
    memset(image, 0, TW_IMAGE_HEADER);
    memcpy(image, magic, sizeof magic);
    tw_link_put(image + 8, board, 4);
    tw_link_put(image + 12, version, 4);
    tw_link_put(image + 16, slot, 4);
    tw_link_put(image + 20, length, 4);
    for (size_t i = 0; i < BODY; i++) {
        image[TW_IMAGE_HEADER + i] = (uint8_t)(i * 7);
    }
    toy_hash(image + TW_IMAGE_HEADER, BODY, image + 24);
}

static enum tw_image_fault check(uint32_t board, uint32_t version, uint32_t slot, uint32_t length)
{
    uint8_t bytes[LENGTH];
    struct tw_image image;
    make(bytes, board, version, slot, length);
    return tw_image_check_header(bytes, &place, &image);
}

static void takes_what_was_made_for_the_place(void **state)
{
    (void)state;
    uint8_t bytes[LENGTH];
    struct tw_image image;
    make(bytes, 1, 0x10203, TW_IMAGE_SLOT_B, LENGTH);
    assert_int_equal(tw_image_check_header(bytes, &place, &image), TW_IMAGE_GOOD);
    assert_int_equal(image.board, 1);
    assert_int_equal(image.version, 0x10203);
    assert_int_equal(image.slot, TW_IMAGE_SLOT_B);
    assert_int_equal(image.length_bytes, LENGTH);
    assert_int_equal(tw_image_check_body(bytes, &image, toy_hash), TW_IMAGE_GOOD);
}

static void says_why_not(void **state)
{
    (void)state;
    const uint32_t b = TW_IMAGE_SLOT_B;
    assert_int_equal(check(2, 0x10203, b, LENGTH), TW_IMAGE_WRONG_BOARD);
    assert_int_equal(check(1, 0x10203, TW_IMAGE_SLOT_A, LENGTH), TW_IMAGE_WRONG_SLOT);
    assert_int_equal(check(1, 0x101ff, b, LENGTH), TW_IMAGE_TOO_OLD);
    assert_int_equal(check(1, 0x10200, b, LENGTH), TW_IMAGE_GOOD);
    assert_int_equal(check(1, 0x10203, b, 4096), TW_IMAGE_GOOD);
    assert_int_equal(check(1, 0x10203, b, 4097), TW_IMAGE_WRONG_LENGTH);
    assert_int_equal(check(1, 0x10203, b, TW_IMAGE_MAX + 1), TW_IMAGE_WRONG_LENGTH);
    assert_int_equal(check(1, 0x10203, b, UINT32_MAX), TW_IMAGE_WRONG_LENGTH);
    assert_int_equal(check(1, 0x10203, b, TW_IMAGE_HEADER), TW_IMAGE_WRONG_LENGTH);
    assert_int_equal(check(1, 0x10203, b, 0), TW_IMAGE_WRONG_LENGTH);
}

static void an_empty_slot_is_no_image(void **state)
{
    (void)state;
    uint8_t bytes[TW_IMAGE_HEADER];
    struct tw_image image;
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(tw_image_parse(bytes, &image), TW_IMAGE_NO_HEADER);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(tw_image_parse(bytes, &image), TW_IMAGE_NO_HEADER);
}

static void any_flipped_bit_of_the_body_is_seen(void **state)
{
    (void)state;
    uint8_t bytes[LENGTH];
    struct tw_image image;
    make(bytes, 1, 0x10203, TW_IMAGE_SLOT_B, LENGTH);
    assert_int_equal(tw_image_parse(bytes, &image), TW_IMAGE_GOOD);
    for (size_t bit = 0; bit < 8 * (size_t)BODY; bit++) {
        bytes[TW_IMAGE_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(tw_image_check_body(bytes, &image, toy_hash), TW_IMAGE_BAD_HASH);
        bytes[TW_IMAGE_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t at = 24; at < 24 + TW_IMAGE_HASH; at++) {
        bytes[at] ^= 1;
        assert_int_equal(tw_image_check_body(bytes, &image, toy_hash), TW_IMAGE_BAD_HASH);
        bytes[at] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_was_made_for_the_place),
        cmocka_unit_test(says_why_not),
        cmocka_unit_test(an_empty_slot_is_no_image),
        cmocka_unit_test(any_flipped_bit_of_the_body_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
