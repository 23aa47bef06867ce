// SPDX-License-Identifier: Apache-2.0
//
// What the two files of the script share: dice, batches, and what comes of an answer.
//
// Threading: one thread. Memory: none. Time: the script's clock. Errors: SCRIPT_BROKEN, described in the
// script.
#ifndef TW_POWER_PARTS_H
#define TW_POWER_PARTS_H

#include "tests/fault/power_script.h"

uint64_t script_draw(struct script *script, uint64_t below);
// Equal values agree; another one corrects.
tw_journal_merge_fn script_merge;

// Something new, or about something that came before.
struct script_batch script_plan(struct script *script);
// Writes it in the running group and compares the answer with what `next` knows.
enum script_end script_write(struct script *script, const struct script_batch *plan);

// An error: the cut explains it, or nothing does.
enum script_end script_broken(struct script *script, int error);
// SCRIPT_DONE unless an answer was wrong.
enum script_end script_checked(const struct script *script);

#endif
