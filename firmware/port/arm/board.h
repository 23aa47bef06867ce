// SPDX-License-Identifier: Apache-2.0
//
// What a board is to the code that all boards share (firmware/port/arm). The first half is all the
// loader needs; the second, the lines, only the tap itself links. Each board folder implements this
// with its own registers; nothing here knows any.
//
// Threading: called from the main loop, except where "from interrupts" is said. Memory: static, in
// the board's files. Time: microseconds since reset; nothing waits without a bound. Errors: a board
// that lacks something works on without it; only the NVM tells of errors.
#ifndef TW_ARM_BOARD_H
#define TW_ARM_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/nvm.h"
#include "tillwire/err.h"
#include "tillwire/tap_info.h"

// ---- the board itself: loader and tap

// Which board this is, as INFO and the header of images say it (tillwire/tap_link.h).
extern const uint32_t tw_board_id;

// Clocks, the timer and the watchdog: first of all, once in each of loader and tap. Interrupts are off until
// tw_board_open_lines.
void tw_board_start(void);

// Microseconds since reset; never goes back. Also from interrupts.
uint64_t tw_board_now_us(void);

// The watchdog resets the board 8 to 16 s after it was last fed. tw_board_start starts it; nothing stops it.
void tw_board_feed_watchdog(void);

// Resets everything.
_Noreturn void tw_board_restart(void);

// The chip's number, all zero where it has none.
void tw_board_serial(uint8_t serial[12]);

// The NVM: the two log areas and the two slots.
const struct tw_nvm *tw_board_nvm(void);

// What to do again and again while the NVM works and the caller waits; NULL (at first): nothing. It must lie
// in RAM, with all it calls: no instruction can be fetched from flash meanwhile (RM0090 3.5).
void tw_board_while_waiting(void (*work)(void));

// Starts the image whose vector table is at `vectors` (stack pointer, entry; ARMv7-M ARM B1.5.3). The
// watchdog goes on, all else is as after reset.
_Noreturn void tw_board_jump(const uint32_t *vectors);

// ---- interrupts

// Holds off all interrupts; returns what tw_board_unlock needs. They nest.
uint32_t tw_board_lock(void);
void tw_board_unlock(uint32_t state);

// ---- the lines: the tap only

#define TW_BOARD_WAKES_HZ 100u

enum tw_port { TW_PORT_TILL, TW_PORT_PRINTER, TW_PORT_AGENT, TW_PORT_SCANNER, TW_PORTS };

// What the board has of chance: random numbers, or else whatever its memory held; perhaps only zeros.
void tw_board_entropy(uint8_t bytes[16]);

// Pins and interrupts of all ports: the agent's at 921600 8N1, the others closed until they are set. From
// here on interrupts call firmware/port/arm/lines.h.
void tw_board_open_lines(void);

// Takes over the settings of a port, between two bytes; bits 0 closes it. Settings the hardware does not know
// leave it as it was: returns false then.
TW_MUST_CHECK bool tw_board_set_line(enum tw_port port, const struct tw_link_line *line);

// Whether the hardware can do such a line. Baud 0: at any speed that is found.
bool tw_board_knows_line(const struct tw_link_line *line);

// Sends nothing more through `port` until it is set, and waits until what was begun has left: 22 ms each at
// most.
void tw_board_finish(enum tw_port port);

// Whether the board can be a wire. One that cannot has lines that work at any speed, baud 0 too.
bool tw_board_has_wire(void);

// Joins till and printer as if the board were a wire, flow control included, and measures the till's pulses
// instead of reading bytes, until one of them is set.
void tw_board_join_wire(void);

// The width of the next pulse from the till, in ticks of tw_board_pulse_hz; false: none. `quiet`: the line is
// silent, and may be set without cutting a byte.
bool tw_board_take_pulse(uint32_t *ticks, bool *quiet);
uint32_t tw_board_pulse_hz(void);

// Bytes may wait to be sent through `port`: its interrupt will ask tw_lines_next. Also from interrupts.
void tw_board_kick(enum tw_port port);

// Tells the other side of `port` to go on, or to stop (RTS). Also from interrupts.
void tw_board_set_ready(enum tw_port port, bool ready);

// Whether the other side of `port` says that it is ready (CTS). One whose cable lacks the wire never does.
bool tw_board_is_ready(enum tw_port port);

#endif
