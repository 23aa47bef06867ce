// SPDX-License-Identifier: Apache-2.0
//
// What is inside a batch (its making is in tillwire/journal.h): copies of everything given, in one
// buffer addressed by offset, and after the commit what became of each event.
//
// Threading: belongs to one thread at a time; submit hands it over. Memory: its own.
// Time: the capture time set by tw_batch_time. Errors: kept, and told by tw_batch_check.
#ifndef TW_BATCH_H
#define TW_BATCH_H

#include "tillwire/journal.h"

#define TW_SUBJECT_MAX_BYTES 1024 // 256 characters (include/contract/schema/envelope.json)
#define TW_NAME_MAX_BYTES    64   // device and workstation names
#define TW_NO_SALE           SIZE_MAX

struct tw_span { // of tw_batch.text
    size_t at, len;
};

struct tw_batch_event {
    enum tw_event_type given, type; // as it came; as it is written
    struct tw_span subject, data;
    struct tw_span packed; // of tw_batch.packed; empty: not made small ahead
    bool marked;           // holds TW_BATCH_SALE_ID
    bool written;          // in the journal, under `sequence` and `id`
    uint64_t sequence;
    uint8_t id[16];
    struct tw_buf made; // the data as written, where it is not `data`
};

struct tw_batch {
    int error; // the first thing that was wrong with it
    enum tw_clock_trust clock;
    bool timed, has_request, has_tap, has_upon, has_lane;
    char boot[37];
    struct tw_buf text;
    struct tw_buf packed; // what is written of events whose data is known before the commit (record.h)
    struct tw_batch_event *events; // `first`, or memory of their own once there are more
    struct tw_batch_event first[2];
    size_t count, cap;
    int64_t time_ms, monotonic_ms, recorded_ms;
    size_t sale; // index of the sale among the events, or TW_NO_SALE
    struct tw_span sale_key;
    struct tw_span known;      // the subject of the sale as it was seen first; empty: it is new
    struct tw_span sale_again; // empty: as the sale
    uint8_t request_key[32], request_body[32]; // SHA-256
    struct tw_span tap_device, tap_state;
    uint8_t tap_boot[16];
    uint64_t tap_offset;
    uint8_t upon_boot[16]; // the place it goes upon
    uint64_t upon_offset;
    struct tw_span upon_state;
    struct tw_span lane_name, lane_state;
};

// 0, TW_ERR_NOMEM, or TW_ERR_INVALID for a batch that breaks the rules of journal.h.
int TW_MUST_CHECK tw_batch_check(const struct tw_batch *batch);

// The sale is known under this subject, which is copied. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_batch_set_known(struct tw_batch *batch, struct tw_slice subject);

struct tw_slice tw_batch_text(const struct tw_batch *batch, struct tw_span span);
// The transaction key, if event `index` is the sale; else empty.
struct tw_slice tw_batch_key(const struct tw_batch *batch, size_t index);

// Event `index` as it is (to be) written; without id and sequence when it is not written yet. Borrowed.
struct tw_event_row tw_batch_row(const struct tw_batch *batch, size_t index);

// Replaces every TW_BATCH_SALE_ID in `data` by the sale's id.
int TW_MUST_CHECK tw_batch_set_sale_id(struct tw_slice data, const char *id, struct tw_buf *out);

// Forgets what became of the events (their transaction was rolled back): the batch can be written again.
void tw_batch_unwrite(struct tw_batch *batch);

#endif
