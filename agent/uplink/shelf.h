// SPDX-License-Identifier: Apache-2.0
//
// What lies between the journal and the broker: rows that were read and not published yet, and which
// packet id stands for which event while its PUBACK is out.
//
// Threading: one thread. Memory: owns the row sets put on it; bounded by the flow, which reads only
// while less than half a window is left. Time: none. Errors: none.
#ifndef TW_SHELF_H
#define TW_SHELF_H

#include "agent/uplink/flow.h"
#include "tillwire/journal.h"

// A set may hold a single row, and half a window and one more is read ahead, behind a set that is used up.
#define TW_SHELF_SETS (TW_FLOW_WINDOW / 2 + 2)

struct tw_shelf {
    struct tw_rows *sets[TW_SHELF_SETS];
    size_t count;
    size_t at;      // next row of the first set
    uint64_t asked; // highest sequence since the last flush
    struct tw_open_publish {
        int mid;
        unsigned pass;
        uint64_t sequence;
    } open[TW_FLOW_WINDOW];
    size_t open_count;
};

// Takes the rows. False: no room, the rows are freed.
bool tw_shelf_put(struct tw_shelf *shelf, struct tw_rows *rows);
void tw_shelf_flush(struct tw_shelf *shelf); // rows only

enum tw_shelf_found {
    TW_SHELF_ROW = 0,
    TW_SHELF_DEAD,   // the journal's answers go on behind it and have no such row: a dead letter
    TW_SHELF_ABSENT, // nothing is known of it: not read, or not asked for in rising order
};
// The row of `sequence`, asked for in rising order. Borrowed until the next call; `out` is set with
// TW_SHELF_ROW only.
enum tw_shelf_found tw_shelf_find(struct tw_shelf *shelf, uint64_t sequence,
                                  const struct tw_journal_payload **out);

void tw_shelf_opened(struct tw_shelf *shelf, int mid, uint64_t sequence, unsigned pass);
// False: the packet id is none of an event.
bool tw_shelf_closed(struct tw_shelf *shelf, int mid, struct tw_open_publish *out);

#endif
