// SPDX-License-Identifier: Apache-2.0
//
// Pieces of paper that wait: copies of pages between cuts, in stream order, until the reader knows
// which of them make a receipt.
//
// Threading: one thread at a time. Memory: pieces own their lines; texts are wiped when dropped,
// since they may hold a member number. Time: none. Errors: TW_ERR_NOMEM; nothing is lost then.
#ifndef TW_SEGMENT_H
#define TW_SEGMENT_H

#include "tillwire/page.h"

struct tw_segment {
    struct tw_page_line *lines; // owned, with their texts
    size_t count;
    size_t rasters, masked;
    uint64_t begin, end;
    struct tw_page_state state;
    enum tw_page_end why;
};

struct tw_segments {
    struct tw_segment *items; // owned
    size_t count, cap;
};

// True when a page has no line with anything on it.
bool tw_page_is_blank(const struct tw_page_view *page);

// Appends a copy of the page. The text must have been through the payment guard.
int TW_MUST_CHECK tw_segments_add(struct tw_segments *segments, const struct tw_page_view *page,
                                  size_t masked);

// Blank paper after the last piece becomes part of it.
void tw_segments_extend(struct tw_segments *segments, const struct tw_page_view *page);

// Forgets the first `count` pieces.
void tw_segments_drop(struct tw_segments *segments, size_t count);

// All lines of `count` pieces from `first` in one array; the caller frees the array, not the texts.
int TW_MUST_CHECK tw_segments_join(const struct tw_segments *segments, size_t first, size_t count,
                                   struct tw_page_line **out, size_t *line_count);

// The text of the first `count` pieces, lines that are not blank with '\n' between; counts lines and
// masked numbers. Returns the number of pictures.
size_t tw_segments_text(const struct tw_segments *segments, size_t count, struct tw_buf *text, size_t *lines,
                        size_t *masked);

// The line on which the first printed line of the piece comes again, or 0.
size_t tw_segment_repeat(const struct tw_segment *segment);

// Divides piece `at` before `line`; joins piece `at` and the one after it again.
int TW_MUST_CHECK tw_segments_split(struct tw_segments *segments, size_t at, size_t line);
int TW_MUST_CHECK tw_segments_merge(struct tw_segments *segments, size_t at);

#endif
