// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "agent/decode/page_model.h"

enum { HT = 0x09, LF = 0x0A, FF = 0x0C, CR = 0x0D, CAN = 0x18 };

#define FARTHEST(page) (TW_PAGE_MAX_COLUMNS * (page)->cell)

static unsigned unit_of(const struct tw_page *page)
{
    return page->font == 0 ? page->cell : page->cell * 3 / 4;
}

void tw_page_begin_line(struct tw_page *page)
{
    page->carriage = false;
    page->x = page->state.left_margin;
    uint32_t right = page->state.left_margin + page->width;
    page->limit = right < page->dots ? right : page->dots;
}

// Epson ignores a position outside the print area. A till knows its printer's width better than
// the configuration does, so a position to the right of it is taken, and widens this line.
void tw_page_move_to(struct tw_page *page, int64_t x)
{
    if (x < 0 || x > (int64_t)FARTHEST(page)) {
        return;
    }
    page->x = (uint32_t)x;
    if (page->x >= page->limit) {
        page->limit = FARTHEST(page);
    }
}

static struct tw_page_line *new_line(struct tw_page *page)
{
    if (page->line_count == page->line_cap) {
        size_t cap = page->line_cap == 0 ? 64 : page->line_cap * 2;
        struct tw_page_line *grown = realloc(page->lines, cap * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        page->lines = grown;
        page->line_cap = cap;
    }
    return &page->lines[page->line_count];
}

static uint32_t justified(const struct tw_page *page)
{
    uint32_t left = page->state.left_margin;
    uint32_t area = page->limit > left ? page->limit - left : 0;
    uint32_t end = tw_paper_end(&page->paper);
    uint32_t used = end > left ? end - left : 0;
    return used < area ? (area - used) * page->state.justification / 2 : 0;
}

// The text's place in memory is only known when the page is given out; until then the lines'
// texts stand in `page->text`, in order, each with its NUL.
void tw_page_push_line(struct tw_page *page, bool wrapped)
{
    size_t start = page->text.len;
    struct tw_page_line *line = new_line(page);
    size_t trimmed = tw_paper_text(&page->paper, justified(page), &page->text);
    size_t len = page->text.len - start;
    tw_buf_add(&page->text, "", 1);
    if (line == NULL || page->text.failed) {
        page->nomem = true;
        page->text.failed = false;
        page->text.len = start;
        return;
    }
    uint64_t end = page->offset - page->begin;
    *line = (struct tw_page_line){.len = len,
                                  .wide = page->paper.wide,
                                  .wrapped = wrapped,
                                  .trimmed = (uint16_t)trimmed,
                                  .end = end < UINT32_MAX ? (uint32_t)end : UINT32_MAX};
    page->line_count++;
}

void tw_page_end_line(struct tw_page *page, bool blank, bool wrapped)
{
    if (page->paper.count > 0 || (blank && !page->paper.picture)) {
        tw_page_push_line(page, wrapped);
    }
    tw_paper_clear(&page->paper);
    tw_page_begin_line(page);
    if (page->line_count >= TW_PAGE_MAX_LINES) {
        tw_page_emit(page, TW_PAGE_TOO_LONG);
    }
}

static void put(struct tw_page *page, uint32_t code, unsigned cells)
{
    unsigned times = (page->state.size >> 4 & 7U) + 1;
    uint32_t width = (unit_of(page) + page->spacing) * times * cells;
    bool full = page->paper.count == TW_PAGE_MAX_COLUMNS;
    if (full || (page->x + width > page->limit && page->paper.count > 0)) {
        tw_page_end_line(page, false, true);
    }
    page->carriage = false;
    struct tw_paper_cell cell = {
        .x = page->x, .code = code, .width = (uint16_t)width, .unit = (uint8_t)unit_of(page)};
    tw_paper_put(&page->paper, cell, page->state.size != 0);
    page->x += width;
}

// Han, Kana and Hangul take two cells.
static unsigned cells_of(uint32_t code)
{
    bool broad = (code >= 0x2E80 && code <= 0xD7FF) || (code >= 0xF900 && code <= 0xFAFF) ||
                 (code >= 0xFF01 && code <= 0xFF60);
    return broad ? 2 : 1;
}

static void print_byte(struct tw_page *page, uint8_t byte)
{
    uint32_t code = byte;
    if (byte >= 0x80) {
        code = page->code_page != NULL ? page->code_page->high[byte - 0x80] : TW_UTF8_REPLACEMENT;
    } else if (byte == 0x7F) {
        code = ' ';
    } else if (page->state.international != 0) {
        code = tw_codepage_ascii(page->state.international, byte);
    }
    // NBSP and the like leave no ink.
    put(page, code == 0xA0 ? ' ' : code, 1);
}

void tw_page_flush_pending(struct tw_page *page)
{
    if (page->pending_len > 0) {
        page->pending_len = 0;
        put(page, TW_UTF8_REPLACEMENT, 1);
    }
}

// A pair of bytes is one character of two cells. Which one is not told: the code (JIS, Shift JIS,
// GB, Big5) is the printer's model's.
static void print_kanji(struct tw_page *page, uint8_t byte)
{
    if (page->pending_len > 0) {
        page->pending_len = 0;
        put(page, TW_UTF8_REPLACEMENT, 2);
    } else if (byte >= 0x80) {
        page->pending[page->pending_len++] = byte;
    } else {
        print_byte(page, byte);
    }
}

static void print_utf8(struct tw_page *page, uint8_t byte)
{
    bool continues = (byte & 0xC0) == 0x80;
    if (page->pending_len > 0 && !continues) {
        tw_page_flush_pending(page);
    }
    if (page->pending_len == 0 && byte < 0x80) {
        print_byte(page, byte);
        return;
    }
    page->pending[page->pending_len++] = byte;
    size_t len = tw_utf8_length(page->pending[0]);
    if (page->pending_len < len) {
        return;
    }
    uint32_t code = TW_UTF8_REPLACEMENT;
    (void)tw_utf8_decode((struct tw_slice){page->pending, page->pending_len}, &code);
    page->pending_len = 0;
    put(page, code == 0xA0 ? ' ' : code, cells_of(code));
}

void tw_page_print(struct tw_page *page, uint8_t byte)
{
    switch (page->script) {
    case TW_SCRIPT_KANJI:
        print_kanji(page, byte);
        break;
    case TW_SCRIPT_UTF8:
        print_utf8(page, byte);
        break;
    default:
        print_byte(page, byte);
        break;
    }
}

static void tabulate(struct tw_page *page)
{
    uint32_t left = page->state.left_margin;
    for (size_t i = 0; i < page->tab_count; i++) {
        if (left + page->tabs[i] > page->x) {
            tw_page_move_to(page, left + page->tabs[i]);
            return;
        }
    }
}

// CR LF and LF CR are one end of line; CR alone ends one that has text, so that a printer which
// feeds on CR (a switch of it) reads the same.
void tw_page_control(struct tw_page *page, uint8_t code)
{
    switch (code) {
    case HT:
        tabulate(page);
        break;
    case LF:
        if (page->carriage) {
            page->carriage = false;
        } else {
            tw_page_end_line(page, true, false);
        }
        break;
    case CR:
        if (page->paper.count > 0) {
            tw_page_end_line(page, false, false);
            page->carriage = true;
        }
        break;
    case FF:
        tw_page_end_line(page, false, false);
        page->page_mode = false;
        break;
    case CAN:
        tw_page_cancel(page);
        break;
    default:
        break;
    }
}

// CAN and ESC S throw away what page mode has gathered and not printed (Epson, CAN).
void tw_page_cancel(struct tw_page *page)
{
    if (!page->page_mode) {
        return;
    }
    tw_paper_clear(&page->paper);
    tw_page_begin_line(page);
    while (page->line_count > page->page_mode_lines) {
        page->text.len -= page->lines[--page->line_count].len + 1;
    }
}
