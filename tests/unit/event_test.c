// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/journal/uuid.h"
#include "tillwire/event.h"

static void published_form_is_exact(void **state)
{
    (void)state;
    const struct tw_event_row row = {
        .sequence = 42,
        .type = TW_EVENT_SALE_COMPLETED,
        .id = {0x01, 0x8f, 0x00, 0x11, 0x22, 0x33, 0x74, 0x44, 0x85, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
               0xbb},
        .subject = tw_slice_of("0042/07/2026-11-22/\"1\""),
        .data = tw_slice_of("{\"total\":214}"),
        .time_ms = INT64_C(1795338900123),
        .recorded_ms = INT64_C(1795338900200),
        .monotonic_ms = 8123,
        .clock = TW_CLOCK_UNSYNCHRONISED,
        .boot = "0b7a6f0e-5f43-4a6e-9d0e-3f6a0a9f2b11",
    };
    static const char expected[] =
        "{\"specversion\":\"1.0\",\"id\":\"018f0011-2233-7444-8555-66778899aabb\",\"source\":\"/acme/0042/"
        "07\","
        "\"type\":\"io.tillwire.sale.completed\",\"subject\":\"0042/07/2026-11-22/\\\"1\\\"\","
        "\"time\":\"2026-11-22T09:15:00.123Z\",\"datacontenttype\":\"application/json\","
        "\"dataschema\":\"urn:tillwire:schema:sale:1\",\"sequence\":\"00000000000000000042\","
        "\"epoch\":\"7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3\",\"recordedtime\":\"2026-11-22T09:15:00.200Z\","
        "\"bootid\":\"0b7a6f0e-5f43-4a6e-9d0e-3f6a0a9f2b11\",\"monotonicms\":\"8123\",\"clock\":"
        "\"unsynchronised\","
        "\"prevhash\":\"00\",\"data\":{\"total\":214}}";
    struct tw_buf out = {0};
    tw_event_write(&row, "/acme/0042/07", "7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3", "00", &out);
    assert_int_equal(tw_buf_status(&out), TW_OK);
    assert_string_equal((const char *)out.ptr, expected);
    tw_buf_free(&out);
}

// The text of an event with that much of both.
static void expect_numbers(uint64_t sequence, int64_t monotonic_ms, const char *expected)
{
    const struct tw_event_row row = {.sequence = sequence,
                                     .type = TW_EVENT_SALE_COMPLETED,
                                     .monotonic_ms = monotonic_ms,
                                     .data = tw_slice_of("{}"),
                                     .boot = ""};
    struct tw_buf out = {0};
    tw_event_write(&row, "/acme/0042/07", "", "", &out);
    assert_int_equal(tw_buf_status(&out), TW_OK);
    assert_non_null(strstr((const char *)out.ptr, expected));
    tw_buf_free(&out);
}

#define NUMBERS(sequence, monotonic)                                                                         \
    "\"sequence\":\"" sequence                                                                               \
    "\",\"epoch\":\"\",\"recordedtime\":\"1970-01-01T00:00:00.000Z\",\"bootid\":\""                          \
    "\",\"monotonicms\":\"" monotonic "\",\"clock\""

static void numbers_have_all_their_digits(void **state)
{
    (void)state;
    expect_numbers(0, 0, NUMBERS("00000000000000000000", "0"));
    expect_numbers(10, -10, NUMBERS("00000000000000000010", "-10"));
    expect_numbers(UINT64_MAX, INT64_MAX, NUMBERS("18446744073709551615", "9223372036854775807"));
    expect_numbers(INT64_MAX, INT64_MIN, NUMBERS("09223372036854775807", "-9223372036854775808"));
}

static void every_type_has_its_names(void **state)
{
    (void)state;
    const enum tw_event_type types[] = {
#define X(symbol, number, type, schema, family) TW_EVENT_##symbol,
        TW_EVENT_TYPES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_non_null(tw_event_type_schema(types[i]));
        assert_non_null(tw_event_type_family(types[i]));
        assert_int_equal(strncmp(tw_event_type_name(types[i]), TW_EVENT_PREFIX, strlen(TW_EVENT_PREFIX)), 0);
    }
    assert_string_equal(tw_event_type_name(TW_EVENT_LOYALTY_LOOKED_UP), "io.tillwire.loyalty.looked_up");
    assert_string_equal(tw_event_type_family(TW_EVENT_LOYALTY_LOOKED_UP), "audit");
    assert_null(tw_event_type_name((enum tw_event_type)999));
    assert_null(tw_event_type_schema((enum tw_event_type)999));
    assert_null(tw_event_type_family((enum tw_event_type)999));
}

static void time_is_rfc3339(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[25];
        tw_event_time(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void uuid_text_goes_both_ways(void **state)
{
    (void)state;
    uint8_t id[16];
    char text[37];
    assert_int_equal(tw_uuid_parse("018F0011-2233-7444-8555-66778899aabb", id), TW_OK);
    tw_uuid_text(id, text);
    assert_string_equal(text, "018f0011-2233-7444-8555-66778899aabb");
    static const char *const wrong[] = {
        "",
        "018f0011",
        "018f0011-2233-7444-8555-66778899aab",
        "018f0011-2233-7444-8555-66778899aabbc",
        "018f0011x2233-7444-8555-66778899aabb",
        "018g0011-2233-7444-8555-66778899aabb",
        "018f0011-2233-7444-8555-66778899aab-",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tw_uuid_parse(wrong[i], id), TW_ERR_INVALID);
    }
}

// The clock stands, goes on and falls back; many more ids in one millisecond than the counter holds.
static void uuid7_never_steps_back(void **state)
{
    (void)state;
    struct tw_seal *seal = NULL;
    assert_int_equal(tw_seal_new(&seal, NULL), TW_OK);
    struct tw_uuid_maker maker = {.seal = seal};
    uint8_t last[16] = {0};
    for (int i = 0; i < 30000; i++) {
        int64_t wall_ms = i < 10000 ? 1000000 : i < 20000 ? 2000000 + i : 5;
        uint8_t id[16];
        assert_int_equal(tw_uuid_make(&maker, wall_ms, id), TW_OK);
        assert_true(memcmp(id, last, sizeof id) > 0);
        assert_int_equal(id[6] >> 4, 7);
        assert_int_equal(id[8] >> 6, 2);
        memcpy(last, id, sizeof id);
    }
    struct tw_uuid_maker restarted = {.seal = seal};
    tw_uuid_after(&restarted, last);
    uint8_t next[16];
    assert_int_equal(tw_uuid_make(&restarted, 7, next), TW_OK);
    assert_true(memcmp(next, last, sizeof next) > 0);
    tw_seal_free(seal);
}

static void uuid4_is_random(void **state)
{
    (void)state;
    struct tw_seal *seal = NULL;
    assert_int_equal(tw_seal_new(&seal, NULL), TW_OK);
    char one[37];
    char other[37];
    assert_int_equal(tw_uuid_random(seal, one), TW_OK);
    assert_int_equal(tw_uuid_random(seal, other), TW_OK);
    assert_string_not_equal(one, other);
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
    tw_seal_free(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_form_is_exact),  cmocka_unit_test(numbers_have_all_their_digits),
        cmocka_unit_test(every_type_has_its_names), cmocka_unit_test(time_is_rfc3339),
        cmocka_unit_test(uuid_text_goes_both_ways), cmocka_unit_test(uuid7_never_steps_back),
        cmocka_unit_test(uuid4_is_random),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
