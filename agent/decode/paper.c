// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/paper.h"

#include <stdlib.h>

#include "agent/decode/utf8.h"

void tw_paper_clear(struct tw_paper *paper)
{
    paper->count = 0;
    paper->unsorted = false;
    paper->wide = false;
    paper->picture = false;
}

void tw_paper_put(struct tw_paper *paper, struct tw_paper_cell cell, bool wide)
{
    if (paper->count > 0) {
        const struct tw_paper_cell *last = &paper->cells[paper->count - 1];
        paper->unsorted |= cell.x < last->x + last->width;
    }
    cell.order = (uint16_t)paper->count;
    paper->cells[paper->count++] = cell;
    paper->wide |= wide && cell.code != ' ';
}

uint32_t tw_paper_end(const struct tw_paper *paper)
{
    uint32_t end = 0;
    for (size_t i = 0; i < paper->count; i++) {
        uint32_t right = paper->cells[i].x + paper->cells[i].width;
        end = right > end ? right : end;
    }
    return end;
}

static int by_place(const void *a, const void *b)
{
    const struct tw_paper_cell *l = a;
    const struct tw_paper_cell *r = b;
    if (l->x != r->x) {
        return l->x < r->x ? -1 : 1;
    }
    return (l->order > r->order) - (l->order < r->order);
}

// Whether `cell` shows where it meets `other`: ink over a space, else the later one. A rule drawn
// under a text does not hide it.
static bool shows(const struct tw_paper_cell *cell, const struct tw_paper_cell *other)
{
    bool faint = cell->code == ' ' || cell->code == '_';
    bool other_faint = other->code == ' ' || other->code == '_';
    return faint != other_faint ? other_faint : cell->order > other->order;
}

// Sorts by place and removes what is hidden: of two that share more than half of the narrower.
static void settle(struct tw_paper *paper)
{
    qsort(paper->cells, paper->count, sizeof paper->cells[0], by_place);
    size_t kept = 0;
    for (size_t i = 0; i < paper->count; i++) {
        struct tw_paper_cell cell = paper->cells[i];
        bool hidden = false;
        while (kept > 0 && !hidden) {
            const struct tw_paper_cell *last = &paper->cells[kept - 1];
            uint32_t narrow = last->width < cell.width ? last->width : cell.width;
            uint32_t right = last->x + last->width;
            if (right <= cell.x || (right - cell.x) * 2 <= narrow) {
                break;
            }
            hidden = !shows(&cell, last);
            kept -= hidden ? 0 : 1;
        }
        if (!hidden) {
            paper->cells[kept++] = cell;
        }
    }
    paper->count = kept;
    paper->unsorted = false;
}

// Spaces that stand for `gap` dots. What rounding leaves over goes to the next gap, so that
// columns stay true along the line; gaps of less than half a character are spacing.
static size_t spaces_of(int64_t gap, int64_t unit, int64_t *carry)
{
    if (gap * 2 < unit) {
        return 0;
    }
    int64_t due = gap + *carry;
    int64_t count = (due * 2 + unit) / (unit * 2);
    count = count < 1 ? 1 : count;
    *carry = due - count * unit;
    return (size_t)count;
}

size_t tw_paper_text(struct tw_paper *paper, uint32_t shift, struct tw_buf *out)
{
    static const char blanks[] = "                                ";
    if (paper->unsorted) {
        settle(paper);
    }
    int64_t at = -(int64_t)shift;
    int64_t carry = 0;
    size_t columns = 0;
    size_t ink = out->len;
    for (size_t i = 0; i < paper->count; i++) {
        const struct tw_paper_cell *cell = &paper->cells[i];
        size_t gap = spaces_of((int64_t)cell->x - at, cell->unit, &carry);
        size_t room = TW_PAGE_MAX_COLUMNS - columns - (paper->count - i);
        gap = gap < room ? gap : room;
        columns += gap + 1;
        for (; gap > 0; gap -= gap < sizeof blanks - 1 ? gap : sizeof blanks - 1) {
            tw_buf_add(out, blanks, gap < sizeof blanks - 1 ? gap : sizeof blanks - 1);
        }
        char text[TW_UTF8_MAX];
        tw_buf_add(out, text, tw_utf8_encode(cell->code, text));
        ink = cell->code != ' ' ? out->len : ink;
        at = (int64_t)cell->x + cell->width;
    }
    size_t trimmed = out->len - ink;
    out->len = ink;
    return trimmed;
}
