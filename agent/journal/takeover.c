// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/takeover.h"

#include <inttypes.h>

#include "agent/journal/gap.h"
#include "agent/journal/page_file.h"
#include "agent/journal/salvage.h"
#include "agent/journal/store_parts.h"
#include "journal_sql.h"

struct takeover {
    struct tw_store *store;
    struct tw_salvage_start start;
    bool is_foreign;    // nothing is queued, and what is remembered is of another source
    int64_t remembered; // place of the one remembered last, going down
    uint64_t queued, missing;
};

// ---- what the salvage gives ----

static int take_start(void *ctx, const struct tw_salvage_start *start)
{
    struct takeover *takeover = ctx;
    takeover->start = *start;
    takeover->is_foreign = start->has_meta && strcmp(start->meta.source, takeover->store->source) != 0;
    return TW_OK;
}

// A sale that is known, in a row below all that is queued. It counts as seen now, as all that is taken over.
static int remember(struct takeover *takeover, const struct tw_event_row *row, struct tw_slice key)
{
    struct tw_store *store = takeover->store;
    const struct tw_outbox_state *state = tw_outbox_state(store->outbox);
    struct tw_life life = {.number = state->life, .base = state->start.base};
    size_t bytes = 0;
    memcpy(life.epoch, state->start.epoch, sizeof life.epoch);
    takeover->remembered--;
    int rc = tw_table_put(&store->table, &life, takeover->remembered, TW_RECORD_LIVE, row, key, &bytes);
    return rc != TW_OK ? rc : tw_keys_add_sale(&store->keys, key, takeover->remembered);
}

static int take_event(void *ctx, const struct tw_salvage_event *event)
{
    struct takeover *takeover = ctx;
    struct tw_store *store = takeover->store;
    struct tw_event_row row = event->record.row;
    struct tw_slice key = event->record.sale_key;
    bool is_sale = tw_event_is_sale(row.type) && key.len > 0;
    if (takeover->is_foreign) {
        return TW_OK;
    }
    if (!event->queued || event->state == TW_RECORD_DEAD) {
        return is_sale ? remember(takeover, &row, key) : TW_OK;
    }
    int rc = tw_outbox_append(store->outbox, &row, key, true);
    if (rc == TW_OK && is_sale) {
        rc = tw_keys_add_sale(&store->keys, key, tw_outbox_place(store->outbox, row.sequence));
    }
    takeover->queued += rc == TW_OK;
    return rc;
}

static int add_gap(struct takeover *takeover, uint64_t first, uint64_t last, const char *detail)
{
    struct tw_store *store = takeover->store;
    struct tw_batch *gap = tw_gap_batch(store->clock, store->source, TW_GAP_DAMAGED, first, last, detail);
    int rc = tw_store_write_gap(store, gap);
    tw_batch_free(gap);
    return rc;
}

static int take_hole(void *ctx, const struct tw_salvage_hole *hole)
{
    struct takeover *takeover = ctx;
    const struct tw_salvage_start *start = &takeover->start;
    char detail[128] = "The epoch is not known.";
    uint64_t first = 0;
    uint64_t last = 0;
    if (start->has_life && hole->first > start->base) {
        first = (uint64_t)(hole->first - start->base);
        last = (uint64_t)(hole->last - start->base);
        (void)snprintf(detail, sizeof detail, "Of epoch %s.", start->epoch);
    }
    takeover->missing += (uint64_t)(hole->last - hole->first) + 1;
    return add_gap(takeover, first, last, detail);
}

static int take_mark(void *ctx, struct tw_slice name, struct tw_slice value)
{
    struct takeover *takeover = ctx;
    bool is_lane =
        name.len >= strlen(TW_MARK_LANE) && memcmp(name.ptr, TW_MARK_LANE, strlen(TW_MARK_LANE)) == 0;
    if (takeover->is_foreign && is_lane) {
        return TW_OK; // as tw_store_open has it: taps go on, lanes do not
    }
    return tw_marks_put(&takeover->store->marks, "", name, value);
}

static int take_letter(void *ctx, const struct tw_salvage_letter *letter)
{
    struct takeover *takeover = ctx;
    struct tw_outbox *outbox = takeover->store->outbox;
    int rc = tw_outbox_put_letter(outbox, letter->epoch, letter->sequence, &letter->record, letter->reason,
                                  letter->at_ms);
    return rc == TW_OK && takeover->is_foreign
               ? tw_outbox_name_epoch(outbox, letter->epoch, takeover->start.meta.source)
               : rc;
}

static int take_request(void *ctx, const uint8_t key[16], const uint8_t body[16], const uint8_t id[16],
                        int64_t seen_ms)
{
    struct takeover *takeover = ctx;
    (void)seen_ms; // in the own time of the damaged file
    return takeover->is_foreign ? TW_OK : tw_keys_put_request(&takeover->store->keys, key, body, id);
}

// Its row is lost: whoever comes with the key again is told that it is known.
static int take_sale(void *ctx, struct tw_slice key, int64_t n, int64_t seen_ms)
{
    struct takeover *takeover = ctx;
    struct tw_table_row known;
    int64_t now_ms = takeover->store->clock->wall_ms(takeover->store->clock);
    (void)n;
    (void)seen_ms;
    if (takeover->is_foreign) {
        return TW_OK;
    }
    int rc = tw_keys_sale(&takeover->store->keys, key, &known);
    if (rc != 0) {
        return rc < 0 ? rc : TW_OK;
    }
    const struct tw_event_row husk = {.type = TW_EVENT_SALE_COMPLETED,
                                      .time_ms = now_ms,
                                      .recorded_ms = now_ms,
                                      .clock = TW_CLOCK_SUSPECT,
                                      .boot = TW_SALVAGE_NO_BOOT};
    return remember(takeover, &husk, key);
}

// ---- whether to ----

enum { ENOUGH = 1 };

struct look {
    struct tw_salvage_start start;
    bool opened, queued;
};

static int look_start(void *ctx, const struct tw_salvage_start *start)
{
    ((struct look *)ctx)->start = *start;
    return TW_OK;
}

static int look_event(void *ctx, const struct tw_salvage_event *event)
{
    struct look *look = ctx;
    look->opened = true;
    look->queued = look->queued || (event->queued && event->state == TW_RECORD_LIVE);
    return look->queued ? ENOUGH : TW_OK;
}

// https://sqlite.org/fileformat2.html section 1.3: user_version, where the page is one of SQLite's at all.
static bool is_newer(const char *path)
{
    static const char magic[16] = "SQLite format 3";
    enum { VERSION_AT = 60 };
    struct tw_page_file *file = NULL;
    if (tw_page_file_open(path, TW_STORE_PAGE_BYTES, &file) != TW_OK) {
        return false;
    }
    uint8_t *page = malloc(tw_page_file_page_bytes(file));
    uint32_t version = 0;
    if (page != NULL) {
        (void)tw_page_file_read(file, TW_PAGE_VIEW_LIVE, 1, page);
        bool is_page = memcmp(page, magic, sizeof magic) == 0;
        for (int i = 0; is_page && i < 4; i++) {
            version = version << 8 | page[VERSION_AT + i];
        }
    }
    free(page);
    tw_page_file_close(file);
    return version > TW_JOURNAL_VERSION && version < UINT8_MAX; // a flipped bit makes no version
}

int tw_takeover_check(const char *damaged_path, const struct tw_journal_options *options,
                      struct tw_error_text *err)
{
    struct look look = {.opened = false};
    const struct tw_salvage_sink sink = {.ctx = &look, .start = look_start, .event = look_event};
    struct tw_salvage_report report = {.no_key = 0};
    struct tw_recorder reader;
    if (is_newer(damaged_path)) {
        return tw_fail(err, TW_ERR_VERSION,
                       "opening the journal %s: it is damaged, was written by a newer version and was left "
                       "untouched; install the newer version again, or move the file away",
                       damaged_path);
    }
    int rc = tw_recorder_init(&reader, options->vault);
    rc = rc != TW_OK ? rc : tw_salvage_collect(damaged_path, &reader, &sink, &report);
    tw_recorder_free(&reader);
    if (rc < 0) {
        return tw_fail(err, rc, "reading the damaged journal %s: %s; check the disk", damaged_path,
                       tw_err_name(rc));
    }
    if ((look.queued || report.missing > 0) && look.start.has_meta &&
        strcmp(look.start.meta.source, options->source) != 0) {
        return tw_fail(
            err, TW_ERR_MISMATCH,
            "opening the journal %s: it is damaged, and holds events of %s that were not delivered "
            "yet, and this terminal is now %s; set tenant, store and terminal back until they are "
            "delivered, or move the file away with its -wal and -shm files",
            damaged_path, look.start.meta.source, options->source);
    }
    bool nothing_opens = !look.opened && !look.start.has_meta && report.marks + report.letters == 0;
    bool lacks_all = nothing_opens && report.own_seals == 0 && report.no_key + report.other_seals > 0;
    bool lacks_some = report.other_seals > 0 && report.no_key > 0; // the list and the rows agree on it
    if (lacks_all || lacks_some) {
        return tw_fail(err, TW_ERR_MISMATCH,
                       "opening the journal %s: it is damaged, and the key file does not hold the key it is "
                       "sealed with; put that key back into the file, or move the journal away with its -wal "
                       "and -shm files",
                       damaged_path);
    }
    return TW_OK;
}

// ---- all of it ----

static int take_all(struct takeover *takeover, const char *path)
{
    const struct tw_salvage_sink sink = {
        .ctx = takeover,
        .start = take_start,
        .event = take_event,
        .hole = take_hole,
        .mark = take_mark,
        .letter = take_letter,
        .request = take_request,
        .sale = take_sale,
    };
    // What reads has buffers of its own: what it gives is written on the way.
    struct tw_recorder reader;
    struct tw_salvage_report report;
    char detail[256];
    int rc = tw_recorder_init(&reader, takeover->store->recorder.vault);
    rc = rc != TW_OK ? rc : tw_salvage_collect(path, &reader, &sink, &report);
    tw_recorder_free(&reader);
    (void)snprintf(detail, sizeof detail,
                   "The journal was damaged and set aside on the terminal: %" PRIu64 " events saved, %" PRIu64
                   " known to be missing; what was written last may be missing too.",
                   takeover->queued, takeover->missing);
    return rc != TW_OK ? rc : add_gap(takeover, 0, 0, detail);
}

int tw_takeover(struct tw_store *store, const char *damaged_path, uint64_t *salvaged,
                struct tw_error_text *err)
{
    struct takeover takeover = {.store = store};
    int rc = tw_store_begin(store);
    if (rc == TW_OK) {
        store->broken = take_all(&takeover, damaged_path);
        rc = tw_store_commit(store);
    }
    if (rc != TW_OK) {
        return tw_fail(err, rc, "saving what can be read of the damaged journal %s: %s; check the disk",
                       damaged_path, tw_err_name(rc));
    }
    *salvaged += takeover.queued;
    return TW_OK;
}
