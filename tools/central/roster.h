// SPDX-License-Identifier: Apache-2.0
//
// The stores' members as the centre publishes them: read from a file, kept with the version in
// which each row changed, and cut into pages (include/contract/schema/members.json).
//
// Threading: one thread. Memory: pages are made one after another. Time: none.
// Errors: a file that cannot be taken changes nothing; the text names file, line and what is wrong.
#ifndef TW_CENTRAL_ROSTER_H
#define TW_CENTRAL_ROSTER_H

#include <stdint.h>

#include "agent/journal/db.h"
#include "tillwire/bytes.h"
#include "tillwire/err.h"
#include "tillwire/seal.h"

// Told of every store whose members changed, after the commit.
typedef void tw_store_changed_fn(void *ctx, const char *store, uint64_t before);

// Reads the file into the database, in one transaction. No group may be open.
int TW_MUST_CHECK tw_roster_load(struct tw_db *db, struct tw_seal *seal, const char *path,
                                 tw_store_changed_fn *changed, void *ctx, struct tw_error_text *err);

// The version of a store's members; 0 where there never were any.
int TW_MUST_CHECK tw_roster_version(struct tw_db *db, const char *store, uint64_t *out);

// Makes the pages that lead from version `since` to the present one: a delta, or a snapshot (base 0)
// where `since` is 0 or unknown. There is always at least one page. `page` is borrowed for the call.
typedef void tw_roster_page_fn(void *ctx, struct tw_slice page);
int TW_MUST_CHECK tw_roster_pages(struct tw_db *db, const char *store, uint64_t since,
                                  tw_roster_page_fn *page, void *ctx);

// The tier of a member into `out`; empty when there is none.
void tw_roster_tier(struct tw_db *db, const char *store, const char *pseudonym, char *out, size_t size);

#endif
