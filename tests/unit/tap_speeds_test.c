// SPDX-License-Identifier: Apache-2.0
//
// When the lines of a board are joined by its wire, when a speed is measured, proven and given up, and
// which ports are touched meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/speeds_world.h"

// Till, printer, scanner.
static const char none[] = "-, -, -";
static const char find[] = "0 8N1 rts, 0 8N1 rts, -";
static const char find_even[] = "0 8E1 rts, 0 8E1 rts, -";
static const char slow[] = "9600 8N1 rts, 9600 8N1 rts, -";

// What the board is told.
#define WIRE         "wire; "
#define FOUND        "till 19200 8N1 rts; printer 19200 8N1 rts; "
#define FOUND_EVEN   "till 19200 8E1 rts; printer 19200 8E1 rts; "
#define SLOW         "till 9600 8N1 rts; printer 9600 8N1 rts; "
#define SLOW_PRINTER "printer 9600 8N1 rts; "
#define SCANNER      "scanner 9600 8N1 none; "

// ---- states to be in, with nothing told since

static void wait_for_wire(struct speeds_world *world)
{
    assert_true(speeds_world_config(world, slow));
    tw_lines_received(TW_PORT_TILL, 'x');
    assert_true(speeds_world_config(world, find));
    tw_speeds_look(&world->speeds, true);
    speeds_world_told(world, SLOW, "to wait for the wire");
}

// It has seen enough, but no pause.
static void be_finding(struct speeds_world *world)
{
    assert_true(speeds_world_config(world, find));
    tw_speeds_look(&world->speeds, true);
    speeds_world_print(world, 60);
    speeds_world_told(world, WIRE, "to be finding");
}

static void be_proving(struct speeds_world *world)
{
    be_finding(world);
    speeds_world_rest(world);
    speeds_world_print(world, 10);
    speeds_world_told(world, FOUND, "to be proving");
}

static void be_proven(struct speeds_world *world)
{
    be_proving(world);
    speeds_world_print(world, 54);
    speeds_world_told(world, "", "to be proven");
}

// A byte is under way.
static void be_failing(struct speeds_world *world)
{
    be_proving(world);
    speeds_world_miss(world, 1);
    tw_lines_received(TW_PORT_TILL, 'x');
    tw_lines_missed(TW_PORT_TILL);
    tw_speeds_look(&world->speeds, true);
    speeds_world_told(world, "", "to be failing");
}

static void have_failed(struct speeds_world *world)
{
    be_proving(world);
    speeds_world_miss(world, 2);
    speeds_world_told(world, WIRE, "to have failed");
}

enum state { WAITING, FINDING, PROVING, PROVEN, FAILING, FAILED, STATES };
static const struct {
    const char *name;
    void (*enter)(struct speeds_world *world);
} states[STATES] = {
    [WAITING] = {"waiting", wait_for_wire}, [FINDING] = {"finding", be_finding},
    [PROVING] = {"proving", be_proving},    [PROVEN] = {"proven", be_proven},
    [FAILING] = {"failing", be_failing},    [FAILED] = {"failed", have_failed},
};

// ---- tests

static void what_is_given_is_set_and_what_stays_is_not_touched(void **state)
{
    (void)state;
    static const char usual[] = "9600 8N1 rts, 0 8N1 rts, 0 8N1 none";
    static const struct {
        const char *before, *now, *told;
    } rows[] = {
        {none, "9600 8E1 rts, 38400 7E2 xon, -", "till 9600 8E1 rts; printer 38400 7E2 xon; "},
        {none, "4800 8N1 dtr, 0 8N1 none, -", "till 4800 8N1 dtr; printer 4800 8N1 none; "},
        {none, "9600 8N1 rts, -, 0 8N1 none", "till 9600 8N1 rts; scanner 9600 8N1 none; "},
        {none, "-, 9600 8N1 rts, 19200 8N1 none", "printer 9600 8N1 rts; scanner 19200 8N1 none; "},
        {usual, usual, ""},
        {usual, "9600 8N1 rts, 9600 8N1 rts, 9600 8N1 none", ""},
        {usual, "19200 8N1 rts, 0 8N1 rts, 0 8N1 none", "till 19200 8N1 rts; printer 19200 8N1 rts; "},
        {usual, "19200 8N1 rts, 9600 8N1 rts, 0 8N1 none", "till 19200 8N1 rts; "},
        {usual, "9600 8E1 rts, 0 8N1 rts, 0 8N1 none", "till 9600 8E1 rts; "},
        {"9600 8E1 rts, 0 8E1 rts, -", "9600 8E1 rts, 0 7E1 rts, -", "printer 9600 7E1 rts; "},
        {usual, "9600 8N1 rts, 0 8N2 rts, 0 8N1 none", "printer 9600 8N2 rts; "},
        {usual, "9600 8N1 xon, 0 8N1 rts, 0 8N1 none", "till 9600 8N1 xon; "},
        {usual, "9600 8N1 rts, 0 8N1 rts, 115200 8N1 none", "scanner 115200 8N1 none; "},
        {usual, "-, 9600 8N1 rts, 0 8N1 none", "till -; "},
        {usual, "9600 8N1 rts, -, 0 8N1 none", "printer -; "},
        {usual, "9600 8N1 rts, 0 8N1 rts, -", "scanner -; "},
        {usual, none, "till -; printer -; scanner -; "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct speeds_world *world = speeds_world_start();
        assert_true(speeds_world_config(world, rows[i].before));
        world->told[0] = '\0';
        assert_true(speeds_world_config(world, rows[i].now));
        speeds_world_told(world, rows[i].told, rows[i].now);
        speeds_world_rest(world);
        speeds_world_miss(world, 2);
        speeds_world_told(world, "", rows[i].now); // nothing is found, nothing has to prove itself
    }
}

static void a_board_without_a_wire_works_at_any_speed(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    world->has_wire = false;
    assert_true(speeds_world_config(world, find));
    speeds_world_told(world, "till 0 8N1 rts; printer 0 8N1 rts; ", "first");
    assert_true(speeds_world_config(world, find));
    speeds_world_rest(world);
    speeds_world_miss(world, 2);
    speeds_world_told(world, "", "again");
}

static void what_the_board_cannot_do_changes_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "4800 7N1 rts, 4800 8N1 rts, 4800 8N1 none", "0 7N1 rts, 4800 8N1 rts, 4800 8N1 none",
        "4800 8N1 rts, 4800 7N1 rts, 4800 8N1 none", "4800 8N1 rts, 0 7N1 rts, 4800 8N1 none",
        "4800 8N1 rts, 4800 8N1 rts, 4800 7N1 none",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] * STATES; i++) {
        struct speeds_world *world = speeds_world_start();
        states[i % STATES].enter(world);
        struct tw_speeds before;
        memcpy(&before, &world->speeds, sizeof before);
        assert_false(speeds_world_config(world, rows[i / STATES]));
        speeds_world_told(world, "", states[i % STATES].name);
        assert_memory_equal(&world->speeds, &before, sizeof before);
    }
}

static void lines_are_joined_when_nothing_is_under_way(void **state)
{
    (void)state;
    enum under_way { NOTHING, TO_PRINTER, TO_TILL, COPY };
    static const struct {
        const char *what;
        enum state in;
        bool silent;
        enum under_way under_way;
        const char *told;
    } rows[] = {
        {"silence", WAITING, true, NOTHING, WIRE},
        {"something was just printed", WAITING, false, NOTHING, ""},
        {"a byte waits for the printer", WAITING, true, TO_PRINTER, ""},
        {"a byte waits for the till", WAITING, true, TO_TILL, ""},
        {"the copy is behind", WAITING, true, COPY, ""},
        {"another form does not wait for silence", FAILING, false, NOTHING, WIRE},
        {"another form, a byte waits for the printer", FAILING, true, TO_PRINTER, ""},
        {"another form, a byte waits for the till", FAILING, true, TO_TILL, ""},
        {"another form, the copy is behind", FAILING, true, COPY, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct speeds_world *world = speeds_world_start();
        states[rows[i].in].enter(world);
        speeds_world_pass(world);
        if (rows[i].under_way == TO_PRINTER || rows[i].under_way == TO_TILL) {
            tw_lines_received(rows[i].under_way == TO_PRINTER ? TW_PORT_TILL : TW_PORT_PRINTER, 'x');
        }
        world->lines->out.copied -= rows[i].under_way == COPY ? 1 : 0;
        tw_speeds_look(&world->speeds, rows[i].silent);
        speeds_world_told(world, rows[i].told, rows[i].what);
        speeds_world_rest(world);
        speeds_world_told(world, rows[i].told[0] == '\0' ? WIRE : "", rows[i].what);
    }
}

static void every_speed_is_measured_and_taken_over_in_a_pause(void **state)
{
    (void)state;
    static const unsigned rates[] = {1200,  2400,  4800,   9600,   14400,  19200, 28800,
                                     38400, 57600, 115200, 230400, 460800, 921600};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "till %u 8N1 rts; printer %u 8N1 rts; ", rates[i],
                       rates[i]);
        struct speeds_world *world = speeds_world_start();
        world->baud = rates[i];
        be_finding(world);
        speeds_world_rest(world);
        speeds_world_told(world, expected, "a pause");
        speeds_world_print(world, 200);
        speeds_world_rest(world);
        speeds_world_told(world, "", "more of the same");
        assert_int_equal(tw_lines_bytes(TW_PORT_TILL), 200); // from the first byte on
    }
}

static void too_little_is_waited_out(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    assert_true(speeds_world_config(world, find));
    speeds_world_rest(world);
    speeds_world_print(world, 8);
    speeds_world_rest(world);
    speeds_world_told(world, WIRE, "eight bytes");
    speeds_world_print(world, 50);
    speeds_world_rest(world);
    speeds_world_told(world, FOUND, "enough");
}

// With the form and the printer's speed that were asked for; with flow control where readiness is seen.
static void a_found_speed_is_taken_over_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *asked;
        bool till_ready, printer_ready;
        const char *told;
    } rows[] = {
        {"0 8N1 rts, 9600 8N1 rts, -", true, true, "till 19200 8N1 rts; printer 9600 8N1 rts; "},
        {"0 8N1 rts, 0 8E2 rts, -", true, true, "till 19200 8N1 rts; printer 19200 8E2 rts; "},
        {"0 8N1 rts, -, -", true, true, "till 19200 8N1 rts; "},
        {"0 8N1 rts, 0 8N1 rts, -", true, true, FOUND},
        {"0 8N1 rts, 0 8N1 rts, -", true, false, "till 19200 8N1 rts; printer 19200 8N1 none; "},
        {"0 8N1 rts, 0 8N1 rts, -", false, true, "till 19200 8N1 none; printer 19200 8N1 rts; "},
        {"0 8N1 dtr, 0 8N1 dtr, -", true, true, "till 19200 8N1 dtr; printer 19200 8N1 dtr; "},
        {"0 8N1 dtr, 0 8N1 dtr, -", false, false, "till 19200 8N1 none; printer 19200 8N1 none; "},
        {"0 8N1 xon, 0 8N1 xon, -", false, false, "till 19200 8N1 xon; printer 19200 8N1 xon; "},
        {"0 8N1 none, 0 8N1 none, -", true, true, "till 19200 8N1 none; printer 19200 8N1 none; "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct speeds_world *world = speeds_world_start();
        world->unready[TW_PORT_TILL] = !rows[i].till_ready;
        world->unready[TW_PORT_PRINTER] = !rows[i].printer_ready;
        assert_true(speeds_world_config(world, rows[i].asked));
        speeds_world_rest(world);
        speeds_world_told(world, WIRE, rows[i].asked);
        speeds_world_print(world, 60);
        speeds_world_rest(world);
        speeds_world_told(world, rows[i].told, rows[i].asked);
        memset(world->unready, 0, sizeof world->unready); // switched on later
        assert_true(speeds_world_config(world, rows[i].asked));
        speeds_world_rest(world);
        speeds_world_told(world, "", rows[i].asked);
    }
}

// Settings that are given are the word of somebody who knows the cable.
static void flow_control_that_is_given_needs_no_readiness(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    world->unready[TW_PORT_TILL] = world->unready[TW_PORT_PRINTER] = true;
    assert_true(speeds_world_config(world, slow));
    speeds_world_told(world, SLOW, "given");
}

// The counts may begin anywhere: they wrap.
static void begin_counting_at(struct speeds_world *world, uint32_t bytes, uint32_t misses)
{
    struct tw_pass *out = &world->lines->out;
    out->put = out->taken = out->copied = out->wiped = bytes;
    out->overruns = out->known = misses;
}

static void a_form_is_proven_by_its_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        unsigned good, bad, more_good, more_bad;
        const char *told;
    } rows[] = {
        {"two at once", 0, 2, 0, 0, WIRE},
        {"two before the 64th byte", 63, 2, 0, 0, WIRE},
        {"one at once, one before the 64th byte", 0, 1, 63, 1, WIRE},
        {"one at once", 0, 1, 200, 0, ""},
        {"one at once, one after the 64th byte", 0, 1, 64, 1, ""},
        {"one before, many after the 64th byte", 63, 1, 1, 500, ""},
        {"many after the 64th byte", 64, 500, 0, 0, ""},
    };
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof rows[0]); i++) {
        size_t row = i / 2;
        struct speeds_world *world = speeds_world_start();
        begin_counting_at(world, i % 2 == 0 ? 0 : UINT32_MAX - 20, i % 2 == 0 ? 0 : UINT32_MAX - 2);
        speeds_world_miss(world, 2); // before it was found: they say nothing
        be_finding(world);
        speeds_world_rest(world);
        speeds_world_told(world, FOUND, rows[row].what);
        speeds_world_print(world, rows[row].good);
        speeds_world_miss(world, rows[row].bad);
        speeds_world_print(world, rows[row].more_good);
        speeds_world_miss(world, rows[row].more_bad);
        tw_lines_missed(TW_PORT_PRINTER); // nor do the printer's
        tw_lines_missed(TW_PORT_PRINTER);
        speeds_world_rest(world);
        speeds_world_told(world, rows[row].told, rows[row].what);
    }
}

// The main loop may be late: the flash was busy.
static void errors_count_though_the_bytes_are_complete_by_then(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    be_proving(world);
    tw_lines_missed(TW_PORT_TILL);
    tw_lines_missed(TW_PORT_TILL);
    for (unsigned i = 0; i < 100; i++) {
        speeds_world_send(world);
    }
    speeds_world_rest(world);
    speeds_world_told(world, WIRE, "late");
}

// As README.md of the board tells of it.
static void a_till_with_parity_prints_until_the_board_is_told(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    world->even = true;
    be_finding(world);
    speeds_world_rest(world);
    speeds_world_told(world, FOUND, "the speed is right");
    speeds_world_print(world, 20);
    speeds_world_told(world, WIRE, "the form is not");
    for (unsigned i = 0; i < 5; i++) {
        speeds_world_print(world, 100);
        assert_true(speeds_world_config(world, find));
        speeds_world_rest(world);
    }
    speeds_world_told(world, "", "it is not tried again");
    assert_true(speeds_world_config(world, find_even));
    speeds_world_rest(world);
    speeds_world_told(world, WIRE, "asked for another form");
    speeds_world_print(world, 60);
    speeds_world_rest(world);
    speeds_world_told(world, FOUND_EVEN, "found again");
    speeds_world_print(world, 200);
    speeds_world_rest(world);
    speeds_world_told(world, "", "it is this form");
}

static void another_form_may_fail_too(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    have_failed(world);
    assert_true(speeds_world_config(world, find_even)); // a wire waits for no silence to be one again
    speeds_world_print(world, 60);
    speeds_world_rest(world);
    speeds_world_told(world, WIRE FOUND_EVEN, "found again");
    speeds_world_miss(world, 2);
    speeds_world_told(world, WIRE, "failed again");
    speeds_world_print(world, 100);
    speeds_world_rest(world);
    speeds_world_told(world, "", "for good");
}

// What is told at once, | after a pause, | after two framing errors that follow.
static void config_in_every_state(void **state)
{
    (void)state;
    static const struct {
        const char *asked;
        const char *told[STATES]; // waiting, finding, proving, proven, failing, failed
    } rows[] = {
        {find, {"|" WIRE "|", "|" FOUND "|" WIRE, "||" WIRE, "||", "|" WIRE "|", "||"}},
        {"0 8N1 rts, 0 8N1 rts, 0 8N1 none",
         {SCANNER "|" WIRE "|", SCANNER "|" FOUND "|" WIRE, SCANNER "||" WIRE, SCANNER "||",
          SCANNER "|" WIRE "|", SCANNER "||"}},
        {"19200 8N1 rts, 19200 8N1 rts, -", {FOUND "||", FOUND "||", "||", "||", "||", FOUND "||"}},
        {slow, {"||", SLOW "||", SLOW "||", SLOW "||", SLOW "||", SLOW "||"}},
        {"0 8E1 rts, 0 8N1 rts, -",
         {"|" WIRE "|", "|" WIRE "|", "|" WIRE "|", "|" WIRE "|", "|" WIRE "|", "|" WIRE "|"}},
        {"0 8N1 rts, 9600 8N1 rts, -",
         {"|" WIRE "|", "|" WIRE "|", "|" WIRE "|", "|" WIRE "|", "|" WIRE "|", "|" WIRE "|"}},
        {"-, 9600 8N1 rts, -",
         {"till -; ||", "till -; " SLOW_PRINTER "||", "till -; " SLOW_PRINTER "||",
          "till -; " SLOW_PRINTER "||", "till -; " SLOW_PRINTER "||", "till -; " SLOW_PRINTER "||"}},
        {none,
         {"till -; printer -; ||", "till -; ||", "till -; printer -; ||", "till -; printer -; ||",
          "till -; printer -; ||", "till -; ||"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] * STATES; i++) {
        size_t row = i / STATES, in = i % STATES;
        char where[80];
        (void)snprintf(where, sizeof where, "%s, %s", states[in].name, rows[row].asked);
        struct speeds_world *world = speeds_world_start();
        states[in].enter(world);
        assert_true(speeds_world_config(world, rows[row].asked));
        speeds_world_write_down(world, "|");
        speeds_world_rest(world);
        speeds_world_write_down(world, "|");
        speeds_world_miss(world, 2);
        speeds_world_told(world, rows[row].told[in], where);
    }
}

// What was left of them when the ports were set is of a till that may have changed since.
static void pulses_of_an_older_wire_say_nothing(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    be_finding(world);
    for (unsigned i = 0; i < 60; i++) {
        speeds_world_send(world);
    }
    assert_true(speeds_world_config(world, slow));
    speeds_world_told(world, SLOW, "in mid-print");
    world->baud = 38400;
    assert_true(speeds_world_config(world, find));
    speeds_world_rest(world);
    speeds_world_print(world, 1);
    speeds_world_rest(world);
    speeds_world_told(world, WIRE, "find it again");
    speeds_world_print(world, 60);
    speeds_world_rest(world);
    speeds_world_told(world, "till 38400 8N1 rts; printer 38400 8N1 rts; ", "what is there now");
}

static void a_look_ends_on_a_line_that_never_does(void **state)
{
    (void)state;
    struct speeds_world *world = speeds_world_start();
    world->storm = true;
    assert_true(speeds_world_config(world, find));
    speeds_world_rest(world);
    tw_speeds_look(&world->speeds, false);
    assert_in_range(world->taken, 1, 4 * SPEEDS_WORLD_WIDTHS);
    speeds_world_told(world, WIRE, "noise");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_is_set_and_what_stays_is_not_touched),
        cmocka_unit_test(a_board_without_a_wire_works_at_any_speed),
        cmocka_unit_test(what_the_board_cannot_do_changes_nothing),
        cmocka_unit_test(lines_are_joined_when_nothing_is_under_way),
        cmocka_unit_test(every_speed_is_measured_and_taken_over_in_a_pause),
        cmocka_unit_test(too_little_is_waited_out),
        cmocka_unit_test(a_found_speed_is_taken_over_as_asked),
        cmocka_unit_test(flow_control_that_is_given_needs_no_readiness),
        cmocka_unit_test(a_form_is_proven_by_its_first_bytes),
        cmocka_unit_test(errors_count_though_the_bytes_are_complete_by_then),
        cmocka_unit_test(a_till_with_parity_prints_until_the_board_is_told),
        cmocka_unit_test(another_form_may_fail_too),
        cmocka_unit_test(config_in_every_state),
        cmocka_unit_test(pulses_of_an_older_wire_say_nothing),
        cmocka_unit_test(a_look_ends_on_a_line_that_never_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
