// SPDX-License-Identifier: Apache-2.0
//
// The page model: any bytes, read at once and in cuts that the bytes themselves choose, give the
// same pages, and these tile the stream.
#include "tests/fuzz/target.h"
#include "tillwire/guard.h"
#include "tillwire/page.h"

struct sum {
    uint64_t end;
    uint64_t hash; // FNV-1a
};

static void add(struct sum *sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        sum->hash = (sum->hash ^ at[i]) * 1099511628211u;
    }
}

static void on_page(void *ctx, struct tw_page_view *page)
{
    struct sum *sum = ctx;
    struct tw_guard guard = {0};
    fuzz_require(page->begin == sum->end && page->line_count <= TW_PAGE_MAX_LINES);
    sum->end = page->end;
    add(sum, &page->end, sizeof page->end);
    (void)tw_page_mask(page, &guard);
    for (size_t i = 0; i < page->line_count; i++) {
        add(sum, page->lines[i].text, page->lines[i].len + 1);
        add(sum, &page->lines[i].end, sizeof page->lines[i].end);
    }
    for (size_t i = 0; i < page->code_count; i++) {
        add(sum, page->codes[i].text, strlen(page->codes[i].text) + 1);
    }
}

static struct sum read_all(const uint8_t *data, size_t size, bool cuts)
{
    struct sum sum = {0};
    struct tw_page *page = NULL;
    struct tw_page_options options = {.on_page = on_page, .ctx = &sum};
    fuzz_require(tw_page_new(&options, &page) == TW_OK);
    for (size_t at = 0; at < size;) {
        size_t len = cuts ? 1 + data[at] % 7u : size;
        len = len < size - at ? len : size - at;
        fuzz_require(tw_page_feed(page, tw_slice_make(data + at, len)) == TW_OK);
        at += len;
    }
    fuzz_require(tw_page_close(page, TW_PAGE_CLOSED) == TW_OK);
    tw_page_free(page);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum once = read_all(data, size, false);
    struct sum cut = read_all(data, size, true);
    fuzz_require(once.end == size && cut.end == size && once.hash == cut.hash);
    return 0;
}
