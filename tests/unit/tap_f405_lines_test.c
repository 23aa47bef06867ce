// SPDX-License-Identifier: Apache-2.0
//
// What the STM32F405 port puts into its registers for a serial line, from the sources that are flashed,
// against a model of the chip at the chip's own addresses (tests/fakes/f405.h). Wanted values are worked out
// by hand from RM0090 30. It shows that registers hold what the manual asks for, and in what order; not a
// single bit on a wire.
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

// UE, TE, RE, RXNEIE of CR1 (30.6.4): bits 13, 3, 2, 5.
enum { OPEN = 0x202c, UE = 0x2000, TXEIE = 0x80, NEVER = 100 };

static struct f405 chip;
static int flows[TW_PORTS];
static const uint32_t usarts[TW_PORTS] = {F405_USART1, F405_USART2, F405_USART3, F405_USART6};
static const uint32_t interrupts[TW_PORTS] = {37, 38, 39, 71}; // table 61

// ---- what the port calls

void tw_lines_set_flow(enum tw_port port, enum tw_link_flow flow)
{
    flows[port] = (int)flow;
}

void tw_lines_received(enum tw_port port, uint8_t byte)
{
    fail_msg("port %d received %d", (int)port, byte);
}

void tw_lines_missed(enum tw_port port)
{
    fail_msg("port %d missed", (int)port);
}

bool tw_lines_next(enum tw_port port, uint8_t *byte)
{
    (void)port;
    (void)byte;
    return false;
}

// ---- helpers

static void open_board(void)
{
    for (unsigned i = 0; i < TW_PORTS; i++) {
        struct tw_usart_port *port = &tw_usart_ports[i];
        port->open = port->paused = port->asked = false;
        port->waiting = false;
        flows[i] = NEVER;
    }
    tw_board_start();
    tw_board_open_lines();
    f405_forget(&chip);
}

static void prepare(void)
{
    if (!f405_start(&chip)) {
        print_message("skipped: the chip's addresses are taken here\n");
        skip();
    }
}

static void start(void)
{
    prepare();
    open_board();
}

static void assert_right(void)
{
    if (chip.wrong != NULL) {
        fail_msg("%s", chip.wrong);
    }
    assert_int_equal(tw_host_cpu.primask, 0);
}

static uint32_t of(enum tw_port port, uint32_t which)
{
    return trapped_get(usarts[port] + which);
}

static bool is_enabled(uint32_t interrupt)
{
    return (tw_host_cpu.enabled[interrupt / 32] >> interrupt % 32 & 1) != 0;
}

static struct tw_link_line line_8n1(uint32_t baud)
{
    return (struct tw_link_line){.baud = baud, .bits = 8, .stop = 1};
}

// ---- settings

// 30.3.4: baud = clock / (16 * USARTDIV), BRR = 16 * USARTDIV to the nearest. At 42 MHz the manual's own
// table has 2187.5, 1093.75, 273.4375, 136.75, 68.375, 45.5625, 22.8125, 11.375, 5.6875 and 2.875.
static void speeds_are_the_manuals(void **state)
{
    (void)state;
    static const struct {
        uint32_t baud, brr;
    } speeds[] = {
        {1200, 0x88b8},   {2400, 0x445c},   {4800, 0x222e},   {9600, 0x1117},
        {19200, 0x088c},  {38400, 0x0446},  {57600, 0x02d9},  {115200, 0x016d},
        {230400, 0x00b6}, {460800, 0x005b}, {921600, 0x002e}, {2625000, 0x0010},
    };
    start();
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        struct tw_link_line line = line_8n1(speeds[i].baud);
        for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
            assert_true(tw_board_set_line(port, &line));
            assert_int_equal(of(port, F405_BRR), speeds[i].brr);
        }
        uint32_t real = 42000000 / speeds[i].brr;
        assert_in_range(real, speeds[i].baud / 1000 * 990, speeds[i].baud + speeds[i].baud / 100);
    }
    assert_right();
}

// Without a crystal: 16 MHz on both buses; 921600 is 2.12 % off then, as the manual's table says.
static void speeds_without_a_crystal(void **state)
{
    (void)state;
    static const struct {
        uint32_t baud, brr;
    } speeds[] = {{1200, 13333}, {9600, 1667}, {115200, 139}, {460800, 35}, {921600, 17}, {1000000, 16}};
    prepare();
    chip.no_crystal = true;
    open_board();
    assert_int_equal(of(TW_PORT_AGENT, F405_BRR), 17);
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        struct tw_link_line line = line_8n1(speeds[i].baud);
        assert_true(tw_board_set_line(TW_PORT_TILL, &line));
        assert_int_equal(of(TW_PORT_TILL, F405_BRR), speeds[i].brr);
    }
    struct tw_link_line line = line_8n1(1500000);
    assert_false(tw_board_set_line(TW_PORT_TILL, &line));
    assert_right();
}

// Table 149 and 30.6.4, 30.6.5: M bit 12, PCE bit 10, PS bit 9 of CR1; STOP 10 in bits 13:12 of CR2.
static void forms_are_the_manuals(void **state)
{
    (void)state;
    static const struct {
        uint8_t bits, parity, stop, mask;
        uint32_t cr1, cr2;
    } forms[] = {
        {8, TW_LINK_PARITY_NONE, 1, 0xff, OPEN, 0},
        {8, TW_LINK_PARITY_NONE, 2, 0xff, OPEN, 0x2000},
        {8, TW_LINK_PARITY_EVEN, 1, 0xff, OPEN | 0x1400, 0},
        {8, TW_LINK_PARITY_ODD, 1, 0xff, OPEN | 0x1600, 0},
        {8, TW_LINK_PARITY_ODD, 2, 0xff, OPEN | 0x1600, 0x2000},
        {7, TW_LINK_PARITY_EVEN, 1, 0x7f, OPEN | 0x0400, 0},
        {7, TW_LINK_PARITY_ODD, 1, 0x7f, OPEN | 0x0600, 0},
        {7, TW_LINK_PARITY_EVEN, 2, 0x7f, OPEN | 0x0400, 0x2000},
    };
    start();
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct tw_link_line line = {
            .baud = 9600, .bits = forms[i].bits, .parity = forms[i].parity, .stop = forms[i].stop};
        for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
            assert_true(tw_board_knows_line(&line));
            assert_true(tw_board_set_line(port, &line));
            assert_int_equal(of(port, F405_CR1), forms[i].cr1);
            assert_int_equal(of(port, F405_CR2), forms[i].cr2);
            assert_int_equal(tw_usart_ports[port].mask, forms[i].mask);
        }
    }
    assert_right();
}

// 30.6.6: CTSE bit 9 of CR3. RTS is the ring's, by hand: RTSE stays 0.
static void flow_is_the_manuals(void **state)
{
    (void)state;
    static const uint32_t cr3[] = {
        [TW_LINK_FLOW_NONE] = 0,
        [TW_LINK_FLOW_RTSCTS] = 0x200,
        [TW_LINK_FLOW_XONXOFF] = 0,
        [TW_LINK_FLOW_DTRDSR] = 0x200,
    };
    start();
    for (uint8_t flow = TW_LINK_FLOW_NONE; flow <= TW_LINK_FLOW_DTRDSR; flow++) {
        struct tw_link_line line = line_8n1(9600);
        line.flow = flow;
        for (enum tw_port port = TW_PORT_TILL; port <= TW_PORT_PRINTER; port++) {
            assert_true(tw_board_set_line(port, &line));
            assert_int_equal(of(port, F405_CR3), cr3[flow]);
            assert_int_equal(flows[port], flow);
        }
    }
    assert_right();
}

static void what_is_refused_changes_no_register(void **state)
{
    (void)state;
    static const struct tw_link_line refused[] = {
        {9600, 7, TW_LINK_PARITY_NONE, 1, 0},
        {9600, 7, TW_LINK_PARITY_NONE, 2, 0},
        {9600, 9, TW_LINK_PARITY_NONE, 1, 0},
        {9600, 6, TW_LINK_PARITY_EVEN, 1, 0},
        {9600, 5, TW_LINK_PARITY_NONE, 1, 0},
        {9600, 7, TW_LINK_PARITY_MARK, 1, 0},
        {9600, 8, TW_LINK_PARITY_SPACE, 1, 0},
        {9600, 8, TW_LINK_PARITY_NONE, 0, 0},
        {9600, 8, TW_LINK_PARITY_NONE, 3, 0},
        {9600, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_DTRDSR + 1},
        {1, 8, TW_LINK_PARITY_NONE, 1, 0},
        {600, 8, TW_LINK_PARITY_NONE, 1, 0},     // 70000: no 16 bits
        {2700000, 8, TW_LINK_PARITY_NONE, 1, 0}, // 2.8 % off
        {3000000, 8, TW_LINK_PARITY_NONE, 1, 0}, // 14: below 1.0
        {UINT32_MAX, 8, TW_LINK_PARITY_NONE, 1, 0},
    };
    start();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
            assert_false(tw_board_set_line(port, &refused[i]));
            assert_int_equal(flows[port], NEVER);
        }
        assert_false(tw_board_knows_line(&refused[i]));
    }
    struct tw_link_line unknown = line_8n1(0); // a speed to be found is none to set
    assert_true(tw_board_knows_line(&unknown));
    assert_false(tw_board_set_line(TW_PORT_TILL, &unknown));
    assert_int_equal(chip.count, 0);
    assert_right();
}

// ---- taking a setting over

static void assert_next(size_t *number, uint32_t at, uint32_t value)
{
    *number = f405_find(&chip, *number, at);
    assert_true(*number < chip.count);
    assert_int_equal(chip.stores[*number].value, value);
    assert_true(chip.stores[*number].held);
    *number += 1;
}

// 30.3.2: M, STOP and the speed are not to change while the USART runs; interrupts must not see half of it.
static void a_setting_is_taken_over_while_the_usart_is_off(void **state)
{
    (void)state;
    for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
        start();
        const struct tw_link_line before = line_8n1(9600);
        const struct tw_link_line line = {19200, 8, TW_LINK_PARITY_EVEN, 2, TW_LINK_FLOW_RTSCTS};
        assert_true(tw_board_set_line(port, &before));
        tw_usart_ports[port].waiting = true;
        trapped_set(usarts[port] + F405_CR1, OPEN | TXEIE);
        tw_host_cpu.raised[interrupts[port] / 32] = 0;
        f405_forget(&chip);
        assert_true(tw_board_set_line(port, &line));
        size_t number = 0;
        assert_next(&number, usarts[port] + F405_CR1, OPEN); // no more interrupts for room
        assert_next(&number, usarts[port] + F405_CR1, 0);
        size_t off = number;
        assert_next(&off, usarts[port] + F405_BRR, 0x088c);
        assert_next(&off, usarts[port] + F405_CR2, 0x2000);
        assert_next(&off, usarts[port] + F405_CR3, 0x200);
        assert_next(&off, usarts[port] + F405_CR1, OPEN | 0x1400);
        assert_int_equal(f405_stores_to(&chip, usarts[port] + F405_CR1), 3);
        assert_true(is_enabled(interrupts[port]));
        assert_int_equal(tw_host_cpu.raised[interrupts[port] / 32], 1u << interrupts[port] % 32);
        assert_true(tw_usart_ports[port].open);
        assert_false(tw_usart_ports[port].paused);
        assert_false(tw_usart_ports[port].waiting);
        assert_right();
    }
}

// When the interrupt is told to stop, one byte may be on the wire and one in the data register (30.3.2,
// figure 297): TC comes after both.
static void two_bytes_leave_before_the_port_changes(void **state)
{
    (void)state;
    static const struct {
        struct tw_link_line line;
        uint32_t bits; // of a byte
    } lines[] = {
        {{1200, 8, TW_LINK_PARITY_EVEN, 2, 0}, 12},   {{1200, 8, TW_LINK_PARITY_NONE, 1, 0}, 10},
        {{2400, 8, TW_LINK_PARITY_ODD, 2, 0}, 12},    {{9600, 8, TW_LINK_PARITY_NONE, 1, 0}, 10},
        {{115200, 7, TW_LINK_PARITY_EVEN, 1, 0}, 10},
    };
    const struct tw_link_line next = line_8n1(19200);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (enum tw_port port = TW_PORT_TILL; port <= TW_PORT_PRINTER; port++) {
            start();
            assert_true(tw_board_set_line(port, &lines[i].line));
            f405_forget(&chip);
            uint64_t left_us = chip.now_us + 2000000ull * lines[i].bits / lines[i].line.baud;
            chip.sending_until_us[port] = left_us;
            assert_true(tw_board_set_line(port, &next));
            size_t number = f405_find(&chip, 0, usarts[port] + F405_CR1) + 1; // behind the one of TXEIE
            const struct f405_store *off = &chip.stores[f405_find(&chip, number, usarts[port] + F405_CR1)];
            assert_int_equal(off->value, 0);
            assert_in_range(off->us, left_us, left_us + 100);
            assert_right();
        }
    }
}

// A printer that is not ready holds its byte back (CTS), for as long as it likes.
static void no_wait_is_endless(void **state)
{
    (void)state;
    start();
    const struct tw_link_line line = line_8n1(9600), next = line_8n1(19200);
    assert_true(tw_board_set_line(TW_PORT_PRINTER, &line));
    chip.sending_until_us[TW_PORT_PRINTER] = UINT64_MAX;
    chip.us_a_look = 50;
    uint64_t before_us = chip.now_us;
    assert_true(tw_board_set_line(TW_PORT_PRINTER, &next));
    assert_in_range(chip.now_us - before_us, 20000, 25000);
    assert_int_equal(of(TW_PORT_PRINTER, F405_BRR), 0x088c);
    assert_right();
}

static void a_closed_port_is_not_waited_for(void **state)
{
    (void)state;
    start();
    const struct tw_link_line line = line_8n1(9600);
    chip.sending_until_us[TW_PORT_TILL] = UINT64_MAX;
    uint64_t before_us = chip.now_us;
    assert_true(tw_board_set_line(TW_PORT_TILL, &line));
    assert_in_range(chip.now_us - before_us, 0, 100);
    assert_right();
}

static void a_port_that_closes_takes_no_interrupt_any_more(void **state)
{
    (void)state;
    static void (*const handlers[TW_PORTS])(void) = {tw_usart1_interrupt, tw_usart2_interrupt,
                                                     tw_usart3_interrupt, tw_usart6_interrupt};
    static const struct tw_link_line closed;
    for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
        start();
        const struct tw_link_line line = line_8n1(9600);
        assert_true(tw_board_set_line(port, &line));
        f405_forget(&chip);
        assert_true(tw_board_knows_line(&closed));
        assert_true(tw_board_set_line(port, &closed));
        assert_int_equal(chip.count, 1);
        assert_int_equal(chip.stores[0].at, usarts[port] + F405_CR1);
        assert_int_equal(chip.stores[0].value, 0);
        assert_true(chip.stores[0].held);
        assert_false(tw_usart_ports[port].open);
        trapped_set(usarts[port] + F405_SR, 0xe8); // TXE, TC, RXNE, ORE
        handlers[port]();                          // the stand-ins above would complain
        assert_int_equal(chip.count, 1);
        assert_right();
    }
}

// ---- pins

enum { GPIOS = 3 };
static const uint32_t gpios[GPIOS] = {F405_GPIOA, F405_GPIOB, F405_GPIOC};
static const uint32_t pin_registers[] = {F405_MODER, F405_PUPDR, F405_AFRL, F405_AFRH};

static void open_on(uint32_t ground, uint32_t after[GPIOS][4])
{
    prepare();
    for (unsigned gpio = 0; gpio < GPIOS; gpio++) {
        for (unsigned i = 0; i < 4; i++) {
            trapped_set(gpios[gpio] + pin_registers[i], ground);
        }
    }
    open_board();
    for (unsigned gpio = 0; gpio < GPIOS; gpio++) {
        for (unsigned i = 0; i < 4; i++) {
            after[gpio][i] = trapped_get(gpios[gpio] + pin_registers[i]);
        }
    }
    assert_right();
}

// 8.4: MODER and PUPDR two bits a pin (10 alternate, 01 output; 01 pull-up), AFR four; functions from DS8626.
// What comes out alike over zeros and over ones was written, all else was left.
static void pins_are_set_and_no_others(void **state)
{
    (void)state;
    static const struct {
        uint32_t mask, value;
    } wanted[GPIOS][4] = {
        // PA0 CTS2, PA1 out, PA2 TX2, PA3 RX2 up, PA9 TX1, PA10 RX1 up, PA11 CTS1, PA12 out; 7: USART1 to 3
        {{0x03fc00ff, 0x01a800a6}, {0x003000c0, 0x00100040}, {0xffff, 0x7707}, {0x000ffff0, 0x00007770}},
        // PB10 TX3, PB11 RX3 up
        {{0x00f00000, 0x00a00000}, {0x00c00000, 0x00400000}, {0, 0}, {0xff00, 0x7700}},
        // PC4 out, PC6 TX6, PC7 RX6 up; 8: USART6
        {{0xf300, 0xa100}, {0xc000, 0x4000}, {0xff0f0000, 0x88000000}, {0, 0}},
    };
    uint32_t zeros[GPIOS][4], ones[GPIOS][4];
    open_on(0, zeros);
    open_on(UINT32_MAX, ones);
    for (unsigned gpio = 0; gpio < GPIOS; gpio++) {
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(~(zeros[gpio][i] ^ ones[gpio][i]), wanted[gpio][i].mask);
            assert_int_equal(zeros[gpio][i], wanted[gpio][i].value);
        }
    }
}

static void only_the_agents_port_opens_by_itself(void **state)
{
    (void)state;
    prepare();
    tw_board_start();
    f405_forget(&chip);
    tw_board_open_lines();
    assert_int_equal(of(TW_PORT_AGENT, F405_BRR), 0x002e); // 921600
    assert_int_equal(of(TW_PORT_AGENT, F405_CR1), OPEN);
    for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
        assert_int_equal(of(port, F405_CR1), port == TW_PORT_AGENT ? OPEN : 0);
        assert_int_equal(is_enabled(interrupts[port]), port == TW_PORT_AGENT);
    }
    assert_int_equal(tw_host_cpu.wake_cycles, 1680000); // 100 times a second
    // Levels come before the pins drive: the relay down, both sides told to go on.
    assert_int_equal(trapped_get(F405_GPIOC + F405_ODR), 0);
    assert_true(f405_find(&chip, 0, F405_GPIOC + F405_BSRR) < f405_find(&chip, 0, F405_GPIOC + F405_MODER));
    assert_int_equal(trapped_get(F405_GPIOA + F405_ODR), 0);
    assert_int_equal(f405_stores_to(&chip, F405_GPIOA + F405_BSRR), 2);
    assert_right();
}

static void readiness_is_low(void **state)
{
    (void)state;
    start();
    tw_board_set_ready(TW_PORT_TILL, false);
    assert_int_equal(trapped_get(F405_GPIOA + F405_ODR), 1 << 12);
    tw_board_set_ready(TW_PORT_PRINTER, false);
    assert_int_equal(trapped_get(F405_GPIOA + F405_ODR), 1 << 12 | 1 << 1);
    tw_board_set_ready(TW_PORT_TILL, true);
    assert_int_equal(trapped_get(F405_GPIOA + F405_ODR), 1 << 1);
    tw_board_set_ready(TW_PORT_PRINTER, true);
    tw_board_set_ready(TW_PORT_SCANNER, false);
    tw_board_set_ready(TW_PORT_AGENT, false);
    assert_int_equal(trapped_get(F405_GPIOA + F405_ODR), 0);
    trapped_set(F405_GPIOA + F405_IDR, 1 << 11);
    assert_false(tw_board_is_ready(TW_PORT_TILL));
    assert_true(tw_board_is_ready(TW_PORT_PRINTER));
    trapped_set(F405_GPIOA + F405_IDR, ~(1u << 11));
    assert_true(tw_board_is_ready(TW_PORT_TILL));
    assert_false(tw_board_is_ready(TW_PORT_PRINTER));
    assert_right();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speeds_are_the_manuals),
        cmocka_unit_test(speeds_without_a_crystal),
        cmocka_unit_test(forms_are_the_manuals),
        cmocka_unit_test(flow_is_the_manuals),
        cmocka_unit_test(what_is_refused_changes_no_register),
        cmocka_unit_test(a_setting_is_taken_over_while_the_usart_is_off),
        cmocka_unit_test(two_bytes_leave_before_the_port_changes),
        cmocka_unit_test(no_wait_is_endless),
        cmocka_unit_test(a_closed_port_is_not_waited_for),
        cmocka_unit_test(a_port_that_closes_takes_no_interrupt_any_more),
        cmocka_unit_test(pins_are_set_and_no_others),
        cmocka_unit_test(only_the_agents_port_opens_by_itself),
        cmocka_unit_test(readiness_is_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
