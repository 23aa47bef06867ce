// SPDX-License-Identifier: Apache-2.0
//
// The centre's reading of JSON: what it takes, with which value, and what it refuses, is what
// tw_json_parse says, for chosen texts and for broken ones of every kind (P8).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/decode/doc.h"
#include "tests/fakes/doc_twin.h"
#include "tillwire/json.h"

static int doc_begin(void **state)
{
    struct tw_doc *doc = NULL;
    int rc = tw_doc_new(&doc);
    *state = doc;
    return rc;
}

static int doc_end(void **state)
{
    tw_doc_free(*state);
    return 0;
}

// ---- the same as the agent's library

// Whether both took it. The bytes lie in memory of exactly their length, so that sanitizers see a read
// beyond.
static bool agree(struct tw_doc *doc, const void *bytes, size_t len)
{
    const struct tw_doc_node *root = NULL;
    struct tw_error_text err = {""};
    tw_json *value = NULL;
    uint8_t *exact = malloc(len);
    assert_true(exact != NULL || len == 0);
    if (len > 0) {
        memcpy(exact, bytes, len);
    }
    int rc = tw_doc_read(doc, tw_slice_make(exact, len), &root, &err);
    int other = tw_json_parse(tw_slice_make(exact, len), &value, NULL);
    if (rc != other || (rc == TW_OK ? !doc_twin_same(root, value) : err.text[0] == '\0')) {
        fail_msg("%d instead of %d (%s) for: %.*s", rc, other, err.text, (int)len, (const char *)bytes);
    }
    tw_json_free(value);
    free(exact);
    return rc == TW_OK;
}

static const char *const good[] = {
    "{}",
    "[]",
    " [ ] ",
    "0",
    "-0",
    "-0.0",
    "1",
    "-12",
    "1e5",
    "1E+5",
    "1.25e-3",
    "0.1",
    "0e0",
    "1e-999",
    "9223372036854775807",
    "-9223372036854775808",
    "true",
    "false",
    "null",
    "\"\"",
    "\t\r\n {\"a\":\n[1 , 2]}\t",
    "{\"\":1}",
    "{\"a\":{\"b\":[{},[],\"x\",null]},\"c\":-1.5}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\uD834\\uDd1e\"",
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E\x7F\"",
    "{\"\\u0061\":1,\"b\":2}",
    "\"plain, then \\n and \xC3\xA9 and plain\"",
    "\"\xEF\xBF\xBF\xEE\x80\x80\"",
};

static const char *const bad[] = {
    "",
    " ",
    "{",
    "[",
    "}",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "[1}",
    "01",
    "-",
    "-a",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "--1",
    "1e999",
    "-1e999",
    "9223372036854775808",
    "-9223372036854775809",
    "nul",
    "nulll",
    "True",
    "truefalse",
    "NaN",
    "Infinity",
    "\"",
    "\"a",
    "'a'",
    "\"\\\"",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u0000\"",
    "{\"\\u0000\":1}",
    "\"\\uD834\"",
    "\"\\uD834x\"",
    "\"\\uD834\\u0041\"",
    "\"\\uDD1E\"",
    "\"\\uD834\\uD834\"",
    "\"a\nb\"",
    "\"a\tb\"",
    "\"\x01\"",
    "\"\x80\"",
    "\"\xC0\x80\"",
    "\"\xC3\"",
    "\"\xE0\x80\x80\"",
    "\"\xED\xA0\x80\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF8\x88\x80\x80\x80\"",
    "\xEF\xBB\xBF{}",
    "{} {}",
    "1 2",
    "[] x",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "[{\"a\":1,\"b\":{\"c\":1,\"c\":1}}]",
    "/**/1",
    "\v1",
    "\xC2\xA0 1",
};

static void test_takes_and_refuses_what_the_agent_does(void **state)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(agree(*state, good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(agree(*state, bad[i], strlen(bad[i])));
    }
}

// Here it is the stricter one: jansson passes over a NUL that follows a number.
static void test_refuses_a_nul_anywhere(void **state)
{
    const struct tw_doc_node *root = NULL;
    static const char *const texts[] = {"1~", "[1~]", "~1", "\"a~b\"", "{\"a~b\":1}", "{\"a\":~1}", "tru~"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[16];
        size_t len = strlen(texts[i]);
        memcpy(text, texts[i], len);
        *(char *)memchr(text, '~', len) = '\0';
        assert_int_equal(tw_doc_read(*state, tw_slice_make(text, len), &root, NULL), TW_ERR_INVALID);
    }
}

// Keys of large objects are sorted to be compared.
static void test_keys_of_large_objects(void **state)
{
    for (unsigned members = 28; members < 40; members++) {
        for (unsigned twice = 0; twice < 2; twice++) {
            struct tw_buf text = {0};
            for (unsigned i = 0; i < members; i++) {
                tw_buf_printf(&text, "%s\"k%u\":%u", i == 0 ? "{" : ",", i * 7919 % 1000, i);
            }
            tw_buf_add_text(&text, twice != 0 ? ",\"k919\":0}" : "}"); // i = 1
            assert_int_equal(agree(*state, text.ptr, text.len), twice == 0);
            tw_buf_free(&text);
        }
    }
}

// Two keys of one FNV-1a hash are two keys.
static void test_keys_of_the_same_hash(void **state)
{
    static const char text[] = "{\"costarring\":1,\"liquid\":2}";
    assert_int_equal(tw_doc_key_of("costarring").hash, tw_doc_key_of("liquid").hash);
    assert_true(agree(*state, text, strlen(text)));
}

// P8: depth is bounded, and where it ends is where the agent's ends.
static void test_depth_is_bounded(void **state)
{
    for (size_t depth = TW_DOC_MAX_DEPTH - 2; depth < TW_DOC_MAX_DEPTH + 3; depth++) {
        char *text = malloc(2 * depth + 1);
        assert_non_null(text);
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(agree(*state, text, 2 * depth), depth <= TW_DOC_MAX_DEPTH);
        text[depth] = '1';
        memset(text + depth + 1, ']', depth);
        assert_int_equal(agree(*state, text, 2 * depth + 1), depth < TW_DOC_MAX_DEPTH);
        free(text);
    }
}

static size_t splice(unsigned *seed, char *text, size_t len, size_t room)
{
    static const char *const parts[] = {"\"",       "\\",   "{",       "}",       "[",       "]",
                                        ",",        ":",    "0",       "-1",      "1.5",     "e9",
                                        "null",     "\\u",  "\\uD800", "\\udc00", "\x80",    "\xC3\xA9",
                                        "\xED\xA0", "\xF0", " ",       "\n",      "\"k\":1,"};
    size_t at = (size_t)rand_r(seed) % (len + 1);
    size_t drop = (size_t)rand_r(seed) % 3;
    const char *part =
        rand_r(seed) % 3 == 0 ? "" : parts[(size_t)rand_r(seed) % (sizeof parts / sizeof parts[0])];
    size_t add = strlen(part);
    drop = drop > len - at ? len - at : drop;
    if (len - drop + add > room) {
        return len;
    }
    memmove(text + at + add, text + at + drop, len - at - drop);
    memcpy(text + at, part, add);
    return len - drop + add;
}

static void test_agrees_on_what_chance_makes(void **state)
{
    static const char event[] =
        "{\"id\":\"01a2028d\",\"subject\":\"a\\u00e9\\n\xC3\xA9\",\"data\":{\"n\":[1,-2.5e3,true,false,null],"
        "\"s\":\"\","
        "\"o\":{\"k\":1,\"l\":{}},\"list\":[{\"a\":\"\\uD834\\uDD1E\"},[],\"x\\\"y\"]},\"z\":12345678901234}";
    unsigned seed = 20261122;
    int taken = 0;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 60000; i++) {
        char text[512];
        size_t len = sizeof event - 1;
        memcpy(text, event, len);
        for (int times = rand_r(&seed) % 4; times >= 0; times--) {
            len = splice(&seed, text, len, sizeof text);
        }
        taken += agree(*state, text, len);
    }
    assert_in_range(taken, 1000, 59000); // both happen
}

// ---- asking

static void test_finds_members_in_any_order(void **state)
{
    const struct tw_doc_node *root = NULL;
    static const char text[] = "{\"a\":{\"b\":1},\"c\":[1,{\"d\":2}],\"e\":true,\"f\":\"x\"}";
    assert_int_equal(tw_doc_read(*state, tw_slice_of(text), &root, NULL), TW_OK);
    struct tw_doc_key e = tw_doc_key_of("e");
    struct tw_doc_key a = tw_doc_key_of("a");
    struct tw_doc_key d = tw_doc_key_of("d");
    const struct tw_doc_node *found = tw_doc_find(root, &e, NULL);
    int64_t number = 0;
    assert_true(tw_doc_is_true(found));
    assert_ptr_equal(tw_doc_find(root, &a, found), root + 1);
    assert_ptr_equal(tw_doc_find(root, &e, found), found);
    assert_null(tw_doc_find(root, &d, NULL)); // deeper
    assert_null(tw_doc_get(tw_doc_get(root, "c"), "d"));
    assert_true(tw_doc_int(tw_doc_get(tw_doc_get(root, "a"), "b"), &number));
    assert_int_equal(number, 1);
    assert_false(tw_doc_int(tw_doc_get(root, "f"), &number));
    assert_string_equal(tw_doc_text(tw_doc_get(root, "f")), "x");
    assert_null(tw_doc_text(tw_doc_get(root, "nothing")));
    assert_null(tw_doc_get(NULL, "a"));
}

static void test_an_error_says_where_and_not_what(void **state)
{
    const struct tw_doc_node *root = NULL;
    struct tw_error_text err = {""};
    static const char text[] = "{\"4111111111111111\":1,\"4111111111111111\":2}";
    assert_int_equal(tw_doc_read(*state, tw_slice_of(text), &root, &err), TW_ERR_INVALID);
    assert_string_equal(err.text, "reading JSON: line 1, column 24: a key stands twice in one object");
    assert_int_equal(tw_doc_read(*state, tw_slice_of("[1,"), &root, &err), TW_ERR_INVALID);
    assert_string_equal(err.text, "reading JSON: line 1, column 4: it ends too early");
    assert_int_equal(tw_doc_read(*state, tw_slice_of("{\n \"a\": 1,\n  \"\\u0061\": 2}"), &root, &err),
                     TW_ERR_INVALID);
    assert_string_equal(err.text, "reading JSON: line 3, column 4: a key stands twice in one object");
    assert_null(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_and_refuses_what_the_agent_does),
        cmocka_unit_test(test_refuses_a_nul_anywhere),
        cmocka_unit_test(test_keys_of_large_objects),
        cmocka_unit_test(test_keys_of_the_same_hash),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_agrees_on_what_chance_makes),
        cmocka_unit_test(test_finds_members_in_any_order),
        cmocka_unit_test(test_an_error_says_where_and_not_what),
    };
    return cmocka_run_group_tests(tests, doc_begin, doc_end);
}
