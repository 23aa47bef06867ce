// SPDX-License-Identifier: Apache-2.0
//
// The page model of an ESC/POS printer: bytes in, lines of text out, as a person would see them on
// paper. It honours column positioning (ESC $, ESC \, HT), justification, code pages (ESC t,
// ESC R) and their changes in mid-line, character size, and knows the length of every command it
// skips (rasters, bar codes, 2-D codes, drawer pulses, status requests), so that no picture is
// ever read as text. Source: Epson, "ESC/POS Command Reference"; lengths are cited in the table.
//
// Threading: one thread at a time; no globals, no clock, no I/O. Memory: bounded by the limits
// below; a page beyond them is closed with TW_PAGE_TOO_LONG. Time: none.
// Errors: TW_ERR_NOMEM only; any byte sequence is acceptable input.
#ifndef TW_PAGE_H
#define TW_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_PAGE_MAX_LINES   1500
#define TW_PAGE_MAX_COLUMNS 256          // a line longer than that continues on the next one
#define TW_PAGE_MAX_BYTES   (256 * 1024) // printer bytes in one page; rasters do not count

// What survives from page to page inside one connection without ESC @; stored with the tap's
// position so that a restarted agent reads on with the right code page.
struct tw_page_state {
    uint8_t code_page;     // n of ESC t
    uint8_t international; // n of ESC R
    uint8_t size;          // n of GS !
    uint8_t justification; // n of ESC a
    uint16_t motion_x;     // horizontal units per inch, n of GS P; 0: the printer's default
    uint16_t left_margin;  // dots, GS L
};

enum tw_page_end {
    TW_PAGE_CUT = 0,  // GS V, ESC i, ESC m: the paper was cut here; the receipt may go on
    TW_PAGE_RESET,    // ESC @
    TW_PAGE_CLOSED,   // the connection closed (tw_page_close)
    TW_PAGE_TOO_LONG, // a limit was reached
    TW_PAGE_IDLE,     // the caller gave up waiting (tw_page_close with idle)
};

struct tw_page_line {
    char *text; // UTF-8, column-positioned with spaces, right-trimmed, NUL-terminated
    size_t len;
    bool wide;        // printed double width or double height (totals often are)
    bool wrapped;     // the paper's edge ended it, not the till: the next line goes on with it
    uint16_t trimmed; // spaces that were printed at its end and are not in the text
    uint32_t end;     // bytes of this page consumed when the line ended
};

struct tw_page_code {
    uint8_t
        symbology; // m of GS k (the old forms 0 to 6 as 65 to 71), or 'Q' (QR), 'P' (PDF417), 'X' (other 2-D)
    const char *text; // the data, NUL-terminated
};

// A stretch of paper: what was printed since the last end. Owned by the page model, valid during
// the callback only; the receiver may change the text in place (the payment guard does).
struct tw_page_view {
    struct tw_page_line *lines;
    size_t line_count;
    struct tw_page_code *codes; // bar codes and 2-D codes on it
    size_t code_count;
    size_t rasters;      // pictures on it
    uint64_t begin, end; // absolute offsets in the tap's stream: [begin, end)
    enum tw_page_end why;
    struct tw_page_state state; // in force after `end`
};

struct tw_guard;

// Applies the payment guard (guard.h) to a whole page, in place: to every line, to numbers that the
// paper's edge broke over two lines, and to the codes, whose text becomes empty where it hits.
// Returns how many numbers were masked.
size_t tw_page_mask(struct tw_page_view *page, const struct tw_guard *guard);

// Called for every end, also of empty pages (line_count 0), in stream order.
typedef void tw_page_fn(void *ctx, struct tw_page_view *page);

struct tw_page;

struct tw_page_options {
    unsigned columns; // characters of font A per line: 48 (80 mm), 42 or 32; 0 = 48
    unsigned dots;    // printable dots per line; 0 = 12 for each column: 576 (80 mm at 203 dpi)
    const char *const
        *code_pages; // 256 iconv names indexed by n of ESC t, NULL entries unknown; NULL = Epson's table
    tw_page_fn *on_page;
    void *ctx;
};

int TW_MUST_CHECK tw_page_new(const struct tw_page_options *options, struct tw_page **out);
void tw_page_free(struct tw_page *page);

// Takes the next bytes of the stream, in any cuts. The stream begins at absolute `offset` of the
// first call after new or tw_page_restore. TW_ERR_NOMEM leaves the page usable but incomplete.
int TW_MUST_CHECK tw_page_feed(struct tw_page *page, struct tw_slice bytes);

// Ends the current page and any half command (a connection closed, or the caller waited enough).
int TW_MUST_CHECK tw_page_close(struct tw_page *page, enum tw_page_end why);

// Nothing was printed since the page began, and no command is half there.
bool tw_page_is_untouched(const struct tw_page *page);

// Starts reading at absolute `offset` with `state` (NULL: a printer just switched on).
void tw_page_restore(struct tw_page *page, uint64_t offset, const struct tw_page_state *state);

#endif
