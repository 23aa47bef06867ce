// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/stm32f405/usart.h"

#include "firmware/port/arm/cpu.h"
#include "firmware/port/arm/lines.h"

// On the chip the data register holds one byte and the loop ends; QEMU's is always empty, and a bound
// leaves the other interrupts their turn.
enum { MOST_AT_ONCE = 16 };

struct tw_usart_port tw_usart_ports[TW_PORTS] = {
    [TW_PORT_TILL] = {.usart = TW_USART1, .interrupt = TW_IRQ_USART1},
    [TW_PORT_PRINTER] = {.usart = TW_USART2, .interrupt = TW_IRQ_USART2},
    [TW_PORT_AGENT] = {.usart = TW_USART3, .interrupt = TW_IRQ_USART3},
    [TW_PORT_SCANNER] = {.usart = TW_USART6, .interrupt = TW_IRQ_USART6},
};

// Reading the status and then the data clears all of RXNE, ORE, FE and PE (RM0090 30.6.1). A frame without
// its stop bit is noise, a break, or another speed: not a byte. One with the wrong parity is handed on and
// gets the right one: a wrong letter is better than a hole in a command's parameters.
static void receive(enum tw_port port, uint32_t status)
{
    const struct tw_usart_port *with = &tw_usart_ports[port];
    uint8_t byte = (uint8_t)(with->usart->dr & with->mask);
    if ((status & (TW_USART_SR_ORE | TW_USART_SR_FE)) != 0) {
        tw_lines_missed(port);
    }
    if ((status & (TW_USART_SR_RXNE | TW_USART_SR_FE)) == TW_USART_SR_RXNE) {
        tw_lines_received(port, byte);
    }
}

static void wait_for_room(struct tw_usart_port *with, bool wait)
{
    if (with->waiting != wait) {
        with->usart->cr1 ^= TW_USART_CR1_TXEIE;
        with->waiting = wait;
    }
}

// TXE interrupts again for as long as there is more to send.
static void transmit(enum tw_port port)
{
    struct tw_usart_port *with = &tw_usart_ports[port];
    with->asked = false;
    for (unsigned i = 0; i < MOST_AT_ONCE && (with->usart->sr & TW_USART_SR_TXE) != 0; i++) {
        uint8_t byte;
        if (!tw_lines_next(port, &byte)) {
            wait_for_room(with, false);
            return;
        }
        with->usart->dr = byte;
    }
    wait_for_room(with, true);
}

static void serve(enum tw_port port)
{
    const struct tw_usart_port *with = &tw_usart_ports[port];
    if (!with->open) {
        return;
    }
    uint32_t status = with->usart->sr;
    if ((status & (TW_USART_SR_RXNE | TW_USART_SR_ORE)) != 0) {
        receive(port, status);
    }
    if (!with->paused && (with->asked || with->waiting)) {
        transmit(port);
    }
}

void tw_usart1_interrupt(void)
{
    serve(TW_PORT_TILL);
}

void tw_usart2_interrupt(void)
{
    serve(TW_PORT_PRINTER);
}

void tw_usart3_interrupt(void)
{
    serve(TW_PORT_AGENT);
}

void tw_usart6_interrupt(void)
{
    serve(TW_PORT_SCANNER);
}

void tw_board_kick(enum tw_port port)
{
    tw_usart_ports[port].asked = true;
    tw_cpu_raise(tw_usart_ports[port].interrupt);
}

// ---- flow: the lines are low when they say yes

void tw_board_set_ready(enum tw_port port, bool ready)
{
    if (port == TW_PORT_TILL) {
        TW_GPIOA->bsrr = 1u << (ready ? TW_PIN_TILL_RTS + 16 : TW_PIN_TILL_RTS);
    } else if (port == TW_PORT_PRINTER) {
        TW_GPIOA->bsrr = 1u << (ready ? TW_PIN_PRINTER_RTS + 16 : TW_PIN_PRINTER_RTS);
    } else {
        // The other two have no such line.
    }
}

// ---- the wire

enum { WIDTHS = 64 };

static struct {
    uint32_t widths[WIDTHS];
    _Atomic uint32_t put; // it and `taken` wrap
    _Atomic uint32_t taken;
    _Atomic uint32_t edge; // time of the newest
} pulses;

// An edge that comes while this one is served leaves its line pending, so that the last level wins.
static void copy_level(unsigned from, unsigned to)
{
    TW_EXTI->pr = 1u << from;
    bool high = (TW_GPIOA->idr & 1u << from) != 0;
    TW_GPIOA->bsrr = 1u << (high ? to : to + 16);
}

void tw_wire_from_printer(void)
{
    copy_level(TW_PIN_PRINTER_RX, TW_PIN_TILL_TX);
}

// What the printer says of itself to the till.
void tw_wire_ready(void)
{
    copy_level(TW_PIN_PRINTER_CTS, TW_PIN_TILL_RTS);
}

// Widths that find no room are left out: any of them will do.
void tw_wire_from_till(void)
{
    copy_level(TW_PIN_TILL_RX, TW_PIN_PRINTER_TX);
    uint32_t now = TW_TIM5->cnt;
    uint32_t put = pulses.put;
    if (put - pulses.taken < WIDTHS) {
        pulses.widths[put % WIDTHS] = now - pulses.edge;
        pulses.put = put + 1;
    }
    pulses.edge = now;
}

bool tw_board_take_pulse(uint32_t *ticks, bool *quiet)
{
    uint32_t edge = pulses.edge; // before the clock: the next edge may come between
    *quiet = TW_TIM5->cnt - edge > tw_board_pulse_hz() / 50; // 20 ms; a byte at 1200 baud takes 10
    uint32_t taken = pulses.taken;
    if (taken == pulses.put) {
        return false;
    }
    *ticks = pulses.widths[taken % WIDTHS];
    pulses.taken = taken + 1;
    return true;
}
