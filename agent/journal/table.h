// SPDX-License-Identifier: Apache-2.0
//
// The table `events`: rows by place (n), sealed on the way in and opened on the way out. A row's sequence is
// n less the base of its life; the life is the epoch in which it was written, which may be an earlier one
// than the epoch it is sent in. Beside it `lives` and `boots`, so that a row names both in a byte or two.
//
// Threading: belongs to the thread of its database. Memory: what is read is borrowed until the next call.
// Time: comes with the rows. Errors: the database's; TW_ERR_DAMAGED for a row that does not open.
#ifndef TW_TABLE_H
#define TW_TABLE_H

#include "agent/journal/db.h"
#include "agent/journal/fresh.h"
#include "agent/journal/record.h"
#include "agent/journal/seals.h"

struct tw_life {
    int64_t number; // 0: none
    int64_t base;
    char epoch[37];
};

struct tw_table {
    struct tw_db *db; // borrowed, as the next two
    struct tw_recorder *recorder;
    struct tw_seals *seals;
    struct tw_life life; // the one looked up last
    int64_t boot_id;     // likewise; 0: none
    char boot[37];
    struct tw_buf sealed;
    struct tw_fresh fresh;
    bool passes_fresh; // the pass under way has not left what is there
};

struct tw_table_row {
    struct tw_stored stored;
    struct tw_record record; // row.sequence: in the life it was written in; row.boot is filled in
};

void tw_table_free(struct tw_table *table);
// The transaction was rolled back: what was looked up or written may be gone.
void tw_table_forget(struct tw_table *table);
// Gives working memory back.
void tw_table_rest(struct tw_table *table);

// Makes a life with the next number.
int TW_MUST_CHECK tw_table_add_life(struct tw_table *table, const char *epoch, int64_t base,
                                    struct tw_life *out);

// Writes the row at `n`, where there is none, as one of `life`. `bytes` is what it takes, sealed.
int TW_MUST_CHECK tw_table_put(struct tw_table *table, const struct tw_life *life, int64_t n,
                               enum tw_record_state state, const struct tw_event_row *row,
                               struct tw_slice sale_key, size_t *bytes);
// The same for a row that is there.
int TW_MUST_CHECK tw_table_replace(struct tw_table *table, const struct tw_life *life, int64_t n,
                                   enum tw_record_state state, const struct tw_event_row *row,
                                   struct tw_slice sale_key, size_t *bytes);

// The same without writing: sets key and sealed (borrowed until the next one) of `stored`, which has all
// else. The boot number of `record` is set aside for that of its row.
int TW_MUST_CHECK tw_table_seal(struct tw_table *table, const char *epoch, uint64_t sequence,
                                struct tw_stored *stored, const struct tw_record *record);

// 1: there; 0: not.
int TW_MUST_CHECK tw_table_get(struct tw_table *table, int64_t n, struct tw_table_row *out);

// One pass from `n` on, in order. One at a time; ended by its last row, an error or tw_table_end.
void tw_table_from(struct tw_table *table, int64_t n);
int TW_MUST_CHECK tw_table_next(struct tw_table *table, struct tw_table_row *out);
void tw_table_end(struct tw_table *table);

int TW_MUST_CHECK tw_table_delete(struct tw_table *table, int64_t n);

// Opens a row that stands in another table (the dead letters): `stored` as it was in its life.
int TW_MUST_CHECK tw_table_open(struct tw_table *table, const char *epoch, uint64_t sequence,
                                const struct tw_stored *stored, struct tw_record *out);

#endif
