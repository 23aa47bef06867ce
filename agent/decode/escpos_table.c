// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/escpos_table.h"

#define FIXED(count, what)                                                                                   \
    {                                                                                                        \
        1, TW_LEN_FIXED, (count), TW_ESCPOS_##what, 0                                                        \
    }
#define LONG(rule, count, what)                                                                              \
    {                                                                                                        \
        1, TW_LEN_##rule, (count), TW_ESCPOS_##what, 0                                                       \
    }
#define KEPT(rule, n, what, max)                                                                             \
    {                                                                                                        \
        1, TW_LEN_##rule, (n), TW_ESCPOS_##what, (max)                                                       \
    }

#define CODE_MAX TW_ESCPOS_KEEP_MAX

static const struct tw_escpos_command real_time[256] = {
    [0x04] = LONG(CHOICE, 0, SKIP), // DLE EOT n: status
    [0x05] = FIXED(1, SKIP),        // DLE ENQ n: recover
    [0x14] = LONG(CHOICE, 0, SKIP), // DLE DC4 fn: drawer, power off, buzzer, clear
};

static const struct tw_escpos_command escape[256] = {
    [0x0C] = FIXED(0, PRINT_PAGE), // ESC FF
    [' '] = FIXED(1, SPACING),       ['!'] = FIXED(1, MODE),
    ['$'] = FIXED(2, POSITION),      ['%'] = FIXED(1, SKIP),
    ['&'] = LONG(GLYPHS, 0, SKIP),   ['('] = LONG(P16, 1, SKIP), // ESC ( A: buzzer, ESC ( Y: batch
    ['*'] = LONG(STRIP, 0, STRIP),   ['-'] = FIXED(1, SKIP),
    ['2'] = FIXED(0, SKIP),          ['3'] = FIXED(1, SKIP),
    ['4'] = FIXED(0, SKIP), // italics on and off: not Epson's receipt printers, but many drivers'
    ['5'] = FIXED(0, SKIP),          ['<'] = FIXED(0, SKIP),
    ['='] = FIXED(1, SKIP),          ['?'] = FIXED(1, SKIP),
    ['@'] = FIXED(0, RESET),         ['D'] = KEPT(TABS, 0, TABS, 32),
    ['E'] = FIXED(1, SKIP),          ['G'] = FIXED(1, SKIP),
    ['J'] = FIXED(1, FEED_DOTS),     ['K'] = FIXED(1, FEED_DOTS),
    ['L'] = FIXED(0, PAGE_MODE),     ['M'] = FIXED(1, FONT),
    ['R'] = FIXED(1, INTERNATIONAL), ['S'] = FIXED(0, STANDARD_MODE),
    ['T'] = FIXED(1, SKIP),          ['U'] = FIXED(1, SKIP),
    ['V'] = FIXED(1, SKIP),          ['W'] = FIXED(8, SKIP),
    ['\\'] = FIXED(2, SHIFT),        ['a'] = FIXED(1, JUSTIFY),
    ['c'] = FIXED(2, SKIP), // ESC c 0, 1, 3, 4, 5 n: sheets, sensors, buttons
    ['d'] = FIXED(1, FEED_LINES),    ['e'] = FIXED(1, FEED_LINES),
    ['f'] = FIXED(2, SKIP),          ['i'] = FIXED(0, CUT),
    ['m'] = FIXED(0, CUT),           ['o'] = FIXED(0, SKIP),
    ['p'] = FIXED(3, SKIP),          ['q'] = FIXED(0, SKIP),
    ['r'] = FIXED(1, SKIP),          ['t'] = FIXED(1, CODE_PAGE),
    ['u'] = FIXED(1, SKIP),          ['v'] = FIXED(0, SKIP),
    ['{'] = FIXED(1, SKIP),
};

static const struct tw_escpos_command field[256] = {
    ['!'] = FIXED(1, SKIP),
    ['&'] = FIXED(0, KANJI_ON),
    ['('] = KEPT(P16, 1, ENCODING, 8), // FS ( C: character encoding; A, E, L, e: no text
    ['-'] = FIXED(1, SKIP),
    ['.'] = FIXED(0, KANJI_OFF),
    ['2'] = LONG(KANJI, 72, SKIP),
    ['?'] = FIXED(2, SKIP),
    ['C'] = FIXED(1, KANJI_CODE),
    ['S'] = FIXED(2, SKIP),
    ['W'] = FIXED(1, SKIP),
    ['g'] = LONG(STORE, 0, SKIP),
    ['p'] = FIXED(2, PICTURE),
    ['q'] = LONG(IMAGES, 0, SKIP),
};

static const struct tw_escpos_command group[256] = {
    ['!'] = FIXED(1, SIZE),
    ['#'] = FIXED(1, SKIP),
    ['$'] = FIXED(2, VERTICAL),
    ['('] = KEPT(P16, 1, SYMBOL, CODE_MAX), // GS ( k: symbols; of the others two bytes are kept
    ['*'] = LONG(BLOCKS, 0, SKIP),
    ['/'] = FIXED(1, PICTURE),
    ['8'] = KEPT(P32, 1, GRAPHICS, 2), // GS 8 L
    [':'] = FIXED(0, SKIP),
    ['B'] = FIXED(1, SKIP),
    ['C'] = LONG(CHOICE, 0, SKIP),
    ['D'] = LONG(BMP, 0, SKIP),
    ['E'] = FIXED(1, SKIP),
    ['H'] = FIXED(1, SKIP),
    ['I'] = FIXED(1, SKIP),
    ['L'] = FIXED(2, MARGIN),
    ['P'] = FIXED(2, MOTION),
    ['Q'] = LONG(RASTER, 2, PICTURE),
    ['T'] = FIXED(1, SKIP),
    ['V'] = LONG(CHOICE, 0, CUT),
    ['W'] = FIXED(2, WIDTH),
    ['\\'] = FIXED(2, VERTICAL),
    ['^'] = FIXED(3, SKIP),
    ['a'] = FIXED(1, SKIP),
    ['b'] = FIXED(1, SKIP),
    ['c'] = FIXED(0, SKIP),
    ['f'] = FIXED(1, SKIP),
    ['g'] = FIXED(4, SKIP), // GS g 0, GS g 2: counters
    ['h'] = FIXED(1, SKIP),
    ['j'] = FIXED(1, SKIP),
    ['k'] = KEPT(BARCODE, 0, BARCODE, CODE_MAX),
    ['r'] = FIXED(1, SKIP),
    ['v'] = LONG(RASTER, 2, PICTURE), // GS v 0
    ['w'] = FIXED(1, SKIP),
    ['x'] = FIXED(1, SKIP),
    ['z'] = FIXED(3, SKIP),  // GS z 0 t1 t2
    [0xF9] = FIXED(2, SKIP), // Bematech: GS F9 '5' n, choice of command set
};

// Commands whose first argument says how many follow.
static const struct choice {
    uint8_t prefix, code, first, more;
} choices[] = {
    {TW_ESCPOS_DLE, 0x04, 7, 1}, {TW_ESCPOS_DLE, 0x04, 8, 1}, {TW_ESCPOS_DLE, 0x04, 18, 1},
    {TW_ESCPOS_DLE, 0x14, 1, 2}, {TW_ESCPOS_DLE, 0x14, 2, 2}, {TW_ESCPOS_DLE, 0x14, 3, 5},
    {TW_ESCPOS_DLE, 0x14, 7, 1}, {TW_ESCPOS_DLE, 0x14, 8, 7}, {TW_ESCPOS_GS, 'C', 0, 2},
    {TW_ESCPOS_GS, 'C', '0', 2}, {TW_ESCPOS_GS, 'C', 1, 6},   {TW_ESCPOS_GS, 'C', '1', 6},
    {TW_ESCPOS_GS, 'C', 2, 2},   {TW_ESCPOS_GS, 'C', '2', 2}, {TW_ESCPOS_GS, 'V', 'A', 1},
    {TW_ESCPOS_GS, 'V', 'B', 1}, {TW_ESCPOS_GS, 'V', 'a', 1}, {TW_ESCPOS_GS, 'V', 'b', 1},
    {TW_ESCPOS_GS, 'V', 'g', 1}, {TW_ESCPOS_GS, 'V', 'h', 1},
};

size_t tw_escpos_choice(uint8_t prefix, uint8_t code, uint8_t first)
{
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const struct choice *c = &choices[i];
        if (c->prefix == prefix && c->code == code && c->first == first) {
            return c->more;
        }
    }
    return 0;
}

const struct tw_escpos_command *tw_escpos_find(uint8_t prefix, uint8_t code)
{
    switch (prefix) {
    case TW_ESCPOS_ESC:
        return &escape[code];
    case TW_ESCPOS_GS:
        return &group[code];
    case TW_ESCPOS_FS:
        return &field[code];
    default:
        return &real_time[code];
    }
}
