// SPDX-License-Identifier: Apache-2.0
//
// members.db: the members of the version held, and the pages of the next one until all are there. Every
// page is one transaction; the last one turns the staged pages into the version held, in the same
// transaction. Commits are not synced one by one (synchronous=NORMAL): this is a copy of what the
// centre knows, and a power cut that takes the last pages back only means asking for them again.
//
// Threading: one thread at a time. Memory: a page cache of CACHE_KIB. Time: arguments.
// Errors: TW_ERR_DAMAGED (reopen with tw_member_store_renew), TW_ERR_FULL, TW_ERR_IO, TW_ERR_NOMEM.
#ifndef TW_AGENT_MEMBER_STORE_H
#define TW_AGENT_MEMBER_STORE_H

#include "agent/member/page.h"
#include "tillwire/member.h"

struct tw_member_store;

struct tw_member_state {
    int64_t version, members, as_of_ms;
    int64_t staged_version, staged_base, staged_pages; // staged_version 0: nothing is being received
};

// Opens or makes the file. One that is damaged or of another version is set aside as PATH.damaged and a
// new one begun; `err` then says so although TW_OK is returned (and is empty otherwise).
int TW_MUST_CHECK tw_member_store_open(const char *path, struct tw_member_store **out,
                                       struct tw_error_text *err);
void tw_member_store_close(struct tw_member_store *store);
// Sets the file aside and begins a new, empty one; for damage met while in use.
int TW_MUST_CHECK tw_member_store_renew(struct tw_member_store *store, struct tw_error_text *err);

const struct tw_member_state *tw_member_store_state(const struct tw_member_store *store);

// Takes a page of a version newer than the one held, whose base is 0 or the version held. A page of an
// older version than the one being received is ignored; one of a newer version replaces it.
int TW_MUST_CHECK tw_member_store_take(struct tw_member_store *store, const struct tw_members_page *page,
                                       int64_t now_ms);
// The centre spoke of the version held.
int TW_MUST_CHECK tw_member_store_refresh(struct tw_member_store *store, int64_t now_ms);

// Fills all of `out` but the pseudonym; `found` says whether there is such a member.
int TW_MUST_CHECK tw_member_store_get(struct tw_member_store *store, const uint8_t key[TW_MEMBER_KEY],
                                      struct tw_member *out);

#endif
