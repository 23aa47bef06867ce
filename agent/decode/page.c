// SPDX-License-Identifier: Apache-2.0
#include "tillwire/page.h"

#include <stdlib.h>

#include "agent/decode/page_model.h"

#define COLUMNS_DEFAULT 48
#define CELL_DEFAULT    12 // dots of a character of font A
#define CELL_LEAST      8
#define CELL_MOST       64
#define TAB_EVERY       8           // characters of font A (Epson, ESC D)
#define KEEP_BYTES      (32 * 1024) // memory a page may leave to the next

// What ESC @ does: all settings as after power-on.
void tw_page_defaults(struct tw_page *page)
{
    page->state = (struct tw_page_state){0};
    page->font = 0;
    page->spacing = 0;
    page->width = page->dots;
    page->kanji = false;
    page->utf8 = false;
    page->page_mode = false;
    page->tab_count = TW_PAGE_MAX_TABS;
    for (size_t i = 0; i < TW_PAGE_MAX_TABS; i++) {
        page->tabs[i] = (uint16_t)((i + 1) * TAB_EVERY * page->cell);
    }
    tw_page_use_code_page(page);
    tw_page_begin_line(page);
}

int tw_page_new(const struct tw_page_options *options, struct tw_page **out)
{
    struct tw_page *page = calloc(1, sizeof *page);
    if (page == NULL) {
        return TW_ERR_NOMEM;
    }
    unsigned columns = options->columns != 0 ? options->columns : COLUMNS_DEFAULT;
    page->dots = options->dots != 0 ? options->dots : columns * CELL_DEFAULT;
    page->cell = page->dots / columns;
    page->cell = page->cell < CELL_LEAST ? CELL_LEAST : page->cell > CELL_MOST ? CELL_MOST : page->cell;
    page->dots = page->dots < page->cell ? page->cell : page->dots;
    page->dpi = page->dots == 512 ? 180 : 203;
    page->on_page = options->on_page;
    page->ctx = options->ctx;
    tw_codepages_init(&page->code_pages, options->code_pages);
    tw_page_defaults(page);
    if (page->nomem) {
        tw_page_free(page);
        return TW_ERR_NOMEM;
    }
    *out = page;
    return TW_OK;
}

void tw_page_free(struct tw_page *page)
{
    if (page == NULL) {
        return;
    }
    tw_escpos_free(&page->parser);
    tw_codepages_free(&page->code_pages);
    tw_buf_free(&page->text);
    tw_buf_free(&page->code_text);
    tw_buf_free(&page->symbol);
    free(page->lines);
    free(page->codes);
    free(page);
}

static void forget(struct tw_page *page)
{
    page->begin = page->offset;
    page->skipped = page->parser.skipped;
    page->line_count = 0;
    page->code_count = 0;
    page->rasters = 0;
    page->page_mode_lines = 0;
    tw_buf_clear(&page->text);
    tw_buf_clear(&page->code_text);
    if (page->text.cap > KEEP_BYTES) {
        tw_buf_free(&page->text);
    }
    if (page->code_text.cap > KEEP_BYTES) {
        tw_buf_free(&page->code_text);
    }
}

// Gives the page out and begins the next one at the present offset. A line that is not ended yet
// belongs to this page.
void tw_page_emit(struct tw_page *page, enum tw_page_end why)
{
    if (page->paper.count > 0) {
        tw_page_push_line(page, false);
    }
    tw_paper_clear(&page->paper);
    tw_page_begin_line(page);
    char *text = (char *)page->text.ptr;
    for (size_t i = 0; i < page->line_count; i++) {
        page->lines[i].text = text;
        text += page->lines[i].len + 1;
    }
    const char *code = (const char *)page->code_text.ptr;
    for (size_t i = 0; i < page->code_count; i++) {
        page->codes[i].text = code;
        code += strlen(code) + 1;
    }
    struct tw_page_view view = {.lines = page->lines,
                                .line_count = page->line_count,
                                .codes = page->codes,
                                .code_count = page->code_count,
                                .rasters = page->rasters,
                                .begin = page->begin,
                                .end = page->offset,
                                .why = why,
                                .state = page->state};
    if (page->on_page != NULL) {
        page->on_page(page->ctx, &view);
    }
    forget(page);
}

static void print_run(struct tw_page *page, struct tw_slice run)
{
    for (size_t i = 0; i < run.len; i++) {
        tw_page_print(page, run.ptr[i]);
        page->offset++;
    }
}

static void take(struct tw_page *page, enum tw_escpos_token token)
{
    if (token == TW_ESCPOS_CONTROL) {
        tw_page_flush_pending(page);
        tw_page_control(page, page->parser.code);
    } else if (token == TW_ESCPOS_COMMAND) {
        tw_page_flush_pending(page);
        tw_page_command(page);
    }
}

static uint64_t room_left(const struct tw_page *page)
{
    uint64_t skipped = page->parser.skipped - page->skipped;
    uint64_t counted = page->offset - page->begin - skipped;
    return counted < TW_PAGE_MAX_BYTES ? TW_PAGE_MAX_BYTES - counted : 0;
}

// Pieces end where the page's limit does, so that it falls on the same byte however the stream is
// cut.
int tw_page_feed(struct tw_page *page, struct tw_slice bytes)
{
    page->nomem = false;
    while (bytes.len > 0) {
        uint64_t room = room_left(page);
        struct tw_slice piece = {bytes.ptr, bytes.len < room ? bytes.len : (size_t)room};
        enum tw_escpos_token token;
        size_t used = tw_escpos_next(&page->parser, piece, &token);
        if (token == TW_ESCPOS_TEXT) {
            print_run(page, (struct tw_slice){piece.ptr, used});
        } else {
            page->offset += used;
            take(page, token);
        }
        if (room_left(page) == 0) {
            tw_page_emit(page, TW_PAGE_TOO_LONG);
        }
        bytes.ptr += used;
        bytes.len -= used;
    }
    return page->nomem ? TW_ERR_NOMEM : TW_OK;
}

int tw_page_close(struct tw_page *page, enum tw_page_end why)
{
    page->nomem = false;
    tw_escpos_reset(&page->parser);
    tw_page_flush_pending(page);
    tw_page_emit(page, why);
    return page->nomem ? TW_ERR_NOMEM : TW_OK;
}

bool tw_page_is_untouched(const struct tw_page *page)
{
    bool blank = tw_escpos_is_between(&page->parser) && page->pending_len == 0 && page->paper.count == 0 &&
                 !page->paper.picture && page->code_count == 0 && page->rasters == 0;
    for (size_t i = 0; blank && i < page->line_count; i++) {
        blank = page->lines[i].len == 0;
    }
    return blank;
}

void tw_page_restore(struct tw_page *page, uint64_t offset, const struct tw_page_state *state)
{
    tw_escpos_reset(&page->parser);
    page->pending_len = 0;
    tw_paper_clear(&page->paper);
    tw_page_defaults(page);
    if (state != NULL) {
        page->state = *state;
        page->state.justification = state->justification <= 2 ? state->justification : 0;
        page->state.size &= 0x77;
        if (page->state.left_margin + page->cell > page->dots) {
            page->state.left_margin = (uint16_t)(page->dots - page->cell);
        }
        tw_page_use_code_page(page);
        tw_page_begin_line(page);
    }
    page->offset = offset;
    forget(page);
}
