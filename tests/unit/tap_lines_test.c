// SPDX-License-Identifier: Apache-2.0
//
// The board's serial lines above its registers: what may be swallowed (P5). How ports are set and speeds
// found is in tap_speeds_test.c; the board is the one of tests/fakes/speeds_world.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firmware/port/arm/lines.h"

static void what_a_till_prints_is_data_with_any_flow(void **state)
{
    (void)state;
    (void)tw_lines_init();
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
    struct tw_lines *lines = tw_lines_init();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_till_prints_is_data_with_any_flow),
        cmocka_unit_test(a_printer_is_obeyed_and_never_told_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
