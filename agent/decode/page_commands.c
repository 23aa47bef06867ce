// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "agent/decode/page_model.h"

typedef void command_fn(struct tw_page *page, const uint8_t *args);

static uint32_t low_high(const uint8_t *args)
{
    return (uint32_t)args[0] | (uint32_t)args[1] << 8;
}

// Motion units (GS P) to dots.
static int64_t dots_of(const struct tw_page *page, int64_t units)
{
    return page->state.motion_x == 0 ? units : units * page->dpi / page->state.motion_x;
}

static void reset(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    tw_page_end_line(page, false, false);
    tw_page_defaults(page);
    tw_page_emit(page, TW_PAGE_RESET);
}

static void cut(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    tw_page_emit(page, TW_PAGE_CUT);
}

static void mode(struct tw_page *page, const uint8_t *args)
{
    page->font = args[0] & 1;
    page->state.size = (uint8_t)((args[0] & 0x10 ? 0x01 : 0) | (args[0] & 0x20 ? 0x10 : 0));
}

static void size(struct tw_page *page, const uint8_t *args)
{
    page->state.size = args[0] & 0x77;
}

static void font(struct tw_page *page, const uint8_t *args)
{
    page->font = args[0] == 0 || args[0] == '0' ? 0 : 1;
}

// Only at the beginning of a line, as margin and width (Epson, ESC a, GS L, GS W).
static void justify(struct tw_page *page, const uint8_t *args)
{
    uint8_t n = args[0] >= '0' ? (uint8_t)(args[0] - '0') : args[0];
    if (page->paper.count == 0 && n <= 2) {
        page->state.justification = n;
    }
}

static void code_page(struct tw_page *page, const uint8_t *args)
{
    page->state.code_page = args[0];
    tw_page_use_code_page(page);
}

static void international(struct tw_page *page, const uint8_t *args)
{
    page->state.international = args[0];
}

static void spacing(struct tw_page *page, const uint8_t *args)
{
    int64_t dots = dots_of(page, args[0]);
    page->spacing = dots < 255 ? (uint8_t)dots : 255;
}

static void position(struct tw_page *page, const uint8_t *args)
{
    tw_page_move_to(page, page->state.left_margin + dots_of(page, low_high(args)));
}

static void shift(struct tw_page *page, const uint8_t *args)
{
    int64_t units = (int16_t)low_high(args);
    int64_t x = page->x + dots_of(page, units);
    if (x >= page->state.left_margin) {
        tw_page_move_to(page, x);
    }
}

static void tabs(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    unsigned unit = page->font == 0 ? page->cell : page->cell * 3 / 4;
    unsigned width = (unit + page->spacing) * ((page->state.size >> 4 & 7U) + 1);
    size_t count = page->parser.data.len;
    page->tab_count = count < TW_PAGE_MAX_TABS ? count : TW_PAGE_MAX_TABS;
    for (size_t i = 0; i < page->tab_count; i++) {
        unsigned dots = page->parser.data.ptr[i] * width;
        page->tabs[i] = (uint16_t)(dots < UINT16_MAX ? dots : UINT16_MAX);
    }
}

static void margin(struct tw_page *page, const uint8_t *args)
{
    int64_t left = dots_of(page, low_high(args));
    if (page->paper.count == 0) {
        int64_t most = (int64_t)page->dots - page->cell;
        page->state.left_margin = (uint16_t)(left < most ? left : most);
        tw_page_begin_line(page);
    }
}

static void width(struct tw_page *page, const uint8_t *args)
{
    int64_t dots = dots_of(page, low_high(args));
    if (page->paper.count == 0) {
        page->width = dots < page->cell ? page->cell : (uint32_t)dots;
        tw_page_begin_line(page);
    }
}

static void motion(struct tw_page *page, const uint8_t *args)
{
    page->state.motion_x = args[0];
}

// However far it feeds, a feed is one end of line and at most one blank line.
static void feed_lines(struct tw_page *page, const uint8_t *args)
{
    bool text = page->paper.count > 0;
    tw_page_end_line(page, false, false);
    if (args[0] > (text ? 1 : 0)) {
        tw_page_end_line(page, true, false);
    }
}

static void feed_dots(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    tw_page_end_line(page, false, false);
}

static void choose_script(struct tw_page *page)
{
    page->script = page->kanji                             ? TW_SCRIPT_KANJI
                   : page->utf8 || page->code_page == NULL ? TW_SCRIPT_UTF8
                                                           : TW_SCRIPT_BYTES;
}

void tw_page_use_code_page(struct tw_page *page)
{
    if (tw_codepages_get(&page->code_pages, page->state.code_page, &page->code_page) != TW_OK) {
        page->nomem = true;
    }
    choose_script(page);
}

static void kanji_on(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    page->kanji = true;
    choose_script(page);
}

static void kanji_off(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    page->kanji = false;
    choose_script(page);
}

// FS C n: the Kanji code. 255 is UTF-8 on Sunmi's and other Android printers.
static void kanji_code(struct tw_page *page, const uint8_t *args)
{
    page->utf8 = args[0] == 0xFF;
    choose_script(page);
}

// FS ( C pL pH 48 m: m 1 is one byte a character, 2 UTF-8.
static void encoding(struct tw_page *page, const uint8_t *args)
{
    const struct tw_buf *data = &page->parser.data;
    if (args[0] == 'C' && data->len >= 2 && data->ptr[0] == 48) {
        page->utf8 = data->ptr[1] == 2 || data->ptr[1] == '2';
        choose_script(page);
    }
}

static void barcode(struct tw_page *page, const uint8_t *args)
{
    struct tw_slice data = tw_buf_slice(&page->parser.data);
    uint8_t m = args[0];
    if (m <= 6) {
        tw_page_add_code(page, (uint8_t)(m + 65), data);
    } else if (m == 81 || m == 97) {
        tw_page_add_code(page, 'Q', data);
    } else if (m >= 65 && m <= 79) {
        tw_page_add_code(page, m, data);
    }
}

static void picture(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    page->rasters++;
}

// GS ( L and GS 8 L, m fn: 2, 50 print the stored graphics, 69 and 85 those in memory.
static void graphics(struct tw_page *page, const uint8_t *args)
{
    const struct tw_buf *data = &page->parser.data;
    if (args[0] == 'L' && data->len >= 2) {
        uint8_t fn = data->ptr[1];
        page->rasters += fn == 2 || fn == 50 || fn == 69 || fn == 85;
    }
}

// GS ( k, cn fn …: fn 80 stores data after one more byte, 81 prints what is stored. cn is 48
// PDF417, 49 QR, 50 MaxiCode, 51 GS1 DataBar, 52 Composite, 53 Aztec, 54 DataMatrix.
static void symbol(struct tw_page *page, const uint8_t *args)
{
    struct tw_slice data = tw_buf_slice(&page->parser.data);
    if (args[0] != 'k') {
        graphics(page, args);
        return;
    }
    if (data.len < 3) {
        return;
    }
    uint8_t cn = data.ptr[0];
    if (data.ptr[1] == 80) {
        tw_buf_clear(&page->symbol);
        tw_buf_add(&page->symbol, data.ptr + 3, data.len - 3);
        page->symbol_kind = cn;
    } else if (data.ptr[1] == 81 && page->symbol_kind == cn && page->symbol.len > 0) {
        tw_page_add_code(page, cn == 48 ? 'P' : cn == 49 ? 'Q' : 'X', tw_buf_slice(&page->symbol));
    }
}

// ESC *: single density (even m) prints each column two dots wide.
static void strip(struct tw_page *page, const uint8_t *args)
{
    page->rasters += page->paper.picture ? 0 : 1;
    page->paper.picture = true;
    tw_page_move_to(page, (int64_t)page->x + low_high(args + 1) * (args[0] & 1 ? 1 : 2));
}

static void page_mode(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    tw_page_end_line(page, false, false);
    page->page_mode = true;
    page->page_mode_lines = page->line_count;
}

static void standard_mode(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    tw_page_cancel(page);
    page->page_mode = false;
}

static void print_page(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    tw_page_end_line(page, false, false);
    page->page_mode_lines = page->line_count;
}

static void vertical(struct tw_page *page, const uint8_t *args)
{
    (void)args;
    if (page->page_mode) {
        tw_page_end_line(page, false, false);
    }
}

static command_fn *const commands[TW_ESCPOS_VERBS] = {
    [TW_ESCPOS_RESET] = reset,
    [TW_ESCPOS_CUT] = cut,
    [TW_ESCPOS_MODE] = mode,
    [TW_ESCPOS_SIZE] = size,
    [TW_ESCPOS_FONT] = font,
    [TW_ESCPOS_JUSTIFY] = justify,
    [TW_ESCPOS_CODE_PAGE] = code_page,
    [TW_ESCPOS_INTERNATIONAL] = international,
    [TW_ESCPOS_SPACING] = spacing,
    [TW_ESCPOS_POSITION] = position,
    [TW_ESCPOS_SHIFT] = shift,
    [TW_ESCPOS_TABS] = tabs,
    [TW_ESCPOS_MARGIN] = margin,
    [TW_ESCPOS_WIDTH] = width,
    [TW_ESCPOS_MOTION] = motion,
    [TW_ESCPOS_FEED_LINES] = feed_lines,
    [TW_ESCPOS_FEED_DOTS] = feed_dots,
    [TW_ESCPOS_KANJI_ON] = kanji_on,
    [TW_ESCPOS_KANJI_OFF] = kanji_off,
    [TW_ESCPOS_KANJI_CODE] = kanji_code,
    [TW_ESCPOS_ENCODING] = encoding,
    [TW_ESCPOS_BARCODE] = barcode,
    [TW_ESCPOS_SYMBOL] = symbol,
    [TW_ESCPOS_PICTURE] = picture,
    [TW_ESCPOS_GRAPHICS] = graphics,
    [TW_ESCPOS_STRIP] = strip,
    [TW_ESCPOS_PAGE_MODE] = page_mode,
    [TW_ESCPOS_STANDARD_MODE] = standard_mode,
    [TW_ESCPOS_PRINT_PAGE] = print_page,
    [TW_ESCPOS_VERTICAL] = vertical,
};

void tw_page_command(struct tw_page *page)
{
    command_fn *command = commands[page->parser.verb];
    page->nomem |= page->parser.data.failed;
    if (command != NULL) {
        command(page, page->parser.args);
    }
}
