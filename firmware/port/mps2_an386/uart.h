// SPDX-License-Identifier: Apache-2.0
//
// The interrupts of the serial lines.
//
// Threading: interrupts, one priority for all. Memory: static. Time: none; QEMU's lines have no speed.
// Errors: none are known to the device but overruns.
#ifndef TW_MPS2_AN386_UART_H
#define TW_MPS2_AN386_UART_H

// Vectors; receiver and transmitter of a UART share one.
void tw_uart0_interrupt(void);
void tw_uart1_interrupt(void);
void tw_uart2_interrupt(void);
void tw_uart3_interrupt(void);

#endif
