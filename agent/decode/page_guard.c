// SPDX-License-Identifier: Apache-2.0
#include "tillwire/guard.h"
#include "tillwire/page.h"

// What may stand between the two halves of a broken number besides what was printed: the second
// line's margin and justification are no part of it, but a space may look like them.
enum seam { AS_PRINTED = 0, WITHOUT_MARGIN, SPACE_FOR_MARGIN, SEAMS };

struct part {
    char *text;
    size_t len;
    size_t before; // spaces to put in front
};

static struct part part_of(const struct tw_page_line *lines, size_t i, enum seam seam)
{
    struct part part = {lines[i].text, lines[i].len, i > 0 ? lines[i - 1].trimmed : 0};
    if (i == 0 || seam == AS_PRINTED) {
        return part;
    }
    while (part.len > 0 && part.text[0] == ' ') {
        part.text++;
        part.len--;
    }
    part.before += seam == SPACE_FOR_MARGIN ? 1 : 0;
    return part;
}

// Joins the lines that are one, masks, and puts back what each of them has of it.
static size_t mask_joined(const struct tw_guard *guard, struct tw_page_line *lines, size_t count,
                          enum seam seam)
{
    struct tw_buf joined = {0};
    for (size_t i = 0; i < count; i++) {
        struct part part = part_of(lines, i, seam);
        for (size_t k = 0; k < part.before; k++) {
            tw_buf_add(&joined, " ", 1);
        }
        tw_buf_add(&joined, part.text, part.len);
    }
    bool usable = !joined.failed && joined.len > 0;
    size_t masked = usable ? tw_guard_mask(guard, (char *)joined.ptr, joined.len) : 0;
    size_t at = 0;
    for (size_t i = 0; masked > 0 && i < count; i++) {
        struct part part = part_of(lines, i, seam);
        at += part.before;
        memcpy(part.text, joined.ptr + at, part.len);
        at += part.len;
    }
    tw_buf_free(&joined);
    return masked;
}

size_t tw_page_mask(struct tw_page_view *page, const struct tw_guard *guard)
{
    size_t masked = 0;
    for (size_t i = 0; i < page->line_count;) {
        size_t count = 1;
        while (page->lines[i + count - 1].wrapped && i + count < page->line_count) {
            count++;
        }
        for (enum seam seam = AS_PRINTED; count > 1 && seam < SEAMS; seam++) {
            masked += mask_joined(guard, page->lines + i, count, seam);
        }
        for (; count > 0; count--, i++) {
            masked += tw_guard_mask(guard, page->lines[i].text, page->lines[i].len);
        }
    }
    for (size_t i = 0; i < page->code_count; i++) {
        if (tw_guard_hits(guard, tw_slice_of(page->codes[i].text))) {
            page->codes[i].text = "";
            masked++;
        }
    }
    return masked;
}
