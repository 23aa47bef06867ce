// SPDX-License-Identifier: Apache-2.0
//
// ESC/POS as a sequence of tokens: text, control characters, and commands with their arguments. It
// knows the length of every command of Epson's TM printers, so that the payload of a picture, of a
// bar code or of a font is never read as text. What a command means is the page model's affair.
// Source: Epson, "ESC/POS Command Reference" and, for the older ones, "ESC/POS Application Programming
// Guide", version 10.05; the table of lengths is in escpos_table.c.
//
// Noise can look like a command with a payload of gigabytes. A payload of more than
// TW_ESCPOS_PAYLOAD_MAX bytes, ten metres of paper, is not believed: reading goes on after the header.
//
// Threading: one thread at a time. Memory: at most TW_ESCPOS_KEEP_MAX bytes of payload are kept;
// the rest is skipped and only counted. Time: none. Errors: a failed allocation loses payload, never the
// place in the stream; `data` says so.
#ifndef TW_DECODE_ESCPOS_H
#define TW_DECODE_ESCPOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"

#define TW_ESCPOS_ARGS_MAX    16
#define TW_ESCPOS_PAYLOAD_MAX (8 * 1024 * 1024)
#define TW_ESCPOS_KEEP_MAX    8192 // a PDF417 or QR symbol holds at most 7,092 characters

// What the page model does on a command. SKIP is for all that leaves the text as it is.
enum tw_escpos_verb {
    TW_ESCPOS_SKIP = 0,
    TW_ESCPOS_RESET,
    TW_ESCPOS_CUT,
    TW_ESCPOS_MODE,
    TW_ESCPOS_SIZE,
    TW_ESCPOS_FONT,
    TW_ESCPOS_JUSTIFY,
    TW_ESCPOS_CODE_PAGE,
    TW_ESCPOS_INTERNATIONAL,
    TW_ESCPOS_SPACING,
    TW_ESCPOS_POSITION,
    TW_ESCPOS_SHIFT,
    TW_ESCPOS_TABS,
    TW_ESCPOS_MARGIN,
    TW_ESCPOS_WIDTH,
    TW_ESCPOS_MOTION,
    TW_ESCPOS_FEED_LINES,
    TW_ESCPOS_FEED_DOTS,
    TW_ESCPOS_KANJI_ON,
    TW_ESCPOS_KANJI_OFF,
    TW_ESCPOS_KANJI_CODE,
    TW_ESCPOS_ENCODING,
    TW_ESCPOS_BARCODE,
    TW_ESCPOS_SYMBOL,
    TW_ESCPOS_PICTURE,
    TW_ESCPOS_GRAPHICS,
    TW_ESCPOS_STRIP,
    TW_ESCPOS_PAGE_MODE,
    TW_ESCPOS_STANDARD_MODE,
    TW_ESCPOS_PRINT_PAGE,
    TW_ESCPOS_VERTICAL,
    TW_ESCPOS_VERBS
};

enum tw_escpos_token {
    TW_ESCPOS_NONE = 0, // bytes were consumed, nothing is complete yet
    TW_ESCPOS_TEXT,     // the consumed bytes are text (0x20 to 0xFF)
    TW_ESCPOS_CONTROL,  // one control character, in `code`
    TW_ESCPOS_COMMAND,  // a whole command: `verb`, `args`, `data`
};

struct tw_escpos_command {
    uint8_t known;  // 0: not in the table
    uint8_t length; // the rule, enum in escpos.c
    uint8_t n;      // the rule's parameter
    uint8_t verb;
    uint16_t keep; // bytes of payload to hand over; what is beyond is skipped
};

// Zeroed, it is ready. To forget a half command, call tw_escpos_reset.
struct tw_escpos {
    uint8_t phase;
    uint8_t prefix; // ESC, GS, FS or DLE
    uint8_t code;   // of a command or control character
    uint8_t verb;
    const struct tw_escpos_command *command;
    uint8_t args[TW_ESCPOS_ARGS_MAX];
    size_t arg_count;
    size_t wanted; // arguments to have before the rule is asked again
    size_t base;   // where the arguments of each round begin (ESC &, FS q)
    unsigned rounds;
    uint64_t left;      // payload still to come
    struct tw_buf data; // what was kept of it
    uint64_t skipped;   // payload bytes skipped since the beginning, all commands
};

void tw_escpos_free(struct tw_escpos *parser);
void tw_escpos_reset(struct tw_escpos *parser);
// Not within a command.
bool tw_escpos_is_between(const struct tw_escpos *parser);

// Reads the next token from `bytes` (not empty). Returns how many bytes it consumed; that may be 0
// when the byte ended a command and is to be read again, then `*token` is a command or a change
// of phase, so that a loop always ends.
size_t tw_escpos_next(struct tw_escpos *parser, struct tw_slice bytes, enum tw_escpos_token *token);

#endif
