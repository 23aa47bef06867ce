// SPDX-License-Identifier: Apache-2.0
//
// What goes where between the serial lines: till to printer and back, agent and scanner to the main
// loop. The boards' interrupts hand bytes in and ask for bytes; all of it lies in RAM, for it runs
// while the flash is busy.
//
//   till -> out -> printer    printer -> back -> till    agent <-> main loop    scanner -> main loop
//
// A ring that is three quarters full stops its sender (RTS; the till also by XOFF), a quarter lets it go on.
//
// Threading: tw_lines_received, _missed and _next from interrupts of one priority; the rest from the
// main loop. Memory: static, 12 KiB. Time: a few instructions. Errors: bytes without room are counted.
#ifndef TW_ARM_LINES_H
#define TW_ARM_LINES_H

#include "firmware/core/pass.h"
#include "firmware/port/arm/board.h"

enum {
    TW_LINES_PASS_BYTES = 4096,
    TW_LINES_HEARD_BYTES = 2048,
    TW_LINES_SAID_BYTES = 1024,
    TW_LINES_SCANNER_BYTES = 256
};

struct tw_lines {
    struct tw_pass out;     // from the till
    struct tw_pass back;    // from the printer
    struct tw_pass heard;   // from the agent
    struct tw_pass said;    // to the agent
    struct tw_pass scanned; // from the scanner
};

// The one there is, once initialized.
struct tw_lines *tw_lines_init(void);

// How `port` is told to stop. With XON/XOFF these two bytes are no data when they come from the printer, and
// are sent to the till; whatever the till prints is data, and nothing is added to it.
void tw_lines_set_flow(enum tw_port port, enum tw_link_flow flow);

// A byte came from `port`.
void tw_lines_received(enum tw_port port, uint8_t byte);

// A byte came from `port` that the hardware could not take, or read.
void tw_lines_missed(enum tw_port port);

// The next byte to be sent to `port`; false: none now.
bool tw_lines_next(enum tw_port port, uint8_t *byte);

// Lets stopped senders go on and waiting bytes out, should an interrupt have missed it.
void tw_lines_look(void);

// Whether nothing waits for the main loop, or to be sent to the agent; the copy has its own time.
bool tw_lines_are_idle(void);

// Whether all that came from till and printer was passed on, and copied.
bool tw_lines_are_through(void);

// Bytes that came from `port`, and bytes from there that found no room, here or in the hardware; both wrap.
uint32_t tw_lines_bytes(enum tw_port port);
uint32_t tw_lines_misses(enum tw_port port);

// The misses of all ports.
uint64_t tw_lines_overruns(void);

#endif
