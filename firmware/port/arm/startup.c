// SPDX-License-Identifier: Apache-2.0
//
// From reset to main, and out of faults. An image starts with a short vector table of its own; the one
// that counts lies in RAM (vectors.c of each board), since it is read while the flash is busy.
#include "firmware/port/arm/startup.h"

#include <stdint.h>

#include "firmware/port/arm/board.h"

// Of the linker script.
extern uint32_t tw_stack_top[];
extern uint32_t tw_data_from[];
extern uint32_t tw_data_start[];
extern uint32_t tw_data_end[];
extern uint32_t tw_bss_start[];
extern uint32_t tw_bss_end[];

int main(void);

// Before RAM holds anything.
_Noreturn static void start_fault(void)
{
    tw_cpu_reset();
}

// Volatile, that no call of memcpy is made of it: that one is not in RAM yet.
static void copy_words(volatile uint32_t *to, const volatile uint32_t *end, const volatile uint32_t *from)
{
    for (size_t i = 0; &to[i] < end; i++) {
        to[i] = from == NULL ? 0 : from[i];
    }
}

_Noreturn void tw_start(void)
{
    copy_words(tw_data_start, tw_data_end, tw_data_from);
    copy_words(tw_bss_start, tw_bss_end, NULL);
    TW_SCB_VTOR = (uint32_t)(uintptr_t)tw_board_vectors();
    __asm volatile("dsb\n\tisb" ::: "memory");
    (void)main();
    tw_board_restart();
}

// ARMv7-M ARM B1.5.3: what counts until VTOR says otherwise.
__attribute__((section(".boot"), used)) static const struct tw_vectors boot_vectors = {
    .stack = tw_stack_top,
    .handlers =
        {
            [TW_RESET_HANDLER] = tw_start,
            [TW_NMI_HANDLER] = start_fault,
            [TW_HARD_FAULT_HANDLER] = start_fault,
        },
};
