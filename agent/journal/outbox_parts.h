// SPDX-License-Identifier: Apache-2.0
//
// What the files of the outbox share: outbox.c (opening, writing, reading, acknowledging), epoch.c (a new
// epoch), letters.c (dead letters), shed.c (what is given up for room).
#ifndef TW_OUTBOX_PARTS_H
#define TW_OUTBOX_PARTS_H

#include "agent/journal/outbox.h"
#include "agent/journal/uuid.h"

struct tw_outbox {
    struct tw_outbox_parts with;
    struct tw_uuid_maker maker;
    uint8_t last_id[16];
    struct tw_chain chain;
    struct tw_outbox_state state;
};

// Begins an epoch whose first row is at base + 1. The caller sets `next` and saves.
int TW_MUST_CHECK tw_outbox_begin_epoch(struct tw_outbox *outbox, int64_t base);

// Live rows: queued and not dead.
uint64_t tw_outbox_live(const struct tw_outbox_state *state);

// Looks up the oldest live row again.
int TW_MUST_CHECK tw_outbox_oldest(struct tw_outbox *outbox);

// The life of rows written now.
struct tw_life tw_outbox_life(const struct tw_outbox *outbox);

#endif
