// SPDX-License-Identifier: Apache-2.0
//
// The books: what an all-seeing accountant writes down while the history runs, and what must hold of it. An
// event is entered when the journal writes it, is sure once the commit returned 0, is published, and arrives
// when the centre has committed it (with `ack: broker`: when the broker has taken it). A row is an event as
// it was composed for one epoch and sequence. Every entry checks a promise (include/contract/names.md):
//
//   P1 what is sure is in the journal or has arrived                    sim_books_scanned
//   P2 what left the journal has arrived                                sim_books_left
//   P3 a row never changes; a sale is completed once by its key         sim_books_row, sim_books_balance
//   P4 sequences count from 1 in each epoch and are first published in order   sim_books_row, _published
//   P7 what was refused has a capture.gap that arrived; nobody else is refused  sim_books_refused, _balance
//
// Only a disk put back to an older image may lose anything: what was written after it and had not arrived.
//
// Threading: one thread. Memory: freed by sim_books_free. Time: none. Errors: sim_broken.
#ifndef TW_SIM_BOOKS_H
#define TW_SIM_BOOKS_H

#include "agent/journal/outbox.h"
#include "tests/sim/sim.h"
#include "tillwire/event.h"
#include "tillwire/journal.h"

#define SIM_NONE UINT32_MAX

struct sim_entry { // one event
    uint8_t id[16];
    enum tw_event_type type;
    uint32_t sale; // of the till; SIM_NONE
    uint32_t row;  // the newest of it; SIM_NONE
    uint32_t gap;  // the capture.gap that tells of its refusal; SIM_NONE
    unsigned scan; // the last scan that saw it in the journal
    bool sure, published, arrived;
    bool own;      // the journal wrote it by itself, unasked
    bool undone;   // a disk was put back to before it was written
    bool lost;     // and with that it is gone
    bool poison;   // the centre refuses it
    bool bulky;    // the broker does
    bool refused;  // and has done so
    bool dead;     // and the journal knows
    uint64_t died; // at which step
};

struct sim_row {
    uint32_t event, epoch;
    uint64_t sequence, print; // `print` tells payloads apart
    uint8_t hash[32], prevhash[32];
    const char *family;
    bool arrived;
};

struct sim_books *sim_books_new(void);
void sim_books_free(struct sim_books *books);

struct sim_entry *sim_books_entry(const struct sim_books *books, uint32_t event);
const struct sim_row *sim_books_get(const struct sim_books *books, uint32_t row);
uint32_t sim_books_find(const struct sim_books *books, const uint8_t id[16]); // SIM_NONE
uint32_t sim_books_epoch(struct sim *sim, const char *epoch);                 // its number
const char *sim_books_epoch_text(const struct sim_books *books, uint32_t epoch);
uint32_t sim_books_epochs(const struct sim_books *books);

// The journal wrote an event in a transaction that is still open.
uint32_t sim_books_written(struct sim *sim, const uint8_t id[16], enum tw_event_type type, uint32_t sale);
void sim_books_sure(struct sim *sim, uint32_t event);
// The journal moved an event to the dead letters and wrote `gap`; without `sure` the commit failed, and what
// is on the disk is not known yet.
void sim_books_refused(struct sim *sim, const char *epoch, uint64_t sequence, uint32_t gap, bool sure);

// A payload the journal gave: the same as before for its place. Gives its number.
uint32_t sim_books_row(struct sim *sim, const char *epoch, const struct tw_journal_payload *payload);
bool sim_books_has(struct sim *sim, const char *epoch, uint64_t sequence); // such a row was given
// The row is passed over: only a dead letter may be.
void sim_books_passed(struct sim *sim, const char *epoch, uint64_t sequence);
void sim_books_published(struct sim *sim, uint32_t row);
void sim_books_arrived(struct sim *sim, uint32_t row);
// The journal removed from .. to.
void sim_books_left(struct sim *sim, const char *epoch, uint64_t from, uint64_t to);

// Everything in the journal has been read: `from` is the first that is not acknowledged.
unsigned sim_books_scan(struct sim *sim);
void sim_books_scanned(struct sim *sim, unsigned scan,
                       uint64_t unread); // so many lie behind what may be read

void sim_books_image_taken(struct sim *sim);
void sim_books_image_put_back(struct sim *sim);
bool sim_books_was_put_back(const struct sim_books *books); // ever, in this history
// The journal was opened.
void sim_books_opened(struct sim *sim, const struct tw_outbox_state *state);

// The day is over and everything has drained.
void sim_books_balance(struct sim *sim);

#endif
