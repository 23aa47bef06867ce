// SPDX-License-Identifier: Apache-2.0
//
// The guard as a filter. Bytes are read as a printer takes them. Where that leaves a doubt (the
// argument of a command is a digit, or a command between digits might be none) a second lane reads
// them plainly until both have nothing under way; whatever either of them finds is masked.
#include <stdlib.h>
#include <string.h>

#include "agent/decode/guard_lane.h"
#include "tillwire/guard.h"

#define WINDOW 16384
_Static_assert(TW_GUARD_HOLD_MAX >= TW_GUARD_CHAIN_SPAN + TW_GUARD_GAP_BYTES + TW_GUARD_CHAIN_HISTORY,
               "held bytes");
_Static_assert(WINDOW >= 4 * TW_GUARD_HOLD_MAX, "room to go on");

struct tw_guard_stream {
    const struct tw_guard *guard;
    tw_guard_sink_fn *sink;
    void *ctx;
    uint64_t masked;
    size_t used;                // bytes in the window
    size_t given;               // of these were given out; TW_GUARD_CHAIN_HISTORY of them are kept
    bool split;                 // `plain` reads too
    struct tw_guard_lane lane;  // as a printer
    struct tw_guard_lane plain; // valid when split
    uint8_t window[WINDOW];
    char marks[WINDOW]; // '*' where the byte is to be masked, else NUL
};

// All that it held is gone.
static void begin(struct tw_guard_stream *s)
{
    explicit_bzero(s->window, s->used);
    explicit_bzero(s->marks, s->used);
    explicit_bzero(&s->lane, sizeof s->lane);
    explicit_bzero(&s->plain, sizeof s->plain);
    s->used = 0;
    s->given = 0;
    s->split = false;
    tw_guard_lane_init(&s->lane, TW_GUARD_READ_PRINTER, s->guard, s->marks);
    s->lane.alone = true;
}

int tw_guard_stream_new(const struct tw_guard *guard, tw_guard_sink_fn *sink, void *ctx,
                        struct tw_guard_stream **out)
{
    struct tw_guard_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return TW_ERR_NOMEM;
    }
    s->guard = guard;
    s->sink = sink;
    s->ctx = ctx;
    begin(s);
    *out = s;
    return TW_OK;
}

void tw_guard_stream_free(struct tw_guard_stream *stream)
{
    if (stream != NULL) {
        explicit_bzero(stream, sizeof *stream);
        free(stream);
    }
}

static void divide(struct tw_guard_stream *s)
{
    if (tw_guard_lane_idle(&s->lane)) {
        tw_guard_lane_init(&s->plain, TW_GUARD_READ_PLAIN, s->guard, s->marks);
        s->plain.at = s->lane.at;
    } else {
        s->plain = s->lane;
        s->plain.reading = TW_GUARD_READ_PLAIN;
    }
    s->lane.alone = false;
    s->plain.alone = false;
    s->split = true;
}

static void unite(struct tw_guard_stream *s)
{
    size_t marked = s->plain.chain.marked;
    s->lane.chain.marked = marked > s->lane.chain.marked ? marked : s->lane.chain.marked;
    s->lane.alone = true;
    s->split = false;
}

// Both lanes go on, the one behind first. Returns false when both wait.
static bool step_both(struct tw_guard_stream *s, struct tw_slice text, bool last)
{
    struct tw_guard_lane *behind = s->plain.at < s->lane.at ? &s->plain : &s->lane;
    struct tw_guard_lane *ahead = behind == &s->lane ? &s->plain : &s->lane;
    if (tw_guard_lane_step(behind, text, last) == TW_GUARD_LANE_WAIT &&
        tw_guard_lane_step(ahead, text, last) == TW_GUARD_LANE_WAIT) {
        return false;
    }
    if (s->plain.at == s->lane.at && tw_guard_lane_idle(&s->lane) && tw_guard_lane_idle(&s->plain)) {
        unite(s);
    }
    return true;
}

static void read_window(struct tw_guard_stream *s, bool last)
{
    struct tw_slice text = {s->window, s->used};
    for (bool on = true; on;) {
        if (s->split) {
            on = step_both(s, text, last);
            continue;
        }
        enum tw_guard_lane_step step = tw_guard_lane_step(&s->lane, text, last);
        if (step == TW_GUARD_LANE_DOUBT) {
            divide(s);
        }
        on = step != TW_GUARD_LANE_WAIT;
    }
}

// Gives out the bytes to before `end`, of which some are masked.
static void give_masked(struct tw_guard_stream *s, size_t end)
{
    static const uint8_t stars[] = "****************";
    size_t at = s->given;
    while (at < end) {
        size_t len = 1;
        while (at + len < end && s->marks[at + len] == s->marks[at]) {
            len++;
        }
        if (s->marks[at] == 0) {
            s->sink(s->ctx, (struct tw_slice){s->window + at, len});
        } else {
            len = len < sizeof stars - 1 ? len : sizeof stars - 1;
            s->sink(s->ctx, (struct tw_slice){stars, len});
            s->masked += len;
        }
        at += len;
    }
}

// Gives out what is settled.
static void give(struct tw_guard_stream *s)
{
    size_t end = tw_guard_lane_settled(&s->lane);
    size_t marked = s->lane.chain.marked;
    if (s->split) {
        size_t other = tw_guard_lane_settled(&s->plain);
        end = other < end ? other : end;
        marked = s->plain.chain.marked > marked ? s->plain.chain.marked : marked;
    }
    if (end <= s->given) {
        return;
    }
    if (marked > s->given) {
        give_masked(s, end);
    } else {
        s->sink(s->ctx, (struct tw_slice){s->window + s->given, end - s->given});
    }
    s->given = end;
}

static void shift_lane(struct tw_guard_lane *lane, size_t by)
{
    lane->at -= by;
    tw_guard_chain_shift(&lane->chain, by);
}

// Makes room: what was given out goes, but for what the verdict may look back at.
static void slide(struct tw_guard_stream *s)
{
    size_t by = s->given > TW_GUARD_CHAIN_HISTORY ? s->given - TW_GUARD_CHAIN_HISTORY : 0;
    size_t left = s->used - by;
    memmove(s->window, s->window + by, left);
    memmove(s->marks, s->marks + by, left);
    explicit_bzero(s->window + left, by);
    explicit_bzero(s->marks + left, by);
    s->used = left;
    s->given -= by;
    shift_lane(&s->lane, by);
    if (s->split) {
        shift_lane(&s->plain, by);
    }
}

void tw_guard_stream_feed(struct tw_guard_stream *stream, struct tw_slice bytes)
{
    while (bytes.len > 0) {
        if (stream->used == WINDOW) {
            slide(stream);
        }
        size_t room = WINDOW - stream->used;
        size_t len = bytes.len < room ? bytes.len : room;
        memcpy(stream->window + stream->used, bytes.ptr, len);
        stream->used += len;
        bytes.ptr += len;
        bytes.len -= len;
        read_window(stream, false);
        give(stream);
    }
}

void tw_guard_stream_flush(struct tw_guard_stream *stream)
{
    read_window(stream, true);
    give(stream);
    begin(stream);
}

size_t tw_guard_stream_held(const struct tw_guard_stream *stream)
{
    return stream->used - stream->given;
}

uint64_t tw_guard_stream_masked(const struct tw_guard_stream *stream)
{
    return stream->masked;
}
