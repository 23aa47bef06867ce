// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/salvage.h"

#include "agent/journal/finds.h"
#include "agent/journal/store.h"

enum {
    HASH_HALF = 16,
    REASON_BYTES = 512,
};

struct salvage {
    struct tw_pages *pages;
    struct tw_recorder *recorder;
    const struct tw_salvage_sink *sink;
    struct tw_finds finds;
    struct tw_salvage_start start;
    struct tw_salvage_report report;
    bool counting;    // `expected` is known: what is missed from there on is a hole
    int64_t expected; // the next place
    int64_t top;      // the last place that is known to have been used
    size_t life;      // the one that opened the last row
};

// ---- start ----

static void know_epoch(struct salvage *salvage)
{
    struct tw_salvage_start *start = &salvage->start;
    const struct tw_finds *finds = &salvage->finds;
    int64_t newest = 0;
    start->floor = INT64_MIN;
    start->has_meta = finds->has_meta;
    if (finds->has_meta) {
        start->meta = finds->meta;
        start->has_life = true;
        start->base = finds->meta.base;
        start->floor = finds->meta.base + (int64_t)finds->meta.through;
        memcpy(start->epoch, finds->meta.epoch, sizeof start->epoch);
        salvage->counting = !finds->meta_is_stale;
        salvage->expected = start->floor + 1;
        salvage->top = finds->meta.base + (int64_t)finds->meta.counted_to;
        return;
    }
    for (size_t i = 0; i < finds->life_count; i++) {
        const struct tw_life *life = &finds->lives[i];
        if (life->number > newest) {
            newest = life->number;
            start->has_life = true;
            start->base = life->base;
            memcpy(start->epoch, life->epoch, sizeof start->epoch);
        }
    }
}

// ---- events ----

// TW_ERR_DAMAGED: does not open in any life of that number.
static int open_in_lives(struct salvage *salvage, const struct tw_stored *stored, struct tw_record *out)
{
    const struct tw_finds *finds = &salvage->finds;
    bool no_key = false;
    for (size_t i = 0; i < finds->life_count; i++) {
        size_t at = (salvage->life + i) % finds->life_count;
        const struct tw_life *life = &finds->lives[at];
        if (life->number != stored->life) {
            continue;
        }
        uint64_t sequence = (uint64_t)stored->n - (uint64_t)life->base;
        int rc = tw_record_open(salvage->recorder, life->epoch, sequence, stored, out);
        if (rc == TW_OK || rc == TW_ERR_NOMEM) {
            salvage->life = at;
            return rc;
        }
        no_key = no_key || rc == TW_ERR_NOT_FOUND;
    }
    salvage->report.no_key += no_key;
    return TW_ERR_DAMAGED;
}

static void fill_boot(const struct salvage *salvage, struct tw_record *record)
{
    const char *boot = tw_finds_boot(&salvage->finds, record->boot);
    record->row.boot = boot != NULL ? boot : TW_SALVAGE_NO_BOOT;
}

static int give_hole(struct salvage *salvage, int64_t first, int64_t last)
{
    const struct tw_salvage_hole hole = {.first = first, .last = last};
    salvage->report.holes++;
    salvage->report.missing += (uint64_t)last - (uint64_t)first + 1;
    return salvage->sink->hole != NULL ? salvage->sink->hole(salvage->sink->ctx, &hole) : TW_OK;
}

// Without the newest meta mark only what is not a sale shows where the queue is: of what was acknowledged,
// sales are all that stays.
static int pass_hole(struct salvage *salvage, const struct tw_find *find)
{
    int rc = TW_OK;
    if (salvage->counting && find->n > salvage->expected) {
        rc = give_hole(salvage, salvage->expected, find->n - 1);
    }
    if (salvage->counting || (!find->stale && !find->sale)) {
        salvage->counting = true;
        salvage->expected = find->n + 1;
    }
    return rc;
}

// 1: opened; 0: does not open.
static int open_copy(struct salvage *salvage, const struct tw_find *find, struct tw_salvage_event *out)
{
    struct tw_page_row row;
    struct tw_stored stored = {.n = find->n};
    struct tw_salvage_event event = {.n = find->n, .queued = find->n > salvage->start.floor};
    int rc = tw_pages_get(salvage->pages, tw_find_place(find), &row);
    rc = rc == TW_OK && !tw_finds_event(&row, &stored) ? TW_ERR_DAMAGED : rc;
    rc = rc == TW_OK ? open_in_lives(salvage, &stored, &event.record) : rc;
    if (rc != TW_OK) {
        return rc == TW_ERR_DAMAGED ? 0 : rc;
    }
    fill_boot(salvage, &event.record);
    event.state = stored.state;
    *out = event;
    return 1;
}

static int give_event(struct salvage *salvage, struct tw_find *find, const struct tw_salvage_event *event)
{
    const struct tw_salvage_sink *sink = salvage->sink;
    find->given = true;
    salvage->report.queued += event->queued;
    salvage->report.remembered += !event->queued;
    salvage->report.stale += find->stale;
    if (event->queued) {
        int rc = pass_hole(salvage, find);
        if (rc != TW_OK) {
            return rc;
        }
        salvage->top = find->n > salvage->top ? find->n : salvage->top;
    }
    return sink->event != NULL ? sink->event(sink->ctx, event) : TW_OK;
}

// A row that is there and does not open was once an event. Behind all that is certain that is believed only
// of one that goes on without a gap: its place is not proven.
static void note_refused(struct salvage *salvage, const struct tw_find *find)
{
    salvage->report.refused++;
    salvage->top += salvage->counting && !find->stale && find->n == salvage->top + 1;
}

// The copies first .. last are of one place, the best last.
static int give_place(struct salvage *salvage, size_t first, size_t last)
{
    struct tw_find *finds = salvage->finds.rows;
    bool queued = finds[last].n > salvage->start.floor;
    for (size_t i = last + 1; i-- > first;) {
        struct tw_salvage_event event = {.queued = false};
        if (!queued && !finds[i].sale) {
            continue; // acknowledged, and gone but for this copy
        }
        int rc = open_copy(salvage, &finds[i], &event);
        if (rc != 0) {
            return rc < 0 ? rc : give_event(salvage, &finds[i], &event);
        }
    }
    if (queued) {
        note_refused(salvage, &finds[last]);
    }
    return TW_OK;
}

static int give_events(struct salvage *salvage)
{
    const struct tw_finds *finds = &salvage->finds;
    int rc = TW_OK;
    for (size_t i = 0; i < finds->row_count && rc == TW_OK;) {
        size_t last = i;
        while (last + 1 < finds->row_count && finds->rows[last + 1].n == finds->rows[i].n) {
            last++;
        }
        rc = give_place(salvage, i, last);
        i = last + 1;
    }
    if (rc == TW_OK && salvage->counting && salvage->top >= salvage->expected) {
        rc = give_hole(salvage, salvage->expected, salvage->top);
    }
    return rc;
}

static bool is_given(const struct salvage *salvage, int64_t n)
{
    const struct tw_find *rows = salvage->finds.rows;
    size_t low = 0;
    size_t high = salvage->finds.row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].n < n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low < salvage->finds.row_count && rows[low].n == n && !rows[low].given) {
        low++;
    }
    return low < salvage->finds.row_count && rows[low].n == n;
}

// ---- the rest ----

static int give_marks(struct salvage *salvage)
{
    const struct tw_salvage_sink *sink = salvage->sink;
    int rc = TW_OK;
    for (size_t i = 0; i < salvage->finds.mark_count && rc == TW_OK; i++) {
        const struct tw_found_mark *mark = &salvage->finds.marks[i];
        salvage->report.marks++;
        rc = sink->mark != NULL ? sink->mark(sink->ctx, tw_buf_slice(&mark->name), tw_buf_slice(&mark->value))
                                : TW_OK;
    }
    return rc;
}

static int give_letter(struct salvage *salvage, const struct tw_found_letter *found)
{
    const struct tw_salvage_sink *sink = salvage->sink;
    struct tw_salvage_letter letter = {.number = (uint64_t)found->number,
                                       .sequence = (uint64_t)found->sequence,
                                       .reason = found->reason,
                                       .at_ms = found->at_ms};
    memcpy(letter.epoch, found->epoch, sizeof letter.epoch);
    int rc = tw_record_open(salvage->recorder, letter.epoch, letter.sequence, &found->stored, &letter.record);
    if (rc != TW_OK) {
        salvage->report.no_key += rc == TW_ERR_NOT_FOUND;
        return rc == TW_ERR_NOMEM ? rc : TW_OK;
    }
    fill_boot(salvage, &letter.record);
    letter.reason.len = letter.reason.len < REASON_BYTES ? letter.reason.len : REASON_BYTES;
    salvage->report.letters++;
    return sink->letter != NULL ? sink->letter(sink->ctx, &letter) : TW_OK;
}

static bool is_request(const struct tw_page_row *row)
{
    const struct tw_page_value *value = row->values;
    bool fits = row->count == 5 && value[0].kind == TW_PAGE_NULL && value[4].kind == TW_PAGE_INT;
    for (size_t i = 1; i <= 3 && fits; i++) {
        fits = value[i].kind == TW_PAGE_BLOB && value[i].bytes.len == HASH_HALF;
    }
    return fits;
}

static int give_request(struct salvage *salvage, const struct tw_page_row *row)
{
    const struct tw_salvage_sink *sink = salvage->sink;
    const struct tw_page_value *value = row->values;
    salvage->report.requests++;
    return sink->request != NULL ? sink->request(sink->ctx, value[1].bytes.ptr, value[2].bytes.ptr,
                                                 value[3].bytes.ptr, value[4].integer)
                                 : TW_OK;
}

static int give_sale(struct salvage *salvage, const struct tw_page_row *row)
{
    const struct tw_salvage_sink *sink = salvage->sink;
    const struct tw_page_value *value = row->values;
    struct tw_life life = {.number = value[2].integer, .base = value[1].integer};
    if (row->place.stale || value[0].kind != TW_PAGE_TEXT || value[1].kind != TW_PAGE_INT ||
        value[2].kind != TW_PAGE_INT || value[1].integer > salvage->start.floor ||
        is_given(salvage, value[1].integer)) {
        return TW_OK;
    }
    if (value[0].bytes.len == sizeof life.epoch - 1) {
        memcpy(life.epoch, value[0].bytes.ptr, sizeof life.epoch - 1);
        if (tw_finds_has_life(&salvage->finds, &life)) {
            return TW_OK; // of an index on `lives`
        }
    }
    salvage->report.sales++;
    return sink->sale != NULL ? sink->sale(sink->ctx, value[0].bytes, value[1].integer, value[2].integer)
                              : TW_OK;
}

static int on_row(void *ctx, const struct tw_page_row *row)
{
    struct salvage *salvage = ctx;
    struct tw_found_letter letter;
    if (row->index) {
        return row->count == 3 ? give_sale(salvage, row) : TW_OK;
    }
    if (is_request(row)) {
        return give_request(salvage, row);
    }
    return !row->place.stale && tw_finds_letter(row, &letter) ? give_letter(salvage, &letter) : TW_OK;
}

static int collect(struct salvage *salvage)
{
    const struct tw_salvage_sink *sink = salvage->sink;
    struct tw_pages_report again;
    int rc = tw_finds_look(&salvage->finds, salvage->pages, &salvage->report.pages);
    if (rc != TW_OK) {
        return rc;
    }
    salvage->report.no_key = salvage->finds.no_key;
    salvage->report.own_seals = salvage->finds.own_seals;
    salvage->report.other_seals = salvage->finds.other_seals;
    know_epoch(salvage);
    rc = sink->start != NULL ? sink->start(sink->ctx, &salvage->start) : TW_OK;
    rc = rc != TW_OK ? rc : give_events(salvage);
    rc = rc != TW_OK ? rc : give_marks(salvage);
    return rc != TW_OK ? rc : tw_pages_walk(salvage->pages, on_row, salvage, &again);
}

int tw_salvage_collect(const char *path, struct tw_recorder *recorder, const struct tw_salvage_sink *sink,
                       struct tw_salvage_report *out)
{
    struct salvage salvage = {.recorder = recorder, .sink = sink, .finds = {.recorder = recorder}};
    int rc = tw_pages_open(path, TW_STORE_PAGE_BYTES, &salvage.pages);
    rc = rc != TW_OK ? rc : collect(&salvage);
    tw_pages_close(salvage.pages);
    tw_finds_free(&salvage.finds);
    if (rc == TW_OK) {
        *out = salvage.report;
    }
    return rc;
}
