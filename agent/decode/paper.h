// SPDX-License-Identifier: Apache-2.0
//
// One line on paper: characters at dot positions, in the order they were printed, and the text a
// person reads there. Gaps become spaces, as many as characters of that font would fit; of two
// characters on one place the later is read, but a space erases no ink.
//
// Threading: one thread at a time. Memory: fixed. Time: none. Errors: none; a full line says so.
#ifndef TW_DECODE_PAPER_H
#define TW_DECODE_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/page.h"

struct tw_paper_cell {
    uint32_t x;     // dots from the left edge
    uint32_t code;  // Unicode
    uint16_t width; // dots, with the spacing to the right
    uint8_t unit;   // dots of one character of this font, single width
    uint16_t order; // n-th character of the line
};

struct tw_paper {
    struct tw_paper_cell cells[TW_PAGE_MAX_COLUMNS];
    size_t count;
    bool unsorted; // a character was put left of an earlier one
    bool wide;     // one of them, not a space, is double width or height
    bool picture;  // a strip of a picture is in this line
};

void tw_paper_clear(struct tw_paper *paper);

// Puts a character; the caller looks at `count` first.
void tw_paper_put(struct tw_paper *paper, struct tw_paper_cell cell, bool wide);

// The right end of what is printed, in dots; 0 for a blank line.
uint32_t tw_paper_end(const struct tw_paper *paper);

// Appends the line's text, moved right by `shift` dots (justification), right-trimmed, UTF-8.
// Returns how many spaces were trimmed.
size_t tw_paper_text(struct tw_paper *paper, uint32_t shift, struct tw_buf *out);

#endif
