// SPDX-License-Identifier: Apache-2.0
//
// The journal's own time: how long it has lived, as far as that is certain. What is remembered is dated by
// it, so that no wall clock, wherever it jumps, makes a key older than it is; when in doubt a key stays
// longer.
//
// While the machine runs its monotonic clock counts, over restarts of the agent as well. The time it was off
// counts when the wall clock was vouched for before it went off and again before the first key is dated
// after: later nobody can tell on which side of that key it lies. Where nobody ever vouches, a machine that
// is off at night keeps its keys for so many days of being on, which bounds their number all the same.
//
// It is kept in a mark ("lived"), at most a minute behind what was dated by it, and begins where no wall
// clock would be taken for it nor it for any other number in the file.
//
// Threading: belongs to the thread of its database. Memory: its own. Time: from the clock it is given.
// Errors: the database's; TW_ERR_DAMAGED for a mark that does not open.
#ifndef TW_LIVED_H
#define TW_LIVED_H

#include <stdbool.h>

#include "agent/journal/marks.h"
#include "tillwire/clock.h"

#define TW_MARK_LIVED     "lived"
#define TW_LIVED_BEGIN_MS TW_RELEASE_WALL_MS

struct tw_lived {
    const struct tw_clock *clock; // borrowed, as the next
    struct tw_marks *marks;
    int64_t ms;           // own time, when
    int64_t monotonic_ms; // it was this
    int64_t wall_ms;      // and this, vouched for then or earlier in that boot; 0: not known
    bool was_off;         // nothing was dated since the machine was off
    bool is_due;          // what changed must be in the next commit
};

// Goes on from what is stored. `lived` has clock and marks.
int TW_MUST_CHECK tw_lived_open(struct tw_lived *lived);
int64_t tw_lived_now(struct tw_lived *lived);
// The same, for something that is dated by it: in the same transaction tw_lived_save has to follow.
int64_t tw_lived_date(struct tw_lived *lived);
// Within a transaction.
int TW_MUST_CHECK tw_lived_save(struct tw_lived *lived);

#endif
