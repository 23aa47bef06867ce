// SPDX-License-Identifier: Apache-2.0
//
// What a salvage gives, taken down so that two of them can be compared.
//
// Threading: one. Memory: of fixed size. Time: none. Errors: an event that comes twice fails the test.
#ifndef TW_SALVAGE_TAKE_H
#define TW_SALVAGE_TAKE_H

#include "tests/fakes/journal_rig.h"

#include "agent/journal/salvage.h"
#include "agent/journal/store.h"

enum { EVENTS = 240, ACKED = 60, PLACES = 1024, PAGE = TW_STORE_PAGE_BYTES, REJECTED = 100 };

struct place_seen {
    unsigned given, missing;
    bool queued;
    enum tw_record_state state;
    enum tw_event_type type;
    uint8_t id[16];
    uint64_t text; // hash of subject, key and data
    bool has_boot;
};

struct take {
    struct tw_salvage_start start;
    unsigned starts;
    struct place_seen seen[PLACES];
    int64_t last; // the place given last
    unsigned marks, letters, requests, sales;
    uint64_t tap_offset;
    int64_t sale_n;
    int stop_at; // events until TW_ERR_FULL; 0: never
    int64_t n[PLACES];
    struct tw_salvage_report report;
};

static int64_t at(int64_t n)
{
    assert_true(n > -PLACES / 4 && n < PLACES * 3 / 4);
    return n + PLACES / 4;
}

// ---- the sink ----

static int take_start(void *ctx, const struct tw_salvage_start *start)
{
    struct take *take = ctx;
    take->start = *start;
    take->starts++;
    take->last = INT64_MIN;
    return TW_OK;
}

static uint64_t mix(uint64_t hash, struct tw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ text.ptr[i]) * 1099511628211u;
    }
    return hash ^ text.len;
}

static int take_event(void *ctx, const struct tw_salvage_event *event)
{
    struct take *take = ctx;
    struct place_seen *seen = &take->seen[at(event->n)];
    const struct tw_event_row *row = &event->record.row;
    assert_int_equal(take->starts, 1);
    assert_true(event->n > take->last);
    take->last = event->n;
    seen->given++;
    seen->queued = event->queued;
    seen->state = event->state;
    seen->type = row->type;
    memcpy(seen->id, row->id, sizeof seen->id);
    seen->text = mix(mix(mix(1, row->subject), event->record.sale_key), row->data);
    seen->has_boot = strcmp(row->boot, TW_SALVAGE_NO_BOOT) != 0;
    return take->stop_at > 0 && --take->stop_at == 0 ? TW_ERR_FULL : TW_OK;
}

static int take_hole(void *ctx, const struct tw_salvage_hole *hole)
{
    struct take *take = ctx;
    assert_true(hole->first <= hole->last && hole->first > take->last);
    for (int64_t n = hole->first; n <= hole->last; n++) {
        take->seen[at(n)].missing++;
    }
    take->last = hole->last;
    return TW_OK;
}

static int take_mark(void *ctx, struct tw_slice name, struct tw_slice value)
{
    struct take *take = ctx;
    take->marks++;
    if (name.len > 4 && memcmp(name.ptr, "tap:", 4) == 0) {
        assert_true(value.len >= 24);
        for (size_t i = 16; i < 24; i++) {
            take->tap_offset = take->tap_offset << 8 | value.ptr[i];
        }
    }
    return TW_OK;
}

static int take_letter(void *ctx, const struct tw_salvage_letter *letter)
{
    struct take *take = ctx;
    take->letters++;
    assert_int_equal(letter->sequence, REJECTED);
    assert_int_equal(letter->reason.len, strlen("too odd"));
    assert_memory_equal(letter->reason.ptr, "too odd", letter->reason.len);
    assert_true(letter->record.row.data.len > 0);
    return TW_OK;
}

static int take_request(void *ctx, const uint8_t key[16], const uint8_t body[16], const uint8_t id[16],
                        int64_t seen_ms)
{
    struct take *take = ctx;
    uint8_t hash[32];
    take->requests++;
    tw_seal_sha256(tw_slice_of("request"), hash);
    assert_memory_equal(key, hash, 16);
    assert_true(body[0] == 0x5a && id[6] >> 4 == 7 && seen_ms >= TW_RELEASE_WALL_MS);
    return TW_OK;
}

static int take_sale(void *ctx, struct tw_slice key, int64_t n, int64_t seen_ms)
{
    struct take *take = ctx;
    take->sales++;
    take->sale_n = n;
    assert_true(key.len > 2 && memcmp(key.ptr, "k-", 2) == 0 && seen_ms >= TW_RELEASE_WALL_MS);
    return TW_OK;
}

static int try_salvage(const struct rig *rig, struct tw_vault *vault, struct take *take)
{
    const struct tw_salvage_sink sink = {
        .ctx = take,
        .start = take_start,
        .event = take_event,
        .hole = take_hole,
        .mark = take_mark,
        .letter = take_letter,
        .request = take_request,
        .sale = take_sale,
    };
    struct tw_recorder recorder;
    assert_int_equal(tw_recorder_init(&recorder, vault), TW_OK);
    int rc = tw_salvage_collect(rig->path, &recorder, &sink, &take->report);
    tw_recorder_free(&recorder);
    return rc;
}

static void salvage(const struct rig *rig, struct take *take)
{
    *take = (struct take){0};
    assert_int_equal(try_salvage(rig, rig->vault, take), TW_OK);
}

#endif
