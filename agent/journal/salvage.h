// SPDX-License-Identifier: Apache-2.0
//
// Takes out of a damaged journal file everything that can still be proven: events, the journal's own state,
// positions of taps, states of lanes and dead letters are given only when they open (record.h), so that no
// damage, and nobody who can write to the file, can make one up. Idempotency-Keys and keys of sales lie open
// in the file and are given as they are found. The file is only read.
//
// A row is looked for in all its copies (pages.h), newest first. What the journal once held and no copy
// opens is named as a hole, in its place among the events (P7, P9).
//
// Threading: one thread. Memory: 24 bytes for each copy of an event, those of pages.h and of the
// recorder, the marks, the lives and boot ids. Time: none.
// Errors: those of tw_pages_open, TW_ERR_NOMEM, or what the sink gave. Damage is no error.
#ifndef TW_SALVAGE_H
#define TW_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/journal/outbox.h"
#include "agent/journal/pages.h"
#include "agent/journal/record.h"

#define TW_SALVAGE_NO_BOOT "00000000-0000-0000-0000-000000000000" // of an event whose boot id is lost

// What is known before the first event. Places are `n` of record.h.
struct tw_salvage_start {
    // Else: where what is acknowledged ends is not known, and all counts as queued. It may be an older one;
    // then more counts as queued than is, and holes are only seen from where the queue certainly is.
    bool has_meta;
    struct tw_outbox_meta meta;
    bool has_life; // the present epoch and its base are known, from the meta mark or else from `lives`
    char epoch[37];
    int64_t base;  // sequence = place - base
    int64_t floor; // place of the last one known to be acknowledged; INT64_MIN: not known
};

struct tw_salvage_event {
    int64_t n;
    bool queued; // else a sale at or below `floor`, which is only remembered (P3)
    enum tw_record_state state;
    // row.sequence is that of the life it was sealed in. A sale given up for room has no subject and data.
    struct tw_record record;
};

// Places first .. last, queued once and now without a row that opens.
struct tw_salvage_hole {
    int64_t first, last;
};

struct tw_salvage_letter {
    uint64_t number;
    char epoch[37];
    uint64_t sequence;
    struct tw_record record; // row.boot is filled in
    struct tw_slice reason;  // not sealed: not more than 512 bytes of what was found
    int64_t at_ms;           // likewise
};

// All may be NULL. None is called after one did not return TW_OK, which ends the salvage. Everything is
// borrowed for the call.
struct tw_salvage_sink {
    void *ctx;
    // Once, first.
    int (*start)(void *ctx, const struct tw_salvage_start *start);
    // Each place once, ascending, holes among them. An event that an earlier epoch moved up past a rejected
    // one can come again in its old place, with the same id, when the newer row there is lost.
    int (*event)(void *ctx, const struct tw_salvage_event *event);
    int (*hole)(void *ctx, const struct tw_salvage_hole *hole);
    // Each name but "meta" and "lived" once: "tap:DEVICE", "lane:WORKSTATION", "source:EPOCH".
    int (*mark)(void *ctx, struct tw_slice name, struct tw_slice value);
    // In no order; only those that are not stale, lest one that was tried again comes back.
    int (*letter)(void *ctx, const struct tw_salvage_letter *letter);
    // Not proven. The same may come several times: the last is the one to keep. Times here and below are in
    // the own time of the file (lived.h).
    int (*request)(void *ctx, const uint8_t key[16], const uint8_t body[16], const uint8_t id[16],
                   int64_t seen_ms);
    // Not proven. Key of a sale that was acknowledged and whose row is lost: to be remembered without it. The
    // other keys are in the events themselves.
    int (*sale)(void *ctx, struct tw_slice key, int64_t n, int64_t seen_ms);
};

struct tw_salvage_report {
    struct tw_pages_report pages;
    uint64_t queued, remembered;     // events given
    uint64_t stale;                  // of them, from a copy known to be of an older state
    uint64_t holes, missing;         // ranges, and the places in them
    uint64_t refused;                // places that are no longer queued or of which no copy opened
    uint64_t no_key;                 // copies that name a key that the vault does not have
    uint64_t own_seals, other_seals; // as in struct tw_finds
    uint64_t marks, letters, requests, sales;
};

// Goes through the file at `path` and its WAL. What is given lies in the recorder's buffers: a sink that
// writes events uses another one.
int TW_MUST_CHECK tw_salvage_collect(const char *path, struct tw_recorder *recorder,
                                     const struct tw_salvage_sink *sink, struct tw_salvage_report *out);

#endif
