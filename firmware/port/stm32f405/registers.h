// SPDX-License-Identifier: Apache-2.0
//
// The registers of the STM32F405 that the tap uses, and no others. Section numbers are those of
// RM0090 (reference manual of STM32F405/415, F407/417, F427/437, F429/439), base addresses its
// table 1, interrupt numbers its table 61; alternate functions and electrical limits are in the data
// sheet DS8626 (table 9 and section 5).
//
// Threading: none of it. Memory: the chip's. Time: none. Errors: none.
#ifndef TW_STM32F405_REGISTERS_H
#define TW_STM32F405_REGISTERS_H

#include <stdint.h>

typedef volatile uint32_t tw_register;

// ---- 3.9 flash interface

struct tw_flash {
    tw_register acr;     // 3.9.1 access control
    tw_register keyr;    // 3.9.2 key
    tw_register optkeyr; // 3.9.3 option key
    tw_register sr;      // 3.9.4 status
    tw_register cr;      // 3.9.5 control
};
#define TW_FLASH ((struct tw_flash *)0x40023c00u)

#define TW_FLASH_ACR_LATENCY  0x7u // mask; wait states, 3.5.1 table 10
#define TW_FLASH_ACR_PREFETCH (1u << 8)
#define TW_FLASH_ACR_ICACHE   (1u << 9)
#define TW_FLASH_ACR_DCACHE   (1u << 10)
#define TW_FLASH_ACR_ICRESET  (1u << 11)
#define TW_FLASH_ACR_DCRESET  (1u << 12)
#define TW_FLASH_KEY1         0x45670123u // 3.6.1
#define TW_FLASH_KEY2         0xcdef89abu
#define TW_FLASH_SR_ERRORS    0xf2u // OPERR, WRPERR, PGAERR, PGPERR, PGSERR; cleared by writing 1
#define TW_FLASH_SR_BUSY      (1u << 16)
#define TW_FLASH_CR_PROGRAM   (1u << 0)
#define TW_FLASH_CR_ERASE     (1u << 1)
#define TW_FLASH_CR_SECTOR(n) ((uint32_t)(n) << 3)
#define TW_FLASH_CR_BY_BYTE   (0u << 8) // PSIZE, 3.6.2
#define TW_FLASH_CR_BY_WORD   (2u << 8)
#define TW_FLASH_CR_START     (1u << 16)
#define TW_FLASH_CR_LOCK      (1u << 31)

// ---- 5.4 power control

struct tw_pwr {
    tw_register cr; // 5.4.1
};
#define TW_PWR ((struct tw_pwr *)0x40007000u)

#define TW_PWR_CR_VOS (1u << 14) // scale 1: up to 168 MHz

// ---- 7.3 reset and clock control

struct tw_rcc {
    tw_register cr;      // 7.3.1
    tw_register pllcfgr; // 7.3.2
    tw_register cfgr;    // 7.3.3
    tw_register cir;
    tw_register reset[8];
    tw_register ahb1enr; // 7.3.10
    tw_register ahb2enr; // 7.3.11
    tw_register ahb3enr;
    tw_register reserved;
    tw_register apb1enr; // 7.3.13
    tw_register apb2enr; // 7.3.14
};
#define TW_RCC ((struct tw_rcc *)0x40023800u)

#define TW_RCC_CR_HSEON       (1u << 16)
#define TW_RCC_CR_HSERDY      (1u << 17)
#define TW_RCC_CR_PLLON       (1u << 24)
#define TW_RCC_CR_PLLRDY      (1u << 25)
#define TW_RCC_PLLCFGR_M(n)   ((uint32_t)(n))
#define TW_RCC_PLLCFGR_N(n)   ((uint32_t)(n) << 6)
#define TW_RCC_PLLCFGR_P_2    (0u << 16)
#define TW_RCC_PLLCFGR_HSE    (1u << 22)
#define TW_RCC_PLLCFGR_Q(n)   ((uint32_t)(n) << 24)
#define TW_RCC_CFGR_SW_PLL    0x2u
#define TW_RCC_CFGR_SWS       (3u << 2)
#define TW_RCC_CFGR_SWS_PLL   (2u << 2)
#define TW_RCC_CFGR_APB1_BY_4 (5u << 10)
#define TW_RCC_CFGR_APB2_BY_4 (5u << 13)
#define TW_RCC_AHB1ENR_GPIOA  (1u << 0)
#define TW_RCC_AHB1ENR_GPIOB  (1u << 1)
#define TW_RCC_AHB1ENR_GPIOC  (1u << 2)
#define TW_RCC_AHB2ENR_RNG    (1u << 6)
#define TW_RCC_APB1ENR_TIM2   (1u << 0)
#define TW_RCC_APB1ENR_TIM5   (1u << 3)
#define TW_RCC_APB1ENR_USART2 (1u << 17)
#define TW_RCC_APB1ENR_USART3 (1u << 18)
#define TW_RCC_APB1ENR_PWR    (1u << 28)
#define TW_RCC_APB2ENR_USART1 (1u << 4)
#define TW_RCC_APB2ENR_USART6 (1u << 5)
#define TW_RCC_APB2ENR_SYSCFG (1u << 14)

// ---- 8.4 pins

struct tw_gpio {
    tw_register moder;   // 8.4.1 two bits a pin
    tw_register otyper;  // 8.4.2
    tw_register ospeedr; // 8.4.3
    tw_register pupdr;   // 8.4.4 two bits a pin
    tw_register idr;     // 8.4.5
    tw_register odr;     // 8.4.6
    tw_register bsrr;    // 8.4.7 low half sets, high half resets
    tw_register lckr;    // 8.4.8
    tw_register afr[2];  // 8.4.9, 8.4.10 four bits a pin
};
#define TW_GPIOA ((struct tw_gpio *)0x40020000u)
#define TW_GPIOB ((struct tw_gpio *)0x40020400u)
#define TW_GPIOC ((struct tw_gpio *)0x40020800u)

enum tw_gpio_mode { TW_GPIO_INPUT = 0, TW_GPIO_OUTPUT = 1, TW_GPIO_ALTERNATE = 2 };

// ---- 12.3 external interrupts; out of reset all lines are port A's (9.2.3)

struct tw_exti {
    tw_register imr;   // 12.3.1
    tw_register emr;   // 12.3.2
    tw_register rtsr;  // 12.3.3
    tw_register ftsr;  // 12.3.4
    tw_register swier; // 12.3.5
    tw_register pr;    // 12.3.6 cleared by writing 1
};
#define TW_EXTI ((struct tw_exti *)0x40013c00u)

// ---- 18.4 timers 2 to 5; 2 and 5 count 32 bits

struct tw_timer {
    tw_register cr1; // 18.4.1
    tw_register reserved_04[4];
    tw_register egr; // 18.4.6
    tw_register reserved_18[3];
    tw_register cnt; // 18.4.10
    tw_register psc; // 18.4.11
    tw_register arr; // 18.4.12
};
#define TW_TIM2 ((struct tw_timer *)0x40000000u)
#define TW_TIM5 ((struct tw_timer *)0x40000c00u)

#define TW_TIMER_CR1_ENABLE (1u << 0)
#define TW_TIMER_EGR_UPDATE (1u << 0)

// ---- 21.4 independent watchdog

struct tw_iwdg {
    tw_register kr;  // 21.4.1
    tw_register pr;  // 21.4.2
    tw_register rlr; // 21.4.3
    tw_register sr;  // 21.4.4
};
#define TW_IWDG ((struct tw_iwdg *)0x40003000u)

#define TW_IWDG_KR_FEED    0xaaaau
#define TW_IWDG_KR_UNLOCK  0x5555u
#define TW_IWDG_KR_START   0xccccu
#define TW_IWDG_PR_BY_128  5u
#define TW_IWDG_SR_UPDATES 0x3u

// ---- 24.4 random numbers

struct tw_rng {
    tw_register cr; // 24.4.1
    tw_register sr; // 24.4.2
    tw_register dr; // 24.4.3
};
#define TW_RNG ((struct tw_rng *)0x50060800u)

#define TW_RNG_CR_ENABLE  (1u << 2)
#define TW_RNG_SR_READY   (1u << 0)
#define TW_RNG_SR_TROUBLE 0x6u // CECS, SECS

// ---- 30.6 serial lines

struct tw_usart {
    tw_register sr;  // 30.6.1
    tw_register dr;  // 30.6.2
    tw_register brr; // 30.6.3
    tw_register cr1; // 30.6.4
    tw_register cr2; // 30.6.5
    tw_register cr3; // 30.6.6
};
#define TW_USART1 ((struct tw_usart *)0x40011000u)
#define TW_USART2 ((struct tw_usart *)0x40004400u)
#define TW_USART3 ((struct tw_usart *)0x40004800u)
#define TW_USART6 ((struct tw_usart *)0x40011400u)

#define TW_USART_SR_FE      (1u << 1)
#define TW_USART_SR_ORE     (1u << 3)
#define TW_USART_SR_RXNE    (1u << 5)
#define TW_USART_SR_TC      (1u << 6)
#define TW_USART_SR_TXE     (1u << 7)
#define TW_USART_CR1_RE     (1u << 2)
#define TW_USART_CR1_TE     (1u << 3)
#define TW_USART_CR1_RXNEIE (1u << 5)
#define TW_USART_CR1_TXEIE  (1u << 7)
#define TW_USART_CR1_PS_ODD (1u << 9)
#define TW_USART_CR1_PCE    (1u << 10)
#define TW_USART_CR1_M      (1u << 12) // nine bits, parity included
#define TW_USART_CR1_UE     (1u << 13)
#define TW_USART_CR2_STOP_2 (2u << 12)
#define TW_USART_CR3_CTSE   (1u << 9)

// ---- 38.6.1 which chip this is, 39.1 its number

#define TW_DBGMCU_IDCODE (*(const tw_register *)0xe0042000u)
#define TW_DEVICE_MASK   0xfffu
#define TW_DEVICE_F405   0x413u
#define TW_DEVICE_REV_A  0x411u // what revision A says instead (errata sheet ES0182)
#define TW_UNIQUE_ID     ((const tw_register *)0x1fff7a10u)

// ---- table 61: positions of interrupts

enum tw_interrupt {
    TW_IRQ_EXTI0 = 6,
    TW_IRQ_EXTI3 = 9,
    TW_IRQ_USART1 = 37,
    TW_IRQ_USART2 = 38,
    TW_IRQ_USART3 = 39,
    TW_IRQ_EXTI15_10 = 40,
    TW_IRQ_USART6 = 71,
    TW_IRQS = 82,
};

#endif
