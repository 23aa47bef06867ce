// SPDX-License-Identifier: Apache-2.0
//
// The commands of ESC/POS: prefix and code to length rule and verb. To add a command, add one line
// to its prefix' table in escpos_table.c.
//
// Threading: constant. Memory: none. Time: none. Errors: an unknown command has `known` 0.
#ifndef TW_DECODE_ESCPOS_TABLE_H
#define TW_DECODE_ESCPOS_TABLE_H

#include "agent/decode/escpos.h"

#define TW_ESCPOS_DLE 0x10
#define TW_ESCPOS_ESC 0x1B
#define TW_ESCPOS_FS  0x1C
#define TW_ESCPOS_GS  0x1D

// How the length of a command is found from its first arguments. pL pH is a count of 16 bits,
// low byte first.
enum tw_escpos_length {
    TW_LEN_FIXED = 0, // n arguments
    TW_LEN_P16,       // n arguments, pL pH, then so many bytes
    TW_LEN_P32,       // n arguments, p1 p2 p3 p4, then so many bytes
    TW_LEN_RASTER,    // GS v 0, GS Q 0: 2 arguments, xL xH yL yH, then x * y bytes
    TW_LEN_STRIP,     // ESC *: m nL nH, then n or 3 n bytes
    TW_LEN_BLOCKS,    // GS *: x y, then 8 x y bytes
    TW_LEN_GLYPHS,    // ESC &: y c1 c2, then for each character x and x * y bytes
    TW_LEN_IMAGES,    // FS q: n, then n times xL xH yL yH and 8 x y bytes
    TW_LEN_TABS,      // ESC D: ascending positions, NUL
    TW_LEN_BARCODE,   // GS k: both forms
    TW_LEN_BMP,       // GS D: 7 arguments and a BMP file, which knows its length
    TW_LEN_CHOICE,    // one argument, which says how many follow (see `choices`)
    TW_LEN_STORE,     // FS g 1: m a1-a4 nL nH and n bytes; FS g 2: m a1-a4 nL nH
    TW_LEN_KANJI,     // FS 2: c1 c2 and n bytes of glyph
    TW_LEN_RULES
};

// How many arguments follow `first` in a command of the rule CHOICE.
size_t tw_escpos_choice(uint8_t prefix, uint8_t code, uint8_t first);

// Never NULL.
const struct tw_escpos_command *tw_escpos_find(uint8_t prefix, uint8_t code);

#endif
