// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/scans.h"

#include <string.h>

#include "firmware/core/tap.h"

_Static_assert(sizeof(struct tw_scan) <= 280, "the board has 32 of them");
_Static_assert(sizeof(struct tw_scans) <= 352, "the board has 64 KiB for everything");

void tw_scans_init(struct tw_scans *scans, struct tw_scan *slots, size_t count)
{
    (void)memset(scans, 0, sizeof *scans);
    scans->slots = slots;
    scans->count = count;
    scans->first = 1;
    scans->next = 1;
    scans->send = 1;
}

static struct tw_scan *slot_of(const struct tw_scans *scans, uint64_t number)
{
    return &scans->slots[number % scans->count];
}

static void wipe_first(struct tw_scans *scans)
{
    (void)memset(slot_of(scans, scans->first), 0, sizeof(struct tw_scan));
    scans->first++;
}

// One that is too long, or has a hole, was counted as lost when it came.
static void give_up_first(struct tw_scans *scans)
{
    scans->lost += slot_of(scans, scans->first)->len > 0 ? 1 : 0;
    wipe_first(scans);
}

// ---- gathering

static void complete(struct tw_scans *scans, struct tw_tap *tap, uint64_t now_us)
{
    if (scans->next - scans->first == scans->count) {
        give_up_first(scans);
    }
    struct tw_scan *scan = slot_of(scans, scans->next);
    scan->at = tap->next;
    scan->time_us = tw_tap_moment(tap, now_us);
    if (scans->len <= sizeof scan->bytes) {
        scan->len = (uint16_t)scans->len;
        (void)memcpy(scan->bytes, scans->bytes, scans->len);
    } else {
        scan->len = 0;
        scans->lost++;
    }
    scans->next++;
    (void)memset(scans->bytes, 0, sizeof scans->bytes);
    scans->len = 0;
}

void tw_scans_put(struct tw_scans *scans, struct tw_tap *tap, uint8_t byte, uint64_t now_us)
{
    tw_scans_tick(scans, tap, now_us);
    bool ends = byte == '\r' || byte == '\n';
    if (!ends) {
        if (scans->len < sizeof scans->bytes) {
            scans->bytes[scans->len] = byte;
        }
        scans->len += scans->len <= sizeof scans->bytes ? 1 : 0;
        scans->heard_us = now_us;
        return;
    }
    if (scans->len > 0) {
        complete(scans, tap, now_us);
    }
}

// Silence is not looked at first: it may be the hole that was silent.
void tw_scans_miss(struct tw_scans *scans, uint64_t now_us)
{
    scans->len = sizeof scans->bytes + 1;
    scans->heard_us = now_us;
}

void tw_scans_tick(struct tw_scans *scans, struct tw_tap *tap, uint64_t now_us)
{
    if (scans->len > 0 && now_us >= scans->heard_us + TW_SCANS_SILENCE_US) {
        complete(scans, tap, now_us);
    }
}

// ---- sending

void tw_scans_rewind(struct tw_scans *scans)
{
    scans->send = scans->acked + 1;
}

bool tw_scans_forget(struct tw_scans *scans, uint64_t number)
{
    if (number >= scans->next) {
        return false;
    }
    while (scans->first <= number) {
        wipe_first(scans);
    }
    if (number > scans->acked) {
        scans->acked = number;
    }
    if (scans->send <= number) {
        scans->send = number + 1;
    }
    return true;
}

const struct tw_scan *tw_scans_due(const struct tw_scans *scans)
{
    return scans->send < scans->next ? slot_of(scans, scans->send) : NULL;
}
