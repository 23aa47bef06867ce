// SPDX-License-Identifier: Apache-2.0
//
// The codec of the tap link: what goes in comes out, and nothing damaged does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tillwire/err.h"
#include "tillwire/tap_link.h"

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 20260101u;
    print_message("seed %u (TW_SEED)\n", value);
    return value | 1u;
}

// Feeds all bytes; returns the number of good frames, the last of them in `frame`; counts damage.
static int feed(struct tw_link_decoder *decoder, const uint8_t *bytes, size_t len,
                struct tw_link_frame *frame, int *damaged)
{
    int good = 0;
    for (size_t i = 0; i < len; i++) {
        int outcome = tw_link_decode(decoder, bytes[i], frame);
        good += outcome > 0;
        *damaged += outcome < 0;
    }
    return good;
}

// The check value of CRC-32/ISO-HDLC in the RevEng catalogue.
static void crc_is_the_standard_one(void **state)
{
    (void)state;
    const uint8_t *digits = (const uint8_t *)"123456789";
    assert_int_equal(tw_link_crc32(0, digits, 9), 0xcbf43926u);
    assert_int_equal(tw_link_crc32(tw_link_crc32(0, digits, 4), digits + 4, 5), 0xcbf43926u);
}

// A frame written down by hand, so that the other end can be written from the header alone.
static void wire_bytes_are_fixed(void **state)
{
    (void)state;
    const uint8_t payload[4] = {0x00, 0x01, 0x00, 0x00};
    uint8_t out[TW_LINK_MAX_FRAME];
    size_t len = tw_link_encode(TW_LINK_CREDIT, 7, payload, sizeof payload, out);
    const uint8_t head[] = {0x03, 0x13, 0x07, 0x02, 0x01, 0x01, 0x05};
    assert_int_equal(len, 12);
    assert_memory_equal(out, head, sizeof head);
    assert_int_equal(out[len - 1], 0);
}

static void random_frames_round_trip(void **state)
{
    (void)state;
    uint32_t random = seed();
    static struct tw_link_decoder decoder;
    for (int round = 0; round < 4000; round++) {
        uint8_t payload[TW_LINK_MAX_PAYLOAD];
        size_t len = round < 1100 ? (size_t)round % (TW_LINK_MAX_PAYLOAD + 1)
                                  : next_random(&random) % (TW_LINK_MAX_PAYLOAD + 1);
        unsigned density = next_random(&random) % 3; // no zeros, many zeros, anything
        for (size_t i = 0; i < len; i++) {
            uint32_t value = next_random(&random) >> 8;
            payload[i] = (uint8_t)(density == 0 ? 1 + value % 255 : density == 1 ? value % 2 : value);
        }
        uint8_t out[TW_LINK_MAX_FRAME];
        memset(out, 0xee, sizeof out);
        size_t size = tw_link_encode(TW_LINK_DATA, (uint8_t)round, payload, len, out);
        assert_in_range(size, len + TW_LINK_OVERHEAD + 2, TW_LINK_MAX_FRAME);
        assert_null(memchr(out, 0, size - 1));
        struct tw_link_frame frame = {0};
        int damaged = 0;
        assert_int_equal(feed(&decoder, out, size, &frame, &damaged), 1);
        assert_int_equal(damaged, 0);
        assert_int_equal(frame.type, TW_LINK_DATA);
        assert_int_equal(frame.sequence, (uint8_t)round);
        assert_int_equal(frame.len, len);
        if (len > 0) {
            assert_memory_equal(frame.payload, payload, len);
        }
    }
    uint8_t too_long[TW_LINK_MAX_PAYLOAD + 1] = {0};
    uint8_t out[TW_LINK_MAX_FRAME];
    assert_int_equal(tw_link_encode(TW_LINK_DATA, 0, too_long, sizeof too_long, out), 0);
}

// A frame from pieces is the frame from the whole, wherever it is cut.
static void pieces_make_the_same_frame(void **state)
{
    (void)state;
    uint32_t random = seed();
    for (int round = 0; round < 1000; round++) {
        uint8_t payload[TW_LINK_MAX_PAYLOAD];
        size_t len = next_random(&random) % (TW_LINK_MAX_PAYLOAD + 1);
        for (size_t i = 0; i < len; i++) {
            payload[i] = (uint8_t)(round % 2 == 0 ? next_random(&random) >> 9 : 1);
        }
        uint8_t whole[TW_LINK_MAX_FRAME];
        uint8_t pieces[TW_LINK_MAX_FRAME];
        struct tw_link_writer writer;
        tw_link_begin(&writer, TW_LINK_SCAN, (uint8_t)round, pieces);
        for (size_t at = 0; at < len;) {
            size_t part = 1 + next_random(&random) % (len - at);
            tw_link_add(&writer, payload + at, part);
            at += part;
        }
        size_t size = tw_link_end(&writer);
        assert_int_equal(size, tw_link_encode(TW_LINK_SCAN, (uint8_t)round, payload, len, whole));
        assert_memory_equal(pieces, whole, size);
    }
}

static size_t sample(uint8_t *out)
{
    uint8_t payload[300];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i % 7 == 0 ? 0 : i);
    }
    return tw_link_encode(TW_LINK_DATA, 3, payload, sizeof payload, out);
}

static void every_truncation_is_noticed(void **state)
{
    (void)state;
    static struct tw_link_decoder decoder;
    uint8_t whole[TW_LINK_MAX_FRAME];
    size_t len = sample(whole);
    for (size_t cut = 1; cut + 1 < len; cut++) {
        struct tw_link_frame frame;
        int damaged = 0;
        assert_int_equal(feed(&decoder, whole, cut, &frame, &damaged), 0);
        assert_int_equal(feed(&decoder, (const uint8_t *)"", 1, &frame, &damaged), 0);
        assert_int_equal(damaged, 1);
        // and the next frame is found
        assert_int_equal(feed(&decoder, whole, len, &frame, &damaged), 1);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    static struct tw_link_decoder decoder;
    uint8_t whole[TW_LINK_MAX_FRAME];
    size_t len = sample(whole);
    for (size_t bit = 0; bit < (len - 1) * 8; bit++) {
        uint8_t bad[TW_LINK_MAX_FRAME];
        memcpy(bad, whole, len);
        bad[bit / 8] = (uint8_t)(bad[bit / 8] ^ (1u << (bit % 8)));
        struct tw_link_frame frame;
        int damaged = 0;
        assert_int_equal(feed(&decoder, bad, len, &frame, &damaged), 0);
        assert_true(damaged > 0);
    }
}

static void noise_never_outgrows_the_decoder(void **state)
{
    (void)state;
    static struct tw_link_decoder decoder;
    struct tw_link_frame frame;
    int damaged = 0;
    for (int i = 0; i < 3 * TW_LINK_MAX_FRAME; i++) {
        assert_int_equal(tw_link_decode(&decoder, 0x55, &frame), 0);
    }
    assert_int_equal(tw_link_decode(&decoder, 0, &frame), TW_ERR_DAMAGED);
    assert_int_equal(tw_link_decode(&decoder, 0, &frame), 0);
    uint8_t whole[TW_LINK_MAX_FRAME];
    size_t len = sample(whole);
    assert_int_equal(feed(&decoder, whole, len, &frame, &damaged), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_standard_one),          cmocka_unit_test(wire_bytes_are_fixed),
        cmocka_unit_test(random_frames_round_trip),         cmocka_unit_test(pieces_make_the_same_frame),
        cmocka_unit_test(every_truncation_is_noticed),      cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(noise_never_outgrows_the_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
