// SPDX-License-Identifier: Apache-2.0
//
// A store without its thread, for what the journal does inside of a transaction: on the file of a journal
// rig.
//
// Threading: one thread. Memory: the store is closed with tw_store_close. Time: the rig's clock. Errors: a
// failed step fails the test.
#ifndef TW_STORE_RIG_H
#define TW_STORE_RIG_H

#include "agent/journal/store_parts.h"
#include "tests/fakes/journal_rig.h"

// The world of most tests: cmocka's set-up and tear-down of a rig with an open store.
struct store_world {
    struct rig rig;
    struct tw_store *store;
    char ids[64][37]; // by sequence, for a test that notes them
};
int store_world_set_up(void **state);
int store_world_tear_down(void **state);

struct tw_store *store_open(struct rig *rig);
struct tw_store *store_reopen(struct rig *rig, struct tw_store *store);

// One event, or a sale when there is a key; in a commit of its own.
struct tw_journal_result store_add(struct rig *rig, struct tw_store *store, enum tw_event_type type,
                                   const char *key, const char *data);
// Many events {"n":FIRST} and so on in one commit.
void store_add_many(struct rig *rig, struct tw_store *store, enum tw_event_type type, int first, int count);
// Commits nothing but what waits: acknowledgements that are due.
void store_commit(struct tw_store *store);
void store_ack(struct rig *rig, struct tw_store *store, uint64_t through); // durable
void store_reject(struct tw_store *store, uint64_t sequence, bool refused);

// All rows from `from` on that are given out, which may be none.
struct tw_rows *store_read(struct tw_store *store, uint64_t from);
struct tw_journal_stats store_stats(const struct tw_store *store);

#endif
