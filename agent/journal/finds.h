// SPDX-License-Identifier: Apache-2.0
//
// The first look at a damaged journal file: where copies of events stand, and what is needed to open them
// (lives, boot ids), each from every place that names it; and the marks, which open by themselves.
// Tables are told apart by the shape of their rows (sql/make_*.sql).
//
// Threading: one thread. Memory: its own, 24 bytes for each copy of an event. Time: none.
// Errors: those of tw_pages_walk.
#ifndef TW_FINDS_H
#define TW_FINDS_H

#include "agent/journal/outbox.h"
#include "agent/journal/pages.h"
#include "agent/journal/record.h"
#include "agent/journal/table.h"

// Where a copy of the event at place `n` stands.
struct tw_find {
    int64_t n;
    uint32_t page;
    uint32_t life;
    uint16_t cell;
    bool stale : 1, replaced : 1; // as in tw_page_place
    bool dead : 1, sale : 1;
    bool given : 1; // for the owner of the finds
};

struct tw_found_boot {
    int64_t number;
    char text[37];
};

struct tw_found_mark {
    struct tw_buf name, value; // the value unsealed
};

struct tw_finds {
    struct tw_recorder *recorder; // borrowed
    struct tw_find *rows;         // by n, then from the copy to believe least to most
    struct tw_life *lives;        // not all need be true; each once
    struct tw_found_boot *boots;  // by number
    struct tw_found_mark *marks;  // each name once, the newest
    size_t row_count, life_count, boot_count, mark_count;
    size_t row_cap, life_cap, boot_cap, mark_cap; // reserved
    bool has_meta;
    bool meta_is_stale;              // only an older copy of it opened
    struct tw_outbox_meta meta;      // of all that opened, the furthest
    uint64_t no_key;                 // marks that name a key which the vault does not have
    uint64_t own_seals, other_seals; // keys the file says it was sealed with: as in the vault, or not
};

// `finds` is {.recorder} before. What was found before an error is kept.
int TW_MUST_CHECK tw_finds_look(struct tw_finds *finds, struct tw_pages *pages,
                                struct tw_pages_report *report);
void tw_finds_free(struct tw_finds *finds);

static inline struct tw_page_place tw_find_place(const struct tw_find *find)
{
    return (struct tw_page_place){
        .page = find->page, .cell = find->cell, .stale = find->stale, .replaced = find->replaced};
}

// Rows by shape; false: not of that kind. What is in `out` is borrowed from the row.
bool tw_finds_event(const struct tw_page_row *row, struct tw_stored *out);
struct tw_found_letter {
    int64_t number, sequence, at_ms;
    char epoch[37];
    struct tw_stored stored;
    struct tw_slice reason;
};
bool tw_finds_letter(const struct tw_page_row *row, struct tw_found_letter *out);

// NULL: not found.
const char *tw_finds_boot(const struct tw_finds *finds, int64_t number);
bool tw_finds_has_life(const struct tw_finds *finds, const struct tw_life *life);

#endif
