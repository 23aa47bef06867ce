// SPDX-License-Identifier: Apache-2.0
//
// The event the journal itself writes when it loses one: capture.gap for a rejected sequence number
// (include/contract/schema/capture-gap.json), so that nothing is dropped in silence (P7).
//
// Threading: pure. Memory: the caller frees the batch. Time: from the clock. Errors: NULL when memory
// is out.
#ifndef TW_GAP_H
#define TW_GAP_H

#include "tillwire/journal.h"

// A batch of one event; `source` is "/TENANT/STORE/TERMINAL", `reason` the centre's text, of which
// 512 bytes are kept.
struct tw_batch *tw_gap_rejected(const struct tw_clock *clock, const char *source, uint64_t sequence,
                                 const char *reason);

#endif
