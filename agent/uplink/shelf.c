// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/shelf.h"

#include <string.h>

bool tw_shelf_put(struct tw_shelf *shelf, struct tw_rows *rows)
{
    if (shelf->count == TW_SHELF_SETS) {
        tw_rows_free(rows);
        return false;
    }
    shelf->sets[shelf->count++] = rows;
    return true;
}

static void drop_first(struct tw_shelf *shelf)
{
    tw_rows_free(shelf->sets[0]);
    shelf->count--;
    memmove(&shelf->sets[0], &shelf->sets[1], shelf->count * sizeof shelf->sets[0]);
    shelf->at = 0;
}

void tw_shelf_flush(struct tw_shelf *shelf)
{
    while (shelf->count > 0) {
        drop_first(shelf);
    }
    shelf->asked = 0;
}

enum tw_shelf_found tw_shelf_find(struct tw_shelf *shelf, uint64_t sequence,
                                  const struct tw_journal_payload **out)
{
    if (sequence <= shelf->asked) {
        return TW_SHELF_ABSENT;
    }
    shelf->asked = sequence;
    while (shelf->count > 0) {
        const struct tw_rows *set = shelf->sets[0];
        while (shelf->at < set->count && set->rows[shelf->at].sequence < sequence) {
            shelf->at++;
        }
        if (shelf->at < set->count && set->rows[shelf->at].sequence == sequence) {
            *out = &set->rows[shelf->at];
            return TW_SHELF_ROW;
        }
        if (shelf->at < set->count) {
            return TW_SHELF_DEAD;
        }
        drop_first(shelf);
    }
    return TW_SHELF_ABSENT;
}

void tw_shelf_opened(struct tw_shelf *shelf, int mid, uint64_t sequence, unsigned pass)
{
    if (shelf->open_count < TW_FLOW_WINDOW) { // the flow never opens more
        shelf->open[shelf->open_count++] = (struct tw_open_publish){mid, pass, sequence};
    }
}

bool tw_shelf_closed(struct tw_shelf *shelf, int mid, struct tw_open_publish *out)
{
    for (size_t i = 0; i < shelf->open_count; i++) { // PUBACKs come in order, so it is the first
        if (shelf->open[i].mid == mid) {
            *out = shelf->open[i];
            shelf->open_count--;
            memmove(&shelf->open[i], &shelf->open[i + 1], (shelf->open_count - i) * sizeof shelf->open[0]);
            return true;
        }
    }
    return false;
}
