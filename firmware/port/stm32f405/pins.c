// SPDX-License-Identifier: Apache-2.0
//
// Sets the serial lines up: pins (DS8626, table 9), speeds, parity.
//
//   till     USART1  TX PA9   RX PA10  CTS PA11  RTS PA12
//   printer  USART2  TX PA2   RX PA3   CTS PA0   RTS PA1
//   agent    USART3  TX PB10  RX PB11
//   scanner  USART6  TX PC6   RX PC7
//
//   relay    PC4 high: the board is in the line; low, as without power: till and printer are joined by copper
//
// RTS is driven by hand, for it follows the ring and not the receiver. DTR/DSR lines go to the same pins.
#include "firmware/port/arm/cpu.h"
#include "firmware/port/arm/lines.h"
#include "firmware/port/stm32f405/clock.h"
#include "firmware/port/stm32f405/usart.h"

enum {
    AGENT_BAUD = 921600,
    LONGEST_SEND_US = 22000, // two bytes of 12 bits at 1200 baud: TC comes after both (30.3.2)
    BRR_LEAST = 16,          // RM0090 30.3.4: at least 1.0
    BRR_MOST = 0xffff,
    MOST_ERROR_PERMILLE = 25, // RM0090 30.3.5: a receiver takes 3.3 % or more
};

struct pins {
    struct tw_gpio *gpio;
    uint8_t tx;
    uint8_t rx;
    uint8_t function;
};
static const struct pins pins[TW_PORTS] = {
    [TW_PORT_TILL] = {TW_GPIOA, TW_PIN_TILL_TX, TW_PIN_TILL_RX, 7},
    [TW_PORT_PRINTER] = {TW_GPIOA, TW_PIN_PRINTER_TX, TW_PIN_PRINTER_RX, 7},
    [TW_PORT_AGENT] = {TW_GPIOB, 10, 11, 7},
    [TW_PORT_SCANNER] = {TW_GPIOC, 6, 7, 8},
};

// What a line's settings are in registers.
struct mode {
    uint32_t brr;
    uint32_t cr1;
    uint32_t cr2;
    uint32_t cr3;
    uint8_t mask;
};

// ---- pins

static void set_pin(struct tw_gpio *gpio, unsigned pin, enum tw_gpio_mode mode, uint32_t function)
{
    uint32_t shift = 4 * (pin % 8);
    tw_register *afr = &gpio->afr[pin / 8];
    *afr = (*afr & ~(15u << shift)) | function << shift;
    gpio->moder = (gpio->moder & ~(3u << 2 * pin)) | (uint32_t)mode << 2 * pin;
}

// A line that nobody drives must rest at its idle level.
static void pull_up(struct tw_gpio *gpio, unsigned pin)
{
    gpio->pupdr = (gpio->pupdr & ~(3u << 2 * pin)) | 1u << 2 * pin;
}

static void set_port_pins(enum tw_port port)
{
    const struct pins *with = &pins[port];
    pull_up(with->gpio, with->rx);
    set_pin(with->gpio, with->rx, TW_GPIO_ALTERNATE, with->function);
    set_pin(with->gpio, with->tx, TW_GPIO_ALTERNATE, with->function);
}

static void set_flow_pins(void)
{
    enum { FUNCTION = 7 };
    set_pin(TW_GPIOA, TW_PIN_TILL_CTS, TW_GPIO_ALTERNATE, FUNCTION);
    set_pin(TW_GPIOA, TW_PIN_PRINTER_CTS, TW_GPIO_ALTERNATE, FUNCTION);
    tw_board_set_ready(TW_PORT_TILL, true);
    tw_board_set_ready(TW_PORT_PRINTER, true);
    set_pin(TW_GPIOA, TW_PIN_TILL_RTS, TW_GPIO_OUTPUT, 0);
    set_pin(TW_GPIOA, TW_PIN_PRINTER_RTS, TW_GPIO_OUTPUT, 0);
}

// ---- settings

// RM0090 30.3.4: sixteenfold oversampling, so that BRR is simply clock / baud.
static bool work_out_speed(uint32_t baud, uint32_t *brr)
{
    uint32_t clock = tw_clock_bus_hz();
    uint32_t divider = (clock + baud / 2) / baud;
    if (divider < BRR_LEAST || divider > BRR_MOST) {
        return false;
    }
    uint32_t real = clock / divider;
    uint32_t off = real > baud ? real - baud : baud - real;
    *brr = divider;
    return (uint64_t)off * 1000 <= (uint64_t)baud * MOST_ERROR_PERMILLE;
}

// RM0090 table 149: the parity bit is one of the 8 or 9. Seven bits without parity are not known to the chip.
static bool work_out(const struct tw_link_line *line, struct mode *mode)
{
    bool parity = line->parity == TW_LINK_PARITY_EVEN || line->parity == TW_LINK_PARITY_ODD;
    bool known = (line->bits == 8 || (line->bits == 7 && parity)) &&
                 (parity || line->parity == TW_LINK_PARITY_NONE) && (line->stop == 1 || line->stop == 2) &&
                 line->flow <= TW_LINK_FLOW_DTRDSR;
    if (!known || line->baud == 0 || !work_out_speed(line->baud, &mode->brr)) {
        return false;
    }
    mode->cr1 = TW_USART_CR1_UE | TW_USART_CR1_TE | TW_USART_CR1_RE | TW_USART_CR1_RXNEIE;
    mode->cr1 |= parity ? TW_USART_CR1_PCE : 0;
    mode->cr1 |= line->parity == TW_LINK_PARITY_ODD ? TW_USART_CR1_PS_ODD : 0;
    mode->cr1 |= parity && line->bits == 8 ? TW_USART_CR1_M : 0;
    mode->cr2 = line->stop == 2 ? TW_USART_CR2_STOP_2 : 0;
    mode->cr3 =
        line->flow == TW_LINK_FLOW_RTSCTS || line->flow == TW_LINK_FLOW_DTRDSR ? TW_USART_CR3_CTSE : 0;
    mode->mask = line->bits == 7 ? 0x7f : 0xff;
    return true;
}

// Without the pause the transmitter would be refilled again and again while bytes wait.
void tw_board_finish(enum tw_port port)
{
    struct tw_usart_port *with = &tw_usart_ports[port];
    struct tw_usart *usart = with->usart;
    uint32_t state = tw_cpu_lock();
    with->paused = true;
    usart->cr1 &= ~TW_USART_CR1_TXEIE;
    with->waiting = false;
    tw_cpu_unlock(state);
    uint64_t start_us = tw_board_now_us();
    while ((usart->cr1 & TW_USART_CR1_UE) != 0 && (usart->sr & TW_USART_SR_TC) == 0 &&
           tw_board_now_us() - start_us < LONGEST_SEND_US) {
    }
}

static void set_mode(enum tw_port port, const struct mode *mode)
{
    struct tw_usart_port *with = &tw_usart_ports[port];
    tw_board_finish(port);
    uint32_t state = tw_cpu_lock();
    with->usart->cr1 = 0;
    with->mask = mode->mask;
    with->usart->brr = mode->brr;
    with->usart->cr2 = mode->cr2;
    with->usart->cr3 = mode->cr3;
    with->usart->cr1 = mode->cr1;
    with->paused = false;
    with->open = true;
    tw_cpu_unlock(state);
    tw_cpu_enable(with->interrupt);
    tw_board_kick(port);
}

// At once: an interrupt between the two would leave its byte where it is, and come again for ever.
static void close_port(enum tw_port port)
{
    uint32_t state = tw_cpu_lock();
    tw_usart_ports[port].open = false;
    tw_usart_ports[port].usart->cr1 = 0;
    tw_cpu_unlock(state);
}

// ---- the wire, while the speed is unknown

enum { RELAY = 4 }; // of port C
static const uint32_t wire_lines = 1u << TW_PIN_TILL_RX | 1u << TW_PIN_PRINTER_RX | 1u << TW_PIN_PRINTER_CTS;

// Behind a wire the rings are empty: both may go on.
static void cut_wire(void)
{
    if ((TW_EXTI->imr & wire_lines) != 0) {
        TW_EXTI->imr &= ~wire_lines;
        tw_board_set_ready(TW_PORT_TILL, true);
        tw_board_set_ready(TW_PORT_PRINTER, true);
    }
    set_port_pins(TW_PORT_TILL);
    set_port_pins(TW_PORT_PRINTER);
    TW_GPIOC->bsrr = 1u << RELAY;
}

// The relay rests and joins the lines. Where there is none, the transmitters' pins follow the receivers'
// (both idle high), and what the till is told follows what the printer says.
void tw_board_join_wire(void)
{
    tw_board_finish(TW_PORT_TILL);
    tw_board_finish(TW_PORT_PRINTER);
    TW_GPIOC->bsrr = 1u << (RELAY + 16);
    close_port(TW_PORT_TILL);
    close_port(TW_PORT_PRINTER);
    TW_GPIOA->bsrr = 1u << TW_PIN_TILL_TX | 1u << TW_PIN_PRINTER_TX;
    set_pin(TW_GPIOA, TW_PIN_TILL_TX, TW_GPIO_OUTPUT, 0);
    set_pin(TW_GPIOA, TW_PIN_PRINTER_TX, TW_GPIO_OUTPUT, 0);
    TW_EXTI->rtsr |= wire_lines;
    TW_EXTI->ftsr |= wire_lines;
    TW_EXTI->pr = wire_lines;
    TW_EXTI->imr |= wire_lines;
    tw_cpu_enable(TW_IRQ_EXTI15_10);
    tw_cpu_enable(TW_IRQ_EXTI3);
    tw_cpu_enable(TW_IRQ_EXTI0);
    tw_board_set_ready(TW_PORT_PRINTER, true);
    tw_cpu_raise(TW_IRQ_EXTI0);
}

bool tw_board_has_wire(void)
{
    return true;
}

uint32_t tw_board_pulse_hz(void)
{
    return tw_clock_timer_hz();
}

// ---- the board's interface

void tw_board_open_lines(void)
{
    TW_RCC->ahb1enr |= TW_RCC_AHB1ENR_GPIOA | TW_RCC_AHB1ENR_GPIOB | TW_RCC_AHB1ENR_GPIOC;
    TW_RCC->apb1enr |= TW_RCC_APB1ENR_TIM5 | TW_RCC_APB1ENR_USART2 | TW_RCC_APB1ENR_USART3;
    TW_RCC->apb2enr |= TW_RCC_APB2ENR_USART1 | TW_RCC_APB2ENR_USART6 | TW_RCC_APB2ENR_SYSCFG;
    TW_TIM5->arr = UINT32_MAX;
    TW_TIM5->egr = TW_TIMER_EGR_UPDATE;
    TW_TIM5->cr1 = TW_TIMER_CR1_ENABLE;
    TW_GPIOC->bsrr = 1u << (RELAY + 16);
    set_pin(TW_GPIOC, RELAY, TW_GPIO_OUTPUT, 0);
    set_flow_pins();
    for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
        set_port_pins(port);
    }
    tw_cpu_wake_every(tw_clock_processor_hz() / TW_BOARD_WAKES_HZ);
    struct mode mode;
    static const struct tw_link_line agent = {.baud = AGENT_BAUD, .bits = 8, .stop = 1};
    if (work_out(&agent, &mode)) {
        set_mode(TW_PORT_AGENT, &mode);
    }
}

bool tw_board_knows_line(const struct tw_link_line *line)
{
    enum { ANY_BAUD = 9600 };
    struct mode mode;
    struct tw_link_line at = *line;
    at.baud = at.baud == 0 ? ANY_BAUD : at.baud;
    return at.bits == 0 || work_out(&at, &mode);
}

bool tw_board_is_ready(enum tw_port port)
{
    uint32_t pin = port == TW_PORT_TILL ? TW_PIN_TILL_CTS : TW_PIN_PRINTER_CTS;
    return (TW_GPIOA->idr & 1u << pin) == 0;
}

bool tw_board_set_line(enum tw_port port, const struct tw_link_line *line)
{
    if (line->bits == 0) {
        close_port(port);
        return true;
    }
    struct mode mode;
    if (!work_out(line, &mode)) {
        return false;
    }
    if (port == TW_PORT_TILL || port == TW_PORT_PRINTER) {
        cut_wire();
    }
    tw_lines_set_flow(port, (enum tw_link_flow)line->flow);
    set_mode(port, &mode);
    return true;
}
