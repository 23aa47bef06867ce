// SPDX-License-Identifier: Apache-2.0
//
// An event as it lies on the disk. What is needed to order and to choose stays readable (its place, type,
// capture time, state, key ID); everything else is made small and sealed, with all of the readable part,
// the epoch and the sequence as additional data: what was changed, moved or taken from another file does
// not open.
//
//   sealed = nonce(12) | AES-256-GCM(plain) | tag(16)                                 (tillwire/seal.h)
//   plain  = 1 | id(16) | recorded - time | monotonic | boot | clock | subject and key lengths
//            | squeezed(subject | key | data)                                  numbers as varints, zigzag
//
// The same way a mark is sealed: a small named value (see marks.h).
//
// Threading: a recorder belongs to one thread. Memory: its own; what was opened is borrowed until the next
// one is. Time: none. Errors: TW_ERR_DAMAGED what does not open; TW_ERR_NOT_FOUND a key that is not there.
#ifndef TW_RECORD_H
#define TW_RECORD_H

#include "agent/journal/squeeze.h"
#include "tillwire/event.h"
#include "tillwire/seal.h"

#define TW_RECORD_MAX_BYTES (TW_EVENT_MAX_BYTES + 4096) // of subject, key and data together

enum tw_record_state {
    TW_RECORD_LIVE = 0,
    TW_RECORD_DEAD, // rejected: no longer sent, kept as a link of the chain until it is acknowledged past
};

// The columns of a row.
struct tw_stored {
    int64_t n, life;
    enum tw_event_type type;
    int64_t time_ms;
    enum tw_record_state state;
    unsigned key; // ID of the key that sealed it
    struct tw_slice sealed;
};

// What a row is when it is open. `row.sequence` and `row.boot` are the caller's to fill in.
struct tw_record {
    struct tw_event_row row;
    int64_t boot;             // number in `boots`
    struct tw_slice sale_key; // the transaction key; empty: none
};

struct tw_recorder {
    struct tw_vault *vault;           // borrowed
    struct tw_squeeze *squeeze;       // owned
    struct tw_buf plain, text, bound; // for writing
    struct tw_buf opened, read;       // for reading, so that what was read can be written again
};

// Appends squeezed(subject | key | data), which can be done ahead (`row.packed`) and on another thread with a
// squeeze of its own. `text` is scratch.
int TW_MUST_CHECK tw_record_pack(struct tw_squeeze *squeeze, struct tw_buf *text,
                                 const struct tw_event_row *row, struct tw_slice sale_key,
                                 struct tw_buf *out);

int TW_MUST_CHECK tw_recorder_init(struct tw_recorder *recorder, struct tw_vault *vault);
void tw_recorder_free(struct tw_recorder *recorder);
// Gives working memory back.
void tw_recorder_rest(struct tw_recorder *recorder);

// `epoch` and `sequence` are those of the row's life. Fills `out` (cleared first); `stored` has all but
// `sealed`, and agrees with `record->row` in type and time.
int TW_MUST_CHECK tw_record_seal(struct tw_recorder *recorder, const char *epoch, uint64_t sequence,
                                 const struct tw_stored *stored, const struct tw_record *record,
                                 struct tw_buf *out);
int TW_MUST_CHECK tw_record_open(struct tw_recorder *recorder, const char *epoch, uint64_t sequence,
                                 const struct tw_stored *stored, struct tw_record *out);

// A named value: key ID (2 bytes) and the sealed bytes. What opens is borrowed until the next call.
int TW_MUST_CHECK tw_record_seal_mark(struct tw_recorder *recorder, unsigned key, struct tw_slice name,
                                      struct tw_slice value, struct tw_buf *out);
int TW_MUST_CHECK tw_record_open_mark(struct tw_recorder *recorder, struct tw_slice name,
                                      struct tw_slice stored, struct tw_slice *out);

#endif
