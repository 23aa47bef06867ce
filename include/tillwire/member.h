// SPDX-License-Identifier: Apache-2.0
//
// What the centre knows about the store's members, kept on the terminal so that a lookup answers
// in milliseconds with or without a line, and says how old its answer is (P10). Members are known
// by pseudonym only. Pages and deltas are those of the `members` topics (see
// include/contract/schema/members.json): `base` 0 starts a new snapshot, applied when its last page
// came; a delta applies when its base is the version held.
//
// Threading: one own thread owns members.db; functions marked [any] post to it; callbacks run there.
// Memory: arguments are copied. Time: from the clock. Errors: as said.
#ifndef TW_MEMBER_H
#define TW_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/clock.h"
#include "tillwire/err.h"
#include "tillwire/seal.h"

struct tw_members;

struct tw_members_options {
    const char *path; // of members.db
    const struct tw_clock *clock;
    // The version held changed, or pages are missing (`wanted`). On the member thread, for the first time
    // perhaps before tw_members_open has returned: wanted until the centre has spoken.
    void (*on_version)(void *ctx, uint64_t version, bool wanted);
    void *ctx;
};

// A damaged file is set aside and a new one begun: the centre has the truth. The text says so.
int TW_MUST_CHECK tw_members_open(const struct tw_members_options *options, struct tw_members **out,
                                  struct tw_error_text *err);
void tw_members_close(struct tw_members *members);

// Takes one members object as it came. Damaged ones are counted and ignored. [any]
int TW_MUST_CHECK tw_members_apply(struct tw_members *members, struct tw_slice payload);

struct tw_member {
    bool found;
    char pseudonym[TW_PSEUDONYM_LEN + 1];
    char scheme[33];
    char tier[65]; // empty: none
    bool has_points;
    int64_t points;
    int64_t as_of_ms; // wall clock of the last word from the centre about the version held; 0: never
};
// Looks up by pseudonym. `done` runs once, on the member thread. [any]
typedef void tw_member_fn(void *ctx, const struct tw_member *member);
int TW_MUST_CHECK tw_members_lookup(struct tw_members *members, const char *pseudonym, tw_member_fn *done,
                                    void *ctx);

struct tw_members_stats {
    uint64_t version;
    uint64_t count;
    int64_t as_of_ms;
    uint64_t damaged; // members objects that were ignored
};
void tw_members_stats(struct tw_members *members,
                      struct tw_members_stats *out); // [any], never blocks on disk

#endif
