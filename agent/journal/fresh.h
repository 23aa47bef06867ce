// SPDX-License-Identifier: Apache-2.0
//
// The rows that were written last, as they were given: whoever sends them comes right behind, and need not
// read, open and unpack them again. A short cut: what is not in it is in the table.
//
// Threading: belongs to one thread. Memory: at most TW_FRESH_BYTES, wiped when it is forgotten; what is read
// is borrowed until the next call. Time: none. Errors: a row that does not fit, or for which memory is out,
// makes it empty.
#ifndef TW_FRESH_H
#define TW_FRESH_H

#include "agent/journal/record.h"

#define TW_FRESH_BYTES (128 * 1024)

struct tw_fresh {
    struct tw_buf rows;  // each with its head, one after another
    int64_t first, next; // places [first, next)
    size_t at;           // of the row to be read
    int64_t place;       // likewise
};

void tw_fresh_free(struct tw_fresh *fresh);
// Nothing of it holds any more.
void tw_fresh_forget(struct tw_fresh *fresh);

// The row was written at `n`, sealed in so many bytes. Where that is not right behind the one before, those
// are forgotten.
void tw_fresh_put(struct tw_fresh *fresh, int64_t n, enum tw_record_state state,
                  const struct tw_event_row *row, size_t sealed_bytes);

// Goes to the row at `n`. False: it is not here.
bool tw_fresh_seek(struct tw_fresh *fresh, int64_t n);
// Reads the row there and goes on to the next one. Sets of `stored` place, type, time, state and how long
// what is sealed is, which is not here itself. False: that was the last one.
bool tw_fresh_read(struct tw_fresh *fresh, struct tw_stored *stored, struct tw_event_row *row);
// All of them were read.
bool tw_fresh_is_read(const struct tw_fresh *fresh);

#endif
