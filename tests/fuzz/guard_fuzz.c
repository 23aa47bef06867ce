// SPDX-License-Identifier: Apache-2.0
//
// The payment guard: any bytes keep their length, change only to '*', and looking agrees with
// masking. As a stream: pieces, whose sizes come from the bytes themselves, make no difference, and what
// is held is bounded.
#include "tests/fuzz/target.h"
#include "tillwire/guard.h"
#include "tillwire/scan.h"

static void take(void *ctx, struct tw_slice bytes)
{
    tw_buf_add(ctx, bytes.ptr, bytes.len);
}

// `step` 0 is all at once; else the pieces have sizes from 1 to 16 that begin there.
static void filter(const struct tw_guard *guard, struct tw_slice in, size_t step, struct tw_buf *out)
{
    struct tw_guard_stream *stream = NULL;
    if (tw_guard_stream_new(guard, take, out, &stream) != TW_OK) {
        return;
    }
    for (size_t at = 0; at < in.len;) {
        size_t len = step == 0 ? in.len : 1 + ((size_t)in.ptr[(at * step) % in.len] & 15);
        len = len < in.len - at ? len : in.len - at;
        tw_guard_stream_feed(stream, (struct tw_slice){in.ptr + at, len});
        at += len;
        fuzz_require(tw_guard_stream_held(stream) <= TW_GUARD_HOLD_MAX);
        fuzz_require(out->len + tw_guard_stream_held(stream) == at);
    }
    tw_guard_stream_flush(stream);
    tw_guard_stream_free(stream);
}

static void check_changes(struct tw_slice in, const struct tw_buf *out, bool may)
{
    fuzz_require(out->len == in.len);
    for (size_t i = 0; i < in.len; i++) {
        fuzz_require(out->ptr[i] == in.ptr[i] || (out->ptr[i] == '*' && may));
    }
}

static void check_stream(const struct tw_guard *guard, struct tw_slice in)
{
    struct tw_buf whole = {0};
    filter(guard, in, 0, &whole);
    check_changes(in, &whole, true);
    for (size_t step = 1; step <= 3; step++) {
        struct tw_buf pieces = {0};
        filter(guard, in, step, &pieces);
        fuzz_require(pieces.len == whole.len && memcmp(pieces.ptr, whole.ptr, whole.len) == 0);
        tw_buf_free(&pieces);
    }
    tw_buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_guard guard = {0};
    struct tw_slice in = {data, size};
    struct tw_buf text = {0};
    struct tw_scan scan;
    tw_buf_add(&text, data, size);
    tw_scan_read(NULL, in, &scan);
    if (text.ptr == NULL || size == 0) {
        tw_buf_free(&text);
        return 0;
    }
    bool hits = tw_guard_hits(&guard, in);
    size_t masked = tw_guard_mask(&guard, (char *)text.ptr, text.len);
    fuzz_require(hits == (masked > 0) && scan.kind != TW_SCAN_LOYALTY);
    check_changes(in, &text, masked > 0);
    tw_buf_free(&text);
    check_stream(&guard, in);
    return 0;
}
