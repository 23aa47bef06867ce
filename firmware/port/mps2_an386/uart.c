// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/mps2_an386/uart.h"

#include "firmware/port/arm/cpu.h"
#include "firmware/port/arm/lines.h"
#include "firmware/port/mps2_an386/registers.h"

enum { MOST_AT_ONCE = 16 };

// What a port's interrupt needs to know of it. Registers are slow, so it remembers what it has set.
struct port {
    struct tw_uart *uart;
    uint32_t interrupt; // the receiver's
    _Atomic bool open;
    _Atomic bool unready; // bytes are left in the receiver
    _Atomic bool asked;   // there may be something to send
    bool waiting;         // for room in the transmitter
};
static struct port ports[TW_PORTS] = {
    [TW_PORT_TILL] = {.uart = TW_UART0, .interrupt = TW_IRQ_UART0},
    [TW_PORT_PRINTER] = {.uart = TW_UART1, .interrupt = TW_IRQ_UART1},
    [TW_PORT_AGENT] = {.uart = TW_UART2, .interrupt = TW_IRQ_UART2},
    [TW_PORT_SCANNER] = {.uart = TW_UART3, .interrupt = TW_IRQ_UART3},
};

static void receive(enum tw_port port)
{
    const struct port *with = &ports[port];
    uint32_t state = with->uart->state;
    if ((state & TW_UART_STATE_RX_OVER) != 0) {
        with->uart->state = TW_UART_STATE_RX_OVER;
        tw_lines_missed(port);
    }
    if ((state & TW_UART_STATE_RX_FULL) != 0 && !with->unready) {
        tw_lines_received(port, (uint8_t)with->uart->data);
    }
}

static void wait_for_room(struct port *with, bool wait)
{
    if (with->waiting != wait) {
        with->uart->ctrl ^= TW_UART_CTRL_TX_IRQ;
        with->waiting = wait;
    }
}

static void transmit(enum tw_port port)
{
    struct port *with = &ports[port];
    with->asked = false;
    for (unsigned i = 0; i < MOST_AT_ONCE; i++) {
        uint8_t byte;
        if ((with->uart->state & TW_UART_STATE_TX_FULL) != 0) {
            wait_for_room(with, true);
            return;
        }
        if (!tw_lines_next(port, &byte)) {
            wait_for_room(with, false);
            return;
        }
        with->uart->data = byte;
    }
    tw_board_kick(port);
}

static void serve(enum tw_port port)
{
    const struct port *with = &ports[port];
    if (!with->open) {
        return;
    }
    with->uart->intstatus = TW_UART_INT_RX | TW_UART_INT_TX;
    receive(port);
    if (with->asked || with->waiting) {
        transmit(port);
    }
}

void tw_uart0_interrupt(void)
{
    serve(TW_PORT_TILL);
}

void tw_uart1_interrupt(void)
{
    serve(TW_PORT_PRINTER);
}

void tw_uart2_interrupt(void)
{
    serve(TW_PORT_AGENT);
}

void tw_uart3_interrupt(void)
{
    serve(TW_PORT_SCANNER);
}

void tw_board_kick(enum tw_port port)
{
    ports[port].asked = true;
    tw_cpu_raise(ports[port].interrupt);
}

// There is no RTS. A byte that is left in the receiver holds the other end of QEMU's socket instead.
void tw_board_set_ready(enum tw_port port, bool ready)
{
    ports[port].unready = !ready;
    if (ready) {
        tw_cpu_raise(ports[port].interrupt);
    }
}

// ---- settings: only whether there is a line at all

static void switch_port(enum tw_port port, bool on)
{
    struct tw_uart *uart = ports[port].uart;
    uart->bauddiv = TW_UART_BAUDDIV_LEAST;
    uart->ctrl = on ? TW_UART_CTRL_TX | TW_UART_CTRL_RX | TW_UART_CTRL_RX_IRQ : 0;
    ports[port].waiting = false;
    ports[port].open = on;
    tw_cpu_enable(ports[port].interrupt);
    tw_cpu_enable(ports[port].interrupt + 1);
    tw_board_kick(port);
}

void tw_board_open_lines(void)
{
    tw_cpu_wake_every(TW_CLOCK_HZ / TW_BOARD_WAKES_HZ);
    switch_port(TW_PORT_AGENT, true);
}

bool tw_board_set_line(enum tw_port port, const struct tw_link_line *line)
{
    tw_lines_set_flow(port, (enum tw_link_flow)line->flow);
    switch_port(port, line->bits != 0);
    return true;
}

bool tw_board_knows_line(const struct tw_link_line *line)
{
    (void)line;
    return true;
}

// QEMU takes a byte when it is written.
void tw_board_finish(enum tw_port port)
{
    (void)port;
}

bool tw_board_is_ready(enum tw_port port)
{
    (void)port;
    return true;
}

bool tw_board_has_wire(void)
{
    return false;
}

void tw_board_join_wire(void)
{
}

bool tw_board_take_pulse(uint32_t *ticks, bool *quiet)
{
    (void)ticks;
    *quiet = false;
    return false;
}

uint32_t tw_board_pulse_hz(void)
{
    return TW_CLOCK_HZ;
}
