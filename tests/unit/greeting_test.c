// SPDX-License-Identifier: Apache-2.0
//
// agent/lane/greeting: who is greeted, with what, and for how long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/lane/greeting.h"

#define ANNA "v1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BERT "v1:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum { NOW_MS = 1000000000 };

static struct tw_member member(const char *pseudonym, int64_t points)
{
    struct tw_member member = {
        .found = true, .has_points = true, .points = points, .as_of_ms = NOW_MS - 5000};
    strcpy(member.pseudonym, pseudonym);
    strcpy(member.tier, "gold");
    return member;
}

static const struct tw_device_config plain = {.greeting = true};

static void a_member_is_greeted_with_points(void **state)
{
    (void)state;
    struct tw_greeting greeting = {0};
    struct tw_greeting_lines lines;
    struct tw_member anna = member(ANNA, 1240);
    assert_false(tw_greeting_begin(&greeting, ANNA));
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_SHOW);
    assert_string_equal(lines.upper, "Welcome!");
    assert_string_equal(lines.lower, "Points         1 240");
    assert_true(tw_greeting_end(&greeting));
    assert_false(tw_greeting_end(&greeting));
}

// P11: who is not known here is not greeted.
static void p11_a_stranger_is_not_greeted(void **state)
{
    (void)state;
    struct tw_greeting greeting = {0};
    struct tw_greeting_lines lines;
    struct tw_member stranger = member(ANNA, 1240);
    stranger.found = false;
    (void)tw_greeting_begin(&greeting, ANNA);
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &stranger, NOW_MS, &lines), TW_GREETING_STAYS);
    assert_false(tw_greeting_end(&greeting));
    stranger.found = true; // an answer to somebody else's question: nobody waits for it
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &stranger, NOW_MS, &lines), TW_GREETING_STAYS);
}

// P11: who is not known any more does not stay.
static void p11_what_is_shown_of_a_stranger_goes(void **state)
{
    (void)state;
    struct tw_greeting greeting = {0};
    struct tw_greeting_lines lines;
    struct tw_member anna = member(ANNA, 1240);
    (void)tw_greeting_begin(&greeting, ANNA);
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_SHOW);
    anna.found = false;
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_CLEAR);
    assert_false(tw_greeting_end(&greeting));
}

// Answers that come late belong to nobody, or to somebody else.
static void only_the_last_one_is_greeted(void **state)
{
    (void)state;
    struct tw_greeting greeting = {0};
    struct tw_greeting_lines lines;
    struct tw_member anna = member(ANNA, 1);
    struct tw_member bert = member(BERT, 2);
    (void)tw_greeting_begin(&greeting, ANNA);
    assert_false(tw_greeting_begin(&greeting, BERT));
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_STAYS);
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &bert, NOW_MS, &lines), TW_GREETING_SHOW);
    assert_true(tw_greeting_begin(&greeting, ANNA)); // Bert's lines go at once
    assert_false(tw_greeting_end(&greeting));        // the sale was closed before the answer came
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_STAYS);
}

// P10: there is no room to say how old points are, so old ones are not shown; nor are those of a clock that
// was set back.
static void p10_old_points_are_not_shown(void **state)
{
    (void)state;
    const struct {
        int64_t as_of_ms;
        bool shown;
    } cases[] = {{NOW_MS, true},
                 {NOW_MS - TW_GREETING_AGE_MS, true},
                 {NOW_MS - TW_GREETING_AGE_MS - 1, false},
                 {NOW_MS + 1, false},
                 {0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_greeting greeting = {0};
        struct tw_greeting_lines lines;
        struct tw_member anna = member(ANNA, 1240);
        anna.as_of_ms = cases[i].as_of_ms;
        (void)tw_greeting_begin(&greeting, ANNA);
        assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_SHOW);
        assert_string_equal(lines.upper, "Welcome!");
        assert_int_equal(lines.lower[0] != '\0', cases[i].shown);
    }
}

static void points_are_written_plainly(void **state)
{
    (void)state;
    const struct {
        const char *word;
        int64_t points;
        const char *expected;
    } cases[] = {
        {NULL, 0, "Points             0"},
        {NULL, 999, "Points           999"},
        {NULL, 1000, "Points         1 000"},
        {NULL, -1240, "Points        -1 240"},
        {NULL, -123, "Points          -123"},
        {NULL, 1234567, "Points     1 234 567"},
        {"Poäng", 12345, "Poäng         12 345"},
        {"Punktestand", 123456789, "           123456789"},
        {NULL, -9007199254740991, "   -9007199254740991"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_greeting greeting = {0};
        struct tw_greeting_lines lines;
        struct tw_member anna = member(ANNA, cases[i].points);
        const struct tw_device_config config = {.text = "Välkommen", .points = cases[i].word};
        (void)tw_greeting_begin(&greeting, ANNA);
        assert_int_equal(tw_greeting_answer(&greeting, &config, &anna, NOW_MS, &lines), TW_GREETING_SHOW);
        assert_string_equal(lines.upper, "Välkommen");
        assert_string_equal(lines.lower, cases[i].expected);
    }
}

static void without_points_there_is_a_greeting(void **state)
{
    (void)state;
    struct tw_greeting greeting = {0};
    struct tw_greeting_lines lines;
    struct tw_member anna = member(ANNA, 0);
    anna.has_points = false;
    (void)tw_greeting_begin(&greeting, ANNA);
    assert_int_equal(tw_greeting_answer(&greeting, &plain, &anna, NOW_MS, &lines), TW_GREETING_SHOW);
    assert_string_equal(lines.lower, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_greeted_with_points),
        cmocka_unit_test(p11_a_stranger_is_not_greeted),
        cmocka_unit_test(p11_what_is_shown_of_a_stranger_goes),
        cmocka_unit_test(only_the_last_one_is_greeted),
        cmocka_unit_test(p10_old_points_are_not_shown),
        cmocka_unit_test(points_are_written_plainly),
        cmocka_unit_test(without_points_there_is_a_greeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
