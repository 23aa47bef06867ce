// SPDX-License-Identifier: Apache-2.0
//
// The queue of events in the database: whose it is (source), which life of it (epoch), contiguous
// sequence numbers (P4), and what leaves it. Works inside the caller's transaction unless it says otherwise;
// after a rollback the caller puts back the state it copied before.
//
// An acknowledgement counts in memory at once and on the disk with tw_outbox_save: until then `saved` is
// where a restart would go on. Rows up to saved + TW_SEND_AHEAD are the ones that may have been published:
// this send limit is as durable as `saved` is, needs no write of its own, and nothing up to it is ever
// changed in its epoch (P7).
//
// Threading: belongs to the thread of its database. Memory: its own. Time: comes with the rows.
// Errors: the database's; TW_ERR_TOO_LARGE for an event over TW_EVENT_MAX_BYTES.
#ifndef TW_OUTBOX_H
#define TW_OUTBOX_H

#include "agent/journal/chain.h"
#include "agent/journal/marks.h"
#include "agent/journal/table.h"
#include "tillwire/event.h"
#include "tillwire/seal.h"

// More than an uplink has open (TW_FLOW_WINDOW), and so much that saving acknowledgements can wait.
#define TW_SEND_AHEAD 1024

struct tw_outbox;

// What changes with each transaction; a plain value, so that it can be put back.
struct tw_outbox_state {
    struct tw_chain_start start; // epoch, base, through, head: as acknowledged
    int64_t life;
    uint64_t saved;      // through, as it is on the disk
    uint64_t next;       // sequence of the next event
    uint64_t dead_rows;  // of those queued
    uint64_t live_bytes; // of the rows that are not dead, sealed
    uint64_t counted_to; // newest sequence whose bytes are in the stored sum
    uint64_t dead_letters;
    int64_t oldest_ms; // wall clock of the oldest row that is not dead; 0: none
};

// The meta mark, read.
struct tw_outbox_meta {
    char epoch[37];
    int64_t life, base;
    uint64_t through, counted_to, counted_bytes, dead_rows;
    uint8_t head[32];
    uint8_t last_id[16];
    char source[128];
};
int TW_MUST_CHECK tw_outbox_read_meta(struct tw_slice value, struct tw_outbox_meta *out);

struct tw_outbox_parts {
    struct tw_db *db;
    struct tw_table *table;
    struct tw_marks *marks;
    struct tw_seal *seal;
    const char *source; // outlives the outbox, as all of these
    const char *path;   // for sentences
};

// Reads or makes the identity. `fresh` tells that the journal is new or an empty one of another source was
// taken over. TW_ERR_MISMATCH: events of another source are queued.
int TW_MUST_CHECK tw_outbox_open(const struct tw_outbox_parts *parts, struct tw_outbox **out, bool *fresh,
                                 struct tw_error_text *err);
void tw_outbox_free(struct tw_outbox *outbox);

// Borrowed; changes with every call below.
const struct tw_outbox_state *tw_outbox_state(const struct tw_outbox *outbox);
void tw_outbox_restore(struct tw_outbox *outbox, const struct tw_outbox_state *state);

// The highest sequence that may have been published.
uint64_t tw_outbox_send_limit(const struct tw_outbox_state *state);

// Writes an event; sets the row's id and sequence. `sale_key` is empty but for a sale. `keep_id`: the row
// has its id already, from an earlier life.
// TW_ERR_TOO_LARGE when its published form would be; tw_outbox_append looks as well.
int TW_MUST_CHECK tw_outbox_check_size(struct tw_outbox *outbox, const struct tw_event_row *row);
int TW_MUST_CHECK tw_outbox_append(struct tw_outbox *outbox, struct tw_event_row *row,
                                   struct tw_slice sale_key, bool keep_id);

// The time that never steps back, not even over a restart with a clock that was lost: that of the ids.
int64_t tw_outbox_now(const struct tw_outbox *outbox, int64_t wall_ms);

// The place of event `sequence`.
int64_t tw_outbox_place(const struct tw_outbox *outbox, uint64_t sequence);

// The hash of event `sequence`, which is queued or the last one acknowledged. Outside of a transaction too.
int TW_MUST_CHECK tw_outbox_hash(struct tw_outbox *outbox, uint64_t sequence, uint8_t out[32]);

// All up to `through`, which is below state->next, are acknowledged. Only memory changes: no transaction is
// needed. Lower than what was acknowledged: nothing.
int TW_MUST_CHECK tw_outbox_acknowledge(struct tw_outbox *outbox, uint64_t through);

// Makes acknowledgements and the size of the queue durable, and removes what is acknowledged.
int TW_MUST_CHECK tw_outbox_save(struct tw_outbox *outbox);

// A new epoch: what is queued is numbered from 1, keeps its ids, and loses the rejected.
int TW_MUST_CHECK tw_outbox_renew(struct tw_outbox *outbox);

// Copies a queued row to the dead letters. TW_ERR_NOT_FOUND when it is not queued. `type` is the row's; of
// one that is dead already, and stays as it is, that of a capture.gap: nothing more is to be told.
int TW_MUST_CHECK tw_outbox_reject(struct tw_outbox *outbox, uint64_t sequence, const char *reason,
                                   int64_t at_ms, enum tw_event_type *type);

// The first dead letter with a number of at least `number`. 1: there; 0: none. What it has is borrowed until
// the next call. `row` is the event as it can be queued again.
int TW_MUST_CHECK tw_outbox_letter(struct tw_outbox *outbox, uint64_t number, struct tw_dead_letter *out,
                                   struct tw_record *record);
// Before the terminal becomes another one: the dead letters there are keep the name of who they are of,
// `source`, but for those that have one already.
int TW_MUST_CHECK tw_outbox_name_letters(struct tw_outbox *outbox, const char *source);
// Likewise one epoch, unless it has a name already.
int TW_MUST_CHECK tw_outbox_name_epoch(struct tw_outbox *outbox, const char *epoch, const char *source);

// Queues dead letter `number`, which tw_outbox_letter gave, as a new event, and removes it.
int TW_MUST_CHECK tw_outbox_retry(struct tw_outbox *outbox, const struct tw_dead_letter *letter,
                                  const struct tw_record *record, struct tw_event_row *row);

// Adds a dead letter that comes from another file.
int TW_MUST_CHECK tw_outbox_put_letter(struct tw_outbox *outbox, const char *epoch, uint64_t sequence,
                                       const struct tw_record *record, struct tw_slice reason, int64_t at_ms);

// Turns the next row above the send limit that may be dropped (see events_droppable.sql) into a capture.gap
// in its place. 1: done; 0: there is none.
int TW_MUST_CHECK tw_outbox_drop(struct tw_outbox *outbox);
// Empties the oldest remembered sale after `cursor` of its content; its key and id stay known. 1; 0: none.
int TW_MUST_CHECK tw_outbox_shrink(struct tw_outbox *outbox, int64_t *cursor);

// Rows from `from` on and up to the send limit. Outside of a transaction too. `from` at or below what was
// acknowledged begins after it.
int TW_MUST_CHECK tw_outbox_read(struct tw_outbox *outbox, uint64_t from, size_t max_rows,
                                 struct tw_rows **out);

#endif
