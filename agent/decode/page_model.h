// SPDX-License-Identifier: Apache-2.0
//
// The inside of the page model, shared by its files: page.c (the stream, limits, ends of
// pages), page_print.c (characters and lines), page_codes.c (bar codes), page_commands.c.
//
// Threading: one thread at a time. Memory: owned by the object; see page.h for the limits.
// Time: none. Errors: a failed allocation sets `nomem`, which tw_page_feed reports.
#ifndef TW_DECODE_PAGE_MODEL_H
#define TW_DECODE_PAGE_MODEL_H

#include "agent/decode/codepage.h"
#include "agent/decode/escpos.h"
#include "agent/decode/paper.h"
#include "agent/decode/utf8.h"
#include "tillwire/page.h"

#define TW_PAGE_MAX_CODES 256
#define TW_PAGE_MAX_TABS  32 // Epson, ESC D

// How bytes are put together to characters.
enum tw_page_script { TW_SCRIPT_BYTES = 0, TW_SCRIPT_KANJI, TW_SCRIPT_UTF8 };

struct tw_page {
    // set once
    unsigned dots; // printable dots of a line
    unsigned cell; // dots of a character of font A
    unsigned dpi;
    tw_page_fn *on_page;
    void *ctx;

    struct tw_escpos parser;
    struct tw_codepages code_pages;

    // the printer's settings
    struct tw_page_state state;
    const struct tw_codepage *code_page; // of state.code_page; NULL is UTF-8
    uint8_t font;                        // 0 A, 1 B
    uint8_t spacing;                     // dots to the right of a character, ESC SP
    uint32_t width;                      // dots of the print area, GS W
    uint16_t tabs[TW_PAGE_MAX_TABS];     // dots from the left margin, ascending
    size_t tab_count;
    enum tw_page_script script; // follows from the next two and the code page
    bool kanji;                 // FS &
    bool utf8;                  // FS ( C, FS C 255
    bool page_mode;
    size_t page_mode_lines; // lines there were when page mode began

    // the line being printed
    struct tw_paper paper;
    uint32_t x;                   // dots from the left edge
    uint32_t limit;               // where it wraps
    bool carriage;                // a CR ended the line before: a LF now is the same end
    uint8_t pending[TW_UTF8_MAX]; // the beginning of a character of several bytes
    size_t pending_len;

    // the page
    uint64_t offset, begin; // of the stream
    uint64_t skipped;       // the parser's count when the page began
    struct tw_page_line *lines;
    size_t line_count, line_cap;
    struct tw_buf text; // of the lines, each with its NUL
    struct tw_page_code *codes;
    size_t code_count, code_cap;
    struct tw_buf code_text;
    size_t rasters;
    uint8_t symbol_kind;  // stored by GS ( k 80
    struct tw_buf symbol; // its data
    bool nomem;
};

// page.c
void tw_page_emit(struct tw_page *page, enum tw_page_end why);
void tw_page_defaults(struct tw_page *page);

// page_print.c: one text byte; ends of lines. `tw_page_end_line` ends the line if anything is on
// it, and if `blank`, also when nothing is.
void tw_page_print(struct tw_page *page, uint8_t byte);
void tw_page_control(struct tw_page *page, uint8_t code);
void tw_page_end_line(struct tw_page *page, bool blank, bool wrapped);
void tw_page_push_line(struct tw_page *page, bool wrapped);
void tw_page_cancel(struct tw_page *page);
void tw_page_begin_line(struct tw_page *page);
void tw_page_flush_pending(struct tw_page *page);
void tw_page_move_to(struct tw_page *page, int64_t x);

// page_codes.c: a bar code or 2-D code with `data` as the printer was given it.
void tw_page_add_code(struct tw_page *page, uint8_t symbology, struct tw_slice data);

// page_commands.c
void tw_page_use_code_page(struct tw_page *page); // after a change of state.code_page
void tw_page_command(struct tw_page *page);

#endif
