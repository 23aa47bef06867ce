// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/tap_ring.h"

#include <string.h>

// Both rings begin at a base that follows their oldest entry, so that a place is found without a division: on
// a board that would be a call into flash, and this runs while the flash is busy.
static size_t wrapped(uint64_t distance, size_t ring)
{
    return (size_t)(distance < ring ? distance : distance - ring);
}

static struct tw_tap_record *record_at(const struct tw_tap *tap, uint64_t index)
{
    return &tap->memory.records[wrapped(index - tap->record_base, tap->memory.record_count)];
}

static size_t place_of(const struct tw_tap *tap, uint64_t offset)
{
    return wrapped(offset - tap->base, tap->memory.ring_bytes);
}

static size_t min_size(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

// ---- giving up and forgetting

void tw_tap_drop_frame(struct tw_tap *tap)
{
    (void)memset(tap->frame, 0, tap->frame_len);
    tap->frame_len = 0;
    tap->frame_sent = 0;
}

// The ring never holds what is no longer needed: it may be card data (P6).
static void wipe(struct tw_tap *tap, uint64_t from, uint64_t to)
{
    uint64_t offset = from;
    while (offset < to) {
        size_t at = place_of(tap, offset);
        size_t len = min_size(tap->memory.ring_bytes - at, to - offset);
        (void)memset(&tap->memory.ring[at], 0, len);
        offset += len;
    }
}

static void drop_record(struct tw_tap *tap)
{
    tap->base_time_us = record_at(tap, tap->record_first)->time_us;
    tap->record_first++;
    if (tap->record_first - tap->record_base >= tap->memory.record_count) {
        tap->record_base += tap->memory.record_count;
    }
    if (tap->record_send < tap->record_first) {
        tap->record_send = tap->record_first;
    }
}

// Moves `first` up to `offset`, which may lie beyond `next` while a long print is under way.
static void advance(struct tw_tap *tap, uint64_t offset)
{
    wipe(tap, tap->first, offset < tap->next ? offset : tap->next);
    tap->first = offset;
    if (offset >= tap->next) {
        tap->base = offset;
    } else if (offset - tap->base >= tap->memory.ring_bytes) {
        tap->base += tap->memory.ring_bytes;
    } else {
        // The base still leads by less than a ring.
    }
    while (tap->record_first < tap->record_next && record_at(tap, tap->record_first)->offset < offset) {
        drop_record(tap);
    }
}

static void give_up(struct tw_tap *tap, uint64_t offset)
{
    tap->lost_bytes += offset - tap->first;
    advance(tap, offset);
}

void tw_tap_forget(struct tw_tap *tap, uint64_t offset)
{
    if (offset > tap->first) {
        advance(tap, offset);
    }
    if (offset > tap->acked) {
        tap->acked = offset;
    }
    if (tap->send < offset) {
        tap->send = offset;
    }
}

// ---- records

// A full table is want of room like any other. Times go first, they only lose precision; a mark
// goes together with the bytes up to the next one, because a page without its end would be misread.
static void make_record_room(struct tw_tap *tap)
{
    while (tap->record_next - tap->record_first >= tap->memory.record_count) {
        const struct tw_tap_record *oldest = record_at(tap, tap->record_first);
        if (oldest->what == 0) {
            drop_record(tap);
            continue;
        }
        uint64_t index = tap->record_first + 1;
        while (record_at(tap, index)->offset == oldest->offset) {
            index++;
        }
        give_up(tap, record_at(tap, index)->offset);
    }
}

static void add_record(struct tw_tap *tap, uint8_t what, uint64_t time_us)
{
    make_record_room(tap);
    *record_at(tap, tap->record_next) = (struct tw_tap_record){tap->next, time_us, what};
    tap->record_next++;
}

// Of three marks at one offset the oldest goes: connections that print nothing must not fill the
// table.
static void merge_marks(struct tw_tap *tap)
{
    if (tap->record_next - tap->record_first < 2) {
        return;
    }
    const struct tw_tap_record *last = record_at(tap, tap->record_next - 1);
    struct tw_tap_record *before = record_at(tap, tap->record_next - 2);
    if (before->offset != tap->next || before->what == 0 || last->what == 0) {
        return;
    }
    if (tap->record_send > tap->record_next - 2) {
        tap->record_send--;
    }
    *before = *last;
    tap->record_next--;
}

uint64_t tw_tap_moment(struct tw_tap *tap, uint64_t time_us)
{
    tap->moment_us = time_us > tap->moment_us ? time_us : tap->moment_us + 1;
    return tap->moment_us;
}

void tw_tap_mark(struct tw_tap *tap, enum tw_link_mark what, uint64_t time_us)
{
    merge_marks(tap);
    add_record(tap, (uint8_t)what, tw_tap_moment(tap, time_us));
}

// Times use at most three quarters of the table: marks matter more.
static void stamp(struct tw_tap *tap, uint64_t time_us)
{
    uint64_t used = tap->record_next - tap->record_first;
    if (used >= tap->memory.record_count - tap->memory.record_count / 4) {
        return;
    }
    uint64_t last = used > 0 ? record_at(tap, tap->record_next - 1)->time_us : tap->base_time_us;
    if (tap->next == 0 || time_us >= last + TW_TAP_STAMP_US) {
        add_record(tap, 0, time_us);
    }
}

uint64_t tw_tap_find_record(const struct tw_tap *tap, uint64_t offset)
{
    uint64_t low = tap->record_first;
    uint64_t high = tap->record_next;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (record_at(tap, middle)->offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct tw_tap_record *tw_tap_due_mark(struct tw_tap *tap)
{
    while (tap->record_send < tap->record_next) {
        const struct tw_tap_record *record = record_at(tap, tap->record_send);
        if (record->offset > tap->send) {
            return NULL;
        }
        if (record->what != 0) {
            return record;
        }
        tap->record_send++;
    }
    return NULL;
}

void tw_tap_pass_mark(struct tw_tap *tap)
{
    tap->record_send++;
}

// ---- bytes

void tw_tap_print(struct tw_tap *tap, const uint8_t *bytes, size_t len, uint64_t time_us)
{
    if (len == 0) {
        return;
    }
    stamp(tap, time_us);
    tap->print_us = time_us;
    size_t ring = tap->memory.ring_bytes;
    uint64_t end = tap->next + len;
    if (end - tap->first > ring) {
        give_up(tap, end - ring);
    }
    size_t keep = len < ring ? len : ring;
    tap->next = end;
    while (keep > 0) {
        size_t at = place_of(tap, end - keep);
        size_t part = min_size(ring - at, keep);
        (void)memcpy(&tap->memory.ring[at], &bytes[len - keep], part);
        keep -= part;
    }
}

void tw_tap_skip(struct tw_tap *tap, uint64_t count)
{
    if (count > 0) {
        give_up(tap, tap->next + count);
        tap->next += count;
    }
}

size_t tw_tap_piece(const struct tw_tap *tap, uint64_t offset, size_t room, const uint8_t **bytes)
{
    size_t at = place_of(tap, offset);
    size_t len = min_size(room, tap->next - offset);
    len = min_size(len, tap->memory.ring_bytes - at);
    if (tap->record_send < tap->record_next) {
        len = min_size(len, record_at(tap, tap->record_send)->offset - offset);
    }
    *bytes = &tap->memory.ring[at];
    return len;
}

uint64_t tw_tap_time_at_send(const struct tw_tap *tap)
{
    if (tap->record_send > tap->record_first) {
        return record_at(tap, tap->record_send - 1)->time_us;
    }
    return tap->base_time_us;
}
