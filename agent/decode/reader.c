// SPDX-License-Identifier: Apache-2.0
#include "tillwire/reader.h"

#include "agent/decode/receipt.h"
#include "agent/decode/segment.h"

// A receipt in more pieces than this is none; older pieces are given out.
#define SEGMENTS_MAX 16
// How many pieces back a receipt may have begun.
#define REACH 4

// The last reading, kept so that what was found is not read again to be given out.
struct kept {
    bool has;
    size_t first, count; // pieces it is of
    struct tw_receipt_result result;
};

struct tw_reader {
    struct tw_reader_options options;
    struct tw_guard guard;
    struct tw_page *page;
    struct tw_matcher *matcher;
    tw_reader_line_fn *trace;
    void *trace_ctx;
    struct tw_segments segments; // pieces of paper no fact has accounted for yet
    struct kept kept;
    size_t held;  // of those, how many have outlived one ESC @
    size_t ready; // of those, how many make a sale that may still learn who and when
    unsigned ready_known;
    uint64_t accounted; // stream offset: every byte before belongs to a fact
    int rc;             // the first error inside a page's callback
};

const char *tw_unparsed_name(enum tw_unparsed reason)
{
    static const char *const names[] = {"not_a_sale", "no_total",    "too_long",
                                        "truncated",  "raster_only", "unknown"};
    return names[reason];
}

// --- reading pieces ---

// The matcher remembers what it has seen, which is worth 0.2 MiB only while paper comes.
static int wake(struct tw_reader *r)
{
    return r->matcher != NULL ? TW_OK : tw_matcher_new(r->options.profile, &r->matcher);
}

static int read_range(struct tw_reader *r, size_t first, size_t count, struct tw_receipt_result *out,
                      bool traced)
{
    struct tw_page_line *lines = NULL;
    size_t line_count = 0;
    int rc = wake(r);
    rc = rc == TW_OK ? tw_segments_join(&r->segments, first, count, &lines, &line_count) : rc;
    if (rc == TW_OK) {
        rc = tw_receipt_read(r->matcher, r->options.rules, lines, line_count, out, traced ? r->trace : NULL,
                             r->trace_ctx);
    }
    free(lines);
    return rc;
}

static void forget(struct tw_reader *r)
{
    if (r->kept.has) {
        tw_sale_free(r->kept.result.sale);
        r->kept = (struct kept){0};
    }
}

static void keep(struct tw_reader *r, size_t first, size_t count, const struct tw_receipt_result *result)
{
    forget(r);
    r->kept = (struct kept){true, first, count, *result};
}

// Drops the first `count` pieces; a reading of later ones stays.
static void drop(struct tw_reader *r, size_t count)
{
    if (r->kept.first < count) {
        forget(r);
    } else {
        r->kept.first -= count;
    }
    tw_segments_drop(&r->segments, count);
}

// Reads the first `count` pieces to give them out.
static int read_first(struct tw_reader *r, size_t count, struct tw_receipt_result *out)
{
    if (!r->kept.has || r->kept.first > 0 || r->kept.count != count || r->trace != NULL) {
        return read_range(r, 0, count, out, true);
    }
    *out = r->kept.result;
    r->kept = (struct kept){0};
    return TW_OK;
}

// What a reading of `count` pieces from `first` would be, without keeping it.
struct outlook {
    bool sale, complete, reconciled;
    bool identified; // number and time are there
    unsigned known;  // how much of number, time and member is
    enum tw_unparsed reason;
};

static struct outlook outlook_of(const struct tw_receipt_result *result)
{
    const struct tw_sale *sale = result->sale;
    struct outlook outlook = {.sale = sale != NULL, .complete = result->complete, .reason = result->reason};
    if (sale != NULL) {
        bool member = sale->card != NULL || sale->card_tail != NULL;
        outlook.reconciled = sale->reconciled;
        outlook.identified = sale->receipt_number != NULL && sale->printed_time != NULL;
        outlook.known = (unsigned)(sale->receipt_number != NULL) + (sale->printed_time != NULL) + member;
    }
    return outlook;
}

// Pieces that together are longer than a page may be are no receipt.
static bool is_too_long(const struct tw_reader *r, size_t first, size_t count)
{
    size_t lines = 0;
    for (size_t i = 0; i < count; i++) {
        lines += r->segments.items[first + i].count;
    }
    return count > 1 && lines > TW_PAGE_MAX_LINES;
}

static int look(struct tw_reader *r, size_t first, size_t count, struct outlook *out)
{
    struct tw_receipt_result result = {0};
    if (is_too_long(r, first, count)) {
        *out = (struct outlook){.reason = TW_UNPARSED_TOO_LONG};
        return TW_OK;
    }
    int rc = read_range(r, first, count, &result, false);
    if (rc == TW_OK) {
        *out = outlook_of(&result);
        keep(r, first, count, &result);
    }
    return rc;
}

// The same for the first `count` lines of one piece.
static int look_at_lines(struct tw_reader *r, size_t at, size_t count, struct outlook *out)
{
    struct tw_receipt_result result = {0};
    int rc = wake(r);
    if (rc == TW_OK) {
        rc = tw_receipt_read(r->matcher, r->options.rules, r->segments.items[at].lines, count, &result, NULL,
                             NULL);
    }
    if (rc == TW_OK) {
        *out = outlook_of(&result);
        tw_sale_free(result.sale);
    }
    return rc;
}

// --- giving out ---

static void give(struct tw_reader *r, struct tw_reader_fact *fact)
{
    if (fact->end > r->accounted || fact->lines > 0) {
        r->accounted = fact->end;
        r->options.on_fact(r->options.ctx, fact);
    }
    tw_sale_free(fact->sale);
}

static void set_reason(struct tw_reader_fact *fact, const struct tw_segment *last, bool pictures)
{
    if (fact->lines == 0 && pictures) {
        fact->reason = TW_UNPARSED_RASTER_ONLY;
        fact->detail = "there are pictures and no text: the driver prints everything as a picture";
    } else if (last->why == TW_PAGE_TOO_LONG) {
        fact->reason = TW_UNPARSED_TOO_LONG;
        fact->detail = "it is longer than any receipt";
    } else if (fact->reason == TW_UNPARSED_NO_TOTAL && last->why == TW_PAGE_CLOSED) {
        fact->reason = TW_UNPARSED_TRUNCATED;
        fact->detail = "the connection closed after the first articles";
    }
}

// Gives out the first `count` pieces as one fact and forgets them.
static int give_first(struct tw_reader *r, size_t count)
{
    struct tw_receipt_result result = {0};
    struct tw_buf text = {0};
    int rc = read_first(r, count, &result);
    const struct tw_segment *first = &r->segments.items[0];
    const struct tw_segment *last = &r->segments.items[count - 1];
    struct tw_reader_fact fact = {.sale = result.sale,
                                  .reason = result.reason,
                                  .detail = result.detail,
                                  .copy = result.copy,
                                  .bytes = (size_t)(last->end - first->begin),
                                  .end = last->end,
                                  .state = last->state};
    size_t pictures = tw_segments_text(&r->segments, count, &text, &fact.lines, &fact.masked);
    rc = rc == TW_OK ? tw_buf_status(&text) : rc;
    if (rc != TW_OK) {
        tw_sale_free(result.sale);
    } else {
        fact.text = text.len > 0 ? tw_buf_slice(&text) : tw_slice_of("");
        if (fact.sale == NULL) {
            set_reason(&fact, last, pictures > 0);
        }
        give(r, &fact);
        drop(r, count);
        r->held = r->held > count ? r->held - count : 0;
        r->ready = 0;
    }
    tw_buf_free(&text);
    return rc;
}

// Gives out the first `count` pieces that no complete sale was found in: as one where together they
// are a sale at all, else each for itself.
static int flush(struct tw_reader *r, size_t count)
{
    struct outlook all = {0};
    int rc = count > 1 ? look(r, 0, count, &all) : TW_OK;
    size_t step = count > 1 && all.sale ? count : 1;
    for (size_t done = 0; done < count && rc == TW_OK; done += step) {
        rc = give_first(r, step);
    }
    return rc;
}

// --- where one receipt ends and the next begins ---

// A till that never cuts prints its heading again: the piece is divided there when what stands
// before is a whole sale, and what follows is more than the card terminal's slip.
static int divide(struct tw_reader *r, size_t at)
{
    for (size_t line = tw_segment_repeat(&r->segments.items[at]); line > 0;
         line = tw_segment_repeat(&r->segments.items[++at])) {
        forget(r);
        int rc = tw_segments_split(&r->segments, at, line);
        if (rc != TW_OK) {
            return rc;
        }
        struct outlook before = {0};
        struct outlook after = {0};
        size_t next = tw_segment_repeat(&r->segments.items[at + 1]);
        next = next > 0 ? next : r->segments.items[at + 1].count;
        rc = look(r, at, 1, &before);
        rc = rc == TW_OK ? look_at_lines(r, at + 1, next, &after) : rc;
        if (rc != TW_OK) {
            return rc;
        }
        bool idle = r->segments.items[at + 1].why == TW_PAGE_IDLE;
        if (!before.reconciled || !(after.sale || after.reason == TW_UNPARSED_NO_TOTAL || idle)) {
            forget(r);
            return tw_segments_merge(&r->segments, at);
        }
        rc = flush(r, at);
        rc = rc == TW_OK ? give_first(r, 1) : rc;
        if (rc != TW_OK) {
            return rc;
        }
        at = (size_t)-1; // the loop's ++ makes it the first again
    }
    return TW_OK;
}

// Looks for a complete sale that ends with the last piece and begins at most REACH pieces back: one
// that reconciles, else the shortest that is settled. Gives where it begins, or the count of pieces.
static int find_sale(struct tw_reader *r, size_t *begin, struct outlook *found)
{
    size_t count = r->segments.count;
    size_t settled = count;
    for (size_t back = 1; back <= REACH && back <= count; back++) {
        struct outlook outlook = {0};
        int rc = look(r, count - back, back, &outlook);
        if (rc != TW_OK) {
            return rc;
        }
        if (outlook.reconciled) {
            *begin = count - back;
            *found = outlook;
            return TW_OK;
        }
        if (outlook.complete && settled == count) {
            settled = count - back;
            *found = outlook;
        }
    }
    *begin = settled;
    return TW_OK;
}

// Articles without a total may go on behind an ESC @ of a driver that resets between parts: they
// wait for one more.
static int hold_or_flush(struct tw_reader *r)
{
    int rc = flush(r, r->held);
    r->held = 0;
    if (rc != TW_OK || r->segments.count == 0) {
        return rc;
    }
    struct outlook last = {0};
    rc = look(r, 0, r->segments.count, &last);
    if (rc == TW_OK && (last.sale || last.reason != TW_UNPARSED_NO_TOTAL)) {
        return flush(r, r->segments.count);
    }
    r->held = r->segments.count;
    return rc;
}

// A complete sale waits behind a cut while its number or time are missing: some tills cut before
// the foot. What comes next joins it if it tells more of them, and is no sale itself.
static int settle_ready(struct tw_reader *r)
{
    if (r->ready == 0 || r->segments.count == r->ready) {
        return TW_OK;
    }
    struct outlook next = {0};
    struct outlook joined = {0};
    int rc = look(r, r->ready, r->segments.count - r->ready, &next);
    rc = rc == TW_OK ? look(r, 0, r->segments.count, &joined) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    bool joins = !next.sale && next.reason == TW_UNPARSED_NOT_A_SALE && joined.complete &&
                 joined.known > r->ready_known;
    return joins ? TW_OK : give_first(r, r->ready);
}

// Gives out the sale that begins at `begin`, or lets it wait.
static int on_sale(struct tw_reader *r, size_t begin, const struct outlook *found, enum tw_page_end why)
{
    int rc = flush(r, begin);
    if (rc != TW_OK) {
        return rc;
    }
    if (why == TW_PAGE_CUT && !found->identified) {
        r->ready = r->segments.count;
        r->ready_known = found->known;
        return TW_OK;
    }
    return give_first(r, r->segments.count);
}

static int settle(struct tw_reader *r, enum tw_page_end why)
{
    if (r->segments.count == 0) {
        return TW_OK;
    }
    size_t last = r->segments.count - 1;
    int rc = divide(r, last);
    rc = rc == TW_OK ? settle_ready(r) : rc;
    if (rc != TW_OK || r->segments.count == 0) {
        return rc;
    }
    size_t begin = r->segments.count;
    struct outlook found = {0};
    rc = find_sale(r, &begin, &found);
    if (rc == TW_OK && begin < r->segments.count) {
        return on_sale(r, begin, &found, why);
    }
    if (rc != TW_OK || why == TW_PAGE_IDLE) {
        return rc;
    }
    if (why == TW_PAGE_RESET) {
        return hold_or_flush(r);
    }
    bool enough = why == TW_PAGE_CLOSED || why == TW_PAGE_TOO_LONG;
    size_t over = r->segments.count > SEGMENTS_MAX ? r->segments.count - SEGMENTS_MAX : 0;
    return flush(r, enough ? r->segments.count : over);
}

// Paper nothing is printed on moves the account on; between pieces that wait it belongs to them.
static int on_blank(struct tw_reader *r, const struct tw_page_view *page)
{
    if (r->segments.count > 0) {
        tw_segments_extend(&r->segments, page);
        return TW_OK;
    }
    struct tw_reader_fact fact = {.reason = TW_UNPARSED_NOT_A_SALE,
                                  .text = tw_slice_of(""),
                                  .bytes = (size_t)(page->end - page->begin),
                                  .end = page->end,
                                  .state = page->state};
    struct tw_segment blank = {.why = page->why};
    set_reason(&fact, &blank, page->rasters > 0);
    give(r, &fact);
    return TW_OK;
}

static void on_page(void *ctx, struct tw_page_view *page)
{
    struct tw_reader *r = ctx;
    forget(r);
    size_t masked = tw_page_mask(page, &r->guard);
    bool blank = tw_page_is_blank(page);
    int rc = blank ? on_blank(r, page) : tw_segments_add(&r->segments, page, masked);
    if (rc == TW_OK && !(blank && page->why == TW_PAGE_CUT)) {
        rc = settle(r, page->why);
    }
    r->rc = r->rc == TW_OK ? rc : r->rc;
}

// --- the object ---

int tw_reader_new(const struct tw_reader_options *options, struct tw_reader **out)
{
    struct tw_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return TW_ERR_NOMEM;
    }
    r->options = *options;
    r->guard = tw_scan_guard(options->rules);
    struct tw_page_options page = {
        .columns = tw_profile_columns(options->profile), .on_page = on_page, .ctx = r};
    int rc = tw_page_new(&page, &r->page);
    rc = rc == TW_OK ? wake(r) : rc; // a profile that cannot be used is found at once
    if (rc != TW_OK) {
        tw_reader_free(r);
        return rc;
    }
    *out = r;
    return TW_OK;
}

void tw_reader_free(struct tw_reader *r)
{
    if (r != NULL) {
        tw_page_free(r->page);
        tw_matcher_free(r->matcher);
        forget(r);
        drop(r, r->segments.count);
        free(r->segments.items);
        free(r);
    }
}

static int outcome(struct tw_reader *r, int rc)
{
    int inside = r->rc;
    r->rc = TW_OK;
    return rc != TW_OK ? rc : inside;
}

int tw_reader_feed(struct tw_reader *r, struct tw_slice bytes)
{
    return outcome(r, tw_page_feed(r->page, bytes));
}

int tw_reader_close(struct tw_reader *r)
{
    return outcome(r, tw_page_close(r->page, TW_PAGE_CLOSED));
}

int tw_reader_idle(struct tw_reader *r)
{
    int rc = outcome(r, tw_page_close(r->page, TW_PAGE_IDLE));
    tw_matcher_free(r->matcher);
    r->matcher = NULL;
    return rc;
}

bool tw_reader_is_between(const struct tw_reader *r)
{
    return tw_page_is_untouched(r->page);
}

void tw_reader_restore(struct tw_reader *r, uint64_t offset, const struct tw_page_state *state)
{
    forget(r);
    drop(r, r->segments.count);
    r->held = 0;
    r->ready = 0;
    r->accounted = offset;
    tw_page_restore(r->page, offset, state);
}

void tw_reader_trace(struct tw_reader *r, tw_reader_line_fn *on_line, void *ctx)
{
    r->trace = on_line;
    r->trace_ctx = ctx;
}
