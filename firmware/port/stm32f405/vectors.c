// SPDX-License-Identifier: Apache-2.0
//
// The vector table that counts: RM0090 12.2, table 61. In RAM, and aligned to the next power of two
// (ARMv7-M ARM B3.2.5).
#include "firmware/port/arm/startup.h"
#include "firmware/port/stm32f405/usart.h"

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
            [TW_IRQ_EXTI0] = tw_wire_ready,
            [TW_IRQ_EXTI3] = tw_wire_from_printer,
            [TW_IRQ_USART1] = tw_usart1_interrupt,
            [TW_IRQ_USART2] = tw_usart2_interrupt,
            [TW_IRQ_USART3] = tw_usart3_interrupt,
            [TW_IRQ_EXTI15_10] = tw_wire_from_till,
            [TW_IRQ_USART6] = tw_usart6_interrupt,
        },
};

const void *tw_board_vectors(void)
{
    return &vectors;
}
