// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/segment.h"

static bool is_blank(const struct tw_page_line *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if (line->text[i] != ' ') {
            return false;
        }
    }
    return true;
}

bool tw_page_is_blank(const struct tw_page_view *page)
{
    for (size_t i = 0; i < page->line_count; i++) {
        if (!is_blank(&page->lines[i])) {
            return false;
        }
    }
    return true;
}

static void free_lines(struct tw_segment *segment)
{
    for (size_t i = 0; i < segment->count; i++) {
        explicit_bzero(segment->lines[i].text, segment->lines[i].len);
        free(segment->lines[i].text);
    }
    free(segment->lines);
}

// Copies the lines; on failure nothing of them is left.
static int copy_lines(struct tw_segment *to, const struct tw_page_line *lines, size_t count)
{
    to->lines = calloc(count + 1, sizeof *to->lines);
    if (to->lines == NULL) {
        return TW_ERR_NOMEM;
    }
    for (; to->count < count; to->count++) {
        struct tw_page_line *line = &to->lines[to->count];
        *line = lines[to->count];
        line->text = malloc(line->len + 1);
        if (line->text == NULL) {
            free_lines(to);
            return TW_ERR_NOMEM;
        }
        memcpy(line->text, lines[to->count].text, line->len);
        line->text[line->len] = 0;
    }
    return TW_OK;
}

static int make_room(struct tw_segments *segments)
{
    if (segments->count < segments->cap) {
        return TW_OK;
    }
    size_t cap = segments->cap < 8 ? 8 : segments->cap * 2;
    struct tw_segment *grown = realloc(segments->items, cap * sizeof *grown);
    if (grown == NULL) {
        return TW_ERR_NOMEM;
    }
    segments->items = grown;
    segments->cap = cap;
    return TW_OK;
}

int tw_segments_add(struct tw_segments *segments, const struct tw_page_view *page, size_t masked)
{
    struct tw_segment segment = {.rasters = page->rasters,
                                 .masked = masked,
                                 .begin = page->begin,
                                 .end = page->end,
                                 .state = page->state,
                                 .why = page->why};
    int rc = make_room(segments);
    rc = rc == TW_OK ? copy_lines(&segment, page->lines, page->line_count) : rc;
    if (rc == TW_OK) {
        segments->items[segments->count++] = segment;
    }
    return rc;
}

void tw_segments_extend(struct tw_segments *segments, const struct tw_page_view *page)
{
    struct tw_segment *last = &segments->items[segments->count - 1];
    last->end = page->end;
    last->state = page->state;
    last->rasters += page->rasters;
}

void tw_segments_drop(struct tw_segments *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free_lines(&segments->items[i]);
    }
    segments->count -= count;
    if (segments->count > 0) {
        memmove(segments->items, segments->items + count, segments->count * sizeof *segments->items);
    }
}

int tw_segments_join(const struct tw_segments *segments, size_t first, size_t count,
                     struct tw_page_line **out, size_t *line_count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += segments->items[first + i].count;
    }
    struct tw_page_line *lines = calloc(total + 1, sizeof *lines);
    if (lines == NULL) {
        return TW_ERR_NOMEM;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tw_segment *segment = &segments->items[first + i];
        if (segment->count > 0) {
            memcpy(lines + at, segment->lines, segment->count * sizeof *lines);
        }
        at += segment->count;
    }
    *out = lines;
    *line_count = total;
    return TW_OK;
}

size_t tw_segments_text(const struct tw_segments *segments, size_t count, struct tw_buf *text, size_t *lines,
                        size_t *masked)
{
    size_t rasters = 0;
    *lines = 0;
    *masked = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tw_segment *segment = &segments->items[i];
        for (size_t n = 0; n < segment->count; n++) {
            if (!is_blank(&segment->lines[n])) {
                tw_buf_add(text, "\n", *lines > 0 ? 1 : 0);
                tw_buf_add(text, segment->lines[n].text, segment->lines[n].len);
                (*lines)++;
            }
        }
        *masked += segment->masked;
        rasters += segment->rasters;
    }
    return rasters;
}

size_t tw_segment_repeat(const struct tw_segment *segment)
{
    size_t first = 0;
    while (first < segment->count && is_blank(&segment->lines[first])) {
        first++;
    }
    const struct tw_page_line *heading = &segment->lines[first];
    size_t words = 0;
    for (size_t i = 0; first < segment->count && i < heading->len; i++) {
        words += (heading->text[i] >= 'A' && heading->text[i] <= 'z') || (uint8_t)heading->text[i] >= 0x80;
    }
    for (size_t i = first + 1; words >= 4 && i < segment->count; i++) {
        const struct tw_page_line *line = &segment->lines[i];
        if (line->len == heading->len && memcmp(line->text, heading->text, line->len) == 0) {
            return i;
        }
    }
    return 0;
}

int tw_segments_split(struct tw_segments *segments, size_t at, size_t line)
{
    int rc = make_room(segments);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_segment *whole = &segments->items[at];
    struct tw_segment rest = *whole;
    rest.count = whole->count - line;
    rest.lines = calloc(rest.count + 1, sizeof *rest.lines);
    if (rest.lines == NULL) {
        return TW_ERR_NOMEM;
    }
    memcpy(rest.lines, whole->lines + line, rest.count * sizeof *rest.lines);
    uint32_t cut = whole->lines[line - 1].end;
    for (size_t i = 0; i < rest.count; i++) {
        rest.lines[i].end -= cut;
    }
    rest.begin = whole->begin + cut;
    rest.rasters = 0;
    rest.masked = 0;
    whole->count = line;
    whole->end = rest.begin;
    whole->why = TW_PAGE_CUT;
    memmove(segments->items + at + 2, segments->items + at + 1,
            (segments->count - at - 1) * sizeof *segments->items);
    segments->items[at + 1] = rest;
    segments->count++;
    return TW_OK;
}

int tw_segments_merge(struct tw_segments *segments, size_t at)
{
    struct tw_segment *whole = &segments->items[at];
    struct tw_segment *rest = &segments->items[at + 1];
    struct tw_page_line *lines = realloc(whole->lines, (whole->count + rest->count + 1) * sizeof *lines);
    if (lines == NULL) {
        return TW_ERR_NOMEM;
    }
    uint32_t cut = (uint32_t)(rest->begin - whole->begin);
    for (size_t i = 0; i < rest->count; i++) {
        lines[whole->count + i] = rest->lines[i];
        lines[whole->count + i].end += cut;
    }
    free(rest->lines);
    whole->lines = lines;
    whole->count += rest->count;
    whole->end = rest->end;
    whole->why = rest->why;
    memmove(rest, rest + 1, (segments->count - at - 2) * sizeof *rest);
    segments->count--;
    return TW_OK;
}
