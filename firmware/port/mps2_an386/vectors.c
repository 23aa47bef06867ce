// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/startup.h"
#include "firmware/port/mps2_an386/registers.h"
#include "firmware/port/mps2_an386/uart.h"

struct board_vectors {
    struct tw_vectors exceptions;
    tw_handler interrupts[TW_IRQS];
};

_Static_assert(sizeof(struct board_vectors) <= 512, "alignment of the table");

// Interrupts that nobody enables have no handler; should one come, that is a fault.
__attribute__((section(".vectors"), used)) static const struct board_vectors vectors = {
    .exceptions.handlers =
        {
            [TW_RESET_HANDLER] = tw_start,
            [TW_NMI_HANDLER] = tw_fault,
            [TW_HARD_FAULT_HANDLER] = tw_fault,
            [TW_MEMORY_FAULT_HANDLER] = tw_fault,
            [TW_BUS_FAULT_HANDLER] = tw_fault,
            [TW_USAGE_FAULT_HANDLER] = tw_fault,
            [TW_SYSTICK_HANDLER] = tw_tick,
        },
    .interrupts =
        {
            [TW_IRQ_UART0] = tw_uart0_interrupt,
            [TW_IRQ_UART0_TX] = tw_uart0_interrupt,
            [TW_IRQ_UART1] = tw_uart1_interrupt,
            [TW_IRQ_UART1_TX] = tw_uart1_interrupt,
            [TW_IRQ_UART2] = tw_uart2_interrupt,
            [TW_IRQ_UART2_TX] = tw_uart2_interrupt,
            [TW_IRQ_UART3] = tw_uart3_interrupt,
            [TW_IRQ_UART3_TX] = tw_uart3_interrupt,
        },
};

const void *tw_board_vectors(void)
{
    return &vectors;
}
