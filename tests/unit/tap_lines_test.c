// SPDX-License-Identifier: Apache-2.0
//
// The board's serial lines above its registers: what may be swallowed (P5), and how ports are set and
// speeds found.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/port/arm/lines.h"
#include "firmware/port/arm/speeds.h"

enum { BAUD = 9600, PULSE_HZ = 1000000, EDGES = 100 };

// ---- a board: it knows no seven bits without parity, as the STM32F405

static struct {
    bool wire, unready[TW_PORTS];
    unsigned joined, edges;
    struct tw_link_line set[TW_PORTS];
} board;

uint32_t tw_board_lock(void)
{
    return 0;
}

void tw_board_unlock(uint32_t state)
{
    (void)state;
}

void tw_board_kick(enum tw_port port)
{
    (void)port;
}

void tw_board_set_ready(enum tw_port port, bool ready)
{
    (void)port;
    (void)ready;
}

bool tw_board_is_ready(enum tw_port port)
{
    return !board.unready[port];
}

bool tw_board_knows_line(const struct tw_link_line *line)
{
    return line->bits != 7 || line->parity != TW_LINK_PARITY_NONE;
}

bool tw_board_set_line(enum tw_port port, const struct tw_link_line *line)
{
    board.wire = false;
    board.set[port] = *line;
    tw_lines_set_flow(port, (enum tw_link_flow)line->flow);
    return true;
}

bool tw_board_has_wire(void)
{
    return true;
}

void tw_board_join_wire(void)
{
    board.wire = true;
    board.joined++;
}

uint32_t tw_board_pulse_hz(void)
{
    return PULSE_HZ;
}

bool tw_board_take_pulse(uint32_t *ticks, bool *quiet)
{
    *quiet = true;
    if (board.edges == 0) {
        return false;
    }
    board.edges--;
    *ticks = PULSE_HZ / BAUD;
    return true;
}

// ---- helpers

static const struct tw_link_line find = {.bits = 8, .stop = 1, .flow = TW_LINK_FLOW_RTSCTS};
static const struct tw_link_line told = {.baud = BAUD, .bits = 8, .stop = 1, .flow = TW_LINK_FLOW_RTSCTS};

static struct tw_lines *start(void)
{
    memset(&board, 0, sizeof board);
    return tw_lines_init();
}

static bool apply(struct tw_speeds *speeds, struct tw_link_line till, struct tw_link_line printer)
{
    const struct tw_link_settings settings = {.till = till, .printer = printer};
    return tw_speeds_apply(speeds, &settings);
}

static void find_speed(struct tw_speeds *speeds)
{
    assert_true(apply(speeds, find, find));
    tw_speeds_look(speeds, true);
    assert_true(board.wire);
    board.edges = EDGES;
    for (unsigned i = 0; i < EDGES && board.wire; i++) {
        tw_speeds_look(speeds, true);
    }
    assert_false(board.wire);
    assert_int_equal(board.set[TW_PORT_TILL].baud, BAUD);
    assert_int_equal(board.set[TW_PORT_PRINTER].baud, BAUD);
}

// All that waits for the printer leaves, and is copied.
static void pass_all(struct tw_lines *lines)
{
    uint8_t byte;
    while (tw_lines_next(TW_PORT_PRINTER, &byte)) {
    }
    lines->out.copied = lines->out.taken;
}

// ---- tests

static void what_a_till_prints_is_data_with_any_flow(void **state)
{
    (void)state;
    (void)start();
    tw_lines_set_flow(TW_PORT_TILL, TW_LINK_FLOW_XONXOFF);
    tw_lines_set_flow(TW_PORT_PRINTER, TW_LINK_FLOW_XONXOFF);
    for (unsigned i = 0; i < 256; i++) {
        tw_lines_received(TW_PORT_TILL, (uint8_t)i);
    }
    tw_lines_received(TW_PORT_PRINTER, 'a'); // what comes back is not held by the till's bytes either
    uint8_t byte;
    for (unsigned i = 0; i < 256; i++) {
        assert_true(tw_lines_next(TW_PORT_PRINTER, &byte));
        assert_int_equal(byte, i);
    }
    assert_false(tw_lines_next(TW_PORT_PRINTER, &byte));
    assert_true(tw_lines_next(TW_PORT_TILL, &byte));
    assert_int_equal(byte, 'a');
}

static void a_printer_is_obeyed_and_never_told_by_bytes(void **state)
{
    (void)state;
    struct tw_lines *lines = start();
    uint8_t byte;
    tw_lines_set_flow(TW_PORT_TILL, TW_LINK_FLOW_XONXOFF);
    tw_lines_set_flow(TW_PORT_PRINTER, TW_LINK_FLOW_XONXOFF);
    tw_lines_received(TW_PORT_TILL, 'x');
    tw_lines_received(TW_PORT_PRINTER, 0x13);
    assert_false(tw_lines_next(TW_PORT_PRINTER, &byte));
    while (tw_pass_level(&lines->back) != TW_PASS_HIGH) {
        tw_lines_received(TW_PORT_PRINTER, 'b');
    }
    while (tw_pass_level(&lines->out) != TW_PASS_HIGH) {
        tw_lines_received(TW_PORT_TILL, 'x');
    }
    assert_true(tw_lines_next(TW_PORT_TILL, &byte));
    assert_int_equal(byte, 0x13); // the till's ring is full
    tw_lines_received(TW_PORT_PRINTER, 0x11);
    while (tw_lines_next(TW_PORT_PRINTER, &byte)) {
        assert_int_equal(byte, 'x');
    }
    tw_lines_set_flow(TW_PORT_TILL, TW_LINK_FLOW_NONE); // rings and ports are static: leave them as they were
    tw_lines_look();
}

static void lines_that_the_hardware_lacks_change_nothing(void **state)
{
    (void)state;
    (void)start();
    struct tw_speeds speeds = {.wire = false};
    struct tw_link_line seven = {.baud = BAUD, .bits = 7, .stop = 1};
    assert_true(apply(&speeds, told, told));
    struct tw_speeds before = speeds;
    assert_false(apply(&speeds, told, seven)); // the till's would be good
    assert_false(apply(&speeds, seven, told));
    seven.baud = 0;
    assert_false(apply(&speeds, seven, told));
    assert_memory_equal(&speeds, &before, sizeof speeds);
    assert_memory_equal(&board.set[TW_PORT_TILL], &told, sizeof told);
    assert_memory_equal(&board.set[TW_PORT_PRINTER], &told, sizeof told);
    assert_int_equal(board.joined, 0);
}

static void finding_waits_until_all_is_printed(void **state)
{
    (void)state;
    struct tw_lines *lines = start();
    struct tw_speeds speeds = {.wire = false};
    assert_true(apply(&speeds, told, told));
    tw_lines_received(TW_PORT_TILL, 'x');
    assert_true(apply(&speeds, find, find));
    tw_speeds_look(&speeds, true);
    assert_int_equal(board.joined, 0);
    assert_int_equal(speeds.set.till.baud, BAUD);
    pass_all(lines);
    tw_speeds_look(&speeds, false);
    assert_int_equal(board.joined, 0);
    tw_speeds_look(&speeds, true);
    assert_int_equal(board.joined, 1);
    assert_int_equal(speeds.set.till.baud, 0);
}

static void a_cable_of_three_wires_does_not_block(void **state)
{
    (void)state;
    struct tw_lines *lines = start();
    struct tw_speeds speeds = {.wire = false};
    board.unready[TW_PORT_PRINTER] = true;
    find_speed(&speeds);
    assert_int_equal(board.set[TW_PORT_TILL].flow, TW_LINK_FLOW_RTSCTS);
    assert_int_equal(board.set[TW_PORT_PRINTER].flow, TW_LINK_FLOW_NONE);
    assert_int_equal(speeds.set.printer.flow, TW_LINK_FLOW_NONE); // INFO says so
    assert_true(apply(&speeds, find, find));                      // the agent came back
    tw_speeds_look(&speeds, true);
    assert_false(board.wire);
    assert_int_equal(board.set[TW_PORT_PRINTER].flow, TW_LINK_FLOW_NONE);
    pass_all(lines);
}

static void another_form_is_seen_and_left_to_the_agent(void **state)
{
    (void)state;
    struct tw_lines *lines = start();
    struct tw_speeds speeds = {.wire = false};
    find_speed(&speeds);
    tw_lines_missed(TW_PORT_TILL);
    tw_lines_received(TW_PORT_TILL, 'x');
    tw_speeds_look(&speeds, false);
    assert_false(speeds.failed);
    tw_lines_missed(TW_PORT_TILL);
    tw_speeds_look(&speeds, false);
    assert_false(board.wire); // a byte is under way
    pass_all(lines);
    tw_speeds_look(&speeds, false);
    assert_true(board.wire);
    assert_int_equal(speeds.set.till.baud, 0);
    board.edges = EDGES;
    assert_true(apply(&speeds, find, find)); // the same again is not tried again
    tw_speeds_look(&speeds, true);
    assert_true(board.wire);
    assert_int_equal(board.edges, EDGES);
    struct tw_link_line parity = told;
    parity.parity = TW_LINK_PARITY_EVEN;
    assert_true(apply(&speeds, parity, parity));
    assert_false(board.wire);
    assert_memory_equal(&board.set[TW_PORT_PRINTER], &parity, sizeof parity);
}

static void a_form_is_proved_by_its_first_bytes(void **state)
{
    (void)state;
    struct tw_lines *lines = start();
    struct tw_speeds speeds = {.wire = false};
    find_speed(&speeds);
    for (unsigned i = 0; i < 64; i++) {
        tw_lines_received(TW_PORT_TILL, 'x');
    }
    tw_speeds_look(&speeds, false);
    tw_lines_missed(TW_PORT_TILL);
    tw_lines_missed(TW_PORT_TILL);
    pass_all(lines);
    tw_speeds_look(&speeds, true);
    assert_false(board.wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_till_prints_is_data_with_any_flow),
        cmocka_unit_test(a_printer_is_obeyed_and_never_told_by_bytes),
        cmocka_unit_test(lines_that_the_hardware_lacks_change_nothing),
        cmocka_unit_test(finding_waits_until_all_is_printed),
        cmocka_unit_test(a_cable_of_three_wires_does_not_block),
        cmocka_unit_test(another_form_is_seen_and_left_to_the_agent),
        cmocka_unit_test(a_form_is_proved_by_its_first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
