// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fault_platter.h"

#include <stdlib.h>
#include <string.h>

// Who never syncs does not fill the memory: beyond this the kernel has written back by itself.
enum { LOG_MAX_BYTES = 16 * 1024 * 1024 };

struct record { // in the log, followed by `len` bytes
    uint64_t at;
    size_t len;
    bool truncates; // to `at`
};

// How the log ends.
struct ending {
    size_t end;           // of the log: what comes later is lost as a whole
    uint64_t size;        // of the file
    uint32_t *left;       // of each sector: so many of its writes arrive
    uint64_t torn_record; // number of the write that is torn; UINT64_MAX: none
    uint64_t torn_sector; // where
    bool safe;
    uint64_t *random;
};

uint64_t fault_random(uint64_t *state, uint64_t below)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

// ---- bytes ----

static bool reserve(struct fault_bytes *bytes, size_t cap)
{
    if (cap <= bytes->cap) {
        return true;
    }
    size_t grown = bytes->cap < 4096 ? 4096 : bytes->cap;
    while (grown < cap) {
        grown *= 2;
    }
    uint8_t *ptr = realloc(bytes->ptr, grown);
    if (ptr == NULL) {
        return false;
    }
    bytes->ptr = ptr;
    bytes->cap = grown;
    return true;
}

static bool resize(struct fault_bytes *bytes, size_t len)
{
    if (!reserve(bytes, len)) {
        return false;
    }
    if (len > bytes->len) {
        memset(bytes->ptr + bytes->len, 0, len - bytes->len);
    }
    bytes->len = len;
    return true;
}

// What is between the end and `at` becomes zeros.
static bool put(struct fault_bytes *bytes, uint64_t at, const void *from, size_t len)
{
    size_t end = at + len;
    if (at > bytes->len ? !resize(bytes, end) : !reserve(bytes, end)) {
        return false;
    }
    bytes->len = end > bytes->len ? end : bytes->len;
    if (len > 0) {
        memcpy(bytes->ptr + at, from, len);
    }
    return true;
}

// ---- the log ----

static bool note(struct fault_bytes *log, const struct record *record, const void *bytes)
{
    if (!reserve(log, log->len + sizeof *record + record->len)) {
        return false;
    }
    memcpy(log->ptr + log->len, record, sizeof *record);
    if (record->len > 0) {
        memcpy(log->ptr + log->len + sizeof *record, bytes, record->len);
    }
    log->len += sizeof *record + record->len;
    return true;
}

// The record at `*at`, which goes on to the next one.
static const uint8_t *next_record(const struct fault_bytes *log, size_t *at, struct record *record)
{
    memcpy(record, log->ptr + *at, sizeof *record);
    const uint8_t *bytes = log->ptr + *at + sizeof *record;
    *at += sizeof *record + record->len;
    return bytes;
}

static bool apply_all(struct fault_platter *platter)
{
    bool done = true;
    for (size_t at = 0; at < platter->log.len && done;) {
        struct record record;
        const uint8_t *bytes = next_record(&platter->log, &at, &record);
        done = record.truncates ? resize(&platter->kept, record.at)
                                : put(&platter->kept, record.at, bytes, record.len);
    }
    return done;
}

bool fault_platter_write(struct fault_platter *platter, uint64_t at, const void *bytes, size_t len)
{
    const struct record record = {.at = at, .len = len};
    if (platter->log.len > LOG_MAX_BYTES && !fault_platter_sync(platter)) {
        return false;
    }
    size_t before = platter->log.len;
    if (!note(&platter->log, &record, bytes)) {
        return false;
    }
    if (!put(&platter->now, at, bytes, len)) {
        platter->log.len = before;
        return false;
    }
    return true;
}

bool fault_platter_truncate(struct fault_platter *platter, uint64_t size)
{
    const struct record record = {.at = size, .truncates = true};
    return reserve(&platter->now, size) && note(&platter->log, &record, NULL) && resize(&platter->now, size);
}

bool fault_platter_sync(struct fault_platter *platter)
{
    bool done = apply_all(platter);
    platter->log.len = done ? 0 : platter->log.len;
    return done;
}

// ---- losing ----

// One truncation in four is lost, and what came after it.
static void draw_end(const struct fault_bytes *log, struct ending *ending)
{
    ending->end = log->len;
    for (size_t at = 0; at < log->len;) {
        struct record record;
        size_t begin = at;
        (void)next_record(log, &at, &record);
        if (record.truncates && fault_random(ending->random, 4) == 0) {
            ending->end = begin;
            return;
        }
    }
}

// The size after `appends` of the appends that follow the last truncation; counts them in `*count`.
static uint64_t size_after(const struct fault_platter *platter, const struct ending *ending, uint64_t appends,
                           uint64_t *count)
{
    uint64_t size = platter->kept.len; // as it would be with all
    uint64_t chosen = size;
    *count = 0;
    for (size_t at = 0; at < ending->end;) {
        struct record record;
        (void)next_record(&platter->log, &at, &record);
        if (record.truncates) {
            size = record.at;
            chosen = size;
            *count = 0;
        } else if (record.at + record.len > size) {
            size = record.at + record.len;
            chosen = ++*count <= appends ? size : chosen;
        }
    }
    return chosen;
}

static void draw_size(const struct fault_platter *platter, struct ending *ending)
{
    uint64_t count = 0;
    ending->size = size_after(platter, ending, UINT64_MAX, &count);
    if (count > 0 && fault_random(ending->random, 2) == 0) {
        ending->size = size_after(platter, ending, fault_random(ending->random, count), &count);
    }
}

static size_t sectors_of(const struct fault_platter *platter)
{
    size_t end = platter->kept.len;
    for (size_t at = 0; at < platter->log.len;) {
        struct record record;
        (void)next_record(&platter->log, &at, &record);
        size_t record_end = record.at + record.len;
        end = record_end > end ? record_end : end;
    }
    return end / FAULT_SECTOR_BYTES + 1;
}

// Counts each sector's writes, then draws how many of them arrive. Some losses are light, some heavy.
static bool draw_sectors(const struct fault_platter *platter, struct ending *ending)
{
    size_t sectors = sectors_of(platter);
    ending->left = calloc(sectors, sizeof *ending->left);
    if (ending->left == NULL) {
        return false;
    }
    for (size_t at = 0; at < ending->end;) {
        struct record record;
        (void)next_record(&platter->log, &at, &record);
        for (uint64_t pos = record.at; pos < record.at + record.len;) {
            ending->left[pos / FAULT_SECTOR_BYTES]++;
            pos += FAULT_SECTOR_BYTES - pos % FAULT_SECTOR_BYTES;
        }
    }
    static const uint64_t weights[] = {1, 8, 15}; // of 16
    uint64_t weight = weights[fault_random(ending->random, 3)];
    for (size_t i = 0; i < sectors; i++) {
        if (ending->left[i] > 0 && fault_random(ending->random, 16) >= weight) {
            ending->left[i] = (uint32_t)fault_random(ending->random, ending->left[i]);
        }
    }
    return true;
}

static void draw_tear(const struct fault_platter *platter, struct ending *ending)
{
    uint64_t writes = 0;
    for (size_t at = 0; at < ending->end;) {
        struct record record;
        (void)next_record(&platter->log, &at, &record);
        // Each write is the one with the same chance (reservoir sampling).
        if (!record.truncates && record.len > 0) {
            if (fault_random(ending->random, ++writes) == 0) {
                ending->torn_record = writes - 1;
                uint64_t first = record.at / FAULT_SECTOR_BYTES;
                uint64_t last = (record.at + record.len - 1) / FAULT_SECTOR_BYTES;
                ending->torn_sector = first + fault_random(ending->random, last - first + 1);
            }
        }
    }
}

// The piece's beginning or its end arrives. Without the promise the rest of the sector becomes anything.
static bool put_torn(struct fault_platter *platter, const struct ending *ending, uint64_t at,
                     const uint8_t *bytes, size_t len)
{
    uint64_t sector = at - at % FAULT_SECTOR_BYTES;
    for (size_t i = 0; !ending->safe && i < FAULT_SECTOR_BYTES && sector + i < platter->kept.len; i++) {
        platter->kept.ptr[sector + i] = (uint8_t)fault_random(ending->random, 256);
    }
    size_t arrived = (size_t)fault_random(ending->random, len);
    bool end = fault_random(ending->random, 2) == 0;
    return end ? put(&platter->kept, at + len - arrived, bytes + len - arrived, arrived)
               : put(&platter->kept, at, bytes, arrived);
}

static bool put_pieces(struct fault_platter *platter, const struct ending *ending,
                       const struct record *record, const uint8_t *bytes, bool torn)
{
    bool done = true;
    for (size_t from = 0; from < record->len && done;) {
        uint64_t at = record->at + from;
        uint64_t sector = at / FAULT_SECTOR_BYTES;
        size_t len = FAULT_SECTOR_BYTES - at % FAULT_SECTOR_BYTES;
        len = len < record->len - from ? len : record->len - from;
        if (torn && sector == ending->torn_sector) {
            done = put_torn(platter, ending, at, bytes + from, len);
            ending->left[sector] = 0;
        } else if (ending->left[sector] > 0) {
            done = put(&platter->kept, at, bytes + from, len);
            ending->left[sector]--;
        }
        from += len;
    }
    return done;
}

static bool apply_some(struct fault_platter *platter, const struct ending *ending)
{
    uint64_t number = 0;
    bool done = true;
    for (size_t at = 0; at < ending->end && done;) {
        struct record record;
        const uint8_t *bytes = next_record(&platter->log, &at, &record);
        if (record.truncates) {
            done = resize(&platter->kept, record.at);
        } else if (record.len > 0) {
            done = put_pieces(platter, ending, &record, bytes, number++ == ending->torn_record);
        }
    }
    return done && resize(&platter->kept, ending->size);
}

bool fault_platter_lose(struct fault_platter *platter, enum fault_loss loss, bool safe, uint64_t *random)
{
    bool done = true;
    if (loss == FAULT_LOSE_NONE) {
        done = apply_all(platter);
    } else if (loss != FAULT_LOSE_ALL && platter->log.len > 0) {
        struct ending ending = {.torn_record = UINT64_MAX, .safe = safe, .random = random};
        draw_end(&platter->log, &ending);
        draw_size(platter, &ending);
        done = draw_sectors(platter, &ending);
        if (done && loss == FAULT_TEAR) {
            draw_tear(platter, &ending);
        }
        done = done && apply_some(platter, &ending);
        free(ending.left);
    }
    platter->log.len = 0;
    return done;
}

bool fault_platter_reload(struct fault_platter *platter)
{
    platter->now.len = 0;
    return put(&platter->now, 0, platter->kept.ptr, platter->kept.len);
}

void fault_platter_free(struct fault_platter *platter)
{
    free(platter->now.ptr);
    free(platter->kept.ptr);
    free(platter->log.ptr);
}
