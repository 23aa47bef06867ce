// SPDX-License-Identifier: Apache-2.0
//
// Brings what can be proven of a damaged journal (salvage.h) into a new one, in order: what was queued is
// queued again with its ids, sales that were only remembered are remembered, each hole is a capture.gap in
// its place, and one more capture.gap says what happened.
//
// Threading: the thread of the store. Memory: as tw_salvage_collect. Time: the store's clock.
// Errors: TW_ERR_IO and the new store's, with a sentence.
#ifndef TW_TAKEOVER_H
#define TW_TAKEOVER_H

#include "agent/journal/store.h"

// Whether the file is one to take over. TW_ERR_MISMATCH, with a sentence: it holds events of another source,
// or is sealed with a key that `options->vault` does not have.
int TW_MUST_CHECK tw_takeover_check(const char *damaged_path, const struct tw_journal_options *options,
                                    struct tw_error_text *err);

// `store` is new and empty. All is one transaction. `salvaged` is added to.
int TW_MUST_CHECK tw_takeover(struct tw_store *store, const char *damaged_path, uint64_t *salvaged,
                              struct tw_error_text *err);

#endif
