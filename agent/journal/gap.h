// SPDX-License-Identifier: Apache-2.0
//
// What the journal itself has to say when it loses something: the data of capture.gap
// (include/contract/schema/capture-gap.json), so that nothing is dropped in silence (P7).
//
// Threading: pure. Memory: the caller's buffer and batch. Time: from the clock. Errors: NULL when memory is
// out.
#ifndef TW_GAP_H
#define TW_GAP_H

#include "tillwire/journal.h"

enum tw_gap_reason { TW_GAP_REJECTED, TW_GAP_QUOTA, TW_GAP_DAMAGED, TW_GAP_RESYNC, TW_GAP_FULL };

// Appends the data. A sequence of 0 is null; of `detail` 512 bytes are kept, none is null.
void tw_gap_data(enum tw_gap_reason reason, uint64_t first, uint64_t last, const char *detail,
                 struct tw_buf *out);
// The terminal, which is the subject where no device is concerned: the last part of "/TENANT/STORE/TERMINAL".
const char *tw_gap_subject(const char *source);

// A batch of one capture.gap.
struct tw_batch *tw_gap_batch(const struct tw_clock *clock, const char *source, enum tw_gap_reason reason,
                              uint64_t first, uint64_t last, const char *detail);

#endif
