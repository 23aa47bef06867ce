// SPDX-License-Identifier: Apache-2.0
//
// A board with a wire, played, below the real lines.c and speeds.c: a till sends to it bit by bit, and what
// the board is told is written down. Lines are text: "9600 8N1 rts", "-" is none; so is what was told:
// "till 9600 8N1 rts; " a port was set, "till -; " closed, "wire; " till and printer were joined.
//
// Threading: one thread. Memory: static, one world at a time. Time: the world's own ticks. Errors: cmocka
// assertions.
#ifndef TW_FAKE_SPEEDS_WORLD_H
#define TW_FAKE_SPEEDS_WORLD_H

#include "firmware/port/arm/lines.h"
#include "firmware/port/arm/speeds.h"

enum { SPEEDS_WORLD_WIDTHS = 64, SPEEDS_WORLD_TOLD_BYTES = 256 };

struct speeds_world {
    struct tw_speeds speeds;
    struct tw_lines *lines;
    // The board. It knows no seven bits without parity.
    bool has_wire, wire; // can be one; is one, and measures
    bool unready[TW_PORTS];
    bool storm; // edges come faster than they are taken
    struct tw_link_line set[TW_PORTS];
    char told[SPEEDS_WORLD_TOLD_BYTES];
    uint32_t widths[SPEEDS_WORLD_WIDTHS]; // those without room are left out
    unsigned put, taken;
    uint64_t now, edge; // ticks
    // The till: eight bits.
    uint32_t baud;
    bool even; // its parity; else none
    unsigned sent;
};

// A board as it starts, with a wire and cables that have all wires; the till sends 19200 8N1.
struct speeds_world *speeds_world_start(void);

// CONFIG: "TILL, PRINTER, SCANNER".
bool speeds_world_config(struct speeds_world *world, const char *lines);

// What the board was told since the last time, and that INFO says the same. `where` is for the message.
void speeds_world_told(struct speeds_world *world, const char *expected, const char *where);
void speeds_world_write_down(struct speeds_world *world, const char *what);

// The till sends the next byte of an endless receipt: edges to a wire, else a byte or a framing error.
void speeds_world_send(struct speeds_world *world);
// All that waits leaves, and is copied.
void speeds_world_pass(struct speeds_world *world);

// With a look after each: bytes from the till; frames of it without a stop bit.
void speeds_world_print(struct speeds_world *world, unsigned bytes);
void speeds_world_miss(struct speeds_world *world, unsigned frames);
// A pause of the till, long enough for all, and a look.
void speeds_world_rest(struct speeds_world *world);

#endif
