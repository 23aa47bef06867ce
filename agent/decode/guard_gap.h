// SPDX-License-Identifier: Apache-2.0
//
// What may stand between two groups of digits of one number: up to three characters that are no
// letters, and, as a printer takes the bytes, commands: those of style stand for nothing, those
// that move the head for one blank, feeds and line ends, with the blanks around them, for one
// line end. Which commands there are is the table of escpos_table.h.
//
// Threading: pure functions. Memory: no allocation. Time: at most TW_GUARD_GAP_BYTES are looked at. Errors:
// none.
#ifndef TW_DECODE_GUARD_GAP_H
#define TW_DECODE_GUARD_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"

#define TW_GUARD_GAP_BYTES 64

// How bytes are read.
enum tw_guard_reading {
    TW_GUARD_READ_LINES,   // as text; a line's end and NUL end everything
    TW_GUARD_READ_PLAIN,   // as text; a line's end is a separator
    TW_GUARD_READ_PRINTER, // as PLAIN, with the commands of ESC/POS
};

// What a byte is; blanks, tabs and line ends are nothing of all these.
enum tw_guard_byte_kind {
    TW_GUARD_BYTE_DIGIT = 1,
    TW_GUARD_BYTE_LETTER = 2,
    TW_GUARD_BYTE_PREFIX = 4,
    TW_GUARD_BYTE_OTHER = 8
};
extern const uint8_t tw_guard_byte_kinds[256];

enum tw_guard_found {
    TW_GUARD_FOUND_NONE = 0,
    TW_GUARD_FOUND,
    TW_GUARD_FOUND_MORE
}; // MORE: the next bytes will tell

struct tw_guard_gap {
    size_t len;    // bytes
    unsigned kind; // TW_GUARD_GAP_… of guard_chain.h
    bool prefix;   // there was a command's prefix
};

// What is at `text`, behind a digit. FOUND when it joins that digit to the one at text + gap->len.
// `last`: no more bytes will come. `gap->prefix` is always set.
enum tw_guard_found tw_guard_gap_find(enum tw_guard_reading reading, struct tw_slice text, bool last,
                                      struct tw_guard_gap *gap);

enum tw_guard_command_kind {
    TW_GUARD_COMMAND_STYLE, // stands for nothing
    TW_GUARD_COMMAND_MOVE,  // stands for a blank
    TW_GUARD_COMMAND_FEED,  // stands for a line's end
    TW_GUARD_COMMAND_BREAK, // ends everything; of commands with a payload only the header
    TW_GUARD_COMMAND_NONE,  // no command: a character
};

struct tw_guard_command {
    enum tw_guard_command_kind kind;
    size_t len;
};

// The command at `text`, which begins with a prefix. `len` 0: more bytes are needed.
struct tw_guard_command tw_guard_command_find(struct tw_slice text, bool last);

#endif
