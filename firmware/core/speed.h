// SPDX-License-Identifier: Apache-2.0
//
// Finds the speed of a serial line from the widths of its pulses (the times between two edges), as a
// timer measured them. A pulse is a whole number of bits, so the right speed is the one at which all
// pulses are that, and enough of them are a single bit, on the average exactly one; a line at half of it
// would show halves, one at twice of it no single bits. Noise may spoil a few.
//
// Threading: one caller at a time. Memory: the caller's. Time: none but the widths. Errors: none; what
// is not known yet is 0.
#ifndef TW_SPEED_H
#define TW_SPEED_H

#include <stdint.h>

#define TW_SPEED_RATES  13u
#define TW_SPEED_PULSES 64u // the least that is believed

struct tw_speed {
    uint32_t bit[TW_SPEED_RATES];   // its width at each rate, in sixteenths of a tick
    int32_t excess[TW_SPEED_RATES]; // of the single bits over that, in all
    uint16_t singles[TW_SPEED_RATES];
    uint16_t fits[TW_SPEED_RATES]; // single bits included
    uint16_t misfits[TW_SPEED_RATES];
    uint16_t pulses;
};

// `ticks_per_second` of the timer: 200 MHz at most. A rate whose bit is shorter than ten ticks is not found.
void tw_speed_init(struct tw_speed *speed, uint32_t ticks_per_second);

// A pulse. Silence may be one, however long.
void tw_speed_pulse(struct tw_speed *speed, uint32_t ticks);

// 1200 to 921600 baud, or 0: not enough was seen. Once found, tw_speed_init begins anew.
uint32_t tw_speed_found(const struct tw_speed *speed);

#endif
