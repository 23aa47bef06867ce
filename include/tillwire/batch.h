// SPDX-License-Identifier: Apache-2.0
//
// What is to be made durable together: events, the sale among them, the tap position and the lane state that
// belong to them, and the request they answer. A batch is written whole or not at all (tillwire/journal.h).
//
// Threading: belongs to one thread at a time; submitting hands it over. Memory: everything given is copied.
// Time: that of the capture, set once. Errors: kept, and told when it is submitted.
#ifndef TW_JOURNAL_BATCH_H
#define TW_JOURNAL_BATCH_H

#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/clock.h"
#include "tillwire/event.h"

struct tw_batch;

struct tw_batch *tw_batch_new(void); // NULL: out of memory; a batch that failed to grow fails at submit
void tw_batch_free(struct tw_batch *batch);

// When and by which clock the batch's events were captured. Must be set once.
void tw_batch_time(struct tw_batch *batch, const struct tw_clock *clock);
// Adds an event; everything is copied. The journal makes its id (UUIDv7). `subject` has 1 to 1024 bytes.
void tw_batch_event(struct tw_batch *batch, enum tw_event_type type, const char *subject,
                    struct tw_slice data);
// Adds the batch's sale: at most one. `key` is the transaction key: when it is known already the sale
// is compared by the merge function and written as sale.corrected under the subject it had first, or not at
// all.
// TW_BATCH_SALE_ID in the data of later events is replaced by the sale's id, and such events are written
// only when the sale is new.
#define TW_BATCH_SALE_ID "@tillwire-sale-id@"
void tw_batch_sale(struct tw_batch *batch, enum tw_event_type type, const char *key, const char *subject,
                   struct tw_slice data);
// What the sale is compared as when it is known already, instead of `data`: without what was guessed from
// the moment, as the customer who was scanned last. Optional, after tw_batch_sale.
void tw_batch_sale_again(struct tw_batch *batch, struct tw_slice data);
// The Idempotency-Key of a request and the hash of its body. A key that came before with the same body
// is a repeat, whatever the batch holds; with another body the batch fails with TW_ERR_MISMATCH.
void tw_batch_idempotency(struct tw_batch *batch, const char *key, const uint8_t body_sha256[32]);
// The tap position and printer state after which this batch's bytes are accounted for.
void tw_batch_tap(struct tw_batch *batch, const char *device, const uint8_t boot[16], uint64_t offset,
                  struct tw_slice state);
// Only upon this position and state of the same tap: when others are stored the batch fails with
// TW_ERR_AGAIN. So that batches can be submitted one behind the other and none is kept without the one ahead
// of it.
void tw_batch_tap_upon(struct tw_batch *batch, const uint8_t boot[16], uint64_t offset,
                       struct tw_slice state);
// What the lane remembers of the workstation. In a batch with a sale it is stored only when that is new.
void tw_batch_lane(struct tw_batch *batch, const char *workstation, struct tw_slice state);

#endif
