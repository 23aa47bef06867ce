// SPDX-License-Identifier: Apache-2.0
//
// What other threads have for the uplink thread: the journal's newest answer, that an acknowledgement
// is durable, what the member store wants, from where the centre wants everything again, and the wish to
// stop. Each has one place, where the newer replaces the older, so the inbox is bounded by its form; a
// descriptor says that something came.
//
// Threading: every function from any thread. Memory: outlives the last question to the journal.
// Time: none. Errors: TW_ERR_NOMEM, TW_ERR_IO at the making only.
#ifndef TW_INBOX_H
#define TW_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/err.h"
#include "tillwire/journal.h"

struct tw_inbox;

struct tw_letters {
    struct tw_rows *rows; // the taker's to free; NULL: none
    unsigned question;    // which they answer
    bool settled;         // an acknowledgement is durable
    bool members;         // the two below are news
    uint64_t members_version;
    bool members_wanted;
    uint64_t resync; // the lowest sequence that is wanted again; 0: none
};

int TW_MUST_CHECK tw_inbox_new(struct tw_inbox **out);
void tw_inbox_free(struct tw_inbox *inbox);

int tw_inbox_fd(const struct tw_inbox *inbox);      // readable: there is mail
int tw_inbox_stop_fd(const struct tw_inbox *inbox); // readable for ever once stopped
void tw_inbox_take(struct tw_inbox *inbox, struct tw_letters *out);

void tw_inbox_stop(struct tw_inbox *inbox);
bool tw_inbox_stopped(struct tw_inbox *inbox);
void tw_inbox_members(struct tw_inbox *inbox, uint64_t version, bool wanted);
void tw_inbox_resync(struct tw_inbox *inbox, uint64_t from); // from 1 on

// The context and callbacks of a question to the journal. A context is used again after
// TW_INBOX_QUESTIONS others; the journal knows two at most, one waiting and one being answered.
#define TW_INBOX_QUESTIONS 8
void *tw_inbox_question(struct tw_inbox *inbox, unsigned question);
void tw_inbox_on_rows(void *question, struct tw_rows *rows);
void tw_inbox_on_settled(void *context); // the inbox

#endif
