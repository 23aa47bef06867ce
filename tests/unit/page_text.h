// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the page model share: a page made and read as text.
//
// Threading: a test's own. Memory: the buffer is the caller's. Time: none. Errors: fail the test.
#ifndef TW_PAGE_TEXT_H
#define TW_PAGE_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tillwire/page.h"

// Only the text: a line each, '~' before wide lines, "--" at the end of a page.
static inline void write_text(void *ctx, struct tw_page_view *page)
{
    struct tw_buf *out = ctx;
    for (size_t i = 0; i < page->line_count; i++) {
        tw_buf_printf(out, "%s%s\n", page->lines[i].wide ? "~" : "", page->lines[i].text);
    }
    for (size_t i = 0; i < page->code_count; i++) {
        tw_buf_printf(out, "{%c}%s\n", page->codes[i].symbology, page->codes[i].text);
    }
    for (size_t i = 0; i < page->rasters; i++) {
        tw_buf_add_text(out, "#\n");
    }
    if (page->why != TW_PAGE_CLOSED) {
        tw_buf_add_text(out, "--\n");
    }
}

static inline struct tw_page *new_page(tw_page_fn *on_page, void *ctx, unsigned columns)
{
    struct tw_page *page = NULL;
    struct tw_page_options options = {.columns = columns, .on_page = on_page, .ctx = ctx};
    assert_int_equal(tw_page_new(&options, &page), TW_OK);
    return page;
}

static inline void read_text(const char *bytes, size_t len, unsigned columns, struct tw_buf *out)
{
    struct tw_page *page = new_page(write_text, out, columns);
    assert_int_equal(tw_page_feed(page, tw_slice_make(bytes, len)), TW_OK);
    assert_int_equal(tw_page_close(page, TW_PAGE_CLOSED), TW_OK);
    tw_page_free(page);
}

#endif
