// SPDX-License-Identifier: Apache-2.0
//
// A members object of the centre: a page that is taken is whole, every element of it can be read.
#include "agent/member/page.h"
#include "tests/fuzz/target.h"

static void check_page(const struct tw_members_page *page)
{
    struct tw_members_entry entry;
    uint8_t key[TW_MEMBER_KEY];
    fuzz_require(page->page >= 1 && page->page <= page->pages && page->pages <= TW_MEMBERS_MAX_PAGES);
    fuzz_require(page->version >= 0 && page->base >= 0);
    for (size_t i = 0; i < page->member_count; i++) {
        fuzz_require(tw_members_page_entry(page, i, &entry) == TW_OK && entry.scheme.len > 0);
    }
    for (size_t i = 0; i < page->gone_count; i++) {
        fuzz_require(tw_members_page_gone(page, i, key) == TW_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_members_page page = {.page = -1};
    if (tw_members_page_read(tw_slice_make(data, size), &page) == TW_OK) {
        check_page(&page);
        tw_members_page_free(&page);
    } else {
        fuzz_require(page.page == -1);
    }
    return 0;
}
