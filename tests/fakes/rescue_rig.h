// SPDX-License-Identifier: Apache-2.0
//
// A journal with a past (sales, scans, a rejected event, what was acknowledged, marks, requests), the ways to
// damage its files, and what must hold once it was opened again: every event that came through kept its id
// and its place, what did not is named by a capture.gap, and what was remembered is (P9).
//
// Threading: one thread. Memory: the caller's. Time: the rig's clock. Errors: a failed step fails the test.
#ifndef TW_RESCUE_RIG_H
#define TW_RESCUE_RIG_H

#include "agent/journal/store.h"
#include "tests/fakes/journal_rig.h"

#define RESCUE_SECRET "Frau Sandelholz" // is in the data of every event; must never lie in clear anywhere
enum {
    RESCUE_PAGE = TW_STORE_PAGE_BYTES,
    RESCUE_EVENTS = 240,
    RESCUE_ACKED = 60,
    RESCUE_REJECTED = 100,
    RESCUE_MAX = 512
};

struct rescue_event {
    uint64_t sequence;
    char id[37];
    bool acked, gap, rejected; // a rejected one may only come where a page of an older state is all there is
    unsigned came;             // times it was read again
};

struct rescue_past {
    struct rescue_event events[RESCUE_MAX];
    size_t count;
    char epoch[37];
};

// Fills a journal that is open. Every fourth event is a sale with key "k-N"; event N has {"n":N,…} as data.
void rescue_fill(struct rig *rig, struct rescue_past *past);
// The data of event n, which a sale is compared as.
void rescue_data(int n, char *out, size_t size);
// Adds one more and notes it. Every fourth is a sale here too.
void rescue_add(struct rig *rig, struct rescue_past *past, int n);

struct rescue_outcome {
    size_t kept;       // of the past
    size_t again;      // of those, acknowledged before
    size_t gaps;       // capture.gap events of the rescue, but for the one at the end
    uint64_t missing;  // sequence numbers in them
    bool has_meta;     // the salvage knew where the queue was
    size_t remembered; // acknowledged sales that answered with their id
    bool has_tap, has_lane, has_request;
    uint64_t letters;
};

// Everything that must hold after any rescue, whatever was lost. The journal is open.
void rescue_check(struct rig *rig, struct rescue_past *past, struct rescue_outcome *out);
// Nothing at all was lost.
void rescue_expect_whole(const struct rescue_outcome *out);
// The secret is in no file of the folder.
void rescue_check_sealed(const struct rig *rig);

// The world of most tests: cmocka's set-up and tear-down of a rig with an open journal that has a past.
struct rescue_world {
    struct rig rig;
    struct rescue_past past;
    struct rescue_outcome out;
};
int rescue_world_set_up(void **state);
int rescue_world_tear_down(void **state);

// ---- files ----
struct rescue_bytes {
    uint8_t *ptr;
    size_t len;
};
// The path with this ending; borrowed until the call after the next.
const char *rescue_path(const struct rig *rig, const char *ending);
struct rescue_bytes rescue_load(const struct rig *rig, const char *ending); // freed by the caller
void rescue_store(const struct rig *rig, const char *ending, struct rescue_bytes bytes);
bool rescue_exists(const struct rig *rig, const char *ending);
// Removes the database, what belongs to it, and quarantine/.
void rescue_clear(const struct rig *rig);
// Files in quarantine/ that are a database.
size_t rescue_set_aside(const struct rig *rig);

#endif
