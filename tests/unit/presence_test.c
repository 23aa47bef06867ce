// SPDX-License-Identifier: Apache-2.0
//
// When the centre is told that a device came or went (agent/lane/presence.h), as tables of what happened
// and what is told.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/lane/presence.h"

// At `at_ms` it comes (+), goes (-), or nothing changes (.); `told`: everything told up to then since the
// line before, as "time+left_out" or "time-left_out".
struct line {
    int64_t at_ms;
    char what;
    const char *told;
};

// Tells whatever is due up to `until_ms`, as the loop does.
static void tell_until(struct tw_presence *presence, int64_t until_ms, char *told, size_t cap)
{
    told[0] = '\0';
    for (int64_t due = tw_presence_due(presence); due <= until_ms; due = tw_presence_due(presence)) {
        unsigned left_out = 77;
        enum tw_presence_news news = tw_presence_take(presence, due, &left_out);
        assert_int_not_equal(news, TW_PRESENCE_NONE);
        assert_int_equal(tw_presence_due(presence), INT64_MAX); // one at a time
        tw_presence_keep(presence, news);
        size_t used = strlen(told);
        (void)snprintf(told + used, cap - used, "%s%lld%c%u", used > 0 ? " " : "", (long long)due,
                       news == TW_PRESENCE_ATTACHED ? '+' : '-', left_out);
        assert_true(tw_presence_due(presence) > due);
    }
}

static void play(const struct line *lines, size_t count)
{
    struct tw_presence presence;
    tw_presence_init(&presence, 0);
    for (size_t i = 0; i < count; i++) {
        char told[256];
        tell_until(&presence, lines[i].at_ms - 1, told, sizeof told);
        assert_string_equal(told, lines[i].told);
        if (lines[i].what != '.') {
            tw_presence_note(&presence, lines[i].what == '+', lines[i].at_ms);
        }
    }
}

#define PLAY(lines) play(lines, sizeof(lines) / sizeof((lines)[0]))

static void coming_is_told_at_once_and_going_after_two_seconds(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {500, '+', ""},          {10000, '-', "500+0"}, {12000, '.', ""},
        {12001, '.', "12000-0"}, {90000, '+', ""},      {200000, '.', "90000+0"},
    };
    PLAY(lines);
}

static void a_device_that_never_came_is_lost_once_after_a_while(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {30000, '.', ""}, {9000000, '.', "30000-0"}, {9000001, '+', ""}, {9900000, '.', "9000001+0"}};
    PLAY(lines);
}

static void a_short_absence_is_nothing_but_counted(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {0, '+', ""},    {5000, '-', "0+0"}, {6999, '+', ""},         {8000, '-', ""},
        {9999, '+', ""}, {20000, '-', ""},   {90000, '.', "22000-2"},
    };
    PLAY(lines);
}

// Five seconds here, five away: one pair in a minute.
static void a_flapping_contact_is_told_once_a_minute(void **state)
{
    (void)state;
    struct tw_presence presence;
    tw_presence_init(&presence, 0);
    unsigned told = 0, counted = 0, losses = 0;
    for (int64_t now_ms = 0; now_ms < 3600000; now_ms += 250) {
        bool here = now_ms / 5000 % 2 == 0;
        losses += now_ms > 0 && !here && now_ms % 5000 == 0;
        tw_presence_note(&presence, here, now_ms);
        unsigned left_out = 0;
        enum tw_presence_news news = tw_presence_take(&presence, now_ms, &left_out);
        if (news != TW_PRESENCE_NONE) {
            tw_presence_keep(&presence, news);
        }
        told += news != TW_PRESENCE_NONE;
        counted += left_out + (news == TW_PRESENCE_LOST);
    }
    assert_in_range(told, 110, 121);
    assert_in_range(counted, losses - 6, losses); // all but those of the last minute
}

// Whatever it does, a minute has at most one device.lost, and what was told last is true in the end.
static void any_history_is_bounded_and_ends_with_the_truth(void **state)
{
    (void)state;
    const char *text = getenv("TW_SEED");
    uint32_t random = (text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 4711u) | 1u;
    print_message("seed %u (TW_SEED)\n", random);
    for (int run = 0; run < 200; run++) {
        struct tw_presence presence;
        int64_t now_ms = 0, last_lost_ms = INT64_MIN / 2;
        enum tw_presence_news last = TW_PRESENCE_NONE;
        bool here = false;
        tw_presence_init(&presence, now_ms);
        for (int i = 0; i < 400; i++) {
            random = random * 1664525u + 1013904223u;
            bool over = i >= 390; // and then it rests
            now_ms += over ? 60000 : (int64_t)(random >> 8) % ((random >> 28) < 3 ? 90000 : 1500);
            here = over ? here : (random >> 20) % 2 == 0;
            tw_presence_note(&presence, here, now_ms);
            unsigned left_out = 0;
            enum tw_presence_news news = tw_presence_take(&presence, now_ms, &left_out);
            if (news == TW_PRESENCE_NONE) {
                continue;
            }
            random = random * 1664525u + 1013904223u;
            if (!over && (random >> 24) < 80) { // the journal is full
                tw_presence_return(&presence, news, left_out, now_ms);
                last_lost_ms = news == TW_PRESENCE_LOST ? now_ms : last_lost_ms;
                continue;
            }
            tw_presence_keep(&presence, news);
            assert_int_not_equal(news, last);
            assert_int_equal(news == TW_PRESENCE_ATTACHED, here);
            if (news == TW_PRESENCE_LOST) {
                assert_true(now_ms - last_lost_ms >= TW_PRESENCE_PAIR_MS);
                last_lost_ms = now_ms;
            }
            last = news;
        }
        assert_int_equal(last, here ? TW_PRESENCE_ATTACHED : TW_PRESENCE_LOST);
    }
}

static void what_could_not_be_kept_is_told_a_minute_later(void **state)
{
    (void)state;
    struct tw_presence presence;
    unsigned left_out = 0;
    tw_presence_init(&presence, 0);
    tw_presence_note(&presence, true, 100);
    assert_int_equal(tw_presence_take(&presence, 100, &left_out), TW_PRESENCE_ATTACHED);
    tw_presence_return(&presence, TW_PRESENCE_ATTACHED, left_out, 200);
    assert_int_equal(tw_presence_due(&presence), 200 + TW_PRESENCE_AGAIN_MS);
    assert_int_equal(tw_presence_take(&presence, 60200, &left_out), TW_PRESENCE_ATTACHED);
    tw_presence_keep(&presence, TW_PRESENCE_ATTACHED);
    tw_presence_note(&presence, false, 70000);
    assert_int_equal(tw_presence_take(&presence, 72000, &left_out), TW_PRESENCE_LOST);
    tw_presence_return(&presence, TW_PRESENCE_LOST, left_out, 72000);
    assert_int_equal(tw_presence_due(&presence), 132000);
    assert_int_equal(tw_presence_take(&presence, 132000, &left_out), TW_PRESENCE_LOST);
    assert_int_equal(left_out, 0);
    tw_presence_return(&presence, TW_PRESENCE_LOST, left_out, 132000);
    tw_presence_note(&presence, true, 133000); // back before it could be told: nothing to tell, one to count
    assert_int_equal(tw_presence_due(&presence), INT64_MAX);
    tw_presence_note(&presence, false, 300000);
    assert_int_equal(tw_presence_take(&presence, 400000, &left_out), TW_PRESENCE_LOST);
    assert_int_equal(left_out, 1);
}

// Between two device.lost there is a device.attached, whatever could not be kept.
static void what_was_never_kept_was_not_told(void **state)
{
    (void)state;
    struct tw_presence presence;
    unsigned left_out = 0;
    tw_presence_init(&presence, 0);
    tw_presence_note(&presence, true, 100);
    assert_int_equal(tw_presence_take(&presence, 100, &left_out), TW_PRESENCE_ATTACHED);
    tw_presence_keep(&presence, TW_PRESENCE_ATTACHED);
    tw_presence_note(&presence, false, 1000);
    assert_int_equal(tw_presence_take(&presence, 3000, &left_out), TW_PRESENCE_LOST);
    tw_presence_keep(&presence, TW_PRESENCE_LOST);
    tw_presence_note(&presence, true, 100000);
    assert_int_equal(tw_presence_take(&presence, 100000, &left_out), TW_PRESENCE_ATTACHED);
    tw_presence_note(&presence, false, 100001); // gone before it is known that nothing could be kept
    assert_int_equal(tw_presence_due(&presence), INT64_MAX);
    tw_presence_return(&presence, TW_PRESENCE_ATTACHED, left_out, 100002);
    assert_int_equal(tw_presence_due(&presence), INT64_MAX);
    tw_presence_note(&presence, true, 300000);
    assert_int_equal(tw_presence_take(&presence, 300000, &left_out), TW_PRESENCE_ATTACHED);
    assert_int_equal(left_out, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coming_is_told_at_once_and_going_after_two_seconds),
        cmocka_unit_test(a_device_that_never_came_is_lost_once_after_a_while),
        cmocka_unit_test(a_short_absence_is_nothing_but_counted),
        cmocka_unit_test(a_flapping_contact_is_told_once_a_minute),
        cmocka_unit_test(any_history_is_bounded_and_ends_with_the_truth),
        cmocka_unit_test(what_could_not_be_kept_is_told_a_minute_later),
        cmocka_unit_test(what_was_never_kept_was_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
