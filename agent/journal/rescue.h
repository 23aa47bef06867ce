// SPDX-License-Identifier: Apache-2.0
//
// Opens the journal whatever state its file is in (P9). A damaged one is set aside whole (database, WAL and
// shm, to quarantine/ beside it), what can be proven is taken over into a new file and a new epoch with the
// ids it had, and the rest is told of by capture.gap. A file of a newer version, of another terminal, or
// sealed with a key that is not there is no damage: that is a mistake which somebody can put right, so it is
// left alone and said.
//
// No more than the newest few are kept there (quarantine.h).
//
// What was begun is finished after a power cut at any moment: a marker file (PATH-damaged) names the place of
// the damaged files until the new journal stands in their place.
//
// Threading: the thread of the store. Memory: as tw_salvage_collect. Time: for the name of what is set aside.
// Errors: those of tw_store_open but TW_ERR_DAMAGED.
#ifndef TW_RESCUE_H
#define TW_RESCUE_H

#include "agent/journal/store.h"

struct tw_rescue {
    uint64_t damaged;    // files set aside
    uint64_t salvaged;   // events taken over
    char set_aside[512]; // where the last one lies; empty: none
};

// Opens and checks. With `damaged` what is there is known to be so. `rescue` is added to.
int TW_MUST_CHECK tw_rescue_open(const struct tw_journal_options *options, bool damaged,
                                 struct tw_store **out, struct tw_rescue *rescue, struct tw_error_text *err);

#endif
