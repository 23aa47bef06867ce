// SPDX-License-Identifier: Apache-2.0
//
// Small named values that change with almost every commit, side by side so that they share a page: the
// journal's own state, positions of taps, states of lanes. Each is sealed under its name.
//
// Threading: belongs to the thread of its database. Memory: what is got is borrowed until the recorder's
// next call. Time: none. Errors: the database's; TW_ERR_DAMAGED for a value that does not open.
#ifndef TW_MARKS_H
#define TW_MARKS_H

#include "agent/journal/db.h"
#include "agent/journal/record.h"
#include "agent/journal/seals.h"

#define TW_MARK_META   "meta"
#define TW_MARK_TAP    "tap:"
#define TW_MARK_LANE   "lane:"
#define TW_MARK_SOURCE "source:"

struct tw_marks {
    struct tw_db *db; // borrowed, as the next two
    struct tw_recorder *recorder;
    struct tw_seals *seals;
    struct tw_buf name, stored;
};

void tw_marks_free(struct tw_marks *marks);

// The name is `kind` followed by `name`. 1: there; 0: not.
int TW_MUST_CHECK tw_marks_get(struct tw_marks *marks, const char *kind, struct tw_slice name,
                               struct tw_slice *out);
int TW_MUST_CHECK tw_marks_put(struct tw_marks *marks, const char *kind, struct tw_slice name,
                               struct tw_slice value);
// Removes all of a kind.
int TW_MUST_CHECK tw_marks_clear(struct tw_marks *marks, const char *kind);
// The key that the journal's own state is sealed with and opens with; 0: it does not.
unsigned tw_marks_meta_key(struct tw_marks *marks);
// Whether each opens: TW_ERR_DAMAGED.
int TW_MUST_CHECK tw_marks_check(struct tw_marks *marks);
// Seals all anew with the present key.
int TW_MUST_CHECK tw_marks_reseal(struct tw_marks *marks);

#endif
