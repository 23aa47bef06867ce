// SPDX-License-Identifier: Apache-2.0
//
// The lane: joins what the devices of one terminal say into events. A scan identifies the next
// customer; a receipt or a sale sent to the local API becomes a sale event with that customer;
// what could not be read or was lost becomes a capture event. Every event goes to the journal with
// the tap position it came from, in one transaction; the tap's bytes are acknowledged only then.
//
// Threading: the loop thread only; callbacks run there. Memory: arguments are borrowed unless said.
// Time: from the clock. Errors: of a request, through its callback.
#ifndef TW_LANE_H
#define TW_LANE_H

#include "tillwire/bytes.h"
#include "tillwire/clock.h"
#include "tillwire/config.h"
#include "tillwire/journal.h"
#include "tillwire/loop.h"
#include "tillwire/member.h"
#include "tillwire/metrics.h"
#include "tillwire/sale.h"
#include "tillwire/seal.h"

struct tw_lane;

struct tw_lane_options {
    const struct tw_config *config;
    const char *config_path; // profiles stand beside it
    const struct tw_scan_rules *rules;
    const struct tw_clock *clock;
    struct tw_loop *loop;
    struct tw_journal *journal;
    struct tw_members *members;
    struct tw_seal *seal;
    struct tw_metrics *metrics;
};

// For struct tw_journal_options: compares the data of one sale seen by two witnesses. Any thread.
int tw_lane_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                  struct tw_buf *merged);

int TW_MUST_CHECK tw_lane_new(const struct tw_lane_options *options, struct tw_lane **out,
                              struct tw_error_text *err);
// Closes the devices and submits nothing more; what the journal still answers is heard until tw_lane_free.
void tw_lane_stop(struct tw_lane *lane);
void tw_lane_free(struct tw_lane *lane);

// The answer to a request, once it is durable or has failed. `id` is UUID text, `transaction_id`
// of a sale; both borrowed for the call.
struct tw_lane_answer {
    int error; // 0, TW_ERR_MISMATCH (Idempotency-Key), TW_ERR_FULL, TW_ERR_IO, TW_ERR_REFUSED,
               // TW_ERR_TOO_LARGE
    enum tw_outcome outcome;
    const char *id;
    const char *transaction_id;
};
typedef void tw_lane_done_fn(void *ctx, const struct tw_lane_answer *answer);

// A sale sent to POST /v1/sales. Takes `sale`. `idempotency_key` may be NULL; `body` is hashed with
// it. `done` runs exactly once, also on failure; before this returns only when memory is out.
void tw_lane_sale(struct tw_lane *lane, struct tw_sale *sale, const char *idempotency_key,
                  struct tw_slice body, tw_lane_done_fn *done, void *ctx);

// A scan, from a scanner or POST /v1/scans. `done` may be NULL; TW_ERR_REFUSED for payment cards,
// TW_ERR_NOT_FOUND when the code is no loyalty card of this tenant (counted, not an event).
void tw_lane_scan(struct tw_lane *lane, const char *device, const char *workstation, struct tw_slice code,
                  tw_lane_done_fn *done, void *ctx);

// Who asked for a lookup, for the audit event.
struct tw_lane_asker {
    const char *by;  // operator or user name, or NULL
    const char *via; // "desk", "cli", "api"
};
// What the till may see without sign-in.
struct tw_lane_member {
    int error; // 0, TW_ERR_REFUSED (a payment card), TW_ERR_INVALID (no loyalty card of this tenant),
               // TW_ERR_FULL…
    struct tw_member member;
    int64_t age_s; // of the answer; -1: never synchronised
};
typedef void tw_lane_member_fn(void *ctx, const struct tw_lane_member *member);
// Looks a card up; the audit event is committed before `done` runs.
void tw_lane_lookup(struct tw_lane *lane, struct tw_slice card, const struct tw_lane_asker *asker,
                    tw_lane_member_fn *done, void *ctx);

// Opens the configured devices and runs them on the loop until tw_lane_free.
int TW_MUST_CHECK tw_lane_open_devices(struct tw_lane *lane, struct tw_error_text *err);

// The devices' health, for status: writes a JSON array.
void tw_lane_devices(const struct tw_lane *lane, struct tw_buf *out);

// New firmware for a tap that is a board, from an update file (tillwire/tap_image.h), which is copied;
// tw_lane_devices tells how it goes. TW_ERR_NOT_FOUND: no such device; else as tw_device_update.
int TW_MUST_CHECK tw_lane_update(struct tw_lane *lane, const char *name, struct tw_slice file,
                                 struct tw_error_text *err);

// What a scanner sends, from now on, as the text of a recording (hal/io/recording.h) with nothing personal in
// it: lengths, timing, and how codes are framed (P6). Its scans go their usual way.
struct tw_lane_recording;
// Takes whole lines, borrowed for the call, at the earliest within tw_lane_record; none: it has ended by
// itself, because the lane stops. Must not end a recording.
typedef void tw_lane_recording_fn(void *ctx, struct tw_slice lines);
// TW_ERR_NOT_FOUND: no such device; TW_ERR_REFUSED: it is no scanner; TW_ERR_EXISTS: it is being recorded.
int TW_MUST_CHECK tw_lane_record(struct tw_lane *lane, const char *name, tw_lane_recording_fn *fn, void *ctx,
                                 struct tw_lane_recording **out, struct tw_error_text *err);
// Ends and frees it. Not for one that has ended by itself. NULL does nothing.
void tw_lane_record_end(struct tw_lane_recording *recording);

#endif
