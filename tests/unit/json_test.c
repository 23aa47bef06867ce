// SPDX-License-Identifier: Apache-2.0
//
// The JSON facade: what is read and written, and that errors name the place but quote nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tillwire/json.h"

static tw_json *parse(const char *text)
{
    tw_json *value = NULL;
    struct tw_error_text err;
    if (tw_json_parse(tw_slice_of(text), &value, &err) != TW_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

static void test_same_value_same_bytes(void **state)
{
    (void)state;
    const char *text = "{\"z\":1,\"a\":[true,null,\"\xC3\xA4\\n\"],\"m\":-9223372036854775808}";
    tw_json *value = parse(text);
    struct tw_buf out = {0};
    tw_json_dump(value, &out);
    assert_int_equal(tw_buf_status(&out), TW_OK);
    assert_string_equal((char *)out.ptr, text);
    tw_buf_free(&out);
    tw_json_free(value);
}

static void test_members(void **state)
{
    (void)state;
    tw_json *value = parse("{\"n\":42,\"s\":\"x\",\"t\":true,\"l\":[1,2]}");
    int64_t n = 7;
    assert_int_equal(tw_json_int(tw_json_get(value, "s"), &n), TW_ERR_INVALID);
    assert_int_equal(n, 7);
    assert_int_equal(tw_json_int(tw_json_get(value, "n"), &n), TW_OK);
    assert_int_equal(n, 42);
    assert_string_equal(tw_json_text(tw_json_get(value, "s")), "x");
    assert_null(tw_json_text(tw_json_get(value, "n")));
    assert_null(tw_json_get(value, "absent"));
    assert_true(tw_json_is_true(tw_json_get(value, "t")));
    assert_false(tw_json_is_true(NULL));
    assert_int_equal(tw_json_size(tw_json_get(value, "l")), 2);
    assert_null(tw_json_at(tw_json_get(value, "l"), 2));
    tw_json_free(value);
}

static void test_pack_set_unpack(void **state)
{
    (void)state;
    tw_json *value = tw_json_pack("{s:s, s:I, s:s?}", "a", "text", "b", (int64_t)1 << 40, "c", (char *)NULL);
    assert_non_null(value);
    assert_int_equal(tw_json_set(value, "d", tw_json_pack("[]")), TW_OK);
    assert_int_equal(tw_json_append(tw_json_get(value, "d"), tw_json_pack("i", 5)), TW_OK);
    assert_int_equal(tw_json_append(tw_json_get(value, "a"), tw_json_pack("i", 5)), TW_ERR_NOMEM);
    const char *text = NULL;
    long long number = 0;
    struct tw_error_text err;
    assert_int_equal(tw_json_unpack(value, &err, "{s:s, s:I}", "a", &text, "b", &number), TW_OK);
    assert_string_equal(text, "text");
    assert_int_equal(number, (long long)1 << 40);
    assert_int_equal(tw_json_unpack(value, &err, "{s:s}", "missing", &text), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "missing"));
    assert_null(tw_json_pack("{s:s}", "a", "\xFF"));
    tw_json_free(value);
}

// P8 and P6: the error names line and column and does not repeat the input.
static void test_p8_errors_name_the_place_and_quote_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "ends too early"},
        {"{\"a\":", "ends too early"},
        {"{\n \"secret\": SECRET}", "line 2"},
        {"{\"secret\":1,\"secret\":2}", "a key stands twice"},
        {"[1] secret", "something follows"},
        {"[\"secret\xFF\"]", "not UTF-8"},
        {"[\"secret\\u0000\"]", "NUL"},
        {"[123456789012345678901234567890]", "too large"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tw_json *value = NULL;
        struct tw_error_text err;
        assert_int_equal(tw_json_parse(tw_slice_of(bad[i].text), &value, &err), TW_ERR_INVALID);
        assert_null(value);
        assert_non_null(strstr(err.text, "line "));
        if (strstr(err.text, bad[i].says) == NULL || strcasestr(err.text, "secret") != NULL) {
            fail_msg("%s: %s", bad[i].text, err.text);
        }
    }
}

static void test_nesting_is_limited(void **state)
{
    (void)state;
    static char deep[8192];
    memset(deep, '[', sizeof deep);
    tw_json *value = NULL;
    struct tw_error_text err;
    assert_int_equal(tw_json_parse(tw_slice_make(deep, sizeof deep), &value, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "too deep"));
}

static void test_dump_text(void **state)
{
    (void)state;
    struct tw_buf out = {0};
    tw_json_dump_text(tw_slice_make("a\"\\\n\x01\0\xC3\xA4\xFF\xE2\x82", 11), &out);
    assert_string_equal((char *)out.ptr,
                        "\"a\\\"\\\\\\n\\u0001\\u0000\xC3\xA4\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    tw_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_value_same_bytes),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_pack_set_unpack),
        cmocka_unit_test(test_p8_errors_name_the_place_and_quote_nothing),
        cmocka_unit_test(test_nesting_is_limited),
        cmocka_unit_test(test_dump_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
