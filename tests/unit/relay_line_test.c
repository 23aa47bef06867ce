// SPDX-License-Identifier: Apache-2.0
//
// The relay between two serial ports. What is printed is compared byte by byte with what was sent, in both
// directions, and with the copy (P5); who may send when is looked at from the till's side.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <termios.h>

#include "tests/fakes/line_rig.h"

enum { SENT_BYTES = 300000 };

// ---- bytes

static void p5_every_byte_goes_both_ways_unchanged(void **state)
{
    (void)state;
    const enum tw_line_flow flows[] = {TW_LINE_FREE, TW_LINE_RTSCTS, TW_LINE_DTRDSR};
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        struct line_rig *rig = line_rig_new(flows[i], true);
        line_rig_add_random(&rig->to_print, SENT_BYTES, 1);
        line_rig_add_random(&rig->to_answer, SENT_BYTES, 2);
        UNTIL(rig, rig->printed.len == SENT_BYTES && rig->answered.len == SENT_BYTES);
        line_rig_assert_same(&rig->printed, &rig->to_print);
        line_rig_assert_same(&rig->answered, &rig->to_answer);
        line_rig_assert_copied(rig);
        line_rig_free(rig);
    }
}

// Epson, ESC/POS: DLE EOT and GS r are answered by the printer, ASB comes unasked; status bytes are
// never XON or XOFF.
static void status_is_asked_and_answered(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_XONXOFF, true);
    line_rig_add(&rig->to_print, "\x10\x04\x01\x1d\x72\x01\x1d\x61\xff", 9);
    UNTIL(rig, rig->printed.len == 9);
    line_rig_add(&rig->to_answer, "\x12\x00\x10\x00\x00\x0f", 6);
    UNTIL(rig, rig->answered.len == 6);
    line_rig_assert_same(&rig->answered, &rig->to_answer);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_free(rig);
}

// ---- stopping the till

// The kernel's buffers between the ends hold some 70 KB here; what counts is that the till is told,
// and that nothing is lost.
static void p5_a_printer_that_never_reads_stops_the_till(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_XONXOFF, true);
    line_rig_turns(rig, 5);
    rig->printer_stalled = true;
    line_rig_add_random(&rig->to_print, SENT_BYTES, 3);
    UNTIL(rig, rig->till_stopped);
    size_t taken = rig->to_print.sent;
    line_rig_turns(rig, 50);
    assert_int_equal(rig->to_print.sent, taken);
    assert_true(tw_pump_held(&rig->line.out) < 4096);
    assert_true(rig->tap.next < taken);
    assert_int_equal(rig->xoffs, 1);
    rig->printer_stalled = false;
    UNTIL(rig, rig->printed.len == SENT_BYTES);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_assert_copied(rig);
    assert_int_equal(rig->answered.len, 0);
    line_rig_free(rig);
}

// A till that does not obey is slowed by the kernel where it can be (a pseudo terminal blocks).
static void p5_a_till_that_does_not_obey_loses_nothing_here(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_FREE, true);
    rig->printer_stalled = true;
    line_rig_add_random(&rig->to_print, SENT_BYTES, 4);
    size_t before = 0;
    do {
        before = rig->to_print.sent;
        line_rig_turns(rig, 100);
    } while (rig->to_print.sent != before);
    assert_true(rig->to_print.sent < SENT_BYTES);
    assert_true(rig->idle_wakes < 50); // full on both sides: it sleeps
    rig->printer_stalled = false;
    UNTIL(rig, rig->printed.len == SENT_BYTES);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_free(rig);
}

static void xoff_stops_the_printer_port_and_the_till_at_once(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_XONXOFF, true);
    line_rig_turns(rig, 5);
    unsigned greeted = rig->xons;
    assert_int_equal(greeted, 1); // an earlier life may have left the till stopped
    line_rig_add(&rig->to_answer, "\x12\x13\x16", 3);
    UNTIL(rig, rig->till_stopped);
    line_rig_add(&rig->to_print, "\x1b*!\x13\x11\x13", 6); // XOFF in a picture is no XOFF
    rig->till_stopped = false;                             // what was under way
    UNTIL(rig, rig->to_print.sent == 6);
    line_rig_turns(rig, 50);
    assert_int_equal(rig->printed.len, 0);
    assert_int_equal(rig->tap.next, 0);
    line_rig_add(&rig->to_answer, "\x11", 1);
    UNTIL(rig, rig->printed.len == 6);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    assert_int_equal(rig->xoffs, 1);
    assert_int_equal(rig->xons, greeted + 1);
    assert_int_equal(rig->answered.len, 2);
    assert_memory_equal(rig->answered.bytes, "\x12\x16", 2);
    line_rig_free(rig);
}

// The printer says XON while more is held than fits: the till is let go when there is room.
static void xon_is_kept_back_while_the_hold_is_full(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_XONXOFF, true);
    line_rig_turns(rig, 5);
    line_rig_add(&rig->to_answer, "\x13", 1);
    UNTIL(rig, rig->till_stopped);
    rig->till_obeys = false; // sends on
    rig->till_stopped = false;
    line_rig_add_random(&rig->to_print, 8000, 5);
    UNTIL(rig, rig->to_print.sent == 8000 && tw_pump_held(&rig->line.out) == 8000);
    rig->till_obeys = true;
    rig->printer_stalled = true;
    unsigned xons = rig->xons;
    line_rig_add(&rig->to_answer, "\x11", 1);
    UNTIL(rig, rig->xons == xons + 1); // the kernel took all of it
    assert_int_equal(tw_pump_held(&rig->line.out), 0);
    rig->printer_stalled = false;
    UNTIL(rig, rig->printed.len == 8000);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_free(rig);
}

// ---- modem lines

static void lines_are_crossed_both_ways(void **state)
{
    (void)state;
    struct fake_modem *modem[2];
    struct line_rig *rig = line_rig_new_with_lines(TW_LINE_FREE, modem);
    const struct {
        uint32_t shown, raised;
    } cases[] = {
        {TIOCM_DSR, TIOCM_DTR}, {TIOCM_CTS, TIOCM_RTS}, {0, 0}, {READY_LINES, TIOCM_RTS | TIOCM_DTR}};
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            line_rig_show(modem[side], cases[i].shown);
            UNTIL(rig, line_rig_raised(modem[1 - side]) == cases[i].raised);
        }
    }
    line_rig_free(rig);
}

static void stopped_by(enum tw_line_flow flow, uint32_t shown, uint32_t raised_then)
{
    struct fake_modem *modem[2];
    struct line_rig *rig = line_rig_new_with_lines(flow, modem);
    line_rig_add_random(&rig->to_print, 3000, 6);
    UNTIL(rig, rig->printed.len == 3000);
    line_rig_show(modem[1], shown);
    UNTIL(rig, line_rig_raised(modem[0]) == raised_then);
    line_rig_add_random(&rig->to_print, 5000, 7); // what was under way, and a till that is slow to stop
    UNTIL(rig, rig->to_print.sent == 8000);
    line_rig_turns(rig, 50);
    assert_int_equal(rig->printed.len, 3000);
    assert_int_equal(rig->tap.next, 3000);
    line_rig_show(modem[1], READY_LINES);
    UNTIL(rig, rig->printed.len == 8000 && line_rig_raised(modem[0]) == (TIOCM_RTS | TIOCM_DTR));
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_assert_copied(rig);
    line_rig_free(rig);
}

static void p5_lines_of_the_printer_stop_the_till(void **state)
{
    (void)state;
    stopped_by(TW_LINE_RTSCTS, TIOCM_DSR, TIOCM_DTR);
    stopped_by(TW_LINE_DTRDSR, TIOCM_CTS, TIOCM_RTS);
}

// A printer that takes nothing although its lines say go: the relay itself lowers the line.
static void p5_a_full_hold_lowers_the_line(void **state)
{
    (void)state;
    struct fake_modem *modem[2];
    struct line_rig *rig = line_rig_new_with_lines(TW_LINE_RTSCTS, modem);
    rig->printer_stalled = true;
    line_rig_add_random(&rig->to_print, SENT_BYTES, 8);
    UNTIL(rig, line_rig_raised(modem[0]) == TIOCM_DTR);
    rig->till_stopped = true;
    rig->printer_stalled = false;
    UNTIL(rig, line_rig_raised(modem[0]) == (TIOCM_RTS | TIOCM_DTR));
    rig->till_stopped = false;
    UNTIL(rig, rig->printed.len == SENT_BYTES);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_free(rig);
}

// The till closes its port in the middle of a command: DTR falls, the page is over; and it opens again.
static void a_till_that_lets_go_ends_the_page(void **state)
{
    (void)state;
    struct fake_modem *modem[2];
    struct line_rig *rig = line_rig_new_with_lines(TW_LINE_FREE, modem);
    UNTIL(rig, line_rig_marks(rig, TW_LINK_OPENED) == 1);
    line_rig_add(&rig->to_print, "half a command \x1b", 16);
    UNTIL(rig, rig->printed.len == 16);
    line_rig_show(modem[0], 0);
    UNTIL(rig, line_rig_marks(rig, TW_LINK_CLOSED) == 1);
    assert_int_equal(line_rig_raised(modem[1]), 0);
    line_rig_show(modem[0], READY_LINES);
    UNTIL(rig, line_rig_marks(rig, TW_LINK_OPENED) == 2);
    line_rig_free(rig);
}

// ---- ports that come and go

static void p5_a_printer_unplugged_in_mid_print_gets_the_rest(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_XONXOFF, true);
    line_rig_turns(rig, 5);
    line_rig_add_random(&rig->to_print, SENT_BYTES, 9);
    for (unsigned i = 1; i <= 20; i++) {
        UNTIL(rig, rig->printed.len > i * SENT_BYTES / 25);
        rig->till_stopped = true; // all that the far end was given is read, as a printer would have
        UNTIL(rig, tw_pump_held(&rig->line.out) == 0 && rig->printed.len == rig->tap.next);
        rig->till_stopped = false;
        fake_pty_unplug(&rig->printer);
        UNTIL(rig, rig->line.printer.fd < 0 && rig->till_stopped);
        assert_true(tw_pump_held(&rig->line.out) < 4096);
        line_rig_plug(&rig->printer);
        UNTIL(rig, !rig->till_stopped);
    }
    UNTIL(rig, rig->printed.len == SENT_BYTES);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    line_rig_assert_copied(rig);
    assert_int_equal(line_rig_marks(rig, TW_LINK_CLOSED), 0); // the till's page goes on
    line_rig_free(rig);
}

static void a_till_unplugged_ends_the_page_and_comes_back(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_FREE, true);
    line_rig_add(&rig->to_print, "first", 5);
    UNTIL(rig, rig->printed.len == 5);
    fake_pty_unplug(&rig->till);
    UNTIL(rig, rig->line.till.fd < 0);
    assert_int_equal(line_rig_marks(rig, TW_LINK_CLOSED), 1);
    line_rig_add(&rig->to_answer, "nobody hears this", 17);
    UNTIL(rig, rig->to_answer.sent == 17);
    line_rig_turns(rig, 20);
    line_rig_plug(&rig->till);
    line_rig_add(&rig->to_print, "second", 6);
    UNTIL(rig, rig->printed.len == 11);
    line_rig_assert_same(&rig->printed, &rig->to_print);
    assert_int_equal(rig->answered.len, 0);
    line_rig_free(rig);
}

static void ports_that_are_not_there_are_waited_for(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_RTSCTS, false);
    line_rig_turns(rig, 100);
    assert_int_equal(rig->idle_wakes, 0);
    assert_int_equal(line_rig_marks(rig, TW_LINK_OPENED), 0);
    line_rig_plug(&rig->till);
    line_rig_plug(&rig->printer);
    line_rig_add(&rig->to_print, "here", 4);
    UNTIL(rig, rig->printed.len == 4);
    fake_pty_unplug(&rig->till); // both at once
    fake_pty_unplug(&rig->printer);
    UNTIL(rig, rig->line.till.fd < 0 && rig->line.printer.fd < 0);
    line_rig_turns(rig, 20);
    assert_int_equal(rig->idle_wakes, 0);
    assert_int_equal(line_rig_marks(rig, TW_LINK_CLOSED), 1);
    line_rig_free(rig);
}

// ---- the form of the line

// A pseudo terminal keeps what it is told, but for the parity bit: it has none.
static void the_form_reaches_the_port(void **state)
{
    (void)state;
    struct fake_pty pty = {0};
    struct tw_error_text err = {0};
    const struct tw_serial_form form = {.baud = 19200, .bits = 7, .stop = 2, .parity = "odd"};
    line_rig_plug(&pty);
    int fd = -1;
    assert_int_equal(tw_serial_check(&form, &err), 0);
    assert_int_equal(tw_serial_open(pty.link, &form, true, &fd, &err), 0);
    struct termios settings;
    assert_int_equal(tcgetattr(fd, &settings), 0);
    assert_int_equal(cfgetospeed(&settings), B19200);
    assert_int_equal(settings.c_cflag & CSTOPB, CSTOPB);
    assert_int_equal(settings.c_cflag & CRTSCTS, CRTSCTS);
    assert_int_equal(settings.c_cflag & PARODD, PARODD);
    assert_int_equal(settings.c_iflag & (IXON | IXOFF | ICRNL | ISTRIP | INPCK), 0);
    tw_serial_close(fd);
    fake_pty_remove(&pty);
}

// P8.
static void a_form_that_cannot_be_is_named(void **state)
{
    (void)state;
    const struct {
        struct tw_serial_form form;
        const char *key;
    } cases[] = {{{.baud = 0}, "`baud`"},
                 {{.baud = 12345}, "`baud`"},
                 {{.baud = 9600, .bits = 9}, "`bits`"},
                 {{.baud = 9600, .stop = 3}, "`stop`"},
                 {{.baud = 9600, .parity = "maybe"}, "`parity`"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_error_text err = {0};
        assert_int_equal(tw_serial_check(&cases[i].form, &err), TW_ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].key));
    }
}

// ---- the end

static void the_end_stops_the_till_and_waits_for_the_printer(void **state)
{
    (void)state;
    struct line_rig *rig = line_rig_new(TW_LINE_XONXOFF, true);
    const struct tw_route *route = &rig->line.route;
    line_rig_turns(rig, 5);
    line_rig_add(&rig->to_answer, "\x13", 1);
    UNTIL(rig, rig->till_stopped);
    rig->till_stopped = false;
    line_rig_add(&rig->to_print, "under way", 9);
    UNTIL(rig, tw_pump_held(&rig->line.out) == 9);
    rig->line.route.ops->shut(&rig->line.route);
    assert_false(route->ops->is_forwarded(route));
    line_rig_add(&rig->to_answer, "\x11", 1);
    UNTIL(rig, route->ops->is_forwarded(route));
    assert_int_equal(rig->xons, 1); // that of the beginning: it is never let go again
    UNTIL(rig, rig->printed.len == 9);
    line_rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p5_every_byte_goes_both_ways_unchanged),
        cmocka_unit_test(status_is_asked_and_answered),
        cmocka_unit_test(p5_a_printer_that_never_reads_stops_the_till),
        cmocka_unit_test(p5_a_till_that_does_not_obey_loses_nothing_here),
        cmocka_unit_test(xoff_stops_the_printer_port_and_the_till_at_once),
        cmocka_unit_test(xon_is_kept_back_while_the_hold_is_full),
        cmocka_unit_test(lines_are_crossed_both_ways),
        cmocka_unit_test(p5_lines_of_the_printer_stop_the_till),
        cmocka_unit_test(p5_a_full_hold_lowers_the_line),
        cmocka_unit_test(a_till_that_lets_go_ends_the_page),
        cmocka_unit_test(p5_a_printer_unplugged_in_mid_print_gets_the_rest),
        cmocka_unit_test(a_till_unplugged_ends_the_page_and_comes_back),
        cmocka_unit_test(ports_that_are_not_there_are_waited_for),
        cmocka_unit_test(the_form_reaches_the_port),
        cmocka_unit_test(a_form_that_cannot_be_is_named),
        cmocka_unit_test(the_end_stops_the_till_and_waits_for_the_printer),
    };
    return line_rig_map_modems() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
