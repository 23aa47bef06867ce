// SPDX-License-Identifier: Apache-2.0
//
// The interrupts of the serial lines: four USARTs, and the wire that the board is between till and
// printer while it does not know their speed. All of it lies in RAM; pins.c sets it up.
//
// Threading: interrupts, one priority for all. Memory: static. Time: TIM5 measures pulses at its full
// clock. Errors: bytes that the hardware lost are handed on as such.
#ifndef TW_STM32F405_USART_H
#define TW_STM32F405_USART_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/port/arm/board.h"
#include "firmware/port/stm32f405/registers.h"

// What a port's interrupt needs to know of it. Registers are slow, so it remembers what it has set.
struct tw_usart_port {
    struct tw_usart *usart;
    uint32_t interrupt;
    uint8_t mask; // of the data in a received byte: 7 or 8 bits
    _Atomic bool open;
    _Atomic bool paused; // nothing more is sent
    _Atomic bool asked;  // there may be something to send
    bool waiting;        // TXEIE is set
};
extern struct tw_usart_port tw_usart_ports[TW_PORTS];

// Pins of port A. As a wire, what comes in at one side goes out at the other: TX from RX, RTS from CTS.
enum {
    TW_PIN_PRINTER_CTS = 0,
    TW_PIN_PRINTER_RTS = 1,
    TW_PIN_PRINTER_TX = 2,
    TW_PIN_PRINTER_RX = 3,
    TW_PIN_TILL_TX = 9,
    TW_PIN_TILL_RX = 10,
    TW_PIN_TILL_CTS = 11,
    TW_PIN_TILL_RTS = 12,
};

// Vectors.
void tw_usart1_interrupt(void);
void tw_usart2_interrupt(void);
void tw_usart3_interrupt(void);
void tw_usart6_interrupt(void);
void tw_wire_from_till(void);
void tw_wire_from_printer(void);
void tw_wire_ready(void);

#endif
