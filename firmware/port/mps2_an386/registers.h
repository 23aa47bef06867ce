// SPDX-License-Identifier: Apache-2.0
//
// The registers of QEMU's mps2-an386 that the tap uses: ARM's Cortex-M System Design Kit (CMSDK,
// DDI 0479, chapter 4: APB components) where the application note DAI 0386 puts them.
//
// Threading: none of it. Memory: the machine's. Time: none. Errors: none.
#ifndef TW_MPS2_AN386_REGISTERS_H
#define TW_MPS2_AN386_REGISTERS_H

#include <stdint.h>

typedef volatile uint32_t tw_register;

// ---- APB timer: counts down from RELOAD at the system clock

struct tw_timer {
    tw_register ctrl;
    tw_register value;
    tw_register reload;
    tw_register intstatus;
};
#define TW_TIMER0 ((struct tw_timer *)0x40000000u)

#define TW_TIMER_CTRL_ENABLE (1u << 0)

// ---- APB UART

struct tw_uart {
    tw_register data;
    tw_register state;
    tw_register ctrl;
    tw_register intstatus; // cleared by writing 1
    tw_register bauddiv;   // 16 and up
};
#define TW_UART0 ((struct tw_uart *)0x40004000u)
#define TW_UART1 ((struct tw_uart *)0x40005000u)
#define TW_UART2 ((struct tw_uart *)0x40006000u)
#define TW_UART3 ((struct tw_uart *)0x40007000u)

#define TW_UART_STATE_TX_FULL (1u << 0)
#define TW_UART_STATE_RX_FULL (1u << 1)
#define TW_UART_STATE_RX_OVER (1u << 3) // cleared by writing 1
#define TW_UART_CTRL_TX       (1u << 0)
#define TW_UART_CTRL_RX       (1u << 1)
#define TW_UART_CTRL_TX_IRQ   (1u << 2)
#define TW_UART_CTRL_RX_IRQ   (1u << 3)
#define TW_UART_INT_TX        (1u << 0)
#define TW_UART_INT_RX        (1u << 1)
#define TW_UART_BAUDDIV_LEAST 16u

// ---- APB watchdog: the first time it runs out is an NMI, the second a reset

struct tw_watchdog {
    tw_register load;
    tw_register value;
    tw_register control;
    tw_register intclr;
    tw_register ris;
    tw_register mis;
    tw_register reserved[762];
    tw_register lock; // at 0xc00
};
#define TW_WATCHDOG ((struct tw_watchdog *)0x40008000u)

#define TW_WATCHDOG_KEY        0x1acce551u
#define TW_WATCHDOG_CTRL_NMI   (1u << 0)
#define TW_WATCHDOG_CTRL_RESET (1u << 1)

// ---- interrupts; a UART's transmitter follows its receiver

enum tw_interrupt {
    TW_IRQ_UART0 = 0,
    TW_IRQ_UART0_TX = 1,
    TW_IRQ_UART1 = 2,
    TW_IRQ_UART1_TX = 3,
    TW_IRQ_UART2 = 4,
    TW_IRQ_UART2_TX = 5,
    TW_IRQ_UART3 = 18,
    TW_IRQ_UART3_TX = 19,
    TW_IRQS = 32,
};

#define TW_CLOCK_HZ 25000000u // of timer, UARTs and watchdog
#define TW_PSRAM    ((uint8_t *)0x21000000u)

#endif
