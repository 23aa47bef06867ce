// SPDX-License-Identifier: Apache-2.0
//
// The wire that the STM32F405 port makes of till and printer, and what its interrupts do with the USARTs,
// from the sources that are flashed, against a model of the chip at the chip's own addresses
// (tests/fakes/f405.h). Interrupts do not come by themselves: the test calls them, and sets the status they
// find. It shows which registers and pins are set, and in what order; not that an edge arrives, nor how fast.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/port/arm/cpu.h"
#include "firmware/port/arm/lines.h"
#include "firmware/port/stm32f405/usart.h"
#include "tests/fakes/f405.h"
#include "tests/fakes/trapped.h"

// EXTI lines 0, 3 and 10: the printer's CTS and RX, the till's RX (12.2.5).
enum { LINES = 1 << 0 | 1 << 3 | 1 << 10, OPEN = 0x202c, TXEIE = 0x80 };
enum { TILL_READY = 1 << 12, PRINTER_READY = 1 << 1, TILL_TX = 1 << 9, PRINTER_TX = 1 << 2, RELAY = 1 << 4 };

static struct f405 chip;

// ---- what the port calls

static struct {
    unsigned received, missed, to_send;
    uint8_t byte;
} seen;

void tw_lines_set_flow(enum tw_port port, enum tw_link_flow flow)
{
    (void)port;
    (void)flow;
}

void tw_lines_received(enum tw_port port, uint8_t byte)
{
    assert_int_equal(port, TW_PORT_TILL);
    seen.received++;
    seen.byte = byte;
}

void tw_lines_missed(enum tw_port port)
{
    assert_int_equal(port, TW_PORT_TILL);
    seen.missed++;
}

bool tw_lines_next(enum tw_port port, uint8_t *byte)
{
    assert_int_equal(port, TW_PORT_TILL);
    if (seen.to_send == 0) {
        return false;
    }
    *byte = (uint8_t)seen.to_send--;
    return true;
}

// ---- helpers

static const struct tw_link_line line = {.baud = 9600, .bits = 8, .stop = 1};

static void start(void)
{
    if (!f405_start(&chip)) {
        print_message("skipped: the chip's addresses are taken here\n");
        skip();
    }
    memset(&seen, 0, sizeof seen);
    for (unsigned i = 0; i < TW_PORTS; i++) {
        struct tw_usart_port *port = &tw_usart_ports[i];
        port->open = port->paused = port->asked = false;
        port->waiting = false;
    }
    tw_board_start();
    tw_board_open_lines();
    f405_forget(&chip);
}

static void start_lines(void)
{
    start();
    assert_true(tw_board_set_line(TW_PORT_TILL, &line));
    assert_true(tw_board_set_line(TW_PORT_PRINTER, &line));
    f405_forget(&chip);
}

static void assert_right(void)
{
    if (chip.wrong != NULL) {
        fail_msg("%s", chip.wrong);
    }
    assert_int_equal(tw_host_cpu.primask, 0);
}

static uint32_t exti(uint32_t which)
{
    return trapped_get(F405_EXTI + which);
}

static uint32_t levels(uint32_t gpio)
{
    return trapped_get(gpio + F405_ODR);
}

static void set_inputs(uint32_t pins)
{
    trapped_set(F405_GPIOA + F405_IDR, pins);
}

// Number of the first store of `value` there; it must exist.
static size_t when(uint32_t at, uint32_t value)
{
    size_t number = f405_find(&chip, 0, at);
    while (number < chip.count && chip.stores[number].value != value) {
        number = f405_find(&chip, number + 1, at);
    }
    assert_true(number < chip.count);
    return number;
}

static unsigned mode_of(uint32_t gpio, unsigned pin)
{
    return trapped_get(gpio + F405_MODER) >> 2 * pin & 3;
}

// ---- the wire

static void joining_rests_the_relay_and_then_the_pins_follow(void **state)
{
    (void)state;
    start_lines();
    assert_int_equal(levels(F405_GPIOC), RELAY);
    trapped_set(F405_EXTI + F405_PR, LINES | 1 << 5); // of long ago
    trapped_set(F405_EXTI + F405_IMR, 1 << 15);       // not ours
    tw_board_join_wire();
    assert_int_equal(levels(F405_GPIOC), 0);
    assert_int_equal(trapped_get(F405_USART1 + F405_CR1), 0);
    assert_int_equal(trapped_get(F405_USART2 + F405_CR1), 0);
    assert_false(tw_usart_ports[TW_PORT_TILL].open);
    assert_false(tw_usart_ports[TW_PORT_PRINTER].open);
    // Both transmitters rest high, and did before their pins began to drive.
    assert_int_equal(levels(F405_GPIOA) & (TILL_TX | PRINTER_TX), TILL_TX | PRINTER_TX);
    assert_int_equal(mode_of(F405_GPIOA, 9), 1);
    assert_int_equal(mode_of(F405_GPIOA, 2), 1);
    assert_true(when(F405_GPIOA + F405_BSRR, TILL_TX | PRINTER_TX) <
                f405_find(&chip, 0, F405_GPIOA + F405_MODER));
    // The receivers' stay as they were, and the other ports'.
    assert_int_equal(mode_of(F405_GPIOA, 10), 2);
    assert_int_equal(mode_of(F405_GPIOA, 3), 2);
    assert_int_equal(trapped_get(F405_USART3 + F405_CR1), OPEN);
    assert_right();
}

// 12.2.5, 12.3: both edges, what was pending before forgotten, then the mask.
static void joining_listens_to_both_edges_of_three_lines(void **state)
{
    (void)state;
    start_lines();
    trapped_set(F405_EXTI + F405_PR, LINES | 1 << 5);
    trapped_set(F405_EXTI + F405_IMR, 1 << 15);
    tw_host_cpu.enabled[0] = tw_host_cpu.enabled[1] = tw_host_cpu.raised[0] = 0;
    tw_board_join_wire();
    assert_int_equal(exti(F405_RTSR), LINES);
    assert_int_equal(exti(F405_FTSR), LINES);
    assert_int_equal(exti(F405_PR), 1 << 5);
    assert_int_equal(exti(F405_IMR), LINES | 1 << 15);
    size_t unmasked = f405_find(&chip, 0, F405_EXTI + F405_IMR);
    assert_true(f405_find(&chip, 0, F405_EXTI + F405_RTSR) < unmasked);
    assert_true(f405_find(&chip, 0, F405_EXTI + F405_FTSR) < unmasked);
    assert_true(f405_find(&chip, 0, F405_EXTI + F405_PR) < unmasked);
    // Port A is line 0, 3 and 10 as after reset (9.2.3 to 9.2.5).
    assert_int_equal(trapped_get(0x40013808), 0);
    assert_int_equal(trapped_get(0x40013810), 0);
    // EXTI0, EXTI3, EXTI15_10: positions 6, 9, 40 of table 61. The first comes at once, for the level there
    // is now.
    assert_int_equal(tw_host_cpu.enabled[0], 1 << 6 | 1 << 9);
    assert_int_equal(tw_host_cpu.enabled[1], 1 << (40 - 32));
    assert_int_equal(tw_host_cpu.raised[0], 1 << 6);
    assert_right();
}

static void joining_waits_for_what_is_being_sent(void **state)
{
    (void)state;
    start_lines();
    chip.sending_until_us[0] = chip.now_us + 1000;
    chip.sending_until_us[1] = chip.now_us + 2000;
    uint64_t left_us = chip.sending_until_us[1];
    tw_board_join_wire();
    assert_in_range(chip.stores[when(F405_GPIOC + F405_BSRR, RELAY << 16)].us, left_us, left_us + 100);
    assert_in_range(chip.stores[when(F405_USART1 + F405_CR1, 0)].us, left_us, left_us + 100);
    assert_right();
}

static void what_comes_in_goes_out_at_the_other_side(void **state)
{
    (void)state;
    start_lines();
    tw_board_join_wire();
    assert_int_equal(levels(F405_GPIOA) & PRINTER_READY, 0); // the printer may always speak
    for (unsigned round = 0; round < 2; round++) {
        set_inputs(1 << 0);
        tw_wire_ready();
        assert_int_equal(levels(F405_GPIOA) & TILL_READY, TILL_READY); // high: not ready
        set_inputs(0);
        tw_wire_ready();
        assert_int_equal(levels(F405_GPIOA) & TILL_READY, 0);
        tw_wire_from_printer();
        assert_int_equal(levels(F405_GPIOA) & (TILL_TX | PRINTER_TX), PRINTER_TX);
        tw_wire_from_till();
        assert_int_equal(levels(F405_GPIOA) & (TILL_TX | PRINTER_TX), 0);
        set_inputs(1 << 3);
        tw_wire_from_printer();
        assert_int_equal(levels(F405_GPIOA) & (TILL_TX | PRINTER_TX), TILL_TX);
        set_inputs(1 << 10);
        tw_wire_from_till();
        assert_int_equal(levels(F405_GPIOA) & (TILL_TX | PRINTER_TX), TILL_TX | PRINTER_TX);
    }
    assert_right();
}

// An edge between the two leaves its line pending: the level is read behind that (12.3.6).
static void an_edge_is_acknowledged_alone_and_first(void **state)
{
    (void)state;
    static void (*const handlers[])(void) = {tw_wire_ready, tw_wire_from_printer, tw_wire_from_till};
    static const uint32_t bits[] = {1 << 0, 1 << 3, 1 << 10};
    start_lines();
    tw_board_join_wire();
    for (unsigned i = 0; i < 3; i++) {
        trapped_set(F405_EXTI + F405_PR, LINES);
        f405_forget(&chip);
        handlers[i]();
        assert_int_equal(exti(F405_PR), LINES & ~bits[i]);
        assert_int_equal(chip.stores[0].at, F405_EXTI + F405_PR);
        assert_int_equal(chip.stores[1].at, F405_GPIOA + F405_BSRR);
        assert_int_equal(chip.count, 2);
    }
    assert_right();
}

static void the_tills_pulses_are_measured(void **state)
{
    (void)state;
    start_lines();
    tw_board_join_wire();
    assert_int_equal(tw_board_pulse_hz(), 84000000); // TIM5 is on APB1 at 42 MHz, and counts twice that (7.2)
    uint32_t ticks;
    bool quiet;
    assert_int_equal(chip.tim5_top, UINT32_MAX);
    assert_int_equal(trapped_get(F405_TIM5_CR1) & 1, 1);
    trapped_set(F405_TIM5_CNT, 1000);
    tw_wire_from_till();
    while (tw_board_take_pulse(&ticks, &quiet)) {
    }
    trapped_set(F405_TIM5_CNT, 1000 + 8750); // a bit at 9600
    tw_wire_from_till();
    trapped_set(F405_TIM5_CNT, 1000 + 8750 + 17500);
    tw_wire_from_till();
    assert_true(tw_board_take_pulse(&ticks, &quiet));
    assert_int_equal(ticks, 8750);
    assert_false(quiet);
    assert_true(tw_board_take_pulse(&ticks, &quiet));
    assert_int_equal(ticks, 17500);
    assert_false(tw_board_take_pulse(&ticks, &quiet));
    trapped_set(F405_TIM5_CNT, 1000 + 8750 + 17500 + 1680000); // 20 ms
    assert_false(tw_board_take_pulse(&ticks, &quiet));
    assert_false(quiet);
    trapped_set(F405_TIM5_CNT, 1000 + 8750 + 17500 + 1680001);
    assert_false(tw_board_take_pulse(&ticks, &quiet));
    assert_true(quiet);
    assert_right();
}

static void cutting_gives_the_pins_back_and_pulls_the_relay_in(void **state)
{
    (void)state;
    for (enum tw_port port = TW_PORT_TILL; port <= TW_PORT_PRINTER; port++) {
        start_lines();
        trapped_set(F405_EXTI + F405_IMR, 1 << 15);
        tw_board_join_wire();
        set_inputs(1 << 0);
        tw_wire_ready(); // the printer was not ready; the ring behind it is empty
        f405_forget(&chip);
        assert_true(tw_board_set_line(port, &line));
        assert_int_equal(exti(F405_IMR), 1 << 15);
        assert_int_equal(levels(F405_GPIOA) & (TILL_READY | PRINTER_READY), 0);
        assert_int_equal(trapped_get(F405_GPIOA + F405_MODER) & 0x03fc00ff, 0x01a800a6);
        assert_int_equal(trapped_get(F405_GPIOA + F405_AFRL) & 0xffff, 0x7707);
        assert_int_equal(trapped_get(F405_GPIOA + F405_AFRH) & 0x000ffff0, 0x7770);
        assert_int_equal(levels(F405_GPIOC), RELAY);
        size_t relay = when(F405_GPIOC + F405_BSRR, RELAY);
        assert_true(f405_find(&chip, 0, F405_EXTI + F405_IMR) < f405_find(&chip, 0, F405_GPIOA + F405_MODER));
        assert_int_equal(f405_find(&chip, relay, F405_GPIOA + F405_MODER), chip.count);
        assert_right();
    }
}

static void without_a_wire_nothing_is_said_of_readiness(void **state)
{
    (void)state;
    start_lines();
    tw_board_set_ready(TW_PORT_TILL, false);
    f405_forget(&chip);
    assert_true(tw_board_set_line(TW_PORT_TILL, &line));
    assert_int_equal(f405_stores_to(&chip, F405_GPIOA + F405_BSRR), 0);
    assert_int_equal(levels(F405_GPIOA), TILL_READY);
    assert_right();
}

static void the_scanner_does_not_cut_the_wire(void **state)
{
    (void)state;
    start_lines();
    tw_board_join_wire();
    assert_true(tw_board_set_line(TW_PORT_SCANNER, &line));
    assert_int_equal(exti(F405_IMR), LINES);
    assert_int_equal(levels(F405_GPIOC), 0);
    assert_int_equal(mode_of(F405_GPIOA, 9), 1);
    assert_right();
}

// ---- bytes

// 30.6.1: PE 0, FE 1, NF 2, ORE 3, IDLE 4, RXNE 5.
static void what_a_status_makes_of_a_byte(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        unsigned received, missed;
    } table[] = {
        {0x20, 1, 0}, {0x21, 1, 0}, {0x22, 0, 1}, {0x23, 0, 1}, {0x24, 1, 0},
        {0x28, 1, 1}, {0x2a, 0, 1}, {0x08, 0, 1}, {0x10, 0, 0}, {0x00, 0, 0},
    };
    start_lines();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        memset(&seen, 0, sizeof seen);
        tw_usart_ports[TW_PORT_TILL].asked = false;
        trapped_set(F405_USART1 + F405_SR, table[i].status);
        trapped_set(F405_USART1 + F405_DR, 0x141); // nine bits are there
        tw_usart1_interrupt();
        assert_int_equal(seen.received, table[i].received);
        assert_int_equal(seen.missed, table[i].missed);
        assert_int_equal(seen.byte, table[i].received > 0 ? 0x41 : 0);
        assert_int_equal(trapped_get(F405_USART1 + F405_SR) & 0x2f, 0); // else it would come again for ever
    }
    assert_right();
}

static void a_parity_bit_is_no_data(void **state)
{
    (void)state;
    static const struct tw_link_line seven = {9600, 7, TW_LINK_PARITY_EVEN, 1, 0};
    start_lines();
    assert_true(tw_board_set_line(TW_PORT_TILL, &seven));
    trapped_set(F405_USART1 + F405_SR, 0x20);
    trapped_set(F405_USART1 + F405_DR, 0xc1);
    tw_usart1_interrupt();
    assert_int_equal(seen.byte, 0x41);
    assert_right();
}

static uint32_t send(unsigned bytes, uint32_t status)
{
    seen.to_send = bytes;
    trapped_set(F405_USART1 + F405_SR, status);
    f405_forget(&chip);
    tw_board_kick(TW_PORT_TILL);
    tw_usart1_interrupt();
    assert_right();
    return trapped_get(F405_USART1 + F405_CR1);
}

// 30.3.2: while TXE is 0 the interrupt for it is on, and off as soon as nothing waits, or it would come for
// ever.
static void room_is_waited_for_while_bytes_wait(void **state)
{
    (void)state;
    start_lines();
    tw_usart_ports[TW_PORT_TILL].asked = false;
    assert_int_equal(send(0, 0x80), OPEN);
    assert_int_equal(chip.count, 0);
    assert_int_equal(send(3, 0x80), OPEN);
    assert_int_equal(f405_stores_to(&chip, F405_USART1 + F405_DR), 3);
    assert_int_equal(chip.stores[0].value, 3);
    assert_int_equal(send(2, 0x00), OPEN | TXEIE);
    assert_int_equal(f405_stores_to(&chip, F405_USART1 + F405_DR), 0);
    assert_int_equal(send(2, 0x00), OPEN | TXEIE);
    assert_int_equal(chip.count, 0);
    assert_int_equal(send(1, 0x80), OPEN);
    assert_int_equal(send(40, 0x80), OPEN | TXEIE); // others' turn
    assert_int_equal(f405_stores_to(&chip, F405_USART1 + F405_DR), 16);
    tw_board_finish(TW_PORT_TILL);
    assert_int_equal(send(40, 0x80), OPEN);
    assert_int_equal(chip.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining_rests_the_relay_and_then_the_pins_follow),
        cmocka_unit_test(joining_listens_to_both_edges_of_three_lines),
        cmocka_unit_test(joining_waits_for_what_is_being_sent),
        cmocka_unit_test(what_comes_in_goes_out_at_the_other_side),
        cmocka_unit_test(an_edge_is_acknowledged_alone_and_first),
        cmocka_unit_test(the_tills_pulses_are_measured),
        cmocka_unit_test(cutting_gives_the_pins_back_and_pulls_the_relay_in),
        cmocka_unit_test(without_a_wire_nothing_is_said_of_readiness),
        cmocka_unit_test(the_scanner_does_not_cut_the_wire),
        cmocka_unit_test(what_a_status_makes_of_a_byte),
        cmocka_unit_test(a_parity_bit_is_no_data),
        cmocka_unit_test(room_is_waited_for_while_bytes_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
