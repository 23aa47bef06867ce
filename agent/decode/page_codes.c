// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "agent/decode/page_model.h"

#define CODE128 73 // m of GS k

// CODE128 as Epson takes it: "{A", "{B", "{C" choose a code set, "{1" to "{4" are FNC1 to FNC4,
// "{S" a shift and "{{" a brace; in set C a byte is two digits (Epson, GS k, CODE128).
static void code128_text(struct tw_slice data, struct tw_buf *out)
{
    bool pairs = false;
    for (size_t i = 0; i < data.len; i++) {
        uint8_t byte = data.ptr[i];
        if (byte == '{' && i + 1 < data.len) {
            uint8_t next = data.ptr[++i];
            pairs = next >= 'A' && next <= 'C' ? next == 'C' : pairs;
            if (next == '{') {
                tw_buf_add(out, "{", 1);
            }
        } else if (pairs && byte <= 99) {
            tw_buf_printf(out, "%02u", byte);
        } else {
            tw_buf_add(out, &byte, 1);
        }
    }
}

// Keeps what can be shown: control characters go, what is no UTF-8 becomes '?'.
static void make_printable(struct tw_buf *text, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < text->len;) {
        uint32_t code = 0;
        size_t len = tw_utf8_decode((struct tw_slice){text->ptr + i, text->len - i}, &code);
        if (len == 0) {
            text->ptr[to++] = '?';
            i++;
            continue;
        }
        if (code >= 0x20 && code != 0x7F) {
            memmove(text->ptr + to, text->ptr + i, len);
            to += len;
        }
        i += len;
    }
    text->len = to;
}

static struct tw_page_code *new_code(struct tw_page *page)
{
    if (page->code_count == page->code_cap) {
        size_t cap = page->code_cap == 0 ? 4 : page->code_cap * 2;
        struct tw_page_code *grown = realloc(page->codes, cap * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        page->codes = grown;
        page->code_cap = cap;
    }
    return &page->codes[page->code_count];
}

void tw_page_add_code(struct tw_page *page, uint8_t symbology, struct tw_slice data)
{
    struct tw_page_code *code = new_code(page);
    size_t start = page->code_text.len;
    if (symbology == CODE128) {
        code128_text(data, &page->code_text);
    } else {
        tw_buf_add(&page->code_text, data.ptr, data.len);
    }
    make_printable(&page->code_text, start);
    tw_buf_add(&page->code_text, "", 1);
    if (code == NULL || page->code_text.failed) {
        page->nomem = true;
        page->code_text.failed = false;
        page->code_text.len = start;
        return;
    }
    *code = (struct tw_page_code){.symbology = symbology};
    page->code_count++;
    if (page->code_count >= TW_PAGE_MAX_CODES) {
        tw_page_emit(page, TW_PAGE_TOO_LONG);
    }
}
