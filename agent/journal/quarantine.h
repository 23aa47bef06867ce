// SPDX-License-Identifier: Apache-2.0
//
// The damaged journals in quarantine/, which somebody may want to look into: the newest few of them, so that
// a disk that damages each new file does not fill up with them. Everything that could be saved of one was
// taken over into the next journal before another one can come here.
//
// Threading: one thread. Memory: none is kept. Time: that in the files' names.
// Errors: none; what cannot be removed stays, and is tried again with the next one.
#ifndef TW_QUARANTINE_H
#define TW_QUARANTINE_H

#include <stdint.h>

#define TW_QUARANTINE_SETS 5 // a set is a database with its WAL and shm
#define TW_QUARANTINE_PART 4 // of the journal's quota that all of them may have: a quarter

// Removes the oldest sets until no more than TW_QUARANTINE_SETS and a TW_QUARANTINE_PART-th of `max_bytes`
// (0: as large as they are) are left in `folder`; never `newest`, the name of a database in it. What is
// removed is told on standard error.
void tw_quarantine_tidy(const char *folder, const char *newest, uint64_t max_bytes);

#endif
